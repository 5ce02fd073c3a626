/* Runs a compiled model on many inputs between guard pages: runner LIBRARY JOBS RESULTS.
 *
 * Each run has a process of its own. Inputs, outputs, the arena and every
 * block of the context's allocator end (or, in every second run, start) at a
 * page that cannot be touched, inputs cannot be written, and what is left of
 * their pages is checked for changes. JOBS and RESULTS are sequences of
 * little-endian records, see run.py.
 *   job     per input: type, rank (int32), dims (int64), bytes (int64), data
 *   result  status, signal, node (int32), length and text of the message, of
 *           the log line; with status 0, per output: type, rank, dims, bytes, data
 */
#define _GNU_SOURCE
#include "onnxc.h"
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, BLOCKS = 4096, CHANGED = 250, LEAKED = 251 };
static const size_t MOST = (size_t)256 << 20; /* of one block of the allocator */
static const unsigned char PATTERN = 0x5a;

typedef struct {
  unsigned char *pages, *data;
  size_t bytes, size; /* asked for; of the pages between the guards */
  int live;
} block;
static block blocks[BLOCKS];
static int block_count, at_start;
static FILE *results;
static char logged[1024];

static block *guarded(size_t bytes, size_t align) {
  size_t size = (bytes + PAGE - 1) / PAGE * PAGE;
  if (size == 0)
    size = PAGE;
  if (block_count == BLOCKS)
    return NULL;
  unsigned char *p = mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED || mprotect(p + PAGE, size, PROT_READ | PROT_WRITE))
    return NULL;
  block *b = &blocks[block_count++];
  b->pages = p + PAGE;
  b->bytes = bytes;
  b->size = size;
  b->live = 1;
  b->data = at_start ? b->pages : b->pages + (size - bytes) / align * align;
  memset(b->pages, PATTERN, (size_t)(b->data - b->pages));
  memset(b->data + bytes, PATTERN, (size_t)(b->pages + size - b->data) - bytes);
  return b;
}

/* What lies between a block and its guards is as it was. */
static int intact(const block *b) {
  for (const unsigned char *p = b->pages; p < b->pages + b->size; ++p) {
    if (p == b->data)
      p += b->bytes;
    if (p < b->pages + b->size && *p != PATTERN)
      return 0;
  }
  return 1;
}

static void *allocate(void *user, size_t bytes, size_t align) {
  (void)user;
  if (bytes > MOST)
    return NULL;
  block *b = guarded(bytes, align);
  return b ? b->data : NULL;
}

static void release(void *user, void *p) {
  (void)user;
  for (int i = 0; i < block_count; ++i)
    if (blocks[i].live && blocks[i].data == p) {
      if (!intact(&blocks[i]))
        _exit(CHANGED);
      blocks[i].live = 0;
      mprotect(blocks[i].pages, blocks[i].size, PROT_NONE); /* no use after it */
      return;
    }
  _exit(CHANGED);
}

static void log_line(void *user, const char *line) {
  (void)user;
  snprintf(logged, sizeof logged, "%s", line);
}

static void put(const void *p, size_t bytes) { fwrite(p, 1, bytes, results); }
static void put32(int32_t n) { put(&n, sizeof n); }
static void put_text(const char *s) {
  int32_t length = s ? (int32_t)strlen(s) : 0;
  put32(length);
  put(s, (size_t)length);
}

static size_t element_bytes(int32_t type) {
  switch (type) {
  case ONNXC_TYPE_INT64: case ONNXC_TYPE_UINT64: case ONNXC_TYPE_DOUBLE: return 8;
  case ONNXC_TYPE_FLOAT: case ONNXC_TYPE_INT32: case ONNXC_TYPE_UINT32: return 4;
  case ONNXC_TYPE_FLOAT16: case ONNXC_TYPE_BFLOAT16: case ONNXC_TYPE_INT16: case ONNXC_TYPE_UINT16: return 2;
  default: return 1;
  }
}

static size_t tensor_bytes(int32_t type, int32_t rank, const int64_t *dims) {
  size_t bytes = element_bytes(type);
  for (int32_t d = 0; d < rank; ++d)
    bytes *= (size_t)dims[d];
  return bytes;
}

static void run_one(const onnxc_model *model, onnxc_tensor *inputs, const size_t *sizes) {
  onnxc_tensor outputs[64];
  memset(outputs, 0, sizeof outputs);
  for (int i = 0; i < model->num_inputs; ++i) {
    block *b = guarded(sizes[i], element_bytes(inputs[i].type));
    memcpy(b->data, inputs[i].data, sizes[i]);
    inputs[i].bytes = sizes[i];
    mprotect(b->pages, b->size, PROT_READ);
    inputs[i].data = b->data;
  }
  for (int i = 0; i < model->num_outputs; ++i) {
    const onnxc_tensor_info *info = &model->outputs[i];
    int fixed = 1;
    for (int32_t d = 0; d < info->rank; ++d)
      fixed &= info->dims[d] >= 0;
    if (!fixed)
      continue;
    outputs[i].bytes = tensor_bytes(info->type, info->rank, info->dims);
    outputs[i].data = guarded(outputs[i].bytes, element_bytes(info->type))->data;
  }
  void *arena = model->arena_bytes ? guarded((size_t)model->arena_bytes, (size_t)model->arena_align)->data : NULL;
  onnxc_context context;
  memset(&context, 0, sizeof context);
  context.version = ONNXC_VERSION;
  context.allocate = allocate;
  context.release = release;
  context.log = log_line;
  context.error_node = -2;
  int32_t status = model->run(NULL, &context, inputs, outputs, arena, (size_t)model->arena_bytes);
  for (int i = 0; i < block_count; ++i)
    if (blocks[i].live && !intact(&blocks[i]))
      _exit(CHANGED);
  put32(status);
  put32(0);
  put32(context.error_node);
  put_text(status ? context.error_message : "");
  put_text(logged);
  for (int i = 0; status == 0 && i < model->num_outputs; ++i) {
    put32(outputs[i].type);
    put32(outputs[i].rank);
    put(outputs[i].dims, sizeof(int64_t) * (size_t)outputs[i].rank);
    int64_t bytes = (int64_t)tensor_bytes(outputs[i].type, outputs[i].rank, outputs[i].dims);
    put(&bytes, sizeof bytes);
    put(outputs[i].data, (size_t)bytes);
  }
  fflush(results);
  _exit(0);
}

static int take(FILE *jobs, void *p, size_t bytes) { return fread(p, 1, bytes, jobs) == bytes; }

int main(int argc, char **argv) {
  if (argc != 4)
    return fprintf(stderr, "usage: %s LIBRARY JOBS RESULTS\n", argv[0]), 2;
  void *library = dlopen(argv[1], RTLD_NOW);
  if (!library)
    return fprintf(stderr, "%s\n", dlerror()), 2;
  onnxc_model_entry_fn entry = (onnxc_model_entry_fn)dlsym(library, "onnxc_model_entry");
  const onnxc_model *model = entry();
  FILE *jobs = fopen(argv[2], "rb");
  results = fopen(argv[3], "wb");
  if (!jobs || !results || model->num_inputs > 64 || model->num_outputs > 64)
    return 2;
  onnxc_tensor inputs[64];
  size_t sizes[64];
  for (;; at_start = !at_start) {
    memset(inputs, 0, sizeof inputs);
    for (int i = 0; i < model->num_inputs; ++i) {
      int64_t bytes;
      if (!take(jobs, &inputs[i].type, 4))
        return fclose(results) != 0;
      if (!take(jobs, &inputs[i].rank, 4) || inputs[i].rank > 8 ||
          !take(jobs, inputs[i].dims, 8 * (size_t)inputs[i].rank) || !take(jobs, &bytes, 8))
        return 3;
      sizes[i] = (size_t)bytes;
      inputs[i].data = malloc(sizes[i] ? sizes[i] : 1);
      if (!take(jobs, inputs[i].data, sizes[i]))
        return 3;
    }
    fflush(results);
    pid_t child = fork();
    if (child == 0) {
      alarm(20);
      run_one(model, inputs, sizes);
    }
    int how = 0;
    waitpid(child, &how, 0);
    fseek(results, 0, SEEK_END);
    if (WIFSIGNALED(how) || WEXITSTATUS(how)) {
      put32(-1);
      put32(WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how));
      put32(-1);
      put_text("");
      put_text("");
    }
    for (int i = 0; i < model->num_inputs; ++i)
      free(inputs[i].data);
  }
}
