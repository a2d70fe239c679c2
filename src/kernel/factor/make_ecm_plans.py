#!/usr/bin/env python3
"""Makes ecm_plans.c: what a curve does, as straight-line programs over points.

    make_ecm_plans.py > ecm_plans.c

A program is a list of steps (to, a, b, difference) over slots: slot[to] = slot[a] + slot[b], where
slot[difference] holds slot[a] - slot[b]; a == b doubles. Stage 1 multiplies by prime powers up to B1,
each by the cheapest chain that Montgomery's PRAC rules find (Montgomery, "Evaluating recurrences of
form X_{m+n} = f(X_m, X_n, X_{m-n}) via Lucas chains", 1983, revised 1992). Stage 2 makes multiples
jQ and kDQ, and lists pairs (kD, j) such that each prime in (B1, B2] is kD + j or kD - j.
tests/unit/test_ecm_plans.c carries the programs out over integers and checks what they reach.

The curves are Suyama's, whose orders 12 divides: for sigma, u = sigma^2 - 5, v = 4 sigma, the start is
(u^3 : v^3) and (A + 2) / 4 = (v - u)^3 (3u + v) / (16 u^3 v).
"""
from fractions import Fraction
from math import gcd

ADD, DOUBLE = 6, 6  # multiplications

# Of all sigma = a / b with a, b < 200 whose numbers are below 2^48, those that split most of the same
# 12000 semiprimes of 48 to 64 bits, best first. 11, 65/11 and 47/3 are better by more than chance.
SIGMAS = """
11/1 65/11 47/3 25/2 145/11 105/17 47/9 103/1 42/1 129/17 55/2 171/5 79/3 149/5 139/19 57/2
119/19 49/2 139/27 93/5 31/4 28/1 57/4 103/13 47/7 115/18 167/9 135/8 36/1 53/9 123/17 67/7
21/2 53/6 37/6 153/29 65/7 21/4 157/15 20/3 95/6 29/4 155/29 133/15 157/21 123/19 67/1 125/4
100/19 75/7 113/17 89/3 131/17 175/19 39/5 75/14 155/19 83/7 113/15 40/1 27/5 71/9 145/27
157/27
"""

# (B1, B2, D)
PLANS = [(27, 405, 30), (47, 1175, 60), (75, 2250, 120), (105, 3675, 120), (140, 5250, 210),
         (200, 8400, 210)]


def primes_up_to(n):
    flags = bytearray([1]) * (n + 1)
    flags[:2] = b"\0\0"
    for i in range(2, int(n**0.5) + 1):
        if flags[i]:
            flags[i * i :: i] = bytes(len(flags[i * i :: i]))
    return [i for i in range(n + 1) if flags[i]]


def prac(n, r):
    """The steps of a chain for n that starts with (n - r, r), over names; None if it fails."""
    # Values 0: the point itself. Each step appends a value.
    steps = []

    def add(a, b, difference):
        steps.append((a, b, difference))
        return len(steps)

    d, e = n - r, 2 * r - n
    if d < 0 or e < 0:
        return None
    a = add(0, 0, 0)
    b = c = 0
    # Invariant: n = d a + e b, c = a - b.
    while d != e:
        if d < e:
            d, e, a, b = e, d, b, a
        if e == 0:
            break
        if 4 * d <= 5 * e and (d + e) % 3 == 0:
            d, e = (2 * d - e) // 3, (2 * e - d) // 3
            t = add(a, b, c)
            t2 = add(t, a, b)
            b = add(t, b, a)
            a = t2
        elif 4 * d <= 5 * e and (d - e) % 6 == 0:
            d = (d - e) // 2
            b, a = add(a, b, c), add(a, a, a)
        elif d <= 4 * e:
            d -= e
            c, b = b, add(b, a, c)
        elif (d + e) % 2 == 0:
            d = (d - e) // 2
            b, a = add(b, a, c), add(a, a, a)
        elif d % 2 == 0:
            d //= 2
            c, a = add(c, a, b), add(a, a, a)
        elif d % 3 == 0:
            d = d // 3 - e
            t, t2 = add(a, a, a), add(a, b, c)
            a = add(t, a, a)
            c, b = b, add(t, t2, c)
        elif (d + e) % 3 == 0:
            d = (d - 2 * e) // 3
            t = add(a, b, c)
            b = add(t, a, b)
            a = add(a, add(a, a, a), a)
        elif (d - e) % 3 == 0:
            d = (d - e) // 3
            t = add(a, b, c)
            c = add(a, c, b)
            b = t
            a = add(a, add(a, a, a), a)
        else:
            e //= 2
            c, b = add(c, b, a), add(b, b, b)
    if d != 1 and d != e:
        return None
    if e != 0:
        if d != e or d != 1:
            return None
        add(a, b, c)
    return steps


def holds(steps, n):
    values = [1]
    for a, b, difference in steps:
        if a != b and abs(values[a] - values[b]) != values[difference]:
            return False
        values.append(values[a] + values[b])
    return values[-1] == n


def cost(steps):
    return sum(DOUBLE if a == b else ADD for a, b, _ in steps)


def best_chain(n):
    if n == 2:
        return [(0, 0, 0)]
    best = None
    centre = int(n * 0.6180339887498949)  # the cheapest chains are like Fibonacci's
    for r in range(max(n // 2 + 1, centre - 40), min(n, centre + 40)):
        if gcd(n, r) == 1:
            steps = prac(n, r)
            if steps and (best is None or cost(steps) < cost(best)) and holds(steps, n):
                best = steps
    return best


chains = {}


def chain(n):
    if n not in chains:
        chains[n] = best_chain(n)
    return chains[n]


def joined(primes):
    """Pairs of primes whose product has a cheaper chain than both apart."""
    left = list(primes)
    out = []
    gains = []
    for i, p in enumerate(left):
        for q in left[i + 1 :]:
            both = chain(p * q)
            gain = cost(chain(p)) + cost(chain(q)) - cost(both)
            if gain > 0:
                gains.append((gain, p, q))
    gains.sort(reverse=True)
    for _, p, q in gains:
        if p in left and q in left:
            left.remove(p)
            left.remove(q)
            out.append(p * q)
    return left + out


class Program:
    """Values 0, 1, ...: multiples of the start. steps[i] makes value i + 1."""

    def __init__(self):
        self.steps = []
        self.multiple = [1]

    def add(self, a, b, difference):
        assert a == b or abs(self.multiple[a] - self.multiple[b]) == self.multiple[difference]
        self.steps.append((a, b, difference))
        self.multiple.append(self.multiple[a] + self.multiple[b])
        return len(self.steps)

    def times(self, base, steps):
        names = [base]
        for a, b, difference in steps:
            names.append(self.add(names[a], names[b], names[difference]))
        return names[-1]


def stage_1(program, b1):
    primes = primes_up_to(b1)
    q = 0
    for _ in range(TWOS):
        q = program.add(q, q, q)
    odd = []
    for p in primes[1:]:
        power = p
        while power * p <= b1:
            q = program.times(q, chain(p))
            power *= p
        odd.append(p)
    for factor in joined(odd):
        q = program.times(q, chain(factor))
    return q


TWOS = 8


def stage_2(program, q, b1, b2, d):
    """Returns {j: value}, {k: value}, pairs."""
    unit = program.multiple[q]
    have = {1: q}

    def plus(a, b):
        """have[a + b] from have[a], have[b] and have[|a - b|]"""
        if a + b not in have:
            have[a + b] = program.add(have[a], have[b], have[abs(a - b)] if a != b else have[a])

    plus(1, 1)
    plus(2, 1)
    plus(3, 2)
    plus(3, 3)
    plus(6, 1)
    # j = 1 mod 6 from 1, 7 on; j = 5 mod 6 from 5 (5 = 6 - 1) and 11 on.
    plus(6, 5)
    for first in (13, 17):
        for j in range(first, d // 2 + 6, 6):
            plus(j - 6, 6)
    plus(2, 2)
    babies = [j for j in range(1, d // 2) if gcd(j, d) == 1]
    # d = the sum of two neighbours round d / 2 whose difference is there
    half = d // 2
    for a in sorted(have, reverse=True):
        b = d - a
        if b in have and abs(a - b) in have and a != b:
            plus(a, b)
            break
    assert d in have, d
    giants = {1: have[d]}
    first = (b1 + half) // d
    last = (b2 + half) // d
    giants[2] = program.add(giants[1], giants[1], giants[1])
    for k in range(3, last + 1):
        giants[k] = program.add(giants[k - 1], giants[1], giants[k - 2])
    assert all(program.multiple[giants[k]] == unit * k * d for k in giants)
    assert all(program.multiple[have[j]] == unit * j for j in have)
    pairs = set()
    for p in primes_up_to(b2):
        if p > b1:
            k = (p + half) // d
            if k == 0:
                raise SystemExit("B1 below D / 2")
            pairs.add((k, abs(p - k * d)))
    used_k = sorted({k for k, _ in pairs})
    pairs = sorted(pairs)
    pairs += pairs[: -len(pairs) % 4]  # the engines take four at once
    return {j: have[j] for j in babies}, {k: giants[k] for k in used_k}, pairs


def allocate(program, keep):
    """Slots for values: those in `keep` live to the end. Returns steps over slots, slots of `keep`."""
    last = {}
    for i, (a, b, difference) in enumerate(program.steps):
        for v in (a, b, difference):
            last[v] = i
    for v in keep:
        last[v] = len(program.steps)
    slot = {0: 0}
    free = []
    count = 1
    out = []
    for i, (a, b, difference) in enumerate(program.steps):
        operands = (slot[a], slot[b], slot[difference])
        for v in {a, b, difference}:
            if last[v] == i:
                free.append(slot[v])
        assert i + 1 in last or i + 1 == len(program.steps), "a step nobody uses"
        if free:
            s = min(free)
            free.remove(s)
        else:
            s = count
            count += 1
        slot[i + 1] = s
        out.append((s,) + operands)
    return out, {v: slot[v] for v in keep}, count


def prune(program, keep):
    """Drops steps nobody uses."""
    needed = set(keep)
    for i in range(len(program.steps) - 1, -1, -1):
        if i + 1 in needed:
            needed.update(program.steps[i])
    fresh = Program()
    names = {0: 0}
    for i, (a, b, difference) in enumerate(program.steps):
        if i + 1 in needed:
            names[i + 1] = fresh.add(names[a], names[b], names[difference])
    return fresh, names


def table(rows, per_line):
    lines = []
    for i in range(0, len(rows), per_line):
        lines.append("    " + ", ".join(rows[i : i + per_line]) + ",")
    return "\n".join(lines)


def emit(i, b1, b2, d):
    program = Program()
    q = stage_1(program, b1)
    babies, giants, pairs = stage_2(program, q, b1, b2, d)
    keep = [q] + list(babies.values()) + list(giants.values())
    program, names = prune(program, keep)
    keep = [names[v] for v in keep]
    steps, slots, count = allocate(program, keep)
    assert count < 256
    baby_slot = {j: slots[names[v]] for j, v in babies.items()}
    giant_slot = {k: slots[names[v]] for k, v in giants.items()}
    outputs = sorted(set(baby_slot.values()) | set(giant_slot.values()))
    muls = cost(program.steps) + 4 * len(outputs) + len(pairs)
    print(f"/* B1 = {b1}, B2 = {b2}, D = {d}: about {muls} multiplications */")
    print(f"static const fani_ecm_step steps_{i}[] = {{")
    print(table(["{%d, %d, %d, %d}" % s for s in steps], 6))
    print("};")
    print(f"static const uint8_t outputs_{i}[] = {{")
    print(table([str(s) for s in outputs], 20))
    print("};")
    print(f"static const fani_ecm_pair pairs_{i}[] = {{")
    print(table(["{%d, %d}" % (giant_slot[k], baby_slot[j]) for k, j in pairs], 10))
    print("};\n")
    return dict(b1=b1, b2=b2, d=d, stage_1=slots[names[q]], steps=len(steps), outputs=len(outputs),
                pairs=len(pairs), slots=count)


def emit_curves():
    print("const fani_ecm_curve fani_ecm_curves[FANI_CURVES] = {")
    for sigma in SIGMAS.split():
        a, b = (int(x) for x in sigma.split("/"))
        u, v = a * a - 5 * b * b, 4 * a * b
        f = Fraction((v - u) ** 3 * (3 * u + v), 16 * u**3 * v)
        x = Fraction(u**3, v**3)
        numbers = (x.numerator, x.denominator, -f.numerator, f.denominator)
        assert min(numbers) > 0 and max(numbers) < 2**48
        print("    {%dU, %dU, %dU, %dU}, /* sigma = %d / %d */" % (numbers + (a, b)))
    print("};\n")


def main():
    print("/* Made by make_ecm_plans.py; checked by tests/unit/test_ecm_plans.c. */")
    print('#include "ecm_plans.h"\n')
    print("/* clang-format off */")
    emit_curves()
    facts = [emit(i, *p) for i, p in enumerate(PLANS)]
    print("const fani_ecm_plan fani_ecm_plans[FANI_ECM_PLANS] = {")
    for i, f in enumerate(facts):
        print(f"    {{.b1 = {f['b1']}, .b2 = {f['b2']}, .twos = {TWOS}, .stage_1 = {f['stage_1']}, "
              f".slots = {f['slots']},")
        print(f"     .steps = steps_{i}, .step_count = {f['steps']},")
        print(f"     .outputs = outputs_{i}, .output_count = {f['outputs']},")
        print(f"     .pairs = pairs_{i}, .pair_count = {f['pairs']}}},")
    print("};\n/* clang-format on */")


main()
