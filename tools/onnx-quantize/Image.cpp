// Decoding and resampling of pictures.
#include "Image.h"
#include "Error.h"
#include "llvm/Support/Endian.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <zlib.h>

namespace onnxc::quantize {

using run::userError;

/// A bound on what a file may ask for: 2^14 pixels a side.
static constexpr size_t LargestSide = 1 << 14;

bool isImageFile(llvm::StringRef path) {
  return path.ends_with_insensitive(".png") || path.ends_with_insensitive(".ppm") ||
         path.ends_with_insensitive(".pgm");
}

static llvm::Error damaged(llvm::StringRef what, llvm::StringRef why) {
  return userError(what + ": is no picture that can be read: " + why);
}

//===-- PPM and PGM -------------------------------------------------------===//

static llvm::Expected<Image> parsePnm(llvm::StringRef bytes, llvm::StringRef what) {
  Image image;
  image.channels = bytes[1] == '6' ? 3 : 1;
  bytes = bytes.drop_front(2);
  size_t numbers[3];
  for (size_t &number : numbers) {
    bytes = bytes.ltrim();
    while (bytes.consume_front("#"))
      bytes = bytes.drop_until([](char c) { return c == '\n'; }).ltrim();
    if (bytes.consumeInteger(10, number))
      return damaged(what, "its header is not complete");
  }
  if (numbers[0] == 0 || numbers[1] == 0 || numbers[0] > LargestSide || numbers[1] > LargestSide || numbers[2] != 255)
    return damaged(what, "wanted 1 to 16384 pixels a side and values up to 255");
  image.width = numbers[0];
  image.height = numbers[1];
  bytes = bytes.drop_front();
  size_t size = image.width * image.height * image.channels;
  if (bytes.size() < size)
    return damaged(what, "it ends too soon");
  image.pixels.assign(bytes.begin(), bytes.begin() + size);
  return std::move(image);
}

//===-- PNG (W3C recommendation, 2003) ------------------------------------===//

namespace {
struct Png {
  size_t width = 0, height = 0;
  unsigned depth = 0, colour = 0;
  std::string data;                ///< compressed
  std::vector<uint8_t> palette;
  /// Samples of a pixel in the file.
  size_t samples() const { return colour == 2 ? 3 : colour == 4 ? 2 : colour == 6 ? 4 : 1; }
};
} // namespace

static uint8_t paeth(int a, int b, int c) {
  int p = a + b - c, pa = std::abs(p - a), pb = std::abs(p - b), pc = std::abs(p - c);
  return static_cast<uint8_t>(pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
}

/// Undoes the filter of each row in place; false for an unknown filter.
static bool unfilter(std::vector<uint8_t> &raw, size_t height, size_t stride, size_t pixelBytes) {
  for (size_t y = 0; y < height; ++y) {
    uint8_t *row = raw.data() + y * (stride + 1) + 1;
    const uint8_t *up = y ? row - stride - 1 : nullptr;
    for (size_t x = 0; x < stride; ++x) {
      int left = x >= pixelBytes ? row[x - pixelBytes] : 0, above = up ? up[x] : 0;
      int corner = up && x >= pixelBytes ? up[x - pixelBytes] : 0;
      switch (row[-1]) {
      case 0:
        break;
      case 1:
        row[x] = static_cast<uint8_t>(row[x] + left);
        break;
      case 2:
        row[x] = static_cast<uint8_t>(row[x] + above);
        break;
      case 3:
        row[x] = static_cast<uint8_t>(row[x] + (left + above) / 2);
        break;
      case 4:
        row[x] = static_cast<uint8_t>(row[x] + paeth(left, above, corner));
        break;
      default:
        return false;
      }
    }
  }
  return true;
}

static llvm::Expected<Png> readChunks(llvm::StringRef bytes, llvm::StringRef what) {
  Png png;
  bytes = bytes.drop_front(8);
  while (bytes.size() >= 12) {
    size_t size = llvm::support::endian::read32be(bytes.data());
    llvm::StringRef kind = bytes.substr(4, 4);
    if (size > bytes.size() - 12)
      return damaged(what, "it ends too soon");
    llvm::StringRef body = bytes.substr(8, size);
    if (kind == "IHDR" && size == 13) {
      png.width = llvm::support::endian::read32be(body.data());
      png.height = llvm::support::endian::read32be(body.data() + 4);
      png.depth = static_cast<uint8_t>(body[8]);
      png.colour = static_cast<uint8_t>(body[9]);
      if (body[12])
        return damaged(what, "interlaced PNG; save it without");
    } else if (kind == "PLTE") {
      png.palette.assign(body.begin(), body.end());
    } else if (kind == "IDAT") {
      png.data += body;
    }
    bytes = bytes.drop_front(size + 12);
  }
  if (png.width == 0 || png.height == 0 || png.width > LargestSide || png.height > LargestSide)
    return damaged(what, "wanted 1 to 16384 pixels a side");
  bool isKnown = png.colour == 0 || png.colour == 2 || png.colour == 3 || png.colour == 4 || png.colour == 6;
  bool isWhole = png.depth == 8 || (png.depth == 16 && png.colour != 3);
  bool isPacked = (png.depth == 1 || png.depth == 2 || png.depth == 4) && (png.colour == 0 || png.colour == 3);
  if (!isKnown || (!isWhole && !isPacked))
    return damaged(what, "no known kind of pixels");
  return std::move(png);
}

static llvm::Expected<Image> parsePng(llvm::StringRef bytes, llvm::StringRef what) {
  auto png = readChunks(bytes, what);
  if (!png)
    return png.takeError();
  size_t samples = png->samples(), stride = (png->width * samples * png->depth + 7) / 8;
  std::vector<uint8_t> raw((stride + 1) * png->height);
  uLongf size = raw.size();
  if (uncompress(raw.data(), &size, reinterpret_cast<const Bytef *>(png->data.data()), png->data.size()) != Z_OK ||
      size != raw.size() || !unfilter(raw, png->height, stride, std::max<size_t>(samples * png->depth / 8, 1)))
    return damaged(what, "its data are damaged");

  Image image;
  image.width = png->width;
  image.height = png->height;
  image.channels = png->colour == 0 || png->colour == 4 ? 1 : 3;
  image.pixels.reserve(image.width * image.height * image.channels);
  unsigned top = (1u << std::min(png->depth, 8u)) - 1;
  for (size_t y = 0; y < png->height; ++y) {
    const uint8_t *row = raw.data() + y * (stride + 1) + 1;
    for (size_t x = 0; x < png->width; ++x)
      for (size_t c = 0; c < image.channels; ++c) {
        size_t sample = x * samples + (png->colour == 3 ? 0 : c);
        unsigned value;
        if (png->depth >= 8)
          value = row[sample * (png->depth / 8)];
        else
          value = row[sample * png->depth / 8] >> (8 - png->depth - sample * png->depth % 8) & top;
        if (png->colour != 3)
          image.pixels.push_back(static_cast<uint8_t>(value * 255 / top));
        else if (3 * value + c < png->palette.size())
          image.pixels.push_back(png->palette[3 * value + c]);
        else
          return damaged(what, "a colour is not in its palette");
      }
  }
  return std::move(image);
}

llvm::Expected<Image> parseImage(llvm::StringRef bytes, llvm::StringRef what) {
  if (bytes.starts_with("P5") || bytes.starts_with("P6"))
    return parsePnm(bytes, what);
  if (bytes.starts_with("\x89PNG\r\n\x1a\n"))
    return parsePng(bytes, what);
  return damaged(what, "wanted PNG, or PPM or PGM in binary form");
}

//===-- Resampling --------------------------------------------------------===//

std::vector<float> resample(const Image &image, size_t width, size_t height, size_t channels) {
  auto pixel = [&](size_t x, size_t y, size_t c) -> float {
    const uint8_t *p = image.pixels.data() + (y * image.width + x) * image.channels;
    if (image.channels == 3 && channels == 1)
      return 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
    return p[image.channels == 1 ? 0 : c];
  };
  /// The two pixels around a position (half-pixel centres), and the part of the second.
  struct Around {
    size_t first, second;
    float part;
  };
  auto around = [](size_t i, size_t to, size_t from) {
    float at = (static_cast<float>(i) + 0.5f) * static_cast<float>(from) / static_cast<float>(to) - 0.5f;
    at = std::clamp(at, 0.0f, static_cast<float>(from - 1));
    size_t first = static_cast<size_t>(at);
    return Around{first, std::min(first + 1, from - 1), at - static_cast<float>(first)};
  };
  std::vector<float> result;
  result.reserve(width * height * channels);
  for (size_t y = 0; y < height; ++y) {
    Around v = around(y, height, image.height);
    for (size_t x = 0; x < width; ++x) {
      Around h = around(x, width, image.width);
      for (size_t c = 0; c < channels; ++c) {
        float top = pixel(h.first, v.first, c) * (1 - h.part) + pixel(h.second, v.first, c) * h.part;
        float bottom = pixel(h.first, v.second, c) * (1 - h.part) + pixel(h.second, v.second, c) * h.part;
        result.push_back(top * (1 - v.part) + bottom * v.part);
      }
    }
  }
  return result;
}

} // namespace onnxc::quantize
