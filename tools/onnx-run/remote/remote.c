/* The far end of onnx-run --runner: loads a compiled model on another machine
 * (an emulator, most often) and runs it for the onnx-run that holds the other
 * ends of its standard input and output.
 *
 *   remote model.so        where there is dlopen
 *   remote                 with the model's object linked in, where there is
 *                          not (compile with -DONNXC_REMOTE_LINKED)
 *
 * Everything is little endian, numbers are int64:
 *   greeting   "onnxcrun", arena bytes, state bytes, number of inputs, of
 *              outputs; per input and output: length of the name, name, type,
 *              rank, dims
 *   or         "onnxcerr", length, text
 *   request    1; per input: type, rank, dims, bytes, data
 *   answer     status, length of a text, text (a defect of the compiled code, or
 *              what the run said with a status that is not 0);
 *              with status 0 and no text, per output: type, rank, dims, bytes, data
 * Requests follow each other until the input ends. One state, made ready by the
 * first request, serves them all. */
#define _POSIX_C_SOURCE 200112L /* posix_memalign */
#include "onnxc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef ONNXC_REMOTE_LINKED
#include <dlfcn.h>
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
enum { GUARD = 0 }; /* the sanitizer's redzone follows */
#else
enum { GUARD = 64 };
#endif
enum { PATTERN = 0xa5, MAX_PORTS = 1024, MAX_REGIONS = 64 };

/* Memory whose size is not rounded up: what follows it is not the caller's. */
static void *aligned(size_t bytes, size_t align) {
  void *p;
  return posix_memalign(&p, align < 64 ? 64 : align, bytes ? bytes : 1) ? NULL : p;
}

static void put(const void *data, size_t bytes) {
  if (fwrite(data, 1, bytes, stdout) != bytes)
    exit(3);
}
static void put_number(int64_t n) { put(&n, sizeof n); }
static void put_text(const char *text) {
  size_t length = strlen(text);
  put_number((int64_t)length);
  put(text, length);
}
/* 0 at the end of the input. */
static int get(void *data, size_t bytes) { return fread(data, 1, bytes, stdin) == bytes; }
static int64_t get_number(void) {
  int64_t n;
  if (!get(&n, sizeof n))
    exit(4);
  return n;
}

_Noreturn static void refuse(const char *text) {
  put("onnxcerr", 8);
  put_text(text);
  fflush(stdout);
  exit(1);
}

/* Memory at `align` with a guard behind it, filled with a pattern. */
static void *poisoned(size_t bytes, size_t align) {
  void *p = aligned(bytes + GUARD, align);
  if (!p)
    exit(5);
  memset(p, PATTERN, bytes + GUARD);
  return p;
}
static int intact(const void *p, size_t bytes) {
  const unsigned char *guard = (const unsigned char *)p + bytes;
  for (int i = 0; i < GUARD; ++i)
    if (guard[i] != PATTERN)
      return 0;
  return 1;
}

static void *allocate(void *user, size_t bytes, size_t align) {
  (void)user;
  return aligned(bytes, align);
}
static void release(void *user, void *p) {
  (void)user;
  free(p);
}

static size_t element_bytes(int32_t type) {
  switch (type) {
  case ONNXC_TYPE_FLOAT: case ONNXC_TYPE_INT32: case ONNXC_TYPE_UINT32:
    return 4;
  case ONNXC_TYPE_INT64: case ONNXC_TYPE_UINT64: case ONNXC_TYPE_DOUBLE: case ONNXC_TYPE_COMPLEX64:
    return 8;
  case ONNXC_TYPE_COMPLEX128:
    return 16;
  case ONNXC_TYPE_UINT16: case ONNXC_TYPE_INT16: case ONNXC_TYPE_FLOAT16: case ONNXC_TYPE_BFLOAT16:
    return 2;
  default:
    return 1;
  }
}
static size_t tensor_bytes(int32_t type, int32_t rank, const int64_t *dims) {
  size_t n = element_bytes(type);
  for (int32_t d = 0; d < rank; ++d)
    n *= (size_t)dims[d];
  return n;
}
static int is_static(const onnxc_tensor_info *info) {
  for (int32_t d = 0; d < info->rank; ++d)
    if (info->dims[d] < 0)
      return 0;
  return info->rank >= 0;
}

static void greet(const onnxc_model *model) {
  put("onnxcrun", 8);
  put_number(model->arena_bytes);
  put_number(model->state_bytes);
  put_number(model->num_inputs);
  put_number(model->num_outputs);
  for (int32_t i = 0; i < model->num_inputs + model->num_outputs; ++i) {
    const onnxc_tensor_info *info =
        i < model->num_inputs ? &model->inputs[i] : &model->outputs[i - model->num_inputs];
    put_text(info->name);
    put_number(info->type);
    put_number(info->rank);
    for (int32_t d = 0; d < info->rank; ++d)
      put_number(info->dims[d]);
  }
  fflush(stdout);
}

static onnxc_tensor inputs[MAX_PORTS], outputs[MAX_PORTS];
static void *copies[MAX_PORTS];
static char *buffers[MAX_PORTS]; /* outputs of static size */

/* Reads one request; 0 at the end. */
static int read_inputs(const onnxc_model *model) {
  int64_t one;
  if (!get(&one, sizeof one))
    return 0;
  for (int32_t i = 0; i < model->num_inputs; ++i) {
    onnxc_tensor *t = &inputs[i];
    t->type = (int32_t)get_number();
    t->rank = (int32_t)get_number();
    for (int32_t d = 0; d < t->rank; ++d)
      t->dims[d] = get_number();
    t->bytes = (size_t)get_number();
    t->data = aligned(t->bytes, 64);
    copies[i] = malloc(t->bytes + 1);
    if (!t->data || !copies[i] || !get(t->data, t->bytes))
      exit(4);
    memcpy(copies[i], t->data, t->bytes);
  }
  return 1;
}

/* The arena of a run, or each of the regions that the model takes instead. */
static onnxc_region arenas[MAX_REGIONS];
static onnxc_region weights; /* the model's file, where it has one */
static int32_t num_arenas(const onnxc_model *model) {
  return model->flags & ONNXC_FLAG_REGIONS ? model->num_regions : 1;
}
static void make_arenas(const onnxc_model *model) {
  for (int32_t i = 0; i < num_arenas(model); ++i) {
    int one = !(model->flags & ONNXC_FLAG_REGIONS);
    if (!one && i == model->weights_region) {
      arenas[i] = weights;
      continue;
    }
    arenas[i].bytes = (size_t)(one ? model->arena_bytes : model->regions[i].bytes);
    arenas[i].data = arenas[i].bytes ? poisoned(arenas[i].bytes, (size_t)(one ? model->arena_align : model->regions[i].align)) : NULL;
  }
}
static int32_t run(const onnxc_model *model, void *state, onnxc_context *context) {
  if (model->flags & ONNXC_FLAG_REGIONS)
    return model->run(state, context, inputs, outputs, arenas, (size_t)model->num_regions * sizeof arenas[0]);
  return model->run(state, context, inputs, outputs, arenas[0].data, arenas[0].bytes);
}

static const char *defect(const onnxc_model *model, const void *state) {
  if (state && !intact(state, (size_t)model->state_bytes))
    return "wrote past the end of its state";
  for (int32_t i = 0; i < num_arenas(model); ++i)
    if (arenas[i].data && arenas[i].data != weights.data && !intact(arenas[i].data, arenas[i].bytes))
      return "wrote past the end of its arena";
  for (int32_t i = 0; i < model->num_outputs; ++i)
    if (buffers[i] && !intact(buffers[i], tensor_bytes(model->outputs[i].type, model->outputs[i].rank, model->outputs[i].dims)))
      return "wrote past the end of an output";
  for (int32_t i = 0; i < model->num_inputs; ++i)
    if (memcmp(copies[i], inputs[i].data, inputs[i].bytes) != 0)
      return "changed an input";
  return "";
}

static int32_t make_ready(const onnxc_model *model, void *state, onnxc_context *context) {
  return model->init ? model->init(state, (size_t)model->state_bytes, context) : ONNXC_OK;
}

#ifdef SANITIZED
void __asan_set_error_report_callback(void (*callback)(const char *report));
const char *__asan_default_options(void);

/* No memory is an answer of the allocator, and what the model leaves behind is counted by itself. */
const char *__asan_default_options(void) {
  return "detect_leaks=0:allocator_may_return_null=1:exitcode=86";
}
/* A report answers the request, as a defect; then the sanitizer ends the process. */
static void report(const char *text) {
  const char *start = strstr(text, "ERROR: ");
  start = start ? start + 7 : text;
  /* What happened and the first two frames, without the rest. */
  const char *end = start;
  for (int lines = 0; *end && lines < 4; ++end)
    lines += *end == '\n';
  put_number(ONNXC_OK);
  put_number((int64_t)(end - start));
  put(start, (size_t)(end - start));
  fflush(stdout);
}
#endif

static void serve(const onnxc_model *model) {
  onnxc_context context = {0};
  context.version = ONNXC_VERSION;
  context.allocate = allocate;
  context.release = release;
  void *state = model->state_bytes ? poisoned((size_t)model->state_bytes, 64) : NULL;
  int ready = 0;
  while (read_inputs(model)) {
    make_arenas(model);
    for (int32_t i = 0; i < model->num_outputs; ++i) {
      const onnxc_tensor_info *info = &model->outputs[i];
      memset(&outputs[i], 0, sizeof outputs[i]);
      buffers[i] = NULL;
      if (is_static(info)) {
        outputs[i].bytes = tensor_bytes(info->type, info->rank, info->dims);
        outputs[i].data = buffers[i] = poisoned(outputs[i].bytes, 64);
      }
    }
    context.error_message = NULL;
    context.error_node = -1;
    int32_t status = ready ? ONNXC_OK : make_ready(model, state, &context);
    ready = status == ONNXC_OK;
    if (ready)
      status = run(model, state, &context);
    const char *text = status == ONNXC_OK ? defect(model, state) : context.error_message;
    if (!text)
      text = "";
    put_number(status);
    put_text(text);
    for (int32_t i = 0; i < model->num_outputs; ++i) {
      onnxc_tensor *t = &outputs[i];
      if (status == ONNXC_OK && !*text) {
        size_t bytes = tensor_bytes(t->type, t->rank, t->dims);
        put_number(t->type);
        put_number(t->rank);
        for (int32_t d = 0; d < t->rank; ++d)
          put_number(t->dims[d]);
        put_number((int64_t)bytes);
        put(t->data, bytes);
      }
      free(t->data);
    }
    fflush(stdout);
    for (int32_t i = 0; i < model->num_inputs; ++i) {
      free(inputs[i].data);
      free(copies[i]);
    }
    for (int32_t i = 0; i < num_arenas(model); ++i)
      if (arenas[i].data != weights.data)
        free(arenas[i].data);
  }
  if (ready && model->deinit)
    model->deinit(state);
  free(state);
}

#ifdef ONNXC_REMOTE_LINKED
const onnxc_model *onnxc_model_entry(void);
static const onnxc_model *load(int argc, char **argv) {
  (void)argc, (void)argv;
  return onnxc_model_entry();
}
static void read_weights(const char *library) {
  (void)library;
  refuse("the model has its weights in a file, which this program has no name of; link an object with its weights");
}
#else
/* NAME.weights.bin of the library NAME.so. */
static void read_weights(const char *library) {
  static char name[4096];
  size_t length = strlen(library);
  if (length < 3 || length + 16 > sizeof name)
    refuse("the name of the library is too long, or has no .so");
  memcpy(name, library, length - 3);
  strcpy(name + length - 3, ".weights.bin");
  FILE *file = fopen(name, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0)
    refuse("the model's file of weights is not beside its library");
  weights.bytes = (size_t)ftell(file);
  weights.data = aligned(weights.bytes, 64);
  rewind(file);
  if (!weights.data || fread(weights.data, 1, weights.bytes, file) != weights.bytes)
    refuse("the model's file of weights cannot be read");
  fclose(file);
}
static const onnxc_model *load(int argc, char **argv) {
  if (argc != 2)
    refuse("wanted one argument, the library of a model");
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!library)
    refuse(dlerror());
  onnxc_model_entry_fn entry;
  *(void **)&entry = dlsym(library, "onnxc_model_entry");
  if (!entry)
    refuse("the library has no function onnxc_model_entry; make it with onnx-compile --emit=shared");
  return entry();
}
#endif

int main(int argc, char **argv) {
  const onnxc_model *model = load(argc, argv);
  if (!model || model->version != ONNXC_VERSION)
    refuse("the model has another interface version; compile it again with this version");
  if (model->num_inputs > MAX_PORTS || model->num_outputs > MAX_PORTS)
    refuse("the model has too many inputs or outputs for this program");
  if (num_arenas(model) > MAX_REGIONS)
    refuse("the model has too many regions for this program");
  if (model->flags & ONNXC_FLAG_REGIONS && model->weights_region >= 0)
    read_weights(argv[1]);
  greet(model);
#ifdef SANITIZED
  __asan_set_error_report_callback(report);
#endif
  serve(model);
  return 0;
}
