// Kernels of the device: their loops become blocks and threads.
//
//   func @kernel_3(%x : memref<?x64xf32>, %y : memref<?x64xf32>) { linalg.generic ... }
// becomes
//   gpu.module @device { gpu.func @kernel_3(%x : !llvm.ptr<1>, %x0 : i64, ...) kernel { ... } }
//   func @kernel_3(%x, %y) -> i32 attributes {onnxc.launcher} {
//     gpu.launch_func @device::@kernel_3 blocks in (...) threads in (...) args(...)
//   }
// so that `main` calls the launcher as it called the kernel, and whatever looks
// at buffers there sees the same uses. A kernel takes plain pointers, the sizes
// and strides that its types leave open, and scalars.
#include "passes/schedule/KernelTable.h"
#include "passes/schedule/Schedule.h"
#include "passes/schedule/gpu/Contraction.h"
#include "passes/schedule/gpu/Gpu.h"
#include "passes/schedule/gpu/Mapping.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Address space of device memory.
constexpr unsigned kGlobalSpace = 1;

/// How a memref argument crosses to the device: its sizes and strides that are
/// known at run time only, in the order of its dims.
struct Crossing {
  MemRefType type;
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  SmallVector<unsigned> sizeDims, strideDims;

  explicit Crossing(MemRefType type) : type(type) {
    (void)type.getStridesAndOffset(strides, offset);
    for (int64_t d = 0; d < type.getRank(); ++d) {
      if (type.isDynamicDim(d))
        sizeDims.push_back(d);
      if (ShapedType::isDynamic(strides[d]))
        strideDims.push_back(d);
    }
  }
};

class Mapper {
public:
  Mapper(ModuleOp module, gpu::GPUModuleOp device, const GpuTarget &target) : module(module), device(device), target(target), b(module.getContext()) {}

  LogicalResult map(func::FuncOp kernel) {
    generalizeLoneFill(kernel);
    Location loc = kernel.getLoc();
    Block &old = kernel.getBody().front();
    auto ops = readKernel(old);
    if (!ops)
      return kernel.emitError("kernel has no form that runs on a GPU");

    gpu::GPUFuncOp made = signature(kernel);
    Block &body = made.getBody().front();
    b.setInsertionPointToStart(&body);
    IRMapping arguments;
    rebuildArguments(kernel, body, arguments);
    KernelOps inside;
    for (Operation &op : old.without_terminator())
      copyOf(b.clone(op, arguments), op, *ops, inside);
    b.setInsertionPointToEnd(&body);
    Operation *end = gpu::ReturnOp::create(b, loc);
    b.setInsertionPoint(end);
    std::optional<Launch> launch = mapMatrixContraction(b, inside, made, target);
    if (!launch)
      launch = mapTiledContraction(b, inside, made, target);
    if (!launch)
      launch = mapSharedReduction(b, inside, made, target);
    if (!launch)
      launch = mapTranspose(b, inside, made, target);
    if (!launch)
      launch = mapPointwise(b, inside, made, target);
    if (!launch)
      return kernel.emitError("kernel has no form that runs on a GPU");
    made->setAttr(kMappingAttr, describe(inside, *launch));
    made.setKnownBlockSizeAttr(b.getDenseI32ArrayAttr(launch->block));
    for (Operation *op : {inside.epilogue.getOperation(), inside.root.getOperation(), inside.fill.getOperation(), inside.temporary.getOperation()})
      if (op)
        op->erase();

    makeLauncher(kernel, made, *ops, *launch);
    return success();
  }

private:
  /// Notes `copy` in `inside` when `op` is one of `ops`.
  static void copyOf(Operation *copy, Operation &op, KernelOps ops, KernelOps &inside) {
    if (&op == ops.fill)
      inside.fill = cast<linalg::FillOp>(copy);
    else if (&op == ops.root)
      inside.root = cast<linalg::GenericOp>(copy);
    else if (&op == ops.epilogue)
      inside.epilogue = cast<linalg::GenericOp>(copy);
    else if (&op == ops.temporary)
      inside.temporary = cast<memref::AllocOp>(copy);
  }

  DictionaryAttr describe(KernelOps ops, const Launch &launch) {
    NamedAttrList about;
    about.set("mapping", b.getStringAttr(launch.mapping));
    auto epilogue = epilogueLoops(ops);
    if (auto c = epilogue ? readContraction(ops, *epilogue) : std::nullopt) {
      about.set("type", TypeAttr::get(cast<MemRefType>(c->rows->get().getType()).getElementType()));
      for (auto [name, group] : {std::pair("m", &c->m), std::pair("n", &c->n), std::pair("k", &c->k)})
        about.set(name, b.getI64IntegerAttr(group->total));
    }
    return about.getDictionary(b.getContext());
  }

  /// The gpu.func, with an empty body.
  gpu::GPUFuncOp signature(func::FuncOp kernel) {
    Type i64 = b.getI64Type(), ptr = LLVM::LLVMPointerType::get(b.getContext(), kGlobalSpace);
    SmallVector<Type> types;
    for (Type t : kernel.getArgumentTypes()) {
      if (auto memref = dyn_cast<MemRefType>(t)) {
        Crossing c(memref);
        types.push_back(ptr);
        types.append(c.sizeDims.size() + c.strideDims.size(), i64);
      } else {
        types.push_back(t.isIndex() ? i64 : t);
      }
    }
    b.setInsertionPointToEnd(device.getBody());
    auto made = gpu::GPUFuncOp::create(b, kernel.getLoc(), kernel.getSymName(), b.getFunctionType(types, {}));
    made->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
    return made;
  }

  /// The kernel's arguments as it knows them, from those of the gpu.func.
  void rebuildArguments(func::FuncOp kernel, Block &body, IRMapping &arguments) {
    Location loc = kernel.getLoc();
    unsigned next = 0;
    for (BlockArgument arg : kernel.getArguments()) {
      Value v = body.getArgument(next++);
      if (auto type = dyn_cast<MemRefType>(arg.getType())) {
        Crossing c(type);
        SmallVector<Value> sizes(type.getRank()), strides(type.getRank());
        auto index = [&](Value raw) { return arith::IndexCastOp::create(b, loc, b.getIndexType(), raw); };
        for (unsigned d : c.sizeDims)
          sizes[d] = index(body.getArgument(next++));
        for (unsigned d : c.strideDims)
          strides[d] = index(body.getArgument(next++));
        v = memrefAt(loc, v, c, sizes, strides);
      } else if (arg.getType().isIndex()) {
        v = arith::IndexCastOp::create(b, loc, b.getIndexType(), v);
      }
      arguments.map(arg, v);
    }
  }

  /// A memref of `c.type` over the memory at `pointer`; the launcher has added
  /// an offset that is known at run time only.
  Value memrefAt(Location loc, Value pointer, const Crossing &c, ArrayRef<Value> sizes, ArrayRef<Value> strides) {
    Value flat = LLVM::AddrSpaceCastOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext()), pointer);
    auto scalar = MemRefType::get({}, c.type.getElementType());
    // The device's lowering makes a descriptor of this cast.
    Value base = UnrealizedConversionCastOp::create(b, loc, TypeRange{scalar}, ValueRange{flat}).getResult(0);
    auto known = [&](int64_t n, Value v) { return ShapedType::isDynamic(n) ? OpFoldResult(v) : OpFoldResult(b.getIndexAttr(n)); };
    SmallVector<OpFoldResult> mixedSizes, mixedStrides;
    for (int64_t d = 0; d < c.type.getRank(); ++d) {
      mixedSizes.push_back(known(c.type.getDimSize(d), sizes[d]));
      mixedStrides.push_back(known(c.strides[d], strides[d]));
    }
    OpFoldResult offset = ShapedType::isDynamic(c.offset) ? OpFoldResult(arith::ConstantIndexOp::create(b, loc, 0).getResult())
                                                          : OpFoldResult(b.getIndexAttr(c.offset));
    return memref::ReinterpretCastOp::create(b, loc, c.type, base, offset, mixedSizes, mixedStrides);
  }

  /// What is left of `kernel`: a function that launches `made`.
  void makeLauncher(func::FuncOp kernel, gpu::GPUFuncOp made, KernelOps ops, const Launch &launch) {
    Location loc = kernel.getLoc();
    Block &body = kernel.getBody().front();
    b.setInsertionPoint(body.getTerminator());
    auto constant = [&](int64_t n) { return arith::ConstantIndexOp::create(b, loc, n).getResult(); };
    // Extents of the loops, from the memrefs that the launcher has.
    SmallVector<Value> grid = launch.grid(b, loc, cast<linalg::LinalgOp>(ops.root.getOperation()).createLoopRanges(b, loc));
    SmallVector<Value> operands;
    for (BlockArgument arg : kernel.getArguments()) {
      if (auto type = dyn_cast<MemRefType>(arg.getType()))
        pushMemref(loc, arg, Crossing(type), operands);
      else if (arg.getType().isIndex())
        operands.push_back(arith::IndexCastOp::create(b, loc, b.getI64Type(), arg));
      else
        operands.push_back(arg);
    }
    gpu::LaunchFuncOp::create(b, loc, made, gpu::KernelDim3{grid[0], grid[1], grid[2]},
                              gpu::KernelDim3{constant(launch.block[0]), constant(launch.block[1]), constant(launch.block[2])},
                              /*dynamicSharedMemorySize=*/Value(), operands);
    for (Operation *op : {ops.epilogue.getOperation(), ops.root.getOperation(), ops.fill.getOperation(), ops.temporary.getOperation()})
      if (op)
        op->erase();
    kernel->removeAttr(kKernelAttr);
    kernel->removeAttr("passthrough");
    kernel->setAttr(kLauncherAttr, b.getUnitAttr());
  }

  void pushMemref(Location loc, Value memref, const Crossing &c, SmallVectorImpl<Value> &operands) {
    Type i64 = b.getI64Type();
    Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memref);
    memref::ExtractStridedMetadataOp meta;
    if (ShapedType::isDynamic(c.offset) || !c.strideDims.empty())
      meta = memref::ExtractStridedMetadataOp::create(b, loc, memref);
    if (ShapedType::isDynamic(c.offset)) {
      Type element = c.type.getElementType();
      Value bytes = arith::ConstantIndexOp::create(b, loc, element.isIndex() ? 8 : llvm::divideCeil(element.getIntOrFloatBitWidth(), 8));
      address = arith::AddIOp::create(b, loc, address, arith::MulIOp::create(b, loc, meta.getOffset(), bytes));
    }
    auto pointer = LLVM::LLVMPointerType::get(b.getContext(), kGlobalSpace);
    operands.push_back(LLVM::IntToPtrOp::create(b, loc, pointer, arith::IndexCastOp::create(b, loc, i64, address).getResult()));
    for (unsigned d : c.sizeDims)
      operands.push_back(arith::IndexCastOp::create(b, loc, i64, memref::DimOp::create(b, loc, memref, d)));
    for (unsigned d : c.strideDims)
      operands.push_back(arith::IndexCastOp::create(b, loc, i64, meta.getStrides()[d]));
  }

  ModuleOp module;
  gpu::GPUModuleOp device;
  const GpuTarget &target;
  OpBuilder b;
};

struct MapKernelsPass : PassWrapper<MapKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MapKernelsPass)
  explicit MapKernelsPass(const GpuTarget &target) : target(target) {}
  MapKernelsPass(const MapKernelsPass &other) : PassWrapper(other), target(other.target) {}
  StringRef getArgument() const override { return "onnxc-map-kernels"; }
  StringRef getDescription() const override { return "kernels of the device become gpu.funcs and their launchers"; }
  void getDependentDialects(DialectRegistry &r) const override {
    r.insert<arith::ArithDialect, gpu::GPUDialect, LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect, nvgpu::NVGPUDialect, scf::SCFDialect,
             vector::VectorDialect>();
  }
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto main = module.lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    llvm::SetVector<func::FuncOp> kernels;
    main.walk([&](func::CallOp call) {
      if (call->hasAttr(kOnDeviceAttr))
        kernels.insert(module.lookupSymbol<func::FuncOp>(call.getCallee()));
    });
    if (kernels.empty())
      return;
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    auto device = gpu::GPUModuleOp::create(b, module.getLoc(), kDeviceModule);
    module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(), b.getUnitAttr());
    Mapper mapper(module, device, target);
    for (func::FuncOp kernel : kernels)
      if (failed(mapper.map(kernel)))
        return signalPassFailure();
  }
  GpuTarget target;
};

} // namespace

std::unique_ptr<Pass> createMapKernelsPass(const GpuTarget &target) { return std::make_unique<MapKernelsPass>(target); }

} // namespace onnxc
