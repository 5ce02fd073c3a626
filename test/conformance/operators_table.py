"""Renders docs/operators.md: per operator, how many backend tests pass and why the others do not."""

import collections
import pathlib
import re

HEADER = """# Operators

Written by `test/conformance/run --update`; do not edit.

What counts: the backend tests of onnx {onnx} (node tests and their `_expanded`
forms, simple, pytorch-operator, pytorch-converted), each compiled to an object,
linked, run and compared, type and shape exact. "Failed" ran or compiled wrong;
"unsupported" was refused with a message. A test counts for the operator that
it is about.

{summary}

| operator | passed | failed | unsupported | why not |
|---|--:|--:|--:|---|
"""


CONTRIBUTED = """
Operators of com.microsoft, which ONNX Runtime's optimisers, quantiser and generator write, are spelled out in standard
ones and compared with ONNX Runtime (`test/adapters/contrib_cases.py`): {}. A form of one that is not supported is
refused with its reason.
"""


def _contributed():
    """Their names, from the importer's tables."""
    here = pathlib.Path(__file__).resolve().parents[2] / "compiler" / "import"
    return sorted({name for file in here.glob("Contrib*.cpp") for name in re.findall(r'\{domain, "(\w+)"', file.read_text())}, key=str.lower)


def _reason(result):
    """One short line, the same for the same cause: numbers that vary are left out."""
    lines = (result.get("message") or "").strip().splitlines()
    line = lines[0] if lines else ""
    for detail in lines[1:]:  # the node at fault says more than the headline
        found = re.match(r"\s+node '[^']*': (.*)", detail)
        if found:
            line = found.group(1).split(";")[0]
            break
    line = re.sub(r"^output '[^']*' \d+ of \d+ elements differ.*", "wrong values", line)
    line = re.sub(r"'?(/[\w.\-]+){2,}'?:?", "…", line)
    line = re.sub(r"\b0x[0-9a-fA-F]+\b|-?\d+\.\d+(e[-+]?\d+)?|\b\d{4,}\b", "…", line)
    line = line.replace("|", "\\|").replace("`", "'")
    if len(line) > 110:
        line = line[:107] + "…"
    status = result["status"]
    stage = result.get("stage") or ""
    if status in ("crashed", "timeout"):
        return f"{status} in {stage}" if stage else status
    return line or (f"{status} in {stage}" if stage else status)


def _all_operators():
    import onnx.defs

    return {
        (schema.domain or "ai.onnx", schema.name)
        for schema in onnx.defs.get_all_schemas()
        if not schema.deprecated
    }


def render(index, results):
    counts = collections.defaultdict(collections.Counter)
    reasons = collections.defaultdict(collections.Counter)
    kinds = collections.defaultdict(collections.Counter)
    for name, case in index["cases"].items():
        key = tuple(case["subject"])
        result = results[name]
        status = result["status"]
        column = status if status in ("passed", "unsupported") else "failed"
        counts[key][column] += 1
        kinds[case["kind"]]["passed" if status == "passed" else "not"] += 1
        if status != "passed":
            reasons[key][_reason(result)] += 1

    summary = []
    for kind in sorted(kinds):
        total = sum(kinds[kind].values())
        share = 100.0 * kinds[kind]["passed"] / total
        summary.append(f"- {kind}: {kinds[kind]['passed']} of {total} passed ({share:.1f} %)")
    untested = sorted(_all_operators() - set(counts))
    text = HEADER.format(onnx=index["onnx"], summary="\n".join(summary))
    for key in sorted(counts, key=lambda k: (k[0] != "ai.onnx", k[0], k[1].lower())):
        domain, name = key
        shown = name if domain == "ai.onnx" else f"{domain}.{name}"
        row = counts[key]
        ranked = sorted(reasons[key].items(), key=lambda item: (-item[1], item[0]))
        why = "; ".join(f"{reason} ({n})" for reason, n in ranked[:2])
        if len(ranked) > 2:
            why += f"; {len(ranked) - 2} more causes"
        text += f"| {shown} | {row['passed']} | {row['failed']} | {row['unsupported']} | {why} |\n"
    text += "\nOperators without a backend test: "
    text += ", ".join(n if d == "ai.onnx" else f"{d}.{n}" for d, n in untested) + ".\n"
    return text + CONTRIBUTED.format(", ".join(_contributed()))
