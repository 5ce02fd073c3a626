/* The part of NVIDIA's driver API that the runtime uses, declared here so that
 * nothing of CUDA is needed to build it. Numbers and signatures: the CUDA
 * Driver API reference manual. */
#ifndef ONNXC_CUDA_DRIVER_H
#define ONNXC_CUDA_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t cu_result;
typedef int32_t cu_device;
typedef struct cu_context_record *cu_context;
typedef struct cu_module_record *cu_module;
typedef struct cu_function_record *cu_function;
typedef struct cu_stream_record *cu_stream;
typedef uint64_t cu_address;

/* CUresult */
enum {
  CU_SUCCESS = 0,
  CU_OUT_OF_MEMORY = 2,
  CU_NO_DEVICE = 100,
  CU_UNSUPPORTED_PTX_VERSION = 222,
  CU_SYSTEM_DRIVER_MISMATCH = 803,
  CU_COMPAT_NOT_SUPPORTED_ON_DEVICE = 804
};

/* CUdevice_attribute */
enum {
  CU_DEVICE_COMPUTE_CAPABILITY_MAJOR = 75,
  CU_DEVICE_COMPUTE_CAPABILITY_MINOR = 76,
  CU_DEVICE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97
};

/* CUfunction_attribute */
enum { CU_FUNCTION_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8 };

/* CUjit_option */
enum { CU_JIT_ERROR_LOG = 5, CU_JIT_ERROR_LOG_BYTES = 6 };

/* CUpointer_attribute */
enum {
  CU_POINTER_MEMORY_TYPE = 2,
  CU_POINTER_IS_MANAGED = 8,
  CU_POINTER_DEVICE_ORDINAL = 9
};

/* CUmemorytype */
enum { CU_MEMORY_HOST = 1, CU_MEMORY_DEVICE = 2 };

/* X(field, symbol, parameters) keeps the table and its filling in step. The
 * symbols carry the version of the signature. */
#define ONNXC_CUDA_DRIVER_LIST(X)                                              \
  X(init, "cuInit", (unsigned flags))                                          \
  X(driver_version, "cuDriverGetVersion", (int *version))                      \
  X(device_count, "cuDeviceGetCount", (int *count))                            \
  X(device_get, "cuDeviceGet", (cu_device * device, int ordinal))              \
  X(device_name, "cuDeviceGetName", (char *name, int bytes, cu_device device)) \
  X(device_attribute, "cuDeviceGetAttribute",                                  \
    (int *value, int attribute, cu_device device))                             \
  X(primary_retain, "cuDevicePrimaryCtxRetain",                                \
    (cu_context * context, cu_device device))                                  \
  X(primary_release, "cuDevicePrimaryCtxRelease_v2", (cu_device device))       \
  X(context_current, "cuCtxGetCurrent", (cu_context * context))                \
  X(context_device, "cuCtxGetDevice", (cu_device * device))                    \
  X(context_push, "cuCtxPushCurrent_v2", (cu_context context))                 \
  X(context_pop, "cuCtxPopCurrent_v2", (cu_context * context))                 \
  X(memory_info, "cuMemGetInfo_v2", (size_t *free, size_t *total))             \
  X(allocate, "cuMemAlloc_v2", (cu_address * address, size_t bytes))           \
  X(release, "cuMemFree_v2", (cu_address address))                             \
  X(copy_to_device, "cuMemcpyHtoDAsync_v2",                                    \
    (cu_address to, const void *from, size_t bytes, cu_stream stream))         \
  X(copy_to_host, "cuMemcpyDtoHAsync_v2",                                      \
    (void *to, cu_address from, size_t bytes, cu_stream stream))               \
  X(copy_within, "cuMemcpyDtoDAsync_v2",                                       \
    (cu_address to, cu_address from, size_t bytes, cu_stream stream))          \
  X(pointer_attributes, "cuPointerGetAttributes",                              \
    (unsigned count, int *attributes, void **data, cu_address pointer))        \
  X(module_load, "cuModuleLoadDataEx",                                         \
    (cu_module * module, const void *image, unsigned count, int *options,      \
     void **values))                                                           \
  X(module_unload, "cuModuleUnload", (cu_module module))                       \
  X(module_function, "cuModuleGetFunction",                                    \
    (cu_function * function, cu_module module, const char *name))              \
  X(function_set, "cuFuncSetAttribute",                                        \
    (cu_function function, int attribute, int value))                          \
  X(launch, "cuLaunchKernel",                                                  \
    (cu_function function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, \
     unsigned by, unsigned bz, unsigned shared_bytes, cu_stream stream,        \
     void **args, void **extra))                                               \
  X(stream_context, "cuStreamGetCtx", (cu_stream stream, cu_context * context)) \
  X(stream_wait, "cuStreamSynchronize", (cu_stream stream))                    \
  X(error_name, "cuGetErrorName", (cu_result code, const char **name))         \
  X(error_text, "cuGetErrorString", (cu_result code, const char **text))

typedef struct {
  void *library;
#define ONNXC_CUDA_DRIVER_FIELD(field, symbol, parameters)                     \
  cu_result(*field) parameters;
  ONNXC_CUDA_DRIVER_LIST(ONNXC_CUDA_DRIVER_FIELD)
#undef ONNXC_CUDA_DRIVER_FIELD
} onnxc_cuda_driver;

/* Loads the driver's library and fills in the table. Returns NULL, or what is
 * missing: the library's error when driver->library is NULL, else the symbol
 * that this driver lacks. */
const char *onnxc_cuda_driver_load(onnxc_cuda_driver *driver);
void onnxc_cuda_driver_unload(onnxc_cuda_driver *driver);

#ifdef __cplusplus
}
#endif

#endif /* ONNXC_CUDA_DRIVER_H */
