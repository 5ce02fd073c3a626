"""Models with ONNX Runtime's own operators (domain com.microsoft), as in cases.py."""

import numpy as np

from cases import case, data, node


def contrib(op, inputs, outputs, **attributes):
    return node(op, inputs, outputs, domain="com.microsoft", **attributes)


def quantized(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)


SCALES = {"s": np.array(0.05, np.float32), "z": np.array(120, np.uint8),
          "s2": np.array(0.08, np.float32), "z2": np.array(100, np.uint8)}

for op in ("QLinearAdd", "QLinearMul"):
    def quantized_binary(op=op):
        return ([contrib(op, ["a", "s", "z", "b", "s", "z", "s2", "z2"], ["y"])],
                {"a": quantized(3, 4), "b": quantized(3, 4, seed=1)}, SCALES, ["y"])

    quantized_binary.__name__ = op
    case([], [15])(quantized_binary)

for op, attributes in (("QLinearSigmoid", {}), ("QLinearLeakyRelu", {"alpha": 0.2}),
                       ("QLinearSoftmax", {"opset": 13, "axis": -1})):
    def quantized_unary(op=op, attributes=attributes):
        return [contrib(op, ["x", "s", "z", "s2", "z2"], ["y"], **attributes)], {"x": quantized(3, 4)}, SCALES, ["y"]

    quantized_unary.__name__ = op
    case([], [15])(quantized_unary)


@case([], [15])
def quantized_pools():
    return ([contrib("QLinearAveragePool", ["x", "s", "z", "s2", "z2"], ["a"], kernel_shape=[2, 2]),
             contrib("QLinearGlobalAveragePool", ["x", "s", "z", "s2", "z2"], ["b"])],
            {"x": quantized(1, 2, 4, 4)}, SCALES, ["a", "b"])


@case([], [15])
def quantized_concat():
    return ([contrib("QLinearConcat", ["s2", "z2", "x", "s", "z", "w", "s2", "z"], ["y"], axis=1)],
            {"x": quantized(2, 3), "w": quantized(2, 2, seed=1)}, SCALES, ["y"])


@case([], [15])
def gelus():
    return ([contrib("Gelu", ["x"], ["a"]), contrib("BiasGelu", ["x", "b"], ["c"]),
             contrib("FastGelu", ["x", "b"], ["d"]), contrib("QuickGelu", ["x"], ["e"], alpha=1.5)],
            {"x": data(3, 4)}, {"b": data(4, seed=1)}, ["a", "c", "d", "e"])


@case([], [15])
def fused_mat_mul():
    return ([contrib("FusedMatMul", ["a", "b"], ["y"], transA=1, transB=1, alpha=0.5)],
            {"a": data(2, 3, 4)}, {"b": data(2, 5, 3, seed=1)}, ["y"])


@case([], [15])
def skip_layer_norm():
    return ([contrib("SkipLayerNormalization", ["x", "k", "g", "b"], ["y"], epsilon=1e-5)],
            {"x": data(2, 3, 8), "k": data(2, 3, 8, seed=1)}, {"g": data(8, seed=2), "b": data(8, seed=3)}, ["y"])


@case([], [15])
def attention():
    return ([contrib("Attention", ["x", "w", "b"], ["y"], num_heads=2, unidirectional=1)],
            {"x": data(2, 3, 8)}, {"w": data(8, 24, seed=1), "b": data(24, seed=2)}, ["y"])


@case([], [15])
def quantized_where():
    return ([contrib("QLinearWhere", ["c", "a", "s", "z", "b", "s2", "z2", "s2", "z2"], ["y"])],
            {"c": data(3, 4) > 0, "a": quantized(3, 4), "b": quantized(3, 4, seed=1)}, SCALES, ["y"])


def reduced_means():
    nodes = [node("DequantizeLinear", ["x", "s", "z"], ["r"])]
    for name, attributes in (("y", dict(axes=[1], keepdims=0)), ("w", dict(axes=[0, 2], keepdims=1))):
        nodes += [node("ReduceMean", ["r"], ["m" + name], **attributes), node("QuantizeLinear", ["m" + name, "s2", "z2"], [name])]
    return nodes


# ONNX Runtime has this one on other devices only.
@case([], [15], same_as=(15, reduced_means))
def quantized_reduce_mean():
    return ([contrib("QLinearReduceMean", ["x", "s", "z", "s2", "z2"], ["y"], axes=[1], keepdims=0),
             contrib("QLinearReduceMean", ["x", "s", "z", "s2", "z2"], ["w"], axes=[0, 2], keepdims=1)],
            {"x": quantized(3, 4, 5)}, SCALES, ["y", "w"])


for opset, axis in ((11, {}), (11, {"axis": 1}), (11, {"axis": 2}), (13, {}), (13, {"axis": 1})):
    def quantized_softmax(opset=opset, axis=axis):
        scales = {"s": SCALES["s"], "z": SCALES["z"], "s2": np.array(1 / 256, np.float32), "z2": np.array(0, np.uint8)}
        return [contrib("QLinearSoftmax", ["x", "s", "z", "s2", "z2"], ["y"], opset=opset, **axis)], {"x": quantized(2, 3, 4)}, scales, ["y"]

    quantized_softmax.__name__ = f"quantized_softmax_{opset}_{axis.get('axis', 'default')}"
    case([], [15])(quantized_softmax)


def signed(*shape, seed=0):
    return np.random.default_rng(seed).integers(-127, 127, shape).astype(np.int8)


CONV = {"w": signed(4, 3, 3, 3, seed=5), "ws": data(4, seed=6, low=0.01, high=0.05), "wz": np.zeros(4, np.int8),
        "bias": np.array([100, -300, 0, 50], np.int32), "y_s": np.array(0.5, np.float32)}


@case([], [15])
def quantized_conv():
    return ([contrib("QLinearConv", ["x", "s", "z", "w", "ws", "wz", "y_s", "z2", "bias"], ["y"], pads=[1, 1, 1, 1], strides=[2, 1])],
            {"x": quantized(2, 3, 6, 7)}, SCALES | CONV, ["y"])


@case([], [15])
def quantized_conv_channels_last():
    return ([contrib("QLinearConv", ["x", "s", "z", "w", "ws", "wz", "y_s", "z2", "bias"], ["y"], pads=[1, 0, 1, 0], channels_last=1)],
            {"x": quantized(2, 6, 7, 3)}, SCALES | CONV, ["y"])


GEMM = {"b": signed(5, 4, seed=3), "bs": data(4, seed=4, low=0.01, high=0.05), "bz": np.array([1, -2, 0, 3], np.int8),
        "c": np.array([10, -20, 300, 0], np.int32), "y_s": np.array(0.25, np.float32)}


@case([], [15])
def quantized_gemm():
    return ([contrib("QGemm", ["a", "s", "z", "b", "bs", "bz", "c", "y_s", "z2"], ["y"], alpha=0.5)],
            {"a": quantized(3, 5)}, SCALES | GEMM, ["y"])


@case([], [15])
def quantized_gemm_to_float():
    more = {"bt": GEMM["b"].T.copy(), "b1": np.array(0.02, np.float32), "b0": np.array(2, np.int8)}
    return ([contrib("QGemm", ["a", "s", "z", "bt", "b1", "b0"], ["y"], transA=1, transB=1)],
            {"a": quantized(5, 3)}, SCALES | more, ["y"])


@case([], [15])
def mat_mul_integer_to_float():
    scale = {"a_s": np.array([0.03], np.float32), "bias": data(4, seed=9)}
    return ([contrib("MatMulIntegerToFloat", ["a", "b", "a_s", "bs", "z", "bz", "bias"], ["y"])],
            {"a": quantized(2, 3, 5)}, SCALES | GEMM | scale, ["y"])


@case([], [15])
def dynamic_quantize_mat_mul():
    return ([contrib("DynamicQuantizeMatMul", ["a", "b", "bs", "bz", "bias"], ["y"]),
             contrib("DynamicQuantizeMatMul", ["a", "b", "b1"], ["w"])],
            {"a": data(3, 5)}, GEMM | {"bias": data(4, seed=9), "b1": np.array(0.03, np.float32)}, ["y", "w"])


@case([], [15])
def linear_quantization():
    return ([contrib("QuantizeLinear", ["x", "s", "h"], ["q"]), contrib("DequantizeLinear", ["q", "s", "h"], ["y"]),
             contrib("QuantizeLinear", ["x", "per", "zs"], ["p"], axis=1), contrib("DequantizeLinear", ["p", "per", "zs"], ["r"], axis=1)],
            {"x": data(3, 4, seed=8)}, {"s": np.array(0.001, np.float32), "h": np.array(300, np.uint16),
                                        "per": data(4, seed=7, low=0.01, high=0.1), "zs": np.array([1, 2, -3, 0], np.int8)}, ["q", "y", "p", "r"])


@case([], [15])
def quantized_attention():
    return ([contrib("QAttention", ["x", "w", "b", "s", "ws", "", "z", "wz"], ["y"], num_heads=2)],
            {"x": quantized(2, 3, 8)}, SCALES | {"w": signed(8, 24, seed=1), "b": data(24, seed=2), "ws": np.array(0.01, np.float32), "wz": np.array(0, np.int8)}, ["y"])


@case([], [15])
def quantized_attention_with_past():
    return ([contrib("QAttention", ["x", "w", "b", "s", "ws", "", "z", "wz", "past"], ["y", "present"], num_heads=2, unidirectional=1)],
            {"x": quantized(2, 3, 8), "past": data(2, 2, 2, 4, 4, seed=3)},
            SCALES | {"w": signed(8, 24, seed=1), "b": data(24, seed=2), "ws": np.array(0.01, np.float32), "wz": np.array(0, np.int8)}, ["y", "present"])


for form in ("plain", "bidirectional", "reverse", "lengths", "peephole"):
    def dynamic_quantize_lstm(form=form):
        # One sequence: ONNX Runtime quantises the states of as many together as fall to a thread.
        steps, batch, size, hidden, directions = 5, 1, 6, 8, 2 if form in ("bidirectional", "lengths") else 1
        weights = {"w": signed(directions, size, 4 * hidden, seed=1), "r": signed(directions, hidden, 4 * hidden, seed=2),
                   "b": data(directions, 8 * hidden, seed=3), "ws": data(directions, 4 * hidden, seed=4, low=0.002, high=0.006),
                   "wz": np.zeros((directions, 4 * hidden), np.int8), "rs": data(directions, seed=5, low=0.002, high=0.006), "rz": np.zeros(directions, np.int8)}
        inputs, given = ["x", "w", "r", "b", "", "", "", "", "ws", "wz", "rs", "rz"], {"x": data(steps, batch, size)}
        if form == "lengths":
            weights["n"] = np.array([3], np.int32)
            given |= {"h": data(directions, batch, hidden, seed=6), "c": data(directions, batch, hidden, seed=7)}
            inputs[4:7] = ["n", "h", "c"]
        if form == "peephole":
            weights["p"] = data(directions, 3 * hidden, seed=8)
            inputs[7] = "p"
        direction = {"reverse": "reverse", "bidirectional": "bidirectional", "lengths": "bidirectional"}.get(form, "forward")
        return [contrib("DynamicQuantizeLSTM", inputs, ["y", "yh", "yc"], hidden_size=hidden, direction=direction)], given, weights, ["y", "yh", "yc"]

    dynamic_quantize_lstm.__name__ = f"dynamic_quantize_lstm_{form}"
    case([], [15])(dynamic_quantize_lstm)


for bits, zero, k in ((4, "none", 64), (4, "packed", 72), (4, "float", 64), (8, "none", 40), (8, "packed", 64), (2, "none", 64), (4, "groups", 64)):
    def mat_mul_n_bits(bits=bits, zero=zero, k=k):
        n, block = 6, 16 if bits != 2 else 32
        blocks = -(-k // block)
        weights = {"b": quantized(n, blocks, block * bits // 8, seed=1), "s": data(n * blocks, seed=2, low=0.01, high=0.1), "bias": data(n, seed=3)}
        inputs = ["x", "b", "s", "", "", "bias"]
        if zero == "packed":
            weights["z"] = quantized(n * -(-blocks * bits // 8), seed=4)
        if zero == "float":
            weights["z"] = data(n * blocks, seed=4, low=3, high=9)
        if zero == "groups":
            weights["g"] = np.random.default_rng(6).integers(0, blocks, k).astype(np.int32)
            inputs[4] = "g"
        if "z" in weights:
            inputs[3] = "z"
        return [contrib("MatMulNBits", inputs, ["y"], K=k, N=n, bits=bits, block_size=block)], {"x": data(2, 3, k)}, weights, ["y"]

    mat_mul_n_bits.__name__ = f"mat_mul_{bits}_bits_{zero}"
    case([], [15])(mat_mul_n_bits)


for kind in (0, 1):
    def mat_mul_bnb4(kind=kind):
        return ([contrib("MatMulBnb4", ["x", "b", "absmax"], ["y"], K=32, N=6, block_size=16, quant_type=kind)],
                {"x": data(3, 32)}, {"b": quantized(6 * 16, seed=1), "absmax": data(12, seed=2, low=0.1, high=1.0)}, ["y"])

    mat_mul_bnb4.__name__ = f"mat_mul_bnb4_{kind}"
    case([], [15])(mat_mul_bnb4)


for zero in (False, True):
    def gather_block_quantized(zero=zero):
        weights = {"d": quantized(9, 16, seed=1), "s": data(9, 2, seed=2, low=0.01, high=0.1)}
        if zero:
            weights["z"] = quantized(9, 1, seed=4)
        return ([contrib("GatherBlockQuantized", ["d", "i", "s"] + ["z"] * zero, ["y"], block_size=16, quantize_axis=1)],
                {"i": np.array([[1, 8, 0], [3, 3, 2]])}, weights, ["y"])

    gather_block_quantized.__name__ = "gather_block_quantized" + "_with_zeros" * zero
    case([], [15])(gather_block_quantized)


# ------------------------------------------------ what the optimisers fuse


@case([], [15])
def fused_conv():
    w = {"w": data(4, 3, 3, 3, seed=1), "b": data(4, seed=2)}
    nodes = [contrib("FusedConv", ["x", "w", "b"], [kind], activation=kind, pads=[1, 1, 1, 1], **more)
             for kind, more in (("Relu", {}), ("LeakyRelu", {"activation_params": [0.2]}), ("Clip", {"activation_params": [-1.0, 2.0]}),
                                ("HardSigmoid", {"activation_params": [0.3, 0.4]}), ("Tanh", {}))]
    nodes += [contrib("FusedConv", ["x", "w", "b", "z"], ["sum"], activation="Relu", pads=[1, 1, 1, 1])]
    return nodes, {"x": data(2, 3, 5, 6), "z": data(2, 4, 5, 6, seed=3)}, w, ["Relu", "LeakyRelu", "Clip", "HardSigmoid", "Tanh", "sum"]


@case([], [15])
def fused_gemm():
    return ([contrib("FusedGemm", ["a", "b", "c"], ["y"], activation="Relu", transB=1, alpha=0.5),
             contrib("FusedGemm", ["a", "b"], ["z"], activation="LeakyRelu", activation_alpha=0.3, transB=1)],
            {"a": data(3, 5)}, {"b": data(4, 5, seed=1), "c": data(4, seed=2)}, ["y", "z"])


@case([], [15])
def simplified_layer_norms():
    return ([node("SimplifiedLayerNormalization", ["x", "g"], ["a"], axis=-1, epsilon=1e-6),
             contrib("SkipSimplifiedLayerNormalization", ["x", "k", "g", "b"], ["y", "", "", "sum"], epsilon=1e-5)],
            {"x": data(2, 3, 8), "k": data(2, 3, 8, seed=1)}, {"g": data(8, seed=2), "b": data(8, seed=3)}, ["a", "y", "sum"])


@case([], [15])
def layer_norm_before_its_opset():
    return [node("LayerNormalization", ["x", "g", "b"], ["y"], axis=-1, epsilon=1e-6)], {"x": data(2, 3, 8)}, {"g": data(8, seed=2), "b": data(8, seed=3)}, ["y"]


# ONNX Runtime's Attention wants a mask with a row for each query.
@case([], [15], compiled_only=True)
def multi_head_attention_with_padding():
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)
    return ([contrib("MultiHeadAttention", ["q", "k", "v", "b", "m"], ["y"], num_heads=2)],
            {"q": data(2, 3, 8), "k": data(2, 5, 8, seed=1), "v": data(2, 5, 8, seed=2), "m": mask}, {"b": data(24, seed=6)}, ["y"])


@case([], [15])
def multi_head_attention():
    return ([contrib("MultiHeadAttention", ["q", "k", "v", "b", "", "a"], ["z"], num_heads=2, scale=0.3),
             contrib("MultiHeadAttention", ["q", "q", "q", "", "", "", "p", "r"], ["c", "pk", "pv"], num_heads=2, unidirectional=1)],
            {"q": data(2, 3, 8), "k": data(2, 5, 8, seed=1), "v": data(2, 5, 8, seed=2), "a": data(2, 2, 3, 5, seed=3),
             "p": data(2, 2, 4, 4, seed=4), "r": data(2, 2, 4, 4, seed=5)},
            {"b": data(24, seed=6)}, ["z", "c", "pk", "pv"])


def unpacked_attention():
    nodes = []
    for name, parts in (("p", 3), ("r", 2)):
        nodes += [node("Split", [name], [f"{name}{i}" for i in range(parts)], axis=3)]
        nodes += [node("Reshape", [f"{name}{i}", "three"], [f"{name}{i}r"]) for i in range(parts)]
    return nodes + [contrib("MultiHeadAttention", ["p0r", "p1r", "p2r"], ["y"], num_heads=2), contrib("MultiHeadAttention", ["q", "r0r", "r1r"], ["z"], num_heads=2),
                    contrib("MultiHeadAttention", ["q", "k", "v"], ["w"], num_heads=2)]


@case([], [15], same_as=(15, unpacked_attention))
def multi_head_attention_packed():
    return ([contrib("MultiHeadAttention", ["p"], ["y"], num_heads=2), contrib("MultiHeadAttention", ["q", "r"], ["z"], num_heads=2),
             contrib("MultiHeadAttention", ["q", "k", "v"], ["w"], num_heads=2)],
            {"p": data(2, 3, 2, 3, 4), "q": data(2, 3, 8, seed=1), "r": data(2, 5, 2, 2, 4, seed=2), "k": data(2, 2, 5, 4, seed=3), "v": data(2, 2, 5, 4, seed=4)},
            {"three": np.array([0, 0, 8])}, ["y", "z", "w"])


@case([], [15])
def rotary_embedding():
    angles = np.arange(10, dtype=np.float32)[:, None] * np.array([1, 0.1], np.float32)
    return ([contrib("RotaryEmbedding", ["x", "p", "c", "s"], ["y"]), contrib("RotaryEmbedding", ["x", "o", "c", "s"], ["z"], interleaved=1),
             contrib("RotaryEmbedding", ["h", "p", "c", "s"], ["w"])],
            {"x": data(2, 3, 8), "h": data(2, 2, 3, 4, seed=1), "p": np.array([[0, 1, 2], [4, 5, 6]]), "o": np.array([3])},
            {"c": np.cos(angles), "s": np.sin(angles)}, ["y", "z", "w"])


def group_query_attention(batch, length, past, last, room=None, packed=False, **attributes):
    """`past` keys in a cache of `room` places, none without a cache; `last`: position of the last key by row of the batch."""
    angles = np.arange(20, dtype=np.float32)[:, None] * (0.1 ** np.arange(8)).astype(np.float32)
    feeds = {"q": data(batch, length, 128 if packed else 64), "n": np.array(last, np.int32), "t": np.array(max(last) + 1, np.int32)}
    inputs = ["q", "", "", "", "", "n", "t", "c", "s"]
    if not packed:
        feeds |= {"k": data(batch, length, 32, seed=1), "v": data(batch, length, 32, seed=2)}
        inputs[1:3] = "k", "v"
    if past is not None:
        shape = (batch, 2, room or past, 16)
        feeds |= {"pk": data(*shape, seed=3), "pv": data(*shape, seed=4)}
        inputs[3:5] = "pk", "pv"
    # What lies in a cache behind the keys of a row is nobody's.
    full = len(set(last)) == 1 and not room
    return ([contrib("GroupQueryAttention", inputs, ["y", "k2", "v2"], num_heads=4, kv_num_heads=2, **attributes)],
            feeds, {"c": np.cos(angles), "s": np.sin(angles)}, ["y", "k2", "v2"] if full else ["y"])


for name, arguments in (("prompt", dict(batch=2, length=5, past=None, last=[4, 4])),
                        ("prompt_rotary", dict(batch=1, length=5, past=None, last=[4], do_rotary=1, packed=True)),
                        ("next", dict(batch=1, length=1, past=6, last=[6], do_rotary=1)),
                        ("next_window", dict(batch=1, length=1, past=6, last=[6], do_rotary=1, local_window_size=3)),
                        ("rows_of_a_batch", dict(batch=2, length=1, past=6, last=[4, 6], do_rotary=1)),
                        ("room", dict(batch=2, length=1, past=6, last=[4, 6], room=10, do_rotary=1)),
                        ("several", dict(batch=1, length=3, past=6, last=[8], do_rotary=1)),
                        ("capped", dict(batch=1, length=4, past=None, last=[3], softcap=5.0, scale=0.2, rotary_interleaved=1, do_rotary=1))):
    def grouped(arguments=arguments):
        return group_query_attention(**arguments)

    grouped.__name__ = "group_query_attention_" + name
    case([], [15])(grouped)
