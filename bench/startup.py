"""Time from process start to the first result of a compiled model in a small C program.

    bench/startup [--models mobilenet_v1] [--runs 30]
"""

import os
import statistics
import subprocess
import sys
import time

import common
import models


def build(options, name):
    """Compiles the model and links startup.c with it; the path of the program."""
    folder = os.path.join(options.work, "startup", name)
    trouble = common.compile_model(
        options, models.build(name), folder, ["--emit=obj,header", "--target=native", "--name=model"]
    )
    if trouble:
        raise SystemExit(f"{name}: {trouble}")
    program = os.path.join(folder, "startup")
    subprocess.run(
        [options.cc, "-O2", "-DMODEL_ENTRY=model_model",
         "-I" + os.path.join(common.ROOT, "runtime-lite", "include"),
         os.path.join(common.HERE, "startup.c"), common.artefact(folder, ".o"), "-o", program],
        check=True,
    )
    return program


def main():
    parser = common.parser("startup", __doc__)
    parser.add_argument("--models", default="mobilenet_v1,mobilenet_v2")
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    core = sorted(os.sched_getaffinity(0))[-1]
    os.sched_setaffinity(0, {core})
    print(f"{'model':30} {'median ms':>9} {'min ms':>7} {'program MB':>10}  first value")
    for name in models.names(options.models):
        program = build(options, name)
        times, said = [], ""
        for _ in range(options.runs + 1):
            started = time.perf_counter()
            child = subprocess.Popen([program], stdout=subprocess.PIPE)
            said = child.stdout.read().decode().strip()
            times.append((time.perf_counter() - started) * 1e3)
            if child.wait():
                raise SystemExit(f"{name}: the program ended with {child.returncode}")
        times = times[1:]  # the first one also reads the file from disk
        print(
            f"{name:30} {statistics.median(times):9.2f} {min(times):7.2f} "
            f"{os.path.getsize(program) / 1e6:10.1f}  {said}", flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
