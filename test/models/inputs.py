"""Seeded inputs for a model, drawn from the range that it was trained on."""

import numpy


def _image(rng, shape, low, high):
    """Smooth blobs of a random colour cast plus a little noise: closer to a photograph than white noise."""
    value = rng.random(shape)
    axes = [axis for axis, extent in enumerate(shape) if extent > 4]
    for _ in range(3):
        for axis in axes:
            value = (value + numpy.roll(value, 1, axis) + numpy.roll(value, 2, axis)) / 3
    value -= value.min()
    value /= max(value.max(), 1e-9)
    cast_shape = [extent if extent <= 4 else 1 for extent in shape]
    value = value * rng.uniform(0.2, 1.0, cast_shape) + rng.normal(0, 0.05, shape)
    value = numpy.clip(value, 0, 1)
    return low + (high - low) * value


def _detections(rng, shape):
    """Boxes (centre, size, in pixels of a 640 image) in the first four rows, class scores below;
    most scores are small, as a detector's are."""
    value = numpy.empty(shape)
    value[:, 0:2] = rng.uniform(0, 640, value[:, 0:2].shape)
    value[:, 2:4] = rng.uniform(8, 200, value[:, 2:4].shape)
    value[:, 4:] = rng.random(value[:, 4:].shape) ** 400
    return value


def _one(rng, spec, dtype):
    shape, kind = tuple(spec["shape"]), spec["kind"]
    if kind == "image":
        value = _image(rng, shape, spec["low"], spec["high"])
    elif kind == "int":
        value = rng.integers(spec["low"], spec["high"], shape, endpoint=True)
    elif kind == "uniform":
        value = rng.uniform(spec["low"], spec["high"], shape)
    elif kind == "detections":
        value = _detections(rng, shape)
    elif kind == "values":
        value = numpy.array(spec["values"])
    else:
        raise ValueError(f"models.json: kind '{kind}' of an input is not known")
    return numpy.asarray(value.reshape(shape), dtype=dtype, order="C")  # ascontiguousarray would make rank 0 rank 1


def draw(specs, dtypes, seed):
    """{name: array} for the inputs of one run; `specs` as in models.json."""
    rng = numpy.random.default_rng(1000 + seed)
    return {name: _one(rng, spec, dtypes[name]) for name, spec in specs.items()}
