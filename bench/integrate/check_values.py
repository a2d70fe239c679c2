#!/usr/bin/env python3
"""Checks problems_1d.txt: each value is its formula's, and the formula is the integral's.

    bench/integrate/check_values.py [FILE] [--write] [--seconds N] [--verbose]

Three things are checked of each problem:
- the formula gives the same 25 digits when mpmath works with 30 digits and with 45, so that none of
  them is lost to cancellation;
- these are the digits in the file (--write puts them there);
- where the file asks for it (its last field), mpmath's own quadrature of the integrand agrees to 15
  digits, to 11 where the integrand is singular, has kinks or goes on to infinity. The integrands are
  read in the notation of fan_expression_parse, so this also shows that formula and integrand belong
  together.
A formula and a quadrature each have N seconds (20); what takes longer is named and counted as not
compared, never as right. "none" in the file's last field says that mpmath's quadrature is known not
to come near the value. The last line counts them; the exit code is 1 where one is wrong. Of this
folder's table it says, after 5 s of CPU time: "219 problems, 178 compared with quadrature, 0 not
within the time, 0 wrong". Needs python3-mpmath.
"""
import argparse
import contextlib
import os
import re
import signal
import sys
import time

import mpmath
from mpmath import mp, mpf

DIGITS = 25
BOTH = (30, 45)  # decimal digits that formulas are worked out with
EASY = ("smooth", "peak", "oscillator", "aliasing", "step")
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
    return mpmath.quad(function, split_points(rest, low, high, names), maxdegree=7)


class TooLong(Exception):
    """The time for one problem is over."""


@contextlib.contextmanager
def at_most(seconds):
    def end(_number, _frame):
        raise TooLong

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def text_of(formula, digits):
    with mpmath.workdps(digits):
        exact = mpf(eval(formula, scope()))
        return "0" if abs(exact) < mpf(10) ** -(DIGITS + 2) else mpmath.nstr(
            exact, DIGITS, strip_zeros=False)


def formula_value(fields):
    """The formula's value as text, and a complaint or None."""
    fewer, more = (text_of(fields[5], digits) for digits in BOTH)
    if fewer != more:
        return more, "%d digits give %s" % (BOTH[0], fewer)
    return more, None if more == fields[6] else "the file says %s" % fields[6]


def compare(fields, text):
    """A complaint or None."""
    easy = fields[1] in EASY and "/sqrt(" not in fields[2]
    with mpmath.workdps(20 if easy else 26):  # a root's end costs half of the digits
        value, exact = numeric(fields, scope()), mpf(text)
        limit = max(abs(exact), mpf(1) / 1000) * mpf(10) ** -(15 if easy else 11)
        return "quadrature gives %s" % mpmath.nstr(value, 18) if abs(value - exact) > limit else None


class Report:
    def __init__(self, seconds):
        self.seconds = seconds
        self.count = self.compared = self.skipped = self.wrong = 0

    def complain(self, fields, complaint):
        self.wrong += 1
        print("%s: wrong: %s" % (fields[0], complaint), flush=True)

    def check(self, fields):
        """Checks one problem; returns the formula's value as text."""
        self.count += 1
        text = fields[6]
        try:
            with at_most(self.seconds):
                text, complaint = formula_value(fields)
            if complaint:
                self.complain(fields, complaint)
            if fields[8].startswith("none"):
                return text
            with at_most(self.seconds):
                complaint = compare(fields, text)
            self.compared += 1
            if complaint:
                self.complain(fields, complaint)
        except TooLong:
            self.skipped += 1
            print("%s: not compared within %g s" % (fields[0], self.seconds), flush=True)
        return text


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("file", nargs="?", default=os.path.join(here, "problems_1d.txt"))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--seconds", type=float, default=20)
    return parser.parse_args()


def main():
    options = arguments()
    report = Report(options.seconds)
    lines = []
    with open(options.file, encoding="ascii") as file:
        for line in file:
            fields = line.rstrip("\n").split(" | ")
            if not line.startswith("#") and len(fields) == 9:
                before = time.monotonic()
                fields[6] = report.check(fields)
                if options.verbose:
                    print("%s %.1f s" % (fields[0], time.monotonic() - before), flush=True)
                line = " | ".join(fields) + "\n"
            lines.append(line)
    print("%d problems, %d compared with quadrature, %d not within the time, %d wrong" %
          (report.count, report.compared, report.skipped, report.wrong))
    if options.write:
        with open(options.file, "w", encoding="ascii") as file:
            file.writelines(lines)
    return 1 if report.wrong else 0


sys.exit(main())
