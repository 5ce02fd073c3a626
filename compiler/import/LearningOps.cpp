// The ops of ai.onnx.ml that are a few tensor ops.
#include "compiler/import/Expansion.h"

namespace onnxc::import {

namespace {

using Name = Expansion::Name;

// Picks elements of the last axis; a vector counts as one row.
void arrayFeatureExtractor(Expansion &e) {
  auto rank = e.step.rank(0);
  if (!rank || *rank == 0)
    e.step.fail("the rank of its input is unknown");
  Name indices = e.op("Reshape", {e.in(1), e.ints({-1})});
  Name picked = e.with(e.op("Gather", {e.in(0), indices}), "axis", int64_t(-1));
  if (*rank == 1)
    picked = e.op("Unsqueeze", {picked, e.ints({0})});
  e.result(0, picked);
}

void binarizer(Expansion &e) {
  int type = e.step.elementType(0);
  if (type == 0)
    e.step.fail("the element type of its input is unknown");
  Name above = e.op("Greater", {e.in(0), e.step.scalar(
                                             e.real("threshold", 0.0f), type)});
  e.result(0, e.cast(above, type));
}

} // namespace

ExpansionRows learningExpansions() {
  const char *domain = "ai.onnx.ml";
  return {
      {domain, "ArrayFeatureExtractor", arrayFeatureExtractor},
      {domain, "Binarizer", binarizer},
  };
}

} // namespace onnxc::import
