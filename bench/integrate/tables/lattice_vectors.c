/* Makes the generating vector of src/kernel/integrate/lattice_vector.c: prints 16 components for
 * 2^20 points, good for every smaller power of 2 as well, where the first points are taken.
 *
 * Component by component, and digit by digit from the lowest: with the digits of z below 2^v fixed,
 * the digit at 2^(v-1) is the one with the smaller
 *
 *     sum over t = v..20 and odd k < 2^t of 2^(v-t) * P_t(k) * (1 + g ln(1 / sin^2(pi k z / 2^v))),
 *
 * where P_t(k) is the product of such factors, with 2^t for 2^v, of the components before. After
 * A. Ebert, P. Kritzer, D. Nuyens and O. Osisiogu, "Digit-by-digit and component-by-component
 * constructions of lattice rules for periodic functions with unknown smoothness", 2021. Component j
 * has the weight g = 1 / j. Takes a minute:
 *
 *     cc -O2 lattice_vectors.c -lm && ./a.out */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 20
#define COMPONENTS 16
#define POINTS (1 << DIGITS)

static const double pi = 3.14159265358979323846;
static double products[DIGITS + 1][POINTS]; /* [t][k], k odd below 2^t */
static double by_residue[POINTS];
static double factors[POINTS]; /* ln(1 / sin^2(pi i / 2^v)) */

static void make_factors(int v)
{
    for (int i = 1; i < 1 << v; i++)
        factors[i] = -2 * log(sin(pi * i / (1 << v)));
}

/* The sum for a candidate, products gathered by k mod 2^v beforehand. */
static double quality(int v, uint64_t z, double weight)
{
    double sum = 0;
    for (uint64_t k = 1; k < (uint64_t)1 << v; k += 2)
        sum += by_residue[k] * (1 + weight * factors[k * z & (((uint64_t)1 << v) - 1)]);
    return sum;
}

static void gather(int v)
{
    memset(by_residue, 0, sizeof by_residue);
    for (int t = v; t <= DIGITS; t++) {
        for (int k = 1; k < 1 << t; k += 2)
            by_residue[k & ((1 << v) - 1)] += ldexp(products[t][k], v - t);
    }
}

static uint64_t component(double weight)
{
    uint64_t z = 1;
    for (int v = 2; v <= DIGITS; v++) {
        const uint64_t other = z + ((uint64_t)1 << (v - 1));
        gather(v);
        make_factors(v);
        z = quality(v, other, weight) < quality(v, z, weight) ? other : z;
    }
    for (int t = 1; t <= DIGITS; t++) {
        make_factors(t);
        for (uint64_t k = 1; k < (uint64_t)1 << t; k += 2)
            products[t][k] *= 1 + weight * factors[k * z & (((uint64_t)1 << t) - 1)];
    }
    return z;
}

int main(void)
{
    for (int t = 0; t <= DIGITS; t++) {
        for (int k = 0; k < POINTS; k++)
            products[t][k] = 1;
    }
    for (int j = 1; j <= COMPONENTS; j++) {
        printf("%llu%s", (unsigned long long)component(1.0 / j), j < COMPONENTS ? ", " : "\n");
        fflush(stdout);
    }
    return 0;
}
