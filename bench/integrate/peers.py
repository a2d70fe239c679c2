#!/usr/bin/env python3
"""The problem sets in one run by Fanfold, GSL, Cubature, scipy and PARI: solved, reached, lies.

    bench/integrate/peers.py [--build build/release] [--one FILE] [--many FILE]

--one and --many take other sets than problems_1d.txt and problems_nd.tsv, as fresh_problems.py draws
them. What is not installed is named as absent.

Over one variable at a relative 1e-10: integrate_oned runs Fanfold's methods and GSL's; here
scipy.integrate.quad and quad_vec (limit=500) get the integrand as a Python function, as their users
write it (with 0 where it is not finite: quad of scipy 1.10 crashes on those), and PARI's intnum gets
it as a closure of gp at 19 digits, with plain ends (its manual asks for the kind of singularity
there, which nobody tells the others), or, where that fails, with [oo, 1] for infinite ones. So the
times of those three are mostly their language's, and evaluations are what compares. intnum has no
error estimate: nothing is reached and nothing a lie; `wrong` counts what is off by more than 10 times
what is allowed, whatever is claimed. A call that takes more than 5 s is stopped and counts as not
solved. Over several variables at 1e-5 with 10^7 evaluations: integrate_many runs auto and Cubature's
hcubature; scipy's cubature is named where this scipy has it (1.15), since nquad and tplquad need
hours for the set.

allowed = max(1e-10 |exact|, 50 * 2^-52 * integral of |f|): solved is off by at most that, a lie is
claimed and off by more than 10 times that. Times are CPU time, `ratio` is the time by that of auto.
Needs python3-scipy and pari-gp for the columns of these.
"""
import argparse
import math
import os
import re
import shutil
import signal
import subprocess
import time
import warnings

SECONDS = 5
HERE = os.path.dirname(os.path.abspath(__file__))


class Tally:
    def __init__(self):
        self.count = self.solved = self.reached = self.lies = self.wrong = self.evaluations = 0
        self.ms = 0.0
        self.claims = True  # whether it has an error estimate at all

    def add(self, off, allowed, claims, evaluations, ms):
        self.count += 1
        self.solved += off <= allowed
        self.reached += bool(claims)
        self.lies += bool(claims) and not off <= 10 * allowed
        self.wrong += not off <= 10 * allowed
        self.evaluations += evaluations
        self.ms += ms


def own_rows(program, path):
    """What a benchmark's --each says, as dictionaries."""
    words = [program, "--each"] + (["--set", path] if path else [])
    lines = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    names = lines[0].split("\t")
    return [dict(zip(names, line.split("\t"))) for line in lines[1:]]


def tally_own(rows, tallies):
    for row in rows:
        off = abs(float(row["value"]) - float(row["exact"]))
        tallies.setdefault(row["method"], Tally()).add(
            off, float(row["allowed"]), row["claims"] == "1", int(row["evaluations"]),
            float(row["ns"]) / 1e6)


def problems(path):
    with open(path, encoding="ascii") as file:
        for line in file:
            fields = line.rstrip("\n").split(" | ")
            if not line.startswith("#") and len(fields) == 9:
                yield fields


def conditional(text, form):
    found = re.fullmatch(r"(.*)\?(.*):(.*)", text)
    return form.format(found[1], found[2], found[3]) if found else text


# ---- scipy ---------------------------------------------------------------------------------------

class TooLong(Exception):
    pass


def stop(_number, _frame):
    raise TooLong


def python_function(text):
    """The integrand as a Python function that counts its calls; [0] of `calls` is how many."""
    import numpy
    import scipy.special

    plain = {n: getattr(math, n) for n in dir(math) if not n.startswith("_")}
    plain.update(abs=abs, max=max, min=min, rint=round, cbrt=numpy.cbrt, j0=scipy.special.j0,
                 j1=scipy.special.j1, log=math.log)
    careful = {n: getattr(numpy, n) for n in dir(numpy) if not n.startswith("_")}
    careful.update(max=max, min=min, acos=numpy.arccos, atan=numpy.arctan, acosh=numpy.arccosh,
                   j0=scipy.special.j0, j1=scipy.special.j1, abs=abs)
    text = conditional(text.replace("^", "**").replace("&&", " and "), "(({1}) if ({0}) else ({2}))")
    fast, slow = (eval("lambda x: " + text, scope) for scope in (plain, careful))
    calls = [0]

    def function(x):
        calls[0] += 1
        try:
            value = fast(float(x))
        except (ArithmeticError, ValueError):  # where C has inf or nan, Python's math raises
            value = careful_value(slow, numpy.float64(x))
        return value if math.isfinite(value) else 0.0

    return function, calls


def careful_value(function, x):
    try:
        return float(function(x))
    except (ArithmeticError, ValueError):
        return math.nan


def constant(text):
    return float(eval(text.replace("^", "**"), dict(vars(math))))


def by_quad(function, low, high):
    import scipy.integrate

    answer = scipy.integrate.quad(function, low, high, epsabs=0, epsrel=1e-10, limit=500, full_output=1)
    return answer[0], len(answer) == 3  # a message is there where it does not claim


def by_quad_vec(function, low, high):
    import scipy.integrate

    value, _, info = scipy.integrate.quad_vec(function, low, high, epsabs=1e-200, epsrel=1e-10,
                                              limit=500, full_output=True)
    return value, info.success


def run_scipy(name, integrate, path, allowed, tallies):
    import numpy

    signal.signal(signal.SIGALRM, stop)
    for fields in problems(path):
        function, calls = python_function(fields[2])
        value, claims, before = math.nan, False, time.thread_time()
        if integrate is not by_quad:  # whose limit ends it, and which an exception would crash
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            with warnings.catch_warnings(), numpy.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                value, claims = integrate(function, constant(fields[3]), constant(fields[4]))
        except TooLong:
            pass
        except (ArithmeticError, ValueError):  # of its own arithmetic
            pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        ms = (time.thread_time() - before) * 1e3
        tallies.setdefault(name, Tally()).add(abs(value - float(fields[6])), allowed[fields[0]], claims,
                                              calls[0], ms)


# ---- PARI ----------------------------------------------------------------------------------------

def gp_text(text):
    text = re.sub(r"- -", "+ ", text)  # -- is an operator there
    text = re.sub(r"\bpi\b", "Pi", text)
    text = re.sub(r"\binf\b", "oo", text)
    text = re.sub(r"\be\b(?!\()", "exp(1)", text)
    text = re.sub(r"\brint\(", "round(", text)
    text = re.sub(r"\bj([01])\(", r"besselj(\1,", text)
    text = re.sub(r"\bcbrt\(", "(u->sign(u)*abs(u)^(1/3))(", text)
    return conditional(text, "if({0},{1},{2})")


def gp_call(fields, decays):
    """intnum of a problem; at infinite ends with the word that it decays as exp(-x), or plain."""
    ends = [gp_text(f) for f in fields[3:5]]
    if decays:
        ends = ["[%s,1]" % end if "oo" in end else end for end in ends]
    return "alarm(%d,intnum(x=%s,%s,n++;%s))" % (SECONDS, ends[0], ends[1], gp_text(fields[2]))


def run_gp(path, allowed, tallies):
    script = ["default(realprecision,19);n=0;gettime();"]
    asked = list(problems(path))
    for fields in asked:
        script.append(
            "n=0;r=iferr(%s,E,iferr(%s,E,\"none\"));if(type(r)!=\"t_REAL\"&&type(r)!=\"t_INT\"&&"
            "type(r)!=\"t_FRAC\",r=\"none\",r=bitprecision(1.*r,64));print(r,\" \",n);" %
            (gp_call(fields, False), gp_call(fields, True)))
    script.append("print(\"ms \",gettime());")
    done = subprocess.run(["gp", "-q", "-f"], input="\n".join(script) + "\n", capture_output=True,
                          text=True, check=True)
    out = done.stdout.splitlines()
    tally = tallies.setdefault("PARI intnum", Tally())
    tally.claims = False
    answers = [line.replace(" E", "e").split() for line in out if line]
    if len(answers) != len(asked) + 1:
        print(done.stderr)
        raise SystemExit("gp answered %d of %d problems" % (len(answers) - 1, len(asked)))
    for fields, (value, count) in zip(asked, answers):
        number = math.nan if value == "none" else float(value)
        tally.add(abs(number - float(fields[6])), allowed[fields[0]], False, int(count), 0)
    tally.ms = float(answers[-1][1])


# ---- Tables --------------------------------------------------------------------------------------

def print_table(title, tallies):
    base = tallies["auto"].ms
    print("\n%s\n" % title)
    print("| method | solved of %d | reached | lies | wrong | evaluations, 1000 | CPU ms | ratio |" %
          tallies["auto"].count)
    print("|---|---|---|---|---|---|---|---|")
    for name, t in tallies.items():
        claims = (str(t.reached), str(t.lies)) if t.claims else ("-", "-")
        print("| %s | %d | %s | %s | %d | %.0f | %.0f | %.1f |" %
              ((name, t.solved) + claims + (t.wrong, t.evaluations / 1e3, t.ms, t.ms / base)))


def one_variable(options):
    path = options.one or os.path.join(HERE, "problems_1d.txt")
    rows = own_rows(os.path.join(options.build, "bench", "integrate_oned"), options.one)
    allowed = {row["problem"]: float(row["allowed"]) for row in rows if row["method"] == "auto"}
    tallies = {}
    tally_own(rows, tallies)
    try:
        import scipy

        for name, integrate in (("quad", by_quad), ("quad_vec", by_quad_vec)):
            run_scipy("scipy %s %s" % (scipy.__version__, name), integrate, path, allowed, tallies)
    except ImportError:
        print("scipy is absent")
    if shutil.which("gp"):
        run_gp(path, allowed, tallies)
    else:
        print("gp is absent")
    print_table("One variable, relative 1e-10", tallies)


def several_variables(options):
    tallies = {}
    tally_own(own_rows(os.path.join(options.build, "bench", "integrate_many"), options.many), tallies)
    print_table("Several variables, relative 1e-5, 10^7 evaluations", tallies)
    try:
        from scipy.integrate import cubature

        print("\nscipy has a cubature (%s), which is not measured here" % cubature.__module__)
    except ImportError:
        print("\nthis scipy has no cubature")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(HERE, "..", "..", "build", "release"))
    parser.add_argument("--one")
    parser.add_argument("--many")
    options = parser.parse_args()
    one_variable(options)
    several_variables(options)


main()
