"""Models that Python packages carry as ONNX files."""

import os

import torch

from . import add


def silero(file, label, sizes, options=()):
    def path():
        import silero_vad

        return os.path.join(os.path.dirname(silero_vad.__file__), "data", file)

    def inputs(batch, rate):
        given = dict(input=torch.randn(batch, 64 + 512 if rate == 16000 else 32 + 256) * 0.3, state=torch.randn(2, batch, 128) * 0.5)
        return given if options else dict(**given, sr=torch.tensor(rate))

    add(label, path, inputs, sizes=sizes, exporters=("file",), options=options, tolerance=1e-3)


silero("silero_vad.onnx", "silero_vad", (dict(batch=1, rate=16000), dict(batch=3, rate=16000), dict(batch=2, rate=8000)))
silero("silero_vad.onnx", "silero_vad_16k", (dict(batch=1, rate=16000), dict(batch=3, rate=16000)), options=("--value=sr=16000",))
silero("silero_vad.onnx", "silero_vad_8k", (dict(batch=1, rate=8000), dict(batch=3, rate=8000)), options=("--value=sr=8000",))
silero("silero_vad_16k_op15.onnx", "silero_vad_op15", (dict(batch=1, rate=16000), dict(batch=2, rate=16000)))
