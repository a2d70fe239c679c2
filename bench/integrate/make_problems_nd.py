#!/usr/bin/env python3
"""Prints the problems of problems_nd.tsv: integrals over several dimensions with known values.

Columns: name, family, ranges, expression, formula (Python, of mpmath's names), source. The values
are worked out from the formulas by check_values_nd.py, which also adds the column of values and
checks the formulas by other ways. Parameters of Genz's families are drawn from a generator of its
own here, so that the table can be made again anywhere.
"""
import math

rows = []


def add(name, family, ranges, expression, formula, source):
    rows.append((name, family, " ".join(ranges), expression, formula, source))


class Draw:
    """Numbers in (0, 1) with 6 digits: the minimal standard generator."""

    def __init__(self, seed):
        self.state = 1000003 * seed % 2147483647

    def next(self):
        self.state = self.state * 48271 % 2147483647
        return round(self.state / 2147483647, 6)


def names(d):
    return ["x%d" % (i + 1) for i in range(d)]


GENZ = "A. Genz, Testing multidimensional integration routines, 1984"
# Sum of the a: difficulty / d^exponent, as in his TESTPACK.
DIFFICULTY = {"oscillatory": (110, 1.5), "product_peak": (600, 2), "corner_peak": (600, 2),
              "gaussian": (100, 1), "continuous": (150, 2), "discontinuous": (100, 2)}


def genz(family, d, seed):
    draw = Draw(7919 * seed + 101 * d + list(DIFFICULTY).index(family))
    raw = [draw.next() for _ in range(d)]
    u = [draw.next() for _ in range(d)]
    total, exponent = DIFFICULTY[family]
    a = [round(r * total / d ** exponent / sum(raw), 6) for r in raw]
    x = names(d)
    pairs = "zip(%s, %s)" % (["mpf('%s')" % v for v in a], ["mpf('%s')" % v for v in u])
    pairs = pairs.replace('"', "")
    alist = "[%s]" % ", ".join("mpf('%s')" % v for v in a)
    linear = " + ".join("%s*%s" % (ai, xi) for ai, xi in zip(a, x))
    if family == "oscillatory":
        e = "cos(2*pi*%s + %s)" % (u[0], linear)
        f = "re(exp(2j*pi*mpf('%s')) * fprod((exp(1j*a) - 1)/(1j*a) for a in %s))" % (u[0], alist)
    elif family == "product_peak":
        e = " * ".join("1/(%s^-2 + (%s - %s)^2)" % t for t in zip(a, x, u))
        f = "fprod(a*(atan(a*(1 - u)) + atan(a*u)) for a, u in %s)" % pairs
    elif family == "corner_peak":
        e = "(1 + %s)^-%d" % (linear, d + 1)
        f = ("fsum((-1)**bin(v).count('1')/(1 + fsum(a for i, a in enumerate(%s) if v >> i & 1)) "
             "for v in range(2**%d))/(factorial(%d)*fprod(%s))" % (alist, d, d, alist))
    elif family == "gaussian":
        e = "exp(-(%s))" % " + ".join("(%s*(%s - %s))^2" % t for t in zip(a, x, u))
        f = "fprod(sqrt(pi)/(2*a)*(erf(a*(1 - u)) + erf(a*u)) for a, u in %s)" % pairs
    elif family == "continuous":
        e = "exp(-(%s))" % " + ".join("%s*abs(%s - %s)" % t for t in zip(a, x, u))
        f = "fprod((2 - exp(-a*u) - exp(-a*(1 - u)))/a for a, u in %s)" % pairs
    else:
        e = "x1 <= %s && x2 <= %s ? exp(%s) : 0" % (u[0], u[1], linear)
        ends = "[%s]" % ", ".join(["mpf('%s')" % u[0], "mpf('%s')" % u[1]] + ["1"] * (d - 2))
        f = "fprod(expm1(a*b)/a for a, b in zip(%s, %s))" % (alist, ends)
    add("genz_%s_%d_%d" % (family, d, seed), "genz_" + family, ["0:1"] * d, e, f, GENZ)


for family in DIFFICULTY:
    for d, seed in ((2, 1), (3, 2), (3, 3), (4, 4), (5, 5), (5, 6), (6, 7), (8, 8)):
        genz(family, d, seed)

ELEMENTARY = "elementary"
BOX = "D. Bailey, J. Borwein and R. Crandall, Box integrals, 2007"
ISING = "D. Bailey, J. Borwein and R. Crandall, Integrals of the Ising class, 2006"
cube = lambda d: ["0:1"] * d
line = lambda d: ["-inf:inf"] * d
up = lambda d: ["0:inf"] * d
plus = lambda d: " + ".join(names(d))
squares = lambda d: " + ".join("%s^2" % x for x in names(d))
simplex = lambda d: ["0:1" + "".join("-" + x for x in names(k)) for k in range(d)]

# Corners and edges where the integrand or its derivatives are infinite.
add("roots_2", "corner", cube(2), "1/sqrt(x1*x2)", "mpf(4)", ELEMENTARY)
add("roots_4", "corner", cube(4), "1/sqrt(x1*x2*x3*x4)", "mpf(16)", ELEMENTARY)
add("root_of_sum_2", "corner", cube(2), "1/sqrt(x1 + x2)", "4*(2*sqrt(2) - 2)/3", ELEMENTARY)
add("log_of_sum_2", "corner", cube(2), "log(x1 + x2)", "2*log(2) - mpf(3)/2", ELEMENTARY)
add("box_2_inverse", "box", cube(2), "1/sqrt(x1^2 + x2^2)", "2*log(1 + sqrt(2))", BOX)
add("box_2", "box", cube(2), "sqrt(x1^2 + x2^2)", "(sqrt(2) + log(1 + sqrt(2)))/3", BOX)
add("box_3_inverse", "box", cube(3), "1/sqrt(%s)" % squares(3),
    "3*log(2 + sqrt(3))/2 - pi/4", BOX)
add("box_3", "box", cube(3), "sqrt(%s)" % squares(3),
    "sqrt(3)/4 - pi/24 + log(2 + sqrt(3))/2", BOX)
add("zeta_2", "corner", cube(2), "1/(1 - x1*x2)", "zeta(2)", ELEMENTARY)
add("zeta_3", "corner", cube(3), "1/(1 - x1*x2*x3)", "zeta(3)", ELEMENTARY)
add("watson", "physics", ["0:pi"] * 3, "1/(3 - cos(x1) - cos(x2) - cos(x3))/pi^3",
    "sqrt(6)/(96*pi**3)*gamma(mpf(1)/24)*gamma(mpf(5)/24)*gamma(mpf(7)/24)*gamma(mpf(11)/24)",
    "M. Glasser and I. Zucker, Extended Watson integrals for the cubic lattices, 1977")

# Smooth, and of no product form.
add("eta_4", "smooth", cube(4), "1/(1 + x1*x2*x3*x4)", "7*zeta(4)/8", ELEMENTARY)
add("eta_6", "smooth", cube(6), "1/(1 + x1*x2*x3*x4*x5*x6)", "31*zeta(6)/32", ELEMENTARY)
add("dilogarithm", "physics", cube(2), "1/(1 - 0.9*x1*x2)", "polylog(2, mpf('0.9'))/mpf('0.9')",
    ELEMENTARY)
add("trilogarithm", "physics", cube(3), "1/(1 - 0.95*x1*x2*x3)",
    "polylog(3, mpf('0.95'))/mpf('0.95')", ELEMENTARY)
add("ising_e3", "physics", cube(2),
    "2*((1 - x1)*(1 - x2)*(1 - x1*x2)/((1 + x1)*(1 + x2)*(1 + x1*x2)))^2",
    "10 - 2*pi**2 - 8*log(2) + 32*log(2)**2", ISING)
add("ising_c3", "physics", line(3), "1/(6*(cosh(x1) + cosh(x2) + cosh(x3))^2)",
    "(zeta(2, mpf(1)/3) - zeta(2, mpf(2)/3))/9", ISING)
add("ising_c4", "physics", line(4), "1/(24*(cosh(x1) + cosh(x2) + cosh(x3) + cosh(x4))^2)",
    "7*zeta(3)/12", ISING)
for d, masses in ((2, (1, 2, 5)), (3, (1, 2, 5, 9)), (4, (1, 2, 5, 9, 3))):
    rest = "(1 - %s)" % " - ".join(names(d))
    denominator = " + ".join("%d*%s" % t for t in zip(masses, names(d))) + " + %d*%s" % (masses[d], rest)
    add("feynman_%d" % d, "physics", simplex(d), "%d*(%s)^-%d" % (math.factorial(d), denominator, d + 1),
        "1/mpf(%d)" % math.prod(masses), "R. Feynman's parameters, 1949")

# Steps and kinks that follow no axis.
add("step_diagonal_2", "step", cube(2), "x1 + x2 < 1 ? exp(x1 + x2) : 0", "mpf(1)", ELEMENTARY)
add("step_diagonal_3", "step", cube(3), "%s < 1 ? exp(%s) : 0" % (plus(3), plus(3)), "(e - 2)/2",
    ELEMENTARY)
add("ball_2", "step", cube(2), "%s < 1" % squares(2), "pi/4", ELEMENTARY)
add("ball_3", "step", cube(3), "%s < 1 ? %s : 0" % (squares(3), squares(3)), "pi/10", ELEMENTARY)
add("kink_2", "kink", cube(2), "abs(x1 - x2)", "mpf(1)/3", ELEMENTARY)
add("root_kink_2", "kink", cube(2), "sqrt(abs(x1 - x2))", "mpf(8)/15", ELEMENTARY)
add("max_3", "kink", cube(3), "max(x1, x2, x3)", "mpf(3)/4", ELEMENTARY)
add("max_5", "kink", cube(5), "max(x1, x2, x3, x4, x5)", "mpf(5)/6", ELEMENTARY)
add("roos_arnold_5", "kink", cube(5), " * ".join("abs(4*%s - 2)" % x for x in names(5)), "mpf(1)",
    "P. Davis and P. Rabinowitz, Methods of numerical integration, 1984")
add("roos_arnold_sum_6", "kink", cube(6), "(%s)/6" % " + ".join("abs(4*%s - 2)" % x for x in names(6)),
    "mpf(1)", "P. Davis and P. Rabinowitz, Methods of numerical integration, 1984")

# Waves.
add("wave_2", "oscillation", cube(2), "cos(100*x1 + 70*x2)",
    "re((exp(100j) - 1)/100j * (exp(70j) - 1)/70j)", ELEMENTARY)
add("sin_product_2", "oscillation", cube(2), "sin(60*x1*x2)", "(euler + log(60) - ci(60))/60",
    ELEMENTARY)
add("cos_product_2", "oscillation", cube(2), "cos(200*x1*x2)", "si(200)/200", ELEMENTARY)
add("bessel_3", "oscillation", ["0:2*pi"] * 3, "cos(5*sin(x1) + 4*sin(x2) + 3*sin(x3))",
    "(2*pi)**3*besselj(0, 5)*besselj(0, 4)*besselj(0, 3)", ELEMENTARY)

# Infinite ranges.
for d in (2, 4, 6):
    add("gauss_line_%d" % d, "infinite", line(d), "exp(-(%s))" % squares(d), "pi**%d" % (d // 2),
        ELEMENTARY)
add("gauss_correlated_3", "infinite", line(3),
    "exp(-(2*x1^2 + 2*x2^2 + 2*x3^2 - 2*x1*x2 - 2*x2*x3))", "sqrt(pi**3/4)", ELEMENTARY)
add("gauss_correlated_5", "infinite", line(5),
    "exp(-(%s))" % (" + ".join("2*%s^2" % x for x in names(5)) +
                    "".join(" - 2*x%d*x%d" % (i, i + 1) for i in range(1, 5))), "sqrt(pi**5/6)",
    ELEMENTARY)
add("exponential_3", "infinite", up(3), "x1*x2^2*exp(-x1 - x2 - x3)", "mpf(2)", ELEMENTARY)
add("exponential_sum_4", "infinite", up(4), "sqrt(%s)*exp(-(%s))" % (plus(4), plus(4)),
    "gamma(mpf('4.5'))/6", ELEMENTARY)
add("student_2", "infinite", line(2), "1/(1 + x1^2 + x2^2)^2", "pi", ELEMENTARY)
add("student_3", "infinite", line(3), "1/(1 + x1^2 + x2^2 + x3^2)^3", "pi**2/4", ELEMENTARY)
add("slater_3", "infinite", line(3), "exp(-sqrt(%s))" % squares(3), "8*pi", ELEMENTARY)
for d in (3, 5):
    add("keister_%d" % d, "infinite", line(d), "cos(sqrt(%s))*exp(-(%s))" % (squares(d), squares(d)),
        "pi**(mpf(%d)/2)*hyp1f1(mpf(%d)/2, mpf(1)/2, mpf(-1)/4)" % (d, d),
        "B. Keister, Multidimensional quadrature algorithms, 1996")

# Bounds that depend on earlier variables.
add("simplex_exp_3", "simplex", simplex(3), "exp(%s)" % plus(3), "(e - 2)/2", ELEMENTARY)
add("simplex_dirichlet_4", "simplex", simplex(4), "x1*x2^2*sqrt(x3)*x4",
    "gamma(2)*gamma(3)*gamma(mpf('1.5'))*gamma(2)/gamma(mpf('9.5'))", "P. Dirichlet, 1839")
add("simplex_root_2", "simplex", simplex(2), "sqrt(x1 + x2)", "mpf(2)/5", ELEMENTARY)
add("disk", "simplex", ["-1:1", "-sqrt(1-x1^2):sqrt(1-x1^2)"], "exp(-x1^2 - x2^2)",
    "pi*(1 - exp(-1))", ELEMENTARY)
add("simplex_5", "simplex", simplex(5), "cos(%s)" % plus(5), "24**-1*quad(lambda s: s**4*cos(s), [0, 1])",
    ELEMENTARY)

# Waves that grids and symmetric rules may take for constants.
add("alias_2", "alias", cube(2), "sin(8*pi*x1)^2*sin(16*pi*x2)^2", "mpf(1)/4", ELEMENTARY)
add("alias_sum_3", "alias", cube(3), "1 + cos(32*pi*(x1 + x2 + x3))", "mpf(1)", ELEMENTARY)
add("alias_4", "alias", cube(4), " + ".join("sin(64*pi*%s)^2" % x for x in names(4)), "mpf(2)",
    ELEMENTARY)

# Peaks.
add("peak_3", "peak", cube(3), "exp(-2500*((x1 - 0.31)^2 + (x2 - 0.77)^2 + (x3 - 0.52)^2))",
    "fprod(sqrt(pi)/100*(erf(50*(1 - u)) + erf(50*u)) for u in [mpf('0.31'), mpf('0.77'), mpf('0.52')])",
    ELEMENTARY)
add("peak_6", "peak", cube(6),
    "exp(-25*(%s))" % " + ".join("(x%d - %.2f)^2" % (i + 1, 0.3 + 0.05 * i) for i in range(6)),
    "fprod(sqrt(pi)/10*(erf(5*(1 - u)) + erf(5*u)) for u in [mpf(30 + 5*i)/100 for i in range(6)])",
    ELEMENTARY)
add("two_peaks_4", "peak", cube(4),
    "exp(-100*(%s)) + 3*exp(-100*(%s))" % (" + ".join("(%s - 0.25)^2" % x for x in names(4)),
                                           " + ".join("(%s - 0.7)^2" % x for x in names(4))),
    "(sqrt(pi)/20*(erf(mpf('7.5')) + erf(mpf('2.5'))))**4 + 3*(sqrt(pi)/20*(erf(3) + erf(7)))**4",
    ELEMENTARY)
add("ridge_2", "peak", cube(2), "exp(-(40*(x1 - x2))^2)",
    "sqrt(pi)*erf(40)/40 + expm1(mpf(-1600))/1600", ELEMENTARY)
add("ring_2", "peak", line(2), "exp(-400*(x1^2 + x2^2 - 1)^2)",
    "pi*sqrt(pi)/40*(1 + erf(20))", ELEMENTARY)
add("shell_3", "peak", line(3), "exp(-100*(sqrt(%s) - 1)^2)" % squares(3),
    "4*pi*quad(lambda r: r*r*exp(-100*(r - 1)**2), [0, 0.5, 1, 1.5, 3])", ELEMENTARY)

for row in rows:
    assert not any("\t" in cell for cell in row)
    print("\t".join(row))
