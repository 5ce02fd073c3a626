"""Instructions per multiply-add of compiled models on another CPU, counted in QEMU.

    bench/instructions [--target aarch64-linux] [--models resnet50]

Each model is linked with a small program and runs once and twice under QEMU's
user mode with the plugin of test/firmware; the difference is what a run takes.
Multiply-adds are those of the compiler's report.
"""

import json
import os
import re
import subprocess
import sys

import common

sys.path.insert(0, os.path.join(common.ROOT, "test", "targets"))
import toolchains  # noqa: E402


def build_plugin(options):
    plugin = os.path.join(options.work, "count.so")
    source = os.path.join(common.ROOT, "test", "firmware", "count.c")
    subprocess.run([options.cc, "-shared", "-fPIC", "-O2", source, "-o", plugin], check=True)
    return plugin


def build(options, compiler, name, path, flags):
    """(program, multiply-adds) of a model."""
    folder = os.path.join(options.work, "instructions", name)
    flags = [*flags, "--emit=obj,header,report", f"--target={options.target}", "--name=model"]
    trouble = common.compile_model(options, path, folder, flags)
    if trouble:
        raise SystemExit(f"{name}: {trouble}")
    program = os.path.join(folder, "program")
    subprocess.run(
        [compiler, "-O1", "-static", "-DMODEL_ENTRY=model_model", "-I" + os.path.join(common.ROOT, "runtime-lite", "include"),
         os.path.join(common.HERE, "startup.c"), common.artefact(folder, ".o"), "-o", program],
        check=True,
    )
    with open(common.artefact(folder, ".report.json")) as stream:
        return program, json.load(stream)["macs"]


def count(emulator, plugin, program, runs, said=None):
    """Instructions; `said`: a list that takes what the plugin says."""
    done = subprocess.run([*emulator, "-plugin", plugin, program, str(runs)], check=True, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    if said is not None:
        said.append(done.stderr)
    return int(re.search(r"instructions (\d+)", done.stderr).group(1))


def main():
    parser = common.parser("instructions", __doc__)
    parser.add_argument("--target", default="aarch64-linux", metavar="ROW")
    parser.add_argument("--models", default="resnet50", help="a name, or all")
    options = parser.parse_args()
    entry, _ = toolchains.toolchain(options.target)
    emulator = [word for word in entry[2] if word.startswith("qemu-")][:1] if entry else []
    if not emulator:
        parser.error(f"--target: got {options.target}, wanted a row that runs in QEMU's user mode")
    os.makedirs(options.work, exist_ok=True)
    plugin = build_plugin(options)
    print(f"{'model':30} {'instructions':>15} {'multiply-adds':>15} {'per multiply-add':>16}")
    for name, path, flags in common.every_model(options.models):
        program, macs = build(options, entry[0], name, path, flags)
        once, twice = (count(emulator, plugin, program, runs) for runs in (1, 2))
        each = f"{(twice - once) / macs:16.3f}" if macs else ""
        print(f"{name:30} {twice - once:15,} {macs or 0:15,} {each}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
