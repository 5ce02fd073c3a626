// Maps by names of values that keep the order of insertion.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_BYNAME_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_BYNAME_H

#include "llvm/ADT/MapVector.h"
#include <map>
#include <string>

namespace onnxc::quantize {

template <typename T> using ByName = llvm::MapVector<std::string, T, std::map<std::string, unsigned>>;

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_BYNAME_H
