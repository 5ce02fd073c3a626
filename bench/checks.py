"""What the checks of a run cost: instructions of a run with and without them.

    bench/checks [--models all|NAME]

Models whose dims are unknown when compiling (the dynamic rows of test/models) as
LLVM IR for x86-64-v3, twice: as it is, and with the calls that end a failing run
made unreachable, from which LLVM's optimiser concludes that no check fails. Both
go the same way from there; valgrind counts the instructions of m_run. Wanted:
at most 1 % more. Needs valgrind.
"""

import json
import os
import re
import subprocess
import sys

import common

sys.path.insert(0, common.TESTS)

LLVM = "/usr/lib/llvm-22/bin"
WANTED = 1.0


def without_checks(text):
    """The module with every block that ends a failing run cut off where it does."""
    out, dropping = [], False
    for line in text.splitlines():
        if dropping and not re.match(r"^(\S+:|\})", line):
            continue
        dropping = False
        if re.search(r"call .*@onnxc\.fail\(", line):
            out.append("  unreachable")
            dropping = True
        else:
            out.append(line)
    return "\n".join(out) + "\n"


def library(options, folder, name, text):
    source, module, object_file = (os.path.join(folder, name + end) for end in (".ll", ".bc", ".o"))
    with open(source, "w") as stream:
        stream.write(text)
    subprocess.run([f"{LLVM}/opt", "-O2", source, "-o", module], check=True)
    subprocess.run([f"{LLVM}/llc", "-O3", "-mcpu=x86-64-v3", "-relocation-model=pic", "-filetype=obj", module, "-o", object_file], check=True)
    shared = os.path.join(folder, name + ".so")
    subprocess.run([options.cc, "-shared", object_file, "-o", shared, "-lm"], check=True)
    return shared


def instructions(options, shared, inputs):
    """Of m_run, in one run; what it computes lies beside the library."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--toggle-collect=m_run", "--callgrind-out-file=/dev/null",
         options.onnx_run, "run", shared, "--input=" + inputs, "--output=" + shared + ".npz"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    counted = re.search(r"Collected : (\d+)", done.stdout)
    if done.returncode or not counted or int(counted[1]) == 0:
        raise SystemExit(f"{shared}: not counted\n{done.stdout[-2000:]}")
    return int(counted[1])


def main():
    parser = common.parser("checks", __doc__)
    parser.add_argument("--onnx-run", default=os.path.join(common.ROOT, "build", "bin", "onnx-run"))
    parser.add_argument("--models", default="all")
    options = parser.parse_args()
    import numpy
    import onnx
    import run as model_tests
    from inputs import draw

    with open(os.path.join(common.TESTS, "models.json")) as stream:
        table = json.load(stream)["models"]
    worst = 0.0
    print(f"{'model':20} {'with':>12} {'without':>12} {'more':>8}")
    for row in table:
        path = model_tests.locate(row)
        if not row.get("dynamic") or not path or options.models not in ("all", row["name"]):
            continue
        folder = os.path.join(options.work, "checks", row["name"])
        trouble = common.compile_model(options, path, folder, ["--emit=llvm", "--target=x86_64-linux", "--name=m"])
        if trouble:
            raise SystemExit(f"{row['name']}: {trouble}")
        with open(os.path.join(folder, "m.ll")) as stream:
            text = stream.read()
        inputs = os.path.join(folder, "in.npz")
        types = {v.name: onnx.helper.tensor_dtype_to_np_dtype(v.type.tensor_type.elem_type) for v in onnx.load(path).graph.input}
        numpy.savez(inputs, **draw(row["inputs"], types, 0))
        count = [instructions(options, library(options, folder, name, t), inputs)
                 for name, t in (("with", text), ("without", without_checks(text)))]
        more = 100.0 * (count[0] / count[1] - 1)
        worst = max(worst, more)
        print(f"{row['name']:20} {count[0]:12} {count[1]:12} {more:7.2f}%", flush=True)
    print(f"worst: {worst:.2f} %, wanted at most {WANTED:.0f} %")
    return 0 if worst <= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
