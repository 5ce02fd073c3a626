"""Runs the ONNX backend tests through the compiled path: model to object, link, run, compare.

    test/conformance/run [--filter PATTERN] [--jobs N] [--json out.json] [--target ROW]
        runs every test (or those whose name contains PATTERN or matches it as a
        glob) and compares with pass_list.txt. Exit 1 when a listed test no
        longer passes. The closing line counts all tests that ran: a test that
        the compiler does not support counts as failed.
    test/conformance/run --target ROW [--features LIST] [--tenth]
        compiles for another row and runs under an emulator where the row is
        not this machine's (test/targets/toolchains.py): only the pass list,
        or every tenth test of it.
    test/conformance/run --sanitize [--listed]
        compiles with --sanitize=address and counts the sanitizer's reports; exit 1
        when there is one.
    test/conformance/run --gpu sm_80 [--device sim|cuda|auto]
        compiles the pass list for a GPU too, and runs it in the simulator or on
        a card (test/gpu-sim/devices.py). Says how many tests launched kernels
        and which nodes stayed on the host.
    test/conformance/run --no-reuse [--listed] [--tenth]
        compiles every test a second time, with --no-reuse (docs/debugging.md); both
        must compute the same, bit for bit where sums keep their order.
    test/conformance/run --listed
        runs only the tests of the pass list; the others count as skipped.
    test/conformance/run --update [--force]
        runs everything, rewrites pass_list.txt and docs/operators.md. The list
        only grows: a listed test that fails stops the update, unless --force.

One run needs build/bin/onnx-run; the cases are written to build/conformance.
"""

import argparse
import collections
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

import cases  # noqa: E402
import operators_table  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(HERE), "targets"))
import toolchains  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(HERE), "gpu-sim"))
import devices  # noqa: E402

PASS_LIST = os.path.join(HERE, "pass_list.txt")
OPERATORS = os.path.join(ROOT, "docs", "operators.md")
BATCH = 200


def read_pass_list():
    if not os.path.exists(PASS_LIST):
        return set()
    with open(PASS_LIST) as stream:
        lines = (line.split("#")[0].strip() for line in stream)
        return {line for line in lines if line}


def write_pass_list(names):
    with open(PASS_LIST, "w") as out:
        out.write("# ONNX backend tests that pass and must go on passing, one a line.\n")
        out.write("# Written by test/conformance/run --update; it may only grow.\n")
        for name in sorted(names):
            out.write(name + "\n")


def run_batch(options, work, names):
    """The results that one call of onnx-run wrote, by test name, and its last words."""
    suffix = "".join(f".{word}" for word in (options.target, options.gpu, options.sanitize and "sanitize") if word)
    list_path = os.path.join(work, f"list{suffix}.txt")
    out_path = os.path.join(work, f"results{suffix}.jsonl")
    with open(list_path, "w") as out:
        for name in names:
            out.write(os.path.join(work, "cases", name) + "\n")
    if os.path.exists(out_path):
        os.remove(out_path)
    command = [options.onnx_run, "testcase", "--list", list_path, "--json", out_path]
    command += ["--jobs", str(options.jobs)]
    if options.target:
        command += ["--target", options.target]
    if options.features:
        command += [f"--features={options.features}"]
    if options.gpu:
        command += ["--gpu", options.gpu]
    if options.sanitize:
        command += ["--sanitize", "address"]
    if options.memories:
        command.append(f"--memories={options.memories}")
    if options.weights_apart:
        command.append("--weights-apart")
    if options.no_reuse:
        command.append("--compare-no-reuse")
    if options.runner:
        # Emulators reserve more addresses than a test may use here.
        command += ["--runner", options.runner, "--memory", "0"]
    limit = 60 + 60 * len(names)
    try:
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=limit
        )
        trouble = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    except subprocess.TimeoutExpired:
        trouble = ["onnx-run testcase did not end"]
    results = {}
    if os.path.exists(out_path):
        with open(out_path) as stream:
            for line in stream:
                try:
                    result = json.loads(line)
                except ValueError:
                    continue
                results[os.path.basename(result["name"].rstrip("/"))] = result
    return results, (trouble or [""])[0]


def plainly(options):
    """Sets the ways of a run that another caller's options do not have."""
    options.sanitize = options.no_reuse = options.weights_apart = False
    options.memories = None


def run_all(options, work, names):
    """Every test gets a result. What is missing after a call is given to the next one; when a
    call brings no result at all, the first test of its list is taken for the cause."""
    results = {}
    started = time.monotonic()
    for first in range(0, len(names), BATCH):
        missing = names[first : first + BATCH]
        while missing:
            got, trouble = run_batch(options, work, missing)
            if not got:
                name = missing[0]
                got = {name: {"name": name, "status": "crashed", "stage": "onnx-run", "message": trouble}}
            results.update(got)
            missing = [name for name in missing if name not in results]
        passed = sum(result["status"] == "passed" for result in results.values())
        print(
            f"[conformance {time.monotonic() - started:5.0f}s] {len(results)} of {len(names)} run, "
            f"{passed} passed",
            flush=True,
        )
    return results


def select(options, index, listed):
    names = sorted(index["cases"])
    if options.listed or options.runner:
        names = [name for name in names if name in listed]
    if options.tenth:
        names = names[::10]
    if options.filter:
        pattern = options.filter
        names = [n for n in names if pattern in n or fnmatch.fnmatch(n, pattern)]
    return names


def prepare_summaries(options):
    """An empty folder that the runner writes to, a file for each test."""
    folder = os.path.join(options.work, f"gpu.{options.gpu}")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    os.environ["ONNXC_GPU_SUMMARY"] = folder
    return folder


def print_summaries(folder, passed):
    """How many of the tests that passed did so on the device, and what stayed on the host."""
    launched, whole, reasons = 0, 0, collections.Counter()
    for name in sorted(passed):
        path = os.path.join(folder, name + ".json")
        if not os.path.exists(path):
            continue
        with open(path) as stream:
            summary = json.load(stream)
        launched += summary["launches"] > 0
        whole += summary["launches"] > 0 and not summary["fallbacks"]
        reasons.update(fallback["reason"] for fallback in summary["fallbacks"])
    for reason, count in reasons.most_common():
        print(f"on the host, {count} nodes: {reason}")
    print(f"gpu: {launched} of {len(passed)} passing tests launched kernels, {whole} with no node on the host")


def main():
    parser = argparse.ArgumentParser(
        prog="test/conformance/run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--filter", metavar="PATTERN")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--json", metavar="FILE", help="write the results there")
    parser.add_argument("--target", metavar="ROW")
    parser.add_argument("--sanitize", action="store_true", help="AddressSanitizer in the generated code; counts reports")
    parser.add_argument("--features", metavar="LIST", help="LLVM features added to the target's")
    devices.add_options(parser)
    parser.add_argument("--memories", metavar="NAME=BYTES,...", help="memories that hold the arena")
    parser.add_argument("--weights-apart", action="store_true", help="weights in a file of their own")
    parser.add_argument("--no-reuse", action="store_true", help="compile each with --no-reuse too: both must compute the same")
    parser.add_argument("--tenth", action="store_true", help="every tenth of the selected tests")
    parser.add_argument("--listed", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--work", default=os.path.join(ROOT, "build", "conformance"))
    parser.add_argument("--onnx-run", default=os.path.join(ROOT, "build", "bin", "onnx-run"))
    options = parser.parse_args()
    if options.update and (options.filter or options.listed or options.target or options.tenth or options.gpu or options.sanitize
                           or options.no_reuse or options.memories or options.weights_apart):
        parser.error("--update needs a full run for this machine")
    if not os.path.exists(options.onnx_run):
        print(f"conformance: {options.onnx_run} is missing: build first", file=sys.stderr)
        return 1

    try:
        options.runner = toolchains.runner(options.target)
        if options.gpu:
            device, card = devices.resolve(options.device)
            options.runner = devices.runner(device, options.gpu, options.checks)
            summaries = prepare_summaries(options)
            print(f"[conformance] device: {card}", flush=True)
    except (toolchains.Missing, devices.Missing) as missing:
        print(f"conformance: {missing}", file=sys.stderr)
        return 1
    index = cases.generate(options.work)
    listed = read_pass_list()
    names = select(options, index, listed)
    results = run_all(options, options.work, names)

    passed = {name for name in names if results[name]["status"] == "passed"}
    by_status = collections.Counter(results[name]["status"] for name in names)
    if options.json:
        with open(options.json, "w") as out:
            json.dump({"onnx": index["onnx"], "results": [results[n] for n in names]}, out, indent=1)

    gone = sorted(listed - set(index["cases"])) if not options.filter else []
    regressions = sorted((listed & set(names)) - passed)
    for name in gone:
        print(f"listed but no such test in onnx {index['onnx']}: {name}")
    for name in regressions:
        result = results[name]
        reason = (result.get("message") or "").splitlines()
        print(f"REGRESSION {name}: {result['status']} ({result.get('stage', '')}): {(reason or [''])[0]}")

    failed_update = False
    if options.update:
        if regressions and not options.force:
            print(f"pass list not updated: {len(regressions)} listed tests no longer pass (--force overrides)")
            failed_update = True
        else:
            write_pass_list(passed)
            os.makedirs(os.path.dirname(OPERATORS), exist_ok=True)
            with open(OPERATORS, "w") as out:
                out.write(operators_table.render(index, results))
            print(f"pass list: {len(passed)} tests ({len(passed - listed)} new); docs/operators.md written")

    reports = []
    if options.sanitize:
        reports = [name for name in names if "AddressSanitizer" in (results[name].get("message") or "")]
        for name in reports:
            print(f"REPORT {name}: {results[name]['message']}")
        print(f"sanitizer: {len(reports)} reports")
    if options.gpu:
        print_summaries(summaries, passed)
    by_kind = collections.Counter(index["cases"][n]["kind"] for n in names)
    passed_by_kind = collections.Counter(index["cases"][n]["kind"] for n in passed)
    for kind in sorted(by_kind):
        share = 100.0 * passed_by_kind[kind] / by_kind[kind]
        print(f"{kind}: {passed_by_kind[kind]} of {by_kind[kind]} passed ({share:.1f} %)")
    print("status: " + (", ".join(f"{n} {s}" for s, n in sorted(by_status.items())) or "nothing ran"))
    if not options.update:
        print(f"pass list: {len(listed & set(names))} listed tests ran, {len(regressions)} regressions")
    skipped = len(index["cases"]) - len(names)
    print(f"{len(passed)} passed, {len(names) - len(passed)} failed, {skipped} skipped")
    return 1 if (failed_update or reports or gone or (regressions and not options.update)) else 0


if __name__ == "__main__":
    sys.exit(main())
