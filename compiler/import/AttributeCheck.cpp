// Attributes that say yes or no: 1 or 0. What else they may hold is read as
// yes by some and as no by others, so that it is refused, for ops of the dialect
// and for those that become function bodies alike. Attributes with more to say
// are the matter of the dialect's rules.
#include "compiler/import/AttributeCheck.h"

#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"

#include <set>

namespace onnxc::import {

using ::onnx::AttributeProto;
using ::onnx::NodeProto;

// Beyond every rank.
constexpr int64_t mostDims = 1024;

static bool isFlag(const std::string &name) {
  static const std::set<std::string> flags = {
      "align_corners",   "allowzero",      "antialias", "broadcast",
      "ceil_mode",       "center_point_box", "count_include_pad",
      "detect_negative", "detect_positive", "exclude_outside",
      "exclusive",       "fmod",           "input_forget",
      "interleaved",     "inverse",        "is_case_sensitive",
      "is_causal",       "keepdims",       "largest",
      "layout",          "linear_before_reset", "new_axis",
      "noop_with_empty_axes", "onesided",  "periodic",
      "reverse",         "saturate",       "select_last_index",
      "sorted",          "storage_order",  "training_mode",
      "transA",          "transB",         "upper"};
  return flags.count(name) != 0;
}

void checkAttributes(const ::onnx::ModelProto &model) {
  walkNodes(model.graph(), [](const NodeProto &node) {
    if (!isDefaultDomain(node.domain()))
      return;
    for (const AttributeProto &attribute : node.attribute()) {
      if (attribute.type() != AttributeProto::INT)
        continue;
      auto wanted = [&](int64_t least, int64_t most) {
        if (attribute.i() < least || attribute.i() > most)
          throw ImportError(describe(node) + ": attribute '" + attribute.name() +
                            "': got " + std::to_string(attribute.i()) +
                            ", wanted " + std::to_string(least) +
                            (most == 1 ? " or " : " to ") + std::to_string(most));
      };
      if (isFlag(attribute.name()))
        wanted(0, 1);
      else if (attribute.name() == "axis") // ONNX's inference counts up to it
        wanted(-mostDims, mostDims);
    }
  });
}

} // namespace onnxc::import
