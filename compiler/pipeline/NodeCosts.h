// What each node of a model costs, for the report.
#ifndef ONNXC_COMPILER_PIPELINE_NODECOSTS_H
#define ONNXC_COMPILER_PIPELINE_NODECOSTS_H

#include "dialects/rt/NodeName.h"
#include "mlir/IR/BuiltinOps.h"
#include <cstdint>
#include <string>
#include <vector>

namespace onnxc {

struct NodeCost {
  std::string name, op;
  int64_t macs = 0;        ///< multiply-adds; -1: depends on sizes known at run time
  int64_t weightBytes = 0; ///< constants it reads, before packing
  int64_t floatWeightBytes = 0; ///< of these, f32 matrices and filters
  int64_t outputBytes = 0; ///< -1: known at run time
  std::string outputType;  ///< of its results, as in "1x48x48x8xi8"; ?: known at run time
};

struct KernelCost {
  std::string name;               ///< of its function
  std::vector<std::string> nodes; ///< that its calls come from, each once
  int64_t calls = 0;              ///< in the text of a run; loops of the model call again
  std::vector<int64_t> tile;      ///< of registers: rows, vectors of a row, lanes of a vector; empty: plain loops
};

/// Kernels that run box by box, in loops around all of them.
struct StagedCost {
  std::vector<std::string> nodes; ///< that they come from
  int64_t macs = 0;               ///< of these nodes
  int64_t extraMacs = 0;          ///< done once more, because neighbouring boxes need the same
};

/// The nodes of the onnx module, after the graph passes, in order.
std::vector<NodeCost> listNodes(mlir::ModuleOp module);

/// Adds the multiply-adds of the linalg ops of the lowered module to the nodes they come from.
void countMacs(mlir::ModuleOp module, std::vector<NodeCost> &nodes);

/// The kernels of the bufferized and scheduled module, in the order in which `main` calls them.
std::vector<KernelCost> listKernels(mlir::ModuleOp module);

/// The chains of kernels that createStageKernelsPass() made.
std::vector<StagedCost> listStaged(mlir::ModuleOp module);

} // namespace onnxc

#endif
