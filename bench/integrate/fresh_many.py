"""Families of integrals over several variables, for fresh_problems.py.

A family is a function of the draw and the number of variables; it returns the ranges, the integrand,
its integral as a formula of mpmath, and where the family comes from.
"""
import math

import mpmath

GENZ = "A. Genz, Testing multidimensional integration routines, 1984, other difficulties"
MC = "W. Morokoff and R. Caflisch, Quasi-Monte Carlo integration, 1995"
SOBOL = "I. Sobol, Sensitivity estimates for nonlinear mathematical models, 1993"
POLYTOPE = "D. Barrow and P. Smith, Spline notation applied to a volume problem, 1979"
ELEMENTARY = "elementary"
DIRICHLET = "P. Dirichlet, 1839"


def cube(d):
    return ["0:1"] * d


def names(d):
    return ["x%d" % (i + 1) for i in range(d)]


def m(text):
    return "mpf('%s')" % text


def listed(numbers):
    return "[%s]" % ", ".join(m(n) for n in numbers)


def spread_sum(draw, d, total):
    """d positive numbers with a given sum."""
    raw = [0.1 + draw.unit() for _ in range(d)]
    return ["%.5g" % (r * total / sum(raw)) for r in raw]


def linear(c):
    return " + ".join("%s*%s" % t for t in zip(c, names(len(c))))


def centres(draw, d, low=0.05, high=0.95):
    return [draw.between(low, high) for _ in range(d)]


def corners(c, term):
    """A sum over the corners of the cube: `term` of s, the value of c.x there."""
    d = len(c)
    return ("fsum((-1)**({d} - bin(v).count('1'))*(lambda s: {term})(fsum(a for i, a in "
            "enumerate({c}) if v >> i & 1)) for v in range(2**{d}))/fprod({c})").format(
                d=d, term=term, c=listed(c))


def waves(draw, d):
    a, u = spread_sum(draw, d, 4 + 20 * draw.unit()), draw.between(0, 1)
    f = "re(exp(2j*pi*%s)*fprod((exp(1j*a) - 1)/(1j*a) for a in %s))" % (m(u), listed(a))
    return cube(d), "cos(2*pi*%s + %s)" % (u, linear(a)), f, GENZ


def product_peak(draw, d):
    a, u = spread_sum(draw, d, d * (2 + 8 * draw.unit())), centres(draw, d)
    e = " * ".join("1/(%s^-2 + (%s - %s)^2)" % t for t in zip(a, names(d), u))
    f = "fprod(a*(atan(a*(1 - u)) + atan(a*u)) for a, u in zip(%s, %s))" % (listed(a), listed(u))
    return cube(d), e, f, GENZ


def corner_peak(draw, d):
    a = spread_sum(draw, d, 1 + 15 * draw.unit())
    f = corners(a, "(-1)**%d/(1 + s)" % d) + "/%d" % math.factorial(d)
    return cube(d), "(1 + %s)^-%d" % (linear(a), d + 1), f, GENZ


def gaussian(draw, d):
    a, u = spread_sum(draw, d, d * (1 + 5 * draw.unit())), centres(draw, d)
    e = "exp(-(%s))" % " + ".join("(%s*(%s - %s))^2" % t for t in zip(a, names(d), u))
    f = "fprod(sqrt(pi)/(2*a)*(erf(a*(1 - u)) + erf(a*u)) for a, u in zip(%s, %s))" % (listed(a), listed(u))
    return cube(d), e, f, GENZ


def continuous(draw, d):
    a, u = spread_sum(draw, d, d * (1 + 3 * draw.unit())), centres(draw, d)
    e = "exp(-(%s))" % " + ".join("%s*abs(%s - %s)" % t for t in zip(a, names(d), u))
    f = "fprod((2 - exp(-a*u) - exp(-a*(1 - u)))/a for a, u in zip(%s, %s))" % (listed(a), listed(u))
    return cube(d), e, f, GENZ


def discontinuous(draw, d):
    a, u = spread_sum(draw, d, 1 + 8 * draw.unit()), centres(draw, 2, 0.2, 0.9)
    e = "x1 <= %s && x2 <= %s ? exp(%s) : 0" % (u[0], u[1], linear(a))
    ends = "[%s]" % ", ".join([m(u[0]), m(u[1])] + ["mpf(1)"] * (d - 2))
    return cube(d), e, "fprod(expm1(a*b)/a for a, b in zip(%s, %s))" % (listed(a), ends), GENZ


def skew_plane(draw, d):
    c = [draw.between(0.3, 2) for _ in range(d)]
    t = draw.between(0.3, 0.6 * sum(map(float, c)))
    f = corners(c, "(-1)**{d}*max({t} - s, 0)**{d}".format(d=d, t=m(t))) + "/%d" % math.factorial(d)
    return cube(d), "%s < %s" % (linear(c), t), f, POLYTOPE


def skew_kink(draw, d):
    c = [draw.between(0.3, 2) for _ in range(d)]
    t = draw.between(0.3, 0.6 * sum(map(float, c)))
    f = corners(c, "max(s - %s, 0)**%d" % (m(t), d + 1)) + "/%d" % math.factorial(d + 1)
    return cube(d), "max(%s - %s, 0)" % (linear(c), t), f, POLYTOPE


def ridge(draw, d):
    c = [draw.between(0.3, 2) for _ in range(d)]
    t, w = draw.between(0.3, 0.6 * sum(map(float, c))), draw.between(2, 20)
    u = "(s - %s)" % m(t)
    terms = {2: "{u}*erf({w}*{u}) + exp(-({w}*{u})**2)/({w}*sqrt(pi))",
             3: "({u}**2/2 + 1/(4*{w}**2))*erf({w}*{u}) + {u}*exp(-({w}*{u})**2)/(2*{w}*sqrt(pi))"}
    f = corners(c, terms[d].format(u=u, w=m(w))) + "*sqrt(pi)/(2*%s)" % m(w)
    return cube(d), "exp(-(%s*(%s - %s))^2)" % (w, linear(c), t), f, ELEMENTARY


def singular_product(draw, d):
    a, u = [draw.between(-0.5, 0.3, 3) for _ in range(d)], centres(draw, d)
    e = " * ".join("abs(%s - %s)^(%s)" % t for t in zip(names(d), u, a))
    f = "fprod((u**(1 + a) + (1 - u)**(1 + a))/(1 + a) for a, u in zip(%s, %s))" % (listed(a), listed(u))
    return cube(d), e, f, ELEMENTARY


def edges(draw, d):
    p, q = ([draw.between(-0.6, 1, 3) for _ in range(d)] for _ in range(2))
    e = " * ".join("{x}^({p})*(1 - {x})^({q})".format(x=x, p=a, q=b) for x, a, b in zip(names(d), p, q))
    return cube(d), e, "fprod(beta(1 + p, 1 + q) for p, q in zip(%s, %s))" % (listed(p), listed(q)), ELEMENTARY


def line_gaussian(draw, d):
    c, w = [draw.between(-5, 5) for _ in range(d)], [draw.power_of_ten(-0.7, 0.9) for _ in range(d)]
    e = "exp(-(%s))" % " + ".join("((%s - %s)/%s)^2" % t for t in zip(names(d), c, w))
    return ["-inf:inf"] * d, e, "sqrt(pi)**%d*fprod(%s)" % (d, listed(w)), ELEMENTARY


def turned_gaussian(draw, d):
    rows = [[draw.between(-1, 1, 3) if j < i else draw.between(0.4, 2, 3) if i == j else "0"
             for j in range(d)] for i in range(d)]
    squares = []
    for i in range(d):
        squares.append("(%s)^2" % " + ".join("%s*x%d" % (rows[i][j], j + 1) for j in range(i + 1)))
    f = "sqrt(pi)**%d/fprod(%s)" % (d, listed(rows[i][i] for i in range(d)))
    return ["-inf:inf"] * d, "exp(-(%s))" % " + ".join(squares).replace("+ -", "- "), f, ELEMENTARY


def three_peaks(draw, d):
    parts, formulas = [], []
    for _ in range(3):
        h, w, u = draw.between(0.5, 3), draw.between(4, 14), centres(draw, d)
        parts.append("%s*exp(-%s^2*(%s))" % (h, w, " + ".join("(%s - %s)^2" % t for t in zip(names(d), u))))
        formulas.append("%s*fprod(sqrt(pi)/(2*{w})*(erf({w}*(1 - u)) + erf({w}*u)) for u in %s)".format(
            w=m(w)) % (m(h), listed(u)))
    return cube(d), " + ".join(parts), " + ".join(formulas), ELEMENTARY


def ball(draw, d):
    r = draw.between(0.15, 0.45)
    e = "%s < %s^2" % (" + ".join("(%s - 0.5)^2" % x for x in names(d)), r)
    return cube(d), e, "pi**(mpf({d})/2)/gamma(mpf({d})/2 + 1)*{r}**{d}".format(d=d, r=m(r)), ELEMENTARY


def largest(draw, d):
    a = draw.between(0.5, 6)
    f = "{d}*gammainc({d}, 0, {a})/{a}**{d}".format(d=d, a=m(a))
    return cube(d), "exp(-%s*max(%s))" % (a, ", ".join(names(d))), f, ELEMENTARY


def span(_draw, d):
    e = "max({x}) - min({x})".format(x=", ".join(names(d)))
    return cube(d), e, "mpf(%d)/%d" % (d - 1, d + 1), ELEMENTARY


def roots(_draw, d):
    e = "(1 + 1/%d)^%d*(%s)^(1/%d)" % (d, d, " * ".join(names(d)), d)
    return cube(d), e, "mpf(1)", MC


def sobol(draw, d):
    a = [draw.between(0, 6, 3) for _ in range(d)]
    e = " * ".join("(abs(4*{x} - 2) + {a})/(1 + {a})".format(x=x, a=b) for x, b in zip(names(d), a))
    return cube(d), e, "mpf(1)", SOBOL


def simplex(draw, d):
    p = [draw.between(-0.4, 2.5, 3) for _ in range(d)]
    ranges = ["0:1" + "".join("-" + x for x in names(k)) for k in range(d)]
    e = " * ".join("%s^(%s)" % t for t in zip(names(d), p))
    f = "fprod(gamma(1 + p) for p in {p})/gamma({n} + fsum({p}))".format(p=listed(p), n=d + 1)
    return ranges, e, f, DIRICHLET


def feynman(draw, d):
    a = [draw.between(0.5, 8) for _ in range(d + 1)]
    ranges = ["0:1" + "".join("-" + x for x in names(k)) for k in range(d)]
    e = "%d*(%s + %s*(1 - %s))^-%d" % (math.factorial(d), linear(a[:d]), a[d], " - ".join(names(d)), d + 1)
    return ranges, e, "1/fprod(%s)" % listed(a), ELEMENTARY


def decay(draw, d):
    p, a = [draw.between(-0.3, 2.5, 3) for _ in range(d)], [draw.power_of_ten(-1, 1) for _ in range(d)]
    e = " * ".join("%s^(%s)" % t for t in zip(names(d), p)) + "*exp(-(%s))" % linear(a)
    f = "fprod(gamma(1 + p)/a**(1 + p) for p, a in zip(%s, %s))" % (listed(p), listed(a))
    return ["0:inf"] * d, e, f, ELEMENTARY


def off_cusp(draw, d):
    c, a = [draw.between(-3, 3) for _ in range(d)], draw.between(0.3, 3)
    e = "exp(-%s*sqrt(%s))" % (a, " + ".join("(%s - %s)^2" % t for t in zip(names(d), c)))
    f = "2*pi**(mpf({d})/2)/gamma(mpf({d})/2)*gamma({d})/{a}**{d}".format(d=d, a=m(a))
    return ["-inf:inf"] * d, e.replace("- -", "+ "), f, ELEMENTARY


def wave_packet(draw, d):
    a, w, u = spread_sum(draw, d, 2.0 * d), spread_sum(draw, d, 2.0 * d), centres(draw, d, -1, 1)
    e = "exp(-(%s))*cos(%s)" % (
        " + ".join("(%s*(%s - %s))^2" % t for t in zip(a, names(d), u)).replace("- -", "+ "), linear(w))
    f = ("re(fprod(sqrt(pi)/a*exp(1j*w*u - (w/(2*a))**2) for a, w, u in zip(%s, %s, %s)))" %
         (listed(a), listed(w), listed(u)))
    return ["-inf:inf"] * d, e, f, ELEMENTARY


# Each family with the dimensions that it is drawn in at first and later on.
FAMILIES = (
    (waves, (2, 8), (2, 8)), (product_peak, (2, 5), (3, 8)), (corner_peak, (2, 5), (3, 7)),
    (gaussian, (2, 5), (3, 8)), (continuous, (2, 4), (3, 6)), (discontinuous, (2, 3), (3, 6)),
    (skew_plane, (2, 2), (2, 3)), (skew_kink, (2, 3), (2, 5)), (ridge, (2, 2), (2, 3)),
    (singular_product, (2, 2), (2, 4)), (edges, (2, 3), (2, 5)), (line_gaussian, (2, 4), (3, 7)),
    (turned_gaussian, (2, 3), (3, 6)), (three_peaks, (2, 3), (3, 6)), (ball, (2, 2), (2, 3)),
    (largest, (2, 4), (3, 7)), (span, (2, 4), (3, 6)), (roots, (2, 4), (3, 8)),
    (sobol, (2, 4), (3, 8)), (simplex, (2, 3), (2, 5)), (feynman, (2, 3), (3, 5)),
    (decay, (2, 3), (2, 5)), (off_cusp, (2, 2), (2, 3)), (wave_packet, (2, 4), (2, 6)),
)
TURNS = 3


def problems(draw):
    yield "\t".join("name family half ranges expression value formula source".split())
    number = 0
    for turn in range(TURNS):
        for family, *dimensions in FAMILIES:
            d = draw.whole(*dimensions[min(turn, 1)])
            ranges, expression, formula, source = family(draw, d)
            scope = {k: getattr(mpmath, k) for k in dir(mpmath) if not k.startswith("_")}
            scope.update(min=min, max=max, bin=bin)
            with mpmath.workdps(45):
                value = mpmath.nstr(mpmath.mpf(eval(formula, scope)), 25)
            number += 1
            yield "\t".join(("%s_%d_%d" % (family.__name__, d, number), family.__name__,
                             "ab"[number % 2], " ".join(ranges), expression, value, formula, source))
