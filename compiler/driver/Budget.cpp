// Budgets of RAM and flash.
#include "compiler/driver/Budget.h"

#include "llvm/ADT/StringExtras.h"

namespace onnxc {

namespace {

struct Part {
  std::string what;
  int64_t bytes;
};

/// Rows shown; the rest is summed up in one.
constexpr size_t kRows = 12;

std::string table(llvm::StringRef memory, llvm::StringRef flag, std::vector<Part> parts, int64_t budget) {
  int64_t total = 0;
  for (const Part &p : parts)
    total += p.bytes;
  if (total <= budget)
    return {};
  llvm::stable_sort(parts, [](const Part &a, const Part &b) { return a.bytes > b.bytes; });
  if (parts.size() > kRows) {
    Part rest{std::to_string(parts.size() - kRows + 1) + " smaller ones", 0};
    for (size_t i = kRows - 1; i < parts.size(); ++i)
      rest.bytes += parts[i].bytes;
    parts.resize(kRows - 1);
    parts.push_back(rest);
  }
  std::string text = ("the model takes " + llvm::Twine(total) + " bytes of " + memory + ", " + flag + " allows " +
                      llvm::Twine(budget) + " (" + llvm::Twine(total - budget) + " too many):")
                         .str();
  for (const Part &p : parts) {
    std::string bytes = std::to_string(p.bytes);
    text += "\n  " + std::string(bytes.size() < 12 ? 12 - bytes.size() : 0, ' ') + bytes + "  " + p.what;
  }
  return text;
}

} // namespace

std::optional<int64_t> parseBytes(llvm::StringRef text) {
  int64_t unit = text.consume_back("K") ? 1 << 10 : text.consume_back("M") ? 1 << 20 : 1, n;
  if (text.getAsInteger(10, n) || n < 0 || n > INT64_MAX / unit)
    return std::nullopt;
  return n * unit;
}

std::string overRamBudget(const ModelInterface &interface, int64_t budget) {
  std::string open = "--ram-budget cannot be checked: ";
  for (const TensorInfo &t : interface.inputs)
    if (!t.isBounded())
      return open + "the size of input '" + t.name + "' is known only at run time; pin or bound its dims with --dim";
  for (const TensorInfo &t : interface.outputs)
    if (!t.isBounded())
      return open + "the size of output '" + t.name + "' is known only at run time";
  if (interface.usesAllocator)
    return open + "the model has temporaries whose size is known only at run time";
  std::vector<Part> parts = {{interface.ioInArena() ? "arena with inputs and outputs" : "arena", interface.arenaBytes}};
  for (const TensorInfo &t : interface.inputs)
    if (t.arenaOffset < 0)
      parts.push_back({"input '" + t.name + "'", t.bytes()});
  for (const TensorInfo &t : interface.outputs)
    if (t.arenaOffset < 0)
      parts.push_back({"output '" + t.name + "'", t.bytes()});
  return table("RAM", "--ram-budget", std::move(parts), budget);
}

int64_t ramOf(const ModelInterface &interface) {
  int64_t bytes = interface.arenaBytes;
  for (auto *tensors : {&interface.inputs, &interface.outputs})
    for (const TensorInfo &t : *tensors)
      bytes += t.arenaOffset < 0 ? t.bytes() : 0;
  return bytes;
}

std::string overFlashBudget(const ObjectSizes &sizes, const std::vector<Weight> &weights, int64_t budget) {
  std::vector<Part> parts;
  for (const Weight &w : weights)
    parts.push_back({"weight " + w.symbol, int64_t(w.data.size())});
  if (weights.empty() && sizes.weights)
    parts.push_back({"file of weights", sizes.weights});
  parts.push_back({"code", sizes.code});
  parts.push_back({"small constants, texts and the model record", sizes.constants});
  return table("flash", "--flash-budget", std::move(parts), budget);
}

} // namespace onnxc
