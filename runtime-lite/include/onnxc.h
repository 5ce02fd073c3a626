/* The C interface between compiled models and their callers: tensor
 * descriptors, the run context, status codes and the model record.
 * Plain C11, freestanding, usable from C++. */
#ifndef ONNXC_H
#define ONNXC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of onnxc_context and onnxc_model as laid out below. */
#define ONNXC_VERSION 4u

/* Largest number of dimensions of an input or output tensor. */
#define ONNXC_MAX_RANK 8

/* What a run returns. X(name, number, text) keeps the enumeration and
 * onnxc_status_string in step. */
#define ONNXC_STATUS_LIST(X)                                                   \
  X(ONNXC_OK, 0, "ok")                                                         \
  X(ONNXC_BAD_ARGUMENT, 1, "bad argument")                                     \
  X(ONNXC_SHAPE_MISMATCH, 2, "shape mismatch")                                 \
  X(ONNXC_TYPE_MISMATCH, 3, "type mismatch")                                   \
  X(ONNXC_ARENA_TOO_SMALL, 4, "arena too small")                               \
  X(ONNXC_ARENA_MISALIGNED, 5, "arena misaligned")                             \
  X(ONNXC_OUT_OF_MEMORY, 6, "out of memory")                                   \
  X(ONNXC_OUTPUT_TOO_SMALL, 7, "output buffer too small")                      \
  X(ONNXC_INDEX_OUT_OF_RANGE, 8, "index out of range")                         \
  X(ONNXC_VERSION_MISMATCH, 9, "version mismatch")                             \
  X(ONNXC_NO_DRIVER, 10, "no GPU driver")                                      \
  X(ONNXC_DRIVER_TOO_OLD, 11, "GPU driver too old")                            \
  X(ONNXC_NO_DEVICE, 12, "no GPU")                                             \
  X(ONNXC_DEVICE_TOO_OLD, 13, "GPU too old")                                   \
  X(ONNXC_DEVICE_OUT_OF_MEMORY, 14, "out of GPU memory")                       \
  X(ONNXC_MODULE_REJECTED, 15, "GPU kernels rejected")                         \
  X(ONNXC_LAUNCH_FAILED, 16, "GPU kernel launch failed")                       \
  X(ONNXC_WRONG_POINTER_SPACE, 17, "pointer of another memory space")          \
  X(ONNXC_DEVICE_ERROR, 18, "GPU error")                                       \
  X(ONNXC_WRONG_WEIGHTS, 19, "weights of another model")

typedef enum {
#define ONNXC_STATUS_ENUM(name, number, text) name = number,
  ONNXC_STATUS_LIST(ONNXC_STATUS_ENUM)
#undef ONNXC_STATUS_ENUM
  /* Keeps the enumeration 32 bits wide where the ABI would shrink it. */
  ONNXC_STATUS_FORCE_32_BITS = 0x7fffffff
} onnxc_status;

/* Element types: the numbers of ONNX's TensorProto.DataType. */
#define ONNXC_TYPE_FLOAT 1
#define ONNXC_TYPE_UINT8 2
#define ONNXC_TYPE_INT8 3
#define ONNXC_TYPE_UINT16 4
#define ONNXC_TYPE_INT16 5
#define ONNXC_TYPE_INT32 6
#define ONNXC_TYPE_INT64 7
#define ONNXC_TYPE_STRING 8
#define ONNXC_TYPE_BOOL 9
#define ONNXC_TYPE_FLOAT16 10
#define ONNXC_TYPE_DOUBLE 11
#define ONNXC_TYPE_UINT32 12
#define ONNXC_TYPE_UINT64 13
#define ONNXC_TYPE_COMPLEX64 14
#define ONNXC_TYPE_COMPLEX128 15
#define ONNXC_TYPE_BFLOAT16 16
#define ONNXC_TYPE_FLOAT8E4M3FN 17
#define ONNXC_TYPE_FLOAT8E4M3FNUZ 18
#define ONNXC_TYPE_FLOAT8E5M2 19
#define ONNXC_TYPE_FLOAT8E5M2FNUZ 20
#define ONNXC_TYPE_UINT4 21
#define ONNXC_TYPE_INT4 22
#define ONNXC_TYPE_FLOAT4E2M1 23
#define ONNXC_TYPE_FLOAT8E8M0 24
#define ONNXC_TYPE_UINT2 25
#define ONNXC_TYPE_INT2 26

/* A tensor of the caller: row-major, contiguous, at element alignment.
 * Elements of bool and of types below one byte take one byte each, the value
 * in the low bits and the rest zero. Complex numbers are real, imaginary. */
typedef struct {
  void *data;
  /* Outputs: capacity of data in bytes. Inputs: 0, or the bytes that data has,
   * against which dims known at run time are checked. */
  size_t bytes;
  int32_t type; /* ONNXC_TYPE_* */
  int32_t rank;
  int64_t dims[ONNXC_MAX_RANK];
} onnxc_tensor;

/* Does the iterations begin .. end - 1 of some work. No two calls that run at
 * the same time have the same `worker`. */
typedef void (*onnxc_task)(void *closure, int64_t begin, int64_t end,
                           int64_t worker);

/* Runs work on several threads. threads/onnxc_pool.h has one; programs with
 * threads of their own fill in this structure instead. */
typedef struct onnxc_executor onnxc_executor;
struct onnxc_executor {
  void *self;      /* for the executor's own use */
  int32_t threads; /* threads that work, the calling one included */
  /* Calls task(closure, begin, end, worker) on ranges that make up 0 .. count
   * - 1, with 0 <= worker < workers, and returns when all are done. */
  void (*run)(onnxc_executor *executor, onnxc_task task, void *closure,
              int64_t count, int64_t workers);
};

/* Room for an error message in onnxc_context. */
#define ONNXC_ERROR_TEXT 256

/* What a run may use, and where it reports errors. May be NULL for models
 * without dynamic temporaries or dynamic outputs. */
typedef struct {
  uint32_t version; /* ONNXC_VERSION; with another one a run returns
                     * ONNXC_VERSION_MISMATCH and looks no further */
  void *user;       /* handed to allocate and release */
  void *(*allocate)(void *user, size_t bytes, size_t align);
  void (*release)(void *user, void *p);
  /* Written by the run when it does not return ONNXC_OK. */
  int32_t error_code;
  int32_t error_node; /* index of the node in the model's graph, -1 when no
                       * node of it is at fault */
  /* Names the input or node, what came and what was wanted. Valid until the
   * next run with this context. */
  const char *error_message;
  /* For models compiled with --threads=N; NULL runs them on one thread. */
  onnxc_executor *executor;
  /* Since version 3. */
  /* Takes one line (no newline) for each failure; may be NULL. */
  void (*log)(void *user, const char *line);
  /* For models compiled with --gpu: the CUstream to work in, of the context
   * that was current at m_init; NULL is the default stream. */
  void *stream;
  /* Since version 4: where messages are written that have numbers in them. */
  char error_text[ONNXC_ERROR_TEXT];
} onnxc_context;

/* What a model declares about an input or output. */
typedef struct {
  const char *name;
  int32_t type; /* ONNXC_TYPE_* */
  int32_t rank;
  int64_t dims[ONNXC_MAX_RANK]; /* -1 = dynamic */
  /* With --io=arena: where in the arena it has its place, in bytes. A run
   * finds it there when data is NULL, and copies from or to other memory, which
   * must not overlap the arena. It overwrites inputs. -1: the caller's memory. */
  int64_t arena_offset;
} onnxc_tensor_info;

/* Memory that the caller gives a model compiled with --memory or --emit=weights. */
typedef struct {
  void *data;
  size_t bytes;
} onnxc_region;

/* What such a model wants of it. */
typedef struct {
  const char *name;
  int64_t bytes;
  int64_t align;
} onnxc_region_info;

/* A file of weights, NAME.weights.bin of --emit=weights, begins with these
 * bytes, and has the fingerprint of the code that reads it at this offset, of
 * 16 bytes. The weights follow a header of 64 bytes. */
#define ONNXC_WEIGHTS_MAGIC "ONNXCWTS"
#define ONNXC_WEIGHTS_FINGERPRINT 16
#define ONNXC_WEIGHTS_HEADER 64

/* Bits of onnxc_model.flags. */
/* Runs take memory from the context's allocator. */
#define ONNXC_FLAG_NEEDS_ALLOCATOR 1u
/* The model takes regions instead of one arena: `arena` of a run is an array of
 * onnxc_region, in the order of onnxc_model.regions, and `arena_bytes` is the
 * size of that array in bytes. */
#define ONNXC_FLAG_REGIONS 2u

/* Runs a model. `inputs` and `outputs` are arrays in the model's order.
 * Static output: data must point to at least the needed bytes, unless it has
 * its place in the arena.
 * Dynamic output: with data == NULL the run allocates it through ctx->allocate
 * and the caller releases it; otherwise `bytes` is checked.
 * Type, rank and dims of the outputs are always written back.
 * Returns an onnxc_status. */
typedef int32_t (*onnxc_run_fn)(void *state, onnxc_context *ctx,
                                const onnxc_tensor *inputs,
                                onnxc_tensor *outputs, void *arena,
                                size_t arena_bytes);

/* Makes `state`, at least state_bytes of the model at an alignment of 64,
 * ready for runs: takes the device, loads kernels, uploads weights. One state
 * serves one run at a time. Returns an onnxc_status; after a failure the state
 * holds nothing and needs no onnxc_deinit_fn. ctx may be NULL. */
typedef int32_t (*onnxc_init_fn)(void *state, size_t bytes, onnxc_context *ctx);

/* Gives back what onnxc_init_fn took. */
typedef void (*onnxc_deinit_fn)(void *state);

/* A compiled model as tools and language bindings see it. A shared library
 * returns it from `onnxc_model_entry`, an object from `<prefix>_model`. */
typedef struct {
  uint32_t version; /* ONNXC_VERSION */
  uint32_t flags;
  const char *model_name;
  const char *model_hash;
  const char *compiler_version;
  int64_t arena_bytes;
  int64_t arena_align;
  int64_t state_bytes;
  int32_t num_inputs;
  int32_t num_outputs;
  const onnxc_tensor_info *inputs;
  const onnxc_tensor_info *outputs;
  onnxc_run_fn run;
  /* NULL where runs need no state. */
  onnxc_init_fn init;
  onnxc_deinit_fn deinit;
  /* The rest is there with ONNXC_FLAG_REGIONS only. arena_bytes is the sum of
   * the parts of the arena then. */
  int32_t num_regions;
  int32_t weights_region; /* the one that holds the file of weights; -1: none */
  const onnxc_region_info *regions;
  /* The region of each input and output that has an arena_offset. */
  const int32_t *input_regions;
  const int32_t *output_regions;
} onnxc_model;

typedef const onnxc_model *(*onnxc_model_entry_fn)(void);

/* A short English text for a status code; never NULL. */
const char *onnxc_status_string(int32_t status);

#ifdef __cplusplus
}
#endif

#endif /* ONNXC_H */
