// The subcommands of onnx-run. Each takes the words after its name and
// returns the exit code.
#ifndef ONNXC_TOOLS_ONNX_RUN_COMMANDS_H
#define ONNXC_TOOLS_ONNX_RUN_COMMANDS_H

#include "llvm/ADT/ArrayRef.h"

namespace onnxc::run {

/// Runs a model on the inputs of an .npz file or on random ones.
int runCommand(llvm::ArrayRef<const char *> argv);

/// Compares a model with ONNX Runtime or with stored outputs.
int verifyCommand(llvm::ArrayRef<const char *> argv);

/// Measures a model.
int benchCommand(llvm::ArrayRef<const char *> argv);

/// Runs directories in the form of ONNX's backend tests.
int testcaseCommand(llvm::ArrayRef<const char *> argv);

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_COMMANDS_H
