// The boundary of the lowered function.
//
//   func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32>      (onnx)
// becomes
//   func.func @main(%x: memref<1x4xf32>, %y: memref<1x4xf32>)
//
// Inputs and outputs are the caller's buffers: memref arguments that are read
// by to_tensor and written by materialize_in_destination.  An output whose
// shape is known only at run time has no argument; it is handed to the
// external function @onnxc.output.<index>, which the code generator defines.
#include "dialects/rt/NodeName.h"
#include "passes/lower/Lowering.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

using namespace mlir;

namespace onnxc::lower {

namespace {
/// Whether a buffer of `type` may take the place of all that `v` is written into: it holds every part of known place.
/// What the run will find to be of another size, or to have parts without elements behind the end, it need not hold.
bool holdsParts(RankedTensorType type, Value v) {
  SmallVector<Value> parts{v};
  llvm::SmallDenseSet<Value> seen;
  // Parts of unknown size have one element at least, or may lie behind the end.
  auto fits = [&](ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes, ArrayRef<int64_t> strides) {
    for (auto [n, offset, size, stride] : llvm::zip(type.getShape(), offsets, sizes, strides)) {
      int64_t last = (ShapedType::isDynamic(size) ? 0 : size - 1) * (ShapedType::isDynamic(stride) ? 1 : stride);
      if (!ShapedType::isDynamic(n) && !ShapedType::isDynamic(offset) && offset + last >= n)
        return false;
    }
    return true;
  };
  while (!parts.empty()) {
    Value part = parts.pop_back_val();
    Operation *op = part.getDefiningOp();
    if (!op || !seen.insert(part).second)
      continue;
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
      if (!fits(insert.getStaticOffsets(), insert.getStaticSizes(), insert.getStaticStrides()))
        return false;
      parts.push_back(insert.getDest());
    } else if (auto pad = dyn_cast<tensor::PadOp>(op)) {
      SmallVector<int64_t> ones(type.getRank(), 1);
      if (!fits(pad.getStaticLow(), pad.getSourceType().getShape(), ones))
        return false;
    } else if (auto written = dyn_cast<DestinationStyleOpInterface>(op)) {
      parts.push_back(written.getTiedOpOperand(cast<OpResult>(part))->get());
    } else if (auto loop = dyn_cast<LoopLikeOpInterface>(op)) {
      if (OpOperand *init = loop.getTiedLoopInit(cast<OpResult>(part)))
        parts.push_back(init->get());
      if (BlockArgument carried = loop.getTiedLoopRegionIterArg(cast<OpResult>(part)))
        if (OpOperand *next = loop.getTiedLoopYieldedValue(carried))
          parts.push_back(next->get());
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      unsigned i = cast<OpResult>(part).getResultNumber();
      parts.push_back(branch.thenYield().getOperand(i));
      parts.push_back(branch.elseYield().getOperand(i));
    } else if (isa<tensor::CastOp, tensor::ReshapeOp, tensor::ExtractSliceOp>(op)) {
      if (cast<RankedTensorType>(op->getOperand(0).getType()).getRank() == type.getRank())
        parts.push_back(op->getOperand(0));
    }
  }
  return true;
}
} // namespace

LogicalResult lowerModule(ModuleOp module, std::vector<Unsupported> &unsupported, const LowerOptions &options) {
  auto source = module.lookupSymbol<func::FuncOp>("main");
  if (!source)
    return module.emitError("the module has no function @main");
  MLIRContext *ctx = module.getContext();
  OpBuilder b(source);
  Location loc = source.getLoc();

  SmallVector<Type> argTypes;
  for (auto [i, type] : llvm::enumerate(source.getArgumentTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.getElementType().isIntOrFloat()) {
      std::string text;
      llvm::raw_string_ostream(text) << "graph input " << i << " has type " << type
                                     << "; inputs must be tensors of numbers of known rank";
      unsupported.push_back({"input", "Input", text});
      continue;
    }
    auto low = loweredType(tensor);
    argTypes.push_back(MemRefType::get(low.getShape(), low.getElementType()));
  }
  if (!unsupported.empty())
    return failure();

  auto func = func::FuncOp::create(b, loc, "main.lowered", FunctionType::get(ctx, argTypes, {}));
  Block *entry = func.addEntryBlock();
  b.setInsertionPointToStart(entry);
  SmallVector<Value> ins;
  for (auto [arg, type] : llvm::zip(entry->getArguments(), source.getArgumentTypes())) {
    auto low = loweredType(type);
    ins.push_back(bufferization::ToTensorOp::create(b, loc, low, arg, /*restrict=*/true, /*writable=*/false));
  }

  Lowering lowering(b, unsupported, options, loc);
  auto results = lowering.lowerBlock(source.getBody().front(), ins);
  if (!results) {
    func.erase();
    return failure();
  }

  auto outputName = [&](size_t i) {
    auto name = source.getResultAttrOfType<StringAttr>(i, "onnx.name");
    return "output '" + (name ? shownName(name) : std::to_string(i)) + "': ";
  };
  SmallVector<Attribute> outputTypes;
  for (auto [i, v] : llvm::enumerate(*results)) {
    auto type = cast<RankedTensorType>(v.getType());
    // Static dims that the model declares and lowering could not infer; the run checks them. They are the buffer's, not
    // the value's: cast to them, what computes it would be refined to a size that it may not even be able to have.
    auto promise = source.getResultAttrOfType<TypeAttr>(i, "onnx.declared");
    if (auto declared = dyn_cast<RankedTensorType>(promise ? promise.getValue() : source.getResultTypes()[i])) {
      if (declared.getRank() != type.getRank()) {
        unsupported.push_back({"output", "Output", outputName(i) + "got rank " + std::to_string(type.getRank()) +
                                                       ", wanted " + std::to_string(declared.getRank()) + " as it is declared"});
        return failure();
      }
      SmallVector<int64_t> shape(type.getShape());
      for (auto [k, wanted] : llvm::enumerate(declared.getShape())) {
        if (ShapedType::isDynamic(shape[k])) {
          shape[k] = wanted;
        } else if (!ShapedType::isDynamic(wanted) && shape[k] != wanted) {
          unsupported.push_back({"output", "Output", outputName(i) + "dim " + std::to_string(k) + ": got " + std::to_string(shape[k]) +
                                                         ", wanted " + std::to_string(wanted) + " as it is declared"});
          return failure();
        }
      }
      auto merged = RankedTensorType::get(shape, type.getElementType());
      lowering.subject = outputName(i);
      lowering.checkShape(v, merged);
      if (!unsupported.empty())
        return failure();
      type = merged;
    }
    outputTypes.push_back(TypeAttr::get(type));
    auto memref = MemRefType::get(type.getShape(), type.getElementType());
    if (type.hasStaticShape()) {
      (void)func.insertArgument(func.getNumArguments(), memref, DictionaryAttr::get(ctx), loc);
      Value dest = entry->getArguments().back();
      if (!holdsParts(type, v)) {
        Value own = bufferization::ToBufferOp::create(b, loc, MemRefType::get(cast<RankedTensorType>(v.getType()).getShape(), type.getElementType()), v,
                                                      /*read_only=*/true);
        memref::CopyOp::create(b, loc, own, dest);
        continue;
      }
      bufferization::MaterializeInDestinationOp::create(b, loc, TypeRange{}, v, dest, /*restrict=*/true, /*writable=*/true);
      continue;
    }
    std::string name = "onnxc.output." + std::to_string(i);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(source);
      auto callee = func::FuncOp::create(b, loc, name, FunctionType::get(ctx, {memref}, {}));
      callee.setPrivate();
    }
    auto own = MemRefType::get(cast<RankedTensorType>(v.getType()).getShape(), type.getElementType());
    Value buffer = bufferization::ToBufferOp::create(b, loc, own, v, /*read_only=*/true);
    if (own != memref)
      buffer = memref::CastOp::create(b, loc, memref, buffer);
    func::CallOp::create(b, loc, name, TypeRange{}, ValueRange{buffer});
  }
  func::ReturnOp::create(b, loc);
  func->setAttr("onnxc.num_inputs", b.getI64IntegerAttr(ins.size()));
  func->setAttr("onnxc.output_types", b.getArrayAttr(outputTypes));
  source.erase();
  func.setSymName("main");
  return success();
}

} // namespace onnxc::lower
