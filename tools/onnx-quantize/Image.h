// Pictures as calibration data: PNG, PPM and PGM.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_IMAGE_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_IMAGE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <vector>

namespace onnxc::quantize {

/// 8-bit pixels, row by row, the channels of a pixel side by side.
struct Image {
  size_t width = 0, height = 0, channels = 0; ///< channels: 1 or 3
  std::vector<uint8_t> pixels;
};

bool isImageFile(llvm::StringRef path);

/// Decodes a file. Transparency is dropped, 16 bits become 8. `what` names the
/// file in errors; interlaced PNG and text PPM are refused.
llvm::Expected<Image> parseImage(llvm::StringRef bytes, llvm::StringRef what);

/// Bilinear resampling to another size, and grey from colours or colours from
/// grey; as floats, channels side by side.
std::vector<float> resample(const Image &image, size_t width, size_t height, size_t channels);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_IMAGE_H
