// Comparison of a model's outputs with a reference.
#ifndef ONNXC_TOOLS_ONNX_RUN_COMPARE_H
#define ONNXC_TOOLS_ONNX_RUN_COMPARE_H

#include "Tensor.h"

namespace onnxc::run {

/// An element passes when |got - wanted| <= atol + rtol * |wanted|.
struct Tolerance {
  double rtol = 1e-3;
  double atol = 1e-7;
  /// Float outputs: atol counts in units of the largest finite |wanted|.
  bool scaleAtol = false;
  /// Integers and bools must be equal.
  bool exactIntegers = false;
};

/// The tolerances of ONNX's backend tests (onnx/backend/test/runner):
/// numpy's assert_allclose, NaN equal to NaN, at least two units in the last
/// place of bfloat16.
Tolerance backendTolerance(int32_t type, double rtol = 1e-3,
                           double atol = 1e-7);

/// The tolerances of `onnx-run verify`: rtol 1e-3 and 1e-4 of the largest
/// |wanted|; 1e-2 for both where a model computes in half precision.
Tolerance verifyTolerance(int32_t type, bool halfPrecision);

struct Comparison {
  bool same = true;
  std::string message;    ///< of the first kind of difference found
  int64_t mismatches = 0; ///< elements outside the tolerance
  double maxAbs = 0;      ///< largest |got - wanted| of finite elements
  double maxRelative = 0; ///< that difference over the largest |wanted|
};

/// Type and shape must be equal, then every element within `tolerance`; NaN
/// matches NaN, infinities match themselves, strings must be equal.
Comparison compareTensors(const Tensor &got, const Tensor &wanted,
                          const Tolerance &tolerance);

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_COMPARE_H
