/* usage: PROGRAM INPUTS OUTPUTS
   Runs the entry ENTRY of compiled code, on a pool of three threads, with the tensors of one file
   and writes its results, one after the other, to another. INPUTS holds int64 words: the number of
   inputs, for each its rank, sizes and bytes, then data padded to 8 bytes; the number of results,
   for each its rank and the bytes of an element. */
#include "runtime/standalone/Pool.h"
#include <stdio.h>
#include <stdlib.h>

#define JOIN(a, b) a##b
#define NAME(entry, suffix) JOIN(entry, suffix)
void ENTRY(const fovea_context *, const fovea_tensor *, const fovea_tensor *);
int64_t NAME(ENTRY, _workspace_size)(const fovea_tensor *, int64_t);
void NAME(ENTRY, _result_shapes)(const fovea_tensor *, int64_t *const *);

enum { maxTensors = 8, maxRank = 8, alignment = 64 };
typedef struct {
  int64_t sizes[maxRank], strides[maxRank], elements;
} shape;

static int64_t word(FILE *file) {
  int64_t value;
  if (fread(&value, sizeof(value), 1, file) != 1)
    exit(2);
  return value;
}

static void *allocate(int64_t bytes) {
  return aligned_alloc(alignment, (size_t)(bytes + alignment) / alignment * alignment);
}

static void setStrides(shape *s, int64_t rank) {
  s->elements = 1;
  for (int64_t dim = rank - 1; dim >= 0; --dim) {
    s->strides[dim] = s->elements;
    s->elements *= s->sizes[dim];
  }
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  FILE *file = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
  if (!file || !out)
    return 2;
  static shape inputShapes[maxTensors], resultShapes[maxTensors];
  fovea_tensor inputs[maxTensors], results[maxTensors];
  int64_t *resultSizes[maxTensors], ranks[maxTensors], widths[maxTensors];
  int64_t numInputs = word(file);
  for (int64_t i = 0; i < numInputs; ++i) {
    int64_t rank = word(file);
    for (int64_t dim = 0; dim < rank; ++dim)
      inputShapes[i].sizes[dim] = word(file);
    setStrides(&inputShapes[i], rank);
    int64_t words = (word(file) + 7) / 8;
    void *data = allocate(words * 8);
    if (fread(data, 8, (size_t)words, file) != (size_t)words)
      return 2;
    inputs[i] = (fovea_tensor){data, inputShapes[i].sizes, inputShapes[i].strides};
  }
  int64_t numResults = word(file);
  for (int64_t i = 0; i < numResults; ++i) {
    ranks[i] = word(file);
    widths[i] = word(file);
    resultSizes[i] = resultShapes[i].sizes;
  }
  NAME(ENTRY, _result_shapes)(inputs, resultSizes);
  for (int64_t i = 0; i < numResults; ++i) {
    setStrides(&resultShapes[i], ranks[i]);
    results[i] = (fovea_tensor){allocate(resultShapes[i].elements * widths[i]),
                                resultShapes[i].sizes, resultShapes[i].strides};
  }
  fovea_pool *pool = fovea_pool_create(3);
  int64_t workers = fovea_pool_size(pool);
  fovea_context context = {0, allocate(NAME(ENTRY, _workspace_size)(inputs, workers)), workers,
                           fovea_pool_run, pool};
  ENTRY(&context, inputs, results);
  for (int64_t i = 0; i < numResults; ++i)
    fwrite(results[i].data, (size_t)widths[i], (size_t)resultShapes[i].elements, out);
  fovea_pool_destroy(pool);
  return fclose(out);
}
