"""Graphs of exports without their weights, compiled and compared in CI.

    graphs.py [--filter PATTERN] [--json FILE]          last line: "N passed, N failed"
    graphs.py --strip NAME EXPORTER                     makes graphs/NAME.EXPORTER.onnx of an export that is in the cache

A stripped graph has no bytes for weights above 256 bytes: each says how to
draw it, like the original's values in mean and spread, in its doc_string. The
model's metadata say which runs to make. Weights and inputs are drawn from a
seed when the test runs; what is right ONNX Runtime says then.
"""

import argparse
import fnmatch
import glob
import json
import os
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
GRAPHS = os.path.join(HERE, "graphs")
BIN = os.path.join(ROOT, "build", "bin")
sys.path.insert(0, HERE)

import numpy  # noqa: E402
import onnx  # noqa: E402

from agree import difference  # noqa: E402

MOST_BYTES = 256
DRAWN = "drawn: "  # how the doc_string of a stripped tensor begins


def tensors(graph):
    """Every tensor of a graph, in a fixed order."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            if attribute.HasField("g"):
                yield from tensors(attribute.g)


def spread(values):
    """What `draw` needs to make values like these."""
    if values.dtype.kind == "f":
        if values.ndim > 1 or values.min() < 0:
            return dict(mean=round(float(values.mean()), 6), std=round(float(values.std()), 6))
        return dict(low=round(float(values.min()), 6), high=round(float(values.max()), 6))
    return dict(low=int(values.min()), high=int(values.max()))


def draw(about, shape, dtype, generator):
    if "std" in about:
        return (about["mean"] + about["std"] * generator.standard_normal(shape)).astype(dtype)
    if numpy.dtype(dtype).kind == "f":
        return generator.uniform(about["low"], about["high"], shape).astype(dtype)
    return generator.integers(about["low"], about["high"] + 1, shape).astype(dtype)


def shorten(graph, short):
    """Exporters name a value by its whole way in the network: a number says as much here. Inputs' and outputs' names of the model stay."""
    named = lambda name: short.setdefault(name, f"v{len(short)}") if name else ""  # noqa: E731
    for tensor in graph.initializer:
        tensor.name = named(tensor.name)
    for value in (*graph.input, *graph.output, *graph.value_info):
        value.name = named(value.name)
    for node in graph.node:
        node.ClearField("name")
        node.input[:] = [named(x) for x in node.input]
        node.output[:] = [named(x) for x in node.output]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                shorten(attribute.g, short)


def strip(name, exporter):
    found = [os.path.dirname(path) for path in glob.glob(os.path.join(ROOT, "build", "exports", f"{name}.{exporter}.*", "row.json"))]
    if not found:
        sys.exit(f"{name}: no export by {exporter}; test/exports/run --export-only --filter {name} makes it")
    folder = max(found, key=os.path.getmtime)
    with open(os.path.join(folder, "row.json")) as stream:
        row = json.load(stream)
    model = onnx.load(os.path.join(folder, "model.onnx"))
    for tensor in tensors(model.graph):
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype.kind == "f" and values.nbytes > MOST_BYTES and numpy.isfinite(values).all() and len(numpy.unique(values)) > 16:
            for field in ("raw_data", "float_data", "double_data", "int32_data"):
                tensor.ClearField(field)
            tensor.doc_string = DRAWN + json.dumps(spread(values))
    for node in model.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    del model.graph.metadata_props[:]
    for value in model.graph.value_info:
        del value.metadata_props[:]
    shorten(model.graph, {value.name: value.name for value in (*model.graph.input, *model.graph.output)})
    runs = []
    for path in sorted(glob.glob(os.path.join(folder, "in_*.npz"))):
        with numpy.load(path) as feeds:
            runs.append({key: dict(shape=list(value.shape), type=value.dtype.name, **spread(value)) for key, value in feeds.items()})
    about = dict(runs=runs, **{key: row[key] for key in ("tolerance", "compare", "options")})
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {"test": json.dumps(about)})
    os.makedirs(GRAPHS, exist_ok=True)
    path = os.path.join(GRAPHS, f"{name}.{exporter}.onnx")
    with open(path, "wb") as out:
        out.write(model.SerializeToString())
    print(f"{path}: {os.path.getsize(path)} bytes, {len(model.graph.node)} nodes")


def fill(path):
    """(model with weights, what its metadata say)."""
    model = onnx.load(path)
    generator = numpy.random.default_rng(zlib.crc32(os.path.basename(path).encode()))
    for tensor in tensors(model.graph):
        if tensor.doc_string.startswith(DRAWN):
            about = json.loads(tensor.doc_string.removeprefix(DRAWN))
            values = draw(about, tuple(tensor.dims), onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type), generator)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    about = json.loads({p.key: p.value for p in model.metadata_props}["test"])
    about["runs"] = [{key: draw(x, tuple(x["shape"]), x["type"], generator) for key, x in run.items()} for run in about["runs"]]
    return model, about


def said(command):
    child = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    text = (child.stderr + child.stdout).strip().splitlines() or [""]
    return child.returncode, text[0]


def tried(path, folder):
    """(error, why it fails or None)."""
    import onnxruntime

    model, about = fill(path)
    file = os.path.join(folder, "model.onnx")
    onnx.save(model, file)
    code, text = said([os.path.join(BIN, "onnx-compile"), file, "-o", folder, "--name=m", "--emit=shared", "--target=native", *about["options"]])
    if code:
        return 1.0, f"exit {code}: {text}"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])
    fixed = dict(text.removeprefix("--value=").split("=") for text in about["options"] if text.startswith("--value="))
    types = {v.name: onnx.helper.tensor_dtype_to_np_dtype(v.type.tensor_type.elem_type) for v in model.graph.input}
    pinned = {key: numpy.array(int(value), types[key]) for key, value in fixed.items()}
    worst = 0.0
    for k, feeds in enumerate(about["runs"]):
        want = dict(zip([o.name for o in session.get_outputs()], session.run(None, {**feeds, **pinned})))
        given, out = os.path.join(folder, "in.npz"), os.path.join(folder, "out.npz")
        numpy.savez(given, **feeds)
        code, text = said([os.path.join(BIN, "onnx-run"), "run", os.path.join(folder, "m.so"), "--input=" + given, "--output=" + out])
        if code:
            return 1.0, f"size {k}: exit {code}: {text}"
        with numpy.load(out) as got:
            error, why = difference(want, dict(got), about["compare"], about["tolerance"])
        worst = max(worst, error)
        if why:
            return worst, f"size {k}: {why}"
    return worst, None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="*")
    parser.add_argument("--json")
    parser.add_argument("--strip", nargs=2, metavar=("NAME", "EXPORTER"))
    options = parser.parse_args()
    if options.strip:
        strip(*options.strip)
        return 0
    outcomes = []
    for path in sorted(glob.glob(os.path.join(GRAPHS, "*.onnx"))):
        name = os.path.basename(path).removesuffix(".onnx")
        if not fnmatch.fnmatch(name, options.filter):
            continue
        with tempfile.TemporaryDirectory() as folder:
            error, why = tried(path, folder)
        outcomes.append(dict(name=name, error=error, why=why))
        print(f"{'failed' if why else 'passed'}: {name:44} worst {error:.1e}  {why or ''}", flush=True)
    if options.json:
        with open(options.json, "w") as out:
            json.dump(outcomes, out, indent=1)
    failed = sum(o["why"] is not None for o in outcomes)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
