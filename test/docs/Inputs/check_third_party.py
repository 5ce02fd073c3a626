"""Checks third_party/README.md: a version, a source and a reason for each dependency; no registry host."""

import os
import re
import sys

FOLDER = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "..", "third_party"))
HOST = re.compile(r"\b[\w-]+\.(?:org|com|net|io|dev)\b")

problems = []
with open(os.path.join(FOLDER, "README.md")) as stream:
    rows = [line.strip("|\n").split("|") for line in stream if line.startswith("|")]
for row in rows[2:]:
    if len(row) != 4 or not all(cell.strip() for cell in row):
        problems.append(f"README.md: wanted dependency, version, source and reason, got {row}")
if len(rows) < 3:
    problems.append("README.md: no table of dependencies")
for name in sorted(os.listdir(FOLDER)):
    with open(os.path.join(FOLDER, name)) as stream:
        for number, line in enumerate(stream, 1):
            for host in HOST.findall(line):
                problems.append(f"{name}:{number}: names the host {host}")
sys.exit("\n".join(problems) if problems else 0)
