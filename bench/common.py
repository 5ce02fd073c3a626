"""What the footprint benchmarks share: the models to look at, and compiling one."""

import argparse
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
TESTS = os.path.join(ROOT, "test", "models")
sys.path.insert(0, HERE)

import models  # noqa: E402


def parser(name, text):
    result = argparse.ArgumentParser(
        prog="bench/" + name, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    build = os.path.join(ROOT, "build")
    result.add_argument("--work", default=os.path.join(build, "bench"))
    result.add_argument("--onnx-compile", default=os.path.join(build, "bin", "onnx-compile"))
    result.add_argument("--cc", default="cc")
    return result


def every_model(text):
    """(name, path, flags): the bench models and the rows of test/models/models.json."""
    sys.path.insert(0, TESTS)
    import onnx

    import run as model_tests

    for name in models.names("networks,singles"):
        if text in ("all", name):
            yield name, models.build(name), []
    with open(os.path.join(TESTS, "models.json")) as stream:
        table = json.load(stream)["models"]
    for row in table:
        path = model_tests.locate(row)
        if "skip" in row or not path or text not in ("all", row["name"]):
            continue
        yield row["name"], path, model_tests.pins(onnx.load(path), row["inputs"])


def compile_model(options, path, folder, flags):
    """Compiles into an empty `folder`; the error message, or None."""
    shutil.rmtree(folder, ignore_errors=True)
    done = subprocess.run(
        [options.onnx_compile, path, "-o", folder, *flags],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return f"compile: exit {done.returncode}: {(lines or [''])[0]}"


def artefact(folder, suffix):
    return os.path.join(folder, [f for f in os.listdir(folder) if f.endswith(suffix)][0])


def write_json(path, value):
    """Nothing without a path."""
    if path:
        with open(path, "w") as out:
            json.dump(value, out, indent=1)
