"""The figures of quantised models, one command each (bench/README.md).

    bench/quantized instructions|speed|peaks|memory [options]
"""

import importlib
import sys

FIGURES = ("instructions", "speed", "peaks", "memory")


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in FIGURES:
        print(__doc__.strip(), file=sys.stderr)
        return 1
    return importlib.import_module("quantized_" + sys.argv[1]).main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
