"""Random valid graphs against ONNX Runtime (unoptimised) and the ONNX reference.

    test/random/run --count N [--seed S] [--dynamic] [--no-reuse] [--jobs 2] [--generator own|nnsmith]
        makes the graphs of the seeds S, S+1, ... and compares what they compute. A graph that differs for a reason
        that README.md knows counts as explained; any other is reduced to the smallest graph that still differs and
        written to build/random/failures with the line that repeats it.
    test/random/run --repeat build/random/failures/NAME
        runs one of those again.

Without --dynamic, every second graph has dims that are not known when compiling. With --no-reuse every graph is also
compiled with that option, and both must compute the same.
The last line is "N passed, N failed"; explained differences count as passed and are listed by cause above it.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import queue
import shutil
import subprocess
import sys
import time

import numpy as np
import onnx
from onnx import numpy_helper

import by_nodes
import explained
import generate
import reduction
import reference

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BATCH = 100


def write_case(folder, case):
    data = os.path.join(folder, "test_data_set_0")
    os.makedirs(data)
    onnx.save(case.model, os.path.join(folder, "model.onnx"))
    for i, info in enumerate(case.model.graph.input):
        array = case.feeds[info.name]
        with open(os.path.join(data, f"input_{i}.pb"), "wb") as out:
            out.write(numpy_helper.from_array(np.asarray(array), info.name).SerializeToString())
    with open(os.path.join(folder, "data.json"), "w") as out:
        json.dump({"outputs": case.tolerance, "atol": max(case.tolerance.values())}, out)


class Judge:
    """Runs cases: references first, then our compiler, many to a call."""

    def __init__(self, options, work):
        self.options, self.work = options, work
        self.level = "3" if options.opt_level == "mixed" else options.opt_level
        self.workers = {kind: queue.Queue() for kind in ("ort", "onnx")}
        for kind in self.workers:
            for _ in range(options.jobs):
                self.workers[kind].put(reference.Worker(kind))

    def close(self):
        for workers in self.workers.values():
            while not workers.empty():
                workers.get().close()

    def ask(self, kind, folder):
        worker = self.workers[kind].get()
        try:
            return worker.ask(folder)
        finally:
            self.workers[kind].put(worker)

    def answer(self, folder):
        """Who gave the right values: (kind, what ONNX Runtime said); kind None where nobody could."""
        said = self.ask("ort", folder)
        if said == "ok":
            return "ort", said
        also = self.ask("onnx", folder)
        return ("onnx", said) if also == "ok" else (None, f"{said} | {also}")

    def judged(self, case, folder):
        kind, said = self.answer(folder)
        if kind == "onnx" and not explained.reference_judges(case):
            return None, "only the ONNX reference could run it, which is wrong on one of its ops"
        return kind, said

    def compiled(self, folders):
        """{folder: (status, stage, message)} of our compiler."""
        results, missing = {}, list(folders)
        listed, report = os.path.join(self.work, "list.txt"), os.path.join(self.work, "results.jsonl")
        while missing:
            with open(listed, "w") as out:
                out.write("\n".join(missing) + "\n")
            command = [self.options.onnx_run, "testcase", "--list", listed, "--json", report, "--quiet", "--timeout", "240",
                       "--jobs", str(self.options.jobs), "--opt-level", self.level]
            if self.options.no_reuse:
                command.append("--compare-no-reuse")
            if os.path.exists(report):
                os.remove(report)
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
            got = {}
            if os.path.exists(report):
                with open(report) as stream:
                    for line in stream:
                        try:
                            r = json.loads(line)
                        except ValueError:
                            continue
                        got[r["directory"]] = (r["status"], r["stage"], r["message"])
            if not got:
                got[missing[0]] = ("crashed", "onnx-run", done.stdout[-300:])
            results.update(got)
            missing = [f for f in missing if f not in results]
        return results

    def judge(self, cases):
        """{name: (verdict, text)}; verdicts: passed, explained, refused, failed, invalid."""
        shutil.rmtree(os.path.join(self.work, "cases"), ignore_errors=True)
        folders = {c.name: os.path.join(self.work, "cases", c.name) for c in cases}
        for c in cases:
            write_case(folders[c.name], c)
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            answers = dict(zip(folders, pool.map(self.judged, cases, folders.values())))
        verdicts = {n: ("invalid", said) for n, (kind, said) in answers.items() if kind is None}
        results = self.compiled([f for n, f in folders.items() if n not in verdicts])
        for c in cases:
            if c.name not in verdicts:
                verdicts[c.name] = self.verdict(c, folders[c.name], answers[c.name][0], *results[folders[c.name]])
        return verdicts

    def part(self, case, folder, message):
        """What computes the output that `message` speaks of, and its folder."""
        name = message.split("'")[1]
        model = onnx.ModelProto.FromString(case.model.SerializeToString())
        kept = next(o for o in model.graph.output if o.name == name)
        del model.graph.output[:]
        model.graph.output.append(kept)
        model = reduction.pruned(model)
        names = {i.name for i in model.graph.input}
        small = generate.Case(case.name, model, {k: v for k, v in case.feeds.items() if k in names}, {name: case.tolerance[name]})
        folder += ".part"
        shutil.rmtree(folder, ignore_errors=True)
        write_case(folder, small)
        return small, folder

    def explained_by_nodes(self, case, folder):
        folder += ".nodes"

        def write(small):
            shutil.rmtree(folder, ignore_errors=True)
            write_case(folder, small)
            return folder

        try:
            return by_nodes.explains(case, write, lambda f, kind: self.ask(kind, f) == "ok",
                                     lambda f: self.compiled([f])[f][0] == "passed")
        except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError):
            return False

    def verdict(self, case, folder, kind, status, stage, message):
        if status == "passed":
            return "passed", kind
        text = f"{status} ({stage}): {message}"
        if status == "unsupported":
            return "refused", text
        if status == "failed" and stage == "compare" and kind == "ort":
            # Where the two references differ, the specification decides.
            case, folder = self.part(case, folder, message)
            if explained.reference_judges(case) and self.ask("onnx", folder) == "ok" and self.compiled([folder])[folder][0] == "passed":
                reason = explained.references_differ(case, message)
                return ("explained", reason) if reason else ("failed", f"ONNX Runtime differs, the ONNX reference does not: {message}")
            reason = explained.references_differ(case, message)
            if reason and self.explained_by_nodes(case, folder):
                return "explained", reason
        return "failed", text


def report_failure(options, judge, case, text):
    small = case if options.no_reduction else reduction.reduce(case, judge, text)
    folder = os.path.join(options.work, "failures", case.name)
    shutil.rmtree(folder, ignore_errors=True)
    write_case(folder, small)
    np.savez(os.path.join(folder, "in.npz"), **small.feeds)
    nodes = ", ".join(n.op_type for n in small.model.graph.node if n.op_type != "Constant")
    print(f"FAILED {case.name}: {text.splitlines()[0][:400]}\n    {len(small.model.graph.node)} nodes left: {nodes}\n"
          f"    test/random/run --repeat {os.path.relpath(folder, ROOT)}", flush=True)


def read_case(folder):
    model, feeds = reference.load(folder)
    with open(os.path.join(folder, "data.json")) as stream:
        return generate.Case(os.path.basename(folder.rstrip("/")), model, feeds, json.load(stream)["outputs"])


def cases_of(options):
    if options.generator == "nnsmith":
        import nnsmith_graphs

        yield from nnsmith_graphs.cases(options)
        return
    for seed in range(options.seed, options.seed + options.count):
        dynamic = options.dynamic or not options.static and seed % 2 == 1
        yield generate.make(seed, generate.Options(dynamic=dynamic))


def main():
    p = argparse.ArgumentParser(prog="test/random/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--count", type=int, default=200)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--dynamic", action="store_true", help="every graph has dynamic dims")
    p.add_argument("--static", action="store_true", help="no graph has dynamic dims")
    p.add_argument("--no-reuse", action="store_true", help="compare with what --no-reuse computes too")
    p.add_argument("--generator", choices=("own", "nnsmith"), default="own")
    p.add_argument("--opt-level", choices=("0", "1", "2", "3", "mixed"), default="3",
                   help="mixed: -O3 for every fourth batch of graphs, -O0 for the others, which takes a fifth of the time")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--seconds", type=float, help="begin no further batch after this time")
    p.add_argument("--repeat", metavar="FOLDER")
    p.add_argument("--no-reduction", action="store_true")
    p.add_argument("--work", default=os.path.join(ROOT, "build", "random"))
    p.add_argument("--onnx-run", default=os.path.join(ROOT, "build", "bin", "onnx-run"))
    options = p.parse_args()
    options.work = os.path.abspath(options.work)
    os.makedirs(options.work, exist_ok=True)
    judge = Judge(options, options.work)
    if options.repeat:
        options.no_reduction, source = True, [read_case(options.repeat)]
    else:
        source = cases_of(options)
    started, totals, reasons, failures = time.monotonic(), collections.Counter(), collections.defaultdict(collections.Counter), []
    batch = []

    def flush():
        if options.opt_level == "mixed":
            judge.level = "3" if sum(totals.values()) // BATCH % 4 == 0 else "0"
        for name, (verdict, text) in judge.judge(batch).items():
            totals[verdict] += 1
            if verdict in ("explained", "refused"):
                reasons[verdict][text if verdict == "explained" else explained.shortened(text)] += 1
            elif verdict == "invalid":
                reasons[verdict][text[:160]] += 1
            elif verdict == "failed":
                failures.append((name, text))
                if options.repeat:
                    print(text)
                else:
                    report_failure(options, judge, next(c for c in batch if c.name == name), text)
        batch.clear()
        print(f"[random {time.monotonic() - started:5.0f}s] {sum(totals.values())} graphs: "
              + ", ".join(f"{n} {v}" for v, n in sorted(totals.items())), flush=True)

    for case in source:
        batch.append(case)
        if len(batch) == BATCH:
            flush()
            if options.seconds and time.monotonic() - started > options.seconds:
                break
    if batch:
        flush()
    judge.close()
    for verdict, counts in sorted(reasons.items()):
        for reason, n in counts.most_common(40):
            print(f"{verdict}, {n}: {reason}")
    print(f"{totals['passed'] + totals['explained']} passed, {totals['failed']} failed")
    return 1 if totals["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
