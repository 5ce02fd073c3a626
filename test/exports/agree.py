"""How far the outputs of a run are from the right ones."""

import numpy


def of_values(name, want, got, tolerance):
    """(error in parts of the largest value, why it is too much or None)."""
    if got.shape != want.shape:
        return 1.0, f"output {name} has shape {list(got.shape)}, wanted {list(want.shape)}"
    if want.size == 0:
        return 0.0, None
    if want.dtype.kind in "iub":
        share = float((want != got).mean())
        return share, f"output {name}: {share:.1%} of its integers differ" if share > 0.002 else None
    want, got = want.astype(numpy.float64), got.astype(numpy.float64)
    finite = numpy.isfinite(want)
    if not numpy.array_equal(numpy.isnan(want), numpy.isnan(got)) or not numpy.array_equal(want[numpy.isinf(want)], got[numpy.isinf(want)]):
        return 1.0, f"output {name}: NaN or infinity in other places"
    if not finite.any():
        return 0.0, None
    error = float(numpy.abs(want - got)[finite].max() / max(numpy.abs(want[finite]).max(), 1e-3))
    return error, f"output {name}: off by {error:.1e} of its largest value, wanted {tolerance:.0e}" if not error <= tolerance else None


def of_sets(want, got, tolerance):
    """The same where outputs are lists of boxes, in any order: every box has a partner."""
    for name in want:
        if got[name].shape != want[name].shape:
            return 1.0, f"output {name} has shape {list(got[name].shape)}, wanted {list(want[name].shape)}"
    count = len(next(iter(want.values())))
    if count == 0:
        return 0.0, None

    def rows(outputs):
        flat = [numpy.asarray(outputs[name], numpy.float64).reshape(count, -1) for name in want]
        scale = [max(numpy.abs(numpy.asarray(want[name], numpy.float64)).max(), 1e-3) for name in want]
        return numpy.concatenate([part / s for part, s in zip(flat, scale)], 1)

    left, worst = list(rows(got)), 0.0
    for row in rows(want):
        distance = [numpy.abs(row - other).max() for other in left]
        best = int(numpy.argmin(distance))
        worst = max(worst, distance[best])
        left.pop(best)
    return worst, f"a box is off by {worst:.1e} of the largest value, wanted {tolerance:.0e}" if not worst <= tolerance else None


def difference(want, got, kind, tolerance):
    """(error, why): of all outputs; `why` is None when they agree."""
    missing = sorted(set(want) - set(got))
    if missing:
        return 1.0, f"output {missing[0]} is missing"
    if kind == "sets":
        return of_sets(want, got, tolerance)
    worst = 0.0
    for name in want:
        error, why = of_values(name, want[name], got[name], tolerance)
        worst = max(worst, error)
        if why:
            return worst, why
    return worst, None
