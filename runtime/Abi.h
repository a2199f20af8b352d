/* The C interface of compiled code. Plain C: the generated headers contain this text. */
#ifndef FOVEA_RUNTIME_ABI_H
#define FOVEA_RUNTIME_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A tensor: first element, sizes and strides (in elements) of each dim, outermost first. */
typedef struct fovea_tensor {
  void *data;
  const int64_t *sizes;
  const int64_t *strides;
} fovea_tensor;

/* Runs the tasks begin..end-1 as the given worker. */
typedef void (*fovea_task)(void *closure, int64_t begin, int64_t end, int64_t worker);

/* What compiled code needs from its caller. */
typedef struct fovea_context {
  const void *const *weights; /* one pointer a weight slot */
  void *workspace;            /* at least NAME_workspace_size bytes, 64-byte aligned */
  int64_t workers;            /* at least 1; worker numbers are below it */
  /* Runs task on disjoint ranges that cover 0..count-1, returns when all are done. Two calls
     of task that run at the same time have different workers. Null: one thread. */
  void (*parallel_for)(void *pool, int64_t count, fovea_task task, void *closure);
  void *pool; /* first argument of parallel_for */
} fovea_context;

#ifdef __cplusplus
}
#endif

#endif /* FOVEA_RUNTIME_ABI_H */
