/* The transforms, for one instruction set. The file that includes this one has defined
 *
 *   value, LANES          a vector of LANES (1 to 8) residues
 *   modulus, modulus_of   constants of a prime
 *   load, store
 *   lower(m, x)           a multiple of p from x: below 2 p
 *   times(m, x, root)     x w modulo p: below 2 p; x below 10 p
 *   plus(x, y), zero()
 *   minus(m, x, y, k)     x - y modulo p, y below k p: below the bound of x and k p more
 *   times_plus_minus      x + y w and x - y w: below 2 p more than x; x below 8 p, y below 10 p
 *
 * and defines behind it
 *
 *   multiply_rows         products of so many rows (a multiple of 8): below 5 p
 *
 * An engine with signed residues takes the bounds for those of absolute values; where "below 2 p"
 * stands here, its products are below p. */
#ifndef FANI_NTT_BODY_H
#define FANI_NTT_BODY_H

#include "internal.h"

enum {
    BLOCK_LOG = 9,   /* rows that stay in the first-level cache: 32 KiB */
    CACHED_LOG = 13, /* rows of two transforms that stay in the second-level cache: 1 MiB */
};

static void multiply_rows(const modulus *m, const fani_ntt_root *roots, uint64_t *out,
                          const uint64_t *a, const uint64_t *b, size_t rows, bool add);

/* A node of a tree: its residues are modulo y^(2^rows_log) - c. */
typedef struct node {
    uint64_t *data;
    unsigned rows_log, depth;
    size_t index;
} node;

/* ---- Down: y^(2m) - w^2 to y^m - w and y^m + w -------------------------------------------------
 *
 * A pass of L levels begins with lowering those values that are not multiplied at its first level.
 * Each level adds 2 p: after four of them values are below 10 p. */

/* One level over 2^log values: distance 2^(log - level - 1), nodes 2^level. */
INLINE void down_level(const modulus *m, value *x, unsigned log, unsigned level,
                       const fani_ntt_root *roots)
{
    const unsigned distance = 1U << (log - level - 1), nodes = 1U << level;
#pragma GCC unroll 8
    for (unsigned n = 0; n < nodes; n++) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < distance; i++)
            times_plus_minus(m, &x[2 * n * distance + i], &x[(2 * n + 1) * distance + i],
                             roots + n);
    }
}

/* half: the second half is not read; it counts as zeros, which the first level has nothing to do
 * with but to copy. */
INLINE void down_pass(const modulus *m, const fani_ntt_root *const *levels, const node *at,
                      unsigned log, bool half)
{
    const unsigned rows = 1U << log;
    size_t stride = (size_t)FANI_NTT_ROW << (at->rows_log - log);
    const fani_ntt_root *roots[4];
    for (unsigned level = 0; level < log; level++)
        roots[level] = levels[at->depth + level] + (at->index << level);
    for (size_t column = 0; column < stride; column += LANES) {
        value x[16];
        uint64_t *data = at->data + column;
#pragma GCC unroll 16
        for (unsigned i = 0; i < rows / 2; i++) {
            x[i] = lower(m, load(data + i * stride));
            x[i + rows / 2] = half ? x[i] : load(data + (i + rows / 2) * stride);
        }
#pragma GCC unroll 4
        for (unsigned level = half; level < log; level++)
            down_level(m, x, log, level, roots[level]);
#pragma GCC unroll 16
        for (unsigned i = 0; i < rows; i++)
            store(data + i * stride, x[i]);
    }
}

/* ---- Up: the inverse of each level, times 2 ----------------------------------------------------
 *
 * x, y -> x + y, (x - y) / w. Values at rest are below 5 p. The bounds of sums:
 *   level 1: below 10 p, lowered to 2 p at once;
 *   level 2: 4 p;
 *   level 3: 8 p (of sums of level 2: the first two of each eight), else 4 p; those two are
 * lowered; level 4: 2 + 2; 4 + 4 = 8 p (numbers 2 and 3), lowered; else 4 p at most. Differences
 * are multiplied, and below 2 p. */
INLINE void up_level(const modulus *m, value *x, unsigned log, unsigned level,
                     const fani_ntt_root *roots)
{
    static const unsigned char bound[4][4] = {
        {5, 5, 5, 5}, {2, 2, 2, 2}, {4, 4, 2, 2}, {2, 2, 4, 4}};
    const unsigned distance = 1U << level, nodes = 1U << (log - level - 1);
#pragma GCC unroll 8
    for (unsigned n = 0; n < nodes; n++) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < distance; i++) {
            value *low = &x[2 * n * distance + i], *high = low + distance;
            value sum = plus(*low, *high);
            bool lowered =
                level == 0 || (level == 2 && i < 2) || (level == 3 && (i == 2 || i == 3));
            *high = times(m, minus(m, *low, *high, i < 4 ? bound[level][i] : 2), roots + n);
            *low = lowered ? lower(m, sum) : sum;
        }
    }
}

INLINE void up_pass(const modulus *m, const fani_ntt_root *const *levels, const node *at,
                    unsigned log)
{
    const unsigned rows = 1U << log;
    size_t stride = (size_t)FANI_NTT_ROW << (at->rows_log - log);
    const fani_ntt_root *roots[4];
    for (unsigned level = 0; level < log; level++)
        roots[level] = levels[at->depth + log - 1 - level] + (at->index << (log - 1 - level));
    for (size_t column = 0; column < stride; column += LANES) {
        value x[16];
        uint64_t *data = at->data + column;
#pragma GCC unroll 16
        for (unsigned i = 0; i < rows; i++)
            x[i] = load(data + i * stride);
#pragma GCC unroll 4
        for (unsigned level = 0; level < log; level++)
            up_level(m, x, log, level, roots[level]);
#pragma GCC unroll 16
        for (unsigned i = 0; i < rows; i++)
            store(data + i * stride, x[i]);
    }
}

/* ---- Trees ------------------------------------------------------------------------------------
 */

/* The levels of the first pass of a node. */
INLINE unsigned pass_log(unsigned rows_log)
{
    return rows_log <= 4 ? rows_log : rows_log == 5 ? 3 : 4;
}

static void down_one(const modulus *m, const fani_ntt_root *const *levels, const node *at,
                     unsigned log)
{
    if (log == 4)
        down_pass(m, levels, at, 4, false);
    else if (log == 3)
        down_pass(m, levels, at, 3, false);
    else
        down_pass(m, levels, at, 2, false);
}

/* The first pass of a tree, of which one half may be zeros; a tree has more than four levels. */
static void down_first(const modulus *m, const fani_ntt_root *const *levels, const node *root,
                       unsigned log, bool half)
{
    if (!half)
        down_one(m, levels, root, log);
    else if (log == 4)
        down_pass(m, levels, root, 4, true);
    else
        down_pass(m, levels, root, 3, true);
}

static void up_one(const modulus *m, const fani_ntt_root *const *levels, const node *at,
                   unsigned log)
{
    if (log == 4)
        up_pass(m, levels, at, 4);
    else if (log == 3)
        up_pass(m, levels, at, 3);
    else
        up_pass(m, levels, at, 2);
}

INLINE node child(const node *at, unsigned log, size_t i)
{
    unsigned rows_log = at->rows_log - log;
    return (node){at->data + (i * FANI_NTT_ROW << rows_log), rows_log, at->depth + log,
                  (at->index << log) + i};
}

/* Large nodes go down child by child, so that those that fit into a cache are finished in it; small
 * ones level by level. */
static void down_tree(const modulus *m, const fani_ntt_root *const *levels, const node *root,
                      bool half)
{
    if (root->rows_log > BLOCK_LOG) {
        down_first(m, levels, root, 4, half);
        for (size_t i = 0; i < 16; i++) {
            node next = child(root, 4, i);
            down_tree(m, levels, &next, false);
        }
        return;
    }
    for (unsigned done = 0; done < root->rows_log;) {
        unsigned log = pass_log(root->rows_log - done);
        for (size_t i = 0; i < (size_t)1 << done; i++) {
            node next = child(root, done, i);
            down_first(m, levels, &next, log, half && done == 0);
        }
        done += log;
    }
}

/* The same passes in reverse. */
static void up_tree(const modulus *m, const fani_ntt_root *const *levels, const node *root)
{
    if (root->rows_log > BLOCK_LOG) {
        for (size_t i = 0; i < 16; i++) {
            node next = child(root, 4, i);
            up_tree(m, levels, &next);
        }
        up_one(m, levels, root, 4);
        return;
    }
    unsigned logs[BLOCK_LOG], count = 0, done = 0;
    for (; done < root->rows_log; done += logs[count++])
        logs[count] = pass_log(root->rows_log - done);
    while (count > 0) {
        done -= logs[--count];
        for (size_t i = 0; i < (size_t)1 << done; i++) {
            node next = child(root, done, i);
            up_one(m, levels, &next, logs[count]);
        }
    }
}

/* ---- The odd factor ---------------------------------------------------------------------------
 *
 * y^(3m) - 1 to y^m - 1, y^m - w, y^m - w^2, where w^2 = -1 - w:
 * a0 + a1 + a2, a0 - a2 + w (a1 - a2), a0 - a1 - w (a1 - a2). Below 6 p. two: the last third is not
 * read; it counts as zeros. */
static void down_three(const modulus *m, const fani_ntt_prime *prime, uint64_t *data, size_t third,
                       bool two)
{
    for (size_t i = 0; i < third; i += LANES) {
        value a0 = lower(m, load(data + i)), a1 = lower(m, load(data + third + i));
        value a2 = two ? zero() : lower(m, load(data + 2 * third + i));
        value t = times(m, minus(m, a1, a2, 2), prime->omega + 1);
        store(data + i, plus(a0, plus(a1, a2)));
        store(data + third + i, plus(minus(m, a0, a2, 2), t));
        store(data + 2 * third + i, minus(m, minus(m, a0, a1, 2), t, 2));
    }
}

/* Its inverse, times 3: the same with 1 / w = w^2, that is with the last two exchanged. */
static void up_three(const modulus *m, const fani_ntt_prime *prime, uint64_t *data, size_t third)
{
    for (size_t i = 0; i < third; i += LANES) {
        value a0 = lower(m, load(data + i)), a1 = lower(m, load(data + third + i));
        value a2 = lower(m, load(data + 2 * third + i));
        value t = times(m, minus(m, a1, a2, 2), prime->omega + 1);
        store(data + i, plus(a0, plus(a1, a2)));
        store(data + 2 * third + i, plus(minus(m, a0, a2, 2), t));
        store(data + third + i, minus(m, minus(m, a0, a1, 2), t, 2));
    }
}

static void down(const fani_ntt *plan, const fani_ntt_prime *prime, uint64_t *data, bool shorter)
{
    const fani_ntt_root *levels[FANI_NTT_DEPTH_MAX];
    size_t words = (size_t)FANI_NTT_ROW << plan->sizes.rows_log;
    const modulus m = modulus_of(prime);
    if (plan->sizes.factor == 3)
        down_three(&m, prime, data, words, shorter);
    for (unsigned tree = 0; tree < plan->sizes.factor; tree++) {
        node root = {data + tree * words, plan->sizes.rows_log, 0, 0};
        fani_ntt_levels(plan, prime->down, tree, levels);
        down_tree(&m, levels, &root, shorter && plan->sizes.factor == 1);
    }
}

static void up(const fani_ntt *plan, const fani_ntt_prime *prime, uint64_t *data)
{
    const fani_ntt_root *levels[FANI_NTT_DEPTH_MAX];
    size_t words = (size_t)FANI_NTT_ROW << plan->sizes.rows_log;
    const modulus m = modulus_of(prime);
    for (unsigned tree = 0; tree < plan->sizes.factor; tree++) {
        node root = {data + tree * words, plan->sizes.rows_log, 0, 0};
        fani_ntt_levels(plan, prime->up, tree, levels);
        up_tree(&m, levels, &root);
    }
    if (plan->sizes.factor == 3)
        up_three(&m, prime, data, words);
}

static void multiply(const fani_ntt *plan, const fani_ntt_prime *prime, uint64_t *out,
                     const uint64_t *a, const uint64_t *b, bool add)
{
    const fani_ntt_root *levels[FANI_NTT_DEPTH_MAX];
    size_t rows = (size_t)1 << plan->sizes.rows_log;
    const modulus m = modulus_of(prime);
    for (unsigned tree = 0; tree < plan->sizes.factor; tree++) {
        size_t at = tree * rows * FANI_NTT_ROW;
        fani_ntt_levels(plan, prime->down, tree, levels);
        multiply_rows(&m, levels[plan->sizes.rows_log - 1], out + at, a + at, b + at, rows, add);
    }
}

/* ---- Down, products and up in one go: nodes that fit into the second-level cache pass through all
 * three while they are there ------------------------------------------------------------------- */

typedef struct convolution {
    const modulus *m;
    const fani_ntt_root *down[FANI_NTT_DEPTH_MAX], *up[FANI_NTT_DEPTH_MAX];
    const fani_ntt_root *leaves;
    bool both;           /* the second factor goes down, too */
    bool half_a, half_b; /* of the root are zeros */
} convolution;

static void convolve_node(const convolution *c, const node *a, const node *b)
{
    bool half_a = c->half_a && a->depth == 0, half_b = c->half_b && a->depth == 0;
    if (a->rows_log > CACHED_LOG) {
        down_first(c->m, c->down, a, 4, half_a);
        if (c->both)
            down_first(c->m, c->down, b, 4, half_b);
        for (size_t i = 0; i < 16; i++) {
            node next_a = child(a, 4, i), next_b = child(b, 4, i);
            convolve_node(c, &next_a, &next_b);
        }
        up_one(c->m, c->up, a, 4);
        return;
    }
    size_t first = a->index << a->rows_log;
    down_tree(c->m, c->down, a, half_a);
    if (c->both)
        down_tree(c->m, c->down, b, half_b);
    multiply_rows(c->m, c->leaves + first / 2, a->data, a->data, b->data, (size_t)1 << a->rows_log,
                  false);
    up_tree(c->m, c->up, a);
}

static void convolve(const fani_ntt *plan, const fani_ntt_prime *prime, uint64_t *a, bool short_a,
                     uint64_t *b, bool both, bool short_b)
{
    const bool odd = plan->sizes.factor == 3;
    size_t words = (size_t)FANI_NTT_ROW << plan->sizes.rows_log;
    const modulus m = modulus_of(prime);
    convolution c = {.m = &m, .both = both, .half_a = short_a && !odd, .half_b = short_b && !odd};
    if (odd)
        down_three(&m, prime, a, words, short_a);
    if (odd && both)
        down_three(&m, prime, b, words, short_b);
    for (unsigned tree = 0; tree < plan->sizes.factor; tree++) {
        node root_a = {a + tree * words, plan->sizes.rows_log, 0, 0};
        node root_b = {b + tree * words, plan->sizes.rows_log, 0, 0};
        fani_ntt_levels(plan, prime->down, tree, c.down);
        fani_ntt_levels(plan, prime->up, tree, c.up);
        c.leaves = c.down[plan->sizes.rows_log - 1];
        convolve_node(&c, &root_a, &root_b);
    }
    if (odd)
        up_three(&m, prime, a, words);
}

#endif
