// The families of lowerings; one register function per file of this folder.
#ifndef ONNXC_PASSES_LOWER_FAMILIES_H
#define ONNXC_PASSES_LOWER_FAMILIES_H

namespace onnxc::lower {
class Registry;
void registerElementwise(Registry &);    // Elementwise.cpp: unary, binary, compare, logical, Where, Clip, activations
void registerCast(Registry &);           // Cast.cpp: Cast, CastLike, BitCast
void registerQuantize(Registry &);       // Quantize.cpp: Quantize/DequantizeLinear, QLinear*, *Integer
void registerReduction(Registry &);      // Reduction.cpp: Reduce*, ArgMax/Min, CumSum, Softmax family, Hardmax
void registerNormalization(Registry &);  // Normalization.cpp
void registerMovement(Registry &);       // Movement.cpp: Transpose, Reshape, Expand, Tile, DepthToSpace, ... (calls registerSlicing)
void registerSlicing(Registry &);        // Slicing.cpp: Slice, Concat, Split, Pad
void registerShape(Registry &);          // Shape.cpp: Shape, Size, Range, ConstantOfShape, Constant, Identity, EyeLike, OneHot, Trilu
void registerIndexing(Registry &);       // Indexing.cpp: Gather*, ReverseSequence, Compress, NonZero (calls registerScatter)
void registerScatter(Registry &);        // Scatter.cpp: ScatterElements, ScatterND, TensorScatter
void registerSelection(Registry &);      // Selection.cpp: TopK, Unique (calls registerNonMaxSuppression)
void registerNonMaxSuppression(Registry &); // NonMaxSuppression.cpp
void registerConvolution(Registry &);    // Convolution.cpp: Conv, ConvTranspose, ConvInteger
void registerPooling(Registry &);        // Pooling.cpp
void registerMatmul(Registry &);         // Matmul.cpp: MatMul, Gemm, Einsum, Det
void registerResize(Registry &);         // Resize.cpp: Resize, GridSample, RoiAlign, DepthToSpace, ...
void registerRecurrent(Registry &);      // Recurrent.cpp: LSTM, GRU, RNN
void registerControlFlow(Registry &);    // ControlFlow.cpp: If, Loop, Scan
void registerSignal(Registry &);         // Signal.cpp: DFT, STFT, windows, MelWeightMatrix
} // namespace onnxc::lower

#endif
