/* A set of keys with every kind of weakness planted, and what must be said of each, by brute force
 * over all pairs: nothing here uses what it is to test. */
#ifndef FAN_WEAK_PLANT_H
#define FAN_WEAK_PLANT_H

#include <stdio.h> /* before gmp.h, which declares gmp_fprintf only then */

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>

enum { WEAK_PLANT_MAX = 160 };

typedef struct weak_planted {
    char id[32];
    mpz_t modulus;
    long exponent; /* -1: not given */
    bool roca;     /* made like that */
} weak_planted;

typedef struct weak_plant {
    weak_planted keys[WEAK_PLANT_MAX];
    size_t count;
    gmp_randstate_t random;
} weak_plant;

/* Makes the set; the same one for the same seed. */
void weak_plant_make(weak_plant *plant, unsigned long seed);
void weak_plant_free(weak_plant *plant);

/* The set as a table "id,modulus,exponent". */
void weak_plant_write(const weak_plant *plant, FILE *out);

/* The TSV that is expected of that table, read as `source`. */
void weak_plant_expect(const weak_plant *plant, const char *source, FILE *out);

#endif
