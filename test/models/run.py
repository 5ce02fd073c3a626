"""Model tests: compiled models against ONNX Runtime, which runs in its own process.

    test/models/run [--filter PATTERN] [--target ROW] [--json out.json] [--list] [--update]

Each row of models.json is compiled to a shared library (once with its shapes
pinned, once more with unknown dimensions kept unknown where the row says so)
and run by `onnx-run run` on five seeded inputs from its real range. A row
passes when every output of every run agrees and the output changes with the
input. Models come from $ONNX_COMPILE_MODELS and from Python packages; what is
neither here nor there is skipped. known_failures.txt names the rows that the
compiler cannot do yet: they are run and counted as failed in the table, but
only other failures make the exit code 1. --update rewrites that list, which
may only shrink. --target compiles for another row; where that is not this
machine's, the models run in an emulator (test/targets/toolchains.py). --gpu
compiles for a GPU too and runs in the simulator or on a card
(test/gpu-sim/devices.py).
"""

import argparse
import fnmatch
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import numpy  # noqa: E402
import onnx  # noqa: E402

import compare  # noqa: E402
import inputs as model_inputs  # noqa: E402
import random_weights  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(HERE), "targets"))
import toolchains  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(HERE), "gpu-sim"))
import devices  # noqa: E402

RUNS = 5
KNOWN_FAILURES = os.path.join(HERE, "known_failures.txt")


def locate(row):
    """The model file of a row, or None."""
    folder = os.environ.get("ONNX_COMPILE_MODELS")
    if folder and os.path.exists(os.path.join(folder, row["file"])):
        return os.path.join(folder, row["file"])
    if "package" in row:
        module, inner = row["package"]
        spec = importlib.util.find_spec(module)
        if spec and spec.submodule_search_locations:
            path = os.path.join(spec.submodule_search_locations[0], inner)
            if os.path.exists(path):
                return path
    return None


def rows(table):
    """(name, row, variant): every model as published, then with random weights, then dynamic."""
    for row in table:
        yield row["name"], row, "static"
        if row.get("dynamic"):
            yield row["name"] + "+dynamic", row, "dynamic"
        if row.get("randomise"):
            yield row["name"] + "+random", row, "random"


def output_step(model):
    """The scale of the DequantizeLinear that makes the (only) output of a QDQ model."""
    producers = {out: node for node in model.graph.node for out in node.output}
    initial = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            initial[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
    node = producers[model.graph.output[0].name]
    while node.op_type in ("Transpose", "Squeeze", "Unsqueeze", "Reshape"):
        node = producers[node.input[0]]
    return float(initial[node.input[1]].reshape(-1)[0])


def pins(model, specs):
    """--dim options that fix every unknown dimension to the shape of the row."""
    found = {}
    for value in model.graph.input:
        if value.name not in specs:
            continue
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if not dim.HasField("dim_value") or dim.dim_value < 0:
                key = dim.dim_param or f"{value.name}.{axis}"
                found[key] = specs[value.name]["shape"][axis]
    return [f"--dim={key}={size}" for key, size in found.items()]


def prepare(path, row, folder):
    """Inputs and reference outputs of a row in `folder`; made once per file and row."""
    model = onnx.load(path)
    with open(path, "rb") as stream:
        key = hashlib.sha256(stream.read())
    for text in (json.dumps(row, sort_keys=True), open(model_inputs.__file__).read()):
        key.update(text.encode())
    stamp = os.path.join(folder, "reference.stamp")
    if not os.path.exists(stamp) or open(stamp).read() != key.hexdigest():
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        types = {
            value.name: onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            for value in model.graph.input
        }
        for i in range(RUNS):
            numpy.savez(
                os.path.join(folder, f"input_{i}.npz"), **model_inputs.draw(row["inputs"], types, i)
            )
        command = [sys.executable, os.path.join(HERE, "reference.py"), path, folder, str(RUNS)]
        if row["rule"] == "qdq":
            command.append("--unoptimised")
        subprocess.run(command, check=True)
        with open(stamp, "w") as out:
            out.write(key.hexdigest())
    return model


def load(path):
    with numpy.load(path) as data:
        return dict(data)


def call(command, limit):
    """(seconds, error message or None)"""
    started = time.monotonic()
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=limit,
        )
    except subprocess.TimeoutExpired:
        return limit, f"no end after {limit} s"
    seconds = time.monotonic() - started
    if done.returncode == 0:
        return seconds, None
    lines = [l for l in done.stdout.decode(errors="replace").splitlines() if l.strip()]
    told = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "")
    return seconds, f"exit {done.returncode}: {told.strip()}"


def check(options, name, row, variant, path):
    """One row of the table: {status, message, compile seconds, worst error}."""
    folder = os.path.join(options.work, name)
    if variant == "random":
        os.makedirs(options.work, exist_ok=True)
        randomised = os.path.join(options.work, name + ".onnx")
        random_weights.randomise(path, randomised)
        path = randomised
    model = prepare(path, row, folder)
    result = {"name": name, "status": "failed", "message": "", "compile": None, "error": None}

    built = os.path.join(folder, "built")
    shutil.rmtree(built, ignore_errors=True)
    suffix = ".o" if options.gpu else toolchains.library_suffix(options.target)
    command = [options.onnx_compile, path, "-o", built]
    if options.gpu:
        command += ["--emit=obj,ptx,gpu-llvm,report", f"--gpu={options.gpu}"]
    else:
        command += ["--emit=shared" if suffix == ".so" else "--emit=obj"]
    if options.target:
        command += ["--target", options.target]
    if variant != "dynamic":
        command += pins(model, row["inputs"])
    result["compile"], trouble = call(command, options.timeout)
    if trouble:
        result["message"] = "compile: " + trouble
        return result
    libraries = [f for f in os.listdir(built) if f.endswith(suffix)]
    if len(libraries) != 1:
        result["message"] = f"compile: wanted one {suffix}, got {sorted(os.listdir(built))}"
        return result

    step = output_step(model) if row["rule"] == "qdq" else None
    worst, ours, reference = 0.0, [], []
    for i in range(options.runs):
        output = os.path.join(built, f"output_{i}.npz")
        command = [options.onnx_run, "run", os.path.join(built, libraries[0])]
        command += ["--input", os.path.join(folder, f"input_{i}.npz"), "--output", output]
        if options.runner:
            command += ["--runner", options.runner]
        _, trouble = call(command, options.timeout)
        if trouble:
            result["message"] = f"run {i}: {trouble}"
            return result
        got, want = load(output), load(os.path.join(folder, f"reference_{i}.npz"))
        for key, value in want.items():
            if key not in got:
                result["message"] = f"run {i}: output '{key}' is missing"
                return result
            error, trouble = compare.difference(row["rule"], got[key], value, step)
            if trouble:
                result["message"] = f"run {i}: {key}: {trouble}"
                result["error"] = error
                return result
            worst = max(worst, error)
        ours.append(got)
        reference.append(want)
    result["error"] = worst
    constant = row.get("constant") and variant != "random"
    if not constant and not compare.changes(reference):
        result["message"] = "the reference does not change with the input: the row tests nothing"
    elif not constant and not compare.changes(ours):
        result["message"] = "the output does not change with the input"
    else:
        result["status"] = "passed"
    return result


def known_failures():
    if not os.path.exists(KNOWN_FAILURES):
        return set()
    with open(KNOWN_FAILURES) as stream:
        names = (line.split("#")[0].strip() for line in stream)
        return {name for name in names if name}


def main():
    parser = argparse.ArgumentParser(
        prog="test/models/run", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    build = os.path.join(ROOT, "build")
    parser.add_argument("--filter", metavar="PATTERN")
    parser.add_argument("--target", metavar="ROW")
    devices.add_options(parser)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--list", action="store_true", help="list the rows and stop")
    parser.add_argument("--reference-only", action="store_true", help="only run ONNX Runtime")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N", help=f"inputs for each row, 2 to {RUNS}")
    parser.add_argument("--timeout", type=int, default=300, metavar="SECONDS")
    parser.add_argument("--work", default=os.path.join(build, "models"))
    parser.add_argument("--onnx-compile", default=os.path.join(build, "bin", "onnx-compile"))
    parser.add_argument("--onnx-run", default=os.path.join(build, "bin", "onnx-run"))
    options = parser.parse_args()

    if not 2 <= options.runs <= RUNS:
        parser.error(f"--runs: got {options.runs}, wanted 2 to {RUNS}")
    if options.update and (options.target or options.gpu):
        parser.error("--update is for this machine's target")
    try:
        options.runner = toolchains.runner(options.target)
        if options.gpu:
            options.runner = devices.runner(devices.resolve(options.device)[0], options.gpu, options.checks)
    except (toolchains.Missing, devices.Missing) as missing:
        print(f"models: {missing}", file=sys.stderr)
        return 1
    with open(os.path.join(HERE, "models.json")) as stream:
        table = json.load(stream)["models"]
    selected = [
        (name, row, variant)
        for name, row, variant in rows(table)
        if not options.filter or options.filter in name or fnmatch.fnmatch(name, options.filter)
    ]
    results, skipped = [], 0
    print(f"{'model':28} {'result':7} {'compile':>8} {'error':>7}  (error: share of what is allowed)")
    for name, row, variant in selected:
        path = locate(row)
        if not path:
            skipped += 1
            print(f"{name:28} skipped {'':8} {'':7}  not in $ONNX_COMPILE_MODELS, no package ships it", flush=True)
            continue
        if options.list:
            print(f"{name:28} {path}")
            continue
        if options.reference_only:
            if variant == "random":
                random_weights.randomise(path, os.path.join(options.work, name + ".onnx"))
                path = os.path.join(options.work, name + ".onnx")
            folder = os.path.join(options.work, name)
            prepare(path, row, folder)
            references = [load(os.path.join(folder, f"reference_{i}.npz")) for i in range(RUNS)]
            said = ", ".join(f"{k} {v.dtype}{list(v.shape)}" for k, v in references[0].items())
            print(f"{name:28} changes: {compare.changes(references)}  {said[:150]}", flush=True)
            continue
        result = check(options, name, row, variant, path)
        results.append(result)
        error = "" if result["error"] is None else f"{result['error']:.2g}"
        print(
            f"{name:28} {result['status']:7} {result['compile']:7.2f}s {error:>7}  {result['message']}",
            flush=True,
        )
    if options.list or options.reference_only:
        return 0
    known = known_failures()
    failed = {result["name"] for result in results if result["status"] != "passed"}
    ran = {result["name"] for result in results}
    for result in results:
        result["known"] = result["name"] in known
    if options.json:
        with open(options.json, "w") as out:
            json.dump(results, out, indent=1)
    new = sorted(failed - known)
    if options.update:
        kept = (known - ran) | failed
        with open(KNOWN_FAILURES, "w") as out:
            out.write("# Rows of models.json that the compiler cannot do yet; this list may only shrink.\n")
            out.writelines(name + "\n" for name in sorted(kept))
    for name in sorted((known & ran) - failed):
        print(f"passes now, take it off known_failures.txt: {name}")
    for name in new:
        print(f"NEW FAILURE: {name}")
    print(f"{len(ran) - len(failed)} passed, {len(failed)} failed, {skipped} skipped")
    return 1 if new and not options.update else 0


if __name__ == "__main__":
    sys.exit(main())
