/* Runs compiled attention with nothing but the C library, on two "workers" in turn, and compares
   it with the formula. */
#include "attend.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADS = 2, LENGTH = 37, DIM = 4, COUNT = HEADS * LENGTH * DIM };

static float q[COUNT], k[COUNT], v[COUNT], y[COUNT];

/* The second half of the tasks first: their order does not matter. */
static void two_workers(void *pool, int64_t count, fovea_task task, void *closure) {
  int *calls = pool;
  *calls += 1;
  task(closure, count / 2, count, 1);
  task(closure, 0, count / 2, 0);
}

static double expected(int h, int i, int d) {
  double sum = 0, result = 0;
  for (int j = 0; j <= i; ++j) {
    double s = 0;
    for (int e = 0; e < DIM; ++e)
      s += (double)q[(h * LENGTH + i) * DIM + e] * k[(h * LENGTH + j) * DIM + e];
    double w = exp(s / 2); /* the scale is 1/sqrt(4) */
    sum += w;
    result += w * v[(h * LENGTH + j) * DIM + d];
  }
  return result / sum;
}

int main(void) {
  for (int i = 0; i < COUNT; ++i) {
    q[i] = (float)sin(i);
    k[i] = (float)cos(3 * i);
    v[i] = (float)sin(7 * i + 1);
  }
  const int64_t sizes[] = {1, HEADS, LENGTH, DIM};
  const int64_t strides[] = {COUNT, LENGTH * DIM, DIM, 1};
  fovea_tensor inputs[attend_INPUTS], outputs[attend_OUTPUTS];
  inputs[attend_INPUT_q] = (fovea_tensor){q, sizes, strides};
  inputs[attend_INPUT_k] = (fovea_tensor){k, sizes, strides};
  inputs[attend_INPUT_v] = (fovea_tensor){v, sizes, strides};
  outputs[attend_OUTPUT_y] = (fovea_tensor){y, sizes, strides};

  int64_t shape[4] = {0};
  int64_t *shapes[] = {shape};
  attend_result_shapes(inputs, shapes);
  printf("shape %d %d %d %d\n", (int)shape[0], (int)shape[1], (int)shape[2], (int)shape[3]);

  int calls = 0;
  int64_t bytes = attend_workspace_size(inputs, 2);
  fovea_context context = {NULL, aligned_alloc(64, (size_t)(bytes + 64) / 64 * 64), 2,
                           two_workers, &calls};
  attend(&context, inputs, outputs);
  free(context.workspace);

  double error = 0;
  for (int h = 0; h < HEADS; ++h)
    for (int i = 0; i < LENGTH; ++i)
      for (int d = 0; d < DIM; ++d)
        error = fmax(error, fabs(y[(h * LENGTH + i) * DIM + d] - expected(h, i, d)));
  printf("weights %d, parallel %s\n", attend_WEIGHTS, calls > 0 ? "yes" : "no");
  printf("error %s\n", error < 1e-6 ? "below 1e-6" : "too large");
  return 0;
}
