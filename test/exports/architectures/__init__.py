"""The table of architectures: one row per network, filled by the modules beside.

A row's `make()` returns the network; `inputs(**sizes)` its example inputs by
name, at given sizes of its symbols; `dynamic` says which dims bear which
symbol. Nothing is downloaded: weights are drawn from a seed.
"""

import dataclasses
import hashlib
import importlib
import inspect
import re

# With how the names of its rows begin: importing all of them takes a while.
MODULES = dict(small_models="", packages="silero_", torchvision_models="tv_", detectors="", timm_models="timm_", transformers_models="hf_")
EXPORTERS = ("torchscript", "dynamo")


@dataclasses.dataclass
class Row:
    name: str
    make: object  # () -> torch.nn.Module, or the path of an ONNX file
    inputs: object  # (**sizes) -> {name: tensor}
    sizes: tuple = ({},)  # the first is the example that is exported; all are run
    dynamic: dict = dataclasses.field(default_factory=dict)  # input -> {axis: symbol}
    outputs: int = 1
    opset: int = 17
    exporters: tuple = EXPORTERS
    tolerance: float = 2e-4  # of the largest value of an output
    draw: bool = True  # all weights anew from the seed, so that none is a trivial 0 or 1
    gain: float = 1.0  # of drawn weights; below 1 where a network would make of rounding errors large ones (sharp softmax)
    compare: str = "values"  # or "sets": rows of outputs in any order (detectors)
    options: tuple = ()  # of onnx-compile
    note: str = ""

    def key(self, exporter):
        """Of the cache: changes with what the row says."""
        text = [exporter, self.name, repr(self.sizes), repr(self.dynamic), str(self.opset), str(self.draw), str(self.outputs)]
        if self.gain != 1:
            text.append(str(self.gain))
        for function in (self.make, self.inputs):
            text.append(inspect.getsource(function))
            for cell in function.__closure__ or ():
                kept = cell.cell_contents
                text.append(inspect.getsource(kept) if inspect.isfunction(kept) else repr(kept) if not callable(kept) else "")
        return hashlib.sha256("\n".join(text).encode()).hexdigest()[:12]


ROWS = {}


def add(name, make, inputs, **fields):
    assert name not in ROWS, name
    ROWS[name] = Row(name, make, inputs, **fields)


def architecture(inputs, **fields):
    """Decorator of a function that makes the network; its name is the row's."""

    def register(make):
        add(make.__name__, make, inputs, **fields)
        return make

    return register


def load(pattern="*"):
    """The rows that a name or pattern may mean, and perhaps others, by name."""
    known = re.match(r"[^*?\[]*", pattern).group()
    for module, prefix in MODULES.items():
        if known.startswith(prefix) or prefix.startswith(known):
            importlib.import_module("architectures." + module)
    return ROWS


def image(batch=2, height=64, width=64, channels=3):
    import torch

    return dict(x=torch.randn(batch, channels, height, width))
