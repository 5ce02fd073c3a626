"""Exports one row of the table and computes what is right with ONNX Runtime.

    export.py NAME EXPORTER FOLDER

Leaves in FOLDER model.onnx, in_K.npz and want_K.npz for each size K that ONNX
Runtime runs, and row.json: megabytes of weights, dynamic dims, and why a size
was left out. Exit code 3: the exporter or ONNX Runtime does not do this row.
"""

import inspect
import json
import os
import shutil
import sys
import traceback
import warnings
import zlib

warnings.filterwarnings("ignore")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy  # noqa: E402
import onnx  # noqa: E402
import onnxruntime  # noqa: E402
import torch  # noqa: E402

import architectures  # noqa: E402


def draw_weights(net, gain=1.0):
    """Every parameter and running statistic from the generator: no layer scale of 1e-6, no head of zeros."""
    for module in net.modules():
        norm = "Norm" in type(module).__name__
        for name, p in list(module.named_parameters(recurse=False)) + list(module.named_buffers(recurse=False)):
            if not p.is_floating_point() or p.numel() == 0 or (isinstance(p, torch.Tensor) and not isinstance(p, torch.nn.Parameter) and not name.startswith("running_")):
                continue
            with torch.no_grad():
                if name == "running_var":
                    p.uniform_(0.5, 1.5)
                elif p.dim() > 1:
                    fan = p[0].numel()
                    p.normal_(0, gain * (1.4 / max(fan, 1)) ** 0.5)
                elif norm and name == "weight":
                    p.uniform_(0.8, 1.2)
                elif name in ("A_log", "dt_bias", "D"):
                    continue
                else:
                    p.normal_(0, 0.1)


def export(row, exporter, folder, path):
    net = row.make()
    if exporter == "file":
        shutil.copy(net, path)
        return
    net.eval()
    inputs = row.inputs(**row.sizes[0])
    if row.draw:
        draw_weights(net, row.gain)
        if hasattr(net, "settle"):  # what a network of drawn weights needs that its outputs say something
            with torch.no_grad():
                net.settle(*inputs.values())
    names = [f"y{k}" if row.outputs > 1 else "y" for k in range(row.outputs)]
    arguments = tuple(inputs.values())
    if exporter == "torchscript":
        torch.onnx.export(net, arguments, path, dynamo=False, opset_version=row.opset, input_names=list(inputs), output_names=names,
                          dynamic_axes=row.dynamic, do_constant_folding=True)
        return
    # A dim whose example is 1 would be taken for a constant.
    shapes = tuple({axis: torch.export.Dim.DYNAMIC for axis in row.dynamic.get(name, {}) if inputs[name].shape[axis] > 1} for name in inputs)
    if any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(net.forward).parameters.values()):
        shapes = (shapes,)
    torch.onnx.export(net, arguments, path, dynamo=True, opset_version=max(row.opset, 18), input_names=list(inputs), output_names=names,
                      dynamic_shapes=shapes if row.dynamic else None, external_data=False, verbose=False)


def weight_bytes(graph):
    total = sum(len(t.raw_data) or onnx.numpy_helper.to_array(t).nbytes for t in graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                total += weight_bytes(attribute.g)
            if attribute.HasField("t"):
                total += len(attribute.t.raw_data)
    return total


def main():
    name, exporter, folder = sys.argv[1:]
    row = architectures.load(name)[name]
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "model.onnx")
    torch.manual_seed(zlib.crc32(name.encode()))
    try:
        export(row, exporter, folder, path)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    except Exception as error:
        traceback.print_exc()
        lines = str(error).strip().splitlines() or [repr(error)]
        cause = [line for line in lines if line.startswith("<class")]  # in torch's long texts
        print("export fails:", (cause or lines)[0][:200])
        return 3
    model = onnx.load(path)
    wanted = {value.name for value in model.graph.input}
    left_out, done = [], 0
    for sizes in row.sizes:
        torch.manual_seed(zlib.crc32(repr((name, sizes)).encode()))
        feeds = {key: value.numpy() for key, value in row.inputs(**sizes).items() if key in wanted or exporter == "file"}
        fixed = dict(text.removeprefix("--value=").split("=") for text in row.options if text.startswith("--value="))
        types = {v.name: onnx.helper.tensor_dtype_to_np_dtype(v.type.tensor_type.elem_type) for v in model.graph.input}
        pinned = {key: numpy.array(int(value), types[key]) for key, value in fixed.items()}
        try:
            want = session.run(None, {**feeds, **pinned})
        except Exception as error:
            left_out.append(f"{sizes}: {str(error).splitlines()[0][:200]}")
            continue
        if not any(numpy.isfinite(value).any() for value in want if value.dtype.kind in "fiub"):
            left_out.append(f"{sizes}: every output is empty or NaN")
            continue
        numpy.savez(os.path.join(folder, f"in_{done}.npz"), **feeds)
        numpy.savez(os.path.join(folder, f"want_{done}.npz"), **dict(zip([o.name for o in session.get_outputs()], want)))
        done += 1
    dims = [f"{v.name}.{i}" for v in model.graph.input for i, d in enumerate(v.type.tensor_type.shape.dim) if not d.HasField("dim_value")]
    with open(os.path.join(folder, "row.json"), "w") as out:
        json.dump(dict(megabytes=weight_bytes(model.graph) / 1e6, nodes=len(model.graph.node), dynamic=dims, runs=done, left_out=left_out,
                       tolerance=row.tolerance, compare=row.compare, options=row.options), out)
    if not done:
        print("no size says what is right:", left_out[0])
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
