// What onnx-run reads from protobuf files: the interface and ops of a model,
// and the values of backend tests.
#ifndef ONNXC_TOOLS_ONNX_RUN_PROTO_H
#define ONNXC_TOOLS_ONNX_RUN_PROTO_H

#include "Tensor.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <map>

namespace onnxc::run {

/// How the files of a backend test encode a value.
enum class ValueEncoding { Tensor, Sequence, Optional, Other };

struct PortDim {
  int64_t size = -1;  ///< -1 when dynamic
  std::string symbol; ///< may be empty
};

/// A graph input or output as the model declares it.
struct Port {
  std::string name;
  ValueEncoding encoding = ValueEncoding::Tensor;
  int32_t type = 0; ///< of tensors
  bool hasShape = false;
  std::vector<PortDim> dims;
  bool hasDefault = false; ///< an initializer of the same name exists
};

struct ModelInfo {
  std::vector<Port> inputs, outputs;
  std::vector<std::string> ops; ///< distinct op types, sorted, "domain::Op"
                                ///< outside the default domain
  bool usesHalf = false; ///< a float16 or bfloat16 input, output or weight
};

/// Reads the interface of a model; weights are left where they are.
llvm::Expected<ModelInfo> readModelInfo(llvm::StringRef path);
/// The same of bytes in memory; `what` names them in errors.
llvm::Expected<ModelInfo> parseModelInfo(llvm::StringRef bytes,
                                         llvm::StringRef what);

/// The scales of a model's float outputs that a DequantizeLinear makes, perhaps
/// with nodes between that only move values; by name of the output.
llvm::Expected<std::map<std::string, float>> readOutputScales(llvm::StringRef path);

/// Decodes a file of a backend test (TensorProto, SequenceProto or
/// OptionalProto).
llvm::Expected<Value> readProtoValue(llvm::StringRef path,
                                     ValueEncoding encoding);
/// The same of bytes in memory; `what` names them in errors.
llvm::Expected<Value> parseProtoValue(llvm::StringRef bytes,
                                      ValueEncoding encoding,
                                      llvm::StringRef what);

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_PROTO_H
