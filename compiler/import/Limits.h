// What a model may ask for before it is refused. The limits are far beyond real
// models; each has a name, with which --limit raises (or lowers) it.
#ifndef ONNXC_COMPILER_IMPORT_LIMITS_H
#define ONNXC_COMPILER_IMPORT_LIMITS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>

namespace onnxc {

struct ImportLimits {
  // Bytes of the model file, and of all its external data together.
  uint64_t fileBytes = uint64_t(64) << 30;
  // Nodes of the file, and of the graph after its functions are inlined.
  uint64_t nodes = uint64_t(4) << 20;
  // Graphs within graphs, types within types, calls within calls.
  uint64_t nesting = 200;
  // Bytes of one tensor that is stored in the file or beside it.
  uint64_t tensorBytes = uint64_t(16) << 30;
  // Dims of a tensor.
  uint64_t rank = 64;
  // Inputs and outputs of one node.
  uint64_t nodeInputs = uint64_t(1) << 16;
  // Inputs and outputs of the model, without inputs that are initializers.
  uint64_t graphInputs = uint64_t(1) << 11;
  // Bytes of one constant that is made when compiling: out of a sparse tensor, or
  // by evaluation of a node where it is larger than the node's operands (beyond
  // the limit the node is left for the run).
  uint64_t foldBytes = uint64_t(64) << 20;
};

// A limit as --limit NAME=N knows it.
struct LimitInfo {
  const char *name;
  uint64_t ImportLimits::*value;
  const char *help;
};
llvm::ArrayRef<LimitInfo> limitTable();

// Sets a limit from "NAME=N"; the suffixes K, M and G multiply by powers of
// 1024. False, with `mistake` saying what was wanted, if the text is no such.
bool setLimit(ImportLimits &limits, llvm::StringRef text, std::string &mistake);

// "more than the limit of N; --limit NAME=M raises it", the end of a refusal.
std::string beyondLimit(const ImportLimits &limits,
                        uint64_t ImportLimits::*limit);

} // namespace onnxc

#endif // ONNXC_COMPILER_IMPORT_LIMITS_H
