"""How test programs are built and run for each target row that is not the host's.

A toolchain serves every row of its triple. runner(row) builds the far end of
`onnx-run --runner` (tools/onnx-run/remote) with Debian's cross compiler, once,
into build/targets/<triple>, and returns the command to give to --runner. Rows
of other triples run on the host.
"""

import os
import shlex
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
REMOTE = os.path.join(ROOT, "tools", "onnx-run", "remote", "remote.c")
ONNX_COMPILE = os.path.join(ROOT, "build", "bin", "onnx-compile")
INCLUDE = os.path.join(ROOT, "runtime-lite", "include")

PROGRAM = "{program}"
LINKED = ["-DONNXC_REMOTE_LINKED", "-c"]

# triple: (compiler, its options, the command before MODEL, Debian packages). Where
# objects need a linker they get it per model: a compiled program is PROGRAM.
TOOLCHAINS = {
    "aarch64-unknown-linux-gnu": (
        "aarch64-linux-gnu-gcc", ["-ldl"], ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", PROGRAM],
        "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user",
    ),
    "armv7-unknown-linux-gnueabihf": (
        "arm-linux-gnueabihf-gcc", LINKED,
        [os.path.join(HERE, "linked"), "arm-linux-gnueabihf-gcc", PROGRAM, "qemu-arm", "-L", "/usr/arm-linux-gnueabihf"],
        "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross qemu-user",
    ),
    "riscv64-unknown-linux-gnu": (
        "riscv64-linux-gnu-gcc", ["-ldl"],
        ["qemu-riscv64", "-cpu", "rv64,v=true,vext_spec=v1.0,vlen=128", "-L", "/usr/riscv64-linux-gnu", PROGRAM],
        "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross qemu-user",
    ),
    "wasm32-unknown-wasi": (
        "clang-22", ["--target=wasm32-wasi", "-Wno-deprecated", *LINKED],
        ["node", "--no-warnings", os.path.join(HERE, "wasi.mjs"), PROGRAM],
        "wasi-libc libclang-rt-22-dev-wasm32 lld-22 nodejs",
    ),
}


class Missing(Exception):
    """A program that the row needs is not installed."""


def rows():
    """{row: triple} of the compiler's table."""
    table = subprocess.run([ONNX_COMPILE, "--list-targets"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {words[0]: words[1] for words in map(str.split, table.splitlines()[1:])}


def emulated_rows():
    """The rows that run in an emulator, in the table's order."""
    return [row for row, triple in rows().items() if triple in TOOLCHAINS]


def toolchain(row):
    """The entry of a row, None for rows of the host; and the row's triple."""
    triple = rows().get(row) if row else None
    return TOOLCHAINS.get(triple), triple


def runner(row):
    """The --runner command of a row; None for rows of the host."""
    entry, triple = toolchain(row)
    if not entry:
        return None
    compiler, flags, command, packages = entry
    emulators = [word for word in command if word.startswith("qemu-") or word == "node"]
    for program in (compiler, *emulators):
        if not shutil.which(program):
            raise Missing(f"{row}: {program} is missing; install {packages}")
    program = os.path.join(ROOT, "build", "targets", triple, "remote")
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
    entry, _ = toolchain(row)
    return ".o" if entry and "-c" in entry[1] else ".so"


if __name__ == "__main__":
    print(runner(sys.argv[1]) or "")
