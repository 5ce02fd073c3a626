"""figures_check.py FOLDER: what figures.py, which lies there, says about made-up kernels."""

import sys

sys.path.insert(0, sys.argv[1])
import figures  # noqa: E402

NOTHING = {"threads_per_block": 256, "shared_loads": 0, "fmas": 0, "mmas": 0, "launches": 1, "global_sectors": 0, "ideal_sectors": 0, "data_sectors": 0}
KERNELS = {
    "m_kernel_0": {"threads_per_block": 32},
    # Sectors of its data are no excuse for a contraction, its size is none.
    "m_kernel_1": {"fmas": 600, "shared_loads": 100, "global_sectors": 1300, "ideal_sectors": 1000, "data_sectors": 1300},
    "m_kernel_2": {},
    # In whole sectors there was no less to move; and few enough not to matter.
    "m_kernel_3": {"global_sectors": 9000, "ideal_sectors": 6000, "data_sectors": 9000},
    "m_kernel_4": {"global_sectors": 9000, "ideal_sectors": 6000, "data_sectors": 5000},
    "m_kernel_5": {"global_sectors": 2000, "ideal_sectors": 500, "data_sectors": 500},
    # Three rows are no work for the matrix units.
    "m_kernel_6": {},
}
MAPPINGS = [{"kernel": f"kernel_{i}", "mapping": "tiles" if i == 1 else "points"} for i in range(len(KERNELS))]
MAPPINGS[2]["product"] = {"type": "f16", "m": 64, "n": 64, "k": 64}
MAPPINGS[6]["product"] = {"type": "f16", "m": 3, "n": 64, "k": 64}

kernels = {name: {**NOTHING, **counters} for name, counters in KERNELS.items()}
for line in figures.misses(kernels, MAPPINGS, {"m_kernel_1": 16, "m_kernel_2": 0}):
    print(line)
print("extremes:", figures.extremes(kernels, MAPPINGS))
