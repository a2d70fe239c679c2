#!/usr/bin/env python3
"""Positions of the degree 9 rule of src/kernel/integrate/symmetric.c, from its moment equations.

Orbits: corners (c, ..., c), (a, a, a, 0, ..), (a, b, 0, ..), (a, a, 0, ..), and points on the axes.
Moments of monomials with four coordinates fix the weight of the corners, those with three the
weight of (a, a, a) and c as a function of a; of the four with two coordinates one follows from the
others for every a, and b remains. So a is free, and so are the two positions on the axes that stand
in no other orbit. The sum of |weights| tells which of them to take: prints it for some.
"""
from mpmath import mp, mpf, sqrt, matrix, lu_solve, nstr

mp.dps = 40


def positions(outer):
    """a^2, b^2, c^2 and the masses of corners, triples, mixed pairs and pairs."""
    a = mpf(outer) ** 2
    triple = mpf(1) / 45 - mpf(1) / 81          # times a^-4: mass of the 8 points a triple
    c = 1 / (81 * (mpf(1) / 27 - triple / a))
    second = mpf(1) / 9 - 1 / (81 * c * c)
    third = mpf(1) / 15 - 1 / (81 * c)
    b = a - (mpf(1) / 21 - mpf(1) / 25) / (a * second - third)
    mixed = (mpf(1) / 21 - mpf(1) / 25) / (4 * a * b * (a - b) ** 2)
    pair = (second - 8 * mixed * a * b) / a ** 2
    check = pair * a ** 4 + 8 * mixed * a * a * b * b + mpf(1) / 81 - mpf(1) / 25
    assert abs(check) < mpf(10) ** -30, check
    return a, b, c, 1 / (81 * c ** 4), triple / a ** 4, mixed, pair


def absolute_weights(outer, inner, middle, n):
    a, b, c, corner, triple, mixed, pair = positions(outer)
    w8 = triple / 8
    w6 = (pair - 8 * (n - 2) * w8) / 4
    left, right = matrix(4, 4), matrix(4, 1)
    for k in range(1, 5):
        others = corner * c ** k + 4 * (n - 1) * w6 * a ** k
        others += 4 * (n - 1) * mixed * (a ** k + b ** k) + 4 * (n - 1) * (n - 2) * w8 * a ** k
        right[k - 1] = mpf(1) / (2 * k + 1) - others
        for i, x in enumerate((a, b, mpf(inner) ** 2, mpf(middle) ** 2)):
            left[k - 1, i] = 2 * x ** k
    axis = lu_solve(left, right)
    rest = [2 * n * (n - 1) * w6, 4 * n * (n - 1) * mixed, corner]
    rest += [mpf(4) * n * (n - 1) * (n - 2) / 3 * w8] + [2 * n * w for w in axis]
    return sum(abs(w) for w in rest) + abs(1 - sum(rest))


if __name__ == "__main__":
    for step in range(90, 100):
        outer = mpf(step) / 100
        a, b, c = positions(outer)[:3]
        if b <= 0 or c > 1:
            continue
        print(nstr(sqrt(a), 20), nstr(sqrt(b), 20), nstr(sqrt(c), 20))
        for inner, middle in ((".2", ".7"), (".25", ".75"), (".3", ".8"), (".4", ".8"), (".7", ".85")):
            sums = [nstr(absolute_weights(outer, inner, middle, n), 4) for n in (3, 4, 6, 8)]
            print("   axis", inner, middle, "sums of |weights| in 3, 4, 6, 8 dimensions:", *sums)
