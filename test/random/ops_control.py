"""If, Loop and Scan with bodies of random ops, which see the values around them."""

import numpy as np
from onnx import helper

from graph import BOOL, F32, F64, FLOATS, I32, I64, NUMBERS, TYPES, Graph, Skip, Value, is_float, op, whole
import graph


def fill_body(g, body, count):
    for _ in range(count):
        attempt(body, inside=True)


def attempt(g, inside=False):
    """Appends one random op; False where it did not fit."""
    names = [t for t in graph.TEMPLATES if not inside or t[0] not in ("branch", "loop", "scan")]
    weights = np.array([t[1] for t in names])
    name, _, function = names[int(g.rng.choice(len(names), p=weights / weights.sum()))]
    root = g.root
    kept = (len(g.nodes), len(g.values), len(root.inputs), len(root.values), dict(root.constants), len(root.nodes))
    try:
        function(g)
        return True
    except Skip:
        del g.nodes[kept[0]:], g.values[kept[1]:], root.inputs[kept[2]:]
        if g is not root:
            del root.values[kept[3]:]
        root.constants = kept[4]
        return False


def result(g, body, like):
    """A value of the body of the type and shape of `like`."""
    fits = [v for v in body.values if v.dtype == like.dtype and v.shape == like.shape]
    if fits and g.chance(0.85):
        return fits[-1]
    x = g.pick((like.dtype,), shape=like.shape)
    return body.add("Identity", [x], [body.same(x, x.shape)])


def own(body, v):
    """`v`, or a copy of it if it is not the body's."""
    return v if any(w is v for w in body.values) else body.add("Identity", [v], [body.same(v, v.shape)])


def body_graph(body, name, ins, outs):
    info = lambda v: helper.make_tensor_value_info(v.name, v.dtype, [None] * v.rank if body.options.dynamic else v.shape)
    return helper.make_graph(body.nodes, name, [info(v) for v in ins], [info(v) for v in outs])


@op(2.5)
def branch(g):
    cond = g.pick((BOOL,), shape=())
    sides = [Graph(g.rng, g.options, g) for _ in range(2)]
    for side in sides:
        fill_body(g, side, g.int(1, 3))
    if not sides[0].values:
        raise Skip()
    firsts = [g.one(sides[0].values) for _ in range(g.int(1, 2))]
    seconds = [own(sides[1], result(g, sides[1], v)) for v in firsts]
    # The same value cannot be two results of a body.
    for side, values in zip(sides, (firsts, seconds)):
        for i, v in enumerate(values):
            if any(w.name == v.name for w in values[:i]):
                values[i] = side.add("Identity", [v], [side.same(v, v.shape)])
    outs = []
    for a, b in zip(firsts, seconds):
        frac = None if a.frac is None or b.frac is None else max(a.frac, b.frac)
        outs.append(Value("", a.dtype, a.shape, max(a.mag, b.mag), frac, max(a.err, b.err), a.special or b.special))
    g.add("If", [cond], outs, then_branch=body_graph(sides[0], "then", [], firsts), else_branch=body_graph(sides[1], "else", [], seconds))


def carried_through(g, body, state):
    """One value per state for the next trip: an update that does not grow, or the state as it was."""
    out = []
    made = {o for n in body.nodes for o in n.output}
    given = [v for v in body.values if v.name not in made]  # as it comes: ONNX Runtime hands its buffer on
    for s in state:
        fits = [v for v in body.values if v.dtype == s.dtype and v.shape == s.shape and v.mag <= max(s.mag, 1) * 4 and v is not s and v not in given]
        if fits and g.chance(0.8):
            v = fits[-1]
        elif s.dtype in FLOATS + (I32, I64) and g.chance(0.6):
            other = g.pick((s.dtype,), where=lambda v: not v.err and v.mag < 100, shape=s.shape)
            v = body.add("Max", [s, other], [Value("", s.dtype, s.shape, max(s.mag, other.mag), None, s.err + other.err)])
        else:
            v = body.add("Identity", [s], [body.same(s, s.shape)])
        if any(v is w for w in out):
            v = body.add("Identity", [v], [body.same(v, v.shape)])
        out.append(v)
    return out


def entering(g, body, values):
    """The body's names of what is carried; nothing is known of it but its bounds after some trips."""
    made = []
    for v in values:
        w = Value(body.name(), v.dtype, v.shape, max(v.mag, 1) * 64, None if is_float(v.dtype) else 0, v.err * 64 + (1e-3 if v.dtype in FLOATS else 0), v.special)
        if is_float(v.dtype) and v.dtype not in (F32, F64):
            raise Skip()
        made.append(w)
        body.values.append(w)
    return made


@op(2)
def loop(g):
    trips = g.int(0 if g.zeros and not g.options.dynamic else 1, 3)  # without a trip, what dims stacked values have is not said
    starts = [g.pick((F32, F32, I64, F64, BOOL), where=lambda v: v.mag < 50 and v.size < 200) for _ in range(g.int(1, 2))]
    body = Graph(g.rng, g.options, g)
    i, c = Value(body.name("i"), I64, (), trips, 0), Value(body.name("k"), BOOL, (), 1, 0)
    state = entering(g, body, starts)
    body.values += [i]
    fill_body(g, body, g.int(1, 3))
    following = carried_through(g, body, state)
    again = body.add("Identity", [c], [body.same(c, ())])
    scans = []
    if g.chance(0.6) and body.values:
        v = g.one([v for v in body.values if v.size < 300])
        scans.append(body.add("Identity", [v], [body.same(v, v.shape)]))
    for v in following + scans:
        if v.mag > 1e8 and is_float(v.dtype):
            raise Skip()
    outs = [Value("", s.dtype, s.shape, max(v.mag, s.mag) * 64, None if is_float(s.dtype) else 0, (v.err + s.err) * 64 if is_float(s.dtype) else 0, True) for s, v in zip(starts, following)]
    outs += [Value("", v.dtype, (trips, *v.shape), v.mag, None if is_float(v.dtype) else 0, v.err, True) for v in scans]
    graph_ = body_graph(body, "body", [i, c] + state, [again] + following + scans)
    m = g.ints([trips]) if g.chance(0.5) else g.constant(np.array(trips, np.int64))
    if m.shape == (1,):
        m = g.constant(np.array(trips, np.int64)) if not g.options.dynamic else g.input(np.array(trips, np.int64))
    cond = None if g.chance(0.3) else g.constant(np.array(True))
    g.add("Loop", [m, cond] + starts, outs, body=graph_)


@op(1.5)
def scan(g):
    x = g.pick((F32, F32, I64), low=1, high=4, where=lambda v: v.shape[0] > 0 and v.mag < 50)
    start = g.pick((F32, I64), where=lambda v: v.mag < 50 and v.size < 200)
    body = Graph(g.rng, g.options, g)
    state = entering(g, body, [start])
    row = Value(body.name(), x.dtype, x.shape[1:], x.mag, x.frac, x.err, x.special)
    body.values.append(row)
    fill_body(g, body, g.int(1, 3))
    following = carried_through(g, body, state)
    v = g.one([v for v in body.values if v.size < 300])
    each = body.add("Identity", [v], [body.same(v, v.shape)])
    outs = [Value("", start.dtype, start.shape, max(following[0].mag, start.mag) * 64, None if is_float(start.dtype) else 0, (following[0].err + start.err) * 64 if is_float(start.dtype) else 0, True),
            Value("", each.dtype, (x.shape[0], *each.shape), each.mag, None if is_float(each.dtype) else 0, each.err, True)]
    attributes = {}
    if g.chance(0.3):
        attributes["scan_input_directions"] = [1]
    if g.chance(0.3):
        attributes["scan_output_directions"] = [1]
    g.add("Scan", [start, x], outs, num_scan_inputs=1, body=body_graph(body, "body", state + [row], following + [each]), **attributes)
