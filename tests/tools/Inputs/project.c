/* Packs the weights of a compiled projection with what the header has for it, runs it on one and on
   several rows, and compares with the formula. */
#include "project.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 11, DEPTH = 20, INNER = 50, COLUMNS = 33, MATRIX = INNER * COLUMNS };

static float x[ROWS * DEPTH], w[INNER * DEPTH], c[COLUMNS], y[ROWS * COLUMNS];
static uint16_t t[2 * MATRIX]; /* f16, of which each matrix has a slot */

/* 1 or 2, and their bits as f16. */
static int whole(int i) { return 1 + (i * 7 + i / 5) % 2; }
static uint16_t half(int value) { return value == 1 ? 0x3C00 : 0x4000; }

static const void *tensor(const char *name) {
  return name[0] == 'w' ? (const void *)w : name[0] == 't' ? (const void *)t : c;
}

static double expected(int m, int n) {
  double sum = c[n];
  for (int i = 0; i < INNER; ++i)
    for (int k = 0; k < DEPTH; ++k)
      sum += (double)x[m * DEPTH + k] * w[i * DEPTH + k] * (whole(i * COLUMNS + n) + whole(MATRIX + i * COLUMNS + n));
  return sum;
}

static double run(const void *const *weights, int rows) {
  const int64_t xSizes[] = {rows, DEPTH}, ySizes[] = {rows, COLUMNS};
  const int64_t xStrides[] = {DEPTH, 1}, yStrides[] = {COLUMNS, 1};
  fovea_tensor input = {x, xSizes, xStrides}, output = {y, ySizes, yStrides};
  int64_t bytes = project_workspace_size(&input, 1);
  fovea_context context = {weights, aligned_alloc(64, (size_t)(bytes + 64) / 64 * 64), 1, NULL, NULL};
  project(&context, &input, &output);
  free(context.workspace);
  double error = 0;
  for (int m = 0; m < rows; ++m)
    for (int n = 0; n < COLUMNS; ++n)
      error = fmax(error, fabs(y[m * COLUMNS + n] - expected(m, n)));
  return error;
}

/* The argument, if there is one, is the largest error allowed. */
int main(int count, char **arguments) {
  double bound = count > 1 ? atof(arguments[1]) : 1e-4;
  for (int i = 0; i < ROWS * DEPTH; ++i)
    x[i] = (float)sin(i);
  for (int i = 0; i < INNER * DEPTH; ++i)
    w[i] = (float)cos(3 * i);
  for (int i = 0; i < 2 * MATRIX; ++i)
    t[i] = half(whole(i));
  for (int i = 0; i < COLUMNS; ++i)
    c[i] = (float)i;

  static const fovea_weight table[project_WEIGHTS] = project_WEIGHT_TABLE;
  static const char *names[project_WEIGHTS] = project_WEIGHT_NAMES;
  const void *weights[project_WEIGHTS];
  for (int i = 0; i < project_WEIGHTS; ++i) {
    const fovea_weight *weight = &table[i];
    weights[i] = tensor(names[i]);
    printf("%s: %s\n", weight->name, weight->format == FOVEA_AS_STORED ? "as stored" : "panels");
    if (weight->format == FOVEA_AS_STORED) {
      weights[i] = (const char *)weights[i] + weight->begin;
      continue;
    }
    void *packed = aligned_alloc(64, (size_t)(fovea_packed_size(weight) + 63) / 64 * 64);
    int64_t panels = fovea_panel_count(weight);
    fovea_pack_panels(weight, weights[i], packed, panels / 2, panels);
    fovea_pack_panels(weight, weights[i], packed, 0, panels / 2);
    weights[i] = packed;
  }
  printf("one row %s\n", run(weights, 1) < bound ? "right" : "wrong");
  printf("all rows %s\n", run(weights, ROWS) < bound ? "right" : "wrong");
  return 0;
}
