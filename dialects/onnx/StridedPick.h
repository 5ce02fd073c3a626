//===- StridedPick.h - elements of a small tensor by axis -------*- C++ -*-===//
//
// What Slice and Transpose do to the elements of a tensor that is held as a
// list in row-major order.
//
#ifndef ONNXC_DIALECTS_ONNX_STRIDEDPICK_H
#define ONNXC_DIALECTS_ONNX_STRIDEDPICK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace onnxc::onnx {

// Along one axis of the source: `count` elements from `start` on, `step` apart.
struct AxisPick {
  int64_t axis = 0, start = 0, step = 1, count = 0;
};

// The picked elements of `data`, of dims `shape`; the axes of the result are
// those of `picks`, in their order. Every pick lies within its axis.
template <typename T>
llvm::SmallVector<T> pickStrided(llvm::ArrayRef<T> data,
                                 llvm::ArrayRef<int64_t> shape,
                                 llvm::ArrayRef<AxisPick> picks) {
  llvm::SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t k = shape.size(); k-- > 1;)
    strides[k - 1] = strides[k] * shape[k];
  llvm::SmallVector<int64_t> offsets{0};
  for (const AxisPick &pick : picks) {
    llvm::SmallVector<int64_t> next;
    for (int64_t offset : offsets)
      for (int64_t k = 0; k < pick.count; ++k)
        next.push_back(offset +
                       (pick.start + k * pick.step) * strides[pick.axis]);
    offsets = std::move(next);
  }
  llvm::SmallVector<T> result;
  for (int64_t offset : offsets)
    result.push_back(data[offset]);
  return result;
}

} // namespace onnxc::onnx

#endif // ONNXC_DIALECTS_ONNX_STRIDEDPICK_H
