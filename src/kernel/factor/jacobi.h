/* The Jacobi symbol of words. */
#ifndef FANI_JACOBI_H
#define FANI_JACOBI_H

#include <stdint.h>

/* (a / n) for odd n. */
static inline int fani_jacobi(uint64_t a, uint64_t n)
{
    int sign = 1;
    a %= n;
    while (a != 0) {
        int twos = __builtin_ctzll(a);
        a >>= twos;
        if (twos % 2 != 0 && (n % 8 == 3 || n % 8 == 5))
            sign = -sign;
        if (a % 4 == 3 && n % 4 == 3)
            sign = -sign;
        uint64_t rest = n % a;
        n = a;
        a = rest;
    }
    return n == 1 ? sign : 0;
}

#endif
