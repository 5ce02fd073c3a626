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
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace onnxc::lower {

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

  SmallVector<Attribute> outputTypes;
  for (auto [i, v] : llvm::enumerate(*results)) {
    auto type = cast<RankedTensorType>(v.getType());
    // Static dims that the model declares and lowering could not infer; the run checks them.
    auto promise = source.getResultAttrOfType<TypeAttr>(i, "onnx.declared");
    if (auto declared = dyn_cast<RankedTensorType>(promise ? promise.getValue() : source.getResultTypes()[i])) {
      if (declared.getRank() != type.getRank()) {
        unsupported.push_back({"output", "Output", "graph output " + std::to_string(i) + " has another rank than declared"});
        return failure();
      }
      SmallVector<int64_t> shape(type.getShape());
      for (auto [d, w] : llvm::zip(shape, declared.getShape()))
        if (ShapedType::isDynamic(d))
          d = w;
      auto merged = RankedTensorType::get(shape, type.getElementType());
      auto name = source.getResultAttrOfType<StringAttr>(i, "onnx.name");
      lowering.subject = "output '" + (name ? shownName(name) : std::to_string(i)) + "': ";
      v = lowering.castTo(v, merged);
      if (!unsupported.empty())
        return failure();
      type = merged;
    }
    outputTypes.push_back(TypeAttr::get(type));
    auto memref = MemRefType::get(type.getShape(), type.getElementType());
    if (type.hasStaticShape()) {
      (void)func.insertArgument(func.getNumArguments(), memref, DictionaryAttr::get(ctx), loc);
      Value dest = entry->getArguments().back();
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
    Value buffer = bufferization::ToBufferOp::create(b, loc, memref, v, /*read_only=*/true);
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
