// Loading compiled models and running them.
#include "Model.h"
#include "Error.h"
#include "onnxc_pool.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

namespace onnxc::run {

//===-- Loading -----------------------------------------------------------===//

/// Checks what later code relies on, so that a foreign or damaged library is
/// an error and not a crash.
static llvm::Error checkRecord(const onnxc_model *model,
                               llvm::StringRef label) {
  if (!model)
    return userError(label + ": onnxc_model_entry returned no model; compile "
                             "the model again");
  if (model->version != ONNXC_VERSION)
    return userError(label + ": has interface version " +
                     llvm::Twine(model->version) + ", wanted " +
                     llvm::Twine(ONNXC_VERSION) +
                     "; compile the model again with this version");
  if (!model->run || !model->init != !model->deinit || model->num_inputs < 0 ||
      model->num_outputs < 0)
    return userError(label + ": model record is incomplete; compile the model "
                             "again");
  auto check = [&](llvm::ArrayRef<onnxc_tensor_info> ports) -> llvm::Error {
    for (const onnxc_tensor_info &port : ports)
      if (port.rank > ONNXC_MAX_RANK || !port.name)
        return userError(label + ": model record has a tensor of rank " +
                         llvm::Twine(port.rank) + ", wanted at most " +
                         llvm::Twine(ONNXC_MAX_RANK));
    return llvm::Error::success();
  };
  if ((model->flags & ONNXC_FLAG_REGIONS) &&
      (model->num_regions < 0 || !model->regions ||
       model->weights_region >= model->num_regions))
    return userError(label + ": model record is incomplete; compile the model "
                             "again");
  if (llvm::Error error =
          check({model->inputs, static_cast<size_t>(model->num_inputs)}))
    return error;
  return check({model->outputs, static_cast<size_t>(model->num_outputs)});
}

namespace {
class LocalModel : public LoadedModel {
public:
  LocalModel(void *handle, const onnxc_model *record, std::string name,
             ThreadPool pool, Buffer file)
      : LoadedModel(std::move(name)), handle(handle), pool(std::move(pool)),
        file(std::move(file)) {
    model = record;
  }
  ~LocalModel() override { dlclose(handle); }
  llvm::Expected<int32_t> execute(void *state, onnxc_context *context,
                                  llvm::ArrayRef<onnxc_tensor> inputs,
                                  llvm::MutableArrayRef<onnxc_tensor> outputs,
                                  void *arena,
                                  size_t arenaBytes) const override {
    return model->run(state, context, inputs.data(), outputs.data(), arena,
                      arenaBytes);
  }

  onnxc_executor *executor() const override { return pool.executor(); }
  const Buffer *weights() const override {
    return file.data() ? &file : nullptr;
  }

private:
  void *handle;
  ThreadPool pool;
  Buffer file;
};
} // namespace

/// The file of weights that `model` of the library `path` wants: `file`, or
/// NAME.weights.bin beside it.
static llvm::Expected<Buffer> readWeights(const onnxc_model *model,
                                          llvm::StringRef path,
                                          llvm::StringRef label,
                                          llvm::StringRef file) {
  bool wanted = (model->flags & ONNXC_FLAG_REGIONS) && model->weights_region >= 0;
  if (!wanted && !file.empty())
    return userError("--weights-file: " + label + " has its weights inside; make a "
                     "library that reads them with --emit=shared,weights");
  if (!wanted)
    return Buffer();
  std::string beside = path.str();
  if (path.ends_with(".so"))
    beside.resize(beside.size() - 3);
  beside += ".weights.bin";
  llvm::StringRef name = file.empty() ? llvm::StringRef(beside) : file;
  auto text = llvm::MemoryBuffer::getFile(name, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!text)
    return userError(label + ": cannot read its weights, '" + name +
                     "': " + text.getError().message() +
                     "; name the file of --emit=weights with --weights-file");
  size_t bytes = (*text)->getBufferSize();
  Buffer result(bytes, 64);
  if (!result.data())
    return userError(label + ": got no memory for its weights of " +
                     llvm::Twine(bytes) + " bytes");
  std::memcpy(result.data(), (*text)->getBufferStart(), bytes);
  return std::move(result);
}

llvm::Expected<std::unique_ptr<LoadedModel>>
LoadedModel::open(llvm::StringRef path, llvm::StringRef label, int threads,
                  llvm::StringRef weights) {
  auto pool = ThreadPool::create(threads);
  if (!pool)
    return pool.takeError();
  // Without a slash dlopen would search the library path instead.
  llvm::SmallString<256> absolute(path);
  if (std::error_code ec = llvm::sys::fs::make_absolute(absolute))
    return userError(label + ": cannot load: " + ec.message());
  void *handle = dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return userError(label + ": cannot load: " + dlerror());
  auto entry = reinterpret_cast<onnxc_model_entry_fn>(
      dlsym(handle, "onnxc_model_entry"));
  if (!entry) {
    dlclose(handle);
    return userError(label + ": has no function onnxc_model_entry; make it "
                             "with onnx-compile --emit=shared");
  }
  const onnxc_model *model = entry();
  if (llvm::Error error = checkRecord(model, label)) {
    dlclose(handle);
    return error;
  }
  auto file = readWeights(model, path, label, weights);
  if (!file) {
    dlclose(handle);
    return file.takeError();
  }
  return std::make_unique<LocalModel>(handle, model, label.str(),
                                      std::move(*pool), std::move(*file));
}

int32_t LoadedModel::init(void *state, size_t bytes,
                          onnxc_context *context) const {
  return model->init ? model->init(state, bytes, context) : ONNXC_OK;
}

void LoadedModel::deinit(void *state) const {
  if (model->deinit)
    model->deinit(state);
}

llvm::ArrayRef<onnxc_tensor_info> LoadedModel::inputs() const {
  return {model->inputs, static_cast<size_t>(model->num_inputs)};
}

llvm::ArrayRef<onnxc_tensor_info> LoadedModel::outputs() const {
  return {model->outputs, static_cast<size_t>(model->num_outputs)};
}

llvm::ArrayRef<onnxc_region_info> LoadedModel::regions() const {
  if (!(model->flags & ONNXC_FLAG_REGIONS))
    return {};
  return {model->regions, static_cast<size_t>(model->num_regions)};
}

llvm::ArrayRef<int64_t> dimsOf(const onnxc_tensor_info &info) {
  return {info.dims, static_cast<size_t>(std::max(info.rank, 0))};
}

//===-- Memory ------------------------------------------------------------===//

static constexpr size_t GuardBytes = 64;
static constexpr int Pattern = 0xa5;

/// Memory at least at the alignment of every element type and vector.
static void *alignedMemory(size_t bytes, size_t align) {
  align = std::max<size_t>(align, 64);
  size_t rounded = (bytes + align - 1) / align * align;
  return rounded < bytes ? nullptr : std::aligned_alloc(align, rounded);
}

void Buffer::Free::operator()(void *p) const { std::free(p); }

Buffer::Buffer(size_t bytes, size_t align)
    : memory(alignedMemory(bytes + GuardBytes, align)), start(memory.get()),
      bytes(bytes) {}

void Buffer::poison() {
  if (start)
    std::memset(start, Pattern, bytes + GuardBytes);
}

bool Buffer::intact() const {
  const auto *guard = static_cast<const uint8_t *>(start);
  return !guard || std::all_of(guard + bytes, guard + bytes + GuardBytes,
                               [](uint8_t byte) { return byte == Pattern; });
}

//===-- Threads -----------------------------------------------------------===//

void ThreadPool::Free::operator()(void *p) const { std::free(p); }

llvm::Expected<ThreadPool> ThreadPool::create(int threads) {
  ThreadPool result;
  if (threads == 1)
    return std::move(result);
  size_t bytes = onnxc_pool_bytes(threads);
  if (bytes == 0)
    return userError("--threads: got " + llvm::Twine(threads) +
                     ", wanted 1 to " + llvm::Twine(ONNXC_POOL_MAX_THREADS));
  result.memory.reset(alignedMemory(bytes, 64));
  int32_t status = onnxc_pool_init(result.memory.get(), bytes, threads, &result.pool);
  if (status != ONNXC_OK)
    return userError("cannot start " + llvm::Twine(threads) +
                     " threads: " + onnxc_status_string(status));
  return std::move(result);
}

ThreadPool::~ThreadPool() {
  if (pool)
    onnxc_pool_deinit(pool);
}

//===-- Runs --------------------------------------------------------------===//

void *Session::allocate(void *user, size_t bytes, size_t align) {
  void *p = alignedMemory(std::max<size_t>(bytes, 1), align);
  if (p)
    ++static_cast<Session *>(user)->live;
  return p;
}

void Session::release(void *user, void *p) {
  if (p)
    --static_cast<Session *>(user)->live;
  std::free(p);
}

Session::Session(const LoadedModel &model)
    : model(model), in(model.inputs().size()), out(model.outputs().size()),
      outBuffers(model.outputs().size()) {
  const onnxc_model &record = model.record();
  auto align = static_cast<size_t>(std::max<int64_t>(record.arena_align, 1));
  auto bytesOf = [](int64_t n) {
    return static_cast<size_t>(std::max<int64_t>(n, 0));
  };
  for (const onnxc_region_info &region : model.regions())
    if (!model.weights() ||
        &region != &model.regions()[static_cast<size_t>(record.weights_region)])
      arenas.emplace_back(bytesOf(region.bytes), bytesOf(region.align));
  if (model.regions().empty())
    arenas.emplace_back(bytesOf(record.arena_bytes), align);
  for (const Buffer &buffer : arenas)
    regions.push_back({buffer.size() ? buffer.data() : nullptr, buffer.size()});
  if (const Buffer *weights = model.weights())
    regions.insert(regions.begin() + record.weights_region,
                   {weights->data(), weights->size()});
  state = Buffer(static_cast<size_t>(std::max<int64_t>(record.state_bytes, 0)),
                 align);
  if (state.data())
    std::memset(state.data(), 0, state.size());
  for (size_t i = 0; i < out.size(); ++i) {
    const onnxc_tensor_info &info = model.outputs()[i];
    const ElementType *type = elementType(info.type);
    std::optional<int64_t> count = countElements(dimsOf(info));
    out[i] = {};
    out[i].type = info.type;
    out[i].rank = info.rank;
    std::copy(std::begin(info.dims), std::end(info.dims), out[i].dims);
    if (info.rank < 0 || !count || !type)
      continue;
    outBuffers[i] = Buffer(static_cast<size_t>(*count) * type->bytes, 64);
    out[i].data = outBuffers[i].data();
    out[i].bytes = outBuffers[i].size();
  }
  context.version = ONNXC_VERSION;
  context.user = this;
  context.allocate = allocate;
  context.release = release;
  context.executor = model.executor();
}

Session::~Session() {
  releaseOutputs();
  if (isReady)
    model.deinit(state.size() ? state.data() : nullptr);
}

int64_t Session::handedOut() const {
  int64_t count = 0;
  for (size_t i = 0; i < out.size(); ++i)
    count += !outBuffers[i].data() && out[i].data;
  return count;
}

void Session::releaseOutputs() {
  for (size_t i = 0; i < out.size(); ++i) {
    if (outBuffers[i].data())
      continue;
    if (out[i].data)
      release(this, out[i].data);
    out[i].data = nullptr;
    out[i].bytes = 0;
  }
}

/// Whether concrete `dims` fit the declared ones.
static bool dimsFit(llvm::ArrayRef<int64_t> dims,
                    const onnxc_tensor_info &info) {
  if (info.rank < 0)
    return dims.size() <= ONNXC_MAX_RANK;
  llvm::ArrayRef<int64_t> declared = dimsOf(info);
  if (dims.size() != declared.size())
    return false;
  for (size_t d = 0; d < dims.size(); ++d)
    if (declared[d] >= 0 && declared[d] != dims[d])
      return false;
  return true;
}

/// What the machine could not give of the memory that a run works in.
static llvm::Error noMemory(const llvm::Twine &what, size_t bytes) {
  return userError(what + ": got no memory for its " + llvm::Twine(bytes) +
                   " bytes; run it with smaller dims or on another machine");
}

llvm::Error Session::bind(NamedTensors &inputs) {
  for (size_t i = 0; i < out.size(); ++i)
    if (outBuffers[i].size() && !outBuffers[i].data())
      return noMemory(model.label() + ": output '" + model.outputs()[i].name + "'", outBuffers[i].size());
  for (const Buffer &arena : arenas)
    if (arena.size() && !arena.data())
      return noMemory(model.label() + ": the arena", arena.size());
  auto list = [](llvm::ArrayRef<std::string> names) {
    std::string text;
    for (const std::string &name : names)
      text += (text.empty() ? "'" : ", '") + name + "'";
    return text.empty() ? std::string("none") : text;
  };
  std::vector<std::string> wanted, given;
  for (const onnxc_tensor_info &info : model.inputs())
    wanted.push_back(info.name);
  for (const auto &entry : inputs)
    given.push_back(entry.first);
  for (const std::string &name : given)
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end())
      return userError(model.label() + ": got a tensor '" + name +
                       "' that is no input; the inputs are " + list(wanted));

  for (size_t i = 0; i < in.size(); ++i) {
    const onnxc_tensor_info &info = model.inputs()[i];
    std::string where = (model.label() + ": input '" + info.name + "'");
    auto *tensor = const_cast<Tensor *>(findTensor(inputs, info.name));
    if (!tensor)
      return userError(where + " is missing; given are " + list(given));
    if (info.type == ONNXC_TYPE_STRING || !elementType(info.type))
      return unsupportedError(where + " has element type " +
                              typeName(info.type) +
                              ", which the C interface does not carry");
    if (!reinterpretAs(*tensor, info.type))
      return userError(where + ": got element type " + typeName(tensor->type) +
                       ", wanted " + typeName(info.type) +
                       "; convert the array before saving it");
    if (!dimsFit(tensor->dims, info))
      return userError(where + ": got shape " + shapeString(tensor->dims) +
                       ", wanted " + shapeString(dimsOf(info)));
    onnxc_tensor &slot = in[i];
    slot = {};
    slot.data = tensor->bytes.data();
    slot.bytes = tensor->bytes.size();
    slot.type = info.type;
    slot.rank = static_cast<int32_t>(tensor->dims.size());
    std::copy(tensor->dims.begin(), tensor->dims.end(), slot.dims);
  }
  return llvm::Error::success();
}

llvm::Error Session::run() {
  releaseOutputs();
  live = 0;
  context.error_code = ONNXC_OK;
  context.error_node = -1;
  context.error_message = nullptr;
  void *memory = state.size() ? state.data() : nullptr;
  if (!isReady) {
    int32_t status = model.init(memory, state.size(), &context);
    if (status != ONNXC_OK)
      return failed("cannot be made ready", status);
    isReady = true;
  }
  auto status =
      model.regions().empty()
          ? model.execute(memory, &context, in, out, regions[0].data,
                          regions[0].bytes)
          : model.execute(memory, &context, in, out, regions.data(),
                          regions.size() * sizeof(onnxc_region));
  if (!status)
    return status.takeError();
  if (*status == ONNXC_OK)
    return llvm::Error::success();
  // A failed run may leave what it allocated so far in the outputs.
  return failed("run failed", *status);
}

llvm::Error Session::failed(llvm::StringRef what, int32_t status) const {
  std::string text = (model.label() + ": " + what + ": " +
                      onnxc_status_string(status) + " (status " +
                      llvm::Twine(status) + ")")
                         .str();
  if (context.error_message)
    text += std::string(": ") + context.error_message;
  return userError(text);
}

llvm::Error compiledModelError(llvm::StringRef label,
                               const llvm::Twine &what) {
  return llvm::make_error<RunError>(
      (label + ": compiled model " + what +
       "; this is a bug of the compiler, please report it with the model")
          .str(),
      ExitInternal);
}

llvm::Error Session::runChecked() {
  for (Buffer &arena : arenas)
    arena.poison();
  for (Buffer &buffer : outBuffers)
    buffer.poison();
  std::vector<std::vector<uint8_t>> before;
  for (const onnxc_tensor &tensor : in) {
    const auto *data = static_cast<const uint8_t *>(tensor.data);
    before.emplace_back(data, data + tensor.bytes);
  }
  if (llvm::Error error = run())
    return error;
  auto compilerError = [&](const llvm::Twine &what) {
    return compiledModelError(model.label(), what);
  };
  for (const Buffer &arena : arenas)
    if (!arena.intact())
      return compilerError("wrote past the end of its arena");
  for (size_t i = 0; i < out.size(); ++i)
    if (!outBuffers[i].intact())
      return compilerError("wrote past the end of output '" +
                           llvm::Twine(model.outputs()[i].name) + "'");
  for (size_t i = 0; i < in.size(); ++i)
    if (!before[i].empty() &&
        std::memcmp(before[i].data(), in[i].data, before[i].size()) != 0)
      return compilerError("changed its input '" +
                           llvm::Twine(model.inputs()[i].name) + "'");
  return llvm::Error::success();
}

llvm::Expected<NamedTensors> Session::outputs() const {
  NamedTensors result;
  for (size_t i = 0; i < out.size(); ++i) {
    const onnxc_tensor_info &info = model.outputs()[i];
    const onnxc_tensor &slot = out[i];
    std::string where = model.label() + ": output '" + info.name + "'";
    if (slot.type == ONNXC_TYPE_STRING || !elementType(slot.type))
      return unsupportedError(where + " has element type " +
                              typeName(slot.type) +
                              ", which the C interface does not carry");
    bool badRank = slot.rank < 0 || slot.rank > ONNXC_MAX_RANK;
    llvm::ArrayRef<int64_t> dims(slot.dims,
                                 badRank ? 0 : static_cast<size_t>(slot.rank));
    std::optional<int64_t> count = countElements(dims);
    if (badRank || !count || (*count && !slot.data))
      return llvm::make_error<RunError>(
          where + " came back with rank " + std::to_string(slot.rank) +
              ", shape " + shapeString(dims) + " and " +
              (slot.data ? "data" : "no data") +
              "; this is a bug of the compiler, please report it",
          ExitInternal);
    Tensor tensor(slot.type, dims);
    if (outBuffers[i].data() && tensor.bytes.size() > outBuffers[i].size())
      return llvm::make_error<RunError>(
          where + " came back with shape " + shapeString(dims) +
              ", declared is " + shapeString(dimsOf(info)) +
              "; this is a bug of the compiler, please report it",
          ExitInternal);
    if (!tensor.bytes.empty())
      std::memcpy(tensor.bytes.data(), slot.data, tensor.bytes.size());
    result.emplace_back(info.name, std::move(tensor));
  }
  return result;
}

} // namespace onnxc::run
