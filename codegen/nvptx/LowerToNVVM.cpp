// gpu, nvgpu, cf, arith, math, memref and vector -> LLVM and NVVM, at once.
//
//   %t = gpu.thread_id x          ->  %t = nvvm.read.ptx.sreg.tid.x : i32
//   gpu.func @k(...) kernel       ->  llvm.func @k(...) attributes {nvvm.kernel}
//
// One conversion for all dialects, as on the host and for the same reason
// (codegen/llvm/LowerToLLVM.cpp): one type converter, one width of index.
#include "codegen/nvptx/LowerToNVVM.h"
#include "codegen/llvm/LowerToLLVM.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/GPUCommon/GPUCommonPass.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/NVGPUToNVVM/NVGPUToNVVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

using namespace mlir;

namespace onnxc {
namespace {

/// A pointer seen as a memref of rank 0: the base of a kernel's argument.
struct PointerAsMemref : ConvertOpToLLVMPattern<UnrealizedConversionCastOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(UnrealizedConversionCastOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    if (op.getNumOperands() != 1 || op.getNumResults() != 1 || !isa<LLVM::LLVMPointerType>(op.getOperand(0).getType()))
      return failure();
    auto type = dyn_cast<MemRefType>(op.getResult(0).getType());
    if (!type || type.getRank() != 0)
      return failure();
    rewriter.replaceOp(op, Value(MemRefDescriptor::fromStaticShape(rewriter, op.getLoc(), *getTypeConverter(), type, op.getOperand(0))));
    return success();
  }
};

struct LowerToNVVMPass : PassWrapper<LowerToNVVMPass, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerToNVVMPass)
  StringRef getArgument() const override { return "onnxc-lower-to-nvvm"; }
  StringRef getDescription() const override { return "everything in a gpu.module to the LLVM and NVVM dialects"; }
  void getDependentDialects(DialectRegistry &r) const override {
    r.insert<LLVM::LLVMDialect, NVVM::NVVMDialect, memref::MemRefDialect>();
  }

  void runOnOperation() override {
    gpu::GPUModuleOp module = getOperation();
    MLIRContext *context = &getContext();
    if (failed(lowerVectors(module)))
      return signalPassFailure();
    LowerToLLVMOptions options(context);
    auto bits = module->getAttrOfType<IntegerAttr>(kIndexBitsAttr);
    options.overrideIndexBitwidth(bits ? bits.getInt() : 64);
    LLVMTypeConverter converter(context, options);
    configureGpuToNVVMTypeConverter(converter);
    // Groups of copies are counted by the hardware: their tokens say nothing.
    converter.addConversion([](nvgpu::DeviceAsyncTokenType type) { return IntegerType::get(type.getContext(), 32); });
    RewritePatternSet patterns(context);
    patterns.add<PointerAsMemref>(converter, /*benefit=*/2);
    populateVectorToLLVMConversionPatterns(converter, patterns, /*reassociateFPReductions=*/true, /*force32BitVectorIndices=*/true);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    // Before the patterns for the device, which call libdevice.
    populateMathToLLVMConversionPatterns(converter, patterns, /*approximateLog1p=*/false, /*benefit=*/2);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    populateGpuToNVVMConversionPatterns(converter, patterns);
    populateNVGPUToNVVMConversionPatterns(converter, patterns);
    LLVMConversionTarget target(*context);
    target.addLegalDialect<NVVM::NVVMDialect>();
    target.addIllegalDialect<gpu::GPUDialect, memref::MemRefDialect, nvgpu::NVGPUDialect>();
    target.addLegalOp<gpu::GPUModuleOp>();
    target.addDynamicallyLegalOp<UnrealizedConversionCastOp>([](UnrealizedConversionCastOp op) {
      auto type = op.getNumResults() == 1 ? dyn_cast<MemRefType>(op.getResult(0).getType()) : MemRefType();
      return !(type && type.getRank() == 0 && op.getNumOperands() == 1 && isa<LLVM::LLVMPointerType>(op.getOperand(0).getType()));
    });
    if (failed(applyPartialConversion(module, target, std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createLowerToNVVMPass() { return std::make_unique<LowerToNVVMPass>(); }

} // namespace onnxc
