"""Compile time and peak memory of onnx-compile, with the flags of the speed table and no cache.

    bench/compile_time [--models resnet50] [--runs 3]
"""

import os
import shutil
import subprocess
import sys
import time

import common
import models


def once(options, path, folder):
    """(seconds, peak bytes) of one compilation, from the child's own resource usage."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [options.onnx_compile, path, "-o", folder, "--emit=obj,header", "--target=native"]
    started = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"exit {child.returncode}: {(said.strip().splitlines() or [''])[0]}")
    return time.monotonic() - started, usage.ru_maxrss * 1024


def main():
    parser = common.parser("compile_time", __doc__)
    parser.add_argument("--models", default="networks")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    failures = 0
    print(f"{'model':30} {'MB':>7} {'seconds':>8} {'peak MB':>8} {'peak ÷ model':>12}  object MB")
    for name in models.names(options.models):
        # In another process: a child's peak counts what its parent held when it was started.
        made = subprocess.run(
            [sys.executable, models.__file__, name], check=True, stdout=subprocess.PIPE, text=True
        )
        path = made.stdout.strip()
        folder = os.path.join(options.work, "compile_time", name)
        size = os.path.getsize(path)
        try:
            runs = [once(options, path, folder) for _ in range(options.runs)]
        except RuntimeError as error:
            failures += 1
            print(f"{name:30} {size / 1e6:7.1f} failed: {error}", flush=True)
            continue
        seconds, peak = min(run[0] for run in runs), max(run[1] for run in runs)
        built = os.path.getsize(common.artefact(folder, ".o"))
        print(
            f"{name:30} {size / 1e6:7.1f} {seconds:8.2f} {peak / 1e6:8.1f} {peak / size:12.2f}  "
            f"{built / 1e6:.1f}", flush=True,
        )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
