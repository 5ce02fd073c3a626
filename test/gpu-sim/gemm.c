/* Times a compiled matrix product on device memory, and cuBLAS beside it.
 *
 *   gemm N ROUNDS [cublas]
 *
 * Linked with the object of a model C = A B, all N x N of float or half, and
 * the GPU runtime. Checks some elements, then prints one line of JSON:
 * {"milliseconds": ..., "cublas": ... or null, "error": ...}, times per
 * product, error the largest deviation as a share of what rounding allows.
 * With `cublas`, that library is loaded by name where it is installed. Exit 1 with a message when
 * something fails. */
#include "driver.h"
#include "onnxc_cuda.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const onnxc_model *onnxc_model_entry(void);

static onnxc_cuda_driver cu;
static int64_t n;
static size_t element; /* bytes */
static cu_address matrix[3];

_Noreturn static void stop(const char *what, int code) {
  fprintf(stderr, "gemm: %s (%d)\n", what, code);
  exit(1);
}
static void check(const char *what, int code) {
  if (code != 0)
    stop(what, code);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static float value(const void *data, int64_t i) {
  if (element == 4)
    return ((const float *)data)[i];
  return (float)((const _Float16 *)data)[i];
}

/* Numbers in -1 .. 1 that halves hold exactly. */
static void *random_matrix(uint64_t seed) {
  void *data = malloc((size_t)(n * n) * element);
  if (!data)
    stop("no memory on the host", 0);
  for (int64_t i = 0; i < n * n; ++i) {
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    float x = (float)((int)(seed >> 58) - 32) / 32.0f;
    if (element == 4)
      ((float *)data)[i] = x;
    else
      ((_Float16 *)data)[i] = (_Float16)x;
  }
  return data;
}

/* The largest deviation of some elements as a share of what is allowed: sums of
 * float in any order, and the rounding of the result. */
static double deviation(const void *a, const void *b, const void *c) {
  double worst = 0, step = element == 4 ? 0x1p-24 : 0x1p-11;
  for (int64_t sample = 0; sample < 256; ++sample) {
    int64_t row = sample * 7919 % n, column = sample * 104729 % n;
    double sum = 0, size = 0;
    for (int64_t k = 0; k < n; ++k) {
      double product = (double)value(a, row * n + k) * (double)value(b, k * n + column);
      sum += product;
      size += fabs(product);
    }
    double allowed = 0x1p-24 * size * sqrt((double)n) + step * fabs(sum) + 1e-30;
    double share = fabs((double)value(c, row * n + column) - sum) / allowed;
    worst = share > worst || share != share ? share : worst;
  }
  return worst;
}

/* --- cuBLAS: signatures from its reference manual -------------------------- */

typedef int (*create_fn)(void **handle);
typedef int (*sgemm_fn)(void *handle, int ta, int tb, int m, int n, int k, const float *alpha, cu_address a,
                        int lda, cu_address b, int ldb, const float *beta, cu_address c, int ldc);
typedef int (*gemm_ex_fn)(void *handle, int ta, int tb, int m, int n, int k, const void *alpha, cu_address a,
                          int at, int lda, cu_address b, int bt, int ldb, const void *beta, cu_address c, int ct,
                          int ldc, int compute, int algorithm);
enum { CUDA_R_16F = 2, CUBLAS_COMPUTE_32F = 68, CUBLAS_GEMM_DEFAULT = -1 };

static void *cublas;
static void *cublas_handle;

static void find(const char *name, void *function) {
  void *address = dlsym(cublas, name);
  if (!address)
    stop("cuBLAS lacks a function", 0);
  memcpy(function, &address, sizeof address);
}

static int open_cublas(void) {
  static const char *const names[] = {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"};
  for (size_t i = 0; i < sizeof names / sizeof *names && !cublas; ++i)
    cublas = dlopen(names[i], RTLD_NOW);
  if (!cublas)
    return 0;
  create_fn create;
  find("cublasCreate_v2", &create);
  check("cublasCreate", create(&cublas_handle));
  return 1;
}

/* Row by row, C = A B is what cuBLAS calls C = B A. */
static void run_cublas(void) {
  const float one = 1, zero = 0;
  int m = (int)n;
  if (element == 4) {
    sgemm_fn sgemm;
    find("cublasSgemm_v2", &sgemm);
    check("cublasSgemm", sgemm(cublas_handle, 0, 0, m, m, m, &one, matrix[1], m, matrix[0], m, &zero, matrix[2], m));
  } else {
    gemm_ex_fn gemm;
    find("cublasGemmEx", &gemm);
    check("cublasGemmEx", gemm(cublas_handle, 0, 0, m, m, m, &one, matrix[1], CUDA_R_16F, m, matrix[0], CUDA_R_16F, m,
                               &zero, matrix[2], CUDA_R_16F, m, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
  }
}

/* --- The model --------------------------------------------------------------- */

static const onnxc_model *model;
static onnxc_context context;
static onnxc_tensor tensors[3];
static void *state, *arena;

static void run_model(void) {
  int32_t status = model->run(state, &context, tensors, tensors + 2, arena, (size_t)model->arena_bytes);
  if (status != ONNXC_OK)
    stop(context.error_message ? context.error_message : "the model failed", status);
}

/* Milliseconds a product, the best of three series. */
static double measure(void (*product)(void), int rounds) {
  double best = 1e30;
  product();
  for (int series = 0; series < 3; ++series) {
    check("cuStreamSynchronize", cu.stream_wait(NULL));
    double start = seconds();
    for (int i = 0; i < rounds; ++i)
      product();
    check("cuStreamSynchronize", cu.stream_wait(NULL));
    double each = (seconds() - start) * 1e3 / rounds;
    best = each < best ? each : best;
  }
  return best;
}

static void *aligned(int64_t bytes) {
  void *p = aligned_alloc(64, ((size_t)bytes + 127) / 64 * 64);
  if (!p)
    stop("no memory on the host", 0);
  return p;
}

int main(int argc, char **argv) {
  if (argc < 3 || argc > 4)
    stop("wanted N ROUNDS [cublas]", argc);
  n = atoll(argv[1]);
  model = onnxc_model_entry();
  element = model->inputs[0].type == ONNXC_TYPE_FLOAT ? 4 : 2;
  size_t bytes = (size_t)(n * n) * element;
  const char *missing = onnxc_cuda_driver_load(&cu);
  if (missing)
    stop(missing, 0);
  cu_context gpu;
  check("cuInit", cu.init(0));
  check("cuDevicePrimaryCtxRetain", cu.primary_retain(&gpu, 0));
  check("cuCtxPushCurrent", cu.context_push(gpu));
  void *a = random_matrix(1), *b = random_matrix(2), *c = malloc(bytes);
  for (int i = 0; i < 3; ++i) {
    check("cuMemAlloc", cu.allocate(&matrix[i], bytes));
    tensors[i] = (onnxc_tensor){(void *)(uintptr_t)matrix[i], bytes, model->inputs[0].type, 2, {n, n}};
  }
  check("cuMemcpyHtoD", cu.copy_to_device(matrix[0], a, bytes, NULL));
  check("cuMemcpyHtoD", cu.copy_to_device(matrix[1], b, bytes, NULL));

  context.version = ONNXC_VERSION;
  state = aligned(model->state_bytes);
  arena = aligned(model->arena_bytes);
  int32_t status = model->init(state, (size_t)model->state_bytes, &context);
  if (status != ONNXC_OK)
    stop(context.error_message ? context.error_message : "the model cannot be made ready", status);
  int rounds = atoi(argv[2]);
  double ours = measure(run_model, rounds);
  check("cuMemcpyDtoH", cu.copy_to_host(c, matrix[2], bytes, NULL));
  check("cuStreamSynchronize", cu.stream_wait(NULL));
  double error = deviation(a, b, c);
  printf("{\"milliseconds\": %.6f, \"error\": %.4f, \"cublas\": ", ours, error);
  if (argc == 4 && open_cublas())
    printf("%.6f}\n", measure(run_cublas, rounds));
  else
    printf("null}\n");
  model->deinit(state);
  return 0;
}
