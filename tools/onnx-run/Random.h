// Random inputs: the same seed gives the same numbers on every machine.
#ifndef ONNXC_TOOLS_ONNX_RUN_RANDOM_H
#define ONNXC_TOOLS_ONNX_RUN_RANDOM_H

#include "Tensor.h"
#include "llvm/Support/Error.h"
#include <map>

namespace onnxc::run {

struct Range {
  double low, high;
};

/// Ranges given by the user: one for all inputs, or by name of the input.
struct Ranges {
  std::optional<Range> all;
  std::map<std::string, Range> byName;
};

/// Reads "lo,hi" or "name=lo,hi".
llvm::Error parseRange(llvm::StringRef text, Ranges &ranges);

/// Fills an input with random numbers that depend on `seed` and `name` only.
/// Ranges unless given: floats [-1, 1), 8-bit integers all, wider integers
/// 0 to 9 (valid as small indices), bools both; integers whose name says mask
/// or segment 0 to 1. Float bounds are half open, integer bounds inclusive.
Tensor randomTensor(llvm::StringRef name, int32_t type,
                    llvm::ArrayRef<int64_t> dims, uint64_t seed,
                    const Ranges &ranges);

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_RANDOM_H
