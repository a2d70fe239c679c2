/* The store of relations from inside. */
#ifndef FANI_QS_ALGEBRA_SET_H
#define FANI_QS_ALGEBRA_SET_H

#include "algebra.h"

typedef struct fani_qs_record {
    uint64_t a;
    uint32_t b;
    int32_t x;
    uint32_t vertex[2]; /* of its large primes; FANI_QS_VERTEX_ONE where there is none */
    uint32_t first;     /* in the pool: the first column, then the steps to the next ones, each in
                           groups of seven bits, the lowest first, bit 7 set in all but the last */
    uint32_t bytes;
} fani_qs_record;

/* Large primes, and 1, are the vertices of a graph of which relations are the edges. */
enum { FANI_QS_VERTEX_ONE = 0 };

typedef struct fani_qs_vertex {
    uint32_t prime;
    uint32_t parent; /* towards the vertex that stands for the component */
} fani_qs_vertex;

struct fani_qs_set {
    uint32_t columns;
    fani_qs_record *record;
    size_t count, capacity;
    uint8_t *pool;
    size_t pool_bytes, pool_capacity;
    fani_qs_vertex *vertex;
    size_t vertex_count, vertex_capacity;
    uint32_t *by_content; /* tables of numbers of records and of vertices; 0xffffffff: free */
    uint32_t *by_prime;
    size_t content_size, prime_size; /* powers of two */
    size_t joined;                   /* how often a relation has joined two components */
    size_t next_look;                /* cycles from which on the excess is computed again */
    size_t wanted;                   /* cycles that will probably be enough */
};

/* The columns of record i, with those that repeat; `column` has room for FANI_QS_FACTORS_MAX.
 * Returns how many. */
uint32_t fani_qs_set_factors(const fani_qs_set *set, size_t i, uint32_t *column);

/* Those columns that it has an odd number of times, ascending, then `columns` + vertex for its
 * large primes, the smaller one first. `column` has room for FANI_QS_FACTORS_MAX + 2. */
uint32_t fani_qs_set_odd(const fani_qs_set *set, size_t i, uint32_t *column);

/* Its large primes alone, which take no time. */
uint32_t fani_qs_set_odd_large(const fani_qs_set *set, size_t i, uint32_t *column);

/* The relations were not enough: they are looked at again when there are more cycles, most of what
 * is missing for sure. */
void fani_qs_set_look_later(fani_qs_set *set, size_t missing);

/* Takes out the relations i with drop[i]; the others keep their order. Errors: FAN_E_MEMORY: the
 * set is unchanged. */
fan_status fani_qs_set_drop(fani_qs_set *set, const bool *drop);

#endif
