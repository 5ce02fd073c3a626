"""Times on this machine: our fp32 over our int8, and ONNX Runtime's int8 over ours.

One thread each, pinned to the same core and taking turns (bench/run); medians. ONNX Runtime has all
optimisations on. The float model is the one that was quantised.
"""

import math
import os
import shutil
import statistics
import sys
import time

import numpy

import common
import speed

sys.path.insert(0, os.path.join(common.ROOT, "test", "quantized"))

import floats  # noqa: E402
import quantize  # noqa: E402

MODELS = ("resnet50.qdq", "mobilenet_v2.qdq", "mobilenet_v3_large.qdq", "efficientnet_b0.qdq", "bert_base.qdq", "bert_base.dynamic")
OWN, MEAN, WORST = 3.4, 1.25, 1.0  # wanted: fp32 / int8 of resnet50; ONNX Runtime / ours


def measure(options, name):
    network = name.split(".")[0]
    path = quantize.build(name)
    folder = os.path.join(options.work, "quantized", "speed", name)
    shutil.rmtree(folder, ignore_errors=True)
    feeds, files = quantize.draw(name, 0), {"int8": path, "float": floats.find(network, os.path.join(quantize.FOLDER, "float"))}
    sides, libraries = {}, {}
    for kind, file in files.items():
        os.makedirs(os.path.join(folder, kind))
        numpy.savez(os.path.join(folder, kind, "inputs.npz"), **feeds)
        libraries[kind], _ = speed.compile_model(options, file, os.path.join(folder, kind))
    cores = ",".join(map(str, options.cores))
    try:
        for key, side, file, kind in (("onnxruntime", "onnxruntime", path, "int8"), ("int8", "ours", libraries["int8"], "int8"),
                                      ("float", "ours", libraries["float"], "float")):
            sides[key] = speed.Side(side, file, os.path.join(folder, kind), 1, cores)
        counts = {key: max(1, min(1000, int(100 / max(side.run(3, keep=False)[-1], 1e-3)))) for key, side in sides.items()}
        deadline, rounds = time.monotonic() + options.seconds, 0
        while rounds < 5 or time.monotonic() < deadline:
            for key, side in sides.items():
                side.run(counts[key])
            rounds += 1
    finally:
        for side in sides.values():
            side.close()
    row = {"name": name, **{key + "_ms": statistics.median(side.times) for key, side in sides.items()}}
    row["own"] = row["float_ms"] / row["int8_ms"]
    row["against"] = row["onnxruntime_ms"] / row["int8_ms"]
    shutil.rmtree(folder, ignore_errors=True)
    return row


def main(arguments):
    parser = common.parser("quantized speed", __doc__)
    parser.add_argument("--models", default=",".join(MODELS), metavar="a,b")
    parser.add_argument("--cores", help="the core to pin to (default: the last)")
    parser.add_argument("--seconds", type=float, default=10, help="measuring time for each model")
    parser.add_argument("--flags", default="", help="more flags for onnx-compile")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    options.flags, options.threads = options.flags.split(), 1
    options.cores = [int(core) for core in options.cores.split(",")] if options.cores else sorted(os.sched_getaffinity(0))[-1:]
    rows = []
    print(f"{'model':26} {'fp32 ms':>9} {'int8 ms':>9} {'ORT int8':>9} {'fp32/int8':>9} {'ORT/ours':>9}")
    for name in options.models.split(","):
        try:
            row = measure(options, name)
            print(f"{name:26} {row['float_ms']:9.3f} {row['int8_ms']:9.3f} {row['onnxruntime_ms']:9.3f} {row['own']:9.2f} {row['against']:9.2f}", flush=True)
        except (RuntimeError, floats.Missing) as error:
            row = {"name": name, "failure": str(error)}
            print(f"{name:26} failed: {row['failure']}", flush=True)
        rows.append(row)
    done = [row for row in rows if "own" in row]
    summary = {}
    if done:
        summary = {
            "own": next((r["own"] for r in done if r["name"].startswith("resnet50")), None),
            "mean": math.exp(statistics.fmean(math.log(r["against"]) for r in done)), "worst": min(r["against"] for r in done),
        }
        own = "" if summary["own"] is None else f"resnet50 fp32 / int8: {summary['own']:.2f} (wanted {OWN}); "
        print(f"{own}ONNX Runtime / ours: geometric mean {summary['mean']:.2f} (wanted {MEAN}), worst {summary['worst']:.2f} (wanted {WORST})")
    common.write_json(options.json, {"rows": rows, **summary})
    good = done and len(done) == len(rows) and (summary["own"] or OWN) >= OWN and summary["mean"] >= MEAN and summary["worst"] >= WORST
    return 0 if good else 1
