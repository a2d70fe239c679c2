#include "checks.h"

/* The odd ones of the first 39 primes: their product with 2 is the M of the shortest keys, and the
 * larger M of longer keys are multiples of it. They end groups whose product fits 64 bits, so that
 * the modulus is divided four times. */
static const struct {
    uint64_t product;
    unsigned char primes[16]; /* zero-terminated */
} groups[] = {
    {16294579238595022365u, {3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53}},
    {7145393598349078859u, {59, 61, 67, 71, 73, 79, 83, 89, 97, 101}},
    {6408001374760705163u, {103, 107, 109, 113, 127, 131, 137, 139, 149}},
    {645328247u, {151, 157, 163, 167}},
};
enum { LEAST_BITS = 512 };

/* The least e with 65537^e = r modulo a small prime, or -1; *order: after how many it is 1 again.
 */
static int logarithm(unsigned r, unsigned prime, unsigned *order)
{
    unsigned power = 1, base = 65537 % prime;
    int found = -1;
    *order = 0;
    do {
        if (power == r)
            found = (int)*order;
        power = power * base % prime;
        ++*order;
    } while (power != 1);
    return found;
}

/* All e with the conditions so far: e = `least` modulo `order`, which stays below 2^62. */
typedef struct exponents {
    uint64_t least, order;
} exponents;

/* Adds e = `wanted` modulo `order`; false where that contradicts the others. */
static bool add_condition(exponents *all, unsigned wanted, unsigned order)
{
    uint64_t common = all->order, step = common % order;
    for (uint64_t rest = step; rest; rest = (rest + step) % order)
        common += all->order;
    for (uint64_t e = all->least; e < common; e += all->order) {
        if (e % order == wanted) {
            *all = (exponents){.least = e, .order = common};
            return true;
        }
    }
    return false;
}

bool fani_rsa_is_roca(mpz_srcptr n)
{
    exponents all = {.least = 0, .order = 1};
    if (mpz_sgn(n) <= 0 || mpz_sizeinbase(n, 2) < LEAST_BITS || mpz_even_p(n))
        return false;
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        uint64_t residue = mpz_fdiv_ui(n, groups[g].product);
        for (const unsigned char *prime = groups[g].primes; *prime; prime++) {
            unsigned order;
            int wanted = logarithm((unsigned)(residue % *prime), *prime, &order);
            if (wanted < 0 || !add_condition(&all, (unsigned)wanted, order))
                return false;
        }
    }
    return true;
}
