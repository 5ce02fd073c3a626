"""Generated code under AddressSanitizer: models of the backend tests and what the fuzzing of
structure kept, with their dynamic dims at random sizes, on random inputs. Called by run.py.
"""

import os
import random
import shutil
import subprocess
import tempfile

import onnx

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def models(build):
    """Paths of small models, in a fixed order."""
    cases = os.path.join(ROOT, "build", "conformance", "cases")
    paths = [os.path.join(cases, name, "model.onnx") for name in sorted(os.listdir(cases))] if os.path.isdir(cases) else []
    for target in ("structure", "lower"):
        folder = os.path.join(build, "corpus", target)
        if os.path.isdir(folder):
            paths += [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if len(name) == 40]
    return paths


def shapes(path, chance):
    """--dims for every input with a dynamic dim."""
    try:
        graph = onnx.load(path, load_external_data=False).graph
    except Exception:
        return None
    sizes, options = {}, []
    for value in graph.input:
        dims = value.type.tensor_type.shape.dim
        picked = [d.dim_value if d.HasField("dim_value") else sizes.setdefault(d.dim_param, chance.choice([0, 1, 2, 3, 5, 8, 17])) for d in dims]
        if any(not d.HasField("dim_value") for d in dims):
            options.append(f"--dims={value.name}=" + ",".join(map(str, picked)))
    return options


def run(build, seconds, clock, found):
    """(executions, findings) of as many runs as fit into `seconds`."""
    tool = os.path.join(ROOT, "build", "bin", "onnx-run")
    chance, started = random.Random(int(clock())), clock()
    paths, executions, findings = models(build), 0, 0
    with tempfile.TemporaryDirectory() as work:
        while clock() - started < seconds:
            path, seed = chance.choice(paths), chance.randrange(1 << 30)
            options = shapes(path, chance)
            if options is None:
                continue
            command = [tool, "run", path, "--random", f"--seed={seed}", "--sanitize=address", f"--output={work}/out.npz", *options]
            if chance.randrange(2):
                command.append("--keep-dynamic")
            try:
                done = subprocess.run(command, capture_output=True, timeout=60, errors="replace")
            except subprocess.TimeoutExpired:
                continue
            except ValueError:  # a name with a NUL
                continue
            executions += 1
            if done.returncode in (0, 1) and "AddressSanitizer" not in done.stderr:
                continue
            findings += 1
            shutil.copy(path, os.path.join(found, f"generated-{seed}.onnx"))
            print("generated: " + " ".join(command) + "\n  " + done.stderr.strip()[:600], flush=True)
    return executions, findings
