"""Bare-metal images on emulated boards: built, run, compared, counted.

    test/firmware/run [--board BOARD] [--filter PATTERN] [--json out.json]

For each board and each image: compiles the models for the board's row, links
them with the start-up code of this folder (no C library), runs 20 seeded
inputs under QEMU, and compares every output, the logits before a softmax
included, with ONNX Runtime: the largest error may be 1e-4 of the output's
scale. Prints flash, RAM and stack, and instructions per multiply-accumulate;
the stack may not be more than the models' headers say.
The image `conformance` holds a set of ONNX's backend tests side by side. Images
`+memory` have their arena in two memories of the board, those with `+weights` read
weights from files beside the code.
Models come from $ONNX_COMPILE_MODELS; what is not there is skipped.
"""

import argparse
import dataclasses
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TEST = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(TEST, "models"), os.path.join(TEST, "conformance")]

import numpy  # noqa: E402
import onnx  # noqa: E402
import onnx.numpy_helper  # noqa: E402
import onnx.shape_inference  # noqa: E402

import cases  # noqa: E402
import inputs as model_inputs  # noqa: E402

ROUNDS = 20
OF_SCALE = 1e-4
FLASH_LIMIT = 32 * 1024  # of an image, beyond its weights
STACK_SLACK = 128  # of the loop around the runs, and of memcpy
LIBRARY = re.compile(r"\blib(c|m|g|c_nano|g_nano|nosys|rdimon)\.a|\b(malloc|_malloc_r|printf|_sbrk)\b")


@dataclasses.dataclass(frozen=True)
class Board:
    row: str  # of the target table
    flags: tuple  # of the C compiler
    machine: str  # QEMU's
    script: str  # with the memories of the machine
    tested: bool = True  # by this command; bench/quantized counts on the others too


BOARDS = {
    "mps2-an386": Board("cortex-m4", ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"), "mps2-an386", "mps2-an386.ld"),
    "mps3-an547": Board("cortex-m55", ("-mcpu=cortex-m55", "-mfloat-abi=hard"), "mps3-an547", "mps3-an547.ld"),
    # The Cortex-M7's memories are where the Cortex-M4's are.
    "mps2-an500": Board("cortex-m7", ("-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard"), "mps2-an500", "mps2-an386.ld", False),
    # QEMU's board with a Cortex-M0 has 16 KB of RAM; a Cortex-M4 runs the same instructions.
    "cortex-m0": Board("cortex-m0", ("-mcpu=cortex-m0",), "mps2-an386", "mps2-an386.ld", False),
}
MODELS = ("mlperf_resnet8", "mlperf_vww96", "kws_fp32")
MEMORIES = {"fast": "16K", "slow": "1M"}
CONFORMANCE = """
    test_add_bcast test_argmax_default_axis_example test_averagepool_2d_pads_count_include_pad
    test_basic_conv_with_padding test_batchnorm_example test_cast_FLOAT16_to_FLOAT test_clip
    test_concat_2d_axis_1 test_depthtospace_example test_einsum_transpose test_erf test_exp
    test_gather_1 test_gelu_default_1 test_gemm_all_attributes test_layer_normalization_2d_axis1
    test_lstm_defaults test_matmul_3d test_maxpool_2d_pads test_mod_mixed_sign_int32
    test_pow test_quantizelinear test_reduce_mean_keepdims_example test_reduce_max_keepdims_example
    test_split_equal_parts_1d_opset13 test_softmax_large_number test_tanh test_lrn test_transpose_default test_where_example
""".split()


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{os.path.basename(command[0])}: exit {done.returncode}: {done.stdout.strip()[-800:]}")
    return done.stdout


def with_logits(path, to):
    """The model with the input of its closing Softmax as one more output."""
    model = onnx.load(path)
    last = model.graph.node[-1]
    if last.op_type == "Softmax":
        inferred = onnx.shape_inference.infer_shapes(model)
        logits = next(v for v in inferred.graph.value_info if v.name == last.input[0])
        model.graph.output.append(logits)
    onnx.save(model, to)
    return model


def multiply_accumulates(model):
    """MACs of Conv, Gemm and MatMul, from shapes alone."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    shape = {t.name: list(t.dims) for t in graph.initializer}
    for v in [*graph.value_info, *graph.input, *graph.output]:
        shape.setdefault(v.name, [d.dim_value for d in v.type.tensor_type.shape.dim])
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            total += int(numpy.prod(shape[node.output[0]]) * numpy.prod(shape[node.input[1]][1:]))
        elif node.op_type in ("Gemm", "MatMul"):
            a = shape[node.input[0]]
            transposed = any(x.name == "transA" and x.i for x in node.attribute)
            total += int(numpy.prod(shape[node.output[0]]) * a[-2 if transposed else -1])
    return total


class Image:
    """Models, their rounds of inputs and the outputs wanted."""

    def __init__(self, name):
        self.name = name
        self.models = []  # (prefix, path)
        self.rounds = []  # per round: arrays of all models' inputs in order
        self.wanted = []  # per round: [(label, array, rtol, atol)]
        self.macs = 0
        self.weights = False  # in a file of their own
        self.memories = {}  # of --memory, bytes by name, fastest first; the last one is slow


def network(name, path, folder):
    image = Image(name)
    altered = os.path.join(folder, name + ".onnx")
    model = with_logits(path, altered)
    image.macs = multiply_accumulates(model)
    image.models = [(name, altered)]
    with open(os.path.join(TEST, "models", "models.json")) as stream:
        row = next(r for r in json.load(stream)["models"] if r["name"] == name)
    types = {v.name: onnx.helper.tensor_dtype_to_np_dtype(v.type.tensor_type.elem_type) for v in model.graph.input}
    for i in range(ROUNDS):
        values = model_inputs.draw(row["inputs"], types, i)
        numpy.savez(os.path.join(folder, f"input_{i}.npz"), **values)
        image.rounds.append([values[v.name] for v in model.graph.input])
    run([sys.executable, os.path.join(TEST, "models", "reference.py"), altered, folder, str(ROUNDS)])
    for i in range(ROUNDS):
        with numpy.load(os.path.join(folder, f"reference_{i}.npz")) as data:
            image.wanted.append([
                (v.name, data[v.name], 0.0, OF_SCALE * float(numpy.abs(data[v.name]).max())) for v in model.graph.output
            ])
    return image


def conformance_image(work):
    """One round of many models; every one has inputs and outputs of fixed shape."""
    image = Image("conformance")
    cases.generate(work)
    inputs, wanted = [], []
    for test in CONFORMANCE:
        folder = os.path.join(work, "cases", test)
        path = os.path.join(folder, "model.onnx")
        image.models.append((test, path))
        graph = onnx.load(path).graph
        with open(os.path.join(folder, "data.json")) as stream:
            tolerance = json.load(stream)

        def read(kind, values):
            for i, value in enumerate(values):
                tensor = onnx.TensorProto()
                with open(os.path.join(folder, "test_data_set_0", f"{kind}_{i}.pb"), "rb") as data:
                    tensor.ParseFromString(data.read())
                yield value.name, onnx.numpy_helper.to_array(tensor)

        inputs += [array for _, array in read("input", graph.input)]
        wanted += [
            (f"{test}: {name}", array, tolerance["rtol"], tolerance["atol"]) for name, array in read("output", graph.output)
        ]
    image.rounds, image.wanted = [inputs], [wanted]
    return image


def build(options, board, image, folder):
    """The linked image; raises RuntimeError with the tool's words."""
    row, flags = BOARDS[board].row, BOARDS[board].flags
    objects, headers = [], []
    io = "arena" if image.macs else "caller"  # networks in the least memory, small tests the other way
    for prefix, path in image.models:
        run([options.onnx_compile, path, "-o", folder, f"--name={prefix}", f"--target={row}", f"--io={io}",
             "--emit=obj,header,report" + (",weights" if image.weights else ""),
             *(["--memory", ",".join(f"{name}={size}" for name, size in image.memories.items())] if image.memories else [])])
        objects.append(os.path.join(folder, prefix + ".o"))
        headers.append(prefix)
    values = [a for a in image.rounds[0]] + [w[1] for w in image.wanted[0]]
    io_bytes = sum((a.nbytes + 15) // 16 * 16 for a in values) if io == "caller" else 0
    upper = [h.upper() for h in headers]
    parts = [f"arena_{name}" for name in image.memories] or ["arena"]
    with open(os.path.join(folder, "image.h"), "w") as out:
        out.writelines(f'#include "{h}.h"\n' for h in headers)
        out.write("enum { MAX_PORTS = 16 };\n")
        for part in parts:  # of the arena, each shared by all models
            macro = f"{part.upper()}_BYTES"
            out.write("typedef union {\n" + "".join(f"  char of_{h}[{u}_{macro} + 1];\n" for h, u in zip(headers, upper)))
            out.write(f"}} {part}_for_any;\n")
        out.write(f"enum {{ PARTS = {len(parts)} }};\nextern const onnxc_region regions[PARTS], weights[];\n")
        out.write(f"extern _Alignas(16) uint8_t io[{max(io_bytes, 16)}];\n")
        out.write("extern const onnxc_model *(*const models[])(void);\n")
    with open(os.path.join(folder, "image.c"), "w") as out:
        out.write('#include "image.h"\n')
        for part in parts:
            slow = '__attribute__((section(".slow"))) ' if len(parts) > 1 and part == parts[-1] else ""
            out.write(f"{slow}static _Alignas(64) uint8_t {part}[sizeof({part}_for_any)];\n")
        out.write("const onnxc_region regions[PARTS] = {" + ", ".join(f"{{{part}, sizeof {part}}}" for part in parts) + "};\n")
        out.write(f"_Alignas(16) uint8_t io[{max(io_bytes, 16)}];\n")
        for h in headers if image.weights else []:
            out.write(f'__asm__(".section .rodata.onnxc,\\"a\\",%progbits\\n.balign 64\\n.global weights_of_{h}\\nweights_of_{h}:\\n'
                      f'.incbin \\"{os.path.join(folder, h)}.weights.bin\\"\\n.text\\n");\nextern uint8_t weights_of_{h}[];\n')
        out.write("const onnxc_region weights[] = {" + ", ".join(
            f"{{weights_of_{h}, {u}_WEIGHTS_BYTES}}" if image.weights else "{0, 0}" for h, u in zip(headers, upper)) + "};\n")
        out.write("const onnxc_model *(*const models[])(void) = {" + ", ".join(f"{h}_model" for h in headers) + ", 0};\n")
    elf = os.path.join(folder, "image.elf")
    sources = [os.path.join(HERE, f) for f in ("startup.c", "semihosting.c", "main.c")] + [os.path.join(folder, "image.c")]
    run(
        ["arm-none-eabi-gcc", *flags, "-mthumb", "-std=c11", "-ffreestanding", "-fno-builtin", "-O2", "-Wall", "-Wextra",
         "-Werror", "-fno-tree-loop-distribute-patterns", "-I", folder, "-I", HERE, "-I", os.path.join(ROOT, "runtime-lite", "include"),
         "-nostdlib", "-nostartfiles", "-Wl,--gc-sections", f"-Wl,-Map={elf}.map", "-L", HERE, "-T", BOARDS[board].script,
         *sources, *objects, "-lgcc", "-o", elf]
    )
    with open(elf + ".map") as stream:
        found = sorted({match.group(0) for match in LIBRARY.finditer(stream.read())})
    if found:
        raise RuntimeError(f"the link map names {', '.join(found)}: an image may hold no part of a C library")
    return elf


def memory(elf):
    """Bytes of flash, of the weights in it, and of RAM without the stack."""
    sizes = {}
    for line in run(["arm-none-eabi-size", "-A", elf]).splitlines():
        words = line.split()
        if len(words) == 3 and words[0].startswith("."):
            sizes[words[0]] = int(words[1])
    flash = sum(sizes.get(s, 0) for s in (".vectors", ".text", ".rodata", ".ARM.exidx", ".weights", ".data"))
    return flash, sizes.get(".weights", 0), sizes.get(".data", 0) + sizes.get(".bss", 0) + sizes.get(".slow", 0)


def execute(board, elf, folder, rounds, plugin, said=None):
    """(output bytes, instructions) of one start of the image; `said`: a list that takes what the plugin says."""
    with open(os.path.join(folder, "in.bin"), "wb") as out:
        out.write(numpy.uint32(len(rounds)).tobytes())
        for arrays in rounds:
            for array in arrays:
                out.write(numpy.ascontiguousarray(array).tobytes())
    text = run(
        ["qemu-system-arm", "-M", BOARDS[board].machine, "-kernel", elf, "-nographic", "-monitor", "none", "-serial", "none",
         "-semihosting-config", "enable=on,target=native", "-plugin", plugin],
        cwd=folder, stdin=subprocess.DEVNULL, timeout=600,
    )
    if said is not None:
        said.append(text)
    with open(os.path.join(folder, "out.bin"), "rb") as stream:
        return stream.read(), int(re.search(r"instructions (\d+)", text).group(1))


def stack_used(data):
    """Bytes of stack that an image touched, the last word of its output."""
    return int(numpy.frombuffer(data, numpy.uint32, 1, len(data) - 4)[0])


def stack_promised(image, folder):
    """The most stack of a run by the headers of all models."""
    bounds = []
    for prefix, _ in image.models:
        with open(os.path.join(folder, prefix + ".h")) as stream:
            bounds += map(int, re.findall(r"_STACK_BYTES (\d+)", stream.read()))
    if len(bounds) != len(image.models):
        raise RuntimeError(f"{len(image.models) - len(bounds)} headers say nothing of the stack")
    return max(bounds)


def check(image, data):
    """(worst share of the allowed error, message or None, distinct argmaxes of the first output)"""
    at, worst, classes = 0, 0.0, set()
    for wanted in image.wanted:
        for place, (label, want, rtol, atol) in enumerate(wanted):
            got = numpy.frombuffer(data, want.dtype, want.size, at).reshape(want.shape)
            at += want.nbytes
            if place == 0 and want.ndim:
                classes.add(int(got.argmax()))
            if want.dtype.kind != "f":
                if not numpy.array_equal(got, want):
                    return numpy.inf, f"{label}: {int((got != want).sum())} of {want.size} elements differ", classes
                continue
            with numpy.errstate(invalid="ignore"):  # infinities and NaNs are settled by `same`
                off = numpy.abs(got.astype(numpy.float64) - want)
            same = (got == want) | (numpy.isnan(got) & numpy.isnan(want))
            allowed = numpy.maximum(atol + rtol * numpy.abs(want), numpy.finfo(numpy.float32).tiny)
            share = float(numpy.where(same, 0, off / allowed).max(initial=0))
            if not share <= 1:
                return share, f"{label}: {share:.3g} of the allowed error, largest difference {off.max():.3g}", classes
            worst = max(worst, share)
    return worst, None, classes


def test(options, board, image, folder, plugin):
    elf = build(options, board, image, folder)
    data, instructions = execute(board, elf, folder, image.rounds, plugin)
    nothing, idle = execute(board, elf, folder, [], plugin)
    worst, message, classes = check(image, data)
    flash, weights, ram = memory(elf)
    stack, promised = stack_used(data), stack_promised(image, folder)
    outputs = image.wanted[0][0][1].size
    if not message and image.macs and outputs >= 10 and len(classes) < 3:
        message = f"only {len(classes)} different argmaxes: the inputs test too little"
    if not message and image.macs and flash - weights > FLASH_LIMIT:
        message = f"{flash - weights} bytes of flash beyond the weights (limit {FLASH_LIMIT})"
    if not message and stack > stack_used(nothing) + promised + STACK_SLACK:
        message = f"{stack} bytes of stack, {stack_used(nothing)} without a run; the headers say at most {promised}"
    each = (instructions - idle) / len(image.rounds)
    return {
        "board": board, "image": image.name, "status": "failed" if message else "passed", "message": message or "",
        "error": worst * OF_SCALE if image.macs else worst, "flash": flash, "weights": weights, "ram": ram, "stack": stack, "stack_promised": promised,
        "instructions": each, "macs": image.macs, "instructions_per_mac": each / image.macs if image.macs else None,
    }


def main():
    parser = argparse.ArgumentParser(
        prog="test/firmware/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tested = [name for name, board in BOARDS.items() if board.tested]
    parser.add_argument("--board", choices=tested)
    parser.add_argument("--filter", metavar="PATTERN")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--onnx-compile", default=os.path.join(ROOT, "build", "bin", "onnx-compile"))
    options = parser.parse_args()
    for program in ("arm-none-eabi-gcc", "qemu-system-arm"):
        if not shutil.which(program):
            print(f"firmware: {program} is missing; install gcc-arm-none-eabi and qemu-system-arm", file=sys.stderr)
            return 1
    work = os.path.join(ROOT, "build", "firmware")
    os.makedirs(work, exist_ok=True)
    plugin = os.path.join(work, "count.so")
    run(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", os.path.join(HERE, "count.c"), "-o", plugin])

    results, skipped = [], 0
    print(f"{'board':11} {'image':26} {'result':7} {'error':>8} {'flash':>8} {'weights':>8} {'beyond':>7} {'RAM':>8} "
          f"{'stack':>6} {'insns/MAC':>9}")
    for board in tested if not options.board else [options.board]:
        for name in (*MODELS, "kws_fp32+memory", "kws_fp32+weights", "conformance", "conformance+memory+weights"):
            if options.filter and not (options.filter in name or fnmatch.fnmatch(name, options.filter)):
                continue
            model, *more = name.split("+")
            path = os.path.join(os.environ.get("ONNX_COMPILE_MODELS", ""), model + ".onnx")
            if model in MODELS and not os.path.exists(path):
                skipped += 1
                print(f"{board:11} {name:26} skipped  not in $ONNX_COMPILE_MODELS", flush=True)
                continue
            folder = os.path.join(work, board, name)
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            try:
                image = network(model, path, folder) if model in MODELS else conformance_image(os.path.join(ROOT, "build", "conformance"))
                image.name, image.memories, image.weights = name, MEMORIES if "memory" in more else {}, "weights" in more
                result = test(options, board, image, folder, plugin)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                result = {"board": board, "image": name, "status": "failed", "message": str(error)}
            results.append(result)
            if "flash" in result:
                per_mac = "" if result["instructions_per_mac"] is None else f"{result['instructions_per_mac']:.2f}"
                print(f"{board:11} {name:26} {result['status']:7} {result['error']:8.1e} {result['flash']:8} {result['weights']:8} "
                      f"{result['flash'] - result['weights']:7} {result['ram']:8} {result['stack']:6} {per_mac:>9}  {result['message']}",
                      flush=True)
            else:
                print(f"{board:11} {name:26} failed   {result['message']}", flush=True)
    if options.json:
        with open(options.json, "w") as out:
            json.dump(results, out, indent=1)
    failed = sum(r["status"] != "passed" for r in results)
    print(f"{len(results) - failed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
