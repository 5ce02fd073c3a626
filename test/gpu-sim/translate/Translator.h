// From the LLVM IR of GPU kernels to code of the host that runs in the simulator.
#ifndef ONNXC_GPUSIM_TRANSLATOR_H
#define ONNXC_GPUSIM_TRANSLATOR_H

#include "llvm/IR/Constants.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/ModuleSlotTracker.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

namespace gpusim {

/// What instrumented code tells the simulator.
enum class Checks {
  None,   ///< nothing: barriers and warp instructions work, memory is not looked at
  Bounds, ///< every access: bounds and alignment
  Full,   ///< races and counters as well
};

/// Changes the module in place: `machine` is the host's.
llvm::Error translate(llvm::Module &module, const llvm::TargetMachine &machine, Checks checks);

// The steps, in this order.

/// Shared variables become places in the block's window. Gives each kernel's
/// layout to the tables.
struct SharedLayout {
  struct Variable {
    llvm::GlobalVariable *global;
    uint32_t offset, bytes;
  };
  std::vector<Variable> variables;
  uint32_t staticBytes = 0; ///< as ptxas packs them
  uint32_t dynamicOffset = 0;
};
using SharedLayouts = llvm::DenseMap<llvm::Function *, SharedLayout>;
llvm::Expected<SharedLayouts> placeShared(llvm::Module &module, llvm::ArrayRef<llvm::Function *> kernels);

/// The instructions that the simulator may have to name.
class Sites {
public:
  explicit Sites(const llvm::Module &module) : slots(&module) {}
  /// The number of this instruction, as a constant.
  llvm::ConstantInt *add(llvm::Instruction &instruction);
  llvm::ArrayRef<std::pair<std::string, std::string>> list() const { return sites; }

private:
  std::vector<std::pair<std::string, std::string>> sites;
  llvm::ModuleSlotTracker slots; ///< numbers of values, made once per function
  const llvm::Function *numbered = nullptr;
};

/// Calls of the simulator before every access, and counts of multiply-adds.
void instrument(llvm::Module &module, Sites &sites, Checks checks);

/// NVVM's intrinsics become calls of the simulator. Fails, with the name, on
/// what the simulator has not, and on functions without a body.
llvm::Error replaceIntrinsics(llvm::Module &module, Sites &sites);

/// A function per kernel that takes its parameters as cuLaunchKernel does, and
/// the tables of abi.h.
void addTables(llvm::Module &module, llvm::ArrayRef<llvm::Function *> kernels, const SharedLayouts &layouts, const Sites &sites);

} // namespace gpusim

#endif // ONNXC_GPUSIM_TRANSLATOR_H
