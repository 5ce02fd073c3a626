"""Fuzzes with libFuzzer, AddressSanitizer and UBSan, and keeps totals.

    test/fuzz/run [--target NAME]... [--seconds N] [--nice N]
        builds the targets (preset `fuzz`, in build-fuzz), fills the corpus with
        the models of the ONNX backend tests, small files of every kind that
        onnx-run reads and test/fuzz/corpus, and gives each target N seconds (60).
        What was found lies in build-fuzz/found/TARGET. Exit 1 when something was.
    test/fuzz/run --totals
        only shows the totals of build-fuzz/totals.json.

Targets: readers (npy, npz, tensors, sequences, optionals, models as onnx-run reads
them), import (the importer on bytes), structure (the importer on models changed
field by field), lower (the same through the pipeline up to the LLVM dialect), and
generated (random models as sanitised code on random inputs, generated.py). Limits
of every execution: 10 s, 4 GB.
"""

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build-fuzz")
TOTALS = os.path.join(BUILD, "totals.json")
TARGETS = ("readers", "import", "structure", "lower")
SEED_BYTES = 6000  # larger models are slow and hold nothing that small ones do not

# Containers and memory pools are annotated on our side of the library boundary only. Contexts live as long as the process.
# Short stacks of allocations, and freed memory that is kept for a while instead of until 256 MB: a third of the time.
SANITIZERS = {
    "ASAN_OPTIONS": "detect_container_overflow=0:allow_user_poisoning=0:malloc_context_size=4:quarantine_size_mb=32:detect_leaks=0:handle_abort=1:"
                    "symbolize=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def build(targets):
    cache = os.path.join(ROOT, "build", "CMakeCache.txt")
    prefix = re.search(r"^ONNXC_ONNX_PREFIX:PATH=(.*)$", open(cache).read(), re.M).group(1)
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        subprocess.run(["cmake", "--preset", "fuzz", f"-DONNXC_ONNX_PREFIX={prefix}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", BUILD, *(f"fuzz-{t}" for t in targets if t != "generated")], check=True, stdout=subprocess.DEVNULL)


def reader_seeds():
    """(name, bytes) for every reader, the first byte choosing it (ReadersTarget.cpp)."""
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    arrays = {
        "f32": np.arange(6, dtype=np.float32).reshape(2, 3),
        "i64": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "big": np.arange(3, dtype=">i2"),
        "text": np.array(["a", "bc", "\u00e4"]),
        "bytes": np.array([b"a", b"bc"]),
        "bool": np.array(True),
        "complex": np.array([1 + 2j], np.complex64),
        "empty": np.zeros((0, 3), np.float64),
    }
    for name, array in arrays.items():
        out = io.BytesIO()
        np.save(out, array)
        yield name + ".npy", b"\0" + out.getvalue()
    for name, save in (("stored", np.savez), ("deflated", np.savez_compressed)):
        out = io.BytesIO()
        save(out, **arrays)
        yield name + ".npz", b"\1" + out.getvalue()
    tensor = numpy_helper.from_array(arrays["f32"], "x")
    typed = helper.make_tensor("t", onnx.TensorProto.INT4, [3], [1, -2, 3])
    strings = helper.make_tensor("s", onnx.TensorProto.STRING, [2], [b"a", b"b"])
    for number, proto in enumerate((tensor, typed, strings)):
        yield f"tensor{number}.pb", b"\2" + proto.SerializeToString()
    sequence = numpy_helper.from_list([arrays["f32"], arrays["f32"]], "s")
    yield "sequence.pb", b"\3" + sequence.SerializeToString()
    yield "optional.pb", b"\4" + numpy_helper.from_optional(arrays["f32"], "o").SerializeToString()


def fill_corpus(target):
    """The seeds of a target, once; what fuzzing adds stays beside them."""
    corpus = os.path.join(BUILD, "corpus", target)
    if not os.path.isdir(corpus):
        os.makedirs(corpus)
        sys.path.insert(0, os.path.join(os.path.dirname(HERE), "conformance"))
        import cases

        work = os.path.join(ROOT, "build", "conformance")
        index = cases.generate(work)
        for name in index["cases"]:
            path = os.path.join(work, "cases", name, "model.onnx")
            if os.path.getsize(path) > SEED_BYTES:
                continue
            with open(path, "rb") as stream:
                data = stream.read()
            with open(os.path.join(corpus, name), "wb") as out:
                out.write(b"\5" + data if target == "readers" else data)
        if target == "readers":
            for name, data in reader_seeds():
                with open(os.path.join(corpus, name), "wb") as out:
                    out.write(data)
    kept = os.path.join(HERE, "corpus", target)
    if os.path.isdir(kept):
        for name in os.listdir(kept):
            shutil.copy(os.path.join(kept, name), os.path.join(corpus, "kept-" + name))
    return corpus


def read_totals():
    if os.path.exists(TOTALS):
        with open(TOTALS) as stream:
            return json.load(stream)
    return {}


def add_totals(target, executions, seconds, found):
    totals = read_totals()
    entry = totals.setdefault(target, {"executions": 0, "seconds": 0, "found": 0})
    entry["executions"] += executions
    entry["seconds"] += seconds
    entry["found"] += found
    with open(TOTALS + ".new", "w") as out:
        json.dump(totals, out, indent=1)
    os.replace(TOTALS + ".new", TOTALS)


def fuzz(target, seconds, nice):
    """Runs one target; after a finding again, until the time is over. Number of findings."""
    if target == "generated":
        import generated

        found = os.path.join(BUILD, "found", target)
        os.makedirs(found, exist_ok=True)
        executions, findings = generated.run(BUILD, seconds, time.monotonic, found)
        add_totals(target, executions, seconds, findings)
        return findings
    corpus = fill_corpus(target)
    found = os.path.join(BUILD, "found", target)
    os.makedirs(found, exist_ok=True)
    started, findings = time.monotonic(), 0
    while (left := seconds - (time.monotonic() - started)) > 0:
        before = set(os.listdir(found))
        command = [os.path.join(BUILD, "bin", f"fuzz-{target}"), corpus, f"-max_total_time={int(left) + 1}", "-timeout=10",
                   "-rss_limit_mb=4096", "-max_len=12000", "-print_final_stats=1", "-entropic=0", f"-artifact_prefix={found}/", "-reload=0"]
        begun = time.monotonic()
        log = os.path.join(BUILD, f"log.{target}")
        with open(log, "wb") as out:
            done = subprocess.run(["nice", "-n", str(nice), *command], stdout=out, stderr=out, env={**os.environ, **SANITIZERS})
        with open(log, errors="replace") as stream:
            said = stream.read()
        executions = sum(map(int, re.findall(r"number_of_executed_units: (\d+)", said)))
        new = sorted(set(os.listdir(found)) - before)
        # An input that is only slower than others is no finding.
        new = [name for name in new if not name.startswith("slow-unit-")]
        add_totals(target, executions, time.monotonic() - begun, len(new))
        for name in new:
            reason = [line for line in said.splitlines() if "ERROR" in line or "internal error" in line or "runtime error" in line]
            print(f"{target}: {os.path.join(found, name)}: {(reason or ['?'])[0].strip()[:300]}", flush=True)
            shutil.copy(log, os.path.join(found, name + ".log"))
        findings += len(new)
        if done.returncode and not new:
            print(f"{target}: the program ended with {done.returncode}, see {log}", flush=True)
            return findings + 1
    return findings


def show_totals():
    totals = read_totals()
    for target, entry in totals.items():
        print(f"{target}: {entry['executions']} executions in {entry['seconds']:.0f} s, {entry['found']} findings")
    print(f"{sum(e['executions'] for e in totals.values())} executions in all")


def main():
    parser = argparse.ArgumentParser(prog="test/fuzz/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", action="append", choices=(*TARGETS, "generated"))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--totals", action="store_true")
    parser.add_argument("--no-build", action="store_true", help="the targets are built already")
    options = parser.parse_args()
    if options.totals:
        show_totals()
        return 0
    targets = options.target or list(TARGETS)
    if not options.no_build:
        build(targets)
    findings = sum(fuzz(target, options.seconds, options.nice) for target in targets)
    show_totals()
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
