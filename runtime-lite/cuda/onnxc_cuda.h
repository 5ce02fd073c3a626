/* What models compiled with --gpu need at run time: the NVIDIA driver, loaded
 * by name (libcuda.so.1), and nothing else of CUDA. Programs link onnxc_cuda
 * and use only the model's own functions; this header is the interface between
 * generated code and the library, and generated code relies on its layout. */
#ifndef ONNXC_CUDA_H
#define ONNXC_CUDA_H

#include "onnxc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Version of the structures below. */
#define ONNXC_CUDA_VERSION 1u

/* Kernels for one architecture, as `ptxas` makes them. */
typedef struct {
  uint32_t arch;    /* 80, 90: ten times major plus minor */
  uint32_t variant; /* 'a': runs on this very architecture only; 0 */
  const void *data;
  size_t bytes;
} onnxc_cuda_cubin;

typedef struct {
  const char *name;
  const char *node;      /* what the model calls it; for messages */
  uint32_t shared_bytes; /* dynamic shared memory, per block */
} onnxc_cuda_kernel;

/* The device side of a model: constant data in its object. */
typedef struct {
  uint32_t version; /* ONNXC_CUDA_VERSION */
  const char *ptx;  /* NUL-terminated; NULL when only cubins are there */
  size_t ptx_bytes; /* the NUL included */
  uint32_t min_arch;
  const onnxc_cuda_cubin *cubins;
  uint32_t cubin_count;
  const onnxc_cuda_kernel *kernels;
  uint32_t kernel_count;
  const void *weights; /* uploaded once, by onnxc_cuda_init */
  size_t weight_bytes;
  /* Device memory of a run, planned by the compiler: buffers between kernels,
   * and a slot for each input and output that is given as host memory. */
  size_t arena_bytes;
} onnxc_cuda_program;

/* Bytes of a state for a program of so many kernels, at an alignment of 64. */
#define ONNXC_CUDA_STATE_BYTES(kernels)                                        \
  ((2048u + 8u * (size_t)(kernels) + 63u) / 64u * 64u)
size_t onnxc_cuda_state_bytes(const onnxc_cuda_program *program);

/* Device addresses that kernels get are multiples of this. */
#define ONNXC_CUDA_ALIGN 16u

/* Loads the driver, takes the context that is current in this thread or else
 * the primary context of device 0, loads the kernels (the cubin that fits best,
 * else the PTX), allocates the arena, uploads the weights. After a failure the
 * state holds nothing; the error record of `context` (may be NULL) has code and
 * message, which lives in `state`. */
int32_t onnxc_cuda_init(void *state, size_t bytes,
                        const onnxc_cuda_program *program,
                        onnxc_context *context);

/* Gives back all of it. No run may be under way. */
void onnxc_cuda_deinit(void *state);

/* The functions of a run. A run begins with onnxc_cuda_begin and ends with
 * onnxc_cuda_end, all in one thread. Each returns (or writes to *status) 0 or
 * an onnxc_status, and reports a failure to the context. After the first
 * failure of a run the others do nothing and return the same status, so that
 * generated code need not look until it would use data from the device. None
 * allocates memory; only those that say so wait for the device. */

/* Makes the GPU's context current and takes the caller's stream. */
int32_t onnxc_cuda_begin(void *state, onnxc_context *context);

/* Where kernels find an input or put an output of so many bytes: p itself when
 * that is device memory at an alignment of ONNXC_CUDA_ALIGN, else the slot in
 * the arena, to which an input is copied in the stream. 0 after a failure. */
uint64_t onnxc_cuda_input(void *state, const void *p, size_t bytes,
                          uint64_t slot_offset, int32_t *status);
uint64_t onnxc_cuda_output(void *state, void *p, size_t bytes,
                           uint64_t slot_offset, int32_t *status);

/* Copies an output from `device`, what onnxc_cuda_output returned, to p when
 * they are not the same, in the stream. */
int32_t onnxc_cuda_finish_output(void *state, void *p, size_t bytes,
                                 uint64_t device);

uint64_t onnxc_cuda_arena(void *state);
uint64_t onnxc_cuda_weights(void *state);

/* Launches kernel number `kernel` of the program in the stream; args are
 * pointers to its arguments. A grid with an extent of 0 launches nothing. */
int32_t onnxc_cuda_launch(void *state, uint32_t kernel, uint32_t gx,
                          uint32_t gy, uint32_t gz, uint32_t bx, uint32_t by,
                          uint32_t bz, void **args);

/* Copies between host and device memory for code that runs on the host. The
 * host memory may be used, or changed, at once after the return: this waits
 * for the stream where that takes waiting (always, to the host). */
int32_t onnxc_cuda_copy(void *state, void *host, uint64_t device, size_t bytes,
                        int32_t to_device);

/* Ends the run. Waits for the stream when an input or output was host memory;
 * otherwise the outputs are complete when the stream is. */
int32_t onnxc_cuda_end(void *state);

#ifdef __cplusplus
}
#endif

#endif /* ONNXC_CUDA_H */
