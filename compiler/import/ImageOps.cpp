// The ops of ai.onnx on images that are a few tensor ops.
#include "compiler/import/Expansion.h"

namespace onnxc::import {

namespace {

using Name = Expansion::Name;
using ::onnx::TensorProto;

// The n places of one axis of an image from -1 to 1: of pixels' middles, or
// from corner to corner.
Name places(Expansion &e, const Name &n, int type) {
  auto number = [&](float value) { return e.step.scalar(value, type); };
  auto integer = [&](float value) { return e.step.scalar(value, TensorProto::INT64); };
  Name count = e.cast(n, type);
  Name doubled = e.op("Mul", {e.cast(e.op("Range", {integer(0), n, integer(1)}), type), number(2)});
  if (e.integer("align_corners", 0)) // a single pixel is at the start
    count = e.op("Max", {e.op("Sub", {count, number(1)}), number(1)});
  else
    doubled = e.op("Add", {doubled, number(1)});
  return e.op("Sub", {e.op("Div", {doubled, count}), number(1)});
}

// grid(n, z, y, x, :) = theta(n, :, 0) x + theta(n, :, 1) y + theta(n, :, 2) z + theta(n, :, 3),
// for images of two dims without z. (The body in the schema squeezes more than it means to.)
void affineGrid(Expansion &e) {
  std::optional<int64_t> rows = e.step.dim(0, 1);
  if (!rows)
    if (auto size = e.step.constantIntegers(1))
      rows = int64_t(size->size()) - 2;
  if (!rows || (*rows != 2 && *rows != 3))
    e.step.fail("whether its images have two or three dims is unknown; give 'theta' a static shape, [N, 2, 3] or [N, 3, 4]");
  int type = e.step.elementType(0);
  auto column = [&](int64_t i) { // [N, 1..., rows]
    Name at = e.step.scalar(float(i), TensorProto::INT64);
    Name values = e.with(e.op("Gather", {e.in(0), at}), "axis", int64_t(2));
    return e.op("Unsqueeze", {values, e.ints(*rows == 2 ? std::vector<int64_t>{1, 2} : std::vector<int64_t>{1, 2, 3})});
  };
  Name sum = column(*rows);
  for (int64_t i = 0; i < *rows; ++i) {
    Name n = e.op("Gather", {e.in(1), e.step.scalar(float(1 + *rows - i), TensorProto::INT64)});
    std::vector<int64_t> behind; // the axes of the places before this one, and of the rows
    for (int64_t axis = 1; axis <= i + 1; ++axis)
      behind.push_back(axis);
    Name along = e.op("Unsqueeze", {places(e, n, type), e.ints(behind)});
    sum = e.op("Add", {sum, e.op("Mul", {column(i), along})});
  }
  e.result(0, sum);
}

} // namespace

ExpansionRows imageExpansions() { return {{"", "AffineGrid", affineGrid}}; }

} // namespace onnxc::import
