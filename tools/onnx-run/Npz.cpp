// numpy's array format (NEP 1) and archives of it.
#include "Npz.h"
#include "Error.h"
#include "Files.h"
#include "Zip.h"
#include "compiler/driver/TemporaryNames.h"
#include "onnxc.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cstring>

namespace onnxc::run {

namespace {
/// The header of a .npy file, its dictionary taken apart.
struct Header {
  std::string descr;
  bool fortran = false;
  std::vector<int64_t> shape;
};
} // namespace

/// The text after `'key':` in the header's dictionary, or empty.
static llvm::StringRef valueOf(llvm::StringRef dict, llvm::StringRef key) {
  for (const char *quote : {"'", "\""}) {
    std::string quoted = (quote + key + quote).str();
    size_t at = dict.find(quoted);
    if (at != llvm::StringRef::npos) {
      llvm::StringRef rest = dict.drop_front(at + quoted.size()).ltrim();
      if (rest.consume_front(":"))
        return rest.ltrim();
    }
  }
  return {};
}

/// Reads the dictionary, a Python literal such as
/// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
static bool parseHeader(llvm::StringRef dict, Header &header) {
  llvm::StringRef descr = valueOf(dict, "descr");
  if (descr.empty())
    return false;
  if (descr.front() == '\'' || descr.front() == '"')
    header.descr = descr.drop_front().split(descr.front()).first.str();
  else // a list: a structured type
    header.descr = "record";
  llvm::StringRef order = valueOf(dict, "fortran_order");
  header.fortran = order.starts_with("True");
  if (!header.fortran && !order.starts_with("False"))
    return false;
  llvm::StringRef shape = valueOf(dict, "shape");
  if (!shape.consume_front("("))
    return false;
  llvm::SmallVector<llvm::StringRef> parts;
  shape.split(')').first.split(parts, ',', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef part : parts) {
    int64_t dim;
    part = part.trim();
    if (part.empty())
      continue;
    part.consume_back("L"); // Python 2 wrote long integers
    if (part.getAsInteger(10, dim) || dim < 0)
      return false;
    header.shape.push_back(dim);
  }
  return true;
}

/// The element type of a descr without its byte order, or 0.
static int32_t typeOfDescr(llvm::StringRef code) {
  static const std::pair<const char *, int32_t> codes[] = {
      {"f4", ONNXC_TYPE_FLOAT},     {"f8", ONNXC_TYPE_DOUBLE},
      {"f2", ONNXC_TYPE_FLOAT16},   {"i1", ONNXC_TYPE_INT8},
      {"i2", ONNXC_TYPE_INT16},     {"i4", ONNXC_TYPE_INT32},
      {"i8", ONNXC_TYPE_INT64},     {"u1", ONNXC_TYPE_UINT8},
      {"u2", ONNXC_TYPE_UINT16},    {"u4", ONNXC_TYPE_UINT32},
      {"u8", ONNXC_TYPE_UINT64},    {"b1", ONNXC_TYPE_BOOL},
      {"c8", ONNXC_TYPE_COMPLEX64}, {"c16", ONNXC_TYPE_COMPLEX128},
      {"V2", ONNXC_TYPE_BFLOAT16},  {"V1", ONNXC_TYPE_UINT8}};
  for (const auto &entry : codes)
    if (code == entry.first)
      return entry.second;
  return 0;
}

/// Visits the elements of a Fortran-order array in row-major order:
/// visit(row-major index, index in the file).
template <typename Visit>
static void visitFortran(llvm::ArrayRef<int64_t> shape, int64_t count,
                         Visit visit) {
  if (!count)
    return; // the other dims may have no product
  std::vector<int64_t> index(shape.size(), 0), stride(shape.size(), 1);
  for (size_t d = 1; d < shape.size(); ++d)
    stride[d] = stride[d - 1] * shape[d - 1];
  int64_t at = 0;
  for (int64_t i = 0; i < count; ++i) {
    visit(i, at);
    for (size_t d = shape.size(); d-- > 0;) {
      at += stride[d];
      if (++index[d] < shape[d])
        break;
      at -= stride[d] * shape[d];
      index[d] = 0;
    }
  }
}

/// Fixed-width text: UTF-32 ('U') or bytes ('S'), padded with zeros.
static std::string decodeText(llvm::StringRef bytes, char kind, bool swap) {
  if (kind == 'S')
    return bytes.rtrim('\0').str();
  std::string text;
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    uint32_t code = swap ? llvm::support::endian::read32be(bytes.data() + i)
                         : llvm::support::endian::read32le(bytes.data() + i);
    char buffer[8];
    char *end = buffer;
    if (llvm::ConvertCodePointToUTF8(code, end))
      text.append(buffer, end);
  }
  return llvm::StringRef(text).rtrim('\0').str();
}

llvm::Expected<Tensor> parseNpy(llvm::StringRef image, llvm::StringRef what) {
  auto bad = [&](const llvm::Twine &why) {
    return userError(what + ": not a readable .npy array (" + why +
                     "); write it again with numpy.save or numpy.savez");
  };
  if (!image.consume_front("\x93NUMPY") || image.size() < 4)
    return bad("no numpy magic");
  int version = image[0];
  if (version < 1 || version > 3)
    return bad("format version " + llvm::Twine(version) + ", wanted 1 to 3");
  size_t width = version == 1 ? 2 : 4;
  if (image.size() < 2 + width)
    return bad("header cut off");
  size_t length = width == 2
                      ? llvm::support::endian::read16le(image.data() + 2)
                      : llvm::support::endian::read32le(image.data() + 2);
  image = image.drop_front(2 + width);
  if (image.size() < length)
    return bad("header cut off");
  Header header;
  if (!parseHeader(image.take_front(length), header))
    return bad("header is no array description");
  llvm::StringRef data = image.drop_front(length);

  llvm::StringRef code = header.descr;
  bool swap = code.consume_front(">");
  if (!swap)
    code.consume_front("<") || code.consume_front("|") ||
        code.consume_front("=");
  std::optional<int64_t> count = countElements(header.shape);
  if (!count)
    return bad("shape " + shapeString(header.shape) + " is too large");

  size_t textBytes = 0;
  char kind = code.empty() ? '?' : code.front();
  bool isText = (kind == 'U' || kind == 'S') &&
                !code.drop_front().getAsInteger(10, textBytes);
  if (isText)
    textBytes *= kind == 'U' ? 4 : 1;
  int32_t type = isText ? ONNXC_TYPE_STRING : typeOfDescr(code);
  if (!type)
    return userError(what + ": element type '" + header.descr +
                     "' is not one of ONNX; convert the array to a numeric, "
                     "bool or text type and save it again");
  size_t elementBytes = isText ? textBytes : elementType(type)->bytes;
  uint64_t wanted;
  if (__builtin_mul_overflow(static_cast<uint64_t>(*count), elementBytes,
                             &wanted) ||
      data.size() < wanted)
    return bad("data has " + llvm::Twine(data.size()) + " bytes, shape " +
               shapeString(header.shape) + " of " + header.descr + " needs " +
               llvm::Twine(static_cast<uint64_t>(*count)) + " * " +
               llvm::Twine(elementBytes));
  // Empty text has no bytes per element; a count beyond the file is no array.
  if (isText && textBytes == 0 && *count > (1 << 24))
    return bad("too many empty strings");

  Tensor tensor;
  tensor.type = type;
  tensor.dims = header.shape;
  if (isText) {
    tensor.strings.resize(static_cast<size_t>(*count));
    auto visit = [&](int64_t to, int64_t from) {
      llvm::StringRef text =
          data.substr(static_cast<size_t>(from) * textBytes, textBytes);
      tensor.strings[static_cast<size_t>(to)] = decodeText(text, kind, swap);
    };
    if (header.fortran)
      visitFortran(header.shape, *count, visit);
    else
      for (int64_t i = 0; i < *count; ++i)
        visit(i, i);
    return tensor;
  }

  const char *source = data.data();
  tensor.bytes.resize(wanted);
  if (header.fortran)
    visitFortran(header.shape, *count, [&](int64_t to, int64_t from) {
      std::memcpy(tensor.bytes.data() + static_cast<size_t>(to) * elementBytes,
                  source + static_cast<size_t>(from) * elementBytes,
                  elementBytes);
    });
  else if (wanted)
    std::memcpy(tensor.bytes.data(), source, wanted);
  if (swap && kind != 'V') {
    // Complex numbers are two numbers, each in its own byte order.
    size_t unit = kind == 'c' ? elementBytes / 2 : elementBytes;
    for (size_t i = 0; i < wanted; i += unit)
      std::reverse(tensor.bytes.begin() + static_cast<ptrdiff_t>(i),
                   tensor.bytes.begin() + static_cast<ptrdiff_t>(i + unit));
  }
  return tensor;
}

/// Appends the code points of UTF-8 `text` as UTF-32, padded to `width`.
static void encodeText(llvm::StringRef text, size_t width, std::string &out) {
  std::vector<llvm::UTF32> points(width + 1, 0);
  const auto *source = reinterpret_cast<const llvm::UTF8 *>(text.data());
  llvm::UTF32 *target = points.data();
  llvm::ConvertUTF8toUTF32(&source, source + text.size(), &target,
                           points.data() + width, llvm::lenientConversion);
  for (size_t i = 0; i < width; ++i)
    for (unsigned b = 0; b < 4; ++b)
      out.push_back(static_cast<char>(points[i] >> (8 * b)));
}

std::string formatNpy(const Tensor &tensor) {
  const ElementType *type = elementType(tensor.type);
  bool isText = tensor.type == ONNXC_TYPE_STRING;
  size_t textWidth = 1;
  for (const std::string &s : tensor.strings)
    textWidth = std::max(textWidth, s.size());
  std::string descr = isText ? "<U" + std::to_string(textWidth)
                             : std::string(type ? type->npy : "|u1");
  std::string shape;
  for (int64_t dim : tensor.dims)
    shape += std::to_string(dim) + ", ";
  if (tensor.dims.size() > 1)
    shape.resize(shape.size() - 2);
  else if (tensor.dims.size() == 1)
    shape.pop_back();
  std::string dict = "{'descr': '" + descr +
                     "', 'fortran_order': False, 'shape': (" + shape + "), }";
  // Magic, version, length and dictionary end at a multiple of 64 bytes.
  dict.append((64 - (10 + dict.size() + 1) % 64) % 64, ' ');
  dict.push_back('\n');
  std::string out("\x93NUMPY\x01\x00", 8);
  out.push_back(static_cast<char>(dict.size() & 255));
  out.push_back(static_cast<char>(dict.size() >> 8));
  out += dict;
  if (isText) {
    for (const std::string &s : tensor.strings)
      encodeText(s, textWidth, out);
    return out;
  }
  size_t start = out.size();
  out.append(tensor.bytes.begin(), tensor.bytes.end());
  if (type && type->kind == ElementKind::Signed && type->bits < 8)
    for (size_t i = start; i < out.size(); ++i)
      out[i] = static_cast<char>(static_cast<int>(loadDouble(
          *type, reinterpret_cast<const uint8_t *>(out.data()) + i)));
  return out;
}

llvm::Expected<NamedTensors> readNpz(llvm::StringRef path) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  return parseNpz((*buffer)->getBuffer(), path);
}

llvm::Expected<NamedTensors> parseNpz(llvm::StringRef archive,
                                      llvm::StringRef what) {
  auto members = listZip(archive, what);
  if (!members)
    return members.takeError();
  NamedTensors tensors;
  for (const ZipMember &member : *members) {
    auto contents = extractZip(archive, member, what);
    if (!contents)
      return contents.takeError();
    llvm::StringRef name = member.name;
    name.consume_back(".npy");
    auto tensor = parseNpy(*contents, (what + ": array '" + name + "'").str());
    if (!tensor)
      return tensor.takeError();
    tensors.emplace_back(name.str(), std::move(*tensor));
  }
  return tensors;
}

llvm::Error writeNpz(llvm::StringRef path, const NamedTensors &tensors,
                     bool compress) {
  // Under a temporary name first, so that a failed run leaves no half file.
  llvm::StringRef folder = llvm::sys::path::parent_path(path);
  removeAbandoned(folder.empty() ? "." : folder);
  std::string partial = path.str() + temporarySuffix();
  llvm::sys::RemoveFileOnSignal(partial);
  std::error_code ec;
  {
    llvm::raw_fd_ostream os(partial, ec);
    if (ec)
      return userError(path + ": cannot write: " + ec.message());
    ZipWriter zip(os);
    for (const auto &entry : tensors)
      zip.add(entry.first + ".npy", formatNpy(entry.second), compress);
    zip.finish();
    os.close();
    if (os.has_error()) {
      ec = os.error();
      os.clear_error();
      llvm::sys::fs::remove(partial);
      return userError(path + ": cannot write: " + ec.message());
    }
  }
  if ((ec = llvm::sys::fs::rename(partial, path)))
    return userError(path + ": cannot write: " + ec.message());
  return llvm::Error::success();
}

} // namespace onnxc::run
