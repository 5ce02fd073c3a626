"""Models and backend tests on the GPU: simulated, or a real card.

    test/gpu-sim/run [--device sim|cuda|auto] [--gpu sm_80] [--filter PATTERN] [--json out.json]
        runs the models of this file against ONNX Runtime, and the backend tests
        of node_list.txt against their data, and prints a table under the name
        of the card. A model fails when its output differs, when it launches
        nothing, or when it takes more device memory than its weights, its
        planned arena and 1 MB, or when one of its kernels misses the figures of
        figures.py (simulator; stack and spills where ptxas is). A listed test fails when any of its nodes stays on the host.
        Closes with a matrix product, 4096 x 4096 beside cuBLAS on a card, small
        in the simulator.
    test/gpu-sim/run --tenth
        the same with every tenth of the listed backend tests.
    test/gpu-sim/run MODEL.onnx ...
        runs these models on random inputs instead (`onnx-run verify`) and says
        which kernels miss the figures.
    test/gpu-sim/run --update
        runs all backend tests of test/conformance/pass_list.txt and writes those
        that pass with every node on the device to node_list.txt, which may
        only grow.
    test/gpu-sim/run --assemble
        compiles all of test/models/models.json instead and looks at the kernels'
        code only: ptxas must take them for every architecture of figures.py,
        without stack or spills.
    test/gpu-sim/run --kernels
        also prints what each kernel of the models did (simulator).

Models come from $ONNX_COMPILE_MODELS; what is not there is skipped.
"""

import argparse
import fnmatch
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import onnx
from onnx import TensorProto, helper

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TEST = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(TEST, "models"), os.path.join(TEST, "conformance")]

import devices  # noqa: E402
import figures  # noqa: E402
import runner  # noqa: E402
import transformer  # noqa: E402

NODE_LIST = os.path.join(HERE, "node_list.txt")
# Rows of test/models/models.json, and the one that transformer.py makes.
MODELS = ["squeezenet_fp16", "kws_fp32", "mlperf_resnet8", "mlperf_vww96", "ultraface320", "superres", "nsnet2_plc", "transformer"]
RUNS = 2
SLACK = 1 << 20  # device memory beyond weights and arena, in bytes


def module(name, path):
    """The run.py of another folder, under a name of its own."""
    spec = importlib.util.spec_from_file_location(name, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


models = module("models_run", os.path.join(TEST, "models", "run.py"))
conformance = module("conformance_run", os.path.join(TEST, "conformance", "run.py"))


def summary_of(folder, name):
    """What the runner wrote about one model or test, or None."""
    path = os.path.join(folder, name + ".json")
    if not os.path.exists(path):
        return None
    with open(path) as stream:
        return json.load(stream)


def ratio(above, below):
    return f"{above / below:.2f}" if below else "-"


def describe(result):
    """The columns of the table: of the kernels, fewest threads, most sectors and fewest FMAs a load of shared memory."""
    kernels = result["kernels"].values()
    threads = min((k["threads_per_block"] for k in kernels), default="-")
    sectors, fmas = figures.extremes(result["kernels"], result["mappings"])
    spilled = "-" if result.get("spilled") is None else result["spilled"]
    return f"{result['launches']:8} {len(kernels):7} {threads:>7} {sectors:>7} {fmas:>8} {result.get('peak_bytes', 0):>10} {spilled:>7}"


def model_rows(options):
    """(name, row, path or None) of the models that are asked for."""
    with open(os.path.join(TEST, "models", "models.json")) as stream:
        table = {row["name"]: row for row in json.load(stream)["models"]}
    for name in MODELS:
        if options.filter and not (options.filter in name or fnmatch.fnmatch(name, options.filter)):
            continue
        if name == "transformer":
            path = os.path.join(options.work, name + ".onnx")
            transformer.write(path)
            yield name, {"name": name, "rule": "float", "inputs": transformer.INPUTS}, path
        else:
            yield name, table[name], models.locate(table[name])


def built_file(folder, ending):
    return next((os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(ending)), None)


def check_figures(result, built, options, device):
    """A line for each limit that the model or one of its kernels misses."""
    with open(built_file(built, ".report.json")) as stream:
        gpu = json.load(stream)["gpu"]
    limit = gpu["weight_bytes"] + gpu["arena_bytes"] + SLACK
    lines = [f"took {result['peak_bytes']} bytes of the device (limit {limit})"] if result.get("peak_bytes", 0) > limit else []
    stacks = figures.stacks(built_file(built, ".ptx"))
    result["spilled"] = None if stacks is None else sum(stacks.values())
    return lines + (figures.misses(result["kernels"], result["mappings"], stacks) if device == "sim" and options.checks == "full" else [])


def run_model(options, device, name, row, path):
    options.runner = devices.runner(device, options.gpu, options.checks)
    conformance.plainly(options)
    result = models.check(options, name, row, "static", path)
    summary = summary_of(options.summaries, name) or {"launches": 0, "fallbacks": [], "kernels": {}, "errors": [], "mappings": []}
    result.update(summary)
    if result["status"] == "passed" and not summary["launches"]:
        result.update(status="failed", message="launched nothing on the device")
    if result["status"] == "passed":
        try:
            lines = check_figures(result, os.path.join(options.work, name, "built"), options, device)
        except RuntimeError as error:
            lines = [str(error)]
        if lines:
            result.update(status="failed", message="\n    ".join(lines))
    return result


def print_kernels(summary):
    for name, k in sorted(summary["kernels"].items()):
        print(f"    {name:32} {k['launches']:5} launches, {k['blocks']:7} blocks of {k['threads_per_block']:4} threads; sectors "
              f"{k['global_sectors']} ({ratio(k['global_sectors'], k['ideal_sectors'])} of ideal); {k['fmas']} FMAs, {k['mmas']} mma.sync, "
              f"{ratio(k['fmas'], k['shared_loads'])} FMAs a shared load; {k['barriers']} barriers")


def run_models(options, device):
    results, skipped = [], 0
    print(f"{'model':16} {'result':7} {'error':>7} {'launches':>8} {'kernels':>7} {'threads':>7} {'sectors':>7} {'FMA/load':>8} {'bytes':>10} {'spilled':>7}  on the host")
    for name, row, path in model_rows(options):
        if not path:
            skipped += 1
            print(f"{name:16} skipped  not in $ONNX_COMPILE_MODELS", flush=True)
            continue
        result = run_model(options, device, name, row, path)
        results.append(result)
        error = "" if result["error"] is None else f"{result['error']:.2g}"
        hosts = ", ".join(sorted({f"{f['node']} ({f['reason']})" for f in result["fallbacks"]}))
        print(f"{name:16} {result['status']:7} {error:>7} {describe(result)}  {hosts[:200] or 'nothing'}", flush=True)
        if result["message"]:
            print(f"    {result['message']}")
        if options.kernels:
            print_kernels(result)
    return results, skipped


def read_node_list():
    if not os.path.exists(NODE_LIST):
        return []
    with open(NODE_LIST) as stream:
        return [line.strip() for line in stream if line.strip() and not line.startswith("#")]


def run_nodes(options, device, names):
    """{name: (passed with every node on the device, why not)}"""
    options.runner = devices.runner(device, options.gpu, options.checks)
    conformance.plainly(options)
    results = conformance.run_all(options, options.work, names)
    verdicts = {}
    for name in names:
        result, summary = results[name], summary_of(options.summaries, name)
        if result["status"] != "passed":
            why = f"{result['status']} ({result.get('stage', '')}): " + (result.get("message") or "").split("\n")[0]
        elif not summary or not summary["launches"]:
            why = "launched nothing on the device"
        elif summary["fallbacks"]:
            why = "on the host: " + ", ".join(f"{f['node'] or 'a node'} ({f['reason']})" for f in summary["fallbacks"])
        else:
            why = ""
        verdicts[name] = (not why, why)
    return verdicts


def nodes(options, device):
    """(passed, failed) of the backend tests; with --update the new list is written."""
    work = os.path.join(ROOT, "build", "conformance")
    index = conformance.cases.generate(work)
    options.work, listed = work, read_node_list()
    names = sorted(conformance.read_pass_list() & set(index["cases"])) if options.update else [n for n in listed if n in index["cases"]]
    if options.tenth:
        names = names[::10]
    if options.filter:
        names = [n for n in names if options.filter in n or fnmatch.fnmatch(n, options.filter)]
    if not names:
        return 0, 0
    verdicts = run_nodes(options, device, names)
    whole = {name for name, (good, _) in verdicts.items() if good}
    lost = sorted(set(listed) & set(names) - whole)
    for name in lost:
        print(f"FAILED {name}: {verdicts[name][1]}")
    if not options.update:
        return len(whole), len(lost)
    reasons = {}
    for name, (good, why) in verdicts.items():
        if not good:
            reasons.setdefault(re.sub(r"'[^']*'|\d+", "…", why)[:120], []).append(name)
    for why, of in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"{len(of):5} {why}  ({of[0]})")
    if lost:
        print(f"node list not updated: {len(lost)} listed tests no longer pass")
        return len(whole), len(lost)
    with open(NODE_LIST, "w") as out:
        out.write("# ONNX backend tests that pass on the GPU simulator with every node on the device.\n")
        out.write("# Written by test/gpu-sim/run --update; it may only grow.\n")
        out.writelines(name + "\n" for name in sorted(whole | set(listed)))
    print(f"node list: {len(whole | set(listed))} tests ({len(whole - set(listed))} new)")
    return len(whole), 0


def gemm(options, device):
    """A matrix product in float and half on device memory: [(what, passed)]."""
    verdicts = []
    n, rounds = (4096, 20) if device == "cuda" else (64, 1)
    for kind, code in (("float", TensorProto.FLOAT), ("half", TensorProto.FLOAT16)):
        folder = os.path.join(options.work, f"gemm_{kind}")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        ports = [helper.make_tensor_value_info(name, code, [n, n]) for name in "abc"]
        graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"], "product")], "gemm", ports[:2], ports[2:])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), os.path.join(folder, "gemm.onnx"))
        command = [options.onnx_compile, os.path.join(folder, "gemm.onnx"), "-o", folder, "--emit=obj,gpu-llvm", f"--gpu={options.gpu}"]
        _, trouble = models.call(command, options.timeout)
        line = f"gemm {kind} {n} x {n}: "
        if not trouble:
            trouble, figures = run_gemm(folder, device, options, n, rounds)
        if not trouble and not figures["error"] <= 1:
            trouble = f"wrong: {figures['error']} of the error that rounding allows"
        if trouble:
            print(line + "failed: " + trouble)
        elif device == "cuda":
            share = f"{100 * figures['cublas'] / figures['milliseconds']:.0f} % of cuBLAS" if figures["cublas"] else "no cuBLAS here"
            print(line + f"{figures['milliseconds']:.3f} ms, {2e-9 * n**3 / figures['milliseconds']:.1f} TFLOP/s, {share}")
        else:
            print(line + "right")
        verdicts.append((f"gemm_{kind}", not trouble))
    return verdicts


def run_gemm(folder, device, options, n, rounds):
    """(error message or None, figures) of gemm.c with the compiled model."""
    environment, program = dict(os.environ), os.path.join(folder, "gemm")
    source = os.path.join(folder, "gemm_main.o")
    runner.call([runner.c_compiler(), "-std=gnu11", "-O1", "-I", os.path.join(ROOT, "runtime-lite", "include"), "-I",
                 os.path.join(ROOT, "runtime-lite", "cuda"), "-c", os.path.join(HERE, "gemm.c"), "-o", source])
    runner.link([source, os.path.join(folder, "gemm.o")], program)
    if device == "sim":
        runner.simulate(os.path.join(folder, "gemm"), options.gpu.split(",")[0], options.checks, folder, environment)
    compared = ["cublas"] if device == "cuda" else []
    done = subprocess.run([program, str(n), str(rounds), *compared], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=options.timeout)
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1], {}
    return None, json.loads(done.stdout)


def assemble(options):
    """(passed, failed, skipped) of all models whose kernels ptxas gets."""
    passed = failed = skipped = 0
    with open(os.path.join(TEST, "models", "models.json")) as stream:
        table = json.load(stream)["models"]
    for row in table:
        name, path = row["name"], models.locate(row)
        if options.filter and not (options.filter in name or fnmatch.fnmatch(name, options.filter)):
            continue
        folder = os.path.join(options.work, "assemble", name)
        shutil.rmtree(folder, ignore_errors=True)
        if not path or not figures.find_ptxas():
            skipped += 1
            print(f"{name:20} skipped  {'no ptxas' if path else 'not in $ONNX_COMPILE_MODELS'}", flush=True)
            continue
        command = [options.onnx_compile, path, "-o", folder, "--emit=ptx,report", f"--gpu={options.gpu}"]
        _, trouble = models.call(command + models.pins(onnx.load(path), row["inputs"]), options.timeout)
        count, lines = 0, [trouble]
        if not trouble:
            with open(built_file(folder, ".report.json")) as stream:
                mappings = json.load(stream)["gpu"]["mappings"]
            try:
                # The text is empty where nothing runs on the device.
                count, lines = figures.assembled_misses(built_file(folder, ".ptx"), mappings) if mappings else (0, [])
            except RuntimeError as error:
                lines = [str(error)]
        failed, passed = failed + bool(lines), passed + (not lines)
        print(f"{name:20} {'failed' if lines else 'passed'}  {count} kernels", flush=True)
        for line in lines:
            print("    " + line)
    return passed, failed, skipped


def verify(options, device):
    """The models named on the command line, on random inputs."""
    failed = 0
    for path in options.models:
        os.environ["ONNXC_TEST_NAME"] = os.path.basename(path)
        command = [options.onnx_run, "verify", path, "--against", "onnxruntime", "--gpu", options.gpu,
                   "--runner", devices.runner(device, options.gpu, options.checks)]
        failed += subprocess.run(command).returncode != 0
        summary = summary_of(options.summaries, os.path.basename(path))
        if summary:
            print(f"    {summary['launches']} launches; on the host: "
                  + (", ".join(f"{f['node']} ({f['reason']})" for f in summary["fallbacks"]) or "nothing"))
            for line in figures.misses(summary["kernels"], summary["mappings"], None):
                print("    " + line)
            if options.kernels:
                print_kernels(summary)
    return len(options.models) - failed, failed


def main():
    parser = argparse.ArgumentParser(
        prog="test/gpu-sim/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    build = os.path.join(ROOT, "build")
    parser.add_argument("models", nargs="*", metavar="MODEL.onnx")
    devices.add_options(parser)
    parser.set_defaults(gpu="sm_80")
    parser.add_argument("--filter", metavar="PATTERN")
    parser.add_argument("--kernels", action="store_true")
    parser.add_argument("--tenth", action="store_true", help="every tenth of the backend tests")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--assemble", action="store_true", help="all models, by ptxas only")
    parser.add_argument("--json", metavar="FILE", help="write the models' results there")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=int, default=600, metavar="SECONDS")
    parser.add_argument("--onnx-compile", default=os.path.join(build, "bin", "onnx-compile"))
    parser.add_argument("--onnx-run", default=os.path.join(build, "bin", "onnx-run"))
    options = parser.parse_args()
    if options.update and (options.filter or options.tenth or options.models):
        parser.error("--update needs a full run")
    options.target = options.features = None
    options.runs = RUNS
    options.work = os.path.join(build, "gpu-sim")
    try:
        device, card = devices.resolve(options.device)
        devices.runner(device, options.gpu)
    except devices.Missing as missing:
        print(f"gpu-sim: {missing}", file=sys.stderr)
        return 1
    os.makedirs(options.work, exist_ok=True)
    print(f"device: {card}; models compiled with --gpu={options.gpu}")
    with tempfile.TemporaryDirectory(prefix="summaries", dir=options.work) as options.summaries:
        os.environ["ONNXC_GPU_SUMMARY"] = options.summaries
        return run(options, device, card)


def run(options, device, card):
    if options.assemble:
        passed, failed, skipped = assemble(options)
        print(f"{passed} passed, {failed} failed, {skipped} skipped")
        return 1 if failed else 0
    if options.models:
        passed, failed = verify(options, device)
        print(f"{passed} passed, {failed} failed, 0 skipped")
        return 1 if failed else 0
    results, skipped = run_models(options, device) if not options.update else ([], 0)
    if options.json:
        with open(options.json, "w") as out:
            json.dump({"device": card, "results": results}, out, indent=1)
    products = [] if options.update or (options.filter and options.filter not in "gemm") else gemm(options, device)
    verdicts = [r["status"] == "passed" for r in results] + [good for _, good in products]
    passed, failed = verdicts.count(True), verdicts.count(False)
    node_passed, node_failed = nodes(options, device)
    print(f"models and products: {passed} of {len(verdicts)} right; backend tests with every node on the device: {node_passed}")
    print(f"{passed + node_passed} passed, {failed + node_failed} failed, {skipped} skipped")
    return 1 if failed or node_failed else 0


if __name__ == "__main__":
    sys.exit(main())
