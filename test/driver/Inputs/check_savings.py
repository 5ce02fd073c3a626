"""check_savings.py HOST IO M4 M4IO: reports of one float model for a host and a Cortex-M4, each without and with --io=arena."""

import json
import sys

host, io, m4, m4io = (json.load(open(path)) for path in sys.argv[1:])


def ram(report):
    return sum(report["ram"][part] for part in ("arena_bytes", "input_bytes", "output_bytes"))


for before, after in ((host, io), (m4, m4io)):
    assert before["savings"]["ram_bytes"] == ram(before) > before["savings"]["ram_bytes_io_in_arena"]
    assert before["savings"]["ram_bytes_io_in_arena"] >= ram(after) == after["savings"]["ram_bytes"]
    assert after["savings"]["ram_bytes_io_in_arena"] is None
assert host["savings"]["ram_bytes_io_in_arena"] == ram(io)
assert host["savings"]["ram_bytes_int8_estimate"] is None and host["savings"]["weight_bytes_int8_estimate"] is None
for report in (m4, m4io):  # all of it is float
    assert abs(report["savings"]["ram_bytes_int8_estimate"] - ram(report) / 4) <= 64
    weights = report["flash"]["weight_bytes"]
    assert weights / 4 <= report["savings"]["weight_bytes_int8_estimate"] < weights / 2
