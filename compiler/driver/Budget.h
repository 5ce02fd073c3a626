// What a compiled model takes of a small machine, held against what the user allows.
#ifndef ONNXC_COMPILER_DRIVER_BUDGET_H
#define ONNXC_COMPILER_DRIVER_BUDGET_H

#include "codegen/llvm/Measure.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>

namespace onnxc {

/// Parses a size: bytes, or with the suffix K or M multiples of 1024.
std::optional<int64_t> parseBytes(llvm::StringRef text);

/// Arena, inputs and outputs against `budget` bytes. Returns a table of what they
/// are made of, largest first, or nothing when they fit; where a size is known
/// only at run time, which one that is.
std::string overRamBudget(const ModelInterface &interface, int64_t budget);

/// What that compares: bytes of arena, inputs and outputs, all of which are bounded.
int64_t ramOf(const ModelInterface &interface);

/// Code, constants and each of the weights in an object against `budget` bytes; as above.
std::string overFlashBudget(const ObjectSizes &sizes, const std::vector<Weight> &weights, int64_t budget);

} // namespace onnxc

#endif
