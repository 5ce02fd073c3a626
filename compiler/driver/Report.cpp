// What a compiled model costs: memory, flash, arithmetic, stack; and where.
#include "compiler/driver/Report.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace onnxc {

/// -1 when any node's is unknown.
static int64_t totalMacs(const ModelReport &report) {
  int64_t total = 0;
  for (const NodeCost &node : report.pipeline.nodes) {
    if (node.macs < 0)
      return -1;
    total += node.macs;
  }
  return total;
}

static json::Value numberOrNull(int64_t n) { return n < 0 ? json::Value(nullptr) : json::Value(n); }

/// -1 for a function that is not in `of`.
static int64_t bytesOf(const StringMap<int64_t> &of, StringRef function) {
  auto found = of.find(function);
  return found == of.end() ? -1 : found->second;
}

/// The stack of the deepest kernel that a node is computed in; -1: in none, or unknown.
static StringMap<int64_t> stackOfNodes(const ModelReport &report) {
  StringMap<int64_t> stack;
  for (const KernelCost &kernel : report.pipeline.kernels)
    for (const std::string &node : kernel.nodes) {
      int64_t &deepest = stack.try_emplace(node, -1).first->second;
      deepest = std::max(deepest, bytesOf(report.functionStack, kernel.name));
    }
  return stack;
}

static json::Value gpuJson(const ModelReport &report) {
  const PipelineReport &p = report.pipeline;
  json::Array fallbacks;
  for (const PipelineReport::Fallback &f : p.fallbacks)
    fallbacks.push_back(json::Object{{"node", f.node}, {"reason", f.reason}});
  json::Array mappings;
  for (const PipelineReport::Mapping &m : p.mappings) {
    json::Object row{{"kernel", m.kernel}, {"mapping", m.mapping}};
    if (m.type.size())
      row["product"] = json::Object{{"type", m.type}, {"m", m.m}, {"n", m.n}, {"k", m.k}};
    mappings.push_back(std::move(row));
  }
  return json::Object{{"targets", report.gpu},
                      {"kernels", p.deviceKernels},
                      {"launches", p.launches},
                      {"arena_bytes", p.deviceArenaBytes},
                      {"arena_lower_bound_bytes", p.deviceArenaLowerBound},
                      {"weight_bytes", p.deviceWeightBytes},
                      {"mappings", std::move(mappings)},
                      {"fallbacks", std::move(fallbacks)}};
}

/// Bytes that a run reads and writes in each memory of the arena.
static std::vector<int64_t> accessedOf(const ModelReport &report) {
  std::vector<int64_t> bytes(report.memories.size());
  for (const PipelineReport::PlacedBuffer &buffer : report.pipeline.placed)
    bytes[buffer.memory] += buffer.accessedBytes;
  return bytes;
}

/// --memory: what each memory holds.
static json::Array memoriesJson(const ModelReport &report) {
  json::Array memories;
  std::vector<int64_t> accessed = accessedOf(report);
  for (auto [i, memory] : enumerate(report.memories)) {
    json::Array buffers;
    for (const PipelineReport::PlacedBuffer &b : report.pipeline.placed)
      if (b.memory == i)
        buffers.push_back(json::Object{{"node", b.node}, {"offset", b.offset}, {"bytes", b.bytes}, {"accessed_bytes", b.accessedBytes}});
    memories.push_back(json::Object{{"name", memory.name},
                                    {"bytes", memory.bytes},
                                    {"arena_bytes", report.pipeline.memoryBytes[i]},
                                    {"accessed_bytes", accessed[i]},
                                    {"buffers", std::move(buffers)}});
  }
  return memories;
}

static void writeMemories(const ModelReport &report, raw_ostream &os) {
  std::vector<int64_t> accessed = accessedOf(report);
  int64_t all = 0;
  for (int64_t bytes : accessed)
    all += bytes;
  os << "memories of the arena, fastest first; accessed: bytes that a run reads and writes (estimate)\n"
     << "  " << right_justify("given", 12) << right_justify("used", 12) << right_justify("accessed", 14) << "         memory\n";
  for (auto [i, memory] : enumerate(report.memories))
    os << "  " << right_justify(std::to_string(memory.bytes), 12) << right_justify(std::to_string(report.pipeline.memoryBytes[i]), 12)
       << right_justify(std::to_string(accessed[i]), 14) << format(" %5.1f %%", all ? 100.0 * double(accessed[i]) / double(all) : 0.0) << " " << memory.name << "\n";
  os << "buffers of the arena\n"
     << "  " << right_justify("offset", 12) << right_justify("bytes", 12) << right_justify("accessed", 14) << right_justify("per byte", 9)
     << "  memory, node\n";
  std::vector<const PipelineReport::PlacedBuffer *> buffers;
  for (const PipelineReport::PlacedBuffer &b : report.pipeline.placed)
    buffers.push_back(&b);
  stable_sort(buffers, [](auto *a, auto *b) { return std::tie(a->memory, a->offset) < std::tie(b->memory, b->offset); });
  for (const PipelineReport::PlacedBuffer *b : buffers)
    os << "  " << right_justify(std::to_string(b->offset), 12) << right_justify(std::to_string(b->bytes), 12)
       << right_justify(std::to_string(b->accessedBytes), 14) << format("%9.1f", double(b->accessedBytes) / double(b->bytes)) << "  "
       << report.memories[b->memory].name << ", " << (b->node.empty() ? "(no node)" : b->node) << "\n";
}

namespace {
/// What other options would save, in bytes.
struct Savings {
  int64_t ram = -1;         ///< arena, inputs and outputs now; -1: known at run time
  int64_t ramIoInArena = -1; ///< with --io=arena, as planned; -1: it is so, or not known
  int64_t ramInt8 = -1, weightsInt8 = -1; ///< of a quantised model, estimates; -1: no float model for a small machine
};

Savings savingsOf(const ModelReport &report) {
  const PipelineReport &p = report.pipeline;
  Savings savings;
  if (report.inputBytes < 0 || report.outputBytes < 0 || !p.dynamicNodes.empty() || report.gpu.size())
    return savings;
  savings.ram = p.arenaBytes + report.inputBytes + report.outputBytes;
  savings.ramIoInArena = report.ramWithIoInArena;
  int64_t products = 0; // bytes of f32 that products read as weights
  for (const NodeCost &node : p.nodes)
    if (node.macs > 0)
      products += node.floatWeightBytes;
  if (!report.isEdge || products == 0)
    return savings;
  // A quarter of what is f32 at the time when most is alive stands for the arena.
  int64_t peak = 0, peakFloat = 0;
  for (const PipelineReport::PeakBuffer &buffer : p.peak) {
    peak += buffer.bytes;
    peakFloat += buffer.isFloat ? buffer.bytes : 0;
  }
  double arenaFloat = peak ? double(peakFloat) / double(peak) * double(p.arenaBytes) : 0;
  savings.ramInt8 = savings.ram - int64_t(0.75 * (arenaFloat + double(report.floatIoBytes)));
  savings.weightsInt8 = std::max<int64_t>(report.weightBytes - products / 4 * 3, products / 4);
  return savings;
}
} // namespace

static void writeSavings(const ModelReport &report, raw_ostream &os) {
  Savings savings = savingsOf(report);
  bool io = savings.ramIoInArena >= 0 && savings.ramIoInArena < savings.ram;
  if (!io && savings.ramInt8 < 0)
    return;
  os << "what would be saved, bytes\n"
     << "  " << right_justify("now", 12) << right_justify("then", 12) << right_justify("saved", 12) << "\n";
  auto row = [&](int64_t now, int64_t then, StringRef what) {
    os << "  " << right_justify(std::to_string(now), 12) << right_justify(std::to_string(then), 12)
       << right_justify(std::to_string(now - then), 12) << "  " << what << "\n";
  };
  if (io)
    row(savings.ram, savings.ramIoInArena, "arena, inputs and outputs with --io=arena (at most)");
  if (savings.ramInt8 >= 0) {
    row(savings.ram, savings.ramInt8, "arena, inputs and outputs in int8 (estimate: a quarter of what is float; onnx-quantize)");
    row(report.weightBytes, savings.weightsInt8, "weights in int8 (estimate: a quarter of those that are multiplied; onnx-quantize)");
  }
}

static json::Object savingsJson(const ModelReport &report) {
  Savings savings = savingsOf(report);
  return json::Object{{"ram_bytes", numberOrNull(savings.ram)},
                      {"ram_bytes_io_in_arena", numberOrNull(savings.ramIoInArena)},
                      {"ram_bytes_int8_estimate", numberOrNull(savings.ramInt8)},
                      {"weight_bytes_int8_estimate", numberOrNull(savings.weightsInt8)}};
}

std::string reportJson(const ModelReport &report) {
  const PipelineReport &p = report.pipeline;
  json::Array nodes, kernels, peak;
  StringMap<int64_t> nodeStack = stackOfNodes(report);
  for (const NodeCost &node : p.nodes)
    nodes.push_back(json::Object{{"name", node.name},
                                 {"op", node.op},
                                 {"macs", numberOrNull(node.macs)},
                                 {"weight_bytes", numberOrNull(node.weightBytes)},
                                 {"output_bytes", numberOrNull(node.outputBytes)},
                                 {"output_type", node.outputType},
                                 {"stack_bytes", numberOrNull(bytesOf(nodeStack, node.name))}});
  for (const KernelCost &kernel : p.kernels)
    kernels.push_back(json::Object{{"name", kernel.name},
                                   {"nodes", json::Array(kernel.nodes)},
                                   {"calls", kernel.calls},
                                   {"tile", json::Array(kernel.tile)},
                                   {"code_bytes", numberOrNull(bytesOf(report.functionBytes, kernel.name))},
                                   {"stack_bytes", numberOrNull(bytesOf(report.functionStack, kernel.name))}});
  for (const PipelineReport::PeakBuffer &buffer : p.peak)
    peak.push_back(json::Object{{"node", buffer.node}, {"bytes", buffer.bytes}});
  json::Array staged;
  for (const StagedCost &chain : p.staged)
    staged.push_back(json::Object{{"nodes", json::Array(chain.nodes)}, {"macs", chain.macs}, {"extra_macs", chain.extraMacs}});
  json::Object ram{{"arena_bytes", p.arenaBytes},
                   {"arena_lower_bound_bytes", p.arenaLowerBound},
                   {"io_in_arena", report.ioInArena},
                   {"input_bytes", numberOrNull(report.inputBytes)},
                   {"output_bytes", numberOrNull(report.outputBytes)},
                   {"stack_bytes", numberOrNull(report.stackBytes)},
                   {"run_time_allocations", int64_t(p.dynamicNodes.size())},
                   {"peak", std::move(peak)}};
  json::Object flash{{"weight_bytes", report.weightBytes}, {"constant_bytes", report.constantBytes}, {"code_bytes", report.codeBytes}};
  json::Object all{{"model", report.model},
                   {"target", report.target},
                   {"compiler_version", report.compilerVersion},
                   {"threads", report.threads},
                   {"macs", numberOrNull(totalMacs(report))},
                   {"kernels", std::move(kernels)},
                   {"staged", std::move(staged)},
                   {"ram", std::move(ram)},
                   {"flash", std::move(flash)},
                   {"savings", savingsJson(report)},
                   {"nodes", std::move(nodes)}};
  if (!report.memories.empty())
    all["memories"] = memoriesJson(report);
  if (report.gpu.size())
    all["gpu"] = gpuJson(report);
  std::string text;
  raw_string_ostream(text) << formatv("{0:2}", json::Value(std::move(all))) << "\n";
  return text;
}

static std::string number(int64_t n) { return n < 0 ? "at run time" : std::to_string(n); }

std::string reportText(const ModelReport &report) {
  const PipelineReport &p = report.pipeline;
  std::string text;
  raw_string_ostream os(text);
  auto line = [&](const char *what, int64_t n, const char *remark = "") {
    os << "  " << left_justify(what, 22) << right_justify(number(n), 14) << remark << "\n";
  };
  os << report.model << " for " << report.target << ", " << report.threads << (report.threads == 1 ? " thread" : " threads")
     << ", onnx-compile " << report.compilerVersion << "\n";
  line("multiply-adds", totalMacs(report));
  line("kernels", p.kernels.size());
  os << "RAM, bytes\n";
  line("arena", p.arenaBytes);
  line("arena, lower bound", p.arenaLowerBound, "  (largest sum of buffers alive together)");
  line("inputs", report.inputBytes, report.ioInArena ? "  (in the arena)" : "");
  line("outputs", report.outputBytes, report.ioInArena ? "  (in the arena)" : "");
  line("stack of a run", report.stackBytes, "  (at most)");
  line("allocations in a run", int64_t(p.dynamicNodes.size()));
  os << "flash, bytes\n";
  line("weights", report.weightBytes);
  line("constants", report.constantBytes);
  line("code", report.codeBytes);
  if (report.gpu.size()) {
    os << "GPU " << report.gpu << "\n";
    line("kernels", p.deviceKernels);
    line("launches", p.launches, "  (in the text of a run; loops launch again)");
    line("weights, bytes", p.deviceWeightBytes);
    line("arena, bytes", p.deviceArenaBytes);
    line("arena, lower bound", p.deviceArenaLowerBound);
    line("on the host instead", int64_t(p.fallbacks.size()));
    for (const PipelineReport::Fallback &f : p.fallbacks)
      os << "    " << (f.node.empty() ? "(no node)" : f.node) << ": " << f.reason << "\n";
  }
  os << "alive when most of the arena is\n";
  for (const PipelineReport::PeakBuffer &buffer : p.peak)
    os << "  " << right_justify(number(buffer.bytes), 14) << "  " << (buffer.node.empty() ? "(no node)" : buffer.node) << "\n";
  writeSavings(report, os);
  if (!report.memories.empty())
    writeMemories(report, os);
  if (!p.staged.empty())
    os << "computed part by part, to save memory\n"
       << "  " << right_justify("multiply-adds", 14) << right_justify("done twice", 14) << "  nodes\n";
  for (const StagedCost &chain : p.staged)
    os << "  " << right_justify(number(chain.macs), 14) << right_justify(number(chain.extraMacs), 14) << "  " << join(chain.nodes, ", ") << "\n";
  StringMap<int64_t> nodeStack = stackOfNodes(report);
  auto orDash = [](int64_t bytes) { return bytes < 0 ? "-" : std::to_string(bytes); };
  os << "nodes; stack: of the kernel that computes them\n"
     << "  " << right_justify("multiply-adds", 14) << right_justify("weights", 14) << right_justify("output", 14) << right_justify("stack", 8)
     << "  op, name, type of output\n";
  for (const NodeCost &node : p.nodes)
    os << "  " << right_justify(number(node.macs), 14) << right_justify(number(node.weightBytes), 14)
       << right_justify(number(node.outputBytes), 14) << right_justify(orDash(bytesOf(nodeStack, node.name)), 8) << "  " << left_justify(node.op, 18) << " " << node.name
       << (node.outputType.empty() ? "" : "  ") << node.outputType << "\n";
  if (!p.kernels.empty())
    os << "kernels; tile: rows x vectors x lanes in registers\n"
       << "  " << right_justify("code", 10) << right_justify("stack", 8) << right_justify("calls", 8) << right_justify("tile", 10) << "  kernel, nodes\n";
  for (const KernelCost &kernel : p.kernels) {
    std::string tile = kernel.tile.empty() ? "-" : join(map_range(kernel.tile, [](int64_t n) { return std::to_string(n); }), "x");
    os << "  " << right_justify(orDash(bytesOf(report.functionBytes, kernel.name)), 10)
       << right_justify(orDash(bytesOf(report.functionStack, kernel.name)), 8)
       << right_justify(std::to_string(kernel.calls), 8) << right_justify(tile, 10) << "  " << left_justify(kernel.name, 18) << " "
       << join(kernel.nodes, ", ") << "\n";
  }
  return text;
}

} // namespace onnxc
