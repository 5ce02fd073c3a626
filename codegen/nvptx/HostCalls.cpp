// gpu.alloc, gpu.memcpy and gpu.launch_func of the host -> calls of the runtime.
//
//   gpu.launch_func @device::@k blocks in (%g, ...) threads in (%t, ...) args(%p : ptr, %n : i64)
// becomes
//   store %p, %slots[0]; store %n, %slots[1]
//   call @onnxc_cuda_launch(%state, 3, %g, ..., %t, ..., %pointers)
//
// Device buffers stay memrefs: their descriptors hold addresses of the device,
// and only launchers and copies look into them.
#include "codegen/nvptx/HostCalls.h"
#include "passes/memory/PlanArena.h"
#include "passes/schedule/gpu/ConstantBytes.h"
#include "passes/schedule/gpu/Gpu.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Weights start at multiples of this: what the widest accesses of kernels want, and a cache line.
constexpr int64_t kWeightAlign = 256;
constexpr unsigned kIndexBits = 64;

class HostCalls {
public:
  explicit HostCalls(ModuleOp module) : module(module), main(module.lookupSymbol<func::FuncOp>("main")), b(module.getContext()) {}

  DeviceData run() {
    auto device = module.lookupSymbol<gpu::GPUModuleOp>(kDeviceModule);
    for (auto kernel : device.getOps<LLVM::LLVMFuncOp>())
      if (kernel->hasAttr("nvvm.kernel")) {
        numbers[kernel.getSymName()] = data.kernels.size();
        data.kernels.push_back({kernel.getSymName().str(), kernel.getLoc()});
      }
    declareRuntime();
    begin();
    main.walk([&](gpu::AllocOp op) { lower(op); });
    main.walk([&](memref::GetGlobalOp op) {
      if (op->hasAttr(kOnDeviceAttr))
        lower(op);
    });
    main.walk([&](gpu::MemcpyOp op) { lower(op); });
    for (auto launcher : module.getOps<func::FuncOp>())
      if (launcher->hasAttr(kLauncherAttr))
        lowerLauncher(launcher);
    end();
    // Constants that only the device reads are in the blob.
    for (auto global : llvm::make_early_inc_range(module.getOps<memref::GlobalOp>()))
      if (weightOffsets.contains(global.getSymName()) && SymbolTable::symbolKnownUseEmpty(global, module))
        global.erase();
    return std::move(data);
  }

private:
  func::FuncOp declare(StringRef name, ArrayRef<Type> arguments, TypeRange results) {
    b.setInsertionPointToStart(module.getBody());
    auto f = func::FuncOp::create(b, module.getLoc(), name, b.getFunctionType(arguments, results));
    f.setPrivate();
    return f;
  }

  void declareRuntime() {
    beginFn = declare("onnxc_cuda_begin", {ptr, ptr}, i32);
    endFn = declare("onnxc_cuda_end", {ptr}, i32);
    arenaFn = declare("onnxc_cuda_arena", {ptr}, i64);
    weightsFn = declare("onnxc_cuda_weights", {ptr}, i64);
    inputFn = declare("onnxc_cuda_input", {ptr, ptr, i64, i64, ptr}, i64);
    outputFn = declare("onnxc_cuda_output", {ptr, ptr, i64, i64, ptr}, i64);
    finishFn = declare("onnxc_cuda_finish_output", {ptr, ptr, i64, i64}, i32);
    copyFn = declare("onnxc_cuda_copy", {ptr, ptr, i64, i64, i32}, i32);
    launchFn = declare("onnxc_cuda_launch", {ptr, i32, i32, i32, i32, i32, i32, i32, ptr}, i32);
  }

  Value constant(Location loc, Type type, int64_t n) { return LLVM::ConstantOp::create(b, loc, type, b.getIntegerAttr(type, n)); }
  Value call(Location loc, func::FuncOp f, ValueRange args) { return func::CallOp::create(b, loc, f, args).getResult(0); }

  /// Field of the run frame, the last argument of `main`.
  Value frameField(Location loc, unsigned field) {
    Value frame = LLVM::IntToPtrOp::create(b, loc, ptr, arith::IndexCastOp::create(b, loc, i64, main.getArguments().back()).getResult());
    auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), {ptr, ptr, ptr, i32, ptr});
    return LLVM::GEPOp::create(b, loc, ptr, type, frame, ArrayRef<LLVM::GEPArg>{0, int32_t(field)});
  }

  void begin() {
    Location loc = main.getLoc();
    b.setInsertionPointToStart(&main.getBody().front());
    state = LLVM::LoadOp::create(b, loc, ptr, frameField(loc, kFrameStateField));
    Value context = LLVM::LoadOp::create(b, loc, ptr, frameField(loc, kFrameContextField));
    call(loc, beginFn, {state, context});
    arena = call(loc, arenaFn, state);
    weights = call(loc, weightsFn, state);
    status = LLVM::AllocaOp::create(b, loc, ptr, i32, constant(loc, i32, 1));
  }

  void end() {
    Location loc = main.getLoc();
    b.setInsertionPoint(main.getBody().front().getTerminator());
    Value result = call(loc, endFn, state);
    LLVM::StoreOp::create(b, loc, result, frameField(loc, kFrameStatusField));
  }

  /// The address in a memref's descriptor.
  Value addressOf(Location loc, Value memref) {
    return arith::IndexCastOp::create(b, loc, i64, memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memref).getResult());
  }
  Value pointerTo(Location loc, Value memref) { return LLVM::IntToPtrOp::create(b, loc, ptr, addressOf(loc, memref)); }
  Value bytesOf(Location loc, MemRefType type) {
    return constant(loc, i64, type.getNumElements() * elementBytes(type.getElementType()));
  }

  /// `v` becomes the memory of the device at `address`.
  void replace(Operation *op, MemRefType type, Value address) {
    Value index = arith::IndexCastOp::create(b, op->getLoc(), b.getIndexType(), address);
    op->getResult(0).replaceAllUsesWith(memrefAt(b, op->getLoc(), index, type, {}, kIndexBits));
    op->erase();
  }

  void lower(gpu::AllocOp op) {
    Location loc = op.getLoc();
    MemRefType type = op.getType();
    b.setInsertionPoint(op);
    Value offset = constant(loc, i64, op->getAttrOfType<IntegerAttr>(kOffsetAttr).getInt());
    for (auto [name, function] : {std::pair(kInputAttr, inputFn), std::pair(kOutputAttr, outputFn)})
      if (auto argument = op->getAttrOfType<IntegerAttr>(name))
        return replace(op, type, call(loc, function, {state, pointerTo(loc, main.getArgument(argument.getInt())), bytesOf(loc, type), offset, status}));
    replace(op, type, LLVM::AddOp::create(b, loc, arena, offset));
  }

  void lower(memref::GetGlobalOp op) {
    b.setInsertionPoint(op);
    auto [it, isNew] = weightOffsets.try_emplace(op.getName(), 0);
    if (isNew) {
      auto global = module.lookupSymbol<memref::GlobalOp>(op.getName());
      data.weights.resize(llvm::alignTo(data.weights.size(), kWeightAlign));
      it->second = data.weights.size();
      std::vector<char> bytes = constantBytes(*global.getInitialValue(), global.getType());
      data.weights.insert(data.weights.end(), bytes.begin(), bytes.end());
    }
    replace(op, op.getType(), LLVM::AddOp::create(b, op.getLoc(), weights, constant(op.getLoc(), i64, it->second)));
  }

  void lower(gpu::MemcpyOp op) {
    Location loc = op.getLoc();
    b.setInsertionPoint(op);
    auto type = cast<MemRefType>(op.getDst().getType());
    Value bytes = bytesOf(loc, type);
    if (op->hasAttr(kOutputAttr)) {
      call(loc, finishFn, {state, pointerTo(loc, op.getDst()), bytes, addressOf(loc, op.getSrc())});
    } else {
      bool toDevice = op->hasAttr(kOnDeviceAttr);
      Value host = toDevice ? op.getSrc() : op.getDst(), device = toDevice ? op.getDst() : op.getSrc();
      call(loc, copyFn, {state, pointerTo(loc, host), addressOf(loc, device), bytes, constant(loc, i32, toDevice)});
    }
    op.erase();
  }

  void lowerLauncher(func::FuncOp launcher) {
    // The state comes with the call.
    (void)launcher.insertArgument(launcher.getNumArguments(), ptr, DictionaryAttr::get(b.getContext()), launcher.getLoc());
    Value own = launcher.getArguments().back();
    main.walk([&](func::CallOp call) {
      if (call.getCallee() == launcher.getSymName()) {
        call.getOperandsMutable().append(state);
        ++data.launches;
      }
    });
    launcher.walk([&](gpu::LaunchFuncOp op) {
      Location loc = op.getLoc();
      b.setInsertionPoint(op);
      unsigned n = op.getNumKernelOperands();
      auto slots = LLVM::AllocaOp::create(b, loc, ptr, i64, constant(loc, i32, std::max(1u, n)));
      auto pointers = LLVM::AllocaOp::create(b, loc, ptr, ptr, constant(loc, i32, std::max(1u, n)));
      for (auto [i, v] : llvm::enumerate(op.getKernelOperands())) {
        Value slot = LLVM::GEPOp::create(b, loc, ptr, i64, slots, ArrayRef<LLVM::GEPArg>{int32_t(i)});
        LLVM::StoreOp::create(b, loc, v, slot);
        LLVM::StoreOp::create(b, loc, slot, LLVM::GEPOp::create(b, loc, ptr, ptr, pointers, ArrayRef<LLVM::GEPArg>{int32_t(i)}));
      }
      SmallVector<Value> args{own, constant(loc, i32, numbers.lookup(op.getKernelName()))};
      for (Value v : {op.getGridSizeX(), op.getGridSizeY(), op.getGridSizeZ(), op.getBlockSizeX(), op.getBlockSizeY(), op.getBlockSizeZ()})
        args.push_back(arith::IndexCastOp::create(b, loc, i32, v));
      args.push_back(pointers);
      call(loc, launchFn, args);
      op.erase();
    });
  }

  ModuleOp module;
  func::FuncOp main;
  OpBuilder b;
  Type i32 = b.getI32Type(), i64 = b.getI64Type(), ptr = LLVM::LLVMPointerType::get(b.getContext());
  func::FuncOp beginFn, endFn, arenaFn, weightsFn, inputFn, outputFn, finishFn, copyFn, launchFn;
  Value state, arena, weights, status;
  llvm::StringMap<int64_t> numbers;
  llvm::StringMap<int64_t> weightOffsets;
  DeviceData data;
};

} // namespace

DeviceData lowerHostCalls(ModuleOp module) { return HostCalls(module).run(); }

} // namespace onnxc
