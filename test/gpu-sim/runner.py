"""Runs one model compiled with --gpu for `onnx-run --runner`.

    runner.py sim|cuda ARCH CHECKS MODEL.o

Links the object with the far end of onnx-run's protocol and the GPU runtime
(runtime-lite/cuda) and runs the program: in the simulator, for which the
kernels' LLVM IR (MODEL.gpu.ll, beside the object) is translated, or on the
machine's card. The program has this process's standard input and output.

With ONNXC_GPU_SUMMARY=FOLDER it writes FOLDER/NAME.json, NAME from
ONNXC_TEST_NAME or the model: {"launches", "fallbacks", "kernels", "errors", "mappings"},
from the compiler's report (MODEL.report.json) and the simulator's.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import devices  # noqa: E402


def call(command):
    """Runs a tool; its words become this program's when it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.stderr.buffer.write(done.stdout)
        sys.exit(f"runner.py: error: {os.path.basename(command[0])} failed with exit code {done.returncode}")


def c_compiler():
    return os.environ.get("CC") or next(filter(shutil.which, ("clang-22", "cc")), "cc")


def link(objects, program):
    """An executable of these and the GPU runtime."""
    call([c_compiler(), *objects, devices.RUNTIME, "-ldl", "-lm", "-o", program])


def read(path, otherwise):
    if not os.path.exists(path):
        return otherwise
    with open(path) as stream:
        return json.load(stream)


def simulate(stem, arch, checks, folder, environment):
    """Translates the kernels and puts the simulator before every other driver."""
    environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [devices.SIMULATOR, environment.get("LD_LIBRARY_PATH")]))
    environment["ONNXC_GPUSIM_REPORT"] = os.path.join(folder, "counters.json")
    environment["ONNXC_GPUSIM_ARCH"] = re.search(r"\d+", arch).group()
    # It is empty when every node stays on the host.
    if os.path.exists(stem + ".gpu.ll") and os.path.getsize(stem + ".gpu.ll"):
        kernels = os.path.join(folder, "kernels.so")
        call([devices.TRANSLATE, stem + ".gpu.ll", "-o", kernels, f"--checks={checks}"])
        environment["ONNXC_GPUSIM_KERNELS"] = kernels


def main():
    device, arch, checks, model = sys.argv[1:]
    stem = model[: -len(".o")]
    environment = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="gpu-sim") as folder:
        program = os.path.join(folder, "program")
        link([model, devices.REMOTE], program)
        if device == "sim":
            simulate(stem, arch, checks, folder, environment)
        code = subprocess.run([program], env=environment).returncode
        counters = read(os.path.join(folder, "counters.json"), {"kernels": {}, "errors": []})
    gpu = read(stem + ".report.json", {}).get("gpu", {})
    summaries = os.environ.get("ONNXC_GPU_SUMMARY")
    if summaries:
        name = os.environ.get("ONNXC_TEST_NAME") or os.path.basename(stem)
        launches = sum(k["launches"] for k in counters["kernels"].values()) if device == "sim" else gpu.get("launches", 0)
        summary = {"launches": launches, "fallbacks": gpu.get("fallbacks", []), **counters, "mappings": gpu.get("mappings", [])}
        with open(os.path.join(summaries, name + ".json"), "w") as out:
            json.dump(summary, out)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
