"""Tiny models in old opsets, one or more for each opset adapter.

Each case is a function that returns (nodes, inputs, initializers, outputs):
inputs are name -> numpy array, initializers name -> array, outputs names. The
decorator says which adapter rows it is for ("Op/lastOldVersion") and in which
opsets it is built. Only opsets that ONNX Runtime still runs can be compared;
for the others the old form is built and the reference is computed from nodes
of a newer opset that mean the same: `same_as=(opset, function)`.
"""

import numpy as np
from onnx import TensorProto, helper

CASES = {}
COMPILED_ONLY = set()  # cases whose newest form ONNX Runtime does not run


def case(rows, opsets, same_as=None, compiled_only=False):
    def add(function):
        CASES[function.__name__] = (function, rows, opsets, same_as)
        if compiled_only:
            COMPILED_ONLY.add(function.__name__)
        return function

    return add


def data(*shape, seed=0, dtype=np.float32, low=-2.0, high=2.0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(dtype)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, name="n_" + outputs[0], **attributes)


# ---------------------------------------------------------------- elementwise


@case(["Clip/10"], [7, 10])
def clip_bounds():
    return [node("Clip", ["x"], ["y"], min=-0.5, max=1.0)], {"x": data(3, 4)}, {}, ["y"]


@case(["Clip/10"], [8])
def clip_one_bound():
    return [node("Clip", ["x"], ["y"], min=0.25)], {"x": data(3, 4)}, {}, ["y"]


@case(["Clip/10"], [9])
def clip_half():
    return [node("Clip", ["x"], ["y"], min=-0.5, max=0.75)], {"x": data(3, 4, dtype=np.float16)}, {}, ["y"]


@case(["Dropout/6"], [6], same_as=(7, lambda: [node("Identity", ["x"], ["y"])]))
def dropout_is_test():
    return [node("Dropout", ["x"], ["y"], is_test=1)], {"x": data(3, 4)}, {}, ["y"]


@case(["Dropout/9"], [7], same_as=(9, lambda: [
    node("Identity", ["x"], ["y"]), node("ConstantOfShape", ["s"], ["ones"], value=helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0])),
    node("Identity", ["ones"], ["m"])]))
def dropout_mask():
    # All ones: nothing is dropped at inference. The shape s is for the reference.
    return [node("Dropout", ["x"], ["y", "m"])], {"x": data(3, 4)}, {"s": np.array([3, 4], np.int64)}, ["y", "m"]


@case(["Dropout/11"], [7, 10])
def dropout():
    return [node("Dropout", ["x"], ["y"], ratio=0.3)], {"x": data(3, 4)}, {}, ["y"]


@case(["Cast/5"], [5], same_as=(11, lambda: [node("Cast", ["x"], ["y"], to=int(TensorProto.INT32))]))
def cast_name():
    return [node("Cast", ["x"], ["y"], to="INT32")], {"x": data(3, 4)}, {}, ["y"]


@case(["Selu/5"], [6, 7])
def selu():
    return [node("Selu", ["x"], ["y"])], {"x": data(3, 4)}, {}, ["y"]


@case(["PRelu/6"], [6], same_as=(11, lambda: [
    node("Unsqueeze", ["s"], ["s3"], axes=[1, 2]), node("PRelu", ["x", "s3"], ["y"])]))
def prelu_channels():
    return [node("PRelu", ["x", "s"], ["y"])], {"x": data(2, 3, 4, 4)}, {"s": data(3, seed=1)}, ["y"]


@case(["PRelu/6"], [7])
def prelu_new():
    return [node("PRelu", ["x", "s"], ["y"])], {"x": data(2, 3, 4, 4)}, {"s": data(3, 1, 1, seed=1)}, ["y"]


# --------------------------------------------------------------------- legacy


@case(["Add/5", "Add/6"], [6], same_as=(11, lambda: [
    node("Unsqueeze", ["b"], ["b3"], axes=[1, 2]), node("Add", ["x", "b3"], ["y"])]))
def add_axis():
    return [node("Add", ["x", "b"], ["y"], broadcast=1, axis=1)], {"x": data(2, 3, 4, 5)}, {"b": data(3, seed=1)}, ["y"]


@case(["Mul/6"], [6], same_as=(11, lambda: [node("Mul", ["x", "b"], ["y"])]))
def mul_broadcast():
    return [node("Mul", ["x", "b"], ["y"], broadcast=1)], {"x": data(2, 3, 4)}, {"b": data(3, 4, seed=1)}, ["y"]


@case(["Gemm/6"], [6], same_as=(11, lambda: [node("Gemm", ["a", "b", "c"], ["y"])]))
def gemm_broadcast():
    return ([node("Gemm", ["a", "b", "c"], ["y"], broadcast=1)], {"a": data(2, 3)},
            {"b": data(3, 4, seed=1), "c": data(4, seed=2)}, ["y"])


@case(["Relu/5"], [5], same_as=(11, lambda: [node("Relu", ["x"], ["y"])]))
def consumed_inputs():
    return [node("Relu", ["x"], ["y"], consumed_inputs=[0])], {"x": data(3, 4)}, {}, ["y"]


@case(["Concat/3"], [3], same_as=(11, lambda: [node("Concat", ["x", "z"], ["y"], axis=1)]))
def concat_default_axis():
    return [node("Concat", ["x", "z"], ["y"])], {"x": data(2, 3), "z": data(2, 2, seed=1)}, {}, ["y"]


# -------------------------------------------------------------- normalization


def batch_norm_arrays():
    return {"s": data(3, seed=1), "b": data(3, seed=2), "m": data(3, seed=3),
            "v": data(3, seed=4, low=0.5)}


@case(["BatchNormalization/8", "BatchNormalization/13"], [7, 8, 9, 13])
def batch_norm():
    return ([node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], epsilon=1e-3)],
            {"x": data(2, 3, 4, 4)}, batch_norm_arrays(), ["y"])


@case(["BatchNormalization/8"], [7])
def batch_norm_spatial():
    return ([node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], spatial=1)],
            {"x": data(2, 3, 4, 4)}, batch_norm_arrays(), ["y"])


@case(["BatchNormalization/6"], [6], same_as=(11, lambda: [
    node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"])]))
def batch_norm_is_test():
    return ([node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], is_test=1)],
            {"x": data(2, 3, 4, 4)}, batch_norm_arrays(), ["y"])


@case(["GroupNormalization/20"], [18], same_as=(21, lambda: [
    node("Constant", [], ["g"], value_ints=[2, 2]), node("Constant", [], ["flat"], value_ints=[-1]),
    node("Unsqueeze", ["s", "one"], ["s1"]), node("Expand", ["s1", "g"], ["s2"]), node("Reshape", ["s2", "flat"], ["s4"]),
    node("Unsqueeze", ["b", "one"], ["b1"]), node("Expand", ["b1", "g"], ["b2"]), node("Reshape", ["b2", "flat"], ["b4"]),
    node("GroupNormalization", ["x", "s4", "b4"], ["y"], num_groups=2)]))
def group_norm():
    return ([node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=2)],
            {"x": data(2, 4, 3, 3)}, {"s": data(2, seed=1), "b": data(2, seed=2), "one": np.array([1], np.int64)}, ["y"])


@case(["Softmax/12"], [7, 11])
def softmax_default():
    return [node("Softmax", ["x"], ["y"])], {"x": data(2, 3, 4)}, {}, ["y"]


@case(["Softmax/12"], [7, 12])
def softmax_last():
    return [node("Softmax", ["x"], ["y"], axis=2)], {"x": data(2, 3, 4)}, {}, ["y"]


@case(["LogSoftmax/12"], [7, 11])
def log_softmax():
    return [node("LogSoftmax", ["x"], ["y"], axis=1)], {"x": data(2, 3, 4)}, {}, ["y"]


@case(["Hardmax/12"], [7, 11])
def hardmax():
    return [node("Hardmax", ["x"], ["y"], axis=1)], {"x": data(2, 3, 4)}, {}, ["y"]


@case(["Softmax/12"], [11])
def softmax_negative():
    return [node("Softmax", ["x"], ["y"], axis=-2)], {"x": data(2, 3, 4)}, {}, ["y"]


# ------------------------------------------------------------------ reduction

for op in ("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
           "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"):
    def reduce_axes(op=op):
        return [node(op, ["x"], ["y"], axes=[0, 2], keepdims=0)], {"x": data(2, 3, 4, low=0.5)}, {}, ["y"]

    def reduce_all(op=op):
        return [node(op, ["x"], ["y"])], {"x": data(2, 3, low=0.5)}, {}, ["y"]

    row = f"{op}/{12 if op == 'ReduceSum' else 17}"
    reduce_axes.__name__ = f"{op}_axes"
    reduce_all.__name__ = f"{op}_all"
    case([row], [7, 11, 12 if op == "ReduceSum" else 13])(reduce_axes)
    case([row], [7])(reduce_all)


@case(["TopK/9"], [7, 9])
def top_k():
    return [node("TopK", ["x"], ["y", "i"], k=2, axis=1)], {"x": data(3, 5)}, {}, ["y", "i"]


@case([], [10])
def top_k_input():
    return [node("TopK", ["x", "k"], ["y", "i"], axis=1)], {"x": data(3, 5)}, {"k": np.array([2], np.int64)}, ["y", "i"]


# --------------------------------------------------------------------- resize


@case(["Upsample/8", "Upsample/9", "Resize/10"], [7, 8])
def upsample_nearest():
    return [node("Upsample", ["x"], ["y"], scales=[1.0, 1.0, 2.0, 3.0])], {"x": data(1, 2, 3, 4)}, {}, ["y"]


@case(["Upsample/8"], [7])
def upsample_linear():
    return ([node("Upsample", ["x"], ["y"], mode="linear", scales=[1.0, 1.0, 2.0, 2.0])],
            {"x": data(1, 2, 3, 4)}, {}, ["y"])


@case(["Upsample/9", "Resize/10"], [9])
def upsample_input():
    return ([node("Upsample", ["x", "s"], ["y"])], {"x": data(1, 2, 3, 4)},
            {"s": np.array([1, 1, 1.5, 2], np.float32)}, ["y"])


@case(["Upsample/6"], [6], same_as=(7, lambda: [node("Upsample", ["x"], ["y"], scales=[1.0, 1.0, 2.0, 2.0])]))
def upsample_two_scales():
    # Never a released form in ONNX Runtime; opset 7 says the same.
    return ([node("Upsample", ["x"], ["y"], height_scale=2.0, width_scale=2.0)],
            {"x": data(1, 2, 3, 4)}, {}, ["y"])


@case(["Resize/10"], [10])
def resize10_nearest():
    return ([node("Resize", ["x", "s"], ["y"], mode="nearest")], {"x": data(1, 2, 3, 4)},
            {"s": np.array([1, 1, 2, 2], np.float32)}, ["y"])


@case(["Resize/10"], [10])
def resize10_shrink():
    return ([node("Resize", ["x", "s"], ["y"], mode="nearest")], {"x": data(1, 2, 6, 7)},
            {"s": np.array([1, 1, 0.6, 0.5], np.float32)}, ["y"])


@case(["Resize/10"], [10])
def resize10_linear():
    return ([node("Resize", ["x", "s"], ["y"], mode="linear")], {"x": data(1, 2, 3, 4)},
            {"s": np.array([1, 1, 2, 1.5], np.float32)}, ["y"])


@case(["Resize/12"], [11, 12])
def resize_half_pixel_for_nn():
    return ([node("Resize", ["x", "r", "s"], ["y"], mode="nearest", nearest_mode="floor",
                  coordinate_transformation_mode="tf_half_pixel_for_nn")], {"x": data(1, 2, 5, 4)},
            {"r": np.array([], np.float32), "s": np.array([1, 1, 2, 0.7], np.float32)}, ["y"])


@case(["Resize/18"], [11, 13])
def resize_empty_inputs():
    return ([node("Resize", ["x", "r", "e", "z"], ["y"], mode="linear")], {"x": data(1, 2, 3, 4)},
            {"r": np.array([], np.float32), "e": np.array([], np.float32),
             "z": np.array([1, 2, 5, 8], np.int64)}, ["y"])


@case(["GridSample/19"], [16])
def grid_sample():
    return ([node("GridSample", ["x", "g"], ["y"], mode="bilinear")],
            {"x": data(1, 2, 4, 4), "g": data(1, 3, 3, 2, seed=1, low=-1, high=1)}, {}, ["y"])


@case(["GridSample/19"], [16])
def grid_sample_cubic():
    return ([node("GridSample", ["x", "g"], ["y"], mode="bicubic")],
            {"x": data(1, 2, 4, 4), "g": data(1, 3, 3, 2, seed=1, low=-0.8, high=0.8)}, {}, ["y"])


@case(["RoiAlign/15"], [10, 15])
def roi_align():
    return ([node("RoiAlign", ["x", "r", "b"], ["y"], output_height=3, output_width=3, sampling_ratio=2)],
            {"x": data(1, 2, 8, 8)},
            {"r": np.array([[0, 0, 5, 5], [1, 2, 6, 7]], np.float32), "b": np.array([0, 0], np.int64)}, ["y"])


# ---------------------------------------------------------------------- shape


@case(["Slice/9"], [7, 9])
def slice_attributes():
    return ([node("Slice", ["x"], ["y"], starts=[1, -3], ends=[3, 100], axes=[0, 2])],
            {"x": data(4, 3, 5)}, {}, ["y"])


@case(["Slice/9"], [7])
def slice_no_axes():
    return [node("Slice", ["x"], ["y"], starts=[1, 0], ends=[3, 2])], {"x": data(4, 3, 5)}, {}, ["y"]


@case(["Pad/10"], [7, 10])
def pad_constant():
    return [node("Pad", ["x"], ["y"], pads=[0, 1, 2, 0], value=1.5)], {"x": data(3, 4)}, {}, ["y"]


@case(["Pad/10"], [7])
def pad_reflect():
    return [node("Pad", ["x"], ["y"], pads=[1, 1, 1, 1], mode="reflect")], {"x": data(3, 4)}, {}, ["y"]


@case(["Pad/1"], [1], same_as=(7, lambda: [node("Pad", ["x"], ["y"], pads=[0, 1, 2, 0], value=0.5)]))
def pad_paddings():
    return [node("Pad", ["x"], ["y"], paddings=[0, 1, 2, 0], value=0.5)], {"x": data(3, 4)}, {}, ["y"]


@case(["Squeeze/12"], [7, 11])
def squeeze():
    return [node("Squeeze", ["x"], ["y"], axes=[0, 2])], {"x": data(1, 3, 1, 4)}, {}, ["y"]


@case(["Unsqueeze/12"], [7, 11])
def unsqueeze():
    return [node("Unsqueeze", ["x"], ["y"], axes=[0, 3])], {"x": data(3, 4)}, {}, ["y"]


@case(["Split/12", "Split/17"], [7, 11])
def split_sizes():
    return [node("Split", ["x"], ["a", "b"], axis=1, split=[1, 4])], {"x": data(3, 5)}, {}, ["a", "b"]


@case(["Split/17"], [7, 11, 13])
def split_equal():
    return [node("Split", ["x"], ["a", "b", "c"], axis=1)], {"x": data(3, 6)}, {}, ["a", "b", "c"]


@case(["Split/1"], [1], same_as=(11, lambda: [node("Split", ["x"], ["a", "b"], axis=1, split=[1, 4])]))
def split_input():
    return ([node("Split", ["x", "s"], ["a", "b"], axis=1)], {"x": data(3, 5)},
            {"s": np.array([1, 4], np.float32)}, ["a", "b"])


@case(["Reshape/4"], [4], same_as=(11, lambda: [
    node("Flatten", ["x"], ["y"], axis=1)]))
def reshape_attribute():
    return [node("Reshape", ["x"], ["y"], shape=[2, -1])], {"x": data(2, 3, 4)}, {}, ["y"]


@case(["Tile/5"], [5], same_as=(11, lambda: [node("Concat", ["x", "x", "x"], ["y"], axis=1)]))
def tile_axis():
    return ([node("Tile", ["x", "t", "a"], ["y"])], {"x": data(2, 3)},
            {"t": np.array([3], np.float32), "a": np.array([1], np.float32)}, ["y"])


@case(["Scatter/10"], [9, 10])
def scatter():
    return ([node("Scatter", ["x", "i", "u"], ["y"], axis=1)], {"x": data(2, 5)},
            {"i": np.array([[1, 3], [0, 4]], np.int64), "u": data(2, 2, seed=1)}, ["y"])


@case(["DFT/19"], [17])
def dft():
    return [node("DFT", ["x"], ["y"], axis=1)], {"x": data(1, 8, 4, 1)}, {}, ["y"]


@case(["Scan/8"], [8])
def scan_batch():
    body = helper.make_graph(
        [node("Add", ["s", "e"], ["sum"]), node("Mul", ["sum", "e"], ["out"])], "body",
        [helper.make_tensor_value_info("s", TensorProto.FLOAT, [2]),
         helper.make_tensor_value_info("e", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [2]),
         helper.make_tensor_value_info("out", TensorProto.FLOAT, [2])])
    return ([node("Scan", ["", "i", "x"], ["f", "y"], num_scan_inputs=1, body=body)],
            {"i": data(3, 2), "x": data(3, 4, 2, seed=1)}, {}, ["f", "y"])


# ------------------------------------------ forms that need no row, as a guard


@case([], [7, 10, 11])
def pools():
    return ([node("MaxPool", ["x"], ["a"], kernel_shape=[2, 2], strides=[2, 2]),
             node("AveragePool", ["x"], ["b"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])],
            {"x": data(1, 2, 6, 6)}, {}, ["a", "b"])


def recurrent(op, gates, outputs):
    row, sizes = f"{op}/6", {"w": data(1, gates * 3, 5, seed=1), "r": data(1, gates * 3, 3, seed=2)}

    @case([row], [6], same_as=(7, lambda: [node(op, ["x", "w", "r"], outputs, hidden_size=3)]))
    def output_sequence():
        return [node(op, ["x", "w", "r"], outputs, hidden_size=3, output_sequence=1)], {"x": data(4, 2, 5)}, sizes, outputs

    CASES[op.lower() + "_output_sequence"] = CASES.pop("output_sequence")


recurrent("LSTM", 4, ["y", "h", "c"])
recurrent("GRU", 3, ["y", "h"])
recurrent("RNN", 1, ["y", "h"])


@case(["LpPool/1"], [1], same_as=(7, lambda: [node("LpPool", ["x"], ["y"], kernel_shape=[2, 2], p=2)]))
def lp_pool_float_order():
    return [node("LpPool", ["x"], ["y"], kernel_shape=[2, 2], p=2.0)], {"x": data(1, 2, 4, 4)}, {}, ["y"]


@case(["GlobalLpPool/1"], [1], same_as=(7, lambda: [node("GlobalLpPool", ["x"], ["y"], p=2)]))
def global_lp_pool_float_order():
    return [node("GlobalLpPool", ["x"], ["y"], p=2.0)], {"x": data(1, 2, 4, 4)}, {}, ["y"]


@case([], [7])
def lstm():
    return ([node("LSTM", ["x", "w", "r"], ["y", "h", "c"], hidden_size=3)], {"x": data(4, 2, 5)},
            {"w": data(1, 12, 5, seed=1), "r": data(1, 12, 3, seed=2)}, ["y", "h", "c"])


@case([], [7])
def gru():
    return ([node("GRU", ["x", "w", "r"], ["y", "h"], hidden_size=3)], {"x": data(4, 2, 5)},
            {"w": data(1, 9, 5, seed=1), "r": data(1, 9, 3, seed=2)}, ["y", "h"])


@case([], [10, 13])
def quantize():
    return ([node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["y"])],
            {"x": data(3, 4)}, {"s": np.array(0.02, np.float32), "z": np.array(3, np.uint8)}, ["y"])


@case([], [9])
def one_hot():
    return ([node("OneHot", ["x", "d", "v"], ["y"])], {"x": np.array([0, 2, 1], np.int64)},
            {"d": np.array(3, np.int64), "v": np.array([0, 1], np.float32)}, ["y"])


@case([], [9])
def constant_of_shape():
    value = helper.make_tensor("v", TensorProto.FLOAT, [1], [2.5])
    return ([node("ConstantOfShape", ["s"], ["c"], value=value), node("Add", ["x", "c"], ["y"])],
            {"x": data(2, 3)}, {"s": np.array([2, 3], np.int64)}, ["y"])


@case(["Squeeze/12", "Softmax/12"], [11])
def if_bodies():
    out = [helper.make_tensor_value_info("o", TensorProto.FLOAT, None)]
    then = helper.make_graph([node("Softmax", ["x"], ["t"], axis=1), node("Squeeze", ["t"], ["o"], axes=[0])], "then", [], out)
    other = helper.make_graph([node("Squeeze", ["x"], ["o"], axes=[0])], "else", [], out)
    return ([node("If", ["c"], ["y"], then_branch=then, else_branch=other)],
            {"x": data(1, 3, 4), "c": np.array(True)}, {}, ["y"])


@case(["Unsqueeze/12"], [11])
def loop_body():
    body = helper.make_graph(
        [node("Unsqueeze", ["i"], ["u"], axes=[0]), node("Cast", ["u"], ["f"], to=int(TensorProto.FLOAT)),
         node("Add", ["a", "f"], ["b"]), node("Identity", ["k"], ["k2"])], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("k", TensorProto.BOOL, []),
         helper.make_tensor_value_info("a", TensorProto.FLOAT, [3])],
        [helper.make_tensor_value_info("k2", TensorProto.BOOL, []),
         helper.make_tensor_value_info("b", TensorProto.FLOAT, [3])])
    return ([node("Loop", ["m", "", "x"], ["y"], body=body)], {"x": data(3)},
            {"m": np.array(4, np.int64)}, ["y"])


# --------------------------------------------------------------------- images


def affine_grid(align_corners, sizes):
    nodes, inputs, initializers, outputs = [], {}, {}, []
    for i, (n, *image) in enumerate(sizes):
        inputs[f"x{i}"] = data(n, len(image), len(image) + 1, seed=i)
        initializers[f"s{i}"] = np.array([n, 2, *image])
        nodes.append(node("AffineGrid", [f"x{i}", f"s{i}"], [f"y{i}"], align_corners=align_corners))
        outputs.append(f"y{i}")
    return nodes, inputs, initializers, outputs


@case([], [20])
def affine_grid_of_pixels():
    return affine_grid(0, [(1, 4, 5), (3, 5, 2), (1, 3, 4, 5), (2, 1, 7)])


@case([], [20])
def affine_grid_of_corners():
    return affine_grid(1, [(1, 4, 5), (3, 5, 2), (2, 3, 4, 5)])


@case([], [11])
def output_shape_below_input():
    return ([node("ConvTranspose", ["x", "w"], ["y"], output_shape=[29, 33]),
             node("ConvTranspose", ["x", "w"], ["z"], output_shape=[57, 33], strides=[2, 1], auto_pad="SAME_UPPER")],
            {"x": data(1, 2, 30, 34)}, {"w": data(2, 2, 3, 3, seed=1)}, ["y", "z"])


# ------------------------------------------------------------- classic learning


def learning(op, inputs, outputs, **attributes):
    return node(op, inputs, outputs, domain="ai.onnx.ml", **attributes)


@case([], [15])
def ml_scaler():
    return ([learning("Scaler", ["x"], ["y"], offset=[0.5, 1.0, -1.0, 0.0], scale=[2.0, 0.5, 1.0, 4.0]),
             learning("Scaler", ["x"], ["z"], offset=[0.25], scale=[3.0])], {"x": data(3, 4)}, {}, ["y", "z"])


@case([], [15])
def ml_imputer():
    x = data(3, 2)
    x[1] = np.nan
    return ([learning("Imputer", ["x"], ["y"], imputed_value_floats=[7.0, 8.0], replaced_value_float=float("nan")),
             learning("Imputer", ["i"], ["j"], imputed_value_int64s=[5], replaced_value_int64=1)],
            {"x": x, "i": np.array([[1, 2], [3, 1]])}, {}, ["y", "j"])


@case([], [15])
def ml_normalizer():
    x = data(3, 4, low=0.1)
    x[1] = 0
    return ([learning("Normalizer", ["x"], [norm], norm=norm) for norm in ("MAX", "L1", "L2")],
            {"x": x}, {}, ["MAX", "L1", "L2"])


@case([], [15])
def ml_feature_vectorizer():
    return ([learning("FeatureVectorizer", ["a", "b"], ["y"], inputdimensions=[2, 3])],
            {"a": data(4, 2), "b": data(4, 3, seed=1)}, {}, ["y"])


@case([], [15])
def ml_linear_regressor():
    return ([learning("LinearRegressor", ["x"], ["y"], targets=2, coefficients=[0.5, 1.0, -1.0, 2.0, 0.25, -0.5],
                      intercepts=[1.0, -2.0])], {"x": data(4, 3)}, {}, ["y"])


@case([], [15])
def ml_label_encoder():
    return ([learning("LabelEncoder", ["i"], ["a"], keys_int64s=[3, 1, 7], values_floats=[0.5, 1.5, 2.5], default_float=-1.0),
             learning("LabelEncoder", ["x"], ["b"], keys_floats=[0.5, float("nan")], values_int64s=[10, 20])],
            {"i": np.array([[1, 2, 3], [7, 3, 0]]), "x": np.array([0.5, np.nan, 4], np.float32)}, {}, ["a", "b"])


@case([], [15])
def tf_idf_weights():
    pool = dict(min_gram_length=1, max_gram_length=2, max_skip_count=1, ngram_counts=[0, 2],
                ngram_indexes=[3, 0, 1, 2], pool_int64s=[2, 3, 5, 4, 3, 2])
    return ([node("TfIdfVectorizer", ["x"], [mode], mode=mode, weights=[0.5, 2.0, 3.0, 0.25], **pool)
             for mode in ("TF", "IDF", "TFIDF")],
            {"x": np.array([[2, 5, 4, 3, 3, 2], [5, 0, 4, 3, 9, 2]])}, {}, ["TF", "IDF", "TFIDF"])
