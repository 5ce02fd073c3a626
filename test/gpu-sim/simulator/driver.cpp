// The driver API, with NVIDIA's names and signatures (those that the runtime
// and its tests use), over the simulator. Everything is done when the call
// returns; a kernel's fault is returned by the launch and by every later call,
// as the driver does for the context that it breaks.
//
// What the machine is like comes from the environment, read when it is needed:
//   ONNXC_GPUSIM_KERNELS        a.so:b.so, the translated kernels
//   ONNXC_GPUSIM_REPORT         file for the counters (JSON), written at exit
//   ONNXC_GPUSIM_DEVICES        number of devices (1)
//   ONNXC_GPUSIM_ARCH           80, 90, ... (80)
//   ONNXC_GPUSIM_DRIVER         version of the driver, 12040 for CUDA 12.4
//   ONNXC_GPUSIM_MEMORY         bytes of device memory (8 GiB)
//   ONNXC_GPUSIM_REFUSE_MODULE  what the JIT says when it refuses every module
//   ONNXC_GPUSIM_POINTER_DEVICE number of the device that all pointers belong to (0)
//   ONNXC_GPUSIM_FAIL           FUNCTION=CODE or FUNCTION=CODE@N: the (N-th)
//                               call of that function returns that code
#include "simulator.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

using namespace gpusim;

#define API extern "C" __attribute__((visibility("default"))) int

//===-- The machine -------------------------------------------------------===//

namespace {
enum : int {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NotInitialized = 3,
  NoDevice = 100,
  InvalidDevice = 101,
  InvalidImage = 200,
  InvalidContext = 201,
  NoBinary = 209,
  InvalidPtx = 218,
  InvalidHandle = 400,
  NotFound = 500,
};

const struct {
  int code;
  const char *name, *text;
} errorTexts[] = {
    {Success, "CUDA_SUCCESS", "no error"},
    {InvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NoDevice, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {InvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {InvalidImage, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {InvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {NoBinary, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {InvalidPtx, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."},
    {InvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
};

struct Context {
  int device, retained;
};
struct LoadedModule {
  std::vector<void *> libraries;
  std::vector<const ModuleTable *> modules;
};
struct Function {
  const ModuleTable *module;
  const Kernel *kernel;
  int dynamicShared; ///< that it was allowed, -1 when nobody asked
};
struct Stream {
  Context *context;
};
} // namespace

constexpr int MaxDevices = 8;
constexpr int SharedUnasked = 48 * 1024;
static Context primary[MaxDevices];
static thread_local std::vector<Context *> current;
static bool isInitialised = false;
static int broken = Success; ///< the code of the fault that broke the context
static std::map<Function *, LoadedModule *> functions;
static uint64_t liveModules = 0, liveStreams = 0;
static std::map<uintptr_t, size_t> lockedHost; // by begin

static long setting(const char *name, long otherwise) {
  const char *text = std::getenv(name);
  return text && *text ? std::strtol(text, nullptr, 0) : otherwise;
}
static int devices() {
  long n = setting("ONNXC_GPUSIM_DEVICES", 1);
  return n < MaxDevices ? int(n) : MaxDevices;
}

/// The code that ONNXC_GPUSIM_FAIL wants from this call of `name`.
static int injected(const char *name) {
  static std::map<std::string, long> calls;
  const char *text = std::getenv("ONNXC_GPUSIM_FAIL");
  size_t length = std::strlen(name);
  if (!text || std::strncmp(text, name, length) != 0 || text[length] != '=')
    return Success;
  char *rest;
  long code = std::strtol(text + length + 1, &rest, 10);
  if (*rest != '@')
    return int(code);
  return ++calls[text] == std::strtol(rest + 1, nullptr, 10) ? int(code) : Success;
}

/// One thread at a time: the simulator is one device.
static std::mutex onlyOne;

/// Every function begins with it; those that use the context ask for more.
#define ENTER(name)                                                                                                              \
  std::lock_guard<std::mutex> lock(onlyOne);                                                                                     \
  if (int code = injected(name))                                                                                                 \
    return code;                                                                                                                 \
  if (!isInitialised)                                                                                                            \
    return NotInitialized
#define ENTER_CONTEXT(name)                                                                                                      \
  ENTER(name);                                                                                                                   \
  if (current.empty() || !current.back())                                                                                        \
    return InvalidContext;                                                                                                       \
  if (broken)                                                                                                                    \
  return broken

//===-- Faults of the host ------------------------------------------------===//

static struct sigaction before;

/// Code of the host that touches device memory, and unchecked kernels.
static void onFault(int signal, siginfo_t *info, void *context) {
  auto address = uintptr_t(info->si_addr);
  if (isRunning())
    failBlock(Fault::IllegalAddress, "touches " + memory::describe(address) + " (translate with --checks=bounds to see where)");
  if (memory::isDevice(address))
    noteError("code of the host touches device memory at " + memory::describe(address));
  sigaction(signal, &before, nullptr); // and the instruction faults again
}

static void installHandler() {
  static bool isInstalled = false;
  if (isInstalled)
    return;
  isInstalled = true;
  struct sigaction action = {};
  action.sa_sigaction = onFault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER; // NODEFER: a kernel's fault leaves by longjmp
  sigaction(SIGSEGV, &action, &before);
}

//===-- Start, devices, contexts ------------------------------------------===//

API cuInit(unsigned flags) {
  std::lock_guard<std::mutex> lock(onlyOne);
  if (int code = injected("cuInit"))
    return code;
  if (devices() == 0)
    return NoDevice;
  // Twice the memory as addresses, so that gaps never make it short.
  if (!memory::reserve(2 * uint64_t(setting("ONNXC_GPUSIM_MEMORY", 8l << 30)) + (64 << 20)))
    return OutOfMemory;
  if (!window) {
    // Kernels may keep shared addresses in 32 bits.
    void *p = mmap(nullptr, WindowBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (p == MAP_FAILED)
      return OutOfMemory;
    window = gpusim_shared_window = static_cast<char *>(p);
  }
  installHandler();
  isInitialised = true;
  return flags == 0 ? Success : InvalidValue;
}

API cuDriverGetVersion(int *version) {
  if (int code = injected("cuDriverGetVersion"))
    return code;
  *version = int(setting("ONNXC_GPUSIM_DRIVER", 12040));
  return Success;
}

API cuDeviceGetCount(int *count) {
  ENTER("cuDeviceGetCount");
  *count = devices();
  return Success;
}

API cuDeviceGet(int *device, int ordinal) {
  ENTER("cuDeviceGet");
  if (ordinal < 0 || ordinal >= devices())
    return InvalidDevice;
  *device = ordinal;
  return Success;
}

API cuDeviceGetName(char *name, int bytes, int device) {
  ENTER("cuDeviceGetName");
  std::snprintf(name, size_t(bytes), "onnx-compile GPU simulator");
  return Success;
}

API cuDeviceGetAttribute(int *value, int attribute, int device) {
  ENTER("cuDeviceGetAttribute");
  int arch = int(setting("ONNXC_GPUSIM_ARCH", 80));
  switch (attribute) {
  case 1: // threads per block
    *value = MaxThreads;
    return Success;
  case 75: // compute capability
    *value = arch / 10;
    return Success;
  case 76:
    *value = arch % 10;
    return Success;
  case 97: // shared memory of a block that asks for it
    *value = MaxShared;
    return Success;
  default:
    return InvalidValue;
  }
}

API cuDevicePrimaryCtxRetain(Context **context, int device) {
  ENTER("cuDevicePrimaryCtxRetain");
  if (device < 0 || device >= devices())
    return InvalidDevice;
  primary[device].device = device;
  ++primary[device].retained;
  *context = &primary[device];
  return Success;
}

API cuDevicePrimaryCtxRelease_v2(int device) {
  ENTER("cuDevicePrimaryCtxRelease");
  if (primary[device].retained == 0)
    return InvalidContext;
  if (--primary[device].retained == 0)
    broken = Success; // the next context is a new one
  return Success;
}

API cuCtxGetCurrent(Context **context) {
  ENTER("cuCtxGetCurrent");
  *context = current.empty() ? nullptr : current.back();
  return Success;
}

API cuCtxSetCurrent(Context *context) {
  ENTER("cuCtxSetCurrent");
  if (current.empty())
    current.push_back(nullptr);
  current.back() = context;
  return Success;
}

API cuCtxPushCurrent_v2(Context *context) {
  ENTER("cuCtxPushCurrent");
  if (!context)
    return InvalidContext;
  current.push_back(context);
  return Success;
}

API cuCtxPopCurrent_v2(Context **context) {
  ENTER("cuCtxPopCurrent");
  if (current.empty())
    return InvalidContext;
  *context = current.back();
  current.pop_back();
  return Success;
}

API cuCtxGetDevice(int *device) {
  ENTER("cuCtxGetDevice");
  if (current.empty() || !current.back())
    return InvalidContext;
  *device = current.back()->device;
  return Success;
}

//===-- Memory ------------------------------------------------------------===//

API cuMemGetInfo_v2(size_t *left, size_t *total) {
  ENTER_CONTEXT("cuMemGetInfo");
  *total = size_t(setting("ONNXC_GPUSIM_MEMORY", 8l << 30));
  *left = *total - memory::used();
  return Success;
}

API cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  ENTER_CONTEXT("cuMemAlloc");
  if (bytes == 0)
    return InvalidValue;
  if (bytes > size_t(setting("ONNXC_GPUSIM_MEMORY", 8l << 30)) - memory::used())
    return OutOfMemory;
  *address = memory::allocate(bytes);
  return *address ? Success : OutOfMemory;
}

API cuMemFree_v2(uint64_t address) {
  ENTER("cuMemFree");
  return memory::release(uintptr_t(address)) ? Success : InvalidValue;
}

API cuMemAllocHost_v2(void **p, size_t bytes) {
  ENTER_CONTEXT("cuMemAllocHost");
  *p = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (!*p)
    return OutOfMemory;
  lockedHost[uintptr_t(*p)] = bytes;
  return Success;
}

API cuMemFreeHost(void *p) {
  ENTER("cuMemFreeHost");
  if (!lockedHost.erase(uintptr_t(p)))
    return InvalidValue;
  std::free(p);
  return Success;
}

/// Whether the whole range is one allocation's.
static bool isWithin(uintptr_t address, size_t bytes) {
  const memory::Allocation *a = memory::find(address);
  return a && bytes <= a->end - address;
}

/// Copies, in which every device address is checked.
static int copy(const char *name, void *to, const void *from, size_t bytes, bool toDevice, bool fromDevice) {
  auto check = [&](const void *p, bool device) {
    if (device ? isWithin(uintptr_t(p), bytes) : !memory::isDevice(uintptr_t(p)))
      return true;
    noteError(std::string(name) + " of " + std::to_string(bytes) + " bytes: " + (device ? "wanted device memory" : "wanted host memory") +
              ", got " + memory::describe(uintptr_t(p)));
    return false;
  };
  if (bytes && (!check(to, toDevice) || !check(from, fromDevice)))
    return InvalidValue;
  memory::Access access;
  std::memmove(to, from, bytes);
  return Success;
}

static void *pointer(uint64_t address) { return reinterpret_cast<void *>(uintptr_t(address)); }
static bool isStream(Stream *stream);

API cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, Stream *stream) {
  ENTER_CONTEXT("cuMemcpyHtoDAsync");
  return isStream(stream) ? copy("cuMemcpyHtoDAsync", pointer(to), from, bytes, true, false) : InvalidHandle;
}

API cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, Stream *stream) {
  ENTER_CONTEXT("cuMemcpyDtoHAsync");
  return isStream(stream) ? copy("cuMemcpyDtoHAsync", to, pointer(from), bytes, false, true) : InvalidHandle;
}

API cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, Stream *stream) {
  ENTER_CONTEXT("cuMemcpyDtoDAsync");
  return isStream(stream) ? copy("cuMemcpyDtoDAsync", pointer(to), pointer(from), bytes, true, true) : InvalidHandle;
}

API cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  ENTER_CONTEXT("cuMemcpyHtoD");
  return copy("cuMemcpyHtoD", pointer(to), from, bytes, true, false);
}

API cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  ENTER_CONTEXT("cuMemcpyDtoH");
  return copy("cuMemcpyDtoH", to, pointer(from), bytes, false, true);
}

API cuPointerGetAttributes(unsigned count, int *attributes, void **data, uint64_t address) {
  ENTER_CONTEXT("cuPointerGetAttributes");
  const memory::Allocation *a = memory::find(uintptr_t(address));
  auto locked = lockedHost.upper_bound(uintptr_t(address));
  bool isLocked = locked != lockedHost.begin() && uintptr_t(address) - std::prev(locked)->first < std::prev(locked)->second;
  for (unsigned i = 0; i < count; ++i) {
    unsigned value = 0;
    switch (attributes[i]) {
    case 2: // memory type: host 1, device 2, 0 for memory that the driver does not know
      value = a && !a->isOwn ? 2 : isLocked ? 1 : 0;
      break;
    case 8: // managed
      break;
    case 9: // device; ONNXC_GPUSIM_POINTER_DEVICE says that it is another's
      value = a ? unsigned(setting("ONNXC_GPUSIM_POINTER_DEVICE", 0)) : unsigned(-2);
      break;
    default:
      return InvalidValue;
    }
    std::memcpy(data[i], &value, sizeof value);
  }
  return Success;
}

//===-- Modules -----------------------------------------------------------===//

namespace {
/// The log buffer that the caller of cuModuleLoadDataEx gave.
struct JitLog {
  char *buffer = nullptr;
  size_t bytes = 0;
  void write(const std::string &text) const {
    if (buffer && bytes)
      std::snprintf(buffer, bytes, "%s", text.c_str());
  }
};
} // namespace

/// The number behind `word` in the text, or -1.
static long numberAfter(const std::string &text, const char *word) {
  size_t at = text.find(word);
  return at == std::string::npos ? -1 : std::strtol(text.c_str() + at + std::strlen(word), nullptr, 10);
}

/// Names of the `.entry` functions of PTX text.
static std::vector<std::string> entriesOf(const std::string &ptx) {
  std::vector<std::string> names;
  for (size_t at = 0; (at = ptx.find(".entry ", at)) != std::string::npos;) {
    at += 7;
    size_t end = ptx.find_first_of("( \t\n", at);
    names.push_back(ptx.substr(at, end - at));
  }
  return names;
}

static const Kernel *kernelOf(const LoadedModule &loaded, const std::string &name, const ModuleTable **module) {
  for (const ModuleTable *m : loaded.modules)
    for (uint32_t k = 0; k < m->kernelCount; ++k)
      if (name == m->kernels[k].name) {
        *module = m;
        return &m->kernels[k];
      }
  return nullptr;
}

static void unload(LoadedModule *loaded) {
  for (const ModuleTable *m : loaded->modules)
    for (uint32_t v = 0; v < m->variableCount; ++v)
      memory::removeVariable(m->variables[v]);
  for (void *library : loaded->libraries)
    dlclose(library);
  delete loaded;
}

/// Opens the translated kernels; empty or what is wrong.
static std::string openKernels(LoadedModule &loaded) {
  const char *list = std::getenv("ONNXC_GPUSIM_KERNELS");
  if (!list || !*list)
    return "ONNXC_GPUSIM_KERNELS names no translated kernels";
  std::string rest = list;
  while (!rest.empty()) {
    size_t colon = rest.find(':');
    std::string path = rest.substr(0, colon);
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
      return dlerror();
    loaded.libraries.push_back(library);
    auto *module = static_cast<const ModuleTable *>(dlsym(library, "gpusim_module"));
    if (!module || module->version != Version)
      return path + " was not made by this gpu-sim-translate";
    loaded.modules.push_back(module);
    for (uint32_t v = 0; v < module->variableCount; ++v)
      memory::addVariable(module->variables[v]);
  }
  return "";
}

API cuModuleLoadDataEx(LoadedModule **result, const void *image, unsigned count, int *options, void **values) {
  ENTER_CONTEXT("cuModuleLoadDataEx");
  JitLog log;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == 5)
      log.buffer = static_cast<char *>(values[i]);
    if (options[i] == 6)
      log.bytes = size_t(uintptr_t(values[i]));
  }
  if (const char *refusal = std::getenv("ONNXC_GPUSIM_REFUSE_MODULE")) {
    log.write(refusal);
    return InvalidPtx;
  }
  long arch = setting("ONNXC_GPUSIM_ARCH", 80);
  std::vector<std::string> entries;
  if (std::memcmp(image, "\177ELF", 4) != 0) {
    std::string ptx = static_cast<const char *>(image);
    if (ptx.find(".version ") == std::string::npos) {
      log.write("the image is neither PTX nor a cubin");
      return InvalidImage;
    }
    long wanted = numberAfter(ptx, ".target sm_");
    if (wanted > arch) {
      log.write("the PTX is for sm_" + std::to_string(wanted) + ", the device is sm_" + std::to_string(arch));
      return NoBinary;
    }
    entries = entriesOf(ptx);
  }
  auto *loaded = new LoadedModule;
  std::string wrong = openKernels(*loaded);
  const ModuleTable *module;
  for (const std::string &name : entries)
    if (wrong.empty() && !kernelOf(*loaded, name, &module))
      wrong = "the PTX has a kernel '" + name + "' that the translated kernels have not: they are of another compilation";
  if (!wrong.empty()) {
    log.write("gpu-sim: " + wrong);
    unload(loaded);
    return InvalidImage;
  }
  ++liveModules;
  *result = loaded;
  return Success;
}

API cuModuleUnload(LoadedModule *module) {
  ENTER("cuModuleUnload");
  for (auto it = functions.begin(); it != functions.end();)
    if (it->second == module) {
      delete it->first;
      it = functions.erase(it);
    } else {
      ++it;
    }
  unload(module);
  --liveModules;
  return Success;
}

API cuModuleGetFunction(Function **function, LoadedModule *loaded, const char *name) {
  ENTER_CONTEXT("cuModuleGetFunction");
  const ModuleTable *module = nullptr;
  const Kernel *kernel = kernelOf(*loaded, name, &module);
  if (!kernel)
    return NotFound;
  *function = new Function{module, kernel, -1};
  functions[*function] = loaded;
  return Success;
}

API cuFuncSetAttribute(Function *function, int attribute, int value) {
  ENTER_CONTEXT("cuFuncSetAttribute");
  if (attribute != 8 || value < 0 || uint32_t(value) + function->kernel->staticShared > MaxShared)
    return InvalidValue;
  function->dynamicShared = value;
  return Success;
}

//===-- Streams and launches ----------------------------------------------===//

static std::map<Stream *, bool> streams;

static bool isStream(Stream *stream) { return !stream || streams.count(stream); }

API cuStreamCreate(Stream **stream, unsigned flags) {
  ENTER_CONTEXT("cuStreamCreate");
  *stream = new Stream{current.back()};
  streams[*stream] = true;
  ++liveStreams;
  return Success;
}

API cuStreamDestroy_v2(Stream *stream) {
  ENTER("cuStreamDestroy");
  if (!streams.erase(stream))
    return InvalidHandle;
  delete stream;
  --liveStreams;
  return Success;
}

API cuStreamGetCtx(Stream *stream, Context **context) {
  ENTER_CONTEXT("cuStreamGetCtx");
  if (!isStream(stream))
    return InvalidHandle;
  *context = stream ? stream->context : current.back();
  return Success;
}

static uint64_t waits = 0;

API cuStreamSynchronize(Stream *stream) {
  ENTER_CONTEXT("cuStreamSynchronize");
  ++waits;
  return isStream(stream) ? Success : InvalidHandle;
}

API cuLaunchKernel(Function *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                   Stream *stream, void **parameters, void **extra) {
  ENTER_CONTEXT("cuLaunchKernel");
  const Kernel &kernel = *function->kernel;
  uint64_t threadCount = uint64_t(bx) * by * bz;
  auto refuse = [&](const std::string &why) {
    noteError(std::string("kernel ") + kernel.name + ": cannot launch: " + why);
    return InvalidValue;
  };
  if (!isStream(stream))
    return InvalidHandle;
  if (!gx || !gy || !gz || gx > 0x7fffffffu || gy > 65535 || gz > 65535)
    return refuse("a grid of " + std::to_string(gx) + " x " + std::to_string(gy) + " x " + std::to_string(gz));
  if (!threadCount || bx > MaxThreads || by > MaxThreads || bz > 64 || threadCount > MaxThreads)
    return refuse("a block of " + std::to_string(bx) + " x " + std::to_string(by) + " x " + std::to_string(bz) + " threads");
  if (kernel.maxThreads && threadCount > kernel.maxThreads)
    return refuse("a block of " + std::to_string(threadCount) + " threads; the kernel was compiled for " + std::to_string(kernel.maxThreads));
  int64_t allowed = function->dynamicShared >= 0 ? function->dynamicShared : SharedUnasked - int64_t(kernel.staticShared);
  if (shared > allowed)
    return refuse(std::to_string(shared) + " bytes of dynamic shared memory; allowed are " + std::to_string(allowed));
  if (extra || (kernel.parameters && !parameters))
    return refuse("parameters must be given as an array of pointers");
  Launch what = {};
  what.module = function->module;
  what.kernel = &kernel;
  what.parameters = parameters;
  const uint32_t grid[] = {gx, gy, gz}, block[] = {bx, by, bz};
  std::memcpy(what.grid, grid, sizeof grid);
  std::memcpy(what.block, block, sizeof block);
  what.dynamicShared = shared;
  broken = int(run(what));
  return broken;
}

//===-- Errors ------------------------------------------------------------===//

API cuGetErrorName(int code, const char **name) {
  for (const auto &e : errorTexts)
    if (e.code == code) {
      *name = e.name;
      return Success;
    }
  return InvalidValue;
}

API cuGetErrorString(int code, const char **text) {
  for (const auto &e : errorTexts)
    if (e.code == code) {
      *text = e.text;
      return Success;
    }
  return InvalidValue;
}

//===-- For tests ---------------------------------------------------------===//

/// What is not given back: allocations, modules, contexts, streams; and how
/// often a stream was waited for.
API gpusim_live(uint64_t counts[5]) {
  counts[0] = memory::live();
  counts[1] = liveModules;
  counts[2] = 0;
  for (const Context &context : primary)
    counts[2] += uint64_t(context.retained);
  counts[3] = liveStreams;
  counts[4] = waits;
  return int(current.size());
}
