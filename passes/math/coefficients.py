#!/usr/bin/env python3
"""Derives the polynomial tables of Coefficients.h with the Remez exchange.

Each table is the minimax polynomial of a smooth remainder function under the
weight that turns its error into relative error of the final result. Rounding
is done coefficient by coefficient, refitting the rest each time.
Usage: coefficients.py > Coefficients.h      (needs mpmath and numpy)
"""
import numpy as np
from mpmath import mp, mpf

mp.dps = 50


def to_format(v, bits):
    return mpf(float(np.float32(float(v)))) if bits == 32 else mpf(float(v))


def remez(g, w, lo, hi, degree):
    """Minimax polynomial p of degree `degree`: min max |p - g| * w on [lo, hi]."""
    n = degree + 2
    mid, half = (hi + lo) / 2, (hi - lo) / 2
    off = (hi - lo) * mpf('1e-7')  # no node exactly at zero, where weights vanish
    nodes = [mid - half * mp.cos(mp.pi * (2 * i + 1) / (2 * n)) for i in range(n)]
    nodes = [t if abs(t) > off else off for t in nodes]
    count = 24 * n
    grid = [mid - half * mp.cos(mp.pi * mpf(i) / count) for i in range(count + 1)]
    grid = [t if abs(t) > off else off for t in grid]
    gv = [g(t) for t in grid]
    wv = [w(t) for t in grid]
    coeffs, worst = None, None
    for _ in range(12):
        a = mp.matrix(n, n)
        b = mp.matrix(n, 1)
        for i, t in enumerate(nodes):
            for j in range(degree + 1):
                a[i, j] = t ** j
            a[i, n - 1] = (-1) ** i / w(t)
            b[i] = g(t)
        s = mp.lu_solve(a, b)
        coeffs = [s[j] for j in range(degree + 1)]
        level = abs(s[n - 1])
        err = [(mp.polyval(coeffs[::-1], t) - gv[i]) * wv[i] for i, t in enumerate(grid)]
        worst = max(abs(e) for e in err)
        # One extremum per run of equal sign, then the best alternating window.
        runs = []
        for i, e in enumerate(err):
            if runs and (err[runs[-1]] >= 0) == (e >= 0):
                if abs(e) > abs(err[runs[-1]]):
                    runs[-1] = i
            else:
                runs.append(i)
        while len(runs) > n:
            runs.pop(0 if abs(err[runs[0]]) < abs(err[runs[-1]]) else -1)
        if len(runs) < n or worst <= level * mpf('1.02'):
            break
        nodes = [grid[i] for i in runs]
    return coeffs, worst


def fit(g, w, lo, hi, target, bits, max_degree=40):
    """Lowest degree that meets `target`, coefficients rounded to the format."""
    lo, hi = mpf(lo), mpf(hi)
    degree = 1
    while True:
        coeffs, err = remez(g, w, lo, hi, degree)
        if err < target or degree >= max_degree:
            break
        degree += 1
    done = []
    while len(done) <= degree:
        done.append(to_format(coeffs[0], bits))
        if len(done) > degree:
            break
        if bits == 64 or lo != 0:  # rounding is far below the target: no refit
            coeffs = coeffs[1:]
            continue
        # Refit the rest against the rounded low coefficients.
        def rest(t, d=list(done)):
            return (g(t) - mp.polyval(d[::-1], t)) / t ** len(d)
        def weight(t, k=len(done)):
            return w(t) * abs(t) ** k
        eps = (hi - lo) / 2 ** 12
        coeffs, _ = remez(rest, weight, lo + eps, hi, degree - len(done))
    grid = [lo + (hi - lo) * mpf(i) / 1999 for i in range(2000)]
    final = max(abs(mp.polyval(done[::-1], t) - g(t)) * w(t) for t in grid)
    return done, final


def series(f, terms):
    """Taylor coefficients by exact formula; evaluates small |t| accurately."""
    return lambda t: mp.fsum(f(k) * t ** k for k in range(terms))


def emit(name, bits, coeffs, err):
    print(f'// {name}: degree {len(coeffs) - 1}, error 2^{float(mp.log(err, 2)):.1f}')
    print(f'inline constexpr double {name}[] = {{')
    for c in coeffs:
        print(f'    {float(c).hex()},')
    print('};\n')


def tables(bits):
    suffix = 'F32' if bits == 32 else 'F64'
    t1 = mpf(2) ** (-27 if bits == 32 else -57)

    def out(name, g, w, lo, hi, target=t1):
        coeffs, err = fit(g, w, lo, hi, target, bits)
        emit(name + suffix, bits, coeffs, err)

    # exp(r) = 1 + r + r^2 Q(r)
    h = mp.log(2) / 2 * mpf('1.0001')
    out('kExp', series(lambda k: 1 / mp.factorial(k + 2), 40), lambda t: t * t / mp.exp(t), -h, h)
    # The same over |r| <= ln2, for results scaled by 4^h.
    out('kExpWide', series(lambda k: 1 / mp.factorial(k + 2), 40), lambda t: t * t / mp.exp(t), -2 * h, 2 * h)
    # 2^(r/2) = 1 + r Q(r), |r| <= 1
    c = mp.log(2) / 2
    out('kExp2', series(lambda k: c ** (k + 1) / mp.factorial(k + 1), 50), lambda t: abs(t), mpf('-1.0001'), mpf('1.0001'))
    # log(1+f) = f - f^2/2 + f^3 P(f)   (f32 only)
    if bits == 32:
        def g(f):
            if abs(f) < mpf('1e-8'):
                return mpf(1) / 3 - f / 4
            return (mp.log1p(f) - f + f * f / 2) / f ** 3
        out('kLog', g, lambda f: abs(f) ** 3 / abs(mp.log1p(f)) if f else mpf(0), mp.sqrt(mpf(1) / 2) - 1 - mpf('1e-6'), mp.sqrt(2) - 1 + mpf('1e-6'))
    else:
        # log((1+s)/(1-s)) = 2s + s z P(z), z = s^2
        out('kLog', series(lambda k: mpf(2) / (2 * k + 3), 60), lambda z: z / 2 + mpf('1e-40'), 0, mpf('0.02945'))
    # pow: log((1+s)/(1-s)) = 2s + 2/3 s^3 + s^5 P(s^2), to a double-word target
    out('kPowLog', series(lambda k: mpf(2) / (2 * k + 5), 80), lambda z: z * z / 2 + mpf('1e-40'), 0, mpf('0.02945'),
        mpf(2) ** (-38 if bits == 32 else -69))
    q = (mp.pi / 4) ** 2 * mpf('1.002')
    out('kSin', series(lambda k: (-1) ** (k + 1) / mp.factorial(2 * k + 3), 30), lambda t: t, 0, q)
    out('kCos', series(lambda k: (-1) ** k / mp.factorial(2 * k + 4), 30), lambda t: t * t * mpf('1.4'), 0, q)
    # atan(z) = z + z t P(t), |z| <= tan(pi/8)
    out('kAtan', series(lambda k: mpf(-1) ** (k + 1) / (2 * k + 3), 120), lambda t: t, 0, mpf('0.17158'))
    # asin(x) = x + x t P(t), t <= 1/4
    def asin_coeff(k):
        k += 1
        return mp.binomial(2 * k, k) / mpf(4) ** k / (2 * k + 1)
    out('kAsin', series(asin_coeff, 130), lambda t: t, 0, mpf('0.2501'))
    # erf(x) = x + x P(t)
    limit = mpf('0.85') if bits == 32 else mpf(1)
    k0 = 2 / mp.sqrt(mp.pi)
    out('kErf', series(lambda k: k0 * (-1) ** k / mp.factorial(k) / (2 * k + 1) - (1 if k == 0 else 0), 50),
        lambda t: mpf('0.9'), 0, limit)
    if bits == 32:
        # erf(a) = 1 - exp(-a P(a)), 0.92 <= a <= 4
        out('kErfTail', lambda a: -mp.log(mp.erfc(a)) / a, lambda a: a * mp.erfc(a) / mp.erf(a), mpf('0.92'), mpf('4.0'))
    # erfc(a) = exp(-a^2) F(u) / (1 + 2a), u = (a - 4) / (a + 4)
    def a_of(u):
        return 4 * (1 + u) / (1 - u)
    def erfcx(u):
        a = a_of(u)
        return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a)
    top = mpf(11) if bits == 32 else mpf(28)
    out('kErfc', erfcx, lambda u: 1 / erfcx(u), -1, (top - 4) / (top + 4))


def scalar(name, value):
    print(f'inline constexpr double {name} = {float(value).hex()};')


def chop(v, bits):
    """Leading `bits` significant bits of v."""
    m, e = mp.frexp(v)
    return mp.ldexp(mp.nint(mp.ldexp(m, bits)), e - bits)


def constants(bits):
    """Constants split into words of the format; Hi words leave trailing zeros
    so that a small integer times Hi is exact."""
    suffix = 'F32' if bits == 32 else 'F64'
    full = 24 if bits == 32 else 53
    short = 15 if bits == 32 else 41

    def pair(name, value):
        hi = chop(value, full)
        scalar(name + suffix, hi)
        scalar(name + 'Lo' + suffix, to_format(value - hi, bits))

    def split(name, value):
        hi = chop(value, short)
        lo = chop(value - hi, full)
        scalar(name + 'Hi' + suffix, hi)
        scalar(name + 'Lo' + suffix, lo)
        scalar(name + 'Lo2' + suffix, to_format(value - hi - lo, bits))

    ln2 = mp.log(2)
    scalar('kLn2' + suffix, to_format(ln2, bits))
    split('kLn2', ln2)
    pair('kLog2E', 1 / ln2)
    pair('kLog10E', 1 / mp.log(10))
    split('kLog10Of2', mp.log10(2))
    pair('kTwoThirds', mpf(2) / 3)
    pair('kPi', mp.pi)
    pair('kPio2', mp.pi / 2)
    pair('kPio4', mp.pi / 4)
    pair('k3Pio4', 3 * mp.pi / 4)
    scalar('kTwoOverPi' + suffix, to_format(2 / mp.pi, bits))
    # pi/2 in words of full length (with fma) and of short length (without).
    for tag, width in (('Long', full), ('Short', 11 if bits == 32 else 30)):
        words, rest = [], mp.pi / 2
        for i in range(3):
            w = chop(rest, width if i < 2 else full)
            words.append(w)
            rest -= w
        for i, w in enumerate(words):
            scalar(f'kPio2{tag}{i}{suffix}', to_format(w, bits))
    print()


def two_over_pi(word, pad, count, name):
    """Binary digits of 2/pi after `pad` zero bits, in words, highest first."""
    old = mp.dps
    mp.dps = 420
    total = word * count
    digits = int(mp.floor(mp.ldexp(2 / mp.pi, total - pad)))
    mp.dps = old
    print(f'inline constexpr uint64_t {name}[] = {{')
    for i in range(count):
        print(f'    {hex((digits >> (total - word * (i + 1))) & ((1 << word) - 1))},')
    print('};\n')


print('''// Polynomial tables of the math expansions. Generated by coefficients.py
// (Remez exchange at 50 digits); lowest power first, every value exact in its
// format.
#ifndef ONNXC_PASSES_MATH_COEFFICIENTS_H
#define ONNXC_PASSES_MATH_COEFFICIENTS_H

#include <cstdint>

namespace onnxc::mathexp {
''')
for width in (32, 64):
    constants(width)
two_over_pi(32, 25, 8, 'kTwoOverPiWordsF32')
two_over_pi(64, 54, 20, 'kTwoOverPiWordsF64')
for width in (32, 64):
    tables(width)
print('''} // namespace onnxc::mathexp

#endif // ONNXC_PASSES_MATH_COEFFICIENTS_H''')
