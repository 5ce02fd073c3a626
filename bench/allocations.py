"""Counts the allocations of a run of every model with static shapes; there must be none.

    bench/allocations [--models all|NAME]

Each model is compiled with its shapes pinned and run three times on zeros by a
C program that counts malloc and friends, mmap, brk and the context's allocator.
"""

import os
import subprocess
import sys

import common


def main():
    parser = common.parser("allocations", __doc__)
    parser.add_argument("--models", default="all")
    options = parser.parse_args()
    folder = os.path.join(options.work, "allocations")
    os.makedirs(folder, exist_ok=True)
    program = os.path.join(folder, "allocations")
    subprocess.run(
        [options.cc, "-O1", "-fno-builtin", "-I" + os.path.join(common.ROOT, "runtime-lite", "include"),
         os.path.join(common.HERE, "allocations.c"), "-o", program, "-ldl"], check=True,
    )
    none = some = failed = dynamic = 0
    for name, path, flags in common.every_model(options.models):
        built = os.path.join(folder, name)
        trouble = common.compile_model(options, path, built, ["--emit=shared", *flags])
        if not trouble:
            done = subprocess.run(
                [program, common.artefact(built, ".so")], capture_output=True, text=True
            )
            said = done.stdout.strip()
            if done.returncode:
                trouble = f"run: {said or done.stderr.strip() or done.returncode}"
        if trouble:
            failed += 1
            print(f"{name:30} {trouble}", flush=True)
        elif said == "dynamic":
            dynamic += 1
            print(f"{name:30} its output shape depends on the data: not counted", flush=True)
        else:
            system, context, heap = map(int, said.split())
            total = system + context + heap
            none, some = none + (total == 0), some + (total > 0)
            print(f"{name:30} {system} system, {context} context{', heap grew' if heap else ''}", flush=True)
    print(f"{none} models without an allocation, {some} with, {dynamic} not counted, {failed} that do not run")
    return 1 if some or failed else 0


if __name__ == "__main__":
    sys.exit(main())
