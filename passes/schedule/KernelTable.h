// The kernels of a module by name and by text, for passes that change what a call calls.
#ifndef ONNXC_PASSES_SCHEDULE_KERNELTABLE_H
#define ONNXC_PASSES_SCHEDULE_KERNELTABLE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace onnxc {

class KernelTable {
public:
  explicit KernelTable(mlir::ModuleOp module);

  /// Null for a call of anything else.
  mlir::func::FuncOp kernelOf(mlir::func::CallOp call) const;
  /// Makes `call` call `kernel`, which is not in the module yet, or an equal one that is. Takes `kernel`.
  void redirect(mlir::func::CallOp call, mlir::func::FuncOp kernel);
  /// Kernels that nothing calls any more go.
  void eraseUncalled();

private:
  mlir::ModuleOp module;
  llvm::MapVector<mlir::StringAttr, mlir::func::FuncOp> kernels;
  llvm::StringMap<mlir::func::FuncOp> known;
};

/// Changes the type of one argument of a kernel.
void setArgumentType(mlir::func::FuncOp kernel, unsigned arg, mlir::Type type);

/// A fill that is a kernel of its own becomes an elementwise op like any other.
void generalizeLoneFill(mlir::func::FuncOp kernel);

} // namespace onnxc

#endif
