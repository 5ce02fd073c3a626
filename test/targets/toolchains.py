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

# row: (compiler, its libraries, emulator, Debian packages that hold them)
TOOLCHAINS = {
    "aarch64-linux": (
        ["aarch64-linux-gnu-gcc"], ["-ldl"], ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
        "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user",
    ),
    "armv7-linux": (
        ["arm-linux-gnueabihf-gcc"], ["-ldl"], ["qemu-arm", "-L", "/usr/arm-linux-gnueabihf"],
        "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross qemu-user",
    ),
    "riscv64-linux": (
        ["riscv64-linux-gnu-gcc"], ["-ldl"],
        ["qemu-riscv64", "-cpu", "rv64,v=true,vext_spec=v1.0,vlen=128", "-L", "/usr/riscv64-linux-gnu"],
        "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross qemu-user",
    ),
    # There are no shared libraries: wasi.mjs links each model with the program.
    "wasm32-wasi": (
        ["clang-22", "--target=wasm32-wasi", "-Wno-deprecated", "-c"], [], ["node", "--no-warnings", os.path.join(HERE, "wasi.mjs")],
        "wasi-libc libclang-rt-22-dev-wasm32 lld-22 nodejs",
    ),
}


class Missing(Exception):
    """A program that the row needs is not installed."""


def runner(row):
    """The --runner command of a row; None for rows of the host."""
    if row not in TOOLCHAINS:
        return None
    compiler, libraries, emulator, packages = TOOLCHAINS[row]
    for program in (compiler[0], emulator[0]):
        if not shutil.which(program):
            raise Missing(f"{row}: {program} is missing; install {packages}")
    folder = os.path.join(ROOT, "build", "targets", row)
    program = os.path.join(folder, "remote.o" if "-c" in compiler else "remote")
    sources = [REMOTE, os.path.join(INCLUDE, "onnxc.h"), os.path.abspath(__file__)]
    if not os.path.exists(program) or any(os.path.getmtime(s) > os.path.getmtime(program) for s in sources):
        os.makedirs(folder, exist_ok=True)
        made = f"{program}.{os.getpid()}"
        subprocess.run(
            compiler + ["-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-I", INCLUDE, REMOTE, "-o", made]
            + libraries,
            check=True,
        )
        os.replace(made, program)
    return shlex.join(emulator + [program])


if __name__ == "__main__":
    print(runner(sys.argv[1]) or "")
