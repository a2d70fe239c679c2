#!/usr/bin/env python3
"""Draws a new sample of integrals with known values: another set than the tables of this folder.

    bench/integrate/fresh_problems.py SEED FILE.txt FILE.tsv

writes integrals over one variable in the form of problems_1d.txt and integrals over several in that
of problems_nd.tsv, so that the same programs read and check them:

    build/release/bench/integrate_oned --set FILE.txt
    build/release/bench/integrate_many --set FILE.tsv
    bench/integrate/check_values.py FILE.txt; bench/integrate/check_values_nd.py FILE.tsv

The families are those of the literature on testing integrators (fresh_one.py and fresh_many.py name
them); parameters, dimensions and, over one variable, an affine map of the range follow from the
seed. Methods are not to be fitted to a sample: one that has been looked at is used up, and the next
seed says how good they are. Values come from closed forms by mpmath. Needs python3-mpmath.
"""
import sys

import fresh_many
import fresh_one


class Draw:
    """Numbers of few digits, so that a problem reads well: the minimal standard generator."""

    def __init__(self, seed):
        self.state = (seed * 1000003 + 12345) % 2147483647 or 1
        for _ in range(8):
            self.unit()

    def unit(self):
        self.state = self.state * 48271 % 2147483647
        return self.state / 2147483647

    def between(self, low, high, digits=4):
        return "%.*g" % (digits, low + (high - low) * self.unit())

    def power_of_ten(self, low, high, digits=3):
        return "%.*g" % (digits, 10 ** (low + (high - low) * self.unit()))

    def whole(self, low, high):
        return low + int(self.unit() * (high - low + 1))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    seed = int(sys.argv[1])
    with open(sys.argv[2], "w", encoding="ascii") as file:
        file.write("# Drawn by fresh_problems.py %d; the fields are those of problems_1d.txt.\n" % seed)
        file.writelines(line + "\n" for line in fresh_one.problems(Draw(seed)))
    with open(sys.argv[3], "w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in fresh_many.problems(Draw(seed + 500000)))


main()
