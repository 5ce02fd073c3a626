"""Instructions of a WebAssembly model, counted by code put into its assembly.

No engine at hand counts what it runs. Here each straight run of instructions first adds its length to a
counter of the program (wasm_count.c). Counted is what an engine makes machine code of: not the moves
between locals and the stack, constants, or the ends of blocks.
"""

import os
import re
import subprocess

import common

ENDS = re.compile(r"(block|loop|if|else|try|end_\w+|br|br_if|br_table|return|unreachable)$")
FREE = re.compile(r"(local\.\w+|drop|\w+\.const|block|loop|else|end_\w+)$")
BUMP = "\ti32.const\tonnxc_count\n\ti32.const\tonnxc_count\n\ti64.load\t0\n\ti64.const\t{}\n\ti64.add\n\ti64.store\t0\n"
WASI = os.path.join(common.ROOT, "test", "targets", "wasi.mjs")


def instrumented(text):
    out, run, count = [], [], 0

    def flush():
        nonlocal count
        if count:
            out.append(BUMP.format(count))
        out.extend(run)
        run.clear()
        count = 0

    for line in text.splitlines(keepends=True):
        found = re.match(r"\t([a-z][\w.]*)", line)
        if not found:  # a label or a directive
            flush()
            out.append(line)
            continue
        run.append(line)
        count += not FREE.match(found.group(1))
        if ENDS.match(found.group(1)):
            flush()
    flush()
    return "".join(out)


def count(folder, assembly):
    """Instructions of one run of the model whose assembly this is; its prefix is `model`."""
    counting = os.path.join(folder, "counting.s")
    with open(assembly) as stream, open(counting, "w") as out:
        out.write(instrumented(stream.read()))
    clang = ["clang-22", "--target=wasm32-wasi", "-Wno-deprecated", "-msimd128", "-mrelaxed-simd", "-c"]
    model, program = os.path.join(folder, "counting.o"), os.path.join(folder, "program.o")
    subprocess.run([*clang, counting, "-o", model], check=True)
    subprocess.run([*clang, "-O1", "-DMODEL_ENTRY=model_model", "-I" + os.path.join(common.ROOT, "runtime-lite", "include"),
                    os.path.join(common.HERE, "wasm_count.c"), "-o", program], check=True)
    done = subprocess.run(["node", "--no-warnings", WASI, program, model], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found = re.search(r"instructions (\d+)", done.stderr)
    if not found:
        raise RuntimeError(f"node: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    return int(found.group(1))
