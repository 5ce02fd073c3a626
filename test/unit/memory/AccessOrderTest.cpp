// Distances at which input and output may overlap, against a simulation byte by byte.
#include "passes/memory/AccessOrder.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace onnxc;

namespace {

struct Kernel {
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  explicit Kernel(const std::string &text) {
    context.loadDialect<affine::AffineDialect, arith::ArithDialect, func::FuncDialect, memref::MemRefDialect, scf::SCFDialect,
                        vector::VectorDialect>();
    module = parseSourceString<ModuleOp>(text, &context);
  }
  func::FuncOp get() { return *module->getOps<func::FuncOp>().begin(); }
};

/// The distances are what the simulation says, to the byte: it plays out at each, and not a byte closer.
OverlapDistance expectTight(const std::string &text) {
  Kernel kernel(text);
  EXPECT_TRUE(kernel.module);
  auto order = accessOrder(kernel.get(), 0, 1), every = accessOrder(kernel.get(), 0, 1, /*everyAccess=*/true);
  EXPECT_TRUE(order && every);
  if (!order || !every)
    return {};
  OverlapDistance d = overlapDistance(*order);
  for (auto [shift, closer] : {std::pair(-d.below, int64_t(1)), std::pair(d.above, int64_t(-1))}) {
    EXPECT_TRUE(playsOut(*every, shift)) << shift;
    EXPECT_TRUE(shift == 0 || !playsOut(*every, shift + closer)) << shift + closer;
    for (int64_t further : {1, 2, 3, 7, 1000}) {
      EXPECT_TRUE(playsOut(*every, shift - closer * further)) << shift - closer * further;
    }
  }
  return d;
}

} // namespace

TEST(AccessOrder, ElementwiseInPlace) {
  OverlapDistance d = expectTight(R"(
    func.func @k(%x: memref<16xi8>, %y: memref<16xi8>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      scf.for %i = %c0 to %c16 step %c1 {
        %v = memref.load %x[%i] : memref<16xi8>
        memref.store %v, %y[%i] : memref<16xi8>
      }
      return
    })");
  EXPECT_EQ(d.below, 0);
  EXPECT_EQ(d.above, 16); // upwards, the output must not run into what is to be read
}

TEST(AccessOrder, BackwardsIsTheMirror) {
  OverlapDistance d = expectTight(R"(
    func.func @k(%x: memref<16xi8>, %y: memref<16xi8>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c15 = arith.constant 15 : index
      %c16 = arith.constant 16 : index
      scf.for %j = %c0 to %c16 step %c1 {
        %i = arith.subi %c15, %j : index
        %v = memref.load %x[%i] : memref<16xi8>
        memref.store %v, %y[%i] : memref<16xi8>
      }
      return
    })");
  EXPECT_EQ(d.below, 16);
  EXPECT_EQ(d.above, 0);
}

TEST(AccessOrder, WideningAndNarrowing) {
  OverlapDistance widens = expectTight(R"(
    func.func @k(%x: memref<8xi8>, %y: memref<8xi32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c8 = arith.constant 8 : index
      scf.for %i = %c0 to %c8 step %c1 {
        %v = memref.load %x[%i] : memref<8xi8>
        %w = arith.extsi %v : i8 to i32
        memref.store %w, %y[%i] : memref<8xi32>
      }
      return
    })");
  EXPECT_EQ(widens.below, 4 * 7 - 7); // when element 6 is written, element 7 is to be read
  OverlapDistance narrows = expectTight(R"(
    func.func @k(%x: memref<8xi32>, %y: memref<8xi8>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c8 = arith.constant 8 : index
      scf.for %i = %c0 to %c8 step %c1 {
        %v = memref.load %x[%i] : memref<8xi32>
        %w = arith.trunci %v : i32 to i8
        memref.store %w, %y[%i] : memref<8xi8>
      }
      return
    })");
  EXPECT_EQ(narrows.below, 0);
}

// A window of three rows of four, bounded at the borders, in a form like that of scheduled kernels: the reduction's
// loops are one step, whose bounds follow from the row.
TEST(AccessOrder, WindowWithPadding) {
  OverlapDistance d = expectTight(R"(
    func.func @k(%x: memref<8x4xi8>, %y: memref<8x4xi8>) {
      %c-1 = arith.constant -1 : index
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c3 = arith.constant 3 : index
      %c4 = arith.constant 4 : index
      %c8 = arith.constant 8 : index
      %c9 = arith.constant 9 : index
      %zero = arith.constant 0 : i8
      %flat = memref.reinterpret_cast %x to offset: [0], sizes: [1024], strides: [1] : memref<8x4xi8> to memref<1024xi8, strided<[1]>>
      scf.for %h = %c0 to %c8 step %c1 {
        %first = arith.subi %c1, %h : index
        %from = arith.maxsi %first, %c0 : index
        %end = arith.subi %c9, %h : index
        %to = arith.minsi %end, %c3 : index
        scf.for %w = %c0 to %c4 step %c2 {
          %acc = scf.for %r = %from to %to step %c1 iter_args(%a = %zero) -> (i8) {
            %row = arith.addi %h, %r : index
            %above = arith.addi %row, %c-1 : index
            %start = arith.muli %above, %c4 : index
            %at = arith.addi %start, %w : index
            %v = vector.load %flat[%at] : memref<1024xi8, strided<[1]>>, vector<2xi8>
            %e = vector.extract %v[0] : i8 from vector<2xi8>
            %s = arith.addi %a, %e : i8
            scf.yield %s : i8
          }
          memref.store %acc, %y[%h, %w] : memref<8x4xi8>
          %w1 = arith.addi %w, %c1 : index
          memref.store %acc, %y[%h, %w1] : memref<8x4xi8>
        }
      }
      return
    })");
  // The first half of row h is written when the second half of row h - 1 is to be read.
  EXPECT_EQ(d.below, 4);
}

TEST(AccessOrder, StrideTwo) {
  OverlapDistance d = expectTight(R"(
    #odd = affine_map<(d0, d1) -> (d0 * 2 + d1)>
    func.func @k(%x: memref<9x4xi8>, %y: memref<4x4xi8>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c3 = arith.constant 3 : index
      %c4 = arith.constant 4 : index
      scf.for %h = %c0 to %c4 step %c1 {
        scf.for %c = %c0 to %c4 step %c1 {
          scf.for %r = %c0 to %c3 step %c1 {
            %row = affine.apply #odd(%h, %r)
            %v = memref.load %x[%row, %c] : memref<9x4xi8>
            memref.store %v, %y[%h, %c] : memref<4x4xi8>
          }
        }
      }
      return
    })");
  EXPECT_EQ(d.below, 0);
}

TEST(AccessOrder, ChannelsOutermostOverlapLittle) {
  OverlapDistance d = expectTight(R"(
    func.func @k(%x: memref<8x4xi8>, %y: memref<8x4xi8>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      %c8 = arith.constant 8 : index
      scf.for %c = %c0 to %c4 step %c1 {
        scf.for %h = %c0 to %c8 step %c1 {
          %v = memref.load %x[%h, %c] : memref<8x4xi8>
          memref.store %v, %y[%h, %c] : memref<8x4xi8>
        }
      }
      return
    })");
  EXPECT_EQ(d.below, 28); // the last element of a column, before the first of the next is read
}

// What cannot be followed is not guessed.
TEST(AccessOrder, Refused) {
  for (const char *body : {
           // an address from memory
           "%v = memref.load %x[%c0] : memref<4xi8> %i = arith.index_cast %v : i8 to index memref.store %v, %y[%i] : memref<4xi8>",
           // the input is written
           "%v = memref.load %x[%c0] : memref<4xi8> memref.store %v, %x[%c0] : memref<4xi8>",
           // not known what it does
           "memref.copy %x, %y : memref<4xi8> to memref<4xi8>",
           // a bound of the run
           "scf.for %i = %c0 to %n step %c1 { %v = memref.load %x[%i] : memref<4xi8> memref.store %v, %y[%i] : memref<4xi8> }"}) {
    Kernel kernel("func.func @k(%x: memref<4xi8>, %y: memref<4xi8>, %n: index) {\n%c0 = arith.constant 0 : index\n"
                  "%c1 = arith.constant 1 : index\n" +
                  std::string(body) + "\nreturn\n}");
    ASSERT_TRUE(kernel.module);
    EXPECT_FALSE(accessOrder(kernel.get(), 0, 1)) << body;
  }
}
