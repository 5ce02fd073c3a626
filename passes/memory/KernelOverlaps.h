// Buffers that may overlap because a kernel reads the one before it writes the other.
#ifndef ONNXC_PASSES_MEMORY_KERNELOVERLAPS_H
#define ONNXC_PASSES_MEMORY_KERNELOVERLAPS_H

#include "passes/memory/AccessOrder.h"
#include "passes/memory/PlaceBuffers.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
#include <map>

namespace onnxc {

/// A buffer of `main` to be placed: an allocation or an argument, alive from
/// position `first` to `last` of the text.
struct LiveBuffer {
  mlir::Value value;
  int64_t bytes, first, last;
};

class KernelOverlaps {
public:
  /// Looks at each pair of buffers of which one dies after the other is born and
  /// before it dies, where all that touches them meanwhile are kernels, and
  /// where more is alive than must be somewhere, or than `enough` bytes. `users` gives the ops that touch a buffer.
  KernelOverlaps(mlir::func::FuncOp main, llvm::ArrayRef<LiveBuffer> buffers,
                 llvm::function_ref<int64_t(mlir::Operation *)> position,
                 llvm::function_ref<llvm::SmallVector<mlir::Operation *>(mlir::Value)> users, int64_t enough = INT64_MAX);

  /// By indices of the buffers.
  llvm::ArrayRef<Overlap> overlaps() const { return found; }
  /// Kernels, by the numbers in overlaps(), that run backwards from now on.
  void turn(const std::vector<bool> &backwards);

private:
  /// A call that touches the dying buffer, the born one, or both.
  struct Touch {
    mlir::func::CallOp call;
    mlir::func::FuncOp kernel;
    int in = -1, out = -1;       ///< arguments
    int64_t inStart = 0, outStart = 0; ///< bytes from the start of the buffers to what is passed
  };
  struct Pair {
    unsigned input, output;
    std::vector<Touch> touches; ///< in the order of the text
  };
  std::optional<Pair> match(unsigned input, unsigned output);
  std::optional<OverlapDistance> distance(const Pair &pair, bool backward);
  const std::optional<std::vector<AccessStep>> &order(mlir::func::FuncOp kernel, int in, int out);
  mlir::func::FuncOp turned(mlir::func::FuncOp kernel);

  mlir::func::FuncOp main;
  llvm::ArrayRef<LiveBuffer> buffers;
  llvm::function_ref<int64_t(mlir::Operation *)> position;
  llvm::function_ref<llvm::SmallVector<mlir::Operation *>(mlir::Value)> users;
  llvm::DenseMap<mlir::Attribute, mlir::func::FuncOp> kernels;
  llvm::DenseSet<mlir::Operation *> pinned; ///< kernels that run forward: overlaps over several calls rely on it
  std::vector<Overlap> found;
  llvm::MapVector<mlir::Operation *, unsigned> numbers; ///< of kernels with overlaps
  std::map<std::tuple<mlir::Operation *, int, int>, std::optional<std::vector<AccessStep>>> cache;
};

/// The copies of kernels that run backwards and that nothing calls go.
void eraseUnusedDirections(mlir::ModuleOp module);

} // namespace onnxc

#endif
