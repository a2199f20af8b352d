#include "runtime/standalone/Pool.h"
#include <pthread.h>
#include <stdlib.h>

/* A loop is shared out as by runtime/ThreadPool: each thread has neighbouring tasks and takes half
   of what is left of them at a time, from the begin; without any it takes half of what another has
   left, from the end. So it reads on where it was, and the last range is short whatever a task
   costs. */
enum { maxThreads = 1024, shortest = 64 };

struct worker {
  fovea_pool *pool;
  int64_t number; /* 0 is the caller, which has no thread */
  pthread_t thread;
  int64_t begin, end; /* of its tasks that nobody has taken; guarded by the pool's lock */
};

struct fovea_pool {
  pthread_mutex_t busy; /* held by the thread whose loop the pool runs */

  pthread_mutex_t lock; /* guards all below */
  pthread_cond_t work;  /* there are ranges to take, or the pool ends */
  pthread_cond_t done;  /* no range is unfinished */
  fovea_task task;
  void *closure;
  int64_t smallest;   /* tasks that a range has at least */
  int64_t unfinished; /* tasks that are not done */
  int ending;

  int64_t threads; /* workers and the caller */
  struct worker workers[];
};

/* Takes one range from `from` for `worker`; returns its size, 0 if there is none. */
static int64_t take(struct worker *from, int64_t worker, int64_t *begin) {
  int64_t left = from->end - from->begin, size = left / 2;
  size = size < from->pool->smallest ? from->pool->smallest : size;
  size = size > left ? left : size;
  if (from->number == worker) {
    *begin = from->begin;
    from->begin += size;
  } else {
    from->end -= size;
    *begin = from->end;
  }
  return size;
}

/* Takes one range and runs it; 0 if there is none. Called and returns with the lock held. */
static int runOneRange(fovea_pool *pool, int64_t worker) {
  int64_t begin = 0, size = 0;
  for (int64_t i = 0; size == 0 && i < pool->threads; ++i)
    size = take(&pool->workers[(worker + i) % pool->threads], worker, &begin);
  if (size == 0)
    return 0;
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
  fovea_pool *pool = calloc(1, sizeof(fovea_pool) + threads * sizeof(struct worker));
  if (!pool)
    return NULL;
  pthread_mutex_init(&pool->busy, NULL);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->work, NULL);
  pthread_cond_init(&pool->done, NULL);
  /* Workers that have begun look at all of them. */
  pthread_mutex_lock(&pool->lock);
  for (; pool->threads < threads; ++pool->threads) {
    struct worker *worker = &pool->workers[pool->threads];
    worker->pool = pool;
    worker->number = pool->threads;
    if (worker->number > 0 && pthread_create(&worker->thread, NULL, workerMain, worker) != 0)
      break;
  }
  pthread_mutex_unlock(&pool->lock);
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
  pool->smallest = count / (pool->threads * shortest);
  pool->smallest = pool->smallest < 1 ? 1 : pool->smallest;
  int64_t share = count / pool->threads, more = count % pool->threads;
  for (int64_t i = 0, begin = 0; i < pool->threads; begin = pool->workers[i++].end) {
    pool->workers[i].begin = begin;
    pool->workers[i].end = begin + share + (i < more);
  }
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
  for (int64_t i = 1; i < pool->threads; ++i)
    pthread_join(pool->workers[i].thread, NULL);
  pthread_cond_destroy(&pool->done);
  pthread_cond_destroy(&pool->work);
  pthread_mutex_destroy(&pool->lock);
  pthread_mutex_destroy(&pool->busy);
  free(pool);
}
