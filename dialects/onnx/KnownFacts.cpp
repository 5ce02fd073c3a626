//===- KnownFacts.cpp - the store behind KnownValues.h --------------------===//
//
// See KnownFacts.h and the class KnownFacts in KnownValues.h.
//
#include "dialects/onnx/KnownFacts.h"
#include "dialects/onnx/ShapeUtils.h"

using namespace mlir;

namespace onnxc::onnx {

// Questions about operands nest; a stack has to hold them.
static constexpr unsigned maxDepth = 400;

static thread_local Facts *current = nullptr;

bool Facts::deeper(function_ref<void()> work) {
  if (depth >= maxDepth) {
    gaveUp = true;
    return false;
  }
  ++depth;
  work();
  --depth;
  if (depth == 0 && gaveUp) {
    for (Value value : incompleteElements)
      elements.erase(value);
    for (DimKey key : incompleteDims)
      if (auto it = dims.find(key.first); it != dims.end())
        it->second[key.second].reset();
    incompleteElements.clear();
    incompleteDims.clear();
    gaveUp = false;
  }
  return true;
}

std::optional<Numbers> Facts::numbers(Value value) {
  auto type = dyn_cast<TensorType>(value.getType());
  if (!type)
    return std::nullopt;
  if (auto it = elements.find(value); it != elements.end())
    return it->second;
  std::optional<Numbers> result;
  bool answered = deeper([&] {
    result = evaluate(value, type.getElementType());
    elements[value] = result;
    if (gaveUp)
      incompleteElements.push_back(value);
    if (result)
      for (const Number &n : *result)
        if (n.dimOf && (named[n.dimOf].empty() || named[n.dimOf].back() != value))
          named[n.dimOf].push_back(value);
  });
  return answered ? result : std::nullopt;
}

KnownInt Facts::dim(Value tensor, int64_t dim) {
  SmallVector<DimKey, 8> path;
  DimKey at{tensor, dim};
  KnownInt known;
  bool answered = deeper([&] {
    while (true) {
      RankedTensorType type = rankedType(at.first);
      if (!type.isDynamicDim(at.second)) {
        known.value = type.getDimSize(at.second);
        break;
      }
      if (auto it = dims.find(at.first); it != dims.end() && it->second[at.second]) {
        known = *it->second[at.second];
        break;
      }
      path.push_back(at);
      std::optional<DimKey> next = originStep(at.first, at.second);
      if (!next) {
        known.dimOf = at.first, known.dim = at.second;
        break;
      }
      at = *next;
    }
    for (DimKey key : path) {
      auto &all = dims[key.first];
      all.resize(rankedType(key.first).getRank());
      all[key.second] = known;
      if (gaveUp)
        incompleteDims.push_back(key);
      if (known.dimOf && known.dimOf != key.first)
        named[known.dimOf].push_back(key.first);
    }
  });
  if (!answered) {
    RankedTensorType type = rankedType(tensor);
    if (type.isDynamicDim(dim))
      known.dimOf = tensor, known.dim = dim;
    else
      known.value = type.getDimSize(dim);
  }
  return known;
}

void Facts::forget(Value value) {
  elements.erase(value);
  dims.erase(value);
  auto it = named.find(value);
  if (it == named.end())
    return;
  SmallVector<Value> speakers = std::move(it->second);
  named.erase(it);
  // Some may be gone by now: they are keys here, no more.
  for (Value v : speakers) {
    elements.erase(v);
    dims.erase(v);
  }
}

CurrentFacts::CurrentFacts() {
  if (!current) {
    own = std::make_unique<Facts>();
    current = own.get();
  }
}
CurrentFacts::~CurrentFacts() {
  if (own)
    current = nullptr;
}
Facts *CurrentFacts::operator->() const { return current; }

KnownFacts::KnownFacts() {
  if (!current) {
    own = std::make_unique<Facts>();
    current = own.get();
  }
}
KnownFacts::~KnownFacts() {
  if (own)
    current = nullptr;
}

void KnownFacts::learn(Operation *op) {
  // Shapes, axes and the like have few elements.
  constexpr int64_t fewElements = 64;
  for (Value result : op->getResults()) {
    RankedTensorType type = rankedType(result);
    if (!type)
      continue;
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (type.isDynamicDim(d))
        (void)current->dim(result, d);
    if (isa<IntegerType>(type.getElementType()) && type.getRank() <= 1 && type.hasStaticShape() &&
        type.getNumElements() <= fewElements && !isa<ConstantOp>(op))
      (void)current->numbers(result);
  }
}

void KnownFacts::learn(Region &region) {
  for (Block &block : region)
    for (Operation &op : block) {
      for (Region &inner : op.getRegions())
        learn(inner);
      learn(&op);
    }
}

void KnownFacts::forget(Value value) { current->forget(value); }

void KnownFacts::notifyOperationErased(Operation *op) {
  for (Value result : op->getResults())
    current->forget(result);
}

void KnownFacts::notifyBlockErased(Block *block) {
  for (Value argument : block->getArguments())
    current->forget(argument);
}

} // namespace onnxc::onnx
