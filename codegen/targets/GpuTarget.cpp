// The GPU table.
#include "codegen/targets/GpuTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace onnxc {

namespace {

constexpr unsigned K = 1 << 10;

const GpuTarget kRows[] = {
    // name, architecture, exact, warp, block, largest block, multiprocessors, registers, per thread, shared, opted in, access, cp.async, mma, description
    {"sm_80", 80, false, 32, 256, 1024, 108, 64 * K, 255, 48 * K, 163 * K, 16, true, true, "A100, A30"},
    {"sm_86", 86, false, 32, 256, 1024, 84, 64 * K, 255, 48 * K, 99 * K, 16, true, true, "A10, A40, RTX 30"},
    {"sm_89", 89, false, 32, 256, 1024, 128, 64 * K, 255, 48 * K, 99 * K, 16, true, true, "L4, L40, RTX 40"},
    {"sm_90", 90, false, 32, 256, 1024, 132, 64 * K, 255, 48 * K, 227 * K, 16, true, true, "H100, H200"},
    {"sm_90a", 90, true, 32, 256, 1024, 132, 64 * K, 255, 48 * K, 227 * K, 16, true, true, "H100, H200 only"},
};

} // namespace

llvm::ArrayRef<GpuTarget> gpuTargetTable() { return kRows; }

bool resolveGpuTargets(llvm::StringRef list, std::vector<GpuTarget> &targets, std::string &error) {
  std::string known;
  for (const GpuTarget &row : gpuTargetTable())
    known += (known.empty() ? "" : ", ") + row.name;
  llvm::SmallVector<llvm::StringRef> names;
  list.split(names, ',');
  targets.clear();
  for (llvm::StringRef name : names) {
    auto row = llvm::find_if(gpuTargetTable(), [&](const GpuTarget &r) { return r.name == name; });
    if (row == gpuTargetTable().end()) {
      llvm::StringRef digits = name;
      unsigned arch = 0;
      bool tooOld = digits.consume_front("sm_") && !digits.rtrim("af").getAsInteger(10, arch) &&
                    arch < gpuTargetTable().front().arch;
      error = (tooOld ? "GPU architecture '" + name.str() + "' is too old: kernels use cp.async and mma.sync of " +
                            gpuTargetTable().front().name
                      : "unknown GPU architecture '" + name.str() + "'") +
              "; --gpu takes " + known;
      return false;
    }
    if (llvm::is_contained(llvm::map_range(targets, [](const GpuTarget &t) { return t.name; }), row->name)) {
      error = "GPU architecture '" + name.str() + "' is named twice in --gpu=" + list.str();
      return false;
    }
    targets.push_back(*row);
  }
  // Code is generated once, for the oldest; 'a' variants take code of no other.
  llvm::sort(targets, [](const GpuTarget &a, const GpuTarget &b) {
    return a.arch != b.arch ? a.arch < b.arch : a.exact < b.exact;
  });
  return true;
}

} // namespace onnxc
