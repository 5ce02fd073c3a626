"""RAM of quantised models with inputs and outputs, and code and constants beyond weights.

RAM is the arena plus inputs and outputs in the caller's memory, or the arena that holds them too
(--io=arena), whichever the column says; numbers come from the compiler's report, which reads them
off the object. Inputs and outputs are 8 bits wide.
"""

import json
import os
import shutil
import subprocess
import sys

import common

sys.path.insert(0, os.path.join(common.ROOT, "test", "quantized"))

import floats  # noqa: E402
import quantize  # noqa: E402

# model: bytes of RAM wanted at most by default, and what --ram-budget should reach
RAM = {
    "resnet8.edge": (40960, 22000), "vww96.edge": (40960, 30000), "dscnn.edge": (9216, None),
    "autoencoder.edge": (768, None), "mobilenet_v2_035.edge": (115000, 36000),
}
FLASH = 16 * 1024  # code and constants beyond weights
TARGETS = ("cortex-m4", "cortex-m55")


def report(options, path, folder, flags):
    """The compiler's report, or the error as text."""
    shutil.rmtree(folder, ignore_errors=True)
    done = subprocess.run([options.onnx_compile, path, "-o", folder, "--name=m", "--emit=obj,header,report", *flags],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if "error" in line] or [done.stdout]
        return lines[0][:200]
    with open(os.path.join(folder, "m.report.json")) as stream:
        return json.load(stream)


def ram(options, path, folder, flags):
    """{io: bytes}; within a budget, of those that keep it."""
    caller = report(options, path, folder, [*flags, "--io=caller"])
    arena = report(options, path, folder, [*flags, "--io=arena"])
    made = {io: r for io, r in (("caller", caller), ("arena", arena)) if not isinstance(r, str)}
    if not made:
        return arena, None, None
    return None, {io: sum(r["ram"][part] for part in ("arena_bytes", "input_bytes", "output_bytes")) for io, r in made.items()}, \
        next(iter(made.values()))["flash"]


def measure(options, target, name):
    row = {"target": target, "model": name}
    folder = os.path.join(options.work, "quantized", "memory")
    try:
        path = quantize.build(name)
    except floats.Missing as missing:
        return {**row, "failure": str(missing)}
    trouble, row["ram"], row["flash"] = ram(options, path, folder, [f"--target={target}"])
    if trouble:
        return {**row, "failure": trouble}
    row["beyond_weights"] = row["flash"]["code_bytes"] + row["flash"]["constant_bytes"]
    row["wanted"], row["wanted_budget"] = RAM[name]
    if row["wanted_budget"]:
        row["budget_says"], row["ram_budget"], _ = ram(options, path, folder, [f"--target={target}", f"--ram-budget={row['wanted_budget']}"])
    shutil.rmtree(folder, ignore_errors=True)
    return row


def main(arguments):
    parser = common.parser("quantized memory", __doc__)
    parser.add_argument("--targets", default=",".join(TARGETS))
    parser.add_argument("--models", default=",".join(RAM))
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    rows, reached, figures = [], 0, 0
    print(f"{'target':11} {'model':22} {'RAM':>8} {'io=arena':>8} {'wanted':>7}  {'budget':>8} {'wanted':>7}  {'code':>7} {'const':>6} {'sum':>7} {'wanted':>6} {'weights':>9}")
    for target in options.targets.split(","):
        for name in options.models.split(","):
            row = measure(options, target, name)
            rows.append(row)
            if "failure" in row:
                print(f"{target:11} {name:22} failed: {row['failure']}", flush=True)
                continue
            least = min(row["ram"].values())
            budget = row.get("ram_budget")
            good = [least <= row["wanted"], row["beyond_weights"] <= FLASH]
            if row["wanted_budget"]:
                good.append(bool(budget) and min(budget.values()) <= row["wanted_budget"])
            reached, figures = reached + sum(good), figures + len(good)
            of = row["flash"]
            print(f"{target:11} {name:22} {row['ram']['caller']:8,} {row['ram']['arena']:8,} {row['wanted']:7,}  "
                  f"{min(budget.values()) if budget else 'refused' if row['wanted_budget'] else '':>8} {row['wanted_budget'] or '':>7}  "
                  f"{of['code_bytes']:7,} {of['constant_bytes']:6,} {row['beyond_weights']:7,} {FLASH:6,} {of['weight_bytes']:9,}", flush=True)
    common.write_json(options.json, rows)
    print(f"{reached} of {figures} figures reached")
    return 0 if reached == figures else 1
