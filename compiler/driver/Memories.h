// --memory: the memories of a machine that hold the arena.
#ifndef ONNXC_COMPILER_DRIVER_MEMORIES_H
#define ONNXC_COMPILER_DRIVER_MEMORIES_H

#include "compiler/driver/Compile.h"
#include "compiler/pipeline/Pipeline.h"

namespace onnxc {

/// Parses "fast=64K,slow=512K" into `memories`. False, and what is wrong in `mistake`, otherwise.
bool parseMemories(llvm::StringRef text, std::vector<Memory> &memories, std::string &mistake);

/// Why these names cannot stand in the header of the model `prefix`, one for members, parameters and macros; empty: they can.
std::string memoryNameMistake(const std::vector<Memory> &memories, llvm::StringRef prefix);

/// A message that says which buffers `memories` have no room for, and what the last one would have to hold.
std::string overMemories(const std::vector<Memory> &memories, const PipelineReport &report);

} // namespace onnxc

#endif
