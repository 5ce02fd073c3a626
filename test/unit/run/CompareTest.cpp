// Element conversions, tolerances, random inputs.
#include "Compare.h"
#include "Random.h"
#include "onnxc.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

using namespace onnxc::run;
using Dims = std::vector<int64_t>;

namespace {

constexpr double Inf = std::numeric_limits<double>::infinity();
constexpr double NaN = std::numeric_limits<double>::quiet_NaN();

Tensor tensorOf(int32_t type, std::vector<double> elements) {
  Tensor tensor(type, {static_cast<int64_t>(elements.size())});
  const ElementType *row = elementType(type);
  for (size_t i = 0; i < elements.size(); ++i)
    storeDouble(*row, elements[i], tensor.bytes.data() + i * row->bytes);
  return tensor;
}

Comparison compare(int32_t type, std::vector<double> got,
                   std::vector<double> wanted, Tolerance tolerance = {}) {
  return compareTensors(tensorOf(type, got), tensorOf(type, wanted), tolerance);
}

TEST(Element, rowsAreInOrder) {
  for (int32_t number = 1; number <= ONNXC_TYPE_INT2; ++number) {
    const ElementType *row = elementType(number);
    ASSERT_NE(row, nullptr);
    EXPECT_EQ(row->number, number);
  }
  EXPECT_EQ(elementType(0), nullptr);
  EXPECT_EQ(elementType(ONNXC_TYPE_INT2 + 1), nullptr);
  EXPECT_EQ(typeName(99), "type 99");
}

TEST(Element, loadsHalf) {
  const ElementType *half = elementType(ONNXC_TYPE_FLOAT16);
  auto load = [&](uint16_t bits) {
    uint8_t bytes[2];
    std::memcpy(bytes, &bits, 2);
    return loadDouble(*half, bytes);
  };
  EXPECT_EQ(load(0x3c00), 1.0);
  EXPECT_EQ(load(0xc000), -2.0);
  EXPECT_EQ(load(0x7bff), 65504.0);
  EXPECT_EQ(load(0x0001), std::ldexp(1.0, -24));
  EXPECT_EQ(load(0x7c00), Inf);
  EXPECT_TRUE(std::isnan(load(0x7e00)));
  EXPECT_TRUE(std::signbit(load(0x8000)));
}

TEST(Element, storesWhatItLoads) {
  // Numbers that every type in the list holds exactly.
  for (int32_t type :
       {ONNXC_TYPE_FLOAT, ONNXC_TYPE_DOUBLE, ONNXC_TYPE_FLOAT16,
        ONNXC_TYPE_BFLOAT16, ONNXC_TYPE_FLOAT8E4M3FN, ONNXC_TYPE_FLOAT8E4M3FNUZ,
        ONNXC_TYPE_FLOAT8E5M2, ONNXC_TYPE_FLOAT8E5M2FNUZ, ONNXC_TYPE_FLOAT4E2M1,
        ONNXC_TYPE_INT8, ONNXC_TYPE_INT4, ONNXC_TYPE_INT64})
    for (double value : {-4.0, -1.0, 0.0, 2.0, 3.0}) {
      Tensor tensor = tensorOf(type, {value});
      EXPECT_EQ(loadDouble(*elementType(type), tensor.bytes.data()), value)
          << typeName(type);
    }
  Tensor scale = tensorOf(ONNXC_TYPE_FLOAT8E8M0, {0.5});
  EXPECT_EQ(loadDouble(*elementType(ONNXC_TYPE_FLOAT8E8M0), scale.bytes.data()),
            0.5);
}

TEST(Element, clampsIntegers) {
  auto back = [](int32_t type, double value) {
    return loadDouble(*elementType(type), tensorOf(type, {value}).bytes.data());
  };
  EXPECT_EQ(back(ONNXC_TYPE_INT8, 1000), 127);
  EXPECT_EQ(back(ONNXC_TYPE_INT8, -1000), -128);
  EXPECT_EQ(back(ONNXC_TYPE_UINT8, -3), 0);
  EXPECT_EQ(back(ONNXC_TYPE_INT4, 9), 7);
  EXPECT_EQ(back(ONNXC_TYPE_UINT2, 9), 3);
  EXPECT_EQ(back(ONNXC_TYPE_UINT64, Inf), std::ldexp(1.0, 64));
  EXPECT_EQ(back(ONNXC_TYPE_INT32, 2.5), 2);
}

TEST(Compare, typeAndShapeMustAgree) {
  Comparison c = compareTensors(Tensor(ONNXC_TYPE_FLOAT, {2, 3}),
                                Tensor(ONNXC_TYPE_FLOAT, {3, 2}), {});
  EXPECT_FALSE(c.same);
  EXPECT_EQ(c.message, "has shape [2, 3], wanted [3, 2]");
  c = compareTensors(Tensor(ONNXC_TYPE_INT32, {1}),
                     Tensor(ONNXC_TYPE_INT64, {1}), {});
  EXPECT_FALSE(c.same);
  EXPECT_EQ(c.message, "has element type int32, wanted int64");
  EXPECT_FALSE(compareTensors(Tensor(ONNXC_TYPE_FLOAT, {}),
                              Tensor(ONNXC_TYPE_FLOAT, {1}), {})
                   .same);
}

TEST(Compare, usesBothTolerances) {
  Tolerance t;
  t.rtol = 1e-2;
  t.atol = 0.5;
  EXPECT_TRUE(compare(ONNXC_TYPE_DOUBLE, {101.5}, {100}, t).same);
  EXPECT_FALSE(compare(ONNXC_TYPE_DOUBLE, {101.51}, {100}, t).same);
  // The relative part is of the wanted value, not of the got one.
  EXPECT_FALSE(compare(ONNXC_TYPE_DOUBLE, {0.51}, {0}, t).same);
}

TEST(Compare, scalesAtol) {
  Tolerance t = verifyTolerance(ONNXC_TYPE_FLOAT, false);
  EXPECT_TRUE(compare(ONNXC_TYPE_FLOAT, {0.09, 1000}, {0, 1000}, t).same);
  EXPECT_FALSE(compare(ONNXC_TYPE_FLOAT, {0.11, 1000}, {0, 1000}, t).same);
  // Infinity is no scale.
  EXPECT_FALSE(compare(ONNXC_TYPE_FLOAT, {1, Inf}, {0, Inf}, t).same);
}

TEST(Compare, matchesSpecialValues) {
  EXPECT_TRUE(
      compare(ONNXC_TYPE_FLOAT, {NaN, Inf, -Inf, 0.0}, {NaN, Inf, -Inf, -0.0})
          .same);
  EXPECT_FALSE(compare(ONNXC_TYPE_FLOAT, {1}, {NaN}).same);
  EXPECT_FALSE(compare(ONNXC_TYPE_FLOAT, {NaN}, {1}).same);
  EXPECT_FALSE(compare(ONNXC_TYPE_FLOAT, {Inf}, {-Inf}).same);
  EXPECT_FALSE(compare(ONNXC_TYPE_FLOAT, {1e30}, {Inf}).same);
  EXPECT_FALSE(compare(ONNXC_TYPE_FLOAT, {Inf}, {1e30}).same);
}

TEST(Compare, integers) {
  EXPECT_TRUE(compare(ONNXC_TYPE_INT32, {1000}, {1001}).same); // as numpy
  Tolerance exact = verifyTolerance(ONNXC_TYPE_INT32, false);
  EXPECT_FALSE(compare(ONNXC_TYPE_INT32, {1000}, {1001}, exact).same);
  Tensor a(ONNXC_TYPE_INT64, {1}), b(ONNXC_TYPE_INT64, {1});
  int64_t big = (int64_t(1) << 60) + 1, near = int64_t(1) << 60;
  std::memcpy(a.bytes.data(), &big, 8);
  std::memcpy(b.bytes.data(), &near, 8);
  EXPECT_FALSE(compareTensors(a, b, exact).same);
}

TEST(Compare, complexNumbersByMagnitude) {
  Tensor a(ONNXC_TYPE_COMPLEX64, {1}), b(ONNXC_TYPE_COMPLEX64, {1});
  float got[2] = {3, 4.004f}, wanted[2] = {3, 4};
  std::memcpy(a.bytes.data(), got, 8);
  std::memcpy(b.bytes.data(), wanted, 8);
  EXPECT_TRUE(compareTensors(a, b, {}).same); // |wanted| is 5
  got[1] = 4.006f;
  std::memcpy(a.bytes.data(), got, 8);
  EXPECT_FALSE(compareTensors(a, b, {}).same);
}

TEST(Compare, strings) {
  Tensor a(ONNXC_TYPE_STRING, {2}), b(ONNXC_TYPE_STRING, {2});
  a.strings = {"x", "y"};
  b.strings = {"x", "z"};
  Comparison c = compareTensors(a, b, {});
  EXPECT_FALSE(c.same);
  EXPECT_EQ(c.message, "differs at [1]: got 'y', wanted 'z'");
  EXPECT_TRUE(compareTensors(a, a, {}).same);
}

TEST(Compare, reportsTheWorst) {
  Tensor got = tensorOf(ONNXC_TYPE_FLOAT, {0, 1, 2, 9, 4, 6});
  Tensor wanted = tensorOf(ONNXC_TYPE_FLOAT, {0, 1, 2, 3, 4, 5});
  got.dims = wanted.dims = {2, 3};
  Comparison c = compareTensors(got, wanted, {});
  EXPECT_EQ(c.mismatches, 2);
  EXPECT_EQ(c.maxAbs, 6);
  EXPECT_EQ(c.message, "2 of 6 elements differ, worst at [1, 0]: got 9, wanted "
                       "3, |difference| 6, allowed 0.003");
}

TEST(Compare, emptyTensorsAreEqual) {
  Tensor empty(ONNXC_TYPE_FLOAT, {0, 4});
  EXPECT_TRUE(compareTensors(empty, empty, {}).same);
}

TEST(Compare, bfloat16HasTwoUnits) {
  EXPECT_EQ(backendTolerance(ONNXC_TYPE_BFLOAT16).rtol, 1.0 / 64);
  EXPECT_EQ(backendTolerance(ONNXC_TYPE_FLOAT16).rtol, 1e-3);
  EXPECT_EQ(verifyTolerance(ONNXC_TYPE_FLOAT, true).rtol, 1e-2);
}

TEST(Shapes, countRefusesOverflow) {
  EXPECT_EQ(countElements({}), 1);
  EXPECT_EQ(countElements({2, 0, 5}), 0);
  EXPECT_FALSE(countElements({int64_t(1) << 40, int64_t(1) << 40}));
  EXPECT_EQ(countElements({int64_t(1) << 62, 8, 0}), 0);
  EXPECT_FALSE(countElements({2, -1}));
  EXPECT_FALSE(countElements({0, -1}));
  EXPECT_EQ(shapeString({1, -1}), "[1, ?]");
}

TEST(Random, dependsOnSeedAndNameOnly) {
  Ranges ranges;
  Tensor a = randomTensor("x", ONNXC_TYPE_FLOAT, {100}, 1, ranges);
  EXPECT_EQ(a.bytes,
            randomTensor("x", ONNXC_TYPE_FLOAT, {100}, 1, ranges).bytes);
  EXPECT_NE(a.bytes,
            randomTensor("x", ONNXC_TYPE_FLOAT, {100}, 2, ranges).bytes);
  EXPECT_NE(a.bytes,
            randomTensor("y", ONNXC_TYPE_FLOAT, {100}, 1, ranges).bytes);
}

TEST(Random, keepsRanges) {
  Ranges ranges;
  ASSERT_FALSE(bool(parseRange("2,3", ranges)));
  ASSERT_FALSE(bool(parseRange("a=b=5,5", ranges)));
  auto check = [&](const char *name, int32_t type, double low, double high) {
    Tensor t = randomTensor(name, type, {500}, 7, ranges);
    const ElementType *row = elementType(type);
    for (size_t i = 0; i < 500; ++i) {
      double value = loadDouble(*row, t.bytes.data() + i * row->bytes);
      EXPECT_GE(value, low);
      EXPECT_LE(value, high);
    }
  };
  check("x", ONNXC_TYPE_FLOAT, 2, 3);
  check("a=b", ONNXC_TYPE_INT64, 5, 5);
  ranges = {};
  check("x", ONNXC_TYPE_INT64, 0, 9);
  check("attention_mask", ONNXC_TYPE_INT64, 0, 1);
  check("x", ONNXC_TYPE_BOOL, 0, 1);
  check("x", ONNXC_TYPE_FLOAT16, -1, 1);
  check("x", ONNXC_TYPE_UINT4, 0, 15);
  for (const char *bad : {"", "1", "3,2", "x=", "a,b", "0,inf"}) {
    llvm::Error error = parseRange(bad, ranges);
    EXPECT_TRUE(bool(error)) << bad;
    llvm::consumeError(std::move(error));
  }
}

} // namespace
