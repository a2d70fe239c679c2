"""Families of integrals over one variable, for fresh_problems.py.

A family is a function of the draw that returns what `problem` takes: the integrand in t, the range
of t, its integral as a formula of mpmath, and where the family comes from. Finite ranges are moved
and stretched at random: x = c + (t - low) / k.
"""
import mpmath

LK = "J. Lyness and J. Kaganove, Comments on the nature of automatic quadrature routines, 1976"
GONNET = "P. Gonnet, A review of error estimation in adaptive quadrature, 2012"
PIESSENS = "R. Piessens and others, QUADPACK, 1983, other parameters"
KU = "A. Krommer and C. Ueberhuber, Computational integration, 1998"
ESPELID = "T. Espelid, Doubly adaptive quadrature routines, 2003"
TABLE = "integral tables"

UNIT = ("0", "1")
UP = ("0", "inf")
LINE = ("-inf", "inf")


def m(text):
    """A drawn number as mpmath is to read it."""
    return "mpf('%s')" % text


def difference(f, low="0", high="1"):
    """The formula of an antiderivative, a text with t."""
    return "(lambda F: F(%s) - F(%s))(lambda t: %s)" % (m(high), m(low), f)


def algebraic(d):
    a, c = d.between(-0.6, 0, 3), d.between(0.02, 0.98)
    f = "((1 - {c})**(1 + {a}) + {c}**(1 + {a}))/(1 + {a})".format(a=m(a), c=m(c))
    return "abs(t - %s)^(%s)" % (c, a), UNIT, f, LK


def step_exponential(d):
    a, c = d.between(0, 3), d.between(0.02, 0.98)
    f = "(exp({a}) - exp({a}*{c}))/{a}".format(a=m(a), c=m(c))
    return "t <= %s ? 0 : exp(%s*t)" % (c, a), UNIT, f, LK


def cusp(d):
    a, c = d.between(0.5, 20), d.between(0.02, 0.98)
    f = "(2 - exp(-{a}*{c}) - exp(-{a}*(1 - {c})))/{a}".format(a=m(a), c=m(c))
    return "exp(-%s*abs(t - %s))" % (a, c), UNIT, f, LK


def lorentz(d):
    w, c = d.power_of_ten(-6, -2), d.between(0.02, 0.98)
    f = "atan((1 - {c})/{w}) + atan({c}/{w})".format(w=m(w), c=m(c))
    return "{w}/((t - {c})^2 + {w}^2)".format(w=w, c=c), UNIT, f, LK


def four_lorentz(d):
    w = d.power_of_ten(-5, -3)
    cs = [d.between(0.02, 0.98) for _ in range(4)]
    f = " + ".join("atan((1 - {c})/{w}) + atan({c}/{w})".format(w=m(w), c=m(c)) for c in cs)
    return " + ".join("{w}/((t - {c})^2 + {w}^2)".format(w=w, c=c) for c in cs), UNIT, f, LK


def chirp_square(d):
    c, b = d.between(0, 1), d.between(60, 400, 3)
    f = difference("sin(%s*(t - %s)**2)" % (m(b), m(c)))
    return "2*{b}*(t - {c})*cos({b}*(t - {c})^2)".format(b=b, c=c), UNIT, f, GONNET


def log_algebraic(d):
    a, c = d.between(-0.5, 0.5, 3), d.between(0.02, 0.98)
    g = "(lambda u: u**(1 + {a})*(log(u)/(1 + {a}) - 1/(1 + {a})**2))".format(a=m(a))
    f = "%s(%s) + %s(1 - %s)" % (g, m(c), g, m(c))
    return "abs(t - {c})^({a})*log(abs(t - {c}))".format(a=a, c=c), UNIT, f, PIESSENS


def three_roots(d):
    cs = [d.between(0.02, 0.98) for _ in range(3)]
    f = "2*(%s)" % " + ".join("sqrt({c}) + sqrt(1 - {c})".format(c=m(c)) for c in cs)
    return " + ".join("1/sqrt(abs(t - %s))" % c for c in cs), UNIT, f, ESPELID


def wave_on_root(d):
    b = d.between(5, 300)
    f = "sqrt(2*pi/{b})*fresnelc(sqrt(2*{b}/pi))".format(b=m(b))
    return "cos(%s*t)/sqrt(t)" % b, UNIT, f, ESPELID


def stairs(d):
    n, c = d.whole(3, 12), d.between(0.02, 0.98)
    f = "fsum(min(1, max(0, 1 - (k - {c})/{n})) for k in range(1, {n} + 2))".format(n=n, c=m(c))
    return "floor(%d*t + %s)" % (n, c), UNIT, f, KU


def soft_kink(d):
    c, p = d.between(0.05, 0.95), ("1.5", "2.5", "0.5")[d.whole(0, 2)]
    f = "(1 - {c})**(1 + {p})/(1 + {p})".format(c=m(c), p=m(p))
    return "max(t - %s, 0)^%s" % (c, p), UNIT, f, KU


def fermi(d):
    c, w = d.between(0.1, 0.9), d.power_of_ten(-4, -1)
    f = "1 + {w}*(log1p(exp(-{c}/{w})) - log1p(exp((1 - {c})/{w})))".format(c=m(c), w=m(w))
    return "1/(1 + exp((t - %s)/%s))" % (c, w), UNIT, f, KU


def hidden_peak(d):
    c, w = d.between(0.05, 0.95), d.power_of_ten(-2.3, -1)
    f = "sin(1) + sqrt(pi)/2*(erf((1 - {c})/{w}) + erf({c}/{w}))".format(c=m(c), w=m(w))
    return "cos(t) + exp(-((t - {c})/{w})^2)/{w}".format(c=c, w=w), UNIT, f, KU


def two_waves(d):
    a, b = d.between(3, 40), d.between(50, 600)
    f = difference("sin({a}*t)/{a} - cos({b}*t)/{b}".format(a=m(a), b=m(b)))
    return "cos(%s*t) + sin(%s*t)" % (a, b), UNIT, f, KU


def chirp_exponential(d):
    a = d.between(2, 6)
    return "cos(exp(%s*t))" % a, UNIT, difference("ci(exp({a}*t))/{a}".format(a=m(a))), KU


def bessel_wave(d):
    b = d.between(10, 200)
    return "t*j0(%s*t)" % b, UNIT, "besselj(1, {b})/{b}".format(b=m(b)), TABLE


def beta(d):
    p, q = d.between(-0.85, 1.5, 3), d.between(-0.85, 1.5, 3)
    f = "beta(1 + %s, 1 + %s)" % (m(p), m(q))
    return "t^(%s)*(1 - t)^(%s)" % (p, q), UNIT, f, TABLE


def log_power(d):
    p, q = d.between(-0.7, 2, 3), d.between(-0.7, 2.5, 3)
    f = "gamma(1 + {q})/(1 + {p})**(1 + {q})".format(p=m(p), q=m(q))
    return "t^(%s)*log(1/t)^(%s)" % (p, q), UNIT, f, PIESSENS


def square_wave(d):
    b = d.between(5, 60)
    f = "acos(cos(%s))/%s" % (m(b), m(b))
    return "sin(%s*t) > 0 ? 1 : -1" % b, UNIT, f, KU


def saw(d):
    b = d.between(3, 30)
    f = "(floor({b}) + ({b} - floor({b}))**2)/(2*{b})".format(b=m(b))
    return "{b}*t - floor({b}*t)".format(b=b), UNIT, f, KU


def rectified(d):
    b = d.between(5, 80)
    f = "(2*floor({b}/pi) + 1 - cos({b} - pi*floor({b}/pi)))/{b}".format(b=m(b))
    return "abs(sin(%s*t))" % b, UNIT, f, KU


def root_of_square(d):
    a = d.between(0.2, 0.9)
    f = "pi/2 + acosh(1/%s)" % m(a)
    return "1/sqrt(abs(t^2 - %s^2))" % a, UNIT, f, ESPELID


def chebyshev(d):
    n = 2 * d.whole(5, 60)
    return "cos(%d*acos(t))" % n, ("-1", "1"), "mpf(2)/(1 - %d**2)" % n, TABLE


def soft_step(d):
    c, w = d.between(0.05, 0.95), d.power_of_ten(0.5, 4)
    f = "(log(cosh({w}*(1 - {c}))) - log(cosh({w}*{c})))/{w}".format(c=m(c), w=m(w))
    return "tanh(%s*(t - %s))" % (w, c), UNIT, f, KU


def root_exponential(d):
    a = d.between(1, 30)
    f = "2*(1 - (1 + {a})*exp(-{a}))/{a}**2".format(a=m(a))
    return "exp(-%s*sqrt(t))" % a, UNIT, f, TABLE


def root_cusp(d):
    c, a = d.between(0.05, 0.95), d.between(1, 10)
    g = "(lambda u: 2*(1 - (1 + {a}*sqrt(u))*exp(-{a}*sqrt(u)))/{a}**2)".format(a=m(a))
    f = "%s(%s) + %s(1 - %s)" % (g, m(c), g, m(c))
    return "exp(-%s*sqrt(abs(t - %s)))" % (a, c), UNIT, f, ESPELID


def smooth_product(d):
    a, b = d.between(-3, 3), d.between(1, 12)
    f = "re((exp({a} + 1j*{b}) - 1)/({a} + 1j*{b}))".format(a=m(a), b=m(b))
    return "exp(%s*t)*cos(%s*t)" % (a, b), UNIT, f, TABLE


def window(d):
    a, w = d.between(0.05, 0.7), d.between(0.02, 0.25)
    f = "sin({a} + {w}) - sin({a})".format(a=m(a), w=m(w))
    return "t > {a} && t < {a} + {w} ? cos(t) : 0".format(a=a, w=w), UNIT, f, KU


def shifted_gauss(d):
    c, w = d.between(-40, 40), d.power_of_ten(-0.5, 1.5)
    return "exp(-((t - %s)/%s)^2)" % (c, w), LINE, "sqrt(pi)*%s" % m(w), TABLE


def gamma_density(d):
    p, a = d.between(-0.8, 4, 3), d.power_of_ten(-2, 2)
    f = "gamma(1 + {p})/{a}**(1 + {p})".format(p=m(p), a=m(a))
    return "t^(%s)*exp(-%s*t)" % (p, a), UP, f, TABLE


def student(d):
    q, a = d.between(0.7, 3, 3), d.power_of_ten(-1, 1)
    f = "sqrt(pi)*gamma({q} - 0.5)/gamma({q})*{a}".format(q=m(q), a=m(a))
    return "(1 + (t/%s)^2)^(-%s)" % (a, q), LINE, f, TABLE


def lognormal(d):
    c, s = d.between(-2, 2), d.between(0.2, 2)
    f = "%s*sqrt(2*pi)" % m(s)
    return "exp(-((log(t) - {c})/{s})^2/2)/t".format(c=c, s=s), UP, f, TABLE


def mellin(d):
    p = d.between(0.08, 0.92, 3)
    return "t^(%s - 1)/(1 + t)" % p, UP, "pi/sin(pi*%s)" % m(p), TABLE


def gumbel(d):
    c, s = d.between(-5, 5), d.between(0.2, 5)
    f = m(s)
    z = "(t - %s)/%s" % (c, s)
    return "exp(-(%s) - exp(-(%s)))" % (z, z), LINE, f, TABLE


def planck(d):
    s, a = d.between(0.6, 5, 3), d.power_of_ten(-1, 1)
    f = "gamma({s} + 1)*zeta({s} + 1)/{a}**({s} + 1)".format(s=m(s), a=m(a))
    return "t^%s/(exp(%s*t) - 1)" % (s, a), UP, f, TABLE


def damped_wave(d):
    a, w = d.power_of_ten(-2.5, 0), d.between(0.5, 8)
    f = "{w}/({a}**2 + {w}**2)".format(a=m(a), w=m(w))
    return "exp(-%s*t)*sin(%s*t)" % (a, w), UP, f, TABLE


def wave_tail(d):
    a, w = d.between(0.5, 3), d.between(0.3, 4)
    f = "pi*exp(-{a}*{w})/(2*{a})".format(a=m(a), w=m(w))
    return "cos({w}*t)/(t^2 + {a}^2)".format(a=a, w=w), UP, f, TABLE


def dirichlet(d):
    p, w = d.between(0.15, 0.9, 3), d.between(0.5, 5)
    f = "gamma({p})*sin(pi*{p}/2)/{w}**{p}".format(p=m(p), w=m(w))
    return "sin(%s*t)*t^(%s - 1)" % (w, p), UP, f, TABLE


FINITE = (algebraic, step_exponential, cusp, lorentz, four_lorentz, chirp_square, log_algebraic,
          three_roots, wave_on_root, stairs, soft_kink, fermi, hidden_peak, two_waves,
          chirp_exponential, bessel_wave, beta, log_power, square_wave, saw, rectified,
          root_of_square, chebyshev, soft_step, root_exponential, root_cusp, smooth_product, window)
INFINITE = (shifted_gauss, gamma_density, student, lognormal, mellin, gumbel, planck, damped_wave,
            wave_tail, dirichlet)
MOVED = 3  # of a finite family's problems one is left where it is, two are moved


def move(draw, integrand, bounds, formula):
    """The problem over another range: t = low + k * (x - c)."""
    c, k = draw.between(-4, 4), draw.power_of_ten(-1.5, 1.5)
    low, high = bounds
    length = mpmath.mpf(high) - mpmath.mpf(low)
    inside = "(%s*(x - %s))" % (k, c) if low == "0" else "(%s + %s*(x - %s))" % (low, k, c)
    text = "".join(inside if ch == "t" and alone(integrand, i) else ch for i, ch in enumerate(integrand))
    end = "%s + %d/%s" % (c, int(length), k)
    return text, (c, end), "(%s)/%s" % (formula, m(k))


def alone(text, i):
    """Whether the letter there is a name by itself."""
    around = text[max(i - 1, 0):i] + text[i + 1:i + 2]
    return not any(c.isalnum() or c == "_" for c in around)


def line(name, family, integrand, bounds, formula, source):
    names = {k: getattr(mpmath, k) for k in dir(mpmath) if not k.startswith("_")}
    names.update(min=min, max=max)
    with mpmath.workdps(45):
        value = mpmath.mpf(eval(formula, names))
        text = "0" if abs(value) < mpmath.mpf(10) ** -27 else mpmath.nstr(value, 25, strip_zeros=False)
    return " | ".join((name, family, integrand, bounds[0], bounds[1], formula, text, source, "none"))


def problems(draw):
    for number in range(2 * len(FINITE) + 2 * len(INFINITE)):
        finite = number < 2 * len(FINITE)
        family = FINITE[number % len(FINITE)] if finite else INFINITE[number % len(INFINITE)]
        integrand, bounds, formula, source = family(draw)
        if finite and number % MOVED:
            integrand, bounds, formula = move(draw, integrand, bounds, formula)
        else:
            integrand = "".join("x" if ch == "t" and alone(integrand, i) else ch
                                for i, ch in enumerate(integrand))
        yield line("%s_%d" % (family.__name__, number), family.__name__, integrand, bounds, formula,
                   source)
