#!/usr/bin/env python3
"""Checks problems_nd.tsv, or makes it from the lines of make_problems_nd.py.

    bench/integrate/check_values_nd.py bench/integrate/problems_nd.tsv [POINTS] [--seconds N]
    bench/integrate/check_values_nd.py --fill FILE

Each value must be what its formula gives when mpmath works with 40 digits, and with 55, so that none
of the 25 digits is lost to cancellation. And each formula is checked without it: the expression
itself is integrated by Monte Carlo with a fixed seed over POINTS points (20000), which finds what is
wrong by more than 5 standard errors: a wrong factor or exponent, not a wrong fifth digit. A problem
has N seconds (30); one that takes longer is named and counted as not within the time, never as
right. The exit code is 1 where one is wrong. Of this folder's table it says, after 5 s of CPU time:
"109 problems, 0 not within the time, 0 wrong". Needs python3-mpmath.
"""
import math
import random
import re as patterns
import signal
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


class TooLong(Exception):
    """The time for one problem is over."""


def end(_number, _frame):
    raise TooLong


def check(row, count):
    """A complaint or None."""
    value = mpf(eval(row["formula"]))
    with workdps(55):
        more = nstr(mpf(eval(row["formula"])), 25)
    if not nstr(value, 25) == row["value"] == more:
        return "the formula gives %s and with more digits %s" % (nstr(value, 25), more)
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


def check_all(path, count, seconds):
    with open(path) as lines:
        assert lines.readline().rstrip("\n").split("\t") == COLUMNS
        rows = [dict(zip(COLUMNS, line.rstrip("\n").split("\t"))) for line in lines]
    wrong = late = 0
    signal.signal(signal.SIGALRM, end)
    for row in rows:
        complaint = None
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            complaint = check(row, count)
        except TooLong:
            late += 1
            print("%s: not within %g s" % (row["name"], seconds), flush=True)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if complaint:
            wrong += 1
            print("%s: %s, the table says %s" % (row["name"], complaint, row["value"]), flush=True)
    print("%d problems, %d not within the time, %d wrong" % (len(rows), late, wrong))
    return 1 if wrong else 0


def main():
    if sys.argv[1] == "--fill":
        return fill(sys.argv[2])
    words = sys.argv[1:]
    seconds = 30.0
    if "--seconds" in words:
        at = words.index("--seconds")
        seconds = float(words[at + 1])
        del words[at : at + 2]
    return check_all(words[0], int(words[1]) if len(words) > 1 else 20000, seconds)


if __name__ == "__main__":
    sys.exit(main())
