#!/usr/bin/env python3
"""Positions of the rules of degree 13 (2 dimensions) and 11 (3) of src/kernel/integrate/symmetric.c.

The numbers of orbits of each kind are those of Berntsen, Espelid and Genz ("An adaptive algorithm for
the approximate calculation of multiple integrals", 1991): 65 and 127 points. The positions are derived
here. With u = x^2, polynomials that are even and symmetric are split by what is 0 on the smaller
orbits: those with the factor u v (u - v)^2 see only the points (a, b), of the rest those with the factor
u v only (a, a) and (a, b), and so on. So the equations of a kind of orbit are linear in its weights, and
where there are more equations than weights, positions follow. What remains free was chosen by a random
search for a small sum of |weights| and small errors in the degrees that are not integrated, with points
on a line at least 0.1 apart, and rounded. Prints the positions; checks all moments and the sums of
|weights|.
"""
from itertools import permutations
from mpmath import mp, mpf, sqrt, matrix, lu_solve, nstr, fsum

mp.dps = 40


def cube(*exponents):
    """The mean of u^i v^j ... over the cube."""
    mean = mpf(1)
    for k in exponents:
        mean /= 2 * k + 1
    return mean


def orbit(point, *exponents):
    """The same over the orbit of a point, given by its squares."""
    values = []
    for p in permutations(point):
        product = mpf(1)
        for x, k in zip(p, exponents):
            product *= x ** k
        values.append(product)
    return fsum(values) / len(values)


def rest(masses, *exponents):
    """What the orbits that have a mass already leave of a moment."""
    return cube(*exponents) - fsum(w * orbit(p, *exponents) for p, w in masses)


def solve(points, moments, masses):
    """Adds masses of points so that they have what is left of the moments."""
    left, right = matrix(len(moments), len(points)), matrix(len(moments), 1)
    for i, m in enumerate(moments):
        right[i] = rest(masses, *m)
        for j, p in enumerate(points):
            left[i, j] = orbit(p, *m)
    return masses + list(zip(points, lu_solve(left, right)))


def discriminant(masses, *factors):
    """What is left of u v (u - v)^2 p(u, v); p as a list of (i, j, coefficient)."""
    total = mpf(0)
    for i, j, c in factors:
        for k, l, d in ((3, 1, 1), (2, 2, -2), (1, 3, 1)):
            e = (i + k, j + l) + (0,) * (len(masses[0][0]) - 2 if masses else 0)
            total += c * d * rest(masses, *e)
    return total



def squares(*values):
    return [mpf(v) ** 2 for v in values]


def two():
    """Degree 13 in 2 dimensions: 5 axes, 5 diagonals, 3 mixed orbits."""
    first, second = squares(".82", ".33"), squares(".985", ".43")
    sums = [sum(first), sum(second), mpf("1.365")]
    moments = [discriminant([], (0, 0, 1)), discriminant([], (1, 0, 1), (0, 1, 1)),
               discriminant([], (2, 0, 1), (1, 1, 2), (0, 2, 1)), discriminant([], (1, 1, 1))]
    weights = lu_solve(matrix([[s ** k for s in sums] for k in range(3)]), matrix(moments[:3]))
    product = (moments[3] - weights[0] * first[0] * first[1] - weights[1] * second[0] * second[1])
    product /= weights[2]
    root = sqrt(sums[2] ** 2 - 4 * product)
    third = [(sums[2] + root) / 2, (sums[2] - root) / 2]
    masses = [(p, w / (p[0] * p[1] * (p[0] - p[1]) ** 2))
              for p, w in zip((first, second, third), weights)]
    diagonals = squares(".3", ".52", ".64", ".84", ".965")
    masses = solve([[a, a] for a in diagonals], [(1 + k, 1) for k in range(5)], masses)
    given = squares(".43", ".955", ".165", ".83")
    return finish(masses, given, 6, 2)


def three():
    """Degree 11 in 3 dimensions: 5 axes, 2 pairs, 1 mixed orbit, 3 of corners, 1 of (a, a, b)."""
    a, b = squares(".92", ".395")
    # u v w times what is 0 on corners, the sum of u^2 less that of u v: (a - b)^2 on (a, a, b).
    masses = [([a, a, b], 3 * (cube(3, 1, 1) - cube(2, 2, 1)) / (a * a * b * (a - b) ** 2))]
    masses = solve([[t, t, t] for t in squares(".9", ".39", ".665")], [(1, 1, 1), (2, 1, 1), (3, 1, 1)], masses)
    product = mpf(".198")
    first = discriminant(masses, (0, 0, 1))
    total = discriminant(masses, (1, 0, 1), (0, 1, 1)) / first
    root = sqrt(total ** 2 - 4 * product)
    mixed = [(total + root) / 2, (total - root) / 2, 0]
    masses = masses + [(mixed, 3 * first / (product * root ** 2))]
    # The two pairs are the nodes of a Gauss rule of what is left.
    r = [rest(masses, i, j, 0) for i, j in ((1, 1), (2, 1), (2, 2), (3, 2))]
    s = lu_solve(matrix([[r[1], -r[0]], [r[2], -r[1]]]), matrix(r[2:]))
    root = sqrt(s[0] ** 2 - 4 * s[1])
    pairs = [(s[0] + root) / 2, (s[0] - root) / 2]
    masses = solve([[q, q, 0] for q in pairs], [(1, 1, 0), (2, 1, 0)], masses)
    return finish(masses, squares(".5", ".985", ".125", ".61", ".845"), 5, 3)


def finish(masses, given, count, d):
    """Axes for `count` moments: one position more follows where the given ones are one too few."""
    zeros = (0,) * (d - 1)
    if len(given) < count:
        q = [mpf(1)]                                    # u prod(u - a), which the last one makes 0
        for a in given:
            q = [(q[i - 1] if i else 0) - (a * q[i] if i < len(q) else 0) for i in range(len(q) + 1)]
        below = fsum(c * rest(masses, i + 1, *zeros) for i, c in enumerate(q))
        above = fsum(c * rest(masses, i + 2, *zeros) for i, c in enumerate(q))
        given = given + [above / below]
    masses = solve([[a, *zeros] for a in given], [(k + 1, *zeros) for k in range(len(given))], masses)
    return masses + [([0] + list(zeros), 1 - fsum(w for _, w in masses))]


def show(name, masses, degree, d):
    print("%s: sum of |weights| %s" % (name, nstr(fsum(abs(w) for _, w in masses), 8)))
    for point, w in sorted(masses, key=lambda m: sum(x != 0 for x in m[0])):
        print("   ", *(nstr(sqrt(x), 20) for x in point), " mass", nstr(w, 6))
    for i in range(degree // 2 + 1):
        for j in range(i + 1):
            for k in range(j + 1 if d > 2 else 1):
                if i + j + k <= degree // 2:
                    assert abs(rest(masses, *(i, j, k)[:d])) < mpf(10) ** -30, (i, j, k)
    assert abs(rest(masses, degree // 2 + 1, *(0,) * (d - 1))) > mpf(10) ** -9


if __name__ == "__main__":
    show("degree 11 in 3 dimensions", three(), 11, 3)
    show("degree 13 in 2 dimensions", two(), 13, 2)
