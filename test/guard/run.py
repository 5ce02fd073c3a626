"""Compiled models on bad inputs, every buffer between guard pages.

    test/guard/run [--filter PATTERN] [--sample N] [--jobs N] [--verbose]

For each model of cases.py (an operator with dims and sizes that only the run
knows): inputs that are right, and inputs whose dims, shape operands, indices
and scalars are not. A run may touch nothing but its own memory; where it fails
it returns a status, and its message names the node, or the input at fault,
which its log has seen as well; where it succeeds its outputs are those of ONNX
Runtime, which must have taken the inputs too. --sample N takes N inputs of
each model. Last line: "N runs of N models: N wild accesses, ...".
"""

import argparse
import concurrent.futures
import fnmatch
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np
import onnx

import cases

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
STATUS = {1: "bad argument", 2: "shape mismatch", 6: "out of memory", 8: "index out of range"}
ALLOWED = {1, 2, 6, 8}


def pack(inputs):
    """A job: inputs are (ONNX type, dims that are claimed, array)."""
    out = []
    for kind, dims, array in inputs:
        data = np.ascontiguousarray(array).tobytes()
        out.append(struct.pack(f"<ii{len(dims)}qq", kind, len(dims), *dims, len(data)) + data)
    return b"".join(out)


def unpack(data, outputs):
    at = 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values

    def text():
        nonlocal at
        (length,) = take("i")
        at += length
        return data[at - length:at].decode(errors="replace")

    while at < len(data):
        status, signal, node = take("iii")
        message, logged = text(), text()
        arrays = []
        for _ in range(outputs if status == 0 else 0):
            kind, rank = take("ii")
            dims = take(f"{rank}q") if rank else ()
            (size,) = take("q")
            dtype = onnx.helper.tensor_dtype_to_np_dtype(kind)
            arrays.append(np.frombuffer(data, dtype, size // dtype.itemsize, at).reshape(dims))
            at += size
        yield status, signal, node, message, logged, arrays


DIED = object()


def reference(path, feeds):
    """Outputs of ONNX Runtime for each: None where it refuses the inputs, DIED where they end its process."""
    results = []
    while len(results) < len(feeds):
        done = subprocess.run([sys.executable, os.path.join(HERE, "reference.py"), path], input=pickled(feeds[len(results):]),
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=300)
        results += unpickled(done.stdout)
        if len(results) < len(feeds):
            results.append(DIED)
    return results


def pickled(items):
    import pickle

    return b"".join(pickle.dumps(i) for i in items)


def unpickled(data):
    import io
    import pickle

    stream = io.BytesIO(data)
    while True:
        try:
            yield pickle.load(stream)
        except (EOFError, pickle.UnpicklingError):
            return


def same(got, want):
    if got.shape != want.shape:
        return f"shape {got.shape}, wanted {want.shape}"
    if got.dtype.kind == "f":
        if not np.allclose(got, want, rtol=1e-3, atol=1e-4, equal_nan=True):
            return "other values"
    elif not np.array_equal(got, want):
        return "other values"
    return None


class Outcome:
    def __init__(self):
        self.runs = self.good = 0
        self.faults = []  # (kind, what)


def run_model(case, work, arguments):
    outcome = Outcome()
    path = os.path.join(work, "m.onnx")
    onnx.save(case.model, path)
    done = subprocess.run([os.path.join(arguments.bin, "onnx-compile"), path, "-o", work, "--target=native", "--emit=shared", "--name=m", f"-O{arguments.level}"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        outcome.faults.append(("compile", done.stdout.strip()[-400:]))
        return outcome
    jobs = list(case.jobs())
    if arguments.sample and len(jobs) > arguments.sample:
        step = len(jobs) / arguments.sample
        jobs = [jobs[int(i * step)] for i in range(arguments.sample)]
    with open(os.path.join(work, "jobs"), "wb") as stream:
        for job in jobs:
            stream.write(pack(job.inputs))
    library = next(n for n in os.listdir(work) if n.endswith(".so"))
    subprocess.run([arguments.runner, os.path.join(work, library), os.path.join(work, "jobs"), os.path.join(work, "results")], check=True)
    with open(os.path.join(work, "results"), "rb") as stream:
        results = list(unpack(stream.read(), len(case.model.graph.output)))
    assert len(results) == len(jobs)
    outcome.runs = len(jobs)
    fine = [i for i, r in enumerate(results) if r[0] == 0]
    names = [v.name for v in case.model.graph.input]
    wanted = reference(path, [{n: a for n, (_, _, a) in zip(names, jobs[i].inputs)} for i in fine]) if not case.own_values else [()] * len(fine)
    for i, want in zip(fine, wanted):
        if want is None and case.wider:
            continue
        if want is None:
            outcome.faults.append(("missing status", jobs[i].what))
            continue
        if want is DIED:
            continue
        outcome.good += 1
        for name, got, right in zip([o.name for o in case.model.graph.output], results[i][5], want):
            if why := same(got, right):
                outcome.faults.append(("wrong values", f"{jobs[i].what}: {name}: {why}"))
    for job, (status, signal, node, message, logged, _) in zip(jobs, results):
        if signal:
            outcome.faults.append(("wild access", f"{job.what}: signal or code {signal}"))
        elif status and job.good:
            outcome.faults.append(("refused", f"{job.what}: {message}"))
        elif status:
            input_named = any(f"input '{n}'" in message for n in names)
            if f"node '{case.node}'" not in message and f"node '{case.node}/" not in message and not (input_named and node == -1):
                outcome.faults.append(("no name", f"{job.what}: status {status}: {message!r}"))
            elif status not in ALLOWED or logged != message or (node == -1 and not input_named and case.op):
                outcome.faults.append(("bad record", f"{job.what}: status {status}, node {node}: {message!r}, log {logged!r}"))
    return outcome


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "bin"))
    parser.add_argument("--filter", default="*")
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--level", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    chosen = [c for c in cases.all_cases() if fnmatch.fnmatch(c.name, arguments.filter)]
    with tempfile.TemporaryDirectory() as work:
        arguments.runner = os.path.join(work, "runner")
        subprocess.run(["cc", "-O1", "-std=gnu11", "-I", os.path.join(ROOT, "runtime-lite", "include"), os.path.join(HERE, "runner.c"), "-o",
                        arguments.runner, "-ldl"], check=True)

        def one(case):
            folder = os.path.join(work, case.name)
            os.mkdir(folder)
            return case, run_model(case, folder, arguments)

        counts = dict.fromkeys(("compile", "wild access", "missing status", "no name", "bad record", "refused", "wrong values"), 0)
        runs = good = 0
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            for case, outcome in pool.map(one, chosen):
                runs += outcome.runs
                good += outcome.good
                shown = {}
                for kind, what in outcome.faults:
                    counts[kind] += 1
                    shown[kind] = shown.get(kind, 0) + 1
                    if shown[kind] <= (1000 if arguments.verbose else 3):
                        print(f"{case.name}: {kind}: {what}", flush=True)
                if arguments.verbose:
                    print(f"{case.name}: {outcome.runs} runs, {outcome.good} of them right", flush=True)
    print(f"{runs} runs of {len(chosen)} models, {good} with right outputs: " + ", ".join(f"{n} {kind}" for kind, n in counts.items()))
    return 1 if sum(counts.values()) or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
