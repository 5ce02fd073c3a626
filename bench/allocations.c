/* Counts memory requests while a compiled model runs: allocations.c LIBRARY.
 * The malloc family of this program stands before libc's, mmap and brk too, so
 * that nothing which the library might call goes uncounted. */
#define _GNU_SOURCE
#include "onnxc.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int counting;
static volatile long requests, context_requests;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static void note(void) {
  if (counting)
    ++requests;
}

void *malloc(size_t bytes) {
  note();
  return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
  note();
  return __libc_calloc(count, bytes);
}
void *realloc(void *p, size_t bytes) {
  note();
  return __libc_realloc(p, bytes);
}
void *aligned_alloc(size_t align, size_t bytes) {
  note();
  return __libc_memalign(align, bytes);
}
void *memalign(size_t align, size_t bytes) {
  note();
  return __libc_memalign(align, bytes);
}
int posix_memalign(void **result, size_t align, size_t bytes) {
  note();
  *result = __libc_memalign(align, bytes);
  return *result ? 0 : ENOMEM;
}
void *mmap(void *p, size_t bytes, int protection, int flags, int file, off_t offset) {
  note();
  return (void *)syscall(SYS_mmap, p, bytes, protection, flags, file, offset);
}

static void *context_allocate(void *user, size_t bytes, size_t align) {
  (void)user;
  if (counting)
    ++context_requests;
  return __libc_memalign(align < 16 ? 16 : align, bytes ? bytes : 1);
}
static void context_release(void *user, void *p) {
  (void)user;
  free(p);
}

static int is_static(const onnxc_tensor_info *infos, int32_t count) {
  for (int32_t i = 0; i < count; ++i)
    for (int32_t d = 0; d < infos[i].rank; ++d)
      if (infos[i].dims[d] < 0)
        return 0;
  return 1;
}

/* Eight bytes an element is enough for every type. */
static onnxc_tensor make(const onnxc_tensor_info *info) {
  onnxc_tensor tensor = {0};
  size_t count = 1;
  tensor.type = info->type;
  tensor.rank = info->rank;
  for (int32_t i = 0; i < info->rank; ++i) {
    tensor.dims[i] = info->dims[i];
    count *= (size_t)info->dims[i];
  }
  tensor.bytes = count * 8;
  tensor.data = calloc(count ? count : 1, 8);
  return tensor;
}

int main(int argc, char **argv) {
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (!library) {
    fprintf(stderr, "cannot load: %s\n", argc == 2 ? dlerror() : "usage: allocations LIBRARY");
    return 1;
  }
  onnxc_model_entry_fn entry;
  void *symbol = dlsym(library, "onnxc_model_entry");
  memcpy(&entry, &symbol, sizeof entry);
  const onnxc_model *model = entry();
  if (!is_static(model->inputs, model->num_inputs) ||
      !is_static(model->outputs, model->num_outputs)) {
    printf("dynamic\n");
    return 0;
  }
  onnxc_tensor *inputs = calloc((size_t)model->num_inputs + 1, sizeof *inputs);
  onnxc_tensor *outputs = calloc((size_t)model->num_outputs + 1, sizeof *outputs);
  for (int32_t i = 0; i < model->num_inputs; ++i)
    inputs[i] = make(&model->inputs[i]);
  for (int32_t i = 0; i < model->num_outputs; ++i)
    outputs[i] = make(&model->outputs[i]);
  size_t align = model->arena_align > 64 ? (size_t)model->arena_align : 64;
  void *arena = aligned_alloc(align, ((size_t)model->arena_bytes + align) / align * align);
  void *state = calloc((size_t)model->state_bytes + 1, 1);
  onnxc_context context = {.version = ONNXC_VERSION, .allocate = context_allocate, .release = context_release};
  int32_t status = 0;
  void *top = sbrk(0);
  counting = 1;
  for (int run = 0; run < 3 && status == 0; ++run)
    status = model->run(state, &context, inputs, outputs, arena, (size_t)model->arena_bytes);
  counting = 0;
  if (status) {
    printf("status %d (%s)\n", status, context.error_message ? context.error_message : "");
    return 1;
  }
  printf("%ld %ld %d\n", requests, context_requests, sbrk(0) != top);
  return 0;
}
