/* What Brent's walk needs of an arithmetic: one folder-wide contract, one table per size of number.
 * All values are residues mod n in a form of the arithmetic's own choice; the walk never looks. */
#ifndef FANI_RHO_H
#define FANI_RHO_H

#include <gmp.h>
#include <stdint.h>

typedef struct fani_rho_ops {
    /* Steps between two looks at the product, the budget and the cancel hook. */
    uint64_t chunk;
    /* Room for n (odd, composite, above 2^64), or NULL when memory is out. */
    void *(*create)(mpz_srcptr n);
    void (*destroy)(void *state);
    /* Begins a walk y -> y^2 + c at y = start. */
    void (*start)(void *state, uint64_t start, uint64_t c);
    /* Keeps y as the mark that later ones are compared with. */
    void (*mark)(void *state);
    void (*advance)(void *state, uint64_t steps);
    /* Keeps y for retrace, then steps and multiplies each |mark - y| into the product. */
    void (*collect)(void *state, uint64_t steps);
    /* *out = the product, up to a factor that is coprime to n. */
    void (*product)(void *state, mpz_ptr out);
    /* One step from the y that collect kept; *out = |mark - y| likewise. */
    void (*retrace)(void *state, mpz_ptr out);
} fani_rho_ops;

/* Up to 128 bits, in two machine words. */
extern const fani_rho_ops fani_rho_two_words;

/* Any size, by GMP's mpn functions. */
extern const fani_rho_ops fani_rho_mpn;

#endif
