"""Undefined symbols of every model's object (static shapes, one thread): only memcpy, memset, memmove.

    bench/undefined_symbols [--models all|NAME] [--target ROW]
"""

import os
import subprocess
import sys

import common

ALLOWED = {"memcpy", "memset", "memmove"}


def main():
    parser = common.parser("undefined_symbols", __doc__)
    parser.add_argument("--models", default="all")
    parser.add_argument("--target", default="x86_64-linux")
    parser.add_argument("--nm", default="nm")
    options = parser.parse_args()
    bad = failed = good = 0
    for name, path, flags in common.every_model(options.models):
        folder = os.path.join(options.work, "symbols", name)
        trouble = common.compile_model(
            options, path, folder, ["--emit=obj", f"--target={options.target}", *flags]
        )
        if trouble:
            failed += 1
            print(f"{name:30} {trouble}", flush=True)
            continue
        listing = subprocess.run(
            [options.nm, "-u", common.artefact(folder, ".o")], check=True, capture_output=True, text=True
        ).stdout
        symbols = {line.split()[-1] for line in listing.splitlines() if line.strip()}
        extra = sorted(symbols - ALLOWED - {"_GLOBAL_OFFSET_TABLE_"})
        good, bad = good + (not extra), bad + bool(extra)
        print(f"{name:30} {'EXTRA ' + ' '.join(extra) if extra else 'ok'}  ({' '.join(sorted(symbols))})", flush=True)
    print(f"{good} objects with nothing else, {bad} with other symbols, {failed} that do not compile")
    return 1 if bad or failed else 0


if __name__ == "__main__":
    sys.exit(main())
