#!/usr/bin/env python3
"""Measures the math expansions against references of higher precision.

One function per op over vectors is expanded by onnx-compile-opt, lowered by
the LLVM tools to a shared object that must not need a math library, run over
dense ranges and special values, and compared in units in the last place.

Usage: accuracy.py [--opt onnx-compile-opt] [--llvm bin-folder] [--filter OP]
                   [--no-fma] [--no-round] [--no-minmax]
                   [--no-f64] [--no-sqrt] [--cpu CPU] [--quick]
"""
import argparse
import ctypes
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

try:
    import mpmath
    mpmath.mp.prec = 120
except ImportError:  # f64 references then come from long double
    mpmath = None

LANES = {'f32': 8, 'f64': 4}
DTYPE = {'f32': np.float32, 'f64': np.float64}


class Op:
    """An op under test: its MLIR name, reference, ranges and bounds in ulp."""

    def __init__(self, name, wide, exact, ranges, ulp32, ulp64, arity=1):
        self.name, self.wide, self.exact = name, wide, exact
        self.ranges, self.ulp = ranges, {'f32': ulp32, 'f64': ulp64}
        self.arity = arity

    @property
    def key(self):
        return self.name.split('.')[1]


def mp_fn(name):
    return getattr(mpmath, name) if mpmath else None


LD = np.longdouble


def round_away(x):
    return np.copysign(np.floor(np.abs(x) + LD(0.5)), x)


def erf_ld(x, complement=False):
    """erf or erfc in double precision or better, element by element."""
    import math
    f = math.erfc if complement else math.erf
    return np.array([f(float(v)) for v in x.ravel()], dtype=LD).reshape(x.shape)


BIG = (-3e38, 3e38)
OPS = [
    Op('math.exp', np.exp, mp_fn('exp'), [(-105, 90), (-1, 1), (-760, 715)], 2, 2),
    Op('math.exp2', np.exp2, lambda x: mpmath.power(2, x), [(-151, 129), (-1, 1), (-1080, 1030)], 2, 2),
    Op('math.expm1', np.expm1, mp_fn('expm1'), [(-30, 90), (-1, 1), (-1e-3, 1e-3), (-50, 715)], 2, 3),
    Op('math.log', np.log, mp_fn('log'), [(0, 3e38), (0, 2), (0.5, 1.5), (1e-45, 1e-37)], 2, 2),
    Op('math.log2', np.log2, lambda x: mpmath.log(x, 2), [(0, 3e38), (0, 2), (0.5, 1.5), (1e-45, 1e-37)], 2, 2),
    Op('math.log10', np.log10, mp_fn('log10'), [(0, 3e38), (0, 2), (0.5, 1.5), (1e-45, 1e-37)], 2, 2),
    Op('math.log1p', np.log1p, mp_fn('log1p'), [(-1, 3), (-0.5, 0.5), (-1e-4, 1e-4), (0, 3e38)], 2, 3),
    Op('math.sin', np.sin, mp_fn('sin'), [(-4, 4), (-100, 100), (-1e5, 1e5), (-1e9, 1e9), BIG], 2, 2.5),
    Op('math.cos', np.cos, mp_fn('cos'), [(-4, 4), (-100, 100), (-1e5, 1e5), (-1e9, 1e9), BIG], 2, 2.5),
    Op('math.tan', np.tan, mp_fn('tan'), [(-4, 4), (-100, 100), (-1e5, 1e5), (-1e9, 1e9), BIG], 3.5, 4),
    Op('math.asin', np.arcsin, mp_fn('asin'), [(-1, 1), (-0.01, 0.01), (0.99, 1)], 2, 2),
    Op('math.acos', np.arccos, mp_fn('acos'), [(-1, 1), (-0.01, 0.01), (0.99, 1)], 2, 2),
    Op('math.atan', np.arctan, mp_fn('atan'), [(-4, 4), (-0.1, 0.1), (-1000, 1000), BIG], 2, 2.5),
    Op('math.sinh', np.sinh, mp_fn('sinh'), [(-90, 90), (-2, 2), (-1e-2, 1e-2), (-712, 712)], 3, 3),
    Op('math.cosh', np.cosh, mp_fn('cosh'), [(-90, 90), (-2, 2), (-712, 712)], 3, 3),
    Op('math.tanh', np.tanh, mp_fn('tanh'), [(-12, 12), (-1, 1), (-1e-2, 1e-2), (-25, 25)], 2, 3),
    Op('math.asinh', np.arcsinh, mp_fn('asinh'), [(-10, 10), (-1e-2, 1e-2), BIG], 3, 3),
    Op('math.acosh', np.arccosh, mp_fn('acosh'), [(1, 2), (1, 100), (1, 3e38)], 3, 3),
    Op('math.atanh', np.arctanh, mp_fn('atanh'), [(-1, 1), (-1e-2, 1e-2)], 3, 3),
    Op('math.erf', erf_ld, mp_fn('erf'), [(-4.5, 4.5), (-1, 1), (-1e-2, 1e-2), (-7, 7)], 2, 2),
    Op('math.erfc', lambda x: erf_ld(x, True), mp_fn('erfc'), [(-4, 11), (-1, 1), (-7, 28)], 4, 4),
    Op('math.cbrt', np.cbrt, lambda x: mpmath.sign(x) * mpmath.root(abs(x), 3), [(-10, 10), (0, 1e-30), BIG], 1.5, 1.5),
    Op('math.rsqrt', lambda x: 1 / np.sqrt(x), lambda x: 1 / mpmath.sqrt(x), [(0, 10), (0, 1e-30), (0, 3e38)], 1.6, 1.6),
    Op('math.sqrt', np.sqrt, mp_fn('sqrt'), [(0, 10), (0, 3e38)], 0.51, 0.51),
    Op('math.floor', np.floor, None, [(-10, 10), (-1e7, 1e7), BIG], 0, 0),
    Op('math.ceil', np.ceil, None, [(-10, 10), (-1e7, 1e7), BIG], 0, 0),
    Op('math.trunc', np.trunc, None, [(-10, 10), (-1e7, 1e7), BIG], 0, 0),
    Op('math.round', round_away, None, [(-10, 10), (-1e7, 1e7), BIG], 0, 0),
    Op('math.roundeven', np.rint, None, [(-10, 10), (-1e7, 1e7), BIG], 0, 0),
    Op('math.atan2', np.arctan2, mp_fn('atan2'), [(-3, 3), (-1e-3, 1e3), BIG], 2, 2.5, 2),
    Op('math.powf', np.power, mp_fn('power'), [(0, 10), (0, 1.5), (-6, 6), (0, 200)], 2, 2, 2),
    Op('arith.remf', np.fmod, None, [(-10, 10), (-1e-3, 1e7), BIG], 0, 0, 2),
    Op('arith.maximumf', np.maximum, None, [(-10, 10)], 0, 0, 2),
    Op('arith.minimumf', np.minimum, None, [(-10, 10)], 0, 0, 2),
    Op('arith.maxnumf', np.fmax, None, [(-10, 10)], 0, 0, 2),
    Op('arith.minnumf', np.fmin, None, [(-10, 10)], 0, 0, 2),
]
EVEN = {'math.cosh', 'math.cos', 'math.exp', 'math.exp2'}


def module(ops, formats):
    """A function over n vectors for every op and format."""
    text = []
    for op in ops:
        for f in formats:
            v = f'vector<{LANES[f]}x{f}>'
            p = '!llvm.ptr'
            names = ['%a', '%b'][:op.arity]
            args = ', '.join(f'{n}: {p}' for n in names)
            loads = '\n'.join(
                f'''    {n}p = llvm.getelementptr {n}[%i] : ({p}, i64) -> {p}, {v}
    {n}v = llvm.load {n}p {{alignment = 4 : i64}} : {p} -> {v}''' for n in names)
            values = ', '.join(f'{n}v' for n in names)
            text.append(f'''
func.func @{op.key}_{f}({args}, %out: {p}, %n: i64) {{
  %c0 = arith.constant 0 : i64
  %c1 = arith.constant 1 : i64
  scf.for %i = %c0 to %n step %c1 : i64 {{
{loads}
    %r = {op.name} {values} : {v}
    %q = llvm.getelementptr %out[%i] : ({p}, i64) -> {p}, {v}
    llvm.store %r, %q {{alignment = 4 : i64}} : {v}, {p}
  }}
  return
}}''')
    return '\n'.join(text)


def build(args, ops, formats, folder):
    """Compiles the module to a shared object; returns it loaded."""
    src = os.path.join(folder, 'ops.mlir')
    with open(src, 'w') as f:
        f.write(module(ops, formats))
    tool = lambda n: os.path.join(args.llvm, n)
    passes = (f'expand-math{{fma={int(not args.no_fma)} round={int(not args.no_round)} '
              f'minmax={int(not args.no_minmax)} f64={int(not args.no_f64)} '
              f'sqrt={int(not args.no_sqrt)}}}')
    run = lambda cmd: subprocess.run(cmd, check=True)
    run([args.opt, '--allow-unregistered-dialect', f'--pass-pipeline=builtin.module({passes})',
         src, '-o', src + '.1'])
    run([tool('mlir-opt'), '--convert-scf-to-cf', '--convert-vector-to-llvm', '--convert-math-to-llvm',
         '--convert-arith-to-llvm', '--convert-func-to-llvm', '--convert-cf-to-llvm', '--convert-ub-to-llvm',
         '--reconcile-unrealized-casts', src + '.1', '-o', src + '.2'])
    run([tool('mlir-translate'), '--mlir-to-llvmir', src + '.2', '-o', src + '.ll'])
    obj = os.path.join(folder, 'ops.o')
    run([tool('llc'), '-O2', '-relocation-model=pic', f'-mcpu={args.cpu}', '-filetype=obj',
         src + '.ll', '-o', obj])
    names = subprocess.run([tool('llvm-nm'), '-u', obj], check=True, capture_output=True, text=True).stdout
    undefined = names.split()[1::2]
    if undefined:
        sys.exit(f'FAIL: the object needs {undefined}')
    lib = os.path.join(folder, 'ops.so')
    run([tool('ld.lld'), '-shared', obj, '-o', lib])
    return ctypes.CDLL(lib)


def specials(dtype):
    info = np.finfo(dtype)
    pos = [0.0, info.smallest_subnormal, info.smallest_subnormal * 5, info.tiny / 2, info.tiny,
           1e-20, 1e-10, 1e-5, 0.25, 0.5, np.nextafter(dtype(0.5), dtype(0)), 0.9999999, 1.0,
           np.nextafter(dtype(1), dtype(2)), np.nextafter(dtype(1), dtype(0)), 1.5, 2.0, 2.5, 3.0,
           np.pi / 4, np.pi / 2, np.pi, 4.0, 7.0, 10.0, 88.72, 88.73, 100.0, 104.0, 1000.0, 709.78,
           710.0, 745.2, 8388607.5, 16777215.0, 1e10, 4503599627370495.5, 9007199254740993.0, 1e20,
           1e30, info.max / 2, info.max, np.inf]
    with np.errstate(all='ignore'):
        values = np.array(pos, dtype=LD).astype(dtype)
    return np.concatenate([values, -values, np.array([np.nan], dtype=dtype)])


def samples(op, dtype, rng, count):
    out = []
    with np.errstate(all='ignore'):
        for lo, hi in op.ranges:
            out.append(np.linspace(lo, hi, count))
            out.append(rng.uniform(lo, hi, count))
            # Logarithmic: every binade of the range.
            top = np.log2(max(abs(lo), abs(hi)))
            e = rng.uniform(np.log2(float(np.finfo(dtype).smallest_subnormal)), top, count)
            mag = np.exp2(e)
            sign = rng.choice([-1, 1], count) if lo < 0 < hi else (1 if hi > 0 else -1)
            m = mag * sign
            out.append(m[(m >= lo) & (m <= hi)])
        x = np.concatenate(out).astype(dtype)
    return np.concatenate([x, specials(dtype)])


def operands(op, dtype, rng, count):
    x = samples(op, dtype, rng, count)
    if op.arity == 1:
        return [x]
    y = x.copy()
    rng.shuffle(y)
    if op.name == 'math.powf':
        # Exponents that keep the result in range, and small integers.
        with np.errstate(all='ignore'):
            limit = (150 if dtype == np.float32 else 1080) / np.abs(np.log2(np.abs(x.astype(LD))))
            z = (rng.uniform(-1, 1, x.size) * limit).astype(dtype)
        z[::3] = np.rint(z[::3])
        z[~np.isfinite(z)] = 1.25
        x2 = x.copy()
        x, y = np.concatenate([x, x2]), np.concatenate([y, z])
    s = specials(dtype)
    if op.name == 'math.powf':
        s = np.concatenate([s, np.array([-3, -2, -5, 3, 16777217.0, 8388609.0, -0.5], dtype=dtype)])
    sx, sy = np.meshgrid(s, s)
    return [np.concatenate([x, sx.ravel()]), np.concatenate([y, sy.ravel()])]


def run(lib, op, f, inputs):
    lanes = LANES[f]
    n = (inputs[0].size + lanes - 1) // lanes
    pad = [np.concatenate([i, np.ones(n * lanes - i.size, dtype=i.dtype)]) for i in inputs]
    out = np.zeros(n * lanes, dtype=inputs[0].dtype)
    fn = getattr(lib, f'{op.key}_{f}')
    fn(*[ctypes.c_void_p(p.ctypes.data) for p in pad], ctypes.c_void_p(out.ctypes.data), ctypes.c_int64(n))
    return out[:inputs[0].size]


def reference(op, f, inputs):
    """Long double values, good to well below an ulp of the format."""
    with np.errstate(all='ignore'):
        wide = op.wide(*[i.astype(LD) for i in inputs])
        if f == 'f32' and op.name in ('math.sin', 'math.cos', 'math.tan'):
            wide = op.wide(*[i.astype(np.float64) for i in inputs]).astype(LD)
    if f == 'f64' and op.exact and mpmath:
        wide = np.array(wide)
        for i in range(wide.size):
            args = [float(a[i]) for a in inputs]
            if not np.isfinite(wide[i]) or not all(np.isfinite(args)) or wide[i] == 0 or 0 in args:
                continue
            v = op.exact(*[mpmath.mpf(a) for a in args])
            if isinstance(v, mpmath.mpc):
                continue
            hi = float(v)
            if np.isinf(hi):
                wide[i] = LD(hi)
                continue
            wide[i] = LD(hi) + LD(float(v - mpmath.mpf(hi)))
    return wide


def ulps(got, ref, dtype):
    """Error in units in the last place of the rounded reference."""
    with np.errstate(all='ignore'):
        rounded = ref.astype(dtype)
        spacing = np.spacing(np.where(np.isfinite(rounded), np.abs(rounded), 1).astype(dtype)).astype(LD)
        # At a power of two the smaller spacing below would be unfair.
        err = np.abs(got.astype(LD) - ref) / spacing
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
        err = np.where(same, np.minimum(np.where(np.isfinite(err), err, 0), 0.5), err)
        # Overflow: infinity against a value within an ulp of the limit.
        top = np.finfo(dtype).max
        near = np.isinf(got) & (np.abs(ref) > LD(top) * (1 - LD(np.finfo(dtype).eps) * 2)) & (np.sign(got) == np.sign(ref))
        near |= np.isinf(rounded) & (np.abs(got) >= top * (1 - np.finfo(dtype).eps * 2)) & (np.sign(got) == np.sign(ref))
        err = np.where(near & ~same, 1, err)
    return np.where(np.isnan(err), np.inf, err)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser()
    parser.add_argument('--opt', default=os.path.join(here, '../../build/bin/onnx-compile-opt'))
    parser.add_argument('--llvm', default='/usr/lib/llvm-22/bin')
    parser.add_argument('--filter', default='')
    parser.add_argument('--formats', default='f32,f64')
    parser.add_argument('--cpu', default='x86-64-v3')
    parser.add_argument('--no-fma', action='store_true')
    parser.add_argument('--no-round', action='store_true')
    parser.add_argument('--no-minmax', action='store_true')
    parser.add_argument('--no-f64', action='store_true')
    parser.add_argument('--no-sqrt', action='store_true')
    parser.add_argument('--quick', action='store_true')
    args = parser.parse_args()
    ops = [op for op in OPS if re.search(args.filter, op.key)]
    formats = args.formats.split(',')
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        lib = build(args, ops, formats, folder)
        for op in ops:
            for f in formats:
                dtype = DTYPE[f]
                rng = np.random.default_rng(7)
                count = 20000 if f == 'f32' else 1500
                if args.quick:
                    count //= 10
                inputs = operands(op, dtype, rng, count)
                got = run(lib, op, f, inputs)
                ref = reference(op, f, inputs)
                err = ulps(got, ref, dtype)
                worst = int(np.argmax(err))
                # Signs of zero must agree with the reference.
                rounded = ref.astype(dtype)
                zero = (got == 0) & (rounded == 0) & (np.signbit(got) != np.signbit(rounded))
                zero &= np.array([op.name not in ('arith.maxnumf', 'arith.minnumf', 'arith.maximumf', 'arith.minimumf')])
                bound = op.ulp[f] * (1.5 if args.no_fma else 1) + (0.5 if op.ulp[f] == 0 else 0)
                bad = err[worst] > bound or zero.any()
                failed += bad
                at = ', '.join(repr(float(i[worst])) for i in inputs)
                note = f'  at ({at}): got {got[worst]!r}, want {ref[worst]!r}' if bad or err[worst] > 1 else ''
                if zero.any():
                    z = int(np.argmax(zero))
                    note += '  sign of zero at ' + ', '.join(repr(float(i[z])) for i in inputs)
                print(f'{"FAIL" if bad else "ok  "} {op.key:10} {f}  max {float(err[worst]):8.3f} ulp  '
                      f'(bound {bound:g}, {got.size} points, {int((err > bound).sum())} over){note}', flush=True)
    print(f'{len(ops) * len(formats) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
