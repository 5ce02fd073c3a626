// The node of the model that an op comes from.
#include "dialects/rt/NodeName.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace onnxc {

std::string nodeName(Location location) {
  if (auto name = dyn_cast<NameLoc>(location))
    return name.getName().str();
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      if (std::string name = nodeName(part); !name.empty())
        return name;
  return "";
}

std::string shownName(StringRef name) {
  constexpr size_t kMost = 72, kEnd = 32;
  std::string text = name.size() <= kMost ? name.str() : (name.take_front(kMost - kEnd - 3) + "..." + name.take_back(kEnd)).str();
  for (char &c : text)
    if (static_cast<unsigned char>(c) < ' ')
      c = '?';
  return text;
}

} // namespace onnxc
