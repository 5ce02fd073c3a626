"""Perturbs the ONNX backend tests: one dim, rank, attribute or constant at a time (mutate.py).

    test/perturb/run [--filter PATTERN] [--mutants PATTERN] [--distinct] [--sample N [--part K]]
                     [--opt-level 0..3] [--jobs N] [--list OUTCOME,...] [--json FILE]

Every model that comes of it has to end in one of two ways: it compiles, runs, and what it computes
is what the ONNX reference evaluator or ONNX Runtime (unoptimised) computes; or it is refused, with
an exit code of the user's and a message that names a node, an input or an attribute. Internal
errors, signals, no answer in 10 s, and needing more than 4 GB are failures, whatever the model.

--filter takes tests whose name or operator matches, --mutants those of their mutants that match,
--sample every N-th mutant (by a hash of its name) and --part the K-th such sample, so that parts 0
to N-1 are all. Of the "_expanded" tests, whose nodes recur in many, it is one mutant in 16.
--distinct takes each change to an operator once, in one of its tests, and no "_expanded" ones.
Outcomes: same, refused, lenient (runs where both references refuse), known (known.txt: differences
that have a cause, with the cause), and those that fail: differs, unnamed, internal, crashed,
timeout. --list prints the mutants of further outcomes. Last line: "N passed, N failed". One run
needs build/bin/onnx-run and the conformance cases.
"""

import argparse
import collections
import concurrent.futures
import fnmatch
import json
import os
import shutil
import subprocess
import sys
import time
import zlib

import numpy
import onnx
from onnx import numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "conformance"))

import cases  # noqa: E402
import mutate  # noqa: E402
import references  # noqa: E402

BATCH = 12  # tests at a time
EXPANDED = 16  # of the mutants of an "_expanded" test, whose nodes recur in many, one in so many
SECONDS = 10  # for a mutant
FAILING = ("differs", "unnamed", "internal", "crashed", "timeout")


def read_case(folder):
    model = onnx.load(os.path.join(folder, "model.onnx"))
    inputs = {}
    for i, info in enumerate(model.graph.input):
        path = os.path.join(folder, "test_data_set_0", f"input_{i}.pb")
        if not os.path.exists(path) or not info.type.HasField("tensor_type"):
            continue
        tensor = onnx.TensorProto()
        with open(path, "rb") as stream:
            tensor.ParseFromString(stream.read())
        try:
            inputs[info.name] = numpy_helper.to_array(tensor)
        except Exception:
            pass
    return model, inputs


def readable(options, names):
    for name in names:
        try:
            model, inputs = read_case(os.path.join(options.cases, "cases", name))
        except Exception:
            continue
        if sum(info.type.HasField("tensor_type") for info in model.graph.input) == len(inputs):
            yield name, model, inputs  # sequences and optionals have no form in the C interface


def each_once(options, names, index):
    """{test: labels}: each change to an operator in one of its tests, which a hash decides."""
    tests = {}
    for name, model, inputs in readable(options, names):
        if "_expanded" in name:
            continue

        def collect(label):
            tests.setdefault((index[name]["subject"][1], label), []).append(name)
            return False

        list(mutate.mutants(model, inputs, collect))
    chosen = {}
    for (_, label), having in tests.items():
        name = min(having, key=lambda name: zlib.crc32(f"{label} {name}".encode()))
        chosen.setdefault(name, set()).add(label)
    return chosen


def mutants_of(options, names):
    for name, model, inputs in readable(options, names):
        one_in = EXPANDED if "_expanded" in name else 1

        def wanted(label):
            if options.chosen is not None and label not in options.chosen.get(name, ()):
                return False
            place = zlib.crc32(f"{name} {label}".encode())
            return (place % one_in == 0 and place // one_in % options.sample == options.part
                    and fnmatch.fnmatchcase(label, options.mutants))

        for label, changed, given in mutate.mutants(model, inputs, wanted):
            yield name, label, changed, given


def prepare(folder, tolerances, name, model, inputs):
    """The mutant as a test without outputs, which says whether it runs."""
    data = os.path.join(folder, "test_data_set_0")
    os.makedirs(data)
    with open(os.path.join(folder, "model.onnx"), "wb") as out:
        out.write(model.SerializeToString())
    shutil.copy(os.path.join(tolerances, "cases", name, "data.json"), folder)
    with open(os.path.join(folder, "data.json")) as stream:
        limits = json.load(stream)
    limits["atol"] = max(limits.get("atol", 0), 1e-5)
    halves = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    if any(value.type.tensor_type.elem_type in halves for value in model.graph.output):
        # The references round to 16 bits after every step, the compiler at the end: the last two bits may differ.
        limits["rtol"] = max(limits.get("rtol", 0), 2.0 ** -9)
    with open(os.path.join(folder, "data.json"), "w") as out:
        json.dump(limits, out)
    references.write_values(data, "input", [inputs[i.name] for i in model.graph.input if i.name in inputs])


def ask(compute, model, inputs, folder):
    """Writes what a reference computes; why it does not, if it does not."""
    try:
        values = compute(model, inputs)
        for info, value in zip(model.graph.output, values):
            wanted = info.type.tensor_type.elem_type
            if wanted and numpy.asarray(value).dtype != onnx.helper.tensor_dtype_to_np_dtype(wanted):
                return f"{info.name} has type {numpy.asarray(value).dtype}"
        if not references.write_values(os.path.join(folder, "test_data_set_0"), "output", values):
            return "no tensor"
        return ""
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300]


def run_tests(options, work, folders, seconds=SECONDS):
    """What onnx-run testcase says of each folder."""
    if not folders:
        return {}
    listing, out = os.path.join(work, "list.txt"), os.path.join(work, "out.jsonl")
    with open(listing, "w") as stream:
        stream.write("".join(folder + "\n" for folder in folders))
    if os.path.exists(out):
        os.remove(out)
    subprocess.run(
        [options.onnx_run, "testcase", "--list", listing, "--json", out, "--jobs=1", f"--timeout={seconds}",
         "--memory=4", f"--opt-level={options.opt_level}", "--quiet"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    results = {}
    if os.path.exists(out):
        with open(out) as stream:
            for line in stream:
                result = json.loads(line)
                results[result["directory"]] = result
    slow = [folder for folder, result in results.items() if result["status"] == "timeout"]
    if slow and seconds == SECONDS:  # the machine may have been busy: once more, with patience
        results.update(run_tests(options, work, slow, 6 * SECONDS))
    return results


def is_named(model, message):
    """Whether a message says which node or value it is about. Nameless nodes are called by their
    op; what is made of a node has its name with more behind it."""
    words = {value.name for value in model.graph.input} | {value.name for value in model.graph.output}
    words |= {tensor.name for tensor in model.graph.initializer}
    if "graph input " in message:
        return True
    for node in mutate.nodes(model.graph):
        words |= {node.name, *node.input, *node.output}
        if any(f"{before}{node.op_type}" in message for before in ("'", "(", "op ", "operator ", "onnx.")):
            return True
    return any(f"'{word}" in message or f"({word}" in message for word in words if word)


def judge(result, model, has_reference):
    """The outcome of a mutant and a remark; None when the other reference has to be asked."""
    if result is None:
        return "crashed", "onnx-run ended without a result"
    status, message = result["status"], result.get("message", "")
    if status in ("crashed", "timeout"):
        return status, f"{result['stage']}: {message}"
    if status == "passed":
        return ("same", "") if has_reference else None
    if result.get("code", 1) >= 64:
        return "internal", message
    if result["stage"] == "compare":
        return None
    return ("refused" if is_named(model, message) else "unnamed"), message


def run_batch(options, worker, names):
    """[(test, label, outcome, remark)] of all mutants of some tests."""
    work = os.path.join(options.work, f"worker.{worker}")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    made = list(mutants_of(options, names))
    folders = [os.path.join(work, f"m{i}") for i in range(len(made))]

    def first(i):
        name, _, model, inputs = made[i]
        prepare(folders[i], options.cases, name, model, inputs)
        return ask(references.onnx_reference, model, inputs, folders[i])

    said = references.in_children(len(made), first)
    results = run_tests(options, work, [folder for folder in folders if os.path.exists(folder)])
    verdicts = {}
    for i, folder in enumerate(folders):
        verdicts[i] = judge(results.get(folder), made[i][2], said[i] == "")

    # The other reference, where the first has nothing to say or says something else.
    doubtful = [i for i in verdicts if verdicts[i] is None]

    def second(k):
        _, _, model, inputs = made[doubtful[k]]
        return ask(references.onnx_runtime, model, inputs, folders[doubtful[k]])

    other = dict(zip(doubtful, references.in_children(len(doubtful), second)))
    again = run_tests(options, work, [folders[i] for i in doubtful if other[i] == ""])
    for i in doubtful:
        before, after = results[folders[i]], again.get(folders[i])
        if after and after["status"] == "passed":
            verdicts[i] = ("same", "as ONNX Runtime")
        elif said[i] != "" and other[i] != "":
            verdicts[i] = ("lenient", f"{said[i]} | {other[i]}")
        elif after and after["status"] in ("crashed", "timeout"):
            verdicts[i] = (after["status"], after["message"])
        else:
            verdicts[i] = ("differs", (after or before).get("message", ""))
    rows = []
    for i, (name, label, _, _) in enumerate(made):
        outcome, remark = verdicts[i]
        rows.append((name, label, outcome, remark if isinstance(remark, str) else str(remark)))
    shutil.rmtree(work, ignore_errors=True)
    return rows


def read_known():
    """[(pattern, cause)] of known.txt; a pattern is of "test [label]"."""
    rows = []
    with open(os.path.join(HERE, "known.txt")) as stream:
        for line in stream:
            line = line.split("#")[0].strip()
            if line:
                pattern, cause = line.split("|", 1)
                rows.append((pattern.strip(), cause.strip()))
    return rows


def is_selected(options, name, entry):
    pattern = options.filter
    return not pattern or pattern in name or fnmatch.fnmatchcase(name, pattern) or pattern == entry["subject"][1]


def main():
    parser = argparse.ArgumentParser(
        prog="test/perturb/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--filter", metavar="PATTERN")
    parser.add_argument("--mutants", metavar="PATTERN", default="*")
    parser.add_argument("--sample", type=int, default=1, metavar="N")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--distinct", action="store_true", help="each change to an operator in one of its tests only")
    parser.add_argument("--part", type=int, default=0, metavar="K")
    parser.add_argument("--opt-level", choices=("0", "1", "2", "3"), default="1")
    parser.add_argument("--list", default="", metavar="OUTCOME,...")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--cases", default=os.path.join(ROOT, "build", "conformance"))
    parser.add_argument("--work", default=os.path.join(ROOT, "build", "perturb"))
    parser.add_argument("--onnx-run", default=os.path.join(ROOT, "build", "bin", "onnx-run"))
    options = parser.parse_args()
    if not os.path.exists(options.onnx_run):
        print(f"perturb: {options.onnx_run} is missing: build first", file=sys.stderr)
        return 1
    index = cases.generate(options.cases)
    names = [name for name in sorted(index["cases"]) if is_selected(options, name, index["cases"][name])]
    options.chosen = each_once(options, names, index["cases"]) if options.distinct else None
    known, listed = read_known(), set(options.list.split(",")) | set(FAILING)
    batches = [names[k : k + BATCH] for k in range(0, len(names), BATCH)]
    counts, causes, rows, started = collections.Counter(), collections.Counter(), [], time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        waiting = [pool.submit(run_batch, options, k, batch) for k, batch in enumerate(batches)]
        for done, future in enumerate(waiting):
            for name, label, outcome, remark in future.result():
                title = f"{name} [{label}]"
                cause = next((c for p, c in known if fnmatch.fnmatchcase(title, p)), None)
                if outcome == "differs" and cause:
                    outcome = "known"
                    causes[cause] += 1
                counts[outcome] += 1
                rows.append({"test": name, "mutant": label, "outcome": outcome, "remark": remark})
                if outcome in listed:
                    print(f"{outcome}: {title}: {' '.join(remark.split())[:300]}", flush=True)
            if done % 10 == 9:
                print(f"[perturb {time.monotonic() - started:5.0f}s] {done + 1} of {len(batches)} batches, "
                      f"{sum(counts.values())} mutants", flush=True)
    if options.json:
        with open(options.json, "w") as out:
            json.dump(rows, out, indent=0)
    for cause, number in causes.most_common():
        print(f"known, {number}: {cause}")
    print(", ".join(f"{counts[outcome]} {outcome}" for outcome in sorted(counts)) or "nothing ran")
    failed = sum(counts[outcome] for outcome in FAILING)
    print(f"{sum(counts.values()) - failed} passed, {failed} failed")
    return 1 if failed or not counts else 0


if __name__ == "__main__":
    sys.exit(main())
