/* A pool of threads for models compiled with --threads=N. Optional: link
 * onnxc_threads, and put the executor into the context of the runs. */
#ifndef ONNXC_POOL_H
#define ONNXC_POOL_H

#include "onnxc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Most threads of a pool. */
#define ONNXC_POOL_MAX_THREADS 256

/* Memory that a pool of this many threads needs, in bytes, at an alignment of
 * 64; 0 when the number is not within 1 .. ONNXC_POOL_MAX_THREADS. */
size_t onnxc_pool_bytes(int32_t threads);

/* Starts threads - 1 threads, which sleep until there is work; the thread that
 * runs a model is one more. `memory` stays the pool's until onnxc_pool_deinit.
 * ONNXC_BAD_ARGUMENT: number, size or alignment; ONNXC_OUT_OF_MEMORY: the
 * system has no more threads. */
int32_t onnxc_pool_init(void *memory, size_t bytes, int32_t threads,
                        onnxc_executor **executor);

/* Ends the threads. No run may use the executor any more. */
void onnxc_pool_deinit(onnxc_executor *executor);

#ifdef __cplusplus
}
#endif

#endif /* ONNXC_POOL_H */
