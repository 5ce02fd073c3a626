// .npy and .npz files: what numpy writes is read, what is written reads back.
#include "Npz.h"
#include "Zip.h"
#include "onnxc.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <gtest/gtest.h>

using namespace onnxc::run;
using Dims = std::vector<int64_t>;

namespace {

template <typename T> std::vector<T> values(const Tensor &tensor) {
  std::vector<T> result(tensor.bytes.size() / sizeof(T));
  if (!result.empty())
    std::memcpy(result.data(), tensor.bytes.data(), tensor.bytes.size());
  return result;
}

template <typename T>
Tensor makeTensor(int32_t type, Dims dims, std::vector<T> elements) {
  Tensor tensor(type, dims);
  EXPECT_EQ(tensor.bytes.size(), elements.size() * sizeof(T));
  std::memcpy(tensor.bytes.data(), elements.data(), tensor.bytes.size());
  return tensor;
}

/// A .npy image with the given header dictionary and data.
std::string image(std::string dict, llvm::StringRef data, int version = 1) {
  dict += "\n";
  std::string out("\x93NUMPY", 6);
  out.push_back(static_cast<char>(version));
  out.push_back(0);
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    out.push_back(static_cast<char>(dict.size() >> (8 * i)));
  return out + dict + data.str();
}

std::string header(llvm::StringRef descr, llvm::StringRef shape,
                   llvm::StringRef order = "False") {
  return ("{'descr': '" + descr + "', 'fortran_order': " + order +
          ", 'shape': " + shape + ", }")
      .str();
}

std::string errorOf(llvm::Expected<Tensor> tensor) {
  EXPECT_FALSE(bool(tensor));
  return tensor ? "" : llvm::toString(tensor.takeError());
}

/// A file that is gone at the end of the test.
struct TemporaryFile {
  llvm::SmallString<128> path;
  TemporaryFile() {
    EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("npz", "npz", path));
  }
  ~TemporaryFile() { llvm::sys::fs::remove(path); }
  void write(llvm::StringRef bytes) {
    std::error_code ec;
    llvm::raw_fd_ostream(path, ec) << bytes;
    EXPECT_FALSE(ec);
  }
};

TEST(Npy, readsEveryVersion) {
  std::string data("\x00\x00\x80\x3f\x00\x00\x00\x40", 8); // 1, 2
  for (int version : {1, 2, 3}) {
    auto tensor = parseNpy(image(header("<f4", "(2,)"), data, version), "a");
    ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
    EXPECT_EQ(tensor->type, ONNXC_TYPE_FLOAT);
    EXPECT_EQ(tensor->dims, Dims({2}));
    EXPECT_EQ(values<float>(*tensor), std::vector<float>({1, 2}));
  }
  EXPECT_NE(errorOf(parseNpy(image(header("<f4", "(2,)"), data, 4), "a"))
                .find("format version 4, wanted 1 to 3"),
            std::string::npos);
}

TEST(Npy, readsScalarsAndEmptyArrays) {
  auto scalar = parseNpy(image(header("|i1", "()"), "\x05"), "a");
  ASSERT_TRUE(bool(scalar));
  EXPECT_TRUE(scalar->dims.empty());
  EXPECT_EQ(values<int8_t>(*scalar), std::vector<int8_t>({5}));
  auto empty = parseNpy(image(header("<i8", "(0, 3)"), ""), "a");
  ASSERT_TRUE(bool(empty));
  EXPECT_EQ(empty->dims, Dims({0, 3}));
  EXPECT_TRUE(empty->bytes.empty());
}

TEST(Npy, readsFortranOrderRowMajor) {
  // [[0, 1, 2], [3, 4, 5]] column by column.
  std::string data("\x00\x03\x01\x04\x02\x05", 6);
  auto tensor = parseNpy(image(header("|u1", "(2, 3)", "True"), data), "a");
  ASSERT_TRUE(bool(tensor));
  EXPECT_EQ(values<uint8_t>(*tensor), std::vector<uint8_t>({0, 1, 2, 3, 4, 5}));
}

TEST(Npy, swapsBigEndian) {
  std::string integers("\x00\x00\x00\x01\xff\xff\xff\xfe", 8);
  auto tensor = parseNpy(image(header(">i4", "(2,)"), integers), "a");
  ASSERT_TRUE(bool(tensor));
  EXPECT_EQ(values<int32_t>(*tensor), std::vector<int32_t>({1, -2}));
  // Real and imaginary part keep their places.
  std::string complex("\x3f\x80\x00\x00\x40\x00\x00\x00", 8);
  tensor = parseNpy(image(header(">c8", "()"), complex), "a");
  ASSERT_TRUE(bool(tensor));
  EXPECT_EQ(values<float>(*tensor), std::vector<float>({1, 2}));
}

TEST(Npy, readsText) {
  std::string text("a\0\0\0\xe9\0\0\0b\0\0\0\0\0\0\0", 16);
  auto tensor = parseNpy(image(header("<U2", "(2,)"), text), "a");
  ASSERT_TRUE(bool(tensor));
  EXPECT_EQ(tensor->type, ONNXC_TYPE_STRING);
  EXPECT_EQ(tensor->strings, std::vector<std::string>({"a\xc3\xa9", "b"}));
}

TEST(Npy, refusesWhatItCannotRead) {
  EXPECT_NE(
      errorOf(parseNpy("PK", "f.npz: array 'a'")).find("f.npz: array 'a'"),
      std::string::npos);
  EXPECT_NE(errorOf(parseNpy(image(header("|O", "(1,)"), "12345678"), "a"))
                .find("element type '|O'"),
            std::string::npos);
  EXPECT_NE(errorOf(parseNpy(image(header("<f4", "(3,)"), "12345678"), "a"))
                .find("data has 8 bytes"),
            std::string::npos);
  EXPECT_NE(
      errorOf(
          parseNpy(image(header("<f4", "(4294967296, 4294967296)"), ""), "a"))
          .find("too large"),
      std::string::npos);
  EXPECT_NE(errorOf(parseNpy(image("{'descr': [('x', '<f4')], "
                                   "'fortran_order': False, 'shape': (1,), }",
                                   "1234"),
                             "a"))
                .find("element type 'record'"),
            std::string::npos);
  std::string whole = image(header("<f4", "(1,)"), "1234");
  for (size_t n = 0; n < whole.size(); ++n)
    errorOf(parseNpy(llvm::StringRef(whole).take_front(n), "a"));
}

TEST(Npy, writesWhatItReads) {
  std::vector<Tensor> tensors = {
      makeTensor<float>(ONNXC_TYPE_FLOAT, {2, 1}, {1.5f, -2}),
      makeTensor<int64_t>(ONNXC_TYPE_INT64, {}, {int64_t(1) << 60}),
      makeTensor<uint16_t>(ONNXC_TYPE_FLOAT16, {3}, {0x3c00, 0x7e00, 1}),
      makeTensor<uint8_t>(ONNXC_TYPE_BOOL, {2}, {1, 0}),
      makeTensor<uint16_t>(ONNXC_TYPE_BFLOAT16, {1}, {0x3f80}),
      makeTensor<double>(ONNXC_TYPE_COMPLEX128, {1}, {1, 2}),
      Tensor(ONNXC_TYPE_FLOAT, {3, 0})};
  // makeTensor counts doubles, complex numbers have two each.
  for (const Tensor &tensor : tensors) {
    auto back = parseNpy(formatNpy(tensor), "a");
    ASSERT_TRUE(bool(back)) << llvm::toString(back.takeError());
    EXPECT_EQ(back->type, tensor.type);
    EXPECT_EQ(back->dims, tensor.dims);
    EXPECT_EQ(back->bytes, tensor.bytes);
  }
  Tensor text(ONNXC_TYPE_STRING, {2});
  text.strings = {"\xc3\xa9t\xc3\xa9", ""};
  auto back = parseNpy(formatNpy(text), "a");
  ASSERT_TRUE(bool(back));
  EXPECT_EQ(back->strings, text.strings);
}

TEST(Npy, alignsItsData) {
  std::string bytes = formatNpy(Tensor(ONNXC_TYPE_FLOAT, {1}));
  EXPECT_EQ((bytes.size() - 4) % 64, 0u);
}

TEST(Npy, carriesNamelessTypes) {
  Tensor int4(ONNXC_TYPE_INT4, {3});
  int4.bytes = {0x0f, 7, 8}; // -1, 7, -8
  auto back = parseNpy(formatNpy(int4), "a");
  ASSERT_TRUE(bool(back));
  EXPECT_EQ(back->type, ONNXC_TYPE_INT8);
  EXPECT_EQ(values<int8_t>(*back), std::vector<int8_t>({-1, 7, -8}));
  EXPECT_TRUE(reinterpretAs(*back, ONNXC_TYPE_INT4));
  EXPECT_EQ(back->bytes, int4.bytes);
  Tensor floats(ONNXC_TYPE_FLOAT, {1});
  EXPECT_FALSE(reinterpretAs(floats, ONNXC_TYPE_BFLOAT16));
  EXPECT_FALSE(reinterpretAs(floats, ONNXC_TYPE_INT32));
  Tensor words(ONNXC_TYPE_UINT16, {1});
  EXPECT_TRUE(reinterpretAs(words, ONNXC_TYPE_BFLOAT16));
  Tensor halves(ONNXC_TYPE_UINT16, {1});
  EXPECT_FALSE(reinterpretAs(halves, ONNXC_TYPE_FLOAT16));
}

// numpy.savez_compressed(f, x=arange(6, dtype=float32).reshape(2, 3),
//                        **{"a/b": [True, False]}), numpy 2.4
const char NumpyFile[] =
    "504b03042d0000000800000021004fe9002affffffffffffffff05001400782e6e7079"
    "01001000980000000000000055000000000000009bec17ea1b10c9c850c650ad9e925a"
    "9c5ca46ea5a06e9366a2aea3a09e965f54529498179f5f94920a12774bcc294e058a17"
    "672416a402f91a463a0ac69a3a0ab50a64032e063068b007120e4004c40d40bcc00100"
    "504b03042d000000080000002100ee19bb5dffffffffffffffff07001400612f622e6e"
    "707901001000820000000000000046000000000000009bec17ea1b10c9c850c650ad9e"
    "925a9c5ca46ea5a05e9364a8aea3a09e965f54529498179f5f94920a12774bcc294e05"
    "8a17672416a402f91a463a9a3a0ab50a14002e460600504b01022d032d000000080000"
    "0021004fe9002a5500000098000000050000000000000000000000800100000000782e"
    "6e7079504b01022d032d000000080000002100ee19bb5d460000008200000007000000"
    "000000000000000080018c000000612f622e6e7079504b050600000000020002006800"
    "00000b0100000000";

TEST(Npz, readsNumpy) {
  TemporaryFile file;
  file.write(llvm::fromHex(NumpyFile));
  auto tensors = readNpz(file.path);
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
  ASSERT_EQ(tensors->size(), 2u);
  const Tensor *x = findTensor(*tensors, "x");
  ASSERT_NE(x, nullptr);
  EXPECT_EQ(x->dims, Dims({2, 3}));
  EXPECT_EQ(values<float>(*x), std::vector<float>({0, 1, 2, 3, 4, 5}));
  const Tensor *b = findTensor(*tensors, "a/b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->type, ONNXC_TYPE_BOOL);
  EXPECT_EQ(b->bytes, std::vector<uint8_t>({1, 0}));
}

TEST(Npz, survivesDamage) {
  std::string whole = llvm::fromHex(NumpyFile);
  TemporaryFile file;
  // Cut off anywhere: an error, never a crash.
  for (size_t n = 0; n < whole.size(); n += 7) {
    file.write(llvm::StringRef(whole).take_front(n));
    auto tensors = readNpz(file.path);
    ASSERT_FALSE(bool(tensors));
    llvm::consumeError(tensors.takeError());
  }
  // Any byte changed: an error or the other array.
  for (size_t n = 0; n < whole.size(); ++n) {
    std::string changed = whole;
    changed[n] = static_cast<char>(changed[n] ^ 0x5a);
    file.write(changed);
    auto tensors = readNpz(file.path);
    if (!tensors)
      llvm::consumeError(tensors.takeError());
  }
}

TEST(Npz, noticesWrongContents) {
  std::string bytes;
  llvm::raw_string_ostream os(bytes);
  ZipWriter zip(os);
  zip.add("x.npy", formatNpy(Tensor(ONNXC_TYPE_FLOAT, {4})), false);
  zip.finish();
  bytes[140] = static_cast<char>(bytes[140] ^ 1);
  TemporaryFile file;
  file.write(bytes);
  auto tensors = readNpz(file.path);
  ASSERT_FALSE(bool(tensors));
  EXPECT_NE(llvm::toString(tensors.takeError()).find("checksum differs"),
            std::string::npos);
}

TEST(Npz, roundTrips) {
  Tensor large(ONNXC_TYPE_INT32, {300, 100});
  for (size_t i = 0; i < large.bytes.size(); ++i)
    large.bytes[i] = static_cast<uint8_t>(i * i >> 3);
  NamedTensors tensors;
  tensors.emplace_back("large", large);
  tensors.emplace_back("file", Tensor(ONNXC_TYPE_FLOAT, {}));
  for (bool compress : {false, true}) {
    TemporaryFile file;
    ASSERT_FALSE(bool(writeNpz(file.path, tensors, compress)));
    auto back = readNpz(file.path);
    ASSERT_TRUE(bool(back)) << llvm::toString(back.takeError());
    ASSERT_EQ(back->size(), 2u);
    EXPECT_EQ((*back)[0].first, "large");
    EXPECT_EQ((*back)[0].second.bytes, large.bytes);
    EXPECT_EQ((*back)[1].first, "file");
  }
}

TEST(Npz, namesTheFileInErrors) {
  auto missing = readNpz("no/such/file.npz");
  ASSERT_FALSE(bool(missing));
  EXPECT_NE(llvm::toString(missing.takeError()).find("no/such/file.npz"),
            std::string::npos);
  llvm::Error error = writeNpz("no/such/folder.npz", {});
  ASSERT_TRUE(bool(error));
  EXPECT_NE(llvm::toString(std::move(error)).find("cannot write"),
            std::string::npos);
}

} // namespace
