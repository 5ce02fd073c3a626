"""Wide tensors in the compiled form of a quantised model: float constants, and what is stored between kernels.

Read from `--emit=kernels` (the IR where `main` calls kernels on buffers) and the report, which says
which nodes a kernel computes.
"""

import dataclasses
import json
import math
import re

import graph as graphs

WIDE = {"f16": 2, "bf16": 2, "f32": 4, "f64": 8, "i32": 4, "i64": 8}
GLOBAL = re.compile(r"^  memref\.global .*@([\w$.]+) : memref<([^>]*)>")
FUNCTION = re.compile(r"^  func\.func .*@([\w$.]+)\(")
GET = re.compile(r"(%[\w#]+) = memref\.get_global @([\w$.]+) : memref<([^>]*)>")
ALLOC = re.compile(r"(%[\w#]+) = memref\.alloca?\(.*\).* : memref<([^>]*)>")
VIEW = re.compile(r"(%[\w#]+) = memref\.(?:expand_shape|collapse_shape|subview|reinterpret_cast|cast|view|transpose) (%[\w#]+)")
CALL = re.compile(r"call @([\w$.]+)\((.*?)\) : \((.*?)\) ->")
REDUCED = 16  # a tensor so many times smaller than what its kernel reads is the result of a reduction, not an activation


@dataclasses.dataclass
class Offender:
    kind: str  # "constant" or "tensor"
    type: str
    bytes: int
    nodes: list

    def __str__(self):
        return f"{self.kind} {self.type}, {self.bytes} bytes: {', '.join(n[-60:] for n in self.nodes[:3]) or '(no node)'}"


def elements(text):
    """(elements, element type) of what stands in memref<...>; a dynamic dimension counts 1."""
    dims = re.match(r"((?:(?:\d+|\?)x)*)([a-z!]\w*)", text)
    return math.prod(int(d) for d in dims.group(1).split("x") if d.isdigit()), dims.group(2)


def main_body(text):
    lines, inside = [], False
    for line in text.splitlines():
        found = FUNCTION.match(line)
        if found:
            inside = found.group(1) == "main"
        elif inside:
            lines.append(line)
    return lines


def uses(text):
    """{root: (memref type, is a constant, [kernels in order])} of the buffers of main; and {kernel: elements of its largest operand
    that is no constant}."""
    root, buffers, largest = {}, {}, {}
    for line in main_body(text):
        for found in GET.finditer(line):
            root[found.group(1)] = "@" + found.group(2)
            buffers.setdefault("@" + found.group(2), (found.group(3), True, []))
        for found in ALLOC.finditer(line):
            root[found.group(1)] = found.group(1)
            buffers[found.group(1)] = (found.group(2), False, [])
        for found in VIEW.finditer(line):
            root[found.group(1)] = root.get(found.group(2), found.group(2))
        for found in CALL.finditer(line):
            kernel, operands = found.group(1), [word.strip() for word in found.group(2).split(",")]
            for operand in operands:
                if root.get(operand) in buffers:
                    buffers[root[operand]][2].append(kernel)
            sizes = [elements(kind)[0] for operand, kind in zip(operands, re.findall(r"(?:memref<([^>,]*)|\b[a-z]\w*\b(?=,|$))", found.group(3)))
                     if kind and not root.get(operand, "").startswith("@")]
            largest[kernel] = max([largest.get(kernel, 0), *sizes])
    return buffers, largest


def padded(count, to=16):
    return -(-count // to) * to


class Check:
    def __init__(self, model, kernels_text, report_text):
        self.graph = graphs.Graph(model)
        self.quantised = self.graph.runs_quantised()
        self.by_name = {n.name: n for n in self.graph.nodes}
        self.buffers, self.largest = uses(kernels_text)
        self.kernel_nodes = {k["name"]: k["nodes"] for k in json.loads(report_text)["kernels"]}

    def nodes_of(self, kernels):
        """Names of the model's nodes in these kernels; a part of an expanded node is called NODE/PART."""
        parts = (n for k in kernels for n in self.kernel_nodes.get(k, ()))
        return list(dict.fromkeys(n if n in self.by_name else n.rpartition("/")[0] if n.rpartition("/")[0] in self.by_name else n for n in parts))

    def vector_limit(self, nodes):
        """Elements of what may be wide beside a kernel's weights: a multiplier and a bias per channel, a table of 256."""
        channels = max((self.graph.channels(self.by_name[n]) for n in nodes if n in self.by_name), default=0)
        return 2 * padded(channels) if channels else 256

    def passes_float(self, writer, readers):
        """Whether the model itself has a float value between these kernels, or a node outside the quantised part is in both.

        MatMulInteger and ConvInteger begin a float part where their results are scaled.
        """
        for name in writer:
            node = self.by_name.get(name)
            if node is None or node.op_type in ("DequantizeLinear", *graphs.QUANTISERS):
                continue
            if name in self.quantised and not node.op_type.endswith("Integer"):
                continue
            if name in readers and name not in self.quantised:
                return True
            if any(user.name in readers and user.op_type != "QuantizeLinear" and user.name not in self.quantised for user in self.graph.users(node, self.quantised)):
                return True
        return False

    def offenders(self):
        result = []
        for text, constant, kernels in self.buffers.values():
            count, kind = elements(text)
            if kind not in WIDE or not kernels:
                continue
            nodes = self.nodes_of(kernels)
            quantised = [n for n in nodes if n in self.quantised]
            if constant:
                if kind[0] not in "fb" or not quantised or count <= self.vector_limit(nodes):
                    continue
            else:
                writer, readers = self.nodes_of(kernels[:1]), self.nodes_of(kernels[1:] or kernels)
                touched = quantised or any(self.by_name[n].op_type in (*graphs.QUANTISERS, "DequantizeLinear") for n in nodes if n in self.by_name)
                reduced = count * REDUCED <= self.largest[kernels[0]]
                if not touched or reduced or count <= self.vector_limit(nodes) or kind[0] in "fb" and self.passes_float(writer, readers):
                    continue
            result.append(Offender("constant" if constant else "tensor", f"{text}", count * WIDE[kind], quantised or nodes))
        return result
