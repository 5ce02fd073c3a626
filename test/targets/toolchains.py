"""How test programs are built and run for each target row that is not the host's.

runner(row) builds the far end of `onnx-run --runner` (tools/onnx-run/remote)
with Debian's cross compiler, once, into build/targets/<row>, and returns the
command to give to --runner. Rows without an entry run on the host.
"""

import os
import shlex
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
REMOTE = os.path.join(ROOT, "tools", "onnx-run", "remote", "remote.c")
INCLUDE = os.path.join(ROOT, "runtime-lite", "include")

PROGRAM = "{program}"
LINKED = ["-DONNXC_REMOTE_LINKED", "-c"]

# row: (compiler, its options, the command before MODEL, Debian packages). Rows
# whose objects need a linker get it per model: a compiled program is PROGRAM.
TOOLCHAINS = {
    "aarch64-linux": (
        "aarch64-linux-gnu-gcc", ["-ldl"], ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", PROGRAM],
        "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user",
    ),
    "armv7-linux": (
        "arm-linux-gnueabihf-gcc", LINKED,
        [os.path.join(HERE, "linked"), "arm-linux-gnueabihf-gcc", PROGRAM, "qemu-arm", "-L", "/usr/arm-linux-gnueabihf"],
        "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross qemu-user",
    ),
    "riscv64-linux": (
        "riscv64-linux-gnu-gcc", ["-ldl"],
        ["qemu-riscv64", "-cpu", "rv64,v=true,vext_spec=v1.0,vlen=128", "-L", "/usr/riscv64-linux-gnu", PROGRAM],
        "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross qemu-user",
    ),
    "wasm32-wasi": (
        "clang-22", ["--target=wasm32-wasi", "-Wno-deprecated", *LINKED],
        ["node", "--no-warnings", os.path.join(HERE, "wasi.mjs"), PROGRAM],
        "wasi-libc libclang-rt-22-dev-wasm32 lld-22 nodejs",
    ),
}


class Missing(Exception):
    """A program that the row needs is not installed."""


def runner(row):
    """The --runner command of a row; None for rows of the host."""
    if row not in TOOLCHAINS:
        return None
    compiler, flags, command, packages = TOOLCHAINS[row]
    emulators = [word for word in command if word.startswith("qemu-") or word == "node"]
    for program in (compiler, *emulators):
        if not shutil.which(program):
            raise Missing(f"{row}: {program} is missing; install {packages}")
    program = os.path.join(ROOT, "build", "targets", row, "remote")
    sources = [REMOTE, os.path.join(INCLUDE, "onnxc.h"), os.path.abspath(__file__)]
    if not os.path.exists(program) or any(os.path.getmtime(s) > os.path.getmtime(program) for s in sources):
        os.makedirs(os.path.dirname(program), exist_ok=True)
        made = f"{program}.{os.getpid()}"
        subprocess.run(
            [compiler, "-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-I", INCLUDE, REMOTE, "-o", made,
             *flags],
            check=True,
        )
        os.replace(made, program)
    return shlex.join(program if word == PROGRAM else word for word in command)


def library_suffix(row):
    """What the runner of a row takes: a shared library, or an object that it links."""
    return ".o" if row in TOOLCHAINS and "-c" in TOOLCHAINS[row][1] else ".so"


if __name__ == "__main__":
    print(runner(sys.argv[1]) or "")
