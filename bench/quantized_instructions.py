"""Instructions per multiply-add of quantised models on emulated targets.

Cortex-M: an image on QEMU's board (test/firmware). AArch64 and RISC-V: a program in QEMU's user mode
(bench/instructions). WebAssembly: code that counts itself (wasm_count.py). Multiply-adds come from the
float model's shapes. --kernels names the kernels that take most, for all but WebAssembly.
"""

import bisect
import collections
import json
import os
import re
import shutil
import subprocess
import sys

import numpy
import onnx

import common
import instructions
import wasm_count

TEST = os.path.join(common.ROOT, "test")
sys.path[:0] = [os.path.join(TEST, "quantized")]

import floats  # noqa: E402
import graph as graphs  # noqa: E402
import quantize as quantised  # noqa: E402
import steps  # noqa: E402

sys.path.insert(0, os.path.join(TEST, "firmware"))
import importlib.util  # noqa: E402

_spec = importlib.util.spec_from_file_location("firmware", os.path.join(TEST, "firmware", "run.py"))
firmware = importlib.util.module_from_spec(_spec)
sys.modules["firmware"] = firmware
_spec.loader.exec_module(firmware)

# target: (row, flags of onnx-compile, board or None)
TARGETS = {
    "cortex-m4": ("cortex-m4", [], "mps2-an386"),
    "cortex-m7": ("cortex-m7", [], "mps2-an500"),
    "cortex-m55": ("cortex-m55", [], "mps3-an547"),
    "cortex-m0": ("cortex-m0", [], "cortex-m0"),
    "riscv64": ("riscv64-linux", [], None),
    "wasm32-simd": ("wasm32-simd-wasi", [], None),
    "aarch64+dotprod": ("aarch64-linux", ["--features=+dotprod"], None),
    "aarch64+i8mm": ("aarch64-linux", ["--features=+dotprod,+i8mm"], None),
}
TINY_LIMITS = {"resnet8.edge": 1.4, "vww96.edge": 1.5, "dscnn.edge": 1.5, "autoencoder.edge": 1.5, "mobilenet_v2_035.edge": 1.7}
# target: {model: instructions per multiply-add wanted at most}
FIGURES = {
    "cortex-m4": TINY_LIMITS,
    "cortex-m7": TINY_LIMITS,
    "cortex-m55": dict.fromkeys(TINY_LIMITS, 0.20),
    "cortex-m0": {"resnet8.edge": 12},
    "riscv64": dict.fromkeys(TINY_LIMITS, 2.2),
    "wasm32-simd": dict.fromkeys(TINY_LIMITS, 0.30),
    "aarch64+dotprod": {"resnet50.qdq_s8": 0.085, "resnet50.qdq": 0.085},
    "aarch64+i8mm": {"resnet50.qdq_s8": 0.05, "resnet50.qdq": 0.05},
}
ROUNDS = 2


def multiply_adds(name):
    return graphs.multiply_adds(floats.find(name.split(".")[0], os.path.join(quantised.FOLDER, "float")))


def by_function(program, said):
    """{function: instructions} of what the plugin said with blocks=on."""
    listed = subprocess.run(["nm", "-n", program], check=True, stdout=subprocess.PIPE, text=True).stdout
    symbols = [(int(a, 16), name) for a, kind, name in (line.split() for line in listed.splitlines() if len(line.split()) == 3) if kind in "tT" and name[0] != "$"]
    starts = [a for a, _ in symbols]
    totals = collections.Counter()
    for address, count in re.findall(r"^block (\w+) (\d+)", said, re.M):
        at = bisect.bisect_right(starts, int(address, 16)) - 1
        totals[symbols[at][1] if at >= 0 else "?"] += int(count)
    return totals


def kernels(program, said, report, runs):
    """[(instructions of a run, kernel, nodes)], the most first."""
    with open(report) as stream:
        nodes = {k["name"]: k["nodes"] for k in json.load(stream)["kernels"]}
    return sorted(((count / runs, name, nodes.get(name, [])) for name, count in by_function(program, said).items()), reverse=True)


def on_board(options, target, name, path, folder):
    """Instructions of one run, and whether the outputs have ONNX Runtime's argmax."""
    _, _, board = TARGETS[target]
    session = steps.session(path)
    image = firmware.Image(name)
    image.macs, image.models = 1, [("m", path)]
    for seed in range(ROUNDS):
        feeds = quantised.draw(name, seed)
        image.rounds.append([feeds[v.name] for v in onnx.load(path).graph.input])
        wanted = zip(session.get_outputs(), session.run(None, feeds))
        image.wanted.append([(output.name, value, 0, 0) for output, value in wanted])
    elf = firmware.build(options, board, image, folder)
    said = []
    data, used = firmware.execute(board, elf, folder, image.rounds, options.plugin + options.blocks, said)
    _, idle = firmware.execute(board, elf, folder, [], options.plugin)
    if options.blocks:
        options.rows = kernels(elf, said[0], os.path.join(folder, "m.report.json"), ROUNDS)
    same, at = True, 0
    for ((_, want, _, _),) in image.wanted:
        got = numpy.frombuffer(data, want.dtype, want.size, at)
        at += want.nbytes
        same &= bool(want.reshape(-1)[got.argmax()] == want.max() or got[want.argmax()] == got.max())
    return (used - idle) / ROUNDS, same


def in_program(options, target, name, path, folder):
    options.target, flags, _ = TARGETS[target]
    if target.startswith("wasm"):
        trouble = common.compile_model(options, path, folder, ["--emit=asm,header", f"--target={options.target}", "--name=model", *flags])
        if trouble:
            raise RuntimeError(trouble)
        return wasm_count.count(folder, os.path.join(folder, "model.s")), None
    entry, _ = instructions.toolchains.toolchain(options.target)
    emulator = [word for word in entry[2] if word.startswith("qemu-")][:1]
    program, _ = instructions.build(options, entry[0], name, path, flags)
    said = []
    once, twice = (instructions.count(emulator, options.plugin + options.blocks, program, runs, said) for runs in (1, 2))
    if options.blocks:
        options.rows = kernels(program, said[0], common.artefact(os.path.dirname(program), ".report.json"), 1)
    return twice - once, None


def measure(options, target, name, limit):
    row = {"target": target, "model": name, "limit": limit}
    folder = os.path.join(options.work, "quantized", target, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        path = quantised.build(name)
        counter = on_board if TARGETS[target][2] else in_program
        row["instructions"], row["same_argmax"] = counter(options, target, name, path, folder)
        row["macs"] = multiply_adds(name)
        row["each"] = row["instructions"] / row["macs"]
    except (RuntimeError, SystemExit, OSError, floats.Missing) as error:
        row["failure"] = " ".join(str(error).split())[-250:]
    shutil.rmtree(folder, ignore_errors=True)
    return row


def main(arguments):
    parser = common.parser("quantized instructions", __doc__)
    parser.add_argument("--targets", default=",".join(TARGETS), metavar="a,b")
    parser.add_argument("--models", metavar="a,b", help="default: those with a figure for the target")
    parser.add_argument("--kernels", type=int, default=0, metavar="N", help="the N kernels that take most")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    options.blocks, options.rows = ",blocks=on" if options.kernels else "", []
    os.makedirs(options.work, exist_ok=True)
    options.plugin = instructions.build_plugin(options)
    rows = []
    print(f"{'target':16} {'model':24} {'instructions':>14} {'multiply-adds':>14} {'each':>8} {'wanted':>7}")
    for target in options.targets.split(","):
        if target not in TARGETS:
            parser.error(f"--targets: got {target}, wanted some of {', '.join(TARGETS)}")
        for name in options.models.split(",") if options.models else FIGURES[target]:
            row = measure(options, target, name, FIGURES[target].get(name))
            rows.append(row)
            top, options.rows = options.rows[:options.kernels], []
            if "failure" in row:
                print(f"{target:16} {name:24} failed: {row['failure']}", flush=True)
                continue
            wanted = "" if row["limit"] is None else f"{row['limit']:7.3f}"
            note = "" if row["limit"] is None or row["each"] <= row["limit"] else "  above"
            note += "  another argmax than ONNX Runtime's" if row["same_argmax"] is False else ""
            print(f"{target:16} {name:24} {row['instructions']:14,.0f} {row['macs']:14,} {row['each']:8.3f} {wanted}{note}", flush=True)
            for used, kernel, nodes in top:
                print(f"    {used:14,.0f} {100 * used / row['instructions']:5.1f} %  {kernel}  {', '.join(n[-40:] for n in nodes[:4])}", flush=True)
    common.write_json(options.json, rows)
    figures = [r for r in rows if r["limit"] is not None]
    reached = sum("failure" not in r and r["same_argmax"] is not False and r["each"] <= r["limit"] for r in figures)
    missed = len(figures) - reached
    print(f"{reached} of {len(figures)} figures reached")
    return 1 if missed else 0
