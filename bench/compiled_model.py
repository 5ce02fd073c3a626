"""A compiled model (a shared library made with --emit=shared) for Python, by ctypes.

The structures mirror runtime-lite/include/onnxc.h.
"""

import ctypes

import numpy

MAX_RANK = 8
VERSION = 4
ERROR_TEXT = 256
# Numbers of ONNX TensorProto.DataType.
DTYPES = {
    1: numpy.float32, 2: numpy.uint8, 3: numpy.int8, 4: numpy.uint16, 5: numpy.int16,
    6: numpy.int32, 7: numpy.int64, 9: numpy.bool_, 10: numpy.float16, 11: numpy.float64,
    12: numpy.uint32, 13: numpy.uint64,
}


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("bytes", ctypes.c_size_t), ("type", ctypes.c_int32),
        ("rank", ctypes.c_int32), ("dims", ctypes.c_int64 * MAX_RANK),
    ]


class TensorInfo(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p), ("type", ctypes.c_int32), ("rank", ctypes.c_int32),
        ("dims", ctypes.c_int64 * MAX_RANK), ("arena_offset", ctypes.c_int64),
    ]


class Record(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("model_name", ctypes.c_char_p),
        ("model_hash", ctypes.c_char_p), ("compiler_version", ctypes.c_char_p),
        ("arena_bytes", ctypes.c_int64), ("arena_align", ctypes.c_int64),
        ("state_bytes", ctypes.c_int64), ("num_inputs", ctypes.c_int32),
        ("num_outputs", ctypes.c_int32), ("inputs", ctypes.POINTER(TensorInfo)),
        ("outputs", ctypes.POINTER(TensorInfo)), ("run", ctypes.c_void_p),
        ("init", ctypes.c_void_p), ("deinit", ctypes.c_void_p),
    ]


RUN = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(Tensor),
    ctypes.POINTER(Tensor), ctypes.c_void_p, ctypes.c_size_t,
)


class Context(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_uint32), ("user", ctypes.c_void_p), ("allocate", ctypes.c_void_p),
        ("release", ctypes.c_void_p), ("error_code", ctypes.c_int32), ("error_node", ctypes.c_int32),
        ("error_message", ctypes.c_char_p), ("executor", ctypes.c_void_p),
        ("log", ctypes.c_void_p), ("stream", ctypes.c_void_p), ("error_text", ctypes.c_char * ERROR_TEXT),
    ]


class Pool:
    """Threads that runs use; a library beside the programs has them (runtime-lite/threads)."""

    def __init__(self, library, threads):
        self.library = ctypes.CDLL(library)
        self.library.onnxc_pool_bytes.restype = ctypes.c_size_t
        size = self.library.onnxc_pool_bytes(threads)
        self.memory, start = _aligned(size, 64)
        self.executor = ctypes.c_void_p()
        status = self.library.onnxc_pool_init(
            ctypes.c_void_p(start), ctypes.c_size_t(size), threads, ctypes.byref(self.executor)
        )
        if status:
            raise RuntimeError(f"{threads} threads: status {status}")


def _aligned(size, align):
    """A byte array whose start is aligned, and that start."""
    raw = numpy.zeros(size + align, numpy.uint8)
    return raw, raw.ctypes.data + (-raw.ctypes.data) % align


def _describe(tensor, array, info):
    tensor.data = array.ctypes.data
    tensor.bytes = array.nbytes
    tensor.type = info.type
    tensor.rank = array.ndim
    for axis, extent in enumerate(array.shape):
        tensor.dims[axis] = extent


class CompiledModel:
    """A static model with bound inputs; `run()` computes, `outputs` holds the results.

    `pool`: a Pool, for models compiled for several threads.
    """

    def __init__(self, library, inputs, pool=None):
        self.library = ctypes.CDLL(library)
        entry = self.library.onnxc_model_entry
        entry.restype = ctypes.POINTER(Record)
        self.record = entry().contents
        if self.record.version != VERSION:
            raise RuntimeError(f"{library}: version {self.record.version}, wanted {VERSION}")
        infos = [self.record.inputs[i] for i in range(self.record.num_inputs)]
        self.arrays, self.outputs = [], {}
        self.ins = (Tensor * max(len(infos), 1))()
        for tensor, info in zip(self.ins, infos):
            array = numpy.ascontiguousarray(inputs[info.name.decode()])
            if array.dtype != DTYPES[info.type]:
                raise RuntimeError(f"{info.name.decode()}: got {array.dtype}, wanted {DTYPES[info.type]}")
            self.arrays.append(array)
            _describe(tensor, array, info)
        self.outs = (Tensor * max(self.record.num_outputs, 1))()
        for i in range(self.record.num_outputs):
            info = self.record.outputs[i]
            shape = [info.dims[axis] for axis in range(info.rank)]
            if any(extent < 0 for extent in shape):
                raise RuntimeError(f"{library}: output {info.name.decode()} is dynamic")
            array = numpy.zeros(shape, DTYPES[info.type])
            self.outputs[info.name.decode()] = array
            _describe(self.outs[i], array, info)
        self.memory = [_aligned(max(n, 1), max(self.record.arena_align, 64))
                       for n in (self.record.arena_bytes, self.record.state_bytes)]
        self.call = RUN(self.record.run)
        self.pool = pool
        self.context = Context(version=VERSION, executor=pool.executor if pool else None)
        self.arguments = (
            self.memory[1][1] if self.record.state_bytes else None,
            ctypes.addressof(self.context) if pool else None, self.ins, self.outs,
            self.memory[0][1], self.record.arena_bytes,
        )

    def run(self):
        status = self.call(*self.arguments)
        if status:
            raise RuntimeError(f"the run returned status {status}")
