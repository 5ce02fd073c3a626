# Configuration of the lit tests: which files are tests, which tools they may call.
#
# Files ending in .mlir or .test under test/ (not conformance, models, firmware and unit)
# are tests; they find onnx-compile, onnx-compile-opt, onnx-quantize, onnx-run, gpu-sim-translate, FileCheck, not
# and count on PATH. %python is the interpreter of build/venv (onnx, numpy,
# onnxruntime), %cc the C compiler, %include_dir the public C headers, %build_dir the
# build tree, %models the folder that ONNX_COMPILE_MODELS names.
import os
import platform
import shutil
import subprocess

import lit.formats

config.name = "onnx-compile"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["conformance", "models", "firmware", "unit", "corpus", "Inputs", "Output"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.onnxc_build_dir, "test")

path = [
    os.path.join(config.onnxc_build_dir, "bin"),
    os.path.join(config.llvm_prefix, "bin"),
    config.environment.get("PATH", ""),
]
config.environment["PATH"] = os.pathsep.join(path)

config.substitutions.append(("%python", config.python))
config.substitutions.append(("%cc", config.c_compiler))
config.substitutions.append(("%build_dir", config.onnxc_build_dir))
config.substitutions.append(
    ("%include_dir", os.path.join(config.onnxc_source_dir, "runtime-lite", "include"))
)

# Real models, which lie outside of the tree.
models = os.environ.get("ONNX_COMPILE_MODELS", "")
config.substitutions.append(("%models", models))
if os.path.isfile(os.path.join(models, "mlperf_resnet8.onnx")):
    config.available_features.add("models")

if platform.machine() in ("x86_64", "AMD64"):
    config.available_features.add("x86-host")
if os.geteuid() == 0:
    config.available_features.add("root")
can_mount = ["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "none", "/mnt"]
if shutil.which("unshare") and subprocess.run(can_mount, capture_output=True).returncode == 0:
    config.available_features.add("mounts")
for tool in ("gpu-sim-translate", "onnx-compile", "onnx-compile-opt", "onnx-quantize", "onnx-run", "onnx-run-asan"):
    if os.path.exists(os.path.join(config.onnxc_build_dir, "bin", tool)):
        config.available_features.add(tool)
cross_tools = ("arm-none-eabi-gcc", "aarch64-linux-gnu-gcc", "riscv64-linux-gnu-gcc", "qemu-system-arm", "qemu-aarch64", "qemu-riscv64")
if all(shutil.which(tool) for tool in cross_tools):
    config.available_features.add("cross-toolchains")
