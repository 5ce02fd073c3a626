"""Exports of real architectures, compiled and compared with ONNX Runtime.

    test/exports/run [--filter PATTERN] [--exporter torchscript|dynamo|file] [--jobs N]
                     [--json FILE] [--list] [--export-only] [--limit SECONDS]

Each row of architectures/ is exported (kept under build/exports until the row
changes), compiled with -O3 with its dynamic dims kept, and run at each of its
sizes. A line per export: verdict, CPU seconds of the compiler, megabytes of
weights, worst error in parts of the largest value. An export fails that does
not compile, gives other values, or takes more than 20 s and 0.15 s per
megabyte to compile. What the exporter or ONNX Runtime cannot do is skipped.
Last line: "N passed, N failed, N skipped of N architectures".
"""

import argparse
import concurrent.futures
import fnmatch
import json
import os
import resource
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CACHE = os.path.join(ROOT, "build", "exports")
BIN = os.path.join(ROOT, "build", "bin")
sys.path.insert(0, HERE)

import numpy  # noqa: E402

import architectures  # noqa: E402
from agree import difference  # noqa: E402

EXPORT_SECONDS = 400
COMPILE_SECONDS, SECONDS_PER_MEGABYTE = 20, 0.15


def limited(command, seconds):
    """(exit code, last line said, CPU seconds) of a child of at most so many CPU seconds and 8 GB."""
    def limits():
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
        resource.setrlimit(resource.RLIMIT_AS, (64 << 30, 64 << 30))
        os.nice(5)

    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", preexec_fn=limits)
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, said.strip(), usage.ru_utime + usage.ru_stime


def exported(row, exporter):
    """(folder, reason): the folder of an export that is there now, or why there is none."""
    folder = os.path.join(CACHE, f"{row.name}.{exporter}.{row.key(exporter)}")
    stamp = os.path.join(folder, "done")
    if not os.path.exists(stamp):
        code, said, _ = limited([sys.executable, os.path.join(HERE, "export.py"), row.name, exporter, folder], EXPORT_SECONDS)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "log"), "w") as out:
            out.write(said)
        with open(stamp, "w") as out:
            lines = said.splitlines()
            out.write("" if code == 0 else lines[-1] if code == 3 and lines else f"export ends with code {code}")
    with open(stamp) as stream:
        return folder, stream.read()


def tried(row, exporter, limit):
    """The outcome of one export, as a dict."""
    outcome = dict(name=row.name, exporter=exporter, cpu=0.0, megabytes=0.0, error=0.0, runs=0)
    folder, reason = exported(row, exporter)
    if reason:
        return dict(outcome, verdict="skipped", why=reason)
    with open(os.path.join(folder, "row.json")) as stream:
        about = json.load(stream)
    allowed = COMPILE_SECONDS + SECONDS_PER_MEGABYTE * about["megabytes"]
    outcome.update(megabytes=about["megabytes"], nodes=about["nodes"], runs=about["runs"], dynamic=about["dynamic"])
    model = os.path.join(folder, "model.onnx")
    code, said, cpu = limited([os.path.join(BIN, "onnx-compile"), model, "-o", folder, "--name=m", "--emit=shared", "--target=native",
                               *row.options], max(limit, allowed))
    outcome["cpu"] = cpu
    if code:
        lines = [line for line in said.splitlines() if "error" in line] or said.splitlines() or [""]
        why = f"not compiled in {cpu:.0f} s of CPU" if code < 0 and cpu > limit - 2 else f"exit {code}: {lines[0]}"
        return dict(outcome, verdict="failed", why=why)
    for k in range(about["runs"]):
        out = os.path.join(folder, f"out_{k}.npz")
        code, said, _ = limited([os.path.join(BIN, "onnx-run"), "run", os.path.join(folder, "m.so"), "--input=" + os.path.join(folder, f"in_{k}.npz"),
                                 "--output=" + out], 300)
        if code:
            return dict(outcome, verdict="failed", why=f"size {k}: exit {code}: {said.splitlines()[-1] if said else ''}")
        with numpy.load(os.path.join(folder, f"want_{k}.npz")) as want, numpy.load(out) as got:
            error, why = difference(dict(want), dict(got), row.compare, row.tolerance)
        outcome["error"] = max(outcome["error"], error)
        if why:
            return dict(outcome, verdict="failed", why=f"size {k}: {why}")
    if cpu > allowed:
        return dict(outcome, verdict="failed", why=f"{cpu:.0f} s of CPU to compile, wanted {allowed:.0f} s")
    return dict(outcome, verdict="right", why="; ".join(about["left_out"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="*")
    parser.add_argument("--exporter", default="*")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--export-only", action="store_true")
    parser.add_argument("--limit", type=float, default=60, help="CPU seconds after which a compilation is given up")
    options = parser.parse_args()

    rows = [(row, exporter) for row in architectures.load(options.filter).values() for exporter in row.exporters
            if fnmatch.fnmatch(row.name, options.filter) and fnmatch.fnmatch(exporter, options.exporter)]
    if options.list:
        print("\n".join(f"{row.name:44} {exporter}" for row, exporter in rows))
        return 0
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        if options.export_only:
            for (row, exporter), (_, reason) in zip(rows, pool.map(lambda r: exported(*r), rows)):
                print(f"{row.name:44} {exporter:12} {reason or 'exported'}", flush=True)
            return 0
        for o in pool.map(lambda r: tried(*r, options.limit), rows):
            outcomes.append(o)
            print(f"{o['name']:44} {o['exporter']:12} {o['verdict']:8} {o['cpu']:6.1f} s {o['megabytes']:7.2f} MB {o['runs']} sizes, worst {o['error']:.1e}  {o['why'][:300]}", flush=True)
    if options.json:
        with open(options.json, "w") as out:
            json.dump(outcomes, out, indent=1)
    count = lambda verdict: sum(o["verdict"] == verdict for o in outcomes)  # noqa: E731
    names = len({o["name"] for o in outcomes if o["verdict"] != "skipped"})
    print(f"{count('right')} passed, {count('failed')} failed, {count('skipped')} skipped; {len(outcomes) - count('skipped')} exports of {names} architectures")
    return 1 if count("failed") or not count("right") else 0


if __name__ == "__main__":
    sys.exit(main())
