#!/usr/bin/env python3
"""Checks problems_1d.txt: each value is its formula's, and where the file says so, the formula agrees
with mpmath's own quadrature of the integrand to 25 digits (15 where an end is singular).

    bench/integrate/check_values.py [FILE] [--write]

--write puts the formulas' values into the file. Needs python3-mpmath. It reads the integrands in
the notation of fan_expression_parse, so it also checks that a formula and an integrand belong
together. Exit code 1 where one does not.
"""
import os
import re
import sys

import mpmath
from mpmath import mp, mpf

DIGITS = 25
FUNCTIONS = {
    "abs": mpmath.fabs, "cbrt": lambda x: mpmath.cbrt(x) if x >= 0 else -mpmath.cbrt(-x),
    "floor": mpmath.floor, "rint": mpmath.nint, "max": max, "min": min,
    "j0": lambda x: mpmath.besselj(0, x), "j1": lambda x: mpmath.besselj(1, x),
}


def scope():
    names = {k: getattr(mpmath, k) for k in dir(mpmath) if not k.startswith("_")}
    names.update(FUNCTIONS)
    return names


def python_text(text):
    """The integrand in Python's notation: powers, exact decimals, a ? b : c, &&."""
    text = text.replace("^", "**").replace("&&", " and ")
    text = re.sub(r"(?<![\w.])(\d+\.\d+(?:[eE][-+]?\d+)?|\d+(?:[eE][-+]?\d+)?)(?!\w)",
                  r"mpf('\1')", text)
    found = re.fullmatch(r"(.*)\?(.*):(.*)", text)
    if found:
        text = "(%s) if (%s) else (%s)" % (found[2], found[1], found[3])
    return text


def split_points(text, low, high, names):
    points = [low]
    for part in filter(None, text.split(",")):
        if part.startswith("%"):
            n = int(part[1:])
            points += [low + (high - low) * k / n for k in range(1, n)]
        else:
            points.append(mpf(eval(python_text(part), names)))
    return points + [high]


def numeric(fields, names):
    """mpmath's value of the integral, or None where the file asks for none."""
    how, _, rest = fields[8].partition(" ")
    if how == "none":
        return None
    low, high = (mpf(eval(python_text(f), names)) for f in fields[3:5])
    function = eval("lambda x: " + python_text(fields[2]), names)
    if how.startswith("osc:"):
        return mpmath.quadosc(function, [low, high], omega=mpf(how[4:]))
    return mpmath.quad(function, split_points(rest, low, high, names), maxdegree=9)


def check(fields, names):
    """The formula's value, and a complaint or None."""
    exact = mpf(eval(fields[5], dict(names)))
    text = "0" if exact == 0 else mpmath.nstr(exact, DIGITS, strip_zeros=False)
    complaint = None if text == fields[6] else "the file says %s" % fields[6]
    value = numeric(fields, names)
    if value is not None:
        size = max(abs(exact), mpf(1) / 1000)
        digits = 20 if fields[1] in ("smooth", "peak", "oscillator", "aliasing", "step") else 11
        if abs(value - exact) > size * mpf(10) ** -digits:
            complaint = "quadrature gives %s" % mpmath.nstr(value, DIGITS)
    return text, complaint


def main():
    arguments = [a for a in sys.argv[1:] if a != "--write"]
    here = os.path.dirname(os.path.abspath(__file__))
    path = arguments[0] if arguments else os.path.join(here, "problems_1d.txt")
    mp.dps = 40
    names = scope()
    lines, wrong, count, compared = [], 0, 0, 0
    for line in open(path, encoding="ascii"):
        fields = line.rstrip("\n").split(" | ")
        if line.startswith("#") or len(fields) != 9:
            lines.append(line)
            continue
        text, complaint = check(fields, names)
        count += 1
        compared += not fields[8].startswith("none")
        if complaint:
            wrong += 1
            print("%s: %s; the formula gives %s" % (fields[0], complaint, text), flush=True)
        fields[6] = text
        lines.append(" | ".join(fields) + "\n")
    print("%d problems, %d compared with quadrature, %d wrong" % (count, compared, wrong))
    if "--write" in sys.argv:
        with open(path, "w", encoding="ascii") as file:
            file.writelines(lines)
    return 1 if wrong else 0


sys.exit(main())
