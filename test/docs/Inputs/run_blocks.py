"""Runs the code blocks of Markdown files that use the built tools.

    run_blocks.py FOLDER FILE.md...

Each command that starts with build/bin/ runs in FOLDER, which has model.onnx,
in.npz, build and runtime-lite as a reader has them. Every C block with an
#include is completed to a program, compiled and linked with what its commands
left. Fails when a command fails, or when a file has none to run.
"""

import os
import re
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))


def prepare(folder):
    os.makedirs(folder, exist_ok=True)
    for name in ("build", "runtime-lite"):
        link = os.path.join(folder, name)
        if not os.path.islink(link):
            os.symlink(os.path.join(ROOT, name), link)
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4])
    weights = onnx.numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
    graph = helper.make_graph(nodes, "g", [value("x")], [value("y")], [weights])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]),
              os.path.join(folder, "model.onnx"))
    np.savez(os.path.join(folder, "in.npz"), x=np.arange(-2, 2, dtype=np.float32).reshape(1, 4))


def shell(command, folder):
    environment = dict(os.environ, ONNXC_PYTHON=sys.executable)
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{command}\nexit code {done.returncode}\n{done.stdout}")


def run_commands(block, folder):
    count = 0
    for line in block.splitlines():
        command = line.split("#")[0].strip()
        if command.startswith("build/bin/"):
            shell(command, folder)
            count += 1
    return count


def run_c(block, folder, made):
    """The block's includes and definitions before main; what follows "..." inside. `made`: an earlier command made out/m.o."""
    if "#include" not in block:
        return 0
    if not made:
        shell("build/bin/onnx-compile model.onnx -o out/ --name=m --dim batch=1", folder)
    before, after = block.split("...\n")
    program = f"{before}int main(void) {{\nfloat input[4] = {{-2, -1, 0, 1}}, output[4];\n{after}return status != ONNXC_OK || output[0] != 0 || output[3] != 1;\n}}\n"
    with open(os.path.join(folder, "program.c"), "w") as out:
        out.write(program)
    shell("cc -std=c11 -Wall -Werror -Iout -Iruntime-lite/include program.c out/m.o -o program && ./program", folder)
    return 1


def main():
    folder, files = sys.argv[1], sys.argv[2:]
    prepare(folder)
    for file in files:
        with open(os.path.join(ROOT, file)) as stream:
            blocks = re.findall(r"^```(\w*)\n(.*?)^```$", stream.read(), re.M | re.S)
        count, made = 0, False
        for language, text in blocks:
            count += run_c(text, folder, made) if language == "c" else run_commands(text, folder)
            made |= language != "c" and " -o out --name=m " in text
        if count == 0:
            sys.exit(f"{file}: no command to run")
        print(f"{file}: {count} run")


main()
