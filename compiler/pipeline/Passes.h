// Registration of every pass of the project under its command-line name.
#ifndef ONNXC_COMPILER_PIPELINE_PASSES_H
#define ONNXC_COMPILER_PIPELINE_PASSES_H

namespace onnxc {
void registerAllPasses();
} // namespace onnxc

#endif
