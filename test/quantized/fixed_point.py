"""What is scaled in fixed point, to the bit.

    test/quantized/fixed_point [--count N] [--seed S] [--board BOARD] [--target ROW]

Draws QDQ models of one layer (MatMul with one scale or one per column, with and without bias and Relu; a sum
of two tensors), compiles them for a machine that scales sums of integers in fixed point (a Cortex-M4 unless
told otherwise), and computes the same here: the sum of words * round(2^32 * scale), of bytes * 256 *
round(2^24 * scale), and of 2^31 (round half up), of which the upper word is taken; the zero point is added and
the result saturates. Results are equal, and at most one quantum from ONNX Runtime's.
Last line: "N passed, N failed, N skipped".
"""

import argparse
import os
import sys

import numpy

import shapes
from cases import Case, Draw

LIMIT = 1 << 31


def rescaled(total, kind, zero):
    """The upper words of `total`, 64-bit sums without rounding and zero point."""
    info = numpy.iinfo(kind)
    return numpy.clip(((total + LIMIT) >> 32) + int(zero), info.min, info.max).astype(kind)


def multiplier(scale, by, bits):
    return numpy.rint(numpy.ldexp((numpy.float32(scale) / numpy.float32(by)).astype(numpy.float64), bits)).astype(numpy.int64)


def product(draw, case):
    kind = draw.one(numpy.uint8, numpy.int8)
    rows, depth, columns = draw.size(12), draw.size(300), draw.size(40)
    per_column, bias, relu = draw.one(False, True), draw.one(False, True), draw.one(False, True)
    x_scale, x_zero = draw.scale(), draw.zero(kind)
    w = draw.integers(numpy.int8, (depth, columns))
    w_scale = draw.scales(columns) if per_column else draw.scale()
    y_scale, y_zero = numpy.float32(draw.rng.uniform(0.3, 1) * x_scale * numpy.sqrt(depth) * 74 * numpy.max(w_scale)), draw.zero(kind)
    if relu:
        y_zero = numpy.asarray(numpy.iinfo(kind).min, kind)
    name = case.input("x", draw.values(kind, (rows, depth)), shapes.RUNS)
    x = case.op("DequantizeLinear", [name, case.weight("xs", x_scale), case.weight("xz", x_zero)], "xd")
    zeros = numpy.zeros(numpy.shape(w_scale), numpy.int8)
    weight = case.op("DequantizeLinear", [case.weight("w", w), case.weight("ws", w_scale), case.weight("wz", zeros)], "wd", axis=1)
    y = case.op("MatMul", [x, weight], "y")
    units = (x_scale * w_scale).astype(numpy.float32)
    added = draw.rng.integers(-5000, 5000, columns).astype(numpy.int32) if bias else numpy.zeros(columns, numpy.int32)
    if bias:
        b = case.op("DequantizeLinear", [case.weight("b", added), case.weight("bs", units), case.weight("bz", numpy.zeros(numpy.shape(units), numpy.int32))], "bd", axis=0)
        y = case.op("Add", [y, b], "yb")
    if relu:
        y = case.op("Relu", [y], "yr")
    case.done(case.op("QuantizeLinear", [y, case.weight("qs", y_scale), case.weight("qz", y_zero)], "q"))
    factor = multiplier(units, y_scale, 32)
    sums = [(v.astype(numpy.int64) - int(x_zero)) @ w.astype(numpy.int64) + added for v in case.inputs[name]]
    return [rescaled(s * factor, kind, y_zero) for s in sums]


def both(draw, case):
    kind = draw.one(numpy.uint8, numpy.int8)
    shape = (draw.size(10), draw.size(50))
    y_scale, y_zero = draw.scale(0.01, 0.2), draw.zero(kind)
    total, terms = [0] * shapes.RUNS, []
    for side in "ac":
        scale, zero = draw.scale(), draw.zero(kind)
        name = case.input(side, draw.values(kind, shape), shapes.RUNS)
        terms.append(case.op("DequantizeLinear", [name, case.weight(side + "s", scale), case.weight(side + "z", zero)], side + "d"))
        factor = 256 * multiplier(scale, y_scale, 24)
        total = [t + (v.astype(numpy.int64) - int(zero)) * factor for t, v in zip(total, case.inputs[name])]
    y = case.op("Add", terms, "y")
    case.done(case.op("QuantizeLinear", [y, case.weight("qs", y_scale), case.weight("qz", y_zero)], "q"))
    return [rescaled(t, kind, y_zero) for t in total]


def main():
    parser = argparse.ArgumentParser(prog="test/quantized/fixed_point", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=12, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", metavar="ROW", help="instead of a board")
    parser.add_argument("--board", choices=sorted(shapes.firmware().BOARDS), default="mps2-an386")
    build = os.path.join(shapes.ROOT, "build")
    parser.add_argument("--work", default=os.path.join(build, "quantized", "fixed_point"))
    parser.add_argument("--onnx-compile", default=os.path.join(build, "bin", "onnx-compile"))
    parser.add_argument("--onnx-run", default=os.path.join(build, "bin", "onnx-run"))
    options = parser.parse_args()
    options.features = None
    if options.target:
        options.board = None
    options.runner = shapes.toolchains.runner(options.target)
    os.makedirs(options.work, exist_ok=True)
    if options.board:
        options.plugin = shapes.count_plugin(options.work)
    passed = failed = 0
    for kind in (product, both):
        for first in range(options.seed, options.seed + options.count, 6):
            chosen, wanted = [], {}
            for seed in range(first, min(first + 6, options.seed + options.count)):
                case = Case(f"{kind.__name__}_{seed}_")
                case.gelu = False
                exact = kind(Draw(numpy.random.default_rng([seed, len(kind.__name__)]), shapes.RUNS), case)
                runtime = shapes.reference(case)
                if isinstance(runtime, str):
                    raise SystemExit(f"{case.prefix}: ONNX Runtime says {runtime}")
                for want, near in zip(exact, runtime):
                    off = numpy.abs(want.astype(int) - near[case.outputs[0]].astype(int)).max(initial=0)
                    if off > 1:
                        raise SystemExit(f"{case.prefix}: the model of fixed point is {off} quanta from ONNX Runtime's result")
                chosen.append(case)
                wanted[case.prefix] = [{case.outputs[0]: want} for want in exact]
            for prefix, message in shapes.verdicts(options, chosen, wanted, os.path.join(options.work, "now")).items():
                passed += message is None
                failed += message is not None
                if message:
                    print(f"{prefix}: {message}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
