/* A pool of threads on POSIX threads and C11 atomics.
 *
 * All of a job's state is one word: the number of the job, whether it is open,
 * and how many helpers are inside. A helper enters an open job that it has not
 * seen by counting itself in; the caller closes the job when no iteration is
 * left to hand out, and waits until all helpers are out. So a helper that wakes
 * late costs nothing, and the fields of a job are written only while nobody
 * reads them.
 *
 * Helpers look out for the next job for a short while before they sleep: the
 * kernels of a model follow each other within microseconds. */
#include "onnxc_pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Looks at the state before a helper sleeps: some tens of microseconds. */
#define SPINS 4000
/* Pieces of a job for each worker: few enough to be cheap, enough to even out. */
#define PIECES_PER_WORKER 4

#define INSIDE_MASK UINT64_C(0xffff)
#define OPEN UINT64_C(0x10000)
#define JOB UINT64_C(0x20000) /* one step of the job's number, the bits above */

struct pool;

struct helper {
  struct pool *pool;
  pthread_t thread;
  int64_t worker;
};

struct pool {
  onnxc_executor executor;
  /* The job. */
  onnxc_task task;
  void *closure;
  int64_t count, piece, workers;
  alignas(64) _Atomic uint64_t state;
  alignas(64) _Atomic int64_t next; /* first iteration not handed out */
  alignas(64) atomic_flag busy;     /* a run is being shared out */
  _Atomic int32_t sleepers;
  _Atomic bool ended;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  int32_t helpers;
  struct helper helper[];
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield");
#endif
}

static void work(struct pool *pool, int64_t worker) {
  for (;;) {
    int64_t begin = atomic_fetch_add(&pool->next, pool->piece);
    if (begin >= pool->count)
      return;
    int64_t left = pool->count - begin;
    int64_t length = left < pool->piece ? left : pool->piece;
    pool->task(pool->closure, begin, begin + length, worker);
  }
}

static bool is_new(uint64_t state, uint64_t seen) {
  return (state & OPEN) != 0 && state / JOB != seen;
}

/* Waits for a job other than `seen`; false when the pool ends. */
static bool await_job(struct pool *pool, uint64_t seen) {
  for (int i = 0; i < SPINS; ++i) {
    if (is_new(atomic_load(&pool->state), seen))
      return true;
    relax();
  }
  pthread_mutex_lock(&pool->mutex);
  /* Counted before the last look: the caller opens the job first and looks for
   * sleepers then, so that one of the two sees the other. */
  atomic_fetch_add(&pool->sleepers, 1);
  while (!is_new(atomic_load(&pool->state), seen) && !atomic_load(&pool->ended))
    pthread_cond_wait(&pool->wake, &pool->mutex);
  atomic_fetch_sub(&pool->sleepers, 1);
  pthread_mutex_unlock(&pool->mutex);
  return !atomic_load(&pool->ended);
}

static void *helper_main(void *argument) {
  struct helper *helper = argument;
  struct pool *pool = helper->pool;
  uint64_t seen = 0;
  while (await_job(pool, seen)) {
    uint64_t state = atomic_load(&pool->state);
    if (!is_new(state, seen) ||
        !atomic_compare_exchange_weak(&pool->state, &state, state + 1))
      continue;
    seen = state / JOB;
    if (helper->worker < pool->workers)
      work(pool, helper->worker);
    atomic_fetch_sub(&pool->state, 1);
  }
  return NULL;
}

static void wake_all(struct pool *pool) {
  if (atomic_load(&pool->sleepers) == 0)
    return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
}

static void pool_run(onnxc_executor *executor, onnxc_task task, void *closure,
                     int64_t count, int64_t workers) {
  struct pool *pool = executor->self;
  if (workers > executor->threads)
    workers = executor->threads;
  /* One run at a time: another one that comes meanwhile works by itself. */
  if (count <= 1 || workers <= 1 || atomic_flag_test_and_set(&pool->busy)) {
    if (count > 0)
      task(closure, 0, count, 0);
    return;
  }
  pool->task = task;
  pool->closure = closure;
  pool->count = count;
  pool->workers = workers;
  pool->piece = count / (workers * PIECES_PER_WORKER);
  if (pool->piece == 0)
    pool->piece = 1;
  atomic_store(&pool->next, 0);
  uint64_t job = atomic_load(&pool->state) / JOB + 1;
  atomic_store(&pool->state, job * JOB | OPEN);
  wake_all(pool);
  work(pool, 0);
  atomic_fetch_and(&pool->state, ~OPEN);
  for (int i = 0; (atomic_load(&pool->state) & INSIDE_MASK) != 0; ++i) {
    if (i < SPINS)
      relax();
    else
      sched_yield();
  }
  atomic_flag_clear(&pool->busy);
}

static bool is_valid_number(int32_t threads) {
  return threads >= 1 && threads <= ONNXC_POOL_MAX_THREADS;
}

size_t onnxc_pool_bytes(int32_t threads) {
  if (!is_valid_number(threads))
    return 0;
  return sizeof(struct pool) + (size_t)threads * sizeof(struct helper);
}

int32_t onnxc_pool_init(void *memory, size_t bytes, int32_t threads,
                        onnxc_executor **executor) {
  if (!memory || !executor || !is_valid_number(threads) ||
      bytes < onnxc_pool_bytes(threads) ||
      (uintptr_t)memory % alignof(struct pool) != 0)
    return ONNXC_BAD_ARGUMENT;
  struct pool *pool = memory;
  pool->executor.self = pool;
  pool->executor.threads = threads;
  pool->executor.run = pool_run;
  atomic_init(&pool->state, 0);
  atomic_init(&pool->next, 0);
  atomic_init(&pool->sleepers, 0);
  atomic_init(&pool->ended, false);
  atomic_flag_clear(&pool->busy);
  pool->helpers = 0;
  if (pthread_mutex_init(&pool->mutex, NULL) != 0)
    return ONNXC_OUT_OF_MEMORY;
  if (pthread_cond_init(&pool->wake, NULL) != 0) {
    pthread_mutex_destroy(&pool->mutex);
    return ONNXC_OUT_OF_MEMORY;
  }
  for (; pool->helpers < threads - 1; ++pool->helpers) {
    struct helper *helper = &pool->helper[pool->helpers];
    helper->pool = pool;
    helper->worker = pool->helpers + 1;
    if (pthread_create(&helper->thread, NULL, helper_main, helper) != 0) {
      onnxc_pool_deinit(&pool->executor);
      return ONNXC_OUT_OF_MEMORY;
    }
  }
  *executor = &pool->executor;
  return ONNXC_OK;
}

void onnxc_pool_deinit(onnxc_executor *executor) {
  struct pool *pool = executor->self;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->ended, true);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
  for (int32_t i = 0; i < pool->helpers; ++i)
    pthread_join(pool->helper[i].thread, NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
}
