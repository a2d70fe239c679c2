#!/usr/bin/env python3
"""Makes wide_chains.c: for each odd prime below FANI_WIDE_B1_MAX the ratio whose PRAC chain is the
cheapest (prac.h has the rules and the same ratios).

    make_wide_chains.py > wide_chains.c
"""
from math import gcd

LIMIT = 12000  # FANI_WIDE_B1_MAX
RATIOS = [
    1.61803398875, 1.72360679775, 1.618347119656, 1.617914406529, 1.612429949509, 1.632839806089,
    1.620181980807, 1.580178728295, 1.617214616534, 1.38196601125, 1.61983471, 1.58359214,
    1.70431401, 1.63431361, 1.35792156, 1.41421356,
]
ADD, DOUBLE = 6, 6  # multiplications


def primes_up_to(n):
    flags = bytearray([1]) * (n + 1)
    flags[:2] = b"\0\0"
    for i in range(2, int(n**0.5) + 1):
        if flags[i]:
            flags[i * i :: i] = bytes(len(flags[i * i :: i]))
    return [i for i in range(n + 1) if flags[i]]


def cost(n, ratio):
    """Multiplications of the chain, or None where it does not end with n."""
    r = int(n / ratio + 0.5)
    d, e = n - r, 2 * r - n
    if gcd(n, r) != 1 or d <= 0 or e <= 0 or r >= n:
        return None
    total = DOUBLE
    while d != e:
        if d < e:
            d, e = e, d
        if d - e <= e // 4 and (d + e) % 3 == 0:
            d, e = (2 * d - e) // 3, (2 * e - d) // 3
            total += 3 * ADD
        elif d - e <= e // 4 and (d - e) % 6 == 0:
            d = (d - e) // 2
            total += ADD + DOUBLE
        elif (d + 3) // 4 <= e:
            d -= e
            total += ADD
        elif (d - e) % 2 == 0:
            d = (d - e) // 2
            total += ADD + DOUBLE
        elif d % 2 == 0:
            d //= 2
            total += ADD + DOUBLE
        elif d % 3 == 0:
            d = d // 3 - e
            total += 3 * ADD + DOUBLE
        elif (d + e) % 3 == 0:
            d = (d - 2 * e) // 3
            total += 3 * ADD + DOUBLE
        elif (d - e) % 3 == 0:
            d = (d - e) // 3
            total += 3 * ADD + DOUBLE
        else:
            e //= 2
            total += ADD + DOUBLE
        if d == 0 or e == 0:
            return None
    return total + ADD if d == 1 else None


choices = []
for p in primes_up_to(LIMIT)[1:]:
    costs = [cost(p, ratio) for ratio in RATIOS]
    best = min(c for c in costs if c is not None)
    choices.append(costs.index(best))
if len(choices) % 2:
    choices.append(0)
cells = [choices[i] | choices[i + 1] << 4 for i in range(0, len(choices), 2)]
print("/* Made by make_wide_chains.py; checked by tests/unit/test_wide.c. */")
print('#include "wide.h"')
print()
print("/* clang-format off */")
print("const uint8_t fani_wide_chains[] = {")
for i in range(0, len(cells), 20):
    print("    " + ", ".join(str(c) for c in cells[i : i + 20]) + ",")
print("};")
print("/* clang-format on */")
