"""Quantised models, compiled and compared with ONNX Runtime without optimisations.

    test/quantized/run [--filter PATTERN] [--small] [--runs N] [--json FILE] [--verbose]

Each model (quantize.py) is judged by four columns:
  whole   outputs on seeded inputs: equal to the bit where only integer ops stand between the model's
          first quantised value and its last; otherwise the same argmax (a tie of either side counts as same)
  steps   every quantised value computed from ONNX Runtime's operands (steps.py): integer ops equal,
          QuantizeLinear at most one quantum apart
  wide    float constants beyond multipliers and biases, and float or 32-bit tensors stored between
          kernels, where the model is quantised (ir.py); wanted 0
known_failures.txt names what the compiler cannot do yet as "MODEL COLUMN"; only other failures make
the exit code 1. --small: the models that CI runs. What a model is made from may be missing: skipped,
and counted so as are models that only fail where they are listed.
Last line: "N passed, N failed, N skipped", of models.
"""

import argparse
import fnmatch
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

import floats  # noqa: E402
import graph as graphs  # noqa: E402
import ir  # noqa: E402
import quantize  # noqa: E402
import steps  # noqa: E402

COLUMNS = ("whole", "steps", "wide")
KNOWN_FAILURES = os.path.join(HERE, "known_failures.txt")
CI = ("resnet8.qdq", "resnet8.qop", "vww96.qop", "dscnn.edge", "autoencoder.qdq", "autoencoder.qop_s8")


class Trouble(Exception):
    """A tool's failure, in its words."""


def call(command, limit=600):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=limit)
    except subprocess.TimeoutExpired:
        raise Trouble(f"{os.path.basename(command[0])}: no end after {limit} s") from None
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        told = next((line for line in lines if "error" in line), lines[-1] if lines else "")
        raise Trouble(f"{os.path.basename(command[0])}: exit {done.returncode}: {told.strip()[:300]}")


def compiled(options, path, folder, emit, extra=()):
    shutil.rmtree(folder, ignore_errors=True)
    call([options.onnx_compile, path, "-o", folder, "--name=m", f"--emit={emit}", f"--target={options.target}", *extra])
    return os.path.join(folder, "m.so")


def execute(options, library, folder, inputs):
    source, result = os.path.join(folder, "in.npz"), os.path.join(folder, "out.npz")
    numpy.savez(source, **inputs)
    call([options.onnx_run, "run", library, "--input=" + source, "--output=" + result])
    with numpy.load(result) as data:
        return dict(data)


def integer_throughout(model):
    """No float arithmetic lies between the quantised values of a QOperator model."""
    graph = graphs.Graph(model)
    if not any(graphs.is_integer_op(n) for n in graph.nodes):
        return False
    reaches = set()  # values that float arithmetic behind a quantised value has touched
    for node in graph.nodes:
        if node.op_type in ("DequantizeLinear", "DynamicQuantizeLinear") or any(n in reaches for n in node.input):
            if node.op_type == "QuantizeLinear" or graphs.is_integer_op(node):
                return False
            reaches.update(node.output)
    return True


def same_argmax(want, have):
    """By the last axis; a tie of either side counts as the same."""
    want, have = (v.reshape(-1, v.shape[-1] if v.ndim else 1).astype(numpy.float64) for v in (want, have))
    rows = numpy.arange(len(want))
    return bool(((want[rows, have.argmax(1)] == want.max(1)) | (have[rows, want.argmax(1)] == have.max(1))).all())


def whole(options, name, model, library, folder, reference):
    """(message or None, worst difference as a share of the largest value)"""
    exact = integer_throughout(model)
    worst, first, seen = 0.0, None, set()
    for seed in range(options.runs):
        feeds = quantize.draw(name, seed)
        want = dict(zip([o.name for o in reference.get_outputs()], reference.run(None, feeds)))
        have = execute(options, library, folder, feeds)
        for key, value in want.items():
            got = have.get(key)
            if got is None or got.shape != value.shape or got.dtype != value.dtype:
                return f"run {seed}: {key}: got {None if got is None else (got.dtype, got.shape)}, wanted {value.dtype} {value.shape}", numpy.inf
            off = numpy.abs(got.astype(numpy.float64) - value).max(initial=0)
            worst = max(worst, float(off) / max(float(numpy.abs(value.astype(numpy.float64)).max(initial=0)), 1e-30))
            seen.add((key, value.tobytes()))
            limit = 1e-5 * float(numpy.abs(value).max(initial=0)) if value.dtype.kind == "f" else 0
            if exact and not off <= limit:
                first = first or f"run {seed}: {key}: {int((got != value).sum())} of {value.size} elements differ"
            elif not exact and not same_argmax(value, got):
                first = first or f"run {seed}: {key}: another argmax: {got.reshape(-1).argmax()}, wanted {value.reshape(-1).argmax()}"
    if options.runs > 1 and len(seen) <= len(reference.get_outputs()):
        first = first or "the reference does not change with the input: the row tests nothing"
    return first, worst


def step_by_step(options, name, model, folder):
    """(message or None, worst quanta, steps, [offending rows])"""
    cut = steps.Steps(model, quantize.draw(name, 0))
    path = os.path.join(folder, "steps.onnx")
    onnx.save(cut.model, path)
    library = compiled(options, path, os.path.join(folder, "steps"), "shared")
    worst = {}
    for seed in range(options.step_runs):
        feeds = quantize.draw(name, seed)
        values = cut.values(feeds)
        got = execute(options, library, folder, cut.inputs(feeds, values))
        for row in cut.compare(values, got):
            if row[0] not in worst or row[2] > worst[row[0]][2]:
                worst[row[0]] = row
    bad = sorted((row for row in worst.values() if not row[2] <= 1), key=lambda row: -row[2])
    quanta = max((row[1] for row in worst.values() if row[1] is not None), default=0)
    message = None
    if bad:
        node, apart, _, differ, total = bad[0]
        message = f"{len(bad)} of {len(worst)} steps; worst '{node}': {f'{apart} quanta' if apart is not None else 'floats'}, {differ} of {total} elements"
    return message, quanta, len(worst), bad


def wide(model, folder):
    with open(os.path.join(folder, "m.kernels.mlir")) as kernels, open(os.path.join(folder, "m.report.json")) as report:
        return ir.Check(model, kernels.read(), report.read()).offenders()


def check(options, name):
    started = time.monotonic()
    result = {"name": name, "messages": {}, "worst": None, "quanta": None, "steps": 0, "wide": None, "offenders": [], "steps_off": []}
    path = quantize.build(name)
    folder = os.path.join(options.work, name)
    os.makedirs(folder, exist_ok=True)
    model = onnx.load(path)

    def attempt(column, action):
        if column not in options.columns:
            return None
        try:
            return action()
        except Trouble as trouble:
            result["messages"][column] = str(trouble)
            return None

    built = os.path.join(folder, "built")
    try:
        library = compiled(options, path, built, "shared,kernels,report")
    except Trouble as trouble:
        result["messages"] = {column: str(trouble) for column in options.columns if column != "steps"}
        library = None
    done = attempt("whole", lambda: whole(options, name, model, library, folder, steps.session(path))) if library else None
    if done:
        message, result["worst"] = done
        if message:
            result["messages"]["whole"] = message
    done = attempt("steps", lambda: step_by_step(options, name, model, folder))
    if done:
        message, result["quanta"], result["steps"], bad = done
        result["steps_off"] = [dict(zip(("node", "quanta", "share", "differ", "elements"), row)) for row in bad]
        if message:
            result["messages"]["steps"] = message
    done = attempt("wide", lambda: wide(model, built)) if library else None
    if done is not None:
        result["wide"] = len(done)
        result["offenders"] = [str(offender) for offender in done]
        if done:
            result["messages"]["wide"] = f"{len(done)} wide, first: {done[0]}"
    if not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    result["seconds"] = time.monotonic() - started
    return result


def known_failures():
    if not os.path.exists(KNOWN_FAILURES):
        return set()
    with open(KNOWN_FAILURES) as stream:
        lines = (line.split("#")[0].split() for line in stream)
        return {tuple(words) for words in lines if words}


def show(result, verbose):
    mark = lambda column: "fail" if column in result["messages"] else "ok"  # noqa: E731
    worst = "" if result["worst"] is None else f"{result['worst']:.1e}"
    quanta = "" if result["quanta"] is None else result["quanta"]
    count = "" if result["wide"] is None else result["wide"]
    print(f"{result['name']:26} {mark('whole'):5} {worst:>8} {mark('steps'):5} {quanta:>6} of {result['steps']:4} steps {mark('wide'):5} {count:>5} "
          f"{result['seconds']:6.1f}s", flush=True)
    for column in COLUMNS:
        if column in result["messages"]:
            print(f"    {column}: {result['messages'][column]}", flush=True)
    if verbose:
        for row in result["steps_off"]:
            print(f"    step {row['node']}: {row['quanta']} quanta, {row['differ']} of {row['elements']}")
        for offender in result["offenders"]:
            print(f"    wide {offender}")


def main():
    parser = argparse.ArgumentParser(prog="test/quantized/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", metavar="PATTERN", default="*")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--runs", type=int, default=20, metavar="N", help="inputs of the whole model")
    parser.add_argument("--step-runs", type=int, default=None, metavar="N", help="inputs of the steps (default: as --runs, at most 5)")
    parser.add_argument("--columns", default=",".join(COLUMNS))
    parser.add_argument("--target", default="native")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--verbose", action="store_true", help="names every step and tensor that is wrong")
    parser.add_argument("--keep", action="store_true", help="keeps the compiled models under build/quantized/run")
    build = os.path.join(ROOT, "build")
    parser.add_argument("--work", default=os.path.join(build, "quantized", "run"))
    parser.add_argument("--onnx-compile", default=os.path.join(build, "bin", "onnx-compile"))
    parser.add_argument("--onnx-run", default=os.path.join(build, "bin", "onnx-run"))
    options = parser.parse_args()
    options.columns = options.columns.split(",")
    options.step_runs = options.step_runs or min(options.runs, 5)

    known, results, skipped, new = known_failures(), [], 0, []
    print(f"{'model':26} {'whole':5} {'worst':>8} {'steps':5} {'quanta':>6} {'':13} {'wide':5} {'count':>5} {'':6}")
    for name in CI if options.small else quantize.names():
        if not fnmatch.fnmatch(name, options.filter):
            continue
        try:
            result = check(options, name)
        except floats.Missing as missing:
            skipped += 1
            print(f"{name:26} skipped: {missing}", flush=True)
            continue
        results.append(result)
        show(result, options.verbose)
        for column in options.columns:
            listed, fails = (name, column) in known, column in result["messages"]
            if fails and not listed:
                new.append((name, column))
            elif listed and not fails:
                print(f"    passes now, take it off known_failures.txt: {name} {column}")
    if options.json:
        with open(options.json, "w") as out:
            json.dump(results, out, indent=1)
    for name, column in new:
        print(f"NEW FAILURE: {name} {column}")
    failed = len({name for name, _ in new})
    listed = sum(bool(r["messages"]) for r in results) - failed
    skipped += listed
    print(f"{len(results) - failed - listed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
