"""Time of compiled models over ONNX Runtime's.

    bench/run --models a,b|all|networks|singles --against onnxruntime [--threads N] [--json out.json]

Each side runs in its own process; both are pinned to the same core (the same N
cores for N threads) and take turns, so that they see the same machine; the side
that waits is stopped, since its threads would look out for work. ONNX Runtime
has all optimisations on and bound inputs and outputs. The ratio is the
median of ours over the median of ONNX Runtime's; results are also compared.
"""

import argparse
import json
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import numpy  # noqa: E402

import models  # noqa: E402

THREADS_LIBRARY = os.path.join(models.ROOT, "build", "runtime-lite", "libonnxc_threads.so")


class Side:
    """A worker process of one side."""

    def __init__(self, kind, path, folder, threads, cores):
        self.outputs = os.path.join(folder, kind + ".npz")
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "worker.py"), kind, path,
             os.path.join(folder, "inputs.npz"), self.outputs, str(threads), cores],
            env=dict(os.environ, ONNXC_THREADS_LIBRARY=THREADS_LIBRARY),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        if self.process.stdout.readline().strip() != "ready":
            error = self.process.stderr.read().strip().splitlines()
            raise RuntimeError(f"{kind}: " + (error[-1] if error else f"exit {self.process.wait()}"))
        self.times = []
        self.process.send_signal(signal.SIGSTOP)

    def run(self, count, keep=True):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the worker died")
        self.process.send_signal(signal.SIGSTOP)
        times = json.loads(line)
        if keep:
            self.times += times
        return times

    def close(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait()


def disagreement(ours, reference):
    """The largest deviation as a share of what is allowed (1e-3 relative, 1e-4 of the scale)."""
    worst = 0.0
    with numpy.load(ours) as got, numpy.load(reference) as want:
        for name in want.files:
            if got[name].shape != want[name].shape:
                raise RuntimeError(f"{name}: shape {got[name].shape}, wanted {want[name].shape}")
            a, b = got[name].astype(numpy.float64), want[name].astype(numpy.float64)
            if not numpy.isfinite(a).all():
                return math.inf
            allowed = 1e-3 * numpy.abs(b) + 1e-4 * numpy.abs(b).max() + 1e-30
            worst = max(worst, float((numpy.abs(a - b) / allowed).max()))
    return worst


def compile_model(options, path, folder):
    built = os.path.join(folder, "built")
    shutil.rmtree(built, ignore_errors=True)
    command = [options.onnx_compile, path, "-o", built, "--emit=shared", "--target=native"]
    command += [f"--threads={options.threads}"] + options.flags
    started = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise RuntimeError(f"compile: exit {done.returncode}: " + (lines or [""])[0])
    library = [f for f in os.listdir(built) if f.endswith(".so")][0]
    return os.path.join(built, library), time.monotonic() - started


def measure(options, name):
    path = models.build(name)
    folder = os.path.join(options.work, "speed", name)
    os.makedirs(folder, exist_ok=True)
    numpy.savez(os.path.join(folder, "inputs.npz"), **models.inputs(name, path))
    library, seconds = compile_model(options, path, folder)
    cores = ",".join(str(core) for core in options.cores)
    reference = Side("onnxruntime", path, folder, options.threads, cores)
    try:
        ours = Side("ours", library, folder, options.threads, cores)
        try:
            # Turns of about 0.1 s; a turn of the other side warms nothing of ours.
            warm = max(reference.run(3, keep=False)[-1], ours.run(3, keep=False)[-1], 1e-3)
            count = max(1, min(1000, int(100 / warm)))
            deadline = time.monotonic() + options.seconds
            rounds = 0
            while rounds < 5 or time.monotonic() < deadline:
                reference.run(count)
                ours.run(count)
                rounds += 1
        finally:
            ours.close()
    finally:
        reference.close()
    ours_ms, reference_ms = statistics.median(ours.times), statistics.median(reference.times)
    return {
        "name": name, "ours_ms": ours_ms, "onnxruntime_ms": reference_ms,
        "ratio": ours_ms / reference_ms, "ratio_of_minima": min(ours.times) / min(reference.times),
        "runs": len(ours.times), "compile_s": seconds,
        "error": disagreement(ours.outputs, reference.outputs),
    }


def mean(results, names):
    ratios = [r["ratio"] for r in results if r["name"] in names and "ratio" in r]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def main():
    parser = argparse.ArgumentParser(
        prog="bench/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="all", metavar="a,b|all|networks|singles")
    parser.add_argument("--against", default="onnxruntime", choices=["onnxruntime"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cores", help="cores to pin to (default: the last THREADS ones)")
    parser.add_argument("--seconds", type=float, default=6, help="measuring time for each model")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--flags", default="", help="more flags for onnx-compile")
    build = os.path.join(models.ROOT, "build")
    parser.add_argument("--work", default=os.path.join(build, "bench"))
    parser.add_argument("--onnx-compile", default=os.path.join(build, "bin", "onnx-compile"))
    options = parser.parse_args()
    options.flags = options.flags.split()
    available = sorted(os.sched_getaffinity(0))
    if options.cores:
        options.cores = [int(core) for core in options.cores.split(",")]
    else:
        options.cores = available[-options.threads:]
    if len(options.cores) < options.threads:
        parser.error(f"{options.threads} threads need as many cores, there are {len(available)}")

    results, wrong = [], 0
    print(f"{'model':30} {'ours ms':>9} {'ORT ms':>9} {'ratio':>6} {'(min)':>6} {'compile':>8}  error")
    for name in models.names(options.models):
        try:
            result = measure(options, name)
        except RuntimeError as error:
            wrong += 1
            results.append({"name": name, "failure": str(error)})
            print(f"{name:30} failed: {error}", flush=True)
            continue
        results.append(result)
        bad = not result["error"] <= 1
        wrong += bad
        print(
            f"{name:30} {result['ours_ms']:9.3f} {result['onnxruntime_ms']:9.3f} {result['ratio']:6.2f} "
            f"{result['ratio_of_minima']:6.2f} {result['compile_s']:7.2f}s  {result['error']:.2g}"
            f"{'  WRONG' if bad else ''}",
            flush=True,
        )
    for title, names in (("networks", models.NETWORKS), ("singles", models.SINGLES)):
        value = mean(results, names)
        count = sum(r["name"] in names and "ratio" in r for r in results)
        if value:
            print(f"geometric mean of {count} {title}: {value:.3f}")
    if options.json:
        with open(options.json, "w") as out:
            json.dump({"threads": options.threads, "cores": options.cores, "results": results}, out, indent=1)
    if wrong:
        print(f"{wrong} models failed or disagree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
