/* A pool of threads for programs that link compiled code and nothing else of Fovea: plain C and
   pthreads. Its fovea_pool_run is a fovea_context's parallel_for:

     fovea_pool *pool = fovea_pool_create(4);
     fovea_context context = {weights, workspace, fovea_pool_size(pool), fovea_pool_run, pool};
*/
#ifndef FOVEA_RUNTIME_STANDALONE_POOL_H
#define FOVEA_RUNTIME_STANDALONE_POOL_H

/* A generated header holds the text of Abi.h; included first, it takes its place. */
#ifndef FOVEA_RUNTIME_ABI_H
#include "runtime/Abi.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fovea_pool fovea_pool;

/* A pool of `threads` threads, the caller's included, at least 1. Fewer if the system refuses
   some; null only if there is no memory for the pool itself. */
fovea_pool *fovea_pool_create(int64_t threads);

/* The number of threads: what fovea_context.workers may be at most. */
int64_t fovea_pool_size(const fovea_pool *pool);

/* Runs a loop; see fovea_context.parallel_for. Several threads may call at once: one gets the
   workers, the others run their loops alone. A task must not call it on the same pool. */
void fovea_pool_run(void *pool, int64_t count, fovea_task task, void *closure);

/* Ends the threads. No loop may be running. */
void fovea_pool_destroy(fovea_pool *pool);

#ifdef __cplusplus
}
#endif

#endif /* FOVEA_RUNTIME_STANDALONE_POOL_H */
