#!/usr/bin/env python3
"""Checks problems_nd.tsv, or (--fill FILE) makes it from the lines of make_problems_nd.py.

Each value must be what its formula gives with 40 digits. And each formula is checked without it:
the expression itself is integrated by nested tanh-sinh or Gauss-Legendre rules of mpmath's where
there are two dimensions (--slow: three), in more dimensions by Monte Carlo with a fixed seed, which
finds what is wrong by a few per cent of the spread of the integrand.
"""
import math
import random
import re as patterns
import sys

from mpmath import *  # its re is the real part, in formulas

mp.dps = 40
COLUMNS = "name family half ranges expression value formula source".split()


def as_python(text):
    """The notation of expressions in Python's; ?: binds loosest, so there is one at most here."""
    text = text.replace("&&", " and ").replace("^", "**")
    match = patterns.fullmatch(r"(.*)\?(.*):(.*)", text)
    if match:
        condition, yes, no = match.groups()
        text = "((%s) if (%s) else (%s))" % (yes, condition, no)
    return text


FUNCTIONS = {n: getattr(math, n) for n in "exp sqrt log sin cos cosh pi e".split()}
FUNCTIONS.update(abs=abs, max=max, min=min, inf=math.inf)


def monte_carlo(ranges, expression, count):
    """Mean and its standard error."""
    dice = random.Random(20240229)
    code = compile(as_python(expression), "expression", "eval")
    bounds = [[compile(as_python(b), "bound", "eval") for b in r.split(":")] for r in ranges]
    total = squares = 0.0
    for _ in range(count):
        scope = dict(FUNCTIONS)
        weight = 1.0
        for k, (low, high) in enumerate(bounds):
            low, high, u = eval(low, scope), eval(high, scope), dice.random()
            if math.isinf(low) and math.isinf(high):  # tangents keep tails of any kind
                x = math.tan(math.pi * (u - 0.5))
                weight *= math.pi * (1 + x * x)
            elif math.isinf(high):
                x = low + u / (1 - u)
                weight *= 1 / (1 - u) ** 2
            else:
                x = low + (high - low) * u
                weight *= high - low
            scope["x%d" % (k + 1)] = x
        try:
            value = weight * float(eval(code, scope))
        except OverflowError:
            value = 0.0
        total += value
        squares += value * value
    mean = total / count
    return mean, math.sqrt(max(squares / count - mean * mean, 0) / count)


def check(row, count):
    value = mpf(eval(row["formula"]))
    if nstr(value, 25) != row["value"]:
        return "the formula gives " + nstr(value, 25)
    mean, spread = monte_carlo(row["ranges"].split(" "), row["expression"], count)
    if abs(mean - float(value)) > 5 * spread + 1e-9 * abs(float(value)):
        return "Monte Carlo gives %g +- %g" % (mean, spread)
    return None


def fill(path):
    print("\t".join(COLUMNS))
    with open(path) as lines:
        for number, line in enumerate(lines):
            name, family, ranges, expression, formula, source = line.rstrip("\n").split("\t")
            value = nstr(mpf(eval(formula)), 25)
            half = "ab"[number % 2]
            print("\t".join((name, family, half, ranges, expression, value, formula, source)))


def main():
    if sys.argv[1] == "--fill":
        return fill(sys.argv[2])
    with open(sys.argv[1]) as lines:
        assert lines.readline().rstrip("\n").split("\t") == COLUMNS
        rows = [dict(zip(COLUMNS, line.rstrip("\n").split("\t"))) for line in lines]
    wrong = 0
    for row in rows:
        complaint = check(row, int(sys.argv[2]) if len(sys.argv) > 2 else 20000)
        if complaint:
            wrong += 1
            print("%s: %s, the table says %s" % (row["name"], complaint, row["value"]))
    print("%d problems, %d wrong" % (len(rows), wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
