"""Compares a report with the object that it describes: check_report.py REPORT.json MODEL.o"""

import json
import subprocess
import sys

with open(sys.argv[1]) as stream:
    report = json.load(stream)
sections = {"code": 0, "weights": 0}
for line in subprocess.run(["llvm-size", "-A", sys.argv[2]], check=True, capture_output=True, text=True).stdout.splitlines():
    words = line.split()
    if len(words) == 3 and words[1].isdigit():
        if words[0].startswith(".text"):
            sections["code"] += int(words[1])
        elif words[0] == ".rodata.onnxc":
            sections["weights"] += int(words[1])
assert report["macs"] == 16 * 16 * 8 * 27 + 8 * 10, report["macs"]
assert report["macs"] == sum(node["macs"] for node in report["nodes"])
assert report["flash"]["code_bytes"] == sections["code"] > 0
padding = sections["weights"] - report["flash"]["weight_bytes"]
assert 0 <= padding < 64 * len(report["nodes"]), padding  # weights are aligned to 64 bytes
ram = report["ram"]
assert sum(buffer["bytes"] for buffer in ram["peak"]) == ram["arena_lower_bound_bytes"] <= ram["arena_bytes"]
kernels = report["kernels"]
assert sum(kernel["code_bytes"] for kernel in kernels) < sections["code"]
assert all(0 <= kernel["stack_bytes"] < ram["stack_bytes"] for kernel in kernels)
assert {"conv", "relu", "fc"} <= {node for kernel in kernels for node in kernel["nodes"]}
assert 0 < ram["stack_bytes"] < 1 << 16, ram["stack_bytes"]
