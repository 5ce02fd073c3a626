// The target table, and the tables that turn LLVM's CPU features into facts.
#include "codegen/targets/Target.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/ARMTargetParser.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include <mutex>
#include <tuple>
#include <vector>

namespace onnxc {

//===-- Rows --------------------------------------------------------------===//

namespace {

/// What a row states itself; the rest follows from CPU and features.
struct Row {
  const char *name, *triple, *cpu, *features, *abi, *description, *tested;
  unsigned l1Bytes, l2Bytes;
  unsigned unrollOps;
  bool bareMetal;
  const char *libraryCalls;
};

constexpr unsigned K = 1 << 10;

// 64-bit division and conversions of 64-bit integers, on 32-bit ARM.
#define ARM_INT64 "__aeabi_*div* __aeabi_*mod* __aeabi_l* __aeabi_ul* __aeabi_*2*lz __aeabi_mem*"
// Every float operation too.
#define ARM_FLOAT "__aeabi_* __popcountsi2 __clzsi2"
// Double precision only; __aeabi_d* and the conversions to and from it.
#define ARM_DOUBLE ARM_INT64 " __aeabi_d* __aeabi_cd* __aeabi_*2d __aeabi_*2f"

const Row kRows[] = {
    // name, triple, CPU, features, ABI, description, tested by, L1, L2 bytes, unrolled operations, bare metal, library calls
    {"x86_64-linux", "x86_64-unknown-linux-gnu", "x86-64-v3", "", "", "x86-64 with AVX2 and FMA", "the host", 32 * K, 512 * K, 160, false, ""},
    {"x86_64-v2-linux", "x86_64-unknown-linux-gnu", "x86-64-v2", "", "", "x86-64 with SSE4.2", "the host", 32 * K, 512 * K, 160, false, ""},
    {"x86_64-v4-linux", "x86_64-unknown-linux-gnu", "x86-64-v4", "", "", "x86-64 with AVX-512", "the host", 32 * K, 512 * K, 160, false, ""},
    {"aarch64-linux", "aarch64-unknown-linux-gnu", "generic", "", "", "AArch64 (+dotprod, +i8mm, +sve by --features)", "QEMU user mode", 32 * K, 512 * K, 160, false, ""},
    {"armv7-linux", "armv7-unknown-linux-gnueabihf", "generic", "+neon", "", "ARMv7-A, hard float (--cpu=cortex-a7 has fused multiply-add)", "QEMU user mode", 32 * K, 256 * K, 160, false, ARM_INT64},
    {"aarch64-android", "aarch64-linux-android", "generic", "", "", "Android on AArch64", "LLVM's readers", 32 * K, 512 * K, 160, false, ""},
    {"cortex-m0", "thumbv6m-none-eabi", "cortex-m0", "", "", "Cortex-M0 and M0+, soft float", "LLVM's readers", 8 * K, 32 * K, 16, true, ARM_FLOAT},
    {"cortex-m3", "thumbv7m-none-eabi", "cortex-m3", "", "", "Cortex-M3, soft float", "LLVM's readers", 16 * K, 64 * K, 16, true, ARM_FLOAT},
    {"cortex-m4", "thumbv7em-none-eabihf", "cortex-m4", "", "", "Cortex-M4F, single precision", "QEMU mps2-an386", 16 * K, 128 * K, 16, true, ARM_DOUBLE},
    {"cortex-m7", "thumbv7em-none-eabihf", "cortex-m7", "", "", "Cortex-M7, double precision", "LLVM's readers", 16 * K, 256 * K, 16, true, ARM_INT64},
    {"cortex-m33", "thumbv8m.main-none-eabihf", "cortex-m33", "", "", "Cortex-M33, single precision", "LLVM's readers", 16 * K, 128 * K, 16, true, ARM_DOUBLE},
    {"cortex-m55", "thumbv8.1m.main-none-eabihf", "cortex-m55", "", "", "Cortex-M55 with Helium", "QEMU mps3-an547", 16 * K, 256 * K, 16, true, ARM_INT64},
    {"cortex-m85", "thumbv8.1m.main-none-eabihf", "cortex-m85", "", "", "Cortex-M85 with Helium", "LLVM's readers", 32 * K, 256 * K, 16, true, ARM_INT64},
    {"riscv64-linux", "riscv64-unknown-linux-gnu", "generic-rv64", "+m,+a,+f,+d,+c", "lp64d", "RV64GC (+v by --features)", "QEMU user mode", 32 * K, 512 * K, 160, false, ""},
    {"wasm32-wasi", "wasm32-unknown-wasi", "generic", "", "", "WebAssembly (+simd128 by --features)", "Node's WASI", 32 * K, 256 * K, 160, false, ""},
    {"wasm32-simd-wasi", "wasm32-unknown-wasi", "generic", "+simd128", "", "WebAssembly with SIMD", "Node's WASI", 32 * K, 256 * K, 160, false, ""},
    {"x86_64-windows", "x86_64-pc-windows-msvc", "x86-64-v3", "", "", "Windows on x86-64", "LLVM's readers", 32 * K, 512 * K, 160, false, "_fltused __chkstk"},
    {"arm64-macos", "arm64-apple-macosx11.0.0", "apple-m1", "", "", "macOS on Apple silicon", "LLVM's readers", 64 * K, 4096 * K, 160, false, ""},
    {"arm64-ios", "arm64-apple-ios14.0.0", "apple-a12", "", "", "iOS", "LLVM's readers", 64 * K, 2048 * K, 160, false, ""},
};

//===-- Facts from features -----------------------------------------------===//

using Arch = llvm::Triple::ArchType;

/// The widest unit whose features are all there counts; the first match wins.
struct VectorRule {
  llvm::ArrayRef<Arch> archs;
  const char *features; ///< all of them, separated by spaces
  const char *unit;
  unsigned bits, regs;
  bool masks;
  unsigned leastLanes = 2;
};

/// A capability that features bring; any of them is enough.
struct FactRule {
  llvm::ArrayRef<Arch> archs;
  bool Target::*fact;
  const char *features; ///< separated by spaces; "*": always
};

const Arch kX86[] = {llvm::Triple::x86, llvm::Triple::x86_64};
const Arch kX8664[] = {llvm::Triple::x86_64};
const Arch kA64[] = {llvm::Triple::aarch64, llvm::Triple::aarch64_be};
const Arch kArm[] = {llvm::Triple::arm, llvm::Triple::thumb};
const Arch kRiscv[] = {llvm::Triple::riscv32, llvm::Triple::riscv64};
const Arch kRiscv64[] = {llvm::Triple::riscv64};
const Arch kWasm[] = {llvm::Triple::wasm32, llvm::Triple::wasm64};

const VectorRule kVectorRules[] = {
    {kX8664, "avx512f avx512vl avx512bw avx512dq", "AVX-512", 512, 32, true},
    {kX86, "avx2", "AVX2", 256, 16, false},
    {kX86, "avx", "AVX", 256, 16, false},
    {kX86, "sse4.2", "SSE4.2", 128, 16, false},
    {kX86, "sse2", "SSE2", 128, 16, false},
    {kA64, "sve", "NEON, SVE", 128, 32, false},
    {kA64, "neon", "NEON", 128, 32, false},
    {kArm, "mve.fp", "Helium", 128, 8, false, 4}, // LLVM 22 widens two words to two double words, and reads on
    {kArm, "neon", "NEON", 128, 16, false},
    {kArm, "d32", "none", 0, 32, false},
    {kArm, "fpregs", "none", 0, 32, false},
    {kRiscv, "zvl512b zve64d", "RVV 512", 512, 32, true},
    {kRiscv, "zvl256b zve64d", "RVV 256", 256, 32, true},
    {kRiscv, "zve64d", "RVV 128", 128, 32, true},
    {kRiscv, "f", "none", 0, 32, false},
    {kWasm, "simd128", "SIMD128", 128, 16, false},
    {kWasm, "", "none", 0, 16, false}, // the registers of the machines that engines run on
};

/// The first form whose features are all there counts.
struct DotRule {
  llvm::ArrayRef<Arch> archs;
  const char *features; ///< separated by spaces
  DotForm form;
};

using Variants = llvm::ArrayRef<DotForm::Variant>;
const DotForm::Variant kDpbusd[] = {
    {16, "llvm.x86.avx512.vpdpbusd.512"}, {8, "llvm.x86.avx512.vpdpbusd.256"}, {4, "llvm.x86.avx512.vpdpbusd.128"}};
const DotForm::Variant kMaddwd[] = {
    {16, "llvm.x86.avx512.pmaddw.d.512"}, {8, "llvm.x86.avx2.pmadd.wd"}, {4, "llvm.x86.sse2.pmadd.wd"}};
const DotForm::Variant kSdot[] = {{4, "llvm.aarch64.neon.sdot.v4i32.v16i8"}};
const DotForm::Variant kMmla[] = {{4, "llvm.aarch64.neon.smmla.v4i32.v16i8", "llvm.aarch64.neon.usmmla.v4i32.v16i8"}};
const DotForm::Variant kWasmDot[] = {{4, "llvm.wasm.dot"}};

const DotRule kDotRules[] = {
    {kX8664, "avx512vnni avx512vl avx512bw avx512dq", {.name = "vpdpbusd", .unsignedA = true, .variants = kDpbusd}},
    {kX8664, "avxvnni", {.name = "vpdpbusd", .unsignedA = true, .variants = Variants(kDpbusd).drop_front()}},
    {kX8664, "avx512vl avx512bw avx512dq", {.name = "vpmaddwd", .group = 2, .bits = 16, .adds = false, .variants = kMaddwd}},
    {kX86, "avx2", {.name = "vpmaddwd", .group = 2, .bits = 16, .adds = false, .variants = Variants(kMaddwd).drop_front()}},
    {kX86, "sse4.1", {.name = "pmaddwd", .group = 2, .bits = 16, .adds = false, .variants = Variants(kMaddwd).drop_front(2)}},
    {kA64, "dotprod", {.name = "sdot", .aLast = true, .chunk = 4, .variants = kSdot}},
    {kA64, "i8mm", {.name = "smmla", .step = DotForm::Step::Blocks, .group = 8, .copiesRows = true, .sumsAtOnce = 64, .rows = 12, .columns = 2, .variants = kMmla}},
    {kArm, "mve", {.name = "vmladava", .step = DotForm::Step::Reduction, .group = 16, .copiesRows = true, .sumsAtOnce = 16, .rows = 1, .columns = 1}},
    {kArm, "dsp", {.name = "smlad", .step = DotForm::Step::DualHalf, .bits = 16, .subtracts = true, .copiesRows = true, .rows = 2, .columns = 2}},
    {kRiscv64, "m", {.name = "mul", .step = DotForm::Step::PairedRows, .group = 1, .subtracts = true, .copiesRows = true, .sumsAtOnce = 16, .rows = 4, .columns = 4}},
    {kWasm, "simd128", {.name = "i32x4.dot_i16x8_s", .group = 2, .bits = 16, .adds = false, .chunk = 4, .variants = kWasmDot}},
};

const FactRule kFactRules[] = {
    {kX86, &Target::memoryOperands, "*"},
    {kX86, &Target::f32, "sse"},
    {kA64, &Target::f32, "fp-armv8"},
    {kArm, &Target::f32, "vfp2sp"},
    {kRiscv, &Target::f32, "f"},
    {kX86, &Target::f64, "sse2"},
    {kX86, &Target::fma, "fma"},
    {kX86, &Target::sqrt, "sse2"},
    {kX86, &Target::round, "sse4.1"},
    {kX86, &Target::minMax, "sse2"},
    {kX86, &Target::f16Conversion, "f16c"},
    {kA64, &Target::f64, "fp-armv8"},
    {kA64, &Target::fma, "fp-armv8"},
    {kA64, &Target::sqrt, "fp-armv8"},
    {kA64, &Target::round, "fp-armv8"},
    {kA64, &Target::minMax, "fp-armv8"},
    {kA64, &Target::f16Conversion, "fp-armv8"},
    {kArm, &Target::f64, "fp64"},
    {kArm, &Target::fma, "vfp4d16sp"},
    {kArm, &Target::sqrt, "vfp2sp"},
    {kArm, &Target::round, "fp-armv8d16sp"},
    {kArm, &Target::minMax, "fp-armv8d16sp"},
    {kArm, &Target::multiplyHigh, "thumb2"},
    {kArm, &Target::f16Conversion, "fp16"},
    {kRiscv, &Target::f64, "d"},
    {kRiscv, &Target::fma, "f"},
    {kRiscv, &Target::sqrt, "f"},
    {kRiscv, &Target::round, "zfa"},
    {kRiscv, &Target::minMax, "f"},
    {kRiscv, &Target::multiplyHigh, "m"},
    {kRiscv, &Target::f16Conversion, "zfhmin"},
    {kWasm, &Target::f64, "*"},
    {kWasm, &Target::sqrt, "*"},
    {kWasm, &Target::round, "*"},
    {kWasm, &Target::minMax, "*"},
};

void initializeTargetTables() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargetMCs();
  });
}

/// LLVM's description of a CPU; null and `error` when it has no such architecture.
std::unique_ptr<llvm::MCSubtargetInfo> subtarget(const Target &target, llvm::StringRef cpu, llvm::StringRef features,
                                                 std::string &error) {
  initializeTargetTables();
  llvm::Triple triple(target.triple);
  std::string why;
  const llvm::Target *llvmTarget = llvm::TargetRegistry::lookupTarget("", triple, why);
  if (!llvmTarget) {
    error = "LLVM has no code generator for '" + target.triple + "': " + why;
    return nullptr;
  }
  return std::unique_ptr<llvm::MCSubtargetInfo>(llvmTarget->createMCSubtargetInfo(triple, cpu, features));
}

/// The two entries nearest to `word`, quoted: those that begin with it first,
/// then by the number of edits.
std::string nearest(llvm::StringRef word, llvm::ArrayRef<llvm::StringRef> known) {
  std::vector<std::tuple<bool, unsigned, llvm::StringRef>> near;
  for (llvm::StringRef k : known)
    near.push_back({word.empty() || !k.starts_with(word), k.edit_distance(word), k});
  llvm::sort(near);
  std::string text;
  for (size_t i = 0; i < near.size() && i < 2; ++i)
    text += (i ? " and '" : "'") + std::get<2>(near[i]).str() + "'";
  return text;
}

/// CPUs of Arm's other profiles have another instruction set: a Cortex-A for a
/// Cortex-M row, say. LLVM takes them, and the code runs nowhere.
bool isForeign(const llvm::Triple &triple, llvm::StringRef cpu) {
  auto profile = [](llvm::StringRef arch) { return llvm::ARM::parseArchProfile(arch); };
  if (!triple.isARM() && !triple.isThumb())
    return false;
  auto wanted = profile(triple.getArchName()), got = profile(llvm::ARM::getArchName(llvm::ARM::parseCPUArch(cpu)));
  return wanted != llvm::ARM::ProfileKind::INVALID && got != llvm::ARM::ProfileKind::INVALID && wanted != got;
}

/// The CPU and features that the user named: LLVM only warns about names that
/// it does not know, and goes on without.
bool checkNames(const Target &target, llvm::StringRef cpu, llvm::StringRef features, std::string &error) {
  std::unique_ptr<llvm::MCSubtargetInfo> empty = subtarget(target, "", "", error);
  if (!empty)
    return false;
  if (cpu == "native") {
    error = "--cpu wants the name of a CPU; --target=native compiles for this machine and its CPU";
    return false;
  }
  llvm::Triple triple(target.triple);
  if (bool foreign = isForeign(triple, cpu); !cpu.empty() && (foreign || !empty->isCPUStringValid(cpu))) {
    std::vector<llvm::StringRef> known;
    for (const auto &row : empty->getAllProcessorDescriptions())
      if (!isForeign(triple, row.Key))
        known.push_back(row.Key);
    error = (foreign ? "CPU '" + cpu.str() + "' does not run code for " : "unknown CPU '" + cpu.str() + "' for ") + target.triple +
            "; the nearest are " + nearest(cpu, known);
    return false;
  }
  llvm::SmallVector<llvm::StringRef> parts;
  if (!features.empty())
    features.split(parts, ',');
  for (llvm::StringRef part : parts) {
    if (part.empty()) {
      error = "features '" + features.str() + "' have an empty entry; wanted +NAME and -NAME, separated by single commas";
      return false;
    }
    if (!part.starts_with("+") && !part.starts_with("-")) {
      error = "feature '" + part.str() + "' wants a sign: '+" + part.str() + "' turns it on, '-" + part.str() + "' off";
      return false;
    }
    std::vector<llvm::StringRef> known;
    for (const auto &feature : empty->getAllProcessorFeatures())
      known.push_back(feature.Key);
    if (!llvm::is_contained(known, part.drop_front())) {
      error = "unknown feature '" + part.str() + "' for " + target.triple + "; the nearest are " +
              nearest(part.drop_front(), known);
      return false;
    }
  }
  return true;
}

} // namespace

bool deriveFacts(Target &target, std::string &error) {
  target.triple = llvm::Triple::normalize(target.triple);
  llvm::Triple triple(target.triple);
  std::unique_ptr<llvm::MCSubtargetInfo> info = subtarget(target, target.cpu, target.features, error);
  if (!info)
    return false;
  auto has = [&](llvm::StringRef feature) {
    for (const auto &row : info->getAllProcessorFeatures())
      if (row.Key == feature)
        return info->getFeatureBits()[row.Value];
    return false;
  };
  auto words = [](llvm::StringRef list) {
    llvm::SmallVector<llvm::StringRef> out;
    list.split(out, ' ', -1, false);
    return out;
  };

  target.indexBits = triple.isArch64Bit() ? 64 : 32;
  target.vectorUnit = "none";
  target.vectorBits = 0;
  target.vectorRegs = 8;
  target.masks = false;
  target.leastLanes = 2;
  for (const VectorRule &rule : kVectorRules)
    if (llvm::is_contained(rule.archs, triple.getArch()) && llvm::all_of(words(rule.features), has)) {
      target.vectorUnit = rule.unit;
      target.vectorBits = rule.bits;
      target.vectorRegs = triple.getArch() == llvm::Triple::x86 ? 8 : rule.regs;
      target.masks = rule.masks;
      target.leastLanes = rule.leastLanes;
      break;
    }
  for (const FactRule &rule : kFactRules)
    if (llvm::is_contained(rule.archs, triple.getArch()))
      target.*rule.fact = llvm::StringRef(rule.features) == "*" || llvm::any_of(words(rule.features), has);
  target.coreRegs = triple.isX86() ? (triple.isArch64Bit() ? 14 : 6) : triple.isARM() || triple.isThumb() ? 12 : 28;
  target.dot = target.blockDot = nullptr;
  for (const DotRule &rule : kDotRules) {
    const DotForm *&dot = rule.form.step == DotForm::Step::Blocks ? target.blockDot : target.dot;
    if (!dot && llvm::is_contained(rule.archs, triple.getArch()) && llvm::all_of(words(rule.features), has) &&
        (rule.form.step != DotForm::Step::PairedRows || !target.vectorBits))
      dot = &rule.form;
  }
  return true;
}

llvm::ArrayRef<Target> targetTable() {
  static const std::vector<Target> table = [] {
    std::vector<Target> rows;
    for (const Row &r : kRows) {
      Target t;
      t.name = r.name;
      t.triple = r.triple;
      t.cpu = r.cpu;
      t.features = r.features;
      t.abi = r.abi;
      t.description = r.description;
      t.tested = r.tested;
      t.l1Bytes = r.l1Bytes;
      t.l2Bytes = r.l2Bytes;
      t.unrollOps = r.unrollOps;
      t.bareMetal = r.bareMetal;
      t.libraryCalls = r.libraryCalls;
      std::string error;
      if (!deriveFacts(t, error))
        llvm::report_fatal_error(llvm::Twine("target row '") + t.name + "': " + error);
      rows.push_back(std::move(t));
    }
    return rows;
  }();
  return table;
}

//===-- Queries -----------------------------------------------------------===//

llvm::StringRef Target::objectFormat() const {
  switch (llvm::Triple(triple).getObjectFormat()) {
  case llvm::Triple::COFF:
    return "COFF";
  case llvm::Triple::MachO:
    return "Mach-O";
  case llvm::Triple::Wasm:
    return "wasm";
  default:
    return "ELF";
  }
}

llvm::StringRef Target::weightSection() const {
  llvm::StringRef format = objectFormat();
  return format == "COFF" ? ".rdata$onnxc" : format == "Mach-O" ? "__TEXT,__onnxc" : ".rodata.onnxc";
}

static const Target *findRow(llvm::StringRef name) {
  for (const Target &row : targetTable())
    if (row.name == name)
      return &row;
  return nullptr;
}

/// Names of the host's features, as LLVM writes them.
static std::string hostFeatures() {
  std::vector<std::string> on;
  for (auto &f : llvm::sys::getHostCPUFeatures())
    on.push_back((f.second ? "+" : "-") + f.first().str());
  llvm::sort(on);
  return llvm::join(on, ",");
}

/// The row that a triple without a row of its own starts from, for what LLVM's
/// features do not tell: caches and ABI. Null: no such architecture is supported.
static const Target *baseRow(const llvm::Triple &triple) {
  switch (triple.getArch()) {
  case llvm::Triple::x86:
  case llvm::Triple::x86_64:
    return findRow("x86_64-v2-linux");
  case llvm::Triple::aarch64:
    return findRow("aarch64-linux");
  case llvm::Triple::arm:
  case llvm::Triple::thumb:
    return findRow(triple.getOS() == llvm::Triple::UnknownOS ? "cortex-m4" : "armv7-linux");
  case llvm::Triple::riscv64:
    return findRow("riscv64-linux");
  case llvm::Triple::wasm32:
    return findRow("wasm32-wasi");
  default:
    return nullptr;
  }
}

void preferSmallCode(Target &target) {
  // On a Cortex-M4, a larger tile or more steps written out add more code than they save time; fewer cost twice the time.
  constexpr unsigned kTileRegs = 6, kUnrollOps = 8;
  target.smallCode = true;
  target.unrollOps = std::min(target.unrollOps, kUnrollOps);
  target.tileRegs = kTileRegs;
}

bool resolveTarget(llvm::StringRef name, llvm::StringRef cpu, llvm::StringRef features, Target &target,
                   std::string &error) {
  if (name == "native") {
    llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
    const Target *base = baseRow(triple);
    if (!base) {
      error = "this machine ('" + triple.str() + "') has no target row to start from; name one with --target";
      return false;
    }
    target = *base;
    target.name = "native";
    target.description = "this machine";
    target.triple = triple.str();
    target.cpu = llvm::sys::getHostCPUName().str();
    target.features = hostFeatures();
  } else if (const Target *row = findRow(name)) {
    target = *row;
  } else {
    llvm::Triple triple(llvm::Triple::normalize(name));
    const Target *base = name.count('-') >= 2 ? baseRow(triple) : nullptr;
    if (!base) {
      std::vector<llvm::StringRef> known;
      for (const Target &t : targetTable())
        known.push_back(t.name);
      error = "unknown target '" + name.str() + "'; the nearest are " + nearest(name, known) +
              " (onnx-compile --list-targets shows all; an LLVM triple of x86, AArch64, ARM, RISC-V 64 or "
              "WebAssembly 32 is taken too)";
      return false;
    }
    target = *base;
    target.name = name.str();
    target.triple = name.str();
    target.description = "LLVM triple";
    target.cpu.clear();
    if (triple.getArch() != llvm::Triple::riscv64)
      target.features.clear();
    target.libraryCalls = triple.isARM() || triple.isThumb() ? ARM_FLOAT : "";
    target.bareMetal = triple.getOS() == llvm::Triple::UnknownOS && !triple.isWasm();
    target.unrollOps = findRow(target.bareMetal ? "cortex-m4" : "x86_64-linux")->unrollOps;
  }
  if (!checkNames(target, cpu, features, error))
    return false;
  if (!cpu.empty())
    target.cpu = cpu.str();
  if (!features.empty())
    target.features += (target.features.empty() ? "" : ",") + features.str();
  return deriveFacts(target, error);
}

} // namespace onnxc
