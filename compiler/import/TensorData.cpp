// ONNX tensors as MLIR constants. Small ones become dense attributes, so that
// folders see them; the bytes of large ones move into resources of the context.
#include "compiler/import/TensorData.h"

#include "compiler/import/ImportError.h"
#include "compiler/import/ModelReader.h"
#include "dialects/onnx/OnnxDialect.h"

#include "llvm/ADT/APInt.h"
#include "llvm/ADT/bit.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectResourceBlobManager.h"

#include <cstring>
#include <limits>
#include <new>

namespace onnxc::import {

using namespace mlir;
using ::onnx::TensorProto;

static_assert(llvm::endianness::native == llvm::endianness::little,
              "tensors are stored little-endian and used as they are");

namespace {

// Constants up to this size are dense attributes.
constexpr uint64_t denseBytes = 1024;

std::string who(const TensorProto &tensor, llvm::StringRef name) {
  return "tensor '" + (name.empty() ? tensor.name() : name.str()) + "'";
}

// Bits of one element; 0 for strings and unknown types.
unsigned elementBits(int type) {
  switch (type) {
  case TensorProto::INT2:
  case TensorProto::UINT2:
    return 2;
  case TensorProto::INT4:
  case TensorProto::UINT4:
  case TensorProto::FLOAT4E2M1:
    return 4;
  case TensorProto::FLOAT6E2M3:
  case TensorProto::FLOAT6E3M2:
    return 6;
  case TensorProto::BOOL:
  case TensorProto::INT8:
  case TensorProto::UINT8:
  case TensorProto::FLOAT8E4M3FN:
  case TensorProto::FLOAT8E4M3FNUZ:
  case TensorProto::FLOAT8E5M2:
  case TensorProto::FLOAT8E5M2FNUZ:
  case TensorProto::FLOAT8E8M0:
    return 8;
  case TensorProto::INT16:
  case TensorProto::UINT16:
  case TensorProto::FLOAT16:
  case TensorProto::BFLOAT16:
    return 16;
  case TensorProto::INT32:
  case TensorProto::UINT32:
  case TensorProto::FLOAT:
    return 32;
  case TensorProto::INT64:
  case TensorProto::UINT64:
  case TensorProto::DOUBLE:
  case TensorProto::COMPLEX64:
    return 64;
  case TensorProto::COMPLEX128:
    return 128;
  default:
    return 0;
  }
}

uint64_t product(uint64_t a, uint64_t b, const std::string &who) {
  if (b != 0 && a > uint64_t(std::numeric_limits<int64_t>::max()) / b)
    throw ImportError(who + " is too large: its dimensions overflow");
  return a * b;
}

// The elements as bytes, whole-byte types as they are and smaller ones one a
// byte; owns a string taken from the proto, or a mapped file.
struct Bytes {
  std::unique_ptr<std::string> owned;
  std::unique_ptr<llvm::MemoryBuffer> mapped;
  llvm::ArrayRef<char> data() const {
    if (mapped)
      return {mapped->getBufferStart(), mapped->getBufferSize()};
    return {owned->data(), owned->size()};
  }
};

template <typename To, typename List>
std::unique_ptr<std::string> narrow(const List &list) {
  auto bytes = std::make_unique<std::string>();
  bytes->resize(sizeof(To) * list.size());
  char *out = bytes->data();
  for (auto value : list) {
    To item = static_cast<To>(value);
    std::memcpy(out, &item, sizeof(To));
    out += sizeof(To);
  }
  return bytes;
}

// The typed fields (float_data, int32_data, ...) as raw bytes. Which field a
// type uses is fixed by onnx.proto; packed types sit in int32_data bytewise.
std::unique_ptr<std::string> typedFieldBytes(const TensorProto &tensor) {
  switch (tensor.data_type()) {
  case TensorProto::FLOAT:
  case TensorProto::COMPLEX64:
    return narrow<float>(tensor.float_data());
  case TensorProto::DOUBLE:
  case TensorProto::COMPLEX128:
    return narrow<double>(tensor.double_data());
  case TensorProto::INT64:
    return narrow<int64_t>(tensor.int64_data());
  case TensorProto::UINT64:
    return narrow<uint64_t>(tensor.uint64_data());
  case TensorProto::UINT32:
    return narrow<uint32_t>(tensor.uint64_data());
  case TensorProto::INT32:
    return narrow<int32_t>(tensor.int32_data());
  case TensorProto::INT16:
  case TensorProto::UINT16:
  case TensorProto::FLOAT16:
  case TensorProto::BFLOAT16:
    return narrow<uint16_t>(tensor.int32_data());
  default:
    return narrow<uint8_t>(tensor.int32_data());
  }
}

// One byte per element of 2, 4 or 6 bits; first element in the lowest bits.
std::unique_ptr<std::string> unpack(llvm::ArrayRef<char> packed,
                                    unsigned bits, uint64_t count) {
  auto bytes = std::make_unique<std::string>();
  bytes->resize(count);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t bit = i * bits;
    unsigned word = static_cast<uint8_t>(packed[bit / 8]);
    if (bit / 8 + 1 < packed.size())
      word |= unsigned(static_cast<uint8_t>(packed[bit / 8 + 1])) << 8;
    (*bytes)[i] = static_cast<char>((word >> (bit % 8)) & ((1u << bits) - 1));
  }
  return bytes;
}

Bytes takeBytes(TensorProto &tensor, llvm::StringRef name,
                const SideFolder &directory) {
  uint64_t count = elementCount(tensor);
  unsigned bits = elementBits(tensor.data_type());
  uint64_t expected = packedBytes(tensor);

  Bytes bytes;
  if (isExternal(tensor)) {
    bytes.mapped = mapExternalData(tensor, directory);
    // A mapping starts where the file says; elements need their alignment.
    auto address = reinterpret_cast<uintptr_t>(bytes.mapped->getBufferStart());
    if (bits > 8 && address % (bits / 8) != 0) {
      bytes.owned =
          std::make_unique<std::string>(bytes.mapped->getBuffer().str());
      bytes.mapped.reset();
    }
  } else if (tensor.has_raw_data()) {
    bytes.owned.reset(tensor.release_raw_data());
    if (!bytes.owned)
      bytes.owned = std::make_unique<std::string>();
  } else {
    bytes.owned = typedFieldBytes(tensor);
    tensor.clear_float_data();
    tensor.clear_int32_data();
    tensor.clear_int64_data();
    tensor.clear_double_data();
    tensor.clear_uint64_data();
  }

  // Typed fields may hold sub-byte elements one per entry, as old writers did.
  bool onePerByte = bits < 8 && bytes.data().size() == count && count > expected;
  if (!onePerByte && bytes.data().size() != expected)
    throw ImportError(who(tensor, name) + " has " +
                      std::to_string(bytes.data().size()) +
                      " bytes of data, its type and shape need " +
                      std::to_string(expected));
  if (bits < 8 && !onePerByte) {
    bytes.owned = unpack(bytes.data(), bits, count);
    bytes.mapped.reset();
  }
  return bytes;
}

ElementsAttr stringElements(const TensorProto &tensor, ShapedType type,
                            llvm::StringRef name) {
  uint64_t count = elementCount(tensor);
  if (uint64_t(tensor.string_data_size()) != count)
    throw ImportError(who(tensor, name) + " has " +
                      std::to_string(tensor.string_data_size()) +
                      " strings, its shape needs " + std::to_string(count));
  std::vector<llvm::StringRef> strings;
  for (const std::string &item : tensor.string_data())
    strings.push_back(item);
  return DenseStringElementsAttr::get(type, strings);
}

ElementsAttr fromBytes(Bytes bytes, ShapedType type, llvm::StringRef name,
                       size_t align) {
  llvm::ArrayRef<char> data = bytes.data();
  if (data.size() <= denseBytes) {
    if (type.getElementType().isInteger(1)) {
      llvm::SmallVector<bool> bools;
      for (char item : data)
        bools.push_back(item != 0);
      return DenseElementsAttr::get(type, bools);
    }
    return DenseElementsAttr::getFromRawBuffer(type, data);
  }
  // Bools are 0 or 1 in memory, whatever the file says.
  if (type.getElementType().isInteger(1)) {
    if (bytes.mapped) {
      bytes.owned =
          std::make_unique<std::string>(bytes.mapped->getBuffer().str());
      bytes.mapped.reset();
    }
    for (char &item : *bytes.owned)
      item = item != 0;
    data = bytes.data();
  }
  AsmResourceBlob blob(
      data, align,
      [bytes = std::make_shared<Bytes>(std::move(bytes))](
          void *, size_t, size_t) mutable { bytes.reset(); },
      /*dataIsMutable=*/false);
  return DenseResourceElementsAttr::get(
      type, name.empty() ? "constant" : name, std::move(blob));
}

ShapedType tensorType(const TensorProto &tensor, llvm::StringRef name,
                      MLIRContext &context) {
  elementCount(tensor);
  Type element = elementType(tensor.data_type(), context);
  if (!element)
    throw ImportError(who(tensor, name) + " has the unknown element type " +
                      std::to_string(tensor.data_type()));
  return RankedTensorType::get(
      llvm::ArrayRef<int64_t>(tensor.dims().data(), tensor.dims_size()),
      element);
}

} // namespace

uint64_t elementCount(const TensorProto &tensor) {
  uint64_t count = 1;
  bool empty = false;
  for (int64_t dim : tensor.dims()) {
    if (dim < 0)
      throw ImportError(who(tensor, "") + " has the negative dimension " +
                        std::to_string(dim));
    if (dim == 0)
      empty = true;
    else
      count = product(count, uint64_t(dim), who(tensor, ""));
  }
  return empty ? 0 : count;
}

uint64_t packedBytes(const TensorProto &tensor) {
  uint64_t bits = product(elementCount(tensor),
                          elementBits(tensor.data_type()), who(tensor, ""));
  return bits / 8 + (bits % 8 != 0);
}

Type elementType(int onnxType, MLIRContext &context) {
  Builder builder(&context);
  auto integer = [&](unsigned bits, bool isUnsigned = false) -> Type {
    return IntegerType::get(&context, bits,
                            isUnsigned ? IntegerType::Unsigned
                                       : IntegerType::Signless);
  };
  switch (onnxType) {
  case TensorProto::FLOAT:
    return builder.getF32Type();
  case TensorProto::DOUBLE:
    return builder.getF64Type();
  case TensorProto::FLOAT16:
    return builder.getF16Type();
  case TensorProto::BFLOAT16:
    return builder.getBF16Type();
  case TensorProto::FLOAT8E4M3FN:
    return Float8E4M3FNType::get(&context);
  case TensorProto::FLOAT8E4M3FNUZ:
    return Float8E4M3FNUZType::get(&context);
  case TensorProto::FLOAT8E5M2:
    return Float8E5M2Type::get(&context);
  case TensorProto::FLOAT8E5M2FNUZ:
    return Float8E5M2FNUZType::get(&context);
  case TensorProto::FLOAT8E8M0:
    return Float8E8M0FNUType::get(&context);
  case TensorProto::FLOAT4E2M1:
    return Float4E2M1FNType::get(&context);
  case TensorProto::FLOAT6E2M3:
    return Float6E2M3FNType::get(&context);
  case TensorProto::FLOAT6E3M2:
    return Float6E3M2FNType::get(&context);
  case TensorProto::INT2:
    return integer(2);
  case TensorProto::INT4:
    return integer(4);
  case TensorProto::INT8:
    return integer(8);
  case TensorProto::INT16:
    return integer(16);
  case TensorProto::INT32:
    return integer(32);
  case TensorProto::INT64:
    return integer(64);
  case TensorProto::UINT2:
    return integer(2, true);
  case TensorProto::UINT4:
    return integer(4, true);
  case TensorProto::UINT8:
    return integer(8, true);
  case TensorProto::UINT16:
    return integer(16, true);
  case TensorProto::UINT32:
    return integer(32, true);
  case TensorProto::UINT64:
    return integer(64, true);
  case TensorProto::BOOL:
    return integer(1);
  case TensorProto::COMPLEX64:
    return ComplexType::get(builder.getF32Type());
  case TensorProto::COMPLEX128:
    return ComplexType::get(builder.getF64Type());
  case TensorProto::STRING:
    return ::onnxc::onnx::StringType::get(&context);
  default:
    return {};
  }
}

Type valueType(const ::onnx::TypeProto &type, MLIRContext &context) {
  switch (type.value_case()) {
  case ::onnx::TypeProto::kTensorType: {
    Type element = elementType(type.tensor_type().elem_type(), context);
    if (!element)
      return {};
    if (!type.tensor_type().has_shape())
      return UnrankedTensorType::get(element);
    llvm::SmallVector<int64_t> dims;
    for (const auto &dim : type.tensor_type().shape().dim())
      dims.push_back(dim.has_dim_value() && dim.dim_value() >= 0
                         ? dim.dim_value()
                         : ShapedType::kDynamic);
    return RankedTensorType::get(dims, element);
  }
  case ::onnx::TypeProto::kSparseTensorType: {
    // Sparse constants are made dense; a value's type follows.
    ::onnx::TypeProto dense;
    dense.mutable_tensor_type()->set_elem_type(
        type.sparse_tensor_type().elem_type());
    if (type.sparse_tensor_type().has_shape())
      *dense.mutable_tensor_type()->mutable_shape() =
          type.sparse_tensor_type().shape();
    return valueType(dense, context);
  }
  case ::onnx::TypeProto::kSequenceType: {
    Type element = valueType(type.sequence_type().elem_type(), context);
    if (!element)
      return {};
    return ::onnxc::onnx::SequenceType::get(&context, element);
  }
  case ::onnx::TypeProto::kOptionalType: {
    Type element = valueType(type.optional_type().elem_type(), context);
    if (!element)
      return {};
    return ::onnxc::onnx::OptionalType::get(&context, element);
  }
  case ::onnx::TypeProto::kMapType: {
    Type key = elementType(type.map_type().key_type(), context);
    Type value = valueType(type.map_type().value_type(), context);
    if (!key || !value)
      return {};
    return ::onnxc::onnx::MapType::get(&context, key, value);
  }
  default:
    return {};
  }
}

static ElementsAttr denseElements(TensorProto &tensor, llvm::StringRef name,
                                  const SideFolder &directory, MLIRContext &context) {
  ShapedType type = tensorType(tensor, name, context);
  if (tensor.data_type() == TensorProto::STRING)
    return stringElements(tensor, type, name);
  size_t align = elementBits(tensor.data_type()) / 8;
  if (isa<ComplexType>(type.getElementType()))
    align /= 2;
  return fromBytes(takeBytes(tensor, name, directory), type, name,
                   std::max<size_t>(align, 1));
}

// `shape` has the type and dims of the whole.
static ElementsAttr sparseElements(::onnx::SparseTensorProto &sparse,
                                   const TensorProto &shape, llvm::StringRef name,
                                   const SideFolder &directory, MLIRContext &context) {
  ShapedType type = tensorType(shape, name, context);
  unsigned bits = elementBits(shape.data_type());
  if (bits == 0)
    throw UnsupportedError(who(shape, name) + " is a sparse tensor of strings, "
                           "which is not supported; store it dense");
  uint64_t count = elementCount(shape);
  size_t size = std::max(bits / 8, 1u);
  Bytes values = takeBytes(*sparse.mutable_values(), name, directory);
  uint64_t nonZero = elementCount(sparse.values());

  std::vector<int64_t> indices;
  uint64_t rank = uint64_t(sparse.dims_size());
  bool linear = sparse.indices().dims_size() == 1;
  if (!readIntegers(sparse.indices(), indices) ||
      indices.size() != nonZero * (linear ? 1 : rank))
    throw ImportError(who(shape, name) + " is a sparse tensor whose indices "
                      "do not match its values");

  auto dense = std::make_unique<std::string>();
  dense->resize(count * size);
  for (uint64_t i = 0; i < nonZero; ++i) {
    uint64_t position = 0;
    bool inside = true;
    if (linear) {
      position = uint64_t(indices[i]);
    } else {
      for (uint64_t axis = 0; axis < rank; ++axis) {
        int64_t index = indices[i * rank + axis];
        inside &= index >= 0 && index < sparse.dims(int(axis));
        position = position * uint64_t(sparse.dims(int(axis))) + uint64_t(index);
      }
    }
    if (!inside || position >= count)
      throw ImportError(who(shape, name) + " is a sparse tensor with an index "
                        "outside its shape");
    std::memcpy(dense->data() + position * size,
                values.data().data() + i * size, size);
  }
  Bytes bytes;
  bytes.owned = std::move(dense);
  size_t align = isa<ComplexType>(type.getElementType()) ? size / 2 : size;
  return fromBytes(std::move(bytes), type, name, align);
}

// Runs `make`; when memory runs out, says for what.
template <typename Make>
static auto allocating(const TensorProto &tensor, llvm::StringRef name,
                       Make make) {
  try {
    return make();
  } catch (const std::bad_alloc &) {
    throw ImportError("not enough memory for " + who(tensor, name) + " of " +
                      std::to_string(packedBytes(tensor)) +
                      " bytes; give the compiler more, or make the model smaller");
  }
}

ElementsAttr takeElements(TensorProto &tensor, llvm::StringRef name,
                          const SideFolder &directory, MLIRContext &context) {
  return allocating(tensor, name, [&] { return denseElements(tensor, name, directory, context); });
}

ElementsAttr takeElements(::onnx::SparseTensorProto &sparse,
                          llvm::StringRef name, const SideFolder &directory,
                          MLIRContext &context) {
  TensorProto shape;
  shape.set_name(name.str());
  shape.set_data_type(sparse.values().data_type());
  *shape.mutable_dims() = sparse.dims();
  return allocating(shape, name, [&] { return sparseElements(sparse, shape, name, directory, context); });
}

bool readIntegers(const TensorProto &tensor, std::vector<int64_t> &values) {
  if (isExternal(tensor))
    return false;
  uint64_t count = elementCount(tensor);
  values.clear();
  if (tensor.data_type() == TensorProto::INT64) {
    if (tensor.has_raw_data()) {
      if (tensor.raw_data().size() != count * 8)
        return false;
      values.resize(count);
      std::memcpy(values.data(), tensor.raw_data().data(), count * 8);
      return true;
    }
    values.assign(tensor.int64_data().begin(), tensor.int64_data().end());
    return values.size() == count;
  }
  if (tensor.data_type() == TensorProto::INT32) {
    if (tensor.has_raw_data()) {
      if (tensor.raw_data().size() != count * 4)
        return false;
      for (uint64_t i = 0; i < count; ++i) {
        int32_t item;
        std::memcpy(&item, tensor.raw_data().data() + i * 4, 4);
        values.push_back(item);
      }
      return true;
    }
    values.assign(tensor.int32_data().begin(), tensor.int32_data().end());
    return values.size() == count;
  }
  return false;
}

} // namespace onnxc::import
