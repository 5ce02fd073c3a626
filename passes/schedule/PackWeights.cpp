// Repacking of constant operands into panels, at compile time.
#include "passes/schedule/PackWeights.h"
#include "passes/schedule/EmitTile.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/Endian.h"

using namespace mlir;

namespace onnxc {

WeightPacker::WeightPacker(ModuleOp module) : module(module) {
  for (auto g : module.getOps<memref::GlobalOp>())
    globals[g.getSymNameAttr()] = g;
  for (auto &entry : globals)
    if (auto resource = dyn_cast_if_present<DenseResourceElementsAttr>(entry.second.getInitialValueAttr()))
      ++sharers[resource.getRawHandle().getKey()];
  module.walk([&](func::CallOp call) { calls[call.getCalleeAttr().getAttr()].push_back(call); });
  module.walk([&](memref::GetGlobalOp get) { ++uses[get.getNameAttr().getAttr()]; });
}

void WeightPacker::release(memref::GetGlobalOp get) {
  if (!get->use_empty())
    return;
  StringAttr name = get.getNameAttr().getAttr();
  get.erase();
  if (--uses[name])
    return;
  // The last use is gone: so are the bytes, unless another constant shares them.
  memref::GlobalOp global = globals.lookup(name);
  auto resource = dyn_cast<DenseResourceElementsAttr>(*global.getInitialValue());
  if (resource && --sharers[resource.getRawHandle().getKey()] == 0) {
    auto handle = resource.getRawHandle();
    auto &manager = cast<BuiltinDialect>(handle.getDialect())->getRegisteredInterface<ResourceBlobManagerDialectInterface>()->getBlobManager();
    manager.update(handle.getKey(), AsmResourceBlob());
  }
  globals.erase(name);
  global.erase();
}

memref::GlobalOp WeightPacker::globalOf(Value v) const {
  auto get = v.getDefiningOp<memref::GetGlobalOp>();
  return get ? globals.lookup(get.getNameAttr().getAttr()) : memref::GlobalOp();
}

bool WeightPacker::isConstant(func::FuncOp kernel, unsigned arg) const {
  auto it = calls.find(kernel.getSymNameAttr());
  if (it == calls.end())
    return false;
  return llvm::all_of(it->second, [&](func::CallOp call) {
    memref::GlobalOp g = globalOf(call.getOperand(arg));
    return g && g.getConstant() && g.getInitialValue() && g.getType().getLayout().isIdentity();
  });
}

bool WeightPacker::isApart(func::FuncOp kernel, unsigned arg) const {
  auto it = calls.find(kernel.getSymNameAttr());
  if (it == calls.end())
    return false;
  return llvm::all_of(it->second, [&](func::CallOp call) {
    Value buffer = bufferOf(call.getOperand(arg));
    if (!isOwnBuffer(buffer))
      return false;
    for (auto [i, v] : llvm::enumerate(call.getOperands()))
      if (i != arg && isa<MemRefType>(v.getType()))
        if (Value other = bufferOf(v); other == buffer || !isOwnBuffer(other))
          return false;
    return true;
  });
}

/// The bytes of a constant, one element after the other.
static std::vector<char> bytesOf(Attribute value, int64_t elementBytes, int64_t elements) {
  std::vector<char> out;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      out.assign(blob->getData().begin(), blob->getData().end());
    return out;
  }
  auto dense = dyn_cast<DenseIntOrFPElementsAttr>(value);
  if (!dense)
    return out;
  ArrayRef<char> raw = dense.getRawData();
  if (!dense.isSplat()) {
    out.assign(raw.begin(), raw.end());
    return out;
  }
  out.resize(elementBytes * elements);
  for (int64_t i = 0; i < elements; ++i)
    memcpy(out.data() + i * elementBytes, raw.data(), elementBytes);
  return out;
}

namespace {

/// The bytes of a constant, copied only where they do not lie in memory as they are.
class Bytes {
public:
  explicit Bytes(memref::GlobalOp global) {
    auto type = global.getType();
    if (auto resource = dyn_cast<DenseResourceElementsAttr>(*global.getInitialValue()))
      if (AsmResourceBlob *blob = resource.getRawHandle().getBlob()) {
        view = blob->getData();
        return;
      }
    copy = bytesOf(*global.getInitialValue(), type.getElementTypeBitWidth() / 8, type.getNumElements());
    view = copy;
  }
  const char *data() const { return view.data(); }
  ArrayRef<char> all() const { return view; }

private:
  std::vector<char> copy;
  ArrayRef<char> view;
};

/// Offset of each step of the reductions, the last of `loops` the innermost.
std::vector<int64_t> stepOffsets(const LoopNest &nest, const Access &a, ArrayRef<int> loops) {
  int64_t depth = 1, inner = 1;
  for (int r : loops)
    depth *= *nest.loops[r].size();
  std::vector<int64_t> offsets(depth, a.constant);
  for (int r : llvm::reverse(loops)) {
    int64_t extent = *nest.loops[r].size(), c = *getConstantIntValue(a.coeff[r]);
    for (int64_t i = 0; i < depth; ++i)
      offsets[i] += (i / inner) % extent * c;
    inner *= extent;
  }
  return offsets;
}

/// Columns of a panel of a widened product: the codes of each run, and its sides.
class CodePanels {
public:
  CodePanels(const LoopNest &nest, const Tiling &t, const char *from, ArrayRef<Bytes> sides, char *to)
      : nest(nest), t(t), w(*t.widened), from(from), sides(sides), to(to),
        offsets(stepOffsets(nest, nest.inputs[t.packed], t.reductions)) {}

  void copy(int64_t start, int64_t columns, int64_t panel, int64_t within) {
    char *block = to + panel * t.panelStep(nest);
    for (int64_t j = 0; j < columns; ++j) {
      codes(start + j, block + 4 * (within + j));
      char *behind = block + 4 * w.words() * t.width();
      for (size_t s = 0; s < w.sides.size(); ++s) {
        side(s, start + j, behind + (within + j) * w.sideBytes[s]);
        behind += w.sideBytes[s] * t.width();
      }
    }
  }

private:
  int64_t runStep() const { return w.runBytes(t.width()) * t.width(); }

  void codes(int64_t column, char *out) {
    const char *source = from + column * *getConstantIntValue(nest.inputs[t.packed].coeff[t.vectorLoop]);
    int64_t perWord = w.perWord();
    for (int64_t first = 0, n = offsets.size(); first < n; first += w.length, out += runStep())
      for (int64_t k = 0; k < w.length; k += perWord) {
        uint32_t word = 0;
        for (int64_t i = k; i < std::min(k + perWord, w.length); ++i) {
          char byte = source[offsets[first + i]];
          int64_t value = w.product.isUnsigned ? int64_t(uint8_t(byte)) : int64_t(int8_t(byte));
          word |= uint32_t(value - w.least) << w.place(i - k);
        }
        llvm::support::endian::write32le(out + k / perWord * 4 * t.width(), word);
      }
  }

  void side(size_t s, int64_t column, char *out) {
    const Access &a = nest.inputs[w.sides[s]];
    int64_t bytes = w.sideBytes[s], at = column * *getConstantIntValue(a.coeff[t.vectorLoop]);
    for (int64_t step : stepOffsets(nest, a, ArrayRef<int>(t.reductions).drop_back())) {
      memcpy(out, sides[s].data() + (at + step) * bytes, bytes);
      out += runStep();
    }
  }

  const LoopNest &nest;
  const Tiling &t;
  const Widened &w;
  const char *from;
  ArrayRef<Bytes> sides;
  char *to;
  std::vector<int64_t> offsets;
};

} // namespace

std::optional<ByteRange> WeightPacker::byteRange(func::FuncOp kernel, unsigned arg, bool isUnsigned) const {
  auto it = calls.find(kernel.getSymNameAttr());
  if (it == calls.end())
    return std::nullopt;
  std::optional<ByteRange> range;
  for (func::CallOp call : it->second) {
    memref::GlobalOp global = globalOf(call.getOperand(arg));
    if (!global || global.getType().getElementTypeBitWidth() != 8)
      return std::nullopt;
    for (char byte : Bytes(global).all()) {
      int64_t value = isUnsigned ? int64_t(uint8_t(byte)) : int64_t(int8_t(byte));
      range = range ? ByteRange(std::min(range->first, value), std::max(range->second, value)) : ByteRange(value, value);
    }
  }
  return range;
}

std::optional<int64_t> WeightPacker::columnSum(func::FuncOp kernel, unsigned arg, const LoopNest &nest, unsigned input, int column,
                                               ByteRange range) const {
  const Access &a = nest.inputs[input];
  auto it = calls.find(kernel.getSymNameAttr());
  auto isStatic = [](OpFoldResult c) { return getConstantIntValue(c).has_value(); };
  if (it == calls.end() || !llvm::all_of(a.coeff, isStatic) || !nest.loops[column].size())
    return std::nullopt;
  SmallVector<int> reductions;
  for (auto [d, l] : llvm::enumerate(nest.loops))
    if (l.reduction)
      reductions.push_back(d);
  std::vector<int64_t> offsets = stepOffsets(nest, a, reductions);
  int64_t most = 0, stride = *getConstantIntValue(a.coeff[column]);
  for (func::CallOp call : it->second) {
    memref::GlobalOp global = globalOf(call.getOperand(arg));
    if (!global || global.getType().getElementTypeBitWidth() != 8)
      return std::nullopt;
    Bytes bytes(global);
    for (int64_t j = 0; j < *nest.loops[column].size(); ++j) {
      int64_t least = 0, greatest = 0;
      for (int64_t offset : offsets) {
        int64_t w = static_cast<signed char>(bytes.data()[offset + j * stride]), x = w * range.first, y = w * range.second;
        least += std::min(x, y);
        greatest += std::max(x, y);
      }
      most = std::max({most, -least, greatest});
    }
  }
  return most;
}

void WeightPacker::drop(func::FuncOp kernel, unsigned arg) {
  for (func::CallOp call : calls[kernel.getSymNameAttr()]) {
    auto get = call.getOperand(arg).getDefiningOp<memref::GetGlobalOp>();
    call->eraseOperand(arg);
    release(get);
  }
  (void)kernel.eraseArgument(arg);
}

memref::GlobalOp WeightPacker::packed(memref::GlobalOp source, ArrayRef<memref::GlobalOp> sides, MemRefType type,
                                      const LoopNest &nest, const Tiling &t) {
  const Access &a = nest.inputs[t.packed];
  std::string key = source.getSymName().str();
  llvm::raw_string_ostream os(key);
  for (memref::GlobalOp side : sides)
    os << "&" << side.getSymName();
  auto coeff = [&](int d) { return *getConstantIntValue(a.coeff[d]); };
  os << "|" << t.vectors << "x" << t.lanes << (t.overlapTail ? "o" : "") << "|" << coeff(t.vectorLoop) << "x" << *nest.loops[t.vectorLoop].size();
  os << "+" << a.constant;
  for (int r : t.reductions)
    os << "|" << coeff(r) << "x" << *nest.loops[r].size();
  if (t.words)
    os << "|words";
  if (t.dot)
    os << "|" << t.dot->form->name << t.dot->length << (t.dot->corrects ? "s" : "") << (t.dot->rowPanel ? "r" : "") << (t.dot->wholeGroups ? "w" : "") << (t.dot->columnPairs ? "p" : "") << (t.dot->product.unsignedB ? "u" : "");
  if (t.widened)
    os << "|" << t.widened->bits << "from" << t.widened->least << (t.widened->product.isUnsigned ? "u" : "") << (t.widened->product.integers ? "i" : "");
  if (memref::GlobalOp known = cache.lookup(key))
    return known;

  int64_t size = source.getType().getElementTypeBitWidth() / 8;
  Bytes bytes(source);
  const char *from = bytes.data();
  std::vector<Bytes> sideBytes(sides.begin(), sides.end());
  int64_t width = t.width(), n = *nest.loops[t.vectorLoop].size();
  auto target = HeapAsmResourceBlob::allocate(type.getNumElements() * type.getElementTypeBitWidth() / 8, 64, /*dataIsMutable=*/true);
  char *to = target.getMutableData().data();
  memset(to, 0, target.getData().size());
  int64_t depth = reductionDepth(nest), nStride = coeff(t.vectorLoop);
  std::vector<int64_t> offsets = stepOffsets(nest, a, t.reductions); // once for all panels
  auto copyColumns = [&](int64_t start, int64_t columns, int64_t panel, int64_t within) {
    for (int64_t k = 0; k < depth; ++k) {
      const char *row = from + (offsets[k] + start * nStride) * size;
      int64_t place = panel * depth + k * width + within;
      char *out = to + place * size;
      if (t.words)
        for (int64_t j = 0; j < columns; ++j)
          llvm::support::endian::write16le(to + 2 * (panel * depth + k * width + t.placeOfColumn(within + j)),
                                           uint16_t(int16_t(static_cast<signed char>(row[j * nStride]))));
      else if (size == 4)
        for (int64_t j = 0; j < columns; ++j)
          memcpy(out + j * 4, row + j * nStride * 4, 4);
      else
        for (int64_t j = 0; j < columns; ++j)
          memcpy(out + j * size, row + j * nStride * size, size);
    }
  };
  // Groups of the run lie next to each other; behind them stand the sums of the columns.
  auto copyGroups = [&](int64_t start, int64_t columns, int64_t panel, int64_t within) {
    int64_t group = t.dot->form->group, length = t.dot->length, padded = t.dot->paddedLength();
    char *block = to + panel * t.panelStep(nest);
    for (int64_t j = 0; j < columns; ++j) {
      int32_t sum = 0;
      for (int64_t k = 0; k < depth; ++k) {
        char value = from[offsets[k] + (start + j) * nStride];
        if (t.dot->product.unsignedB)
          value ^= 0x80;
        sum += static_cast<signed char>(value);
        int64_t at = k / length * padded + k % length;
        char *groups = block + at / group * width * group;
        int64_t column = within + j;
        if (!t.dot->columnPairs) {
          groups[column * group + t.dot->placeInGroup(at % group)] = value;
          continue;
        }
        // A half is 256 * odd + even, with the even column's sign.
        if (column % 2)
          value -= static_cast<signed char>(from[offsets[k] + (start + j - 1) * nStride]) < 0;
        groups[column / 2 * 2 * group + t.dot->placeInPair(at % group) + column % 2] = value;
      }
      if (t.dot->corrects)
        llvm::support::endian::write32le(block + t.panelDepth(nest) * width + 4 * (within + j), uint32_t(sum));
    }
  };
  std::optional<CodePanels> codes;
  if (t.widened)
    codes.emplace(nest, t, from, sideBytes, to);
  for (const Tiling::Piece &p : t.pieces(n))
    for (int64_t i = 0, columns = int64_t(p.vectors) * p.lanes; i < p.trips; ++i) {
      int64_t start = p.start + i * columns, panel = p.panel + i * columns;
      if (codes)
        codes->copy(start, columns, panel, p.within);
      else
        t.dot ? copyGroups(start, columns, panel, p.within) : copyColumns(start, columns, panel, p.within);
    }

  OpBuilder b(source);
  std::string name = source.getSymName().str() + "_panel" + std::to_string(count++);
  auto tensorType = RankedTensorType::get(type.getShape(), type.getElementType());
  auto attr = DenseResourceElementsAttr::get(tensorType, name, std::move(target));
  auto global = memref::GlobalOp::create(b, source.getLoc(), name, b.getStringAttr("private"), type, attr,
                                         /*constant=*/true, b.getI64IntegerAttr(64));
  globals[global.getSymNameAttr()] = global;
  cache[key] = global;
  return global;
}

Value WeightPacker::pack(func::FuncOp kernel, unsigned arg, const LoopNest &nest, const Tiling &t, ArrayRef<unsigned> sides) {
  int64_t width = t.width(), n = *nest.loops[t.vectorLoop].size();
  auto type = MemRefType::get({t.panelElements(nest, llvm::divideCeil(n, width))}, t.panelElement(nest.inputs[t.packed].element));
  for (func::CallOp call : calls[kernel.getSymNameAttr()]) {
    memref::GlobalOp source = globalOf(call.getOperand(arg));
    SmallVector<memref::GlobalOp> sideSources;
    for (unsigned side : sides)
      sideSources.push_back(globalOf(call.getOperand(side)));
    memref::GlobalOp panel = packed(source, sideSources, type, nest, t);
    OpBuilder b(call);
    Value get = memref::GetGlobalOp::create(b, call.getLoc(), type, panel.getSymName());
    ++uses[panel.getSymNameAttr()];
    auto old = call.getOperand(arg).getDefiningOp<memref::GetGlobalOp>();
    call.setOperand(arg, get);
    release(old);
  }
  (void)kernel.insertArgument(arg + 1, type, DictionaryAttr::get(kernel.getContext()), kernel.getLoc());
  return kernel.getArgument(arg + 1);
}

} // namespace onnxc
