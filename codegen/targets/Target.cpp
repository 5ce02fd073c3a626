// The target table.
#include "codegen/targets/Target.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include <vector>

namespace onnxc {

static Target x86(llvm::StringRef name, llvm::StringRef cpu, llvm::StringRef description, unsigned bits, unsigned regs,
                  bool fma, bool masks) {
  Target t;
  t.name = name.str();
  t.triple = "x86_64-unknown-linux-gnu";
  t.cpu = cpu.str();
  t.description = description.str();
  t.vectorBits = bits;
  t.vectorRegs = regs;
  t.fma = fma;
  t.f16Conversion = fma; // F16C came with AVX2 and FMA (x86-64-v3)
  t.masks = masks;
  return t;
}

llvm::ArrayRef<Target> targetTable() {
  static const std::vector<Target> table = [] {
    std::vector<Target> rows;
    rows.push_back(x86("x86_64-linux", "x86-64-v3", "x86-64 with AVX2 and FMA", 256, 16, true, false));
    rows.push_back(x86("x86_64-v2-linux", "x86-64-v2", "x86-64 with SSE4.2", 128, 16, false, false));
    rows.push_back(x86("x86_64-v4-linux", "x86-64-v4", "x86-64 with AVX-512", 512, 32, true, true));
    Target a;
    a.name = "aarch64-linux";
    a.triple = "aarch64-unknown-linux-gnu";
    a.cpu = "generic";
    a.description = "AArch64 with NEON";
    a.vectorBits = 128;
    a.vectorRegs = 32;
    a.fma = true;
    a.f16Conversion = true;
    rows.push_back(a);
    return rows;
  }();
  return table;
}

/// Vector capabilities follow from the LLVM features of the host.
static Target nativeTarget() {
  auto features = llvm::sys::getHostCPUFeatures();
  auto has = [&](llvm::StringRef f) { return features.lookup(f); };
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  Target t;
  if (triple.isAArch64())
    t = *llvm::find_if(targetTable(), [](const Target &row) { return row.name == "aarch64-linux"; });
  else if (has("avx512f") && has("avx512vl") && has("avx512dq") && has("avx512bw"))
    t = x86("native", "", "this machine", 512, 32, true, true);
  else if (has("avx2") && has("fma"))
    t = x86("native", "", "this machine", 256, 16, true, false);
  else
    t = x86("native", "", "this machine", 128, 16, false, false);
  t.name = "native";
  t.triple = triple.str();
  t.cpu = llvm::sys::getHostCPUName().str();
  std::vector<std::string> on;
  for (auto &f : features)
    on.push_back((f.second ? "+" : "-") + f.first().str());
  llvm::sort(on);
  t.features = llvm::join(on, ",");
  return t;
}

/// LLVM only warns of a CPU that it does not know. True where LLVM has no such target: that is said elsewhere.
static bool knowsCPU(llvm::StringRef triple, llvm::StringRef cpu) {
  std::string ignored;
  llvm::Triple parsed(triple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(parsed, ignored);
  if (!target)
    return true;
  std::unique_ptr<llvm::MCSubtargetInfo> info(target->createMCSubtargetInfo(parsed, "", ""));
  return !info || info->isCPUStringValid(cpu);
}

bool resolveTarget(llvm::StringRef name, llvm::StringRef cpu, llvm::StringRef features, Target &target,
                   std::string &error) {
  bool found = false;
  if (name == "native") {
    target = nativeTarget();
    found = true;
  }
  for (const Target &row : targetTable())
    if (row.name == name) {
      target = row;
      found = true;
    }
  if (!found) {
    // A full LLVM triple takes the row of its architecture as a base.
    llvm::Triple triple(name);
    llvm::StringRef base = triple.isX86() && triple.isArch64Bit() ? "x86_64-linux" : triple.isAArch64() ? "aarch64-linux" : "";
    if (name.count('-') >= 2 && !base.empty()) {
      target = *llvm::find_if(targetTable(), [&](const Target &row) { return row.name == base; });
      target.triple = name.str();
      found = true;
    }
  }
  if (!found) {
    std::vector<std::pair<unsigned, std::string>> near;
    for (const Target &row : targetTable())
      near.push_back({llvm::StringRef(row.name).edit_distance(name), row.name});
    llvm::sort(near);
    error = "unknown target '" + name.str() + "'; the nearest are '" + near[0].second + "' and '" + near[1].second +
            "' (onnx-compile --list-targets shows all)";
    return false;
  }
  if (!cpu.empty() && !knowsCPU(target.triple, cpu)) {
    error = "unknown CPU '" + cpu.str() + "' of target '" + name.str() + "'; LLVM names the CPUs of '" + target.triple + "'";
    return false;
  }
  if (!cpu.empty())
    target.cpu = cpu.str();
  if (!features.empty())
    target.features += (target.features.empty() ? "" : ",") + features.str();
  return true;
}

} // namespace onnxc
