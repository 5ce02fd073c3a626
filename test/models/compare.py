"""The tolerance classes of the model tests."""

import numpy

RELATIVE = {"float": 1e-3, "half": 1e-2}
OF_SCALE = {"float": 1e-4, "half": 1e-2}
LSB_LIMIT = 4


def difference(rule, got, want, lsb=None):
    """(error, message): error is the largest deviation as a share of what is allowed; message is
    None when the outputs agree."""
    if got.shape != want.shape:
        return None, f"shape: got {list(got.shape)}, wanted {list(want.shape)}"
    if got.dtype != want.dtype:
        return None, f"type: got {got.dtype}, wanted {want.dtype}"
    if want.size == 0:
        return 0.0, None
    if not numpy.issubdtype(want.dtype, numpy.floating):
        wrong = int((got != want).sum())
        return float(wrong), f"{wrong} of {want.size} elements differ" if wrong else None

    got, want = got.astype(numpy.float64), want.astype(numpy.float64)
    if not numpy.array_equal(numpy.isfinite(got), numpy.isfinite(want)):
        return None, "NaN or infinity at different places"
    finite = numpy.isfinite(want)
    if not finite.any():
        return 0.0, None
    deviation = numpy.abs(got - want)[finite]
    if rule == "qdq":
        steps = float(deviation.max()) / lsb
        if steps > LSB_LIMIT + 1e-3:
            return steps / LSB_LIMIT, f"{steps:.1f} LSB (limit {LSB_LIMIT})"
        if want.ndim and want.shape[-1] > 1 and not _same_argmax(got, want):
            return steps / LSB_LIMIT, "another argmax"
        return steps / LSB_LIMIT, None
    allowed = RELATIVE[rule] * numpy.abs(want[finite]) + OF_SCALE[rule] * numpy.abs(want[finite]).max()
    allowed = numpy.maximum(allowed, numpy.finfo(numpy.float32).tiny)
    error = float((deviation / allowed).max())
    if error > 1:
        return error, f"error {error:.3g} of what is allowed, largest deviation {deviation.max():.3g}"
    return error, None


def _same_argmax(got, want):
    """Ties in the reference allow any of the tied places."""
    index = got.argmax(-1)[..., None]
    return bool((numpy.take_along_axis(want, index, -1)[..., 0] == want.max(-1)).all())


def changes(runs):
    """Whether any output differs between runs on different inputs."""
    first = runs[0]
    for other in runs[1:]:
        for name, value in first.items():
            if value.shape != other[name].shape or not numpy.array_equal(value, other[name]):
                return True
    return False
