"""Single quantised ops of random sizes against ONNX Runtime without optimisations.

    test/quantized/shapes [--count N] [--seed S] [--only KIND,...] [--target ROW] [--features=F] [--board BOARD]

Draws N ops of each kind (cases.py), puts them side by side into models, so that one compilation serves
many, and runs each model on three inputs. Integer ops are equal to ONNX Runtime, QDQ ops at most one
quantum off, float results within 1e-5 of the largest value. A wrong op is compiled once more alone and
kept as build/quantized/shapes/KIND_SEED.onnx. What ONNX Runtime does not do is skipped, and so counts what
known_failures.txt lists as "shapes KIND_SEED".
Last line: "N passed, N failed, N skipped".
"""

import argparse
import importlib.util
import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "targets")]

import numpy  # noqa: E402
import onnx  # noqa: E402
from onnx import helper, numpy_helper  # noqa: E402

import cases  # noqa: E402
import steps  # noqa: E402
import toolchains  # noqa: E402
from run import Trouble, call, known_failures  # noqa: E402

RUNS = 3
TOGETHER = 12  # ops of a model
CONTRIB = helper.make_opsetid(cases.MS, 1)


def value(name, array):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def model_of(chosen, wanted):
    """A model with these cases side by side; `wanted`: {output: array}."""
    nodes = [n for c in chosen for n in c.nodes]
    inputs = [value(name, arrays[0]) for c in chosen for name, arrays in c.inputs.items()]
    outputs = [value(name, wanted[name]) for c in chosen for name in c.outputs]
    weights = [numpy_helper.from_array(array, name) for c in chosen for name, array in c.weights.items()]
    graph = helper.make_graph(nodes, "main_graph", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", chosen[0].opset), CONTRIB], ir_version=10)


def reference(case):
    """[{output: array} per run], or the words with which ONNX Runtime refuses."""
    graph = helper.make_graph(case.nodes, "main_graph", [value(n, a[0]) for n, a in case.inputs.items()],
                              [onnx.ValueInfoProto(name=n) for n in case.outputs],
                              [numpy_helper.from_array(a, n) for n, a in case.weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", case.opset), CONTRIB], ir_version=10)
    try:
        session = steps.session(model)
        return [dict(zip(case.outputs, session.run(case.outputs, {n: a[i] for n, a in case.inputs.items()}))) for i in range(RUNS)]
    except Exception as error:  # noqa: BLE001  whatever class the runtime throws
        return str(error).splitlines()[0]


def compare(case, want, have):
    """A message, or None."""
    for name in case.outputs:
        w, h = want[name], have[name]
        if w.shape != h.shape or w.dtype != h.dtype:
            return f"got {h.dtype}{list(h.shape)}, wanted {w.dtype}{list(w.shape)}"
        if w.dtype.kind == "f":
            off = numpy.abs(w.astype(numpy.float64) - h)
            if not off.max(initial=0) <= case.floats * max(float(numpy.abs(w).max(initial=0)), 1e-30):
                return f"floats differ by up to {off.max():.3g}, largest value {numpy.abs(w).max():.3g}, {int((off > 0).sum())} of {w.size}"
            continue
        off = numpy.abs(w.astype(numpy.int64) - h.astype(numpy.int64))
        if off.max(initial=0) > case.quanta:
            return f"{int((off > case.quanta).sum())} of {w.size} differ by up to {off.max()} (allowed {case.quanta})"
    return None


def firmware():
    """test/firmware/run.py, whose name another module has."""
    if "firmware" not in sys.modules:
        spec = importlib.util.spec_from_file_location("firmware", os.path.join(os.path.dirname(HERE), "firmware", "run.py"))
        sys.modules["firmware"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["firmware"])
    return sys.modules["firmware"]


def count_plugin(folder):
    """The emulator's plugin that counts instructions, built in `folder`."""
    plugin = os.path.join(folder, "count.so")
    call(["cc", "-shared", "-fPIC", "-O2", os.path.join(os.path.dirname(HERE), "firmware", "count.c"), "-o", plugin])
    return plugin


def on_board(options, path, chosen, wanted, folder):
    """[{output: array} per run] of an image on an emulated board. Raises Trouble."""
    image = firmware().Image("shapes")
    image.models = [("m", path)]
    image.rounds = [[arrays[i] for c in chosen for arrays in c.inputs.values()] for i in range(RUNS)]
    image.wanted = [[(name, array, 0, 0) for name, array in want.items()] for want in wanted]
    try:
        elf = firmware().build(options, options.board, image, folder)
        data, _ = firmware().execute(options.board, elf, folder, image.rounds, options.plugin)
    except RuntimeError as error:
        raise Trouble(" ".join(str(error).split())[-300:]) from None
    results, at = [], 0
    for want in wanted:
        results.append({})
        for name, array in want.items():
            results[-1][name] = numpy.frombuffer(data, array.dtype, array.size, at).reshape(array.shape)
            at += array.nbytes
    return results


def compiled_results(options, chosen, wanted, folder):
    """[{output: array} per run]. Raises Trouble."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    path = os.path.join(folder, "model.onnx")
    onnx.save(model_of(chosen, wanted[0]), path)
    if options.board:
        return on_board(options, path, chosen, wanted, folder)
    suffix = toolchains.library_suffix(options.target)
    command = [options.onnx_compile, path, "-o", folder, "--name=m", "--emit=shared" if suffix == ".so" else "--emit=obj,header",
               f"--target={options.target or 'native'}"]
    call(command + ([f"--features={options.features}"] if options.features else []))
    results = []
    for i in range(RUNS):
        numpy.savez(os.path.join(folder, "in.npz"), **{n: a[i] for c in chosen for n, a in c.inputs.items()})
        run = [options.onnx_run, "run", os.path.join(folder, "m" + suffix), "--input=" + os.path.join(folder, "in.npz"),
               "--output=" + os.path.join(folder, "out.npz")]
        call(run + ([f"--runner={options.runner}"] if options.runner else []))
        with numpy.load(os.path.join(folder, "out.npz")) as data:
            results.append(dict(data))
    return results


def verdicts(options, chosen, wanted, folder):
    """{prefix: message or None}; a model that does not compile or run is taken apart."""
    try:
        results = [{name: wanted[c.prefix][i][name] for c in chosen for name in c.outputs} for i in range(RUNS)]
        have = compiled_results(options, chosen, results, folder)
    except Trouble as trouble:
        if len(chosen) == 1:
            return {chosen[0].prefix: str(trouble)}
        half = len(chosen) // 2
        return {**verdicts(options, chosen[:half], wanted, folder), **verdicts(options, chosen[half:], wanted, folder)}
    found = {}
    for c in chosen:
        messages = [compare(c, wanted[c.prefix][i], have[i]) for i in range(RUNS)]
        found[c.prefix] = next((m for m in messages if m), None)
    return found


def main():
    parser = argparse.ArgumentParser(prog="test/quantized/shapes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=24, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(cases.MAKERS), metavar="KIND,...")
    parser.add_argument("--target", metavar="ROW")
    parser.add_argument("--features")
    parser.add_argument("--board", choices=sorted(firmware().BOARDS), help="an emulated Cortex-M instead of a target")
    parser.add_argument("--json", metavar="FILE")
    build = os.path.join(ROOT, "build")
    parser.add_argument("--work", default=os.path.join(build, "quantized", "shapes"))
    parser.add_argument("--onnx-compile", default=os.path.join(build, "bin", "onnx-compile"))
    parser.add_argument("--onnx-run", default=os.path.join(build, "bin", "onnx-run"))
    options = parser.parse_args()
    options.runner = toolchains.runner(options.target)
    together = TOGETHER // 2 if options.board else TOGETHER  # an image has 16 inputs at most
    unknown = set(options.only.split(",")) - set(cases.MAKERS)
    if unknown:
        parser.error(f"--only: got {', '.join(sorted(unknown))}, wanted some of {', '.join(cases.MAKERS)}")
    os.makedirs(options.work, exist_ok=True)
    if options.board:
        options.plugin = count_plugin(options.work)
    known = {words[1] for words in known_failures() if words[0] == "shapes"} if not (options.target or options.board) else set()
    passed = failed = skipped = 0
    rows = []
    for kind in options.only.split(","):
        chosen, wanted = [], {}
        for seed in range(options.seed, options.seed + options.count):
            case = cases.make(kind, seed, f"{kind}_{seed}_", RUNS)
            result = reference(case)
            if isinstance(result, str):
                skipped += 1
                continue
            wanted[case.prefix] = result
            chosen.append(case)
        groups = [[c for c in chosen if c.opset == opset] for opset in sorted({c.opset for c in chosen})]
        parts = [group[i:i + together] for group in groups for i in range(0, len(group), together)]
        for part in parts:
            found = verdicts(options, part, wanted, os.path.join(options.work, "now"))
            for c in part:
                message, listed = found[c.prefix], c.prefix.rstrip("_") in known
                passed += message is None
                skipped += message is not None and listed
                failed += message is not None and not listed
                if listed and not message:
                    print(f"passes now, take it off known_failures.txt: shapes {c.prefix.rstrip('_')}")
                if not message or listed:
                    continue
                alone = verdicts(options, [c], wanted, os.path.join(options.work, "now"))[c.prefix]
                onnx.save(model_of([c], wanted[c.prefix][0]), os.path.join(options.work, c.prefix.rstrip("_") + ".onnx"))
                rows.append({"case": c.prefix.rstrip("_"), "text": c.text, "message": message, "alone": alone})
                print(f"{c.prefix.rstrip('_')}: {c.text}\n    {message}{'' if alone else ' (right when it is alone)'}", flush=True)
        print(f"{kind}: {len(chosen)} compared, {sum(r['case'].startswith(kind) for r in rows)} wrong", flush=True)
    shutil.rmtree(os.path.join(options.work, "now"), ignore_errors=True)
    if options.json:
        with open(options.json, "w") as out:
            json.dump(rows, out, indent=1)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
