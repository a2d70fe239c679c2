/* What the files sieve_*.c share.
 *
 * k n = 1 mod 8 is the number whose squares are looked for. A polynomial is
 * Q(x) = a x^2 + b x + c with a odd, b odd and b^2 - 4 a c = k n, so that
 * (2 a x + b)^2 = 4 a Q(x) mod n. Positions in the sieve interval are x + half its length. */
#ifndef FANI_SIEVE_INTERNAL_H
#define FANI_SIEVE_INTERNAL_H

#include "factor_internal.h"
#include "sieve.h"

__extension__ typedef __int128 fani_i128;

enum {
    FANI_SIEVE_BLOCK = 32768, /* bytes that stay in the first cache */
    FANI_SIEVE_A_MAX = 14,    /* primes of a */
    FANI_SIEVE_PAD = 16,      /* arrays over the base are padded to multiples of this */
    FANI_SIEVE_HITS_MAX = 96, /* more odd primes never divide a value below 2^128 at once */
    /* Columns of the matrix: the sign, 2, then the base. */
    FANI_SIEVE_SIGN = 0,
    FANI_SIEVE_TWO = 1,
    FANI_SIEVE_COLUMNS = 2,
};

/* What is chosen by the length of n. */
typedef struct fani_sieve_params {
    uint32_t base;     /* primes of the factor base */
    uint32_t interval; /* positions of a polynomial: a multiple of 64, above a block of blocks */
    uint32_t large;    /* large primes are below this times the largest of the base */
    uint32_t small;    /* primes below this are not sieved with */
    uint32_t slack;    /* bits by which a value may seem too large all the same */
} fani_sieve_params;

fani_sieve_params fani_sieve_params_for(unsigned bits);

/* The factor base: odd primes modulo which k n is a square, and those of k; in arrays aligned to 64
 * bytes and padded by entries that nothing hits. */
typedef struct fani_sieve_base {
    uint32_t count;
    uint32_t padded;
    uint32_t first_sieved;
    uint32_t first_middle; /* the first prime that is sieved over the whole interval at once */
    uint32_t first_of[8];  /* [k]: the first sieved prime that is at least interval / (k + 1) */
    uint32_t *prime;
    uint32_t *inverse;      /* prime * inverse = 1 mod 2^32 */
    uint32_t *max_quotient; /* floor((2^32 - 1) / prime) */
    uint32_t *square_root;  /* of k n */
    uint32_t *root[2];      /* where Q is divisible: first positions */
    uint32_t *next[2];      /* where the sieve goes on in the next block */
    uint32_t *delta;        /* [FANI_SIEVE_A_MAX][padded]: how roots move with b */
    uint8_t *log;           /* rounded binary logarithm; 0 for the primes of a, whose roots are 0 */
} fani_sieve_base;

/* What is compiled for an instruction set. */
typedef struct fani_sieve_loops {
    /* Moves all roots by row j of delta, forwards or backwards. */
    void (*move)(fani_sieve_base *base, unsigned j, bool forwards);
    /* at[i] = start + the logarithms of primes that divide the value there, for i < interval. */
    void (*fill)(const fani_sieve_base *base, uint8_t *at, uint32_t interval, uint8_t start);
    /* Positions with bit 7 set, from *from on; at most `room`. *from becomes where to go on. */
    uint32_t (*scan)(const uint8_t *at, uint32_t interval, uint32_t *from, uint32_t *out,
                     uint32_t room);
    /* The indices of primes that divide the value there, some others too; at most `room`. */
    uint32_t (*hits)(const fani_sieve_base *base, uint32_t position, uint16_t *out, uint32_t room);
} fani_sieve_loops;

extern const fani_sieve_loops fani_sieve_loops_scalar;
extern const fani_sieve_loops fani_sieve_loops_avx2;
extern const fani_sieve_loops fani_sieve_loops_avx512;

/* The current polynomial. */
typedef struct fani_sieve_poly {
    uint32_t a_count;
    uint32_t a_index[FANI_SIEVE_A_MAX]; /* in the base */
    fani_u128 a;
    fani_i128 b;
    fani_i128 c;
    fani_i128 part[FANI_SIEVE_A_MAX]; /* b is a sum of +- these, and a where that is even */
    uint32_t switched;                /* polynomials of this a so far */
    uint64_t random;
    fani_u128 *used; /* the a so far */
    size_t used_count;
    size_t used_capacity;
} fani_sieve_poly;

/* x^2 = the product of its columns' primes, times `large`, mod n. Columns repeat. */
typedef struct fani_sieve_relation {
    fani_u128 x;
    uint32_t large; /* 1: none */
    uint32_t first; /* in the pool of columns */
    uint32_t count;
} fani_sieve_relation;

enum { FANI_SIEVE_NO_RELATION = -1 };

/* A row of the matrix: one relation, or two with the same large prime. */
typedef struct fani_sieve_row {
    int32_t relation[2];
} fani_sieve_row;

typedef struct fani_sieve_relations {
    fani_sieve_relation *list;
    size_t count, capacity;
    uint16_t *columns;
    size_t column_count, column_capacity;
    fani_sieve_row *rows;
    size_t row_count, row_capacity;
    uint64_t *seen; /* table of the low words of x, 0 free */
    size_t seen_size;
    int32_t *by_large; /* table of relations by their large primes */
    size_t by_large_size, by_large_count;
} fani_sieve_relations;

typedef struct fani_sieve {
    mpz_srcptr n;
    mpz_t kn;
    uint32_t multiplier;
    fani_sieve_params params;
    uint32_t large_max;
    uint8_t start; /* of each byte of the interval */
    fani_sieve_base base;
    fani_sieve_poly poly;
    fani_sieve_relations relations;
    uint8_t *interval;
    const fani_sieve_loops *loops;
} fani_sieve;

/* Chooses s->multiplier and s->kn. */
void fani_sieve_choose_multiplier(fani_sieve *s);

/* The bytes that the sieve writes to: those of the interval and what lies beyond. */
size_t fani_sieve_interval_room(const fani_sieve *s);

uint8_t fani_sieve_log(uint32_t prime);

/* Makes the base for s->kn and s->params; false when memory is out. */
bool fani_sieve_base_make(fani_sieve *s);
void fani_sieve_base_clear(fani_sieve_base *base);

/* The next polynomial, and the roots of the base for it. FAN_E_EFFORT: there is no new one.
 * FAN_E_MEMORY. */
fan_status fani_sieve_next_poly(fani_sieve *s);

/* Looks at the value at a position, keeps it if it factors. FAN_E_MEMORY. */
fan_status fani_sieve_try(fani_sieve *s, uint32_t position);

/* Keeps a relation: `columns` are copied. One that is there already is dropped. */
fan_status fani_sieve_keep(fani_sieve_relations *r, fani_u128 x, uint32_t large,
                           const uint16_t *columns, uint32_t count);
void fani_sieve_relations_clear(fani_sieve_relations *r);

/* Solves the matrix and tries its dependencies; *divisor = 1 where all are trivial.
 * FAN_E_CANCELLED, FAN_E_MEMORY. */
fan_status fani_sieve_finish(const fani_sieve *s, const fani_effort *effort, mpz_ptr divisor);

#endif
