#include "runtime/standalone/Pool.h"
#include <pthread.h>
#include <stdlib.h>

/* A loop is cut as by runtime/ThreadPool: half of it into one range a thread, half of the rest
   again, and so on, so that a thread whose ranges are short takes more of them and the last one is
   short whatever a task costs. */
enum { maxThreads = 1024 };

struct worker {
  fovea_pool *pool;
  int64_t number; /* from 1 on; 0 is the caller */
  pthread_t thread;
};

struct fovea_pool {
  pthread_mutex_t busy; /* held by the thread whose loop the pool runs */

  pthread_mutex_t lock; /* guards all below */
  pthread_cond_t work;  /* there are ranges to take, or the pool ends */
  pthread_cond_t done;  /* no range is unfinished */
  fovea_task task;
  void *closure;
  int64_t count;
  int64_t rangeSize;
  int64_t roundEnd;   /* where ranges of that size end */
  int64_t next;       /* first task that nobody has taken */
  int64_t unfinished; /* tasks that are not done */
  int ending;

  int64_t threads; /* workers and the caller */
  struct worker workers[];
};

/* Starts the next round at `next`: half of what is left, or all of it once half is a task a thread.
 */
static void startRound(fovea_pool *pool) {
  int64_t left = pool->count - pool->next;
  pool->rangeSize = left / (2 * pool->threads);
  pool->roundEnd = pool->next + pool->threads * pool->rangeSize;
  if (pool->rangeSize <= 1) {
    pool->rangeSize = (left - 1) / pool->threads + 1;
    pool->roundEnd = pool->count;
  }
}

/* Takes one range and runs it; 0 if there is none. Called and returns with the lock held. */
static int runOneRange(fovea_pool *pool, int64_t worker) {
  if (pool->next == pool->count)
    return 0;
  if (pool->next == pool->roundEnd)
    startRound(pool);
  int64_t begin = pool->next, size = pool->roundEnd - begin;
  if (size > pool->rangeSize)
    size = pool->rangeSize;
  pool->next += size;
  fovea_task task = pool->task;
  void *closure = pool->closure;
  pthread_mutex_unlock(&pool->lock);
  task(closure, begin, begin + size, worker);
  pthread_mutex_lock(&pool->lock);
  pool->unfinished -= size;
  if (pool->unfinished == 0)
    pthread_cond_signal(&pool->done);
  return 1;
}

static void *workerMain(void *argument) {
  const struct worker *self = argument;
  fovea_pool *pool = self->pool;
  pthread_mutex_lock(&pool->lock);
  while (!pool->ending)
    if (!runOneRange(pool, self->number))
      pthread_cond_wait(&pool->work, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

fovea_pool *fovea_pool_create(int64_t threads) {
  threads = threads < 1 ? 1 : threads > maxThreads ? maxThreads : threads;
  fovea_pool *pool = calloc(1, sizeof(fovea_pool) + (threads - 1) * sizeof(struct worker));
  if (!pool)
    return NULL;
  pthread_mutex_init(&pool->busy, NULL);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->work, NULL);
  pthread_cond_init(&pool->done, NULL);
  pool->threads = 1;
  for (; pool->threads < threads; ++pool->threads) {
    struct worker *worker = &pool->workers[pool->threads - 1];
    worker->pool = pool;
    worker->number = pool->threads;
    if (pthread_create(&worker->thread, NULL, workerMain, worker) != 0)
      break;
  }
  return pool;
}

int64_t fovea_pool_size(const fovea_pool *pool) { return pool->threads; }

void fovea_pool_run(void *poolPointer, int64_t count, fovea_task task, void *closure) {
  fovea_pool *pool = poolPointer;
  if (count <= 0)
    return;
  if (count == 1 || pool->threads == 1 || pthread_mutex_trylock(&pool->busy) != 0) {
    task(closure, 0, count, 0);
    return;
  }
  pthread_mutex_lock(&pool->lock);
  pool->task = task;
  pool->closure = closure;
  pool->count = count;
  pool->next = pool->roundEnd = 0;
  pool->unfinished = count;
  pthread_cond_broadcast(&pool->work);
  while (runOneRange(pool, 0))
    ;
  while (pool->unfinished > 0)
    pthread_cond_wait(&pool->done, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
  pthread_mutex_unlock(&pool->busy);
}

void fovea_pool_destroy(fovea_pool *pool) {
  if (!pool)
    return;
  pthread_mutex_lock(&pool->lock);
  pool->ending = 1;
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
  for (int64_t i = 0; i < pool->threads - 1; ++i)
    pthread_join(pool->workers[i].thread, NULL);
  pthread_cond_destroy(&pool->done);
  pthread_cond_destroy(&pool->work);
  pthread_mutex_destroy(&pool->lock);
  pthread_mutex_destroy(&pool->busy);
  free(pool);
}
