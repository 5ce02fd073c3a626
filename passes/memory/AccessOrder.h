// In which order a kernel reads one of its buffers and writes another.
#ifndef ONNXC_PASSES_MEMORY_ACCESSORDER_H
#define ONNXC_PASSES_MEMORY_ACCESSORDER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <cstdint>
#include <optional>
#include <vector>

namespace onnxc {

/// Bytes that a kernel reads of its input, and then writes of its output: ranges
/// [low, high) that hold them all, from the start of each argument's view.
struct AccessStep {
  int64_t readLow = INT64_MAX, readHigh = INT64_MIN;
  int64_t writeLow = INT64_MAX, writeHigh = INT64_MIN;
  bool reads() const { return readLow < readHigh; }
  bool writes() const { return writeLow < writeHigh; }
};

/// The accesses of `kernel`, a function of loops over known ranges, to its
/// arguments `in` and `out` (-1: it has none) in the order in which they are made. Loops around
/// writes are run one iteration after the other; those that only read become one
/// range unless `everyAccess`. Nullopt: the kernel writes `in`, or
/// does something that is not followed, or takes more than a fixed number of steps.
std::optional<std::vector<AccessStep>> accessOrder(mlir::func::FuncOp kernel, int in, int out, bool everyAccess = false);

/// How close input and output of a kernel may lie in one memory such that no
/// byte of the input is overwritten before it is read for the last time: the
/// output starts at least `below` bytes before the input, or at least `above`
/// bytes behind it. Neither is negative.
struct OverlapDistance {
  int64_t below = 0, above = 0;
};
OverlapDistance overlapDistance(llvm::ArrayRef<AccessStep> order);

/// Plays `order` byte by byte with the output `shift` bytes behind the input
/// (before it where negative): whether everything is read before it is overwritten.
bool playsOut(llvm::ArrayRef<AccessStep> order, int64_t shift);

} // namespace onnxc

#endif
