// What an object costs: sizes of its sections and the stack it needs.
#include "codegen/llvm/Measure.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Object/SymbolSize.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;

namespace onnxc {

bool measureObject(StringRef path, const std::vector<Weight> &weights, ObjectSizes &sizes, std::string &error) {
  auto object = object::ObjectFile::createObjectFile(path);
  if (!object) {
    error = "cannot read back '" + path.str() + "': " + toString(object.takeError());
    return false;
  }
  int64_t data = 0;
  for (const object::SectionRef &section : object->getBinary()->sections())
    if (section.isText())
      sizes.code += section.getSize();
    else if (section.isData() && !section.isVirtual())
      data += section.getSize();
  for (auto [symbol, bytes] : object::computeSymbolSizes(*object->getBinary())) {
    auto type = symbol.getType();
    auto name = symbol.getName();
    if (type && name && *type == object::SymbolRef::ST_Function) {
      name->consume_front(object->getBinary()->isMachO() ? "_" : "");
      sizes.functions[*name] = bytes;
    }
    consumeError(type.takeError());
    consumeError(name.takeError());
  }
  for (const Weight &w : weights)
    sizes.weights += w.data.size();
  sizes.constants = std::max<int64_t>(0, data - sizes.weights);
  return true;
}

namespace {

class StackWalk {
public:
  StackWalk(const Module &module, const StringMap<int64_t> &frames)
      : frames(frames), returnAddress(module.getDataLayout().getPointerSize()) {}

  int64_t need(const Function &f) {
    if (f.isDeclaration())
      return 0;
    auto [place, isNew] = known.try_emplace(&f, kOpen);
    if (!isNew)
      return place->second;
    auto frame = frames.find(f.getName());
    int64_t deepest = frame == frames.end() ? kOpen : 0;
    // A function whose address is taken may be called from here as well.
    for (const Instruction &inst : instructions(f))
      for (const Value *operand : inst.operand_values())
        if (auto *callee = dyn_cast<Function>(operand); callee && deepest != kOpen) {
          int64_t below = need(*callee);
          deepest = below == kOpen ? kOpen : std::max(deepest, below);
        }
    int64_t total = deepest == kOpen ? kOpen : deepest + frame->second + returnAddress;
    known[&f] = total;
    return total;
  }

private:
  static constexpr int64_t kOpen = -1; ///< being walked, or unknown
  const StringMap<int64_t> &frames;
  int64_t returnAddress;
  DenseMap<const Function *, int64_t> known;
};

} // namespace

StringMap<int64_t> stackBounds(const Module &module, StringRef usagePath) {
  StringMap<int64_t> frames, bounds;
  auto usage = MemoryBuffer::getFile(usagePath, /*IsText=*/true);
  if (!usage)
    return bounds;
  // module:function <tab> bytes <tab> static|dynamic
  SmallVector<StringRef> lines;
  (*usage)->getBuffer().split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines) {
    auto [place, rest] = line.split('\t');
    auto [bytes, kind] = rest.split('\t');
    int64_t size;
    if (kind == "static" && !bytes.getAsInteger(10, size))
      frames[place.rsplit(':').second] = size;
  }
  StackWalk walk(module, frames);
  for (const Function &f : module)
    if (!f.isDeclaration())
      bounds[f.getName()] = walk.need(f);
  return bounds;
}

} // namespace onnxc
