"""Where models compiled with --gpu run in tests: the simulator, or a real card.

resolve(wanted) says which device it is; runner(device, gpu) is the command for
`onnx-run --runner`: runner.py, which links the model's object with the GPU
runtime and starts it. Everything it needs is built by tools/build.
"""

import ctypes
import os
import shlex
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build")
SIMULATOR = os.path.join(BUILD, "lib", "gpu-sim")
TRANSLATE = os.path.join(BUILD, "bin", "gpu-sim-translate")
REMOTE = os.path.join(SIMULATOR, "libgpu-remote.a")
RUNTIME = os.path.join(BUILD, "runtime-lite", "libonnxc_cuda.a")

DEVICES = ("sim", "cuda", "auto")
CHECKS = ("full", "bounds", "none")


class Missing(Exception):
    """What the device needs is not there."""


def card():
    """The name of the first real card, or None."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    device, name = ctypes.c_int(), ctypes.create_string_buffer(128)
    if driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0) or driver.cuDeviceGetName(name, 128, device):
        return None
    return name.value.decode(errors="replace")


def resolve(wanted):
    """("sim" or "cuda", the device in words); raises Missing."""
    name = card() if wanted != "sim" else None
    if name:
        return "cuda", name
    if wanted == "cuda":
        raise Missing("no NVIDIA card here, or no driver; --device sim runs the kernels in the simulator")
    return "sim", "simulator"


def runner(device, gpu, checks="full"):
    """The command for --runner; raises Missing when something is not built."""
    needed = [REMOTE, RUNTIME] + ([TRANSLATE, os.path.join(SIMULATOR, "libcuda.so.1")] if device == "sim" else [])
    for path in needed:
        if not os.path.exists(path):
            raise Missing(f"{os.path.relpath(path, ROOT)} is missing: build first")
    return shlex.join([sys.executable, "-S", os.path.join(HERE, "runner.py"), device, gpu.split(",")[0], checks])


def add_options(parser):
    """--gpu, --device and --checks, the same for every program that runs tests."""
    parser.add_argument("--gpu", metavar="LIST", help="compile for these GPUs, for example sm_80")
    parser.add_argument("--device", choices=DEVICES, default="auto",
                        help="with --gpu: the simulator, a real card, or a card if there is one (auto)")
    parser.add_argument("--checks", choices=CHECKS, default="full", help="what the simulator looks at")
