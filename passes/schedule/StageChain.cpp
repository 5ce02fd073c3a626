// A chain of kernels that runs box by box.
//
//   call @a(%x, %t)                    func @staged(%x, %y) {
//   call @b(%t, %y)                      scf.for %i: scf.for %j:          // boxes of %y
//                             ->           %p = alloc                     // the part of %x that is needed, and padding
//                                          copy %x[..] to %p
//                                          %q = alloc                     // and of %t
//                                          call @a'(%p, %q)
//                                          fill what of %q is outside of %t
//                                          call @b'(%q, %y[%i, %j])
//
// Boxes of one buffer have one size, so that each stage is one kernel. At the
// border they reach out of the image: what is computed there from anything is
// overwritten with the padding before it is read. What neighbouring boxes both
// need is computed twice.
#include "passes/schedule/StageChain.h"
#include "passes/memory/AccessOrder.h"
#include "passes/schedule/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace onnxc {

bool StageChain::isInternal(Value v) const {
  if (!v.getDefiningOp<memref::AllocOp>())
    return false;
  return llvm::all_of(v.getUsers(), [&](Operation *user) {
    return llvm::any_of(stages, [&](const Stage *s) { return func::CallOp(s->call).getOperation() == user; });
  });
}

bool StageChain::setExtent(std::array<int64_t, 2> wanted) {
  extent = wanted;
  boxes.clear();
  for (unsigned k = stages.size(); k-- > 0;) {
    const Stage &s = *stages[k];
    func::CallOp call = s.call;
    StageBox own;
    Value result = call.getOperand(s.output);
    if (k + 1 == stages.size()) {
      own.extent = extent;
    } else {
      auto it = boxes.find(result);
      if (it == boxes.end() || !isInternal(result) || it->second.dims != std::array<int, 2>{1, 2})
        return false;
      it->second.first = k;
      it->second.isInput = false;
      own = it->second;
    }
    for (auto [arg, operand] : llvm::enumerate(s.operands)) {
      Value v = call.getOperand(arg);
      if (arg == s.output)
        continue;
      if (operand.isWhole()) {
        if (!v.getDefiningOp<memref::GetGlobalOp>())
          return false;
        continue;
      }
      auto type = dyn_cast<MemRefType>(v.getType());
      if (!type || !type.hasStaticShape() || v == output())
        return false;
      StageBox need;
      need.first = k; // of a chain's input: where it is read first
      need.last = k;
      need.isInput = true;
      need.padding = operand.padding;
      for (int a : {0, 1}) {
        const AxisWindow &w = operand.axes[a];
        need.scale[a] = w.stride * own.scale[a];
        need.origin[a] = w.stride * own.origin[a] + w.below;
        need.extent[a] = w.extent(own.extent[a]);
        need.dims[a] = w.dim;
      }
      auto [it, isNew] = boxes.insert({v, need});
      if (isNew)
        continue;
      StageBox &box = it->second;
      if (box.scale != need.scale || box.dims != need.dims || (box.padding && need.padding && box.padding != need.padding))
        return false;
      if (!box.padding)
        box.padding = need.padding;
      box.first = k;
      for (int a : {0, 1}) {
        int64_t end = std::max(box.extent[a] - box.origin[a], need.extent[a] - need.origin[a]);
        box.origin[a] = std::max(box.origin[a], need.origin[a]);
        box.extent[a] = end + box.origin[a];
      }
    }
  }
  return true;
}

int64_t StageChain::steps(int axis) const { return llvm::divideCeil(outputType().getDimSize(1 + axis), extent[axis]); }

MemRefType StageChain::boxType(Value buffer, const StageBox &box) const {
  auto type = cast<MemRefType>(buffer.getType());
  SmallVector<int64_t> shape(type.getShape());
  for (int a : {0, 1})
    shape[box.dims[a]] = box.extent[a];
  return MemRefType::get(shape, type.getElementType());
}

static int64_t bytesOf(MemRefType type) { return type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8); }

int64_t StageChain::scratchBytes() const {
  int64_t most = 0;
  for (unsigned k = 0; k < stages.size(); ++k) {
    int64_t live = 0, spared = 0;
    const Stage &s = *stages[k];
    func::CallOp call = s.call;
    Value result = call.getOperand(s.output);
    for (auto &[v, box] : boxes)
      if (box.first <= k && k <= box.last && !(stages[box.first]->moved.size() && box.isInput))
        live += llvm::alignTo(bytesOf(boxType(v, box)), 64);
    // The output lies in the input's place, but for some rows.
    auto own = boxes.find(result);
    for (auto [arg, operand] : llvm::enumerate(s.operands)) {
      auto it = boxes.find(call.getOperand(arg));
      if (own == boxes.end() || arg == s.output || it == boxes.end() || it->second.last != k || operand.isWhole())
        continue;
      MemRefType in = boxType(it->first, it->second), out = boxType(result, own->second);
      std::vector<AccessStep> order;
      int64_t rows = own->second.extent[0], inRows = it->second.extent[0], in1 = bytesOf(in) / inRows, out1 = bytesOf(out) / rows;
      const AxisWindow &w = operand.axes[0];
      for (int64_t y = 0; y < rows; ++y)
        order.push_back({y * w.stride * in1, std::min(inRows, y * w.stride + w.window) * in1, y * out1, (y + 1) * out1});
      OverlapDistance d = overlapDistance(order);
      int64_t together = bytesOf(in) + bytesOf(out);
      spared = std::max(spared, together - std::max(bytesOf(out), std::min(d.below, bytesOf(out)) + bytesOf(in)));
    }
    most = std::max(most, live - spared);
  }
  return most;
}

int64_t StageChain::distanceTo(Value input) const {
  const StageBox &box = boxes.find(input)->second;
  auto in = cast<MemRefType>(input.getType()), out = outputType();
  auto range = [](MemRefType type, std::array<int, 2> dims, std::array<int64_t, 2> start, std::array<int64_t, 2> size) {
    SmallVector<int64_t> strides;
    int64_t offset, low = 0, high = 0;
    (void)type.getStridesAndOffset(strides, offset);
    for (int64_t d = 0; d < type.getRank(); ++d) {
      int64_t from = 0, to = type.getDimSize(d);
      for (int a : {0, 1})
        if (dims[a] == d) {
          from = std::clamp<int64_t>(start[a], 0, type.getDimSize(d));
          to = std::clamp<int64_t>(start[a] + size[a], from, type.getDimSize(d));
        }
      low += from * strides[d];
      high += (std::max(from, to - 1)) * strides[d];
    }
    int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    return std::pair(low * bytes, (high + 1) * bytes);
  };
  std::vector<AccessStep> order;
  for (int64_t i = 0; i < steps(0); ++i)
    for (int64_t j = 0; j < steps(1); ++j) {
      std::array<int64_t, 2> at = {std::min(i * extent[0], out.getDimSize(1) - extent[0]), std::min(j * extent[1], out.getDimSize(2) - extent[1])};
      auto [readLow, readHigh] = range(in, box.dims, {box.scale[0] * at[0] - box.origin[0], box.scale[1] * at[1] - box.origin[1]}, box.extent);
      auto [writeLow, writeHigh] = range(out, {1, 2}, at, extent);
      order.push_back({readLow, readHigh, writeLow, writeHigh});
    }
  return std::min(overlapDistance(order).below, bytesOf(out));
}

double StageChain::multiplyAdds() const {
  double sum = 0, boxCount = double(steps(0)) * steps(1);
  for (const Stage *s : stages) {
    Value result = func::CallOp(s->call).getOperand(s->output);
    auto type = cast<MemRefType>(result.getType());
    auto it = boxes.find(result);
    std::array<int64_t, 2> own = it == boxes.end() ? extent : it->second.extent;
    sum += double(s->multiplyAdds) * own[0] * own[1] * boxCount / (double(type.getDimSize(1)) * type.getDimSize(2));
  }
  return sum;
}

double StageChain::copies() const {
  double sum = 0;
  for (auto &[v, box] : boxes)
    if (box.isInput)
      sum += double(boxType(v, box).getNumElements()) * steps(0) * steps(1);
  return sum;
}

double StageChain::multiplyAddsOnce() const {
  double sum = 0;
  for (const Stage *s : stages)
    sum += double(s->multiplyAdds);
  return sum;
}

bool StageChain::leavesImage(Value buffer, const StageBox &box, int axis) const {
  int64_t most = outputType().getDimSize(1 + axis) - extent[axis]; // where the last box starts
  return box.origin[axis] > 0 ||
         box.scale[axis] * most - box.origin[axis] + box.extent[axis] > cast<MemRefType>(buffer.getType()).getDimSize(box.dims[axis]);
}

namespace {
/// What of a box lies in the image, as index values: [low, high) of its rows and columns.
struct Inside {
  std::array<Value, 2> low, high;
};

class Builder {
public:
  Builder(OpBuilder &b, Location loc) : b(b), loc(loc) {}
  Value index(int64_t n) { return arith::ConstantIndexOp::create(b, loc, n); }

  void loops(ArrayRef<Value> from, ArrayRef<Value> to, llvm::function_ref<void(ArrayRef<Value>)> body) {
    Value one = index(1);
    SmallVector<Value> ivs;
    OpBuilder::InsertionGuard guard(b);
    for (auto [f, t] : llvm::zip(from, to)) {
      auto loop = scf::ForOp::create(b, loc, f, t, one);
      ivs.push_back(loop.getInductionVar());
      b.setInsertionPointToStart(loop.getBody());
    }
    body(ivs);
  }

  /// Stores `value` where `box`, with rows and columns at `dims`, is outside of `in`.
  void fillOutside(Value box, std::array<int, 2> dims, const Inside &in, TypedAttr value) {
    auto type = cast<MemRefType>(box.getType());
    Value v = arith::ConstantOp::create(b, loc, value), zero = index(0);
    Value rows = index(type.getDimSize(dims[0])), columns = index(type.getDimSize(dims[1]));
    auto fill = [&](Value r0, Value r1, Value c0, Value c1) {
      SmallVector<Value> from, to;
      for (int64_t d = 0; d < type.getRank(); ++d) {
        from.push_back(d == dims[0] ? r0 : d == dims[1] ? c0 : zero);
        to.push_back(d == dims[0] ? r1 : d == dims[1] ? c1 : index(type.getDimSize(d)));
      }
      loops(from, to, [&](ArrayRef<Value> at) { memref::StoreOp::create(b, loc, v, box, at); });
    };
    fill(zero, in.low[0], zero, columns);
    fill(in.high[0], rows, zero, columns);
    fill(in.low[0], in.high[0], zero, in.low[1]);
    fill(in.low[0], in.high[0], in.high[1], columns);
  }

  OpBuilder &b;
  Location loc;
};
} // namespace

func::CallOp StageChain::build(KernelTable &kernels, unsigned number) {
  func::CallOp last = stages.back()->call;
  auto module = last->getParentOfType<ModuleOp>();
  SmallVector<Location> locations;
  for (const Stage *s : stages)
    locations.push_back(func::CallOp(s->call).getLoc());
  Location loc = FusedLoc::get(module.getContext(), locations);
  // The part of a buffer that only moves through the first stages is read from where it comes from.
  SmallVector<Value> arguments;
  for (auto &[v, box] : boxes)
    if (box.isInput)
      arguments.push_back(v);
  arguments.push_back(output());

  OpBuilder b(module.getContext());
  auto function = func::FuncOp::create(loc, "staged_" + std::to_string(number), b.getFunctionType(ValueRange(arguments).getTypes(), {}));
  function.setPrivate();
  function->setAttr(kStagedAttr, b.getUnitAttr());
  function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  module.push_back(function);
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  Builder make(b, loc);
  IRMapping inside;
  for (auto [v, arg] : llvm::zip(arguments, entry->getArguments()))
    inside.map(v, arg);
  for (const Stage *s : stages)
    for (Value v : func::CallOp(s->call).getOperands())
      if (auto get = v.getDefiningOp<memref::GetGlobalOp>(); get && !inside.contains(v))
        inside.map(v, b.clone(*get)->getResult(0));

  std::array<Value, 2> at;
  OpBuilder::InsertPoint end;
  for (int a : {0, 1}) {
    int64_t size = outputType().getDimSize(1 + a);
    if (steps(a) == 1) {
      at[a] = make.index(0);
      continue;
    }
    auto loop = scf::ForOp::create(b, loc, make.index(0), make.index(steps(a) * extent[a]), make.index(extent[a]));
    if (end.isSet() == false)
      end = b.saveInsertionPoint();
    b.setInsertionPointToStart(loop.getBody());
    at[a] = loop.getInductionVar();
    if (size % extent[a]) // the last box ends with the image
      at[a] = arith::MinSIOp::create(b, loc, at[a], make.index(size - extent[a]));
  }

  auto startOf = [&](const StageBox &box, int a) -> Value {
    Value scaled = box.scale[a] == 1 ? at[a] : arith::MulIOp::create(b, loc, at[a], make.index(box.scale[a])).getResult();
    return box.origin[a] ? arith::SubIOp::create(b, loc, scaled, make.index(box.origin[a])).getResult() : scaled;
  };
  auto insideOf = [&](Value buffer, const StageBox &box) {
    Inside in;
    for (int a : {0, 1}) {
      int64_t size = cast<MemRefType>(buffer.getType()).getDimSize(box.dims[a]);
      in.low[a] = make.index(0);
      in.high[a] = make.index(box.extent[a]);
      if (!leavesImage(buffer, box, a))
        continue;
      Value start = startOf(box, a);
      in.low[a] = arith::MaxSIOp::create(b, loc, arith::SubIOp::create(b, loc, in.low[a], start), in.low[a]);
      in.high[a] = arith::MinSIOp::create(b, loc, arith::SubIOp::create(b, loc, make.index(size), start), in.high[a]);
    }
    return in;
  };
  llvm::DenseMap<Value, Value> scratch;
  auto leaves = [&](Value v, const StageBox &box) { return leavesImage(v, box, 0) || leavesImage(v, box, 1); };
  /// Copies the box of an input; dim d of `to` is dim moved[d] of the input.
  auto copyIn = [&](Value input, const StageBox &box, Value to, ArrayRef<int64_t> moved) {
    Inside in = insideOf(input, box);
    std::array<Value, 2> start = {startOf(box, 0), startOf(box, 1)};
    auto type = cast<MemRefType>(input.getType());
    SmallVector<Value> low, high;
    for (int64_t d : moved) {
      int a = d == box.dims[0] ? 0 : d == box.dims[1] ? 1 : -1;
      low.push_back(a < 0 ? make.index(0) : in.low[a]);
      high.push_back(a < 0 ? make.index(type.getDimSize(d)) : in.high[a]);
    }
    make.loops(low, high, [&](ArrayRef<Value> ivs) {
      SmallVector<Value> from(type.getRank());
      for (auto [i, d] : llvm::enumerate(moved)) {
        int a = d == box.dims[0] ? 0 : d == box.dims[1] ? 1 : -1;
        from[d] = a < 0 ? ivs[i] : arith::AddIOp::create(b, loc, start[a], ivs[i]).getResult();
      }
      Value element = memref::LoadOp::create(b, loc, inside.lookup(input), from);
      memref::StoreOp::create(b, loc, element, to, ivs);
    });
  };
  auto scratchOf = [&](Value v) -> Value {
    Value &s = scratch[v];
    const StageBox &box = boxes.find(v)->second;
    if (!s) {
      s = memref::AllocOp::create(b, loc, boxType(v, box));
      if (box.isInput) {
        SmallVector<int64_t> same;
        for (int64_t d = 0; d < cast<MemRefType>(v.getType()).getRank(); ++d)
          same.push_back(d);
        copyIn(v, box, s, same);
        if (box.padding && leaves(v, box))
          make.fillOutside(s, box.dims, insideOf(v, box), box.padding);
      }
    }
    return s;
  };
  for (const Stage *s : stages) {
    func::CallOp call = s->call;
    Value result = call.getOperand(s->output);
    bool isLast = s == stages.back();
    StageBox own;
    own.extent = extent;
    if (!isLast)
      own = boxes.find(result)->second;
    if (!s->moved.empty() && !isLast && boxes.find(call.getOperand(0))->second.isInput) {
      Value input = call.getOperand(0);
      copyIn(input, boxes.find(input)->second, scratchOf(result), s->moved);
    } else {
      SmallVector<Value> operands;
      for (auto [arg, operand] : llvm::enumerate(s->operands)) {
        Value v = call.getOperand(arg);
        if (arg == s->output && isLast) {
          auto type = outputType();
          SmallVector<OpFoldResult> offsets, sizes, ones(type.getRank(), b.getIndexAttr(1));
          for (int64_t d = 0; d < type.getRank(); ++d) {
            int a = d == 1 ? 0 : d == 2 ? 1 : -1;
            offsets.push_back(a < 0 ? OpFoldResult(b.getIndexAttr(0)) : OpFoldResult(at[a]));
            sizes.push_back(b.getIndexAttr(a < 0 ? type.getDimSize(d) : extent[a]));
          }
          operands.push_back(memref::SubViewOp::create(b, loc, inside.lookup(v), offsets, sizes, ones));
          continue;
        }
        if (operand.isWhole() && arg != s->output) {
          operands.push_back(inside.lookup(v));
          continue;
        }
        Value whole = scratchOf(v);
        const StageBox &box = boxes.find(v)->second;
        if (arg != s->output) {
          // Another reader may need more of it.
          SmallVector<OpFoldResult> offsets, sizes, ones;
          bool all = true;
          for (auto [d, size] : llvm::enumerate(cast<MemRefType>(whole.getType()).getShape())) {
            int64_t offset = 0, count = size;
            for (int a : {0, 1})
              if (box.dims[a] == int(d)) {
                const AxisWindow &w = operand.axes[a];
                offset = box.origin[a] - (w.stride * own.origin[a] + w.below);
                count = w.extent(own.extent[a]);
              }
            all &= offset == 0 && count == size;
            offsets.push_back(b.getIndexAttr(offset));
            sizes.push_back(b.getIndexAttr(count));
            ones.push_back(b.getIndexAttr(1));
          }
          if (!all)
            whole = memref::SubViewOp::create(b, loc, whole, offsets, sizes, ones);
        }
        operands.push_back(whole);
      }
      auto staged = func::CallOp::create(b, call.getLoc(), call.getCallee(), TypeRange(), operands);
      kernels.redirect(staged, sliceKernel(*s, SmallVector<Type>(ValueRange(operands).getTypes())));
    }
    if (!isLast && own.padding && leaves(result, own))
      make.fillOutside(scratch[result], own.dims, insideOf(result, own), own.padding);
  }
  b.setInsertionPointToEnd(entry);
  func::ReturnOp::create(b, loc);

  b.setInsertionPoint(last);
  auto staged = func::CallOp::create(b, loc, function.getSymName(), TypeRange(), arguments);
  SmallVector<memref::AllocOp> internal;
  for (auto &[v, box] : boxes)
    if (!box.isInput)
      internal.push_back(v.getDefiningOp<memref::AllocOp>());
  for (const Stage *s : stages)
    func::CallOp(s->call).erase();
  for (memref::AllocOp op : internal)
    op.erase();
  return staged;
}

} // namespace onnxc
