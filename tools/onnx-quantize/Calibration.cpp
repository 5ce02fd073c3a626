// Samples from .npz and .npy files.
#include "Calibration.h"
#include "Error.h"
#include "Files.h"
#include "Image.h"
#include "Npz.h"
#include "onnxc.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <algorithm>
#include <cstring>

namespace onnxc::quantize {

namespace fs = llvm::sys::fs;
using run::NamedTensors;
using run::Port;
using run::Tensor;
using run::userError;

/// The array of class numbers that a file may hold beside the inputs.
static constexpr llvm::StringLiteral LabelArray = "labels";

static bool isSampleFile(llvm::StringRef path) {
  return path.ends_with(".npz") || path.ends_with(".npy") || isImageFile(path);
}

llvm::Error CalibrationSet::addFile(llvm::StringRef path) {
  fs::file_status status;
  if (std::error_code ec = fs::status(path, status))
    return userError("--calibration " + path + ": cannot read: " + ec.message());
  files.push_back(path.str());
  id += path.str() + " " + std::to_string(status.getSize()) + " " +
        std::to_string(status.getLastModificationTime().time_since_epoch().count()) + "\n";
  return llvm::Error::success();
}

llvm::Error CalibrationSet::addFolder(llvm::StringRef path) {
  std::vector<std::string> found;
  std::error_code ec;
  for (fs::directory_iterator it(path, ec), end; it != end && !ec; it.increment(ec))
    if (isSampleFile(it->path()))
      found.push_back(it->path());
  if (ec)
    return userError("--calibration " + path + ": cannot read: " + ec.message());
  if (found.empty())
    return userError("--calibration " + path + ": the folder has no .npz, .npy, .png, .ppm or .pgm files");
  llvm::sort(found);
  for (const std::string &file : found)
    if (llvm::Error error = addFile(file))
      return error;
  return llvm::Error::success();
}

llvm::Expected<CalibrationSet> CalibrationSet::open(const Options &options, const run::ModelInfo &model,
                                                    const run::Request &request) {
  CalibrationSet set;
  set.model = options.model;
  for (const Port &port : model.inputs)
    if (!port.hasDefault && !request.values.count(port.name))
      set.ports.push_back(port);
  if (set.ports.empty())
    return userError(options.model + ": has no inputs, so nothing can be observed");
  set.limit = options.samples;
  set.wholeFiles = options.wholeFiles;
  set.mean = options.mean;
  set.deviation = options.deviation;
  set.isRandom = options.calibration.empty();
  set.shapes = request.shapes;
  set.ranges = request.ranges;
  set.seed = static_cast<uint64_t>(request.seed);
  for (const std::string &path : options.calibration) {
    llvm::Error error = fs::is_directory(path) ? set.addFolder(path)
                        : isSampleFile(path)   ? set.addFile(path)
                                               : userError("--calibration " + path +
                                                           ": wanted a folder, or an .npz, .npy, .png, .ppm or .pgm file");
    if (error)
      return std::move(error);
  }
  for (size_t i = 0; i < set.mean.size(); ++i)
    set.id += "mean " + std::to_string(set.mean[i]) + "\n";
  for (size_t i = 0; i < set.deviation.size(); ++i)
    set.id += "std " + std::to_string(set.deviation[i]) + "\n";
  set.id += "samples " + std::to_string(set.limit) + (set.wholeFiles ? " whole" : "") + "\n";
  if (set.isRandom) {
    set.id += "random " + std::to_string(set.seed) + "\n";
    for (const auto &[name, shape] : set.shapes)
      set.id += name + " " + run::shapeString(shape) + "\n";
    for (const auto &[name, range] : set.ranges.byName)
      set.id += name + " " + std::to_string(range.low) + " " + std::to_string(range.high) + "\n";
    if (set.ranges.all)
      set.id += std::to_string(set.ranges.all->low) + " " + std::to_string(set.ranges.all->high) + "\n";
  }
  return set;
}

//===-- Samples of a file -------------------------------------------------===//

/// The elements as another type; false unless both are floats or both integers.
static bool convertTo(Tensor &tensor, int32_t type) {
  if (run::reinterpretAs(tensor, type))
    return true;
  const run::ElementType *from = run::elementType(tensor.type), *to = run::elementType(type);
  auto isInteger = [](const run::ElementType *row) {
    return row->kind == run::ElementKind::Signed || row->kind == run::ElementKind::Unsigned;
  };
  bool areFloats = from->kind == run::ElementKind::Float && to->kind == run::ElementKind::Float;
  if (!areFloats && !(isInteger(from) && isInteger(to)))
    return false;
  Tensor converted(type, tensor.dims);
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    run::storeDouble(*to, run::loadDouble(*from, tensor.bytes.data() + static_cast<size_t>(i) * from->bytes),
                     converted.bytes.data() + static_cast<size_t>(i) * to->bytes);
  tensor = std::move(converted);
  return true;
}

static std::string wantedShape(const Port &port) {
  std::vector<int64_t> dims;
  for (const run::PortDim &dim : port.dims)
    dims.push_back(dim.size);
  return run::shapeString(dims);
}

/// Brings an array to the input's type, and to one more dimension in front that
/// counts samples, `samples` many.
llvm::Error CalibrationSet::fit(Tensor &tensor, const Port &port, llvm::StringRef where, int64_t &samples) const {
  std::string input = (where + ": input '" + port.name + "'").str();
  if (!convertTo(tensor, port.type))
    return userError(input + ": got element type " + run::typeName(tensor.type) + ", wanted " +
                     run::typeName(port.type) + "; convert the array before saving it");
  if (tensor.numElements() == 0)
    return userError(input + ": is empty: its shape is " + run::shapeString(tensor.dims));
  samples = 1;
  if (!port.hasShape) {
    tensor.dims.insert(tensor.dims.begin(), 1);
    return llvm::Error::success();
  }
  size_t rank = port.dims.size(), extra = tensor.dims.size() - rank;
  bool fits = tensor.dims.size() == rank || (tensor.dims.size() == rank + 1 && !wholeFiles);
  for (size_t d = extra == 0 && !wholeFiles ? 1 : 0; fits && d < rank; ++d)
    fits = port.dims[d].size < 0 || port.dims[d].size == tensor.dims[d + extra];
  if (fits && extra == 1) {
    samples = tensor.dims[0];
    return llvm::Error::success();
  }
  if (fits && rank > 0 && !wholeFiles) {
    // Rows of the first dimension, in portions of the model's batch.
    int64_t batch = std::max<int64_t>(port.dims[0].size, 1);
    fits = tensor.dims[0] % batch == 0;
    samples = tensor.dims[0] / batch;
    tensor.dims[0] = batch;
  }
  if (!fits)
    return userError(input + ": got shape " + run::shapeString(tensor.dims) + ", wanted " + wantedShape(port) +
                     (wholeFiles ? "" : ", or several of these behind each other"));
  tensor.dims.insert(tensor.dims.begin(), samples);
  return llvm::Error::success();
}

/// A picture as the model's only input takes it: [n, c, h, w] or [n, h, w, c].
llvm::Expected<Tensor> CalibrationSet::readImage(const std::string &file) const {
  const Port &port = ports.front();
  auto isChannels = [&](size_t d) { return port.dims[d].size == 1 || port.dims[d].size == 3; };
  bool isPicture = ports.size() == 1 && port.type == ONNXC_TYPE_FLOAT && port.dims.size() == 4;
  bool isLast = isPicture && !isChannels(1);
  if (!isPicture || (isLast && !isChannels(3)))
    return userError(file + ": a picture is no input of " + model +
                     ", which would be one of float32 [n, c, h, w] or [n, h, w, c], c 1 or 3; give arrays");
  auto side = [&](size_t d) {
    auto given = shapes.find(port.name);
    return given != shapes.end() && given->second.size() == 4 ? given->second[d] : port.dims[d].size;
  };
  size_t first = isLast ? 1 : 2;
  int64_t height = side(first), width = side(first + 1), channels = port.dims[isLast ? 3 : 1].size;
  if (height <= 0 || width <= 0)
    return userError(file + ": input '" + port.name + "' has no fixed size; give it with --dims=" + port.name + "=1,...");
  auto buffer = run::readFile(file);
  if (!buffer)
    return buffer.takeError();
  auto image = parseImage((*buffer)->getBuffer(), file);
  if (!image)
    return image.takeError();
  size_t pixels = static_cast<size_t>(height * width), count = static_cast<size_t>(channels);
  std::vector<float> values = resample(*image, static_cast<size_t>(width), static_cast<size_t>(height), count);
  std::vector<float> placed(values.size());
  for (size_t p = 0; p < pixels; ++p)
    for (size_t c = 0; c < count; ++c)
      placed[isLast ? p * count + c : c * pixels + p] =
          (values[p * count + c] - mean[c % mean.size()]) / deviation[c % deviation.size()];
  std::vector<int64_t> dims = {1, channels, height, width};
  if (isLast)
    dims = {1, height, width, channels};
  Tensor tensor(port.type, dims);
  std::memcpy(tensor.bytes.data(), placed.data(), tensor.bytes.size());
  return std::move(tensor);
}

llvm::Expected<NamedTensors> CalibrationSet::read(const std::string &file) const {
  if (isImageFile(file)) {
    auto tensor = readImage(file);
    if (!tensor)
      return tensor.takeError();
    NamedTensors tensors;
    tensors.emplace_back("", std::move(*tensor));
    return std::move(tensors);
  }
  if (llvm::StringRef(file).ends_with(".npz"))
    return run::readNpz(file);
  auto buffer = run::readFile(file);
  if (!buffer)
    return buffer.takeError();
  auto tensor = run::parseNpy((*buffer)->getBuffer(), file);
  if (!tensor)
    return tensor.takeError();
  NamedTensors tensors;
  tensors.emplace_back("", std::move(*tensor));
  return std::move(tensors);
}

/// The part of `tensor` that is sample `number`.
static Tensor slice(const Tensor &tensor, int64_t number) {
  Tensor part(tensor.type, llvm::ArrayRef(tensor.dims).drop_front());
  std::memcpy(part.bytes.data(), tensor.bytes.data() + static_cast<size_t>(number) * part.bytes.size(),
              part.bytes.size());
  return part;
}

llvm::Expected<std::vector<Sample>> CalibrationSet::split(const std::string &file) const {
  auto arrays = read(file);
  if (!arrays)
    return arrays.takeError();
  if (arrays->empty())
    return userError(file + ": has no arrays");
  std::optional<Tensor> labels;
  for (auto &entry : *arrays)
    if (entry.first == LabelArray && llvm::none_of(ports, [](const Port &port) { return port.name == LabelArray; }))
      labels = std::move(entry.second);
  if (labels)
    llvm::erase_if(*arrays, [](const auto &entry) { return entry.first == LabelArray; });
  // With one input there is no doubt which one is meant.
  if (ports.size() == 1 && arrays->size() == 1)
    arrays->front().first = ports.front().name;

  int64_t samples = -1;
  std::string first;
  for (const Port &port : ports) {
    auto *tensor = const_cast<Tensor *>(run::findTensor(*arrays, port.name));
    if (!tensor) {
      std::string names;
      for (const auto &entry : *arrays)
        names += (names.empty() ? "'" : ", '") + entry.first + "'";
      return userError(file + ": input '" + port.name + "' of " + model + " is missing; the file has " + names);
    }
    int64_t here;
    if (llvm::Error error = fit(*tensor, port, file, here))
      return std::move(error);
    if (samples >= 0 && here != samples)
      return userError(file + ": has " + llvm::Twine(samples) + " samples of input '" + first + "', but " +
                       llvm::Twine(here) + " of input '" + port.name + "'");
    samples = here;
    first = port.name;
  }
  if (labels && labels->numElements() != samples)
    return userError(file + ": has " + llvm::Twine(samples) + " samples, but " +
                     llvm::Twine(labels->numElements()) + " labels");
  std::vector<Sample> result;
  for (int64_t i = 0; i < samples; ++i) {
    Sample sample;
    sample.where = file + (samples > 1 ? ", sample " + std::to_string(i) : std::string());
    for (const Port &port : ports)
      sample.inputs.emplace_back(port.name, slice(*run::findTensor(*arrays, port.name), i));
    if (labels) {
      const run::ElementType *type = run::elementType(labels->type);
      sample.label =
          static_cast<int64_t>(run::loadDouble(*type, labels->bytes.data() + static_cast<size_t>(i) * type->bytes));
    }
    result.push_back(std::move(sample));
  }
  return std::move(result);
}

Sample CalibrationSet::random(int64_t number) const {
  Sample sample;
  sample.where = "random sample " + std::to_string(number);
  for (const Port &port : ports) {
    std::vector<int64_t> dims;
    if (auto it = shapes.find(port.name); it != shapes.end())
      dims = it->second;
    else
      for (const run::PortDim &dim : port.dims)
        dims.push_back(dim.size < 0 ? 1 : dim.size);
    sample.inputs.emplace_back(
        port.name, run::randomTensor(port.name, port.type, dims, seed + static_cast<uint64_t>(number), ranges));
  }
  return sample;
}

llvm::Error CalibrationSet::forEach(int64_t first, int64_t end,
                                    llvm::function_ref<llvm::Error(Sample &)> fn) const {
  const int64_t last = std::min(limit, end);
  int64_t number = 0;
  if (isRandom) {
    for (number = first; number < last; ++number) {
      Sample sample = random(number);
      if (llvm::Error error = fn(sample))
        return error;
    }
  } else {
    for (const std::string &file : files) {
      if (number >= last)
        break;
      auto samples = split(file);
      if (!samples)
        return samples.takeError();
      for (Sample &sample : *samples) {
        if (number >= last)
          break;
        if (number++ >= first)
          if (llvm::Error error = fn(sample))
            return error;
      }
    }
  }
  if (end >= limit)
    known = number;
  return llvm::Error::success();
}

llvm::Expected<Sample> CalibrationSet::front() const {
  if (isRandom)
    return random(0);
  auto samples = split(files.front());
  if (!samples)
    return samples.takeError();
  return std::move(samples->front());
}

} // namespace onnxc::quantize
