// --memory: the memories of a machine that hold the arena.
#include "compiler/driver/Memories.h"
#include "codegen/llvm/ReservedNames.h"
#include "compiler/driver/Budget.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace onnxc {

/// Memories of one machine, at most; a run checks each.
constexpr size_t kMostMemories = 16;
/// As long as a C compiler must tell names apart.
constexpr size_t kLongestName = 31;

bool parseMemories(StringRef text, std::vector<Memory> &memories, std::string &mistake) {
  memories.clear();
  SmallVector<StringRef> parts;
  text.split(parts, ',');
  for (StringRef part : parts) {
    auto [name, size] = part.split('=');
    auto bytes = parseBytes(size);
    if (name.empty() || !bytes) {
      mistake = ("--memory: got '" + part + "', wanted NAME=BYTES (suffixes K, M), fastest first, for example --memory fast=64K,slow=512K").str();
      return false;
    }
    memories.push_back({name.str(), *bytes});
  }
  if (memories.size() > kMostMemories) {
    mistake = "--memory: got " + std::to_string(memories.size()) + " memories, wanted at most " + std::to_string(kMostMemories);
    return false;
  }
  return true;
}

std::string memoryNameMistake(const std::vector<Memory> &memories, StringRef prefix) {
  // What the typed form of the header calls things.
  static constexpr StringLiteral taken[] = {"ins",     "outs",    "regions",  "state",    "arena",    "weights", "int8_t", "int16_t",
                                            "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t"};
  StringMap<StringRef> macros;
  for (const Memory &memory : memories) {
    StringRef name = memory.name;
    std::string start = "--memory: '" + memory.name + "' ", advice = "; give the memory another name";
    bool isIdentifier = !isDigit(name[0]) && all_of(name, [](char c) { return isAlnum(c) || c == '_'; });
    if (!isIdentifier)
      return start + "is not a C identifier, which names the memory in the model's header" + advice;
    if (name.size() > kLongestName)
      return start + "has " + std::to_string(name.size()) + " characters, wanted at most " + std::to_string(kLongestName) + advice;
    if (StringRef what = reservedPrefix(name); !what.empty())
      return start + "is " + what.str() + advice;
    StringRef own = name;
    bool isOwn = own.consume_front(prefix) && (own.empty() || is_contained({"_run", "_inputs", "_outputs", "_regions", "_state", "_status"}, own));
    if (isOwn || is_contained(taken, name))
      return start + "stands for something else in the model's header" + advice;
    auto [first, isNew] = macros.try_emplace(name.upper(), name);
    if (!isNew)
      return name == first->second ? start + "is given twice" + advice
                                   : start + "and '" + first->second.str() + "' have the same macro, " + prefix.upper() + "_ARENA_" + name.upper() +
                                         "_BYTES" + advice;
  }
  return {};
}

std::string overMemories(const std::vector<Memory> &memories, const PipelineReport &report) {
  /// Rows shown; the rest is counted.
  constexpr size_t kRows = 12;
  int64_t total = 0;
  std::string list;
  for (const Memory &memory : memories) {
    total += memory.bytes;
    list += (list.empty() ? "" : ",") + memory.name + "=" + std::to_string(memory.bytes);
  }
  std::vector<const PipelineReport::PlacedBuffer *> left;
  for (const auto &buffer : report.placed)
    if (!buffer.fits)
      left.push_back(&buffer);
  stable_sort(left, [](auto *a, auto *b) { return a->bytes > b->bytes; });
  std::string text;
  raw_string_ostream os(text);
  auto row = [&](int64_t bytes, StringRef what) { os << "\n  " << right_justify(std::to_string(bytes), 12) << "  " << what; };
  os << "--memory " << list << ": got " << total << " bytes for the arena, whose buffers take " << report.arenaLowerBound
     << " together when most are alive; no room is left for";
  for (auto [i, buffer] : enumerate(left)) {
    if (i == kRows) {
      row(int64_t(left.size() - kRows), "(more buffers)");
      break;
    }
    row(buffer->bytes, buffer->node.empty() ? "(no node)" : buffer->node);
  }
  os << "\n  with the other memories as they are, '" << memories.back().name << "' must have " << report.wantedOfLastMemory
     << " bytes; or save memory with --io=arena or --ram-budget";
  return text;
}

} // namespace onnxc
