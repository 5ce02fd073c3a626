"""What every kernel of a model must reach, and which of them miss it.

Counters come from the simulator, registers and stack from `ptxas -v`, and how a
kernel was made from the compiler's report (gpu.mappings).

A kernel's sectors are those of 32 bytes that its warps move. They are held
against the least that they could be:

- of a contraction, what the bytes that its loads and stores use would take
  without gaps: its tiles are loaded once each;
- of any other kernel that, or the sectors in which the data of its blocks lies,
  where these are more: no kernel gets half a sector, and whole sectors hold
  what a slice of every other pair of a tensor needs. One that moves less than
  LATENCY a launch is not held to it: memory moves that in less than a tenth of a
  microsecond, and the launch itself takes more than one.
"""

import os
import re
import shutil
import subprocess

ARCHITECTURES = "sm_80", "sm_90a"  # that ptxas assembles the kernels for
THREADS = 64  # of a block, at least
FMAS = 8  # per load of shared memory, at least: a thread's 4 x 4 results from two loads
SECTORS = 1.25  # of the least, at most
LATENCY = 2048  # sectors (64 KB) of a launch that are lost in its latency
CONTRACTIONS = "tiles", "matrix"  # mappings that hold tiles in shared memory
MATRIX_EXTENT = 8  # rows, columns and steps of a product that fill a part of mma.sync


def find_ptxas():
    return shutil.which("ptxas") or next(
        filter(os.path.exists, (os.path.join(home, "bin", "ptxas") for home in (os.environ.get("CUDA_HOME", ""), "/usr/local/cuda"))), None)


def stacks(ptx):
    """{kernel: bytes of stack and spills} by `ptxas -v`, the most of any architecture; None without ptxas."""
    ptxas = find_ptxas()
    if not ptxas:
        return None
    most = {}
    for arch in ARCHITECTURES:
        done = subprocess.run([ptxas, "-v", f"-arch={arch}", ptx, "-o", os.devnull], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"ptxas rejects the PTX for {arch}: {done.stdout.strip().splitlines()[0]}")
        for kernel, line in re.findall(r"Function properties for (\S+)\n(.*)", done.stdout):
            taken = sum(map(int, re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", line)))
            most[kernel] = max(most.get(kernel, 0), taken)
    return most


def least_sectors(counters, about):
    if about["mapping"] in CONTRACTIONS:
        return counters["ideal_sectors"]
    return max(counters["ideal_sectors"], counters["data_sectors"])


def matters(counters, about):
    """Whether a kernel's sectors do."""
    return about["mapping"] in CONTRACTIONS or counters["global_sectors"] >= LATENCY * counters["launches"]


def code_misses(about, threads, stack):
    """What one kernel misses by its code, each with got and wanted."""
    if threads < THREADS:
        yield f"{threads} threads a block, wanted {THREADS}"
    product = about.get("product")
    if product and product["type"] == "f16" and min(product[d] for d in "mnk") >= MATRIX_EXTENT and about["mapping"] != "matrix":
        yield "a product of f16 without mma.sync"
    if stack:
        yield f"{stack} bytes of stack and spills, wanted 0"


def run_misses(counters, about):
    """What one kernel misses by what it did in the simulator."""
    loads, least = counters["shared_loads"], least_sectors(counters, about)
    if about["mapping"] == "tiles" and counters["fmas"] < FMAS * loads:
        yield f"{counters['fmas'] / loads:.2f} FMAs a load of shared memory, wanted {FMAS}"
    if matters(counters, about) and counters["global_sectors"] > SECTORS * least:
        yield f"{counters['global_sectors']} sectors, {counters['global_sectors'] / least:.2f} of {least}, wanted {SECTORS}"
    if about["mapping"] == "matrix" and not counters["mmas"]:
        yield "no mma.sync, wanted some"


def number(kernel):
    return re.search(r"kernel_\d+$", kernel).group()


def rows(kernels, mappings):
    """(kernel, counters, row of the report) of each."""
    about = {row["kernel"]: row for row in mappings}
    return [(kernel, counters, about[number(kernel)]) for kernel, counters in sorted(kernels.items())] if about else []


def extremes(kernels, mappings):
    """The most of the least sectors and the fewest FMAs a load, of the kernels that are held to them, as text."""
    of = rows(kernels, mappings)
    sectors = [c["global_sectors"] / least_sectors(c, about) for _, c, about in of if matters(c, about) and c["global_sectors"]]
    fmas = [c["fmas"] / c["shared_loads"] for _, c, about in of if about["mapping"] == "tiles" and c["shared_loads"]]
    return tuple(f"{limit(figures):.2f}" if figures else "-" for limit, figures in ((max, sectors), (min, fmas)))


def misses(kernels, mappings, stack):
    """[line] for all kernels of a model. `mappings` is the report's; `stack` comes from stacks(), None without ptxas."""
    of = {number(kernel): bytes for kernel, bytes in (stack or {}).items()}
    return [f"{kernel} ({about['mapping']}): {what}" for kernel, counters, about in rows(kernels, mappings)
            for what in (*code_misses(about, counters["threads_per_block"], of.get(number(kernel), 0)), *run_misses(counters, about))]


def assembled_misses(ptx, mappings):
    """(kernels, [line]) by the text of the kernels and by ptxas, which raises RuntimeError where it rejects them."""
    with open(ptx) as stream:
        threads = {kernel: int(n) for kernel, n in re.findall(r"\.entry (\w+)\([^{]*?\.maxntid (\d+)", stream.read())}
    stack, about = stacks(ptx), {row["kernel"]: row for row in mappings}
    return len(threads), [f"{kernel}: {what}" for kernel in threads for what in code_misses(about[number(kernel)], threads[kernel], stack[kernel])]
