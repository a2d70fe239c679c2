/* Block Lanczos over GF(2), 64 vectors at a time. Source: Montgomery, "A block Lanczos algorithm
 * for finding dependencies over GF(2)", 1995; the names are those of its section 6. With M the
 * matrix whose columns are our rows, A = M^T M is symmetric; X - Y with A X = A Y, and what is left
 * of the last V, give vectors that M makes 0. */
#include "algebra_internal.h"

#include "base/philox.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

enum {
    POLLED = 16, /* steps between two looks at the cancel hook */
    DIRECT = 3,  /* steps whose V^T V_0 is no sum of those before */
    KEPT_VECTORS = 4,
    KEPT_VERSION = 1, /* of what is kept */
};

/* What is kept of step i - k in place k. */
typedef struct step {
    fani_gf2_square inverse; /* W^inv */
    fani_gf2_square vav;     /* V^T A V */
    fani_gf2_square tail;    /* V^T A A V S S^T + V^T A V */
    fani_gf2_square start;   /* V^T V_0 */
    uint64_t chosen;         /* the columns that S selects */
} step;

/* What a part adds to these products of all rows. */
enum { PART_VAV, PART_AVAV, PART_START, PART_DENSE /* and on: V by the dense columns */ };

typedef struct lanczos {
    const fani_gf2_packed *matrix;
    const fani_qs_team *team;
    size_t n;
    uint64_t *v[3], *next, *av, *first, *x, *sums;
    fani_gf2_square *partial;     /* [parts][PART_DENSE + blocks] */
    fani_gf2_square to[3], share; /* by which V, V_{i-1}, V_{i-2} go into the next V, V into X */
    step past[3];
    uint32_t steps, attempt;
    const fani_qs_keeper *keeper;
    uint64_t identity; /* of the matrix and the key, where there is a keeper */
} lanczos;

static fani_gf2_square one(void)
{
    fani_gf2_square m;
    for (unsigned i = 0; i < 64; i++)
        m.row[i] = UINT64_C(1) << i;
    return m;
}

static fani_gf2_square sum_of(const fani_gf2_square *x, const fani_gf2_square *y)
{
    fani_gf2_square out;
    for (unsigned i = 0; i < 64; i++)
        out.row[i] = x->row[i] ^ y->row[i];
    return out;
}

/* m S S^T */
static fani_gf2_square masked(const fani_gf2_square *m, uint64_t chosen)
{
    fani_gf2_square out;
    for (unsigned i = 0; i < 64; i++)
        out.row[i] = m->row[i] & chosen;
    return out;
}

static bool is_zero(const fani_gf2_square *m)
{
    uint64_t any = 0;
    for (unsigned i = 0; i < 64; i++)
        any |= m->row[i];
    return any == 0;
}

/* ---- The choice of S, section 8 ------------------------------------------------------------- */

/* Rows of T beside those of what becomes the inverse. */
typedef struct beside {
    uint64_t left[64], right[64];
} beside;

static void swap_rows(beside *m, unsigned i, unsigned k)
{
    uint64_t left = m->left[i], right = m->right[i];
    m->left[i] = m->left[k];
    m->right[i] = m->right[k];
    m->left[k] = left;
    m->right[k] = right;
}

/* Of rows order[from..63] the first with the bit in `side` comes to place order[from]. */
static bool bring(beside *m, const uint64_t *side, const unsigned *order, unsigned from)
{
    unsigned column = order[from];
    for (unsigned k = from; k < 64; k++) {
        if ((side[order[k]] >> column & 1) != 0) {
            swap_rows(m, order[from], order[k]);
            return true;
        }
    }
    return false;
}

static void clear_others(beside *m, const uint64_t *side, unsigned column)
{
    for (unsigned i = 0; i < 64; i++) {
        if (i != column && (side[i] >> column & 1) != 0) {
            m->left[i] ^= m->left[column];
            m->right[i] ^= m->right[column];
        }
    }
}

/* The inverse of the largest part of T that has one, columns that were not chosen before being
 * looked at first. False: some column was chosen neither before nor now. */
static bool choose(const fani_gf2_square *t, uint64_t before, step *out)
{
    beside m;
    unsigned order[64] = {0}, count = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < 64; i++) {
            if ((before >> i & 1) == pass)
                order[count++] = i;
        }
    }
    for (unsigned i = 0; i < 64; i++) {
        m.left[i] = t->row[i];
        m.right[i] = UINT64_C(1) << i;
    }
    out->chosen = 0;
    for (unsigned j = 0; j < 64; j++) {
        unsigned column = order[j];
        if (bring(&m, m.left, order, j)) {
            clear_others(&m, m.left, column);
            out->chosen |= UINT64_C(1) << column;
            continue;
        }
        if (!bring(&m, m.right, order, j))
            return false;
        clear_others(&m, m.right, column);
        m.left[column] = m.right[column] = 0;
    }
    memcpy(out->inverse.row, m.right, sizeof m.right);
    return (out->chosen | before) == UINT64_MAX;
}

/* ---- Steps ---------------------------------------------------------------------------------- */

/* The factors by which V, V_{i-1} and V_{i-2} go into the next V. */
static void factors(const step *past, fani_gf2_square to[3])
{
    const step *now = &past[0], *last = &past[1], *before = &past[2];
    fani_gf2_square unit = one(), part = fani_gf2_product(&now->inverse, &now->tail);
    to[0] = sum_of(&unit, &part);
    part = masked(&now->vav, now->chosen);
    to[1] = fani_gf2_product(&last->inverse, &part);
    part = fani_gf2_product(&last->vav, &last->inverse);
    part = sum_of(&unit, &part);
    fani_gf2_square tail = masked(&last->tail, now->chosen);
    part = fani_gf2_product(&part, &tail);
    to[2] = fani_gf2_product(&before->inverse, &part);
}

/* V^T V_0 of the next V, as V_{i+1} is the sum of its parts, of which A V is orthogonal to V_0. */
static fani_gf2_square next_start(const step *past, const fani_gf2_square to[3])
{
    fani_gf2_square out = {{0}};
    for (unsigned k = 0; k < 3; k++) {
        fani_gf2_square transposed = fani_gf2_transpose(&to[k]);
        fani_gf2_square part = fani_gf2_product(&transposed, &past[k].start);
        out = sum_of(&out, &part);
    }
    return out;
}

static void turn(lanczos *l)
{
    uint64_t *oldest = l->v[2];
    l->v[2] = l->v[1];
    l->v[1] = l->v[0];
    l->v[0] = l->next;
    l->next = oldest;
    l->past[2] = l->past[1];
    l->past[1] = l->past[0];
    l->steps++;
}

/* ---- Parts of a step ------------------------------------------------------------------------ */

static void do_parts(lanczos *l, void (*part)(void *work, unsigned i))
{
    if (l->team)
        l->team->run(l->team->context, l->team->parts, part, l);
    else
        part(l, 0);
}

static unsigned parts_of(const lanczos *l)
{
    return l->team ? l->team->parts : 1;
}

static fani_gf2_square *partial_of(const lanczos *l, unsigned i)
{
    return l->partial + (size_t)i * (PART_DENSE + l->matrix->blocks);
}

static fani_gf2_square add_parts(const lanczos *l, unsigned which)
{
    fani_gf2_square out = partial_of(l, 0)[which];
    for (unsigned i = 1; i < parts_of(l); i++)
        out = sum_of(&out, &partial_of(l, i)[which]);
    return out;
}

static uint32_t row_of(const lanczos *l, unsigned i)
{
    return (uint32_t)(l->n * i / parts_of(l));
}

/* Sparse columns are dealt out so that all parts have as many ones. */
static uint32_t column_of(const lanczos *l, unsigned i)
{
    const fani_gf2_lists *columns = &l->matrix->by_column;
    size_t wanted = columns->first[columns->count] / parts_of(l) * i;
    uint32_t low = 0, high = columns->count;
    if (i == parts_of(l))
        return columns->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (columns->first[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void sum_part(void *work, unsigned i)
{
    const lanczos *l = work;
    fani_gf2_sum_sparse(l->matrix, l->v[0], column_of(l, i), column_of(l, i + 1), l->sums);
}

/* A V, and what it and V are multiplied with. */
static void multiply_part(void *work, unsigned i)
{
    const lanczos *l = work;
    fani_gf2_square *partial = partial_of(l, i);
    uint32_t first = row_of(l, i), end = row_of(l, i + 1), count = end - first;
    fani_gf2_spread(l->matrix, l->sums, first, end, l->av);
    partial[PART_VAV] = fani_gf2_inner(l->v[0] + first, l->av + first, count);
    partial[PART_AVAV] = fani_gf2_inner(l->av + first, l->av + first, count);
    if (l->steps < DIRECT)
        partial[PART_START] = fani_gf2_inner(l->v[0] + first, l->first + first, count);
}

/* The next V, and X. */
static void next_part(void *work, unsigned i)
{
    const lanczos *l = work;
    uint32_t first = row_of(l, i), end = row_of(l, i + 1), count = end - first;
    for (size_t row = first; row < end; row++)
        l->next[row] = l->av[row] & l->past[0].chosen;
    for (unsigned k = 0; k < 3; k++)
        fani_gf2_multiply_add(l->v[k] + first, &l->to[k], count, l->next + first);
    fani_gf2_multiply_add(l->v[0] + first, &l->share, count, l->x + first);
    fani_gf2_sum_dense(l->matrix, l->next, first, end, partial_of(l, i) + PART_DENSE);
}

/* ---- All of it ------------------------------------------------------------------------------ */

static void multiply_by_a(lanczos *l)
{
    for (uint32_t block = 0; block < l->matrix->blocks; block++) {
        fani_gf2_square sum = add_parts(l, PART_DENSE + block);
        memcpy(l->sums + (size_t)64 * block, sum.row, sizeof sum.row);
    }
    do_parts(l, sum_part);
    do_parts(l, multiply_part);
}

/* One step. False at the end: V^T A V is 0, or no S can be chosen, as happens in a few cases of a
 * hundred when it nearly is: X and V give as much then. */
static bool take_step(lanczos *l)
{
    step *now = &l->past[0];
    multiply_by_a(l);
    now->vav = add_parts(l, PART_VAV);
    if (is_zero(&now->vav) || !choose(&now->vav, l->past[1].chosen, now))
        return false;
    now->tail = add_parts(l, PART_AVAV);
    now->tail = masked(&now->tail, now->chosen);
    now->tail = sum_of(&now->tail, &now->vav);
    if (l->steps < DIRECT)
        now->start = add_parts(l, PART_START);
    l->share = fani_gf2_product(&now->inverse, &now->start);
    factors(l->past, l->to);
    do_parts(l, next_part);
    fani_gf2_square start = next_start(l->past, l->to);
    turn(l);
    l->past[0].start = start;
    return true;
}

/* X = Y at random, V_0 = A Y. */
static void begin(lanczos *l, uint64_t key, uint32_t attempt)
{
    for (size_t i = 0; i < l->n; i++)
        l->x[i] = fani_philox_u64(key, (uint64_t)attempt << 32 | i);
    fani_gf2_sum_rows(l->matrix, l->x, l->sums);
    fani_gf2_spread(l->matrix, l->sums, 0, (uint32_t)l->n, l->v[0]);
    memcpy(l->first, l->v[0], l->n * sizeof *l->first);
    fani_gf2_sum_dense(l->matrix, l->v[0], 0, (uint32_t)l->n, partial_of(l, 0) + PART_DENSE);
    l->past[1].chosen = UINT64_MAX;
}

/* A step takes nearly 64 dimensions; half as many mean that something is wrong. */
static uint32_t most_steps(const lanczos *l)
{
    return (uint32_t)(l->n / 32) + 64;
}

/* ---- What is kept ---------------------------------------------------------------------------- */

/* After this come past[], V, V_{i-1}, V_{i-2} and X. V_0 is of no use any more after DIRECT steps,
 * and the sums of dense columns are V's. */
static size_t kept_words(const lanczos *l)
{
    return (sizeof(fani_gf2_kept) + sizeof l->past) / sizeof(uint64_t) + KEPT_VECTORS * l->n;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* The matrix is a function of the relations, so it is the same when they are read again. */
static uint64_t identify(const fani_gf2_lists *matrix, uint64_t key)
{
    uint64_t hash = mix(mix(mix(KEPT_VERSION, key), matrix->count), matrix->end);
    for (uint32_t row = 0; row <= matrix->count; row++)
        hash = mix(hash, matrix->first[row]);
    for (size_t i = 0; i < matrix->first[matrix->count]; i++)
        hash = mix(hash, matrix->item[i]);
    return hash;
}

static fan_status save(const lanczos *l)
{
    const fani_gf2_kept head = {.identity = l->identity, .attempt = l->attempt, .steps = l->steps};
    const uint64_t *vector[KEPT_VECTORS] = {l->v[0], l->v[1], l->v[2], l->x};
    size_t size = kept_words(l) * sizeof(uint64_t);
    unsigned char *bytes = malloc(size), *at = bytes;
    if (!bytes)
        return FAN_E_MEMORY;
    at = mempcpy(at, &head, sizeof head);
    at = mempcpy(at, l->past, sizeof l->past);
    for (unsigned k = 0; k < KEPT_VECTORS; k++)
        at = mempcpy(at, vector[k], l->n * sizeof(uint64_t));
    fan_status status = l->keeper->save(l->keeper->context, bytes, size);
    free(bytes);
    return status;
}

static bool is_of_this(const lanczos *l, const fani_gf2_kept *head)
{
    return head->identity == l->identity && head->attempt >= l->attempt &&
           head->attempt < FANI_GF2_ATTEMPTS && head->steps >= DIRECT &&
           head->steps < most_steps(l);
}

static void adopt(lanczos *l, const fani_gf2_kept *head)
{
    uint64_t *const vector[KEPT_VECTORS] = {l->v[0], l->v[1], l->v[2], l->x};
    const unsigned char *at = (const unsigned char *)(head + 1);
    l->attempt = (uint32_t)head->attempt;
    l->steps = (uint32_t)head->steps;
    memcpy(l->past, at, sizeof l->past);
    at += sizeof l->past;
    for (unsigned k = 0; k < KEPT_VECTORS; k++, at += l->n * sizeof(uint64_t))
        memcpy(vector[k], at, l->n * sizeof(uint64_t));
    fani_gf2_sum_dense(l->matrix, l->v[0], 0, (uint32_t)l->n, partial_of(l, 0) + PART_DENSE);
}

/* False: there is nothing to go on from. FAN_E_MEMORY is no reason to. */
static bool resume(lanczos *l)
{
    fani_gf2_kept *head = l->keeper ? malloc(kept_words(l) * sizeof(uint64_t)) : NULL;
    bool found = head &&
                 l->keeper->load(l->keeper->context, head, kept_words(l) * sizeof(uint64_t)) &&
                 is_of_this(l, head);
    if (found)
        adopt(l, head);
    free(head);
    return found;
}

/* ---- From the beginning to the end ----------------------------------------------------------- */

static fan_status look(const lanczos *l, const fani_effort *effort)
{
    bool cancelled = fani_is_cancelled(effort);
    fan_status status = FAN_OK;
    if (l->keeper && l->steps >= DIRECT && l->keeper->due(l->keeper->context))
        status = save(l);
    return cancelled ? FAN_E_CANCELLED : status;
}

static fan_status run(lanczos *l, uint64_t key, const fani_effort *effort)
{
    if (!resume(l))
        begin(l, key, l->attempt);
    do {
        fan_status status = l->steps % POLLED == 0 ? look(l, effort) : FAN_OK;
        if (status != FAN_OK)
            return status;
        if (l->steps == most_steps(l))
            return FAN_E_FAILED;
    } while (take_step(l));
    return FAN_OK;
}

/* ---- What the end gives --------------------------------------------------------------------- */

/* Operations on the columns of rows of 128 bits: row times `row` are the new columns. */
typedef struct operations {
    u128 row[128];
} operations;

static u128 bit(unsigned i)
{
    return (u128)1 << i;
}

static u128 apply(const operations *by, uint64_t low, uint64_t high)
{
    u128 out = 0;
    for (; low != 0; low &= low - 1)
        out ^= by->row[__builtin_ctzll(low)];
    for (; high != 0; high &= high - 1)
        out ^= by->row[64 + __builtin_ctzll(high)];
    return out;
}

static unsigned lowest(u128 x)
{
    uint64_t low = (uint64_t)x;
    return low != 0 ? (unsigned)__builtin_ctzll(low)
                    : 64 + (unsigned)__builtin_ctzll((uint64_t)(x >> 64));
}

/* Adds column `from` to all columns of `to`. */
static void add_column(operations *by, unsigned from, u128 to)
{
    for (unsigned i = 0; i < 128; i++) {
        if ((by->row[i] & bit(from)) != 0)
            by->row[i] ^= to;
    }
}

/* Column operations after which those of `open` that have a one in some row of low and high are as
 * few as can be; these come back, the others are 0. */
static u128 reduce(operations *by, u128 open, const uint64_t *low, const uint64_t *high, size_t n)
{
    u128 pivots = 0;
    for (size_t i = 0; i < n; i++) {
        u128 ones = apply(by, low[i], high[i]) & open;
        if (ones == 0)
            continue;
        unsigned pivot = lowest(ones);
        add_column(by, pivot, ones ^ bit(pivot));
        open ^= bit(pivot);
        pivots |= bit(pivot);
    }
    return pivots;
}

/* Of X - Y and the last V, in x and v[0], the combinations that M makes 0, as far as they are
 * independent and at most 64. */
static fan_status combine(const lanczos *l, uint64_t *out)
{
    size_t columns = fani_gf2_padded_columns(l->matrix);
    uint64_t *more = malloc((columns + 1) * sizeof *more);
    operations by;
    unsigned place[64], count = 0;
    if (!more)
        return FAN_E_MEMORY;
    for (unsigned i = 0; i < 128; i++)
        by.row[i] = bit(i);
    memset(l->sums, 0, columns * sizeof *l->sums);
    memset(more, 0, columns * sizeof *more);
    fani_gf2_sum_rows(l->matrix, l->x, l->sums);
    fani_gf2_sum_rows(l->matrix, l->v[0], more);
    u128 null = ~reduce(&by, ~(u128)0, l->sums, more, columns);
    free(more);
    u128 chosen = reduce(&by, null, l->x, l->v[0], l->n);
    for (; chosen != 0 && count < 64; chosen &= chosen - 1)
        place[count++] = lowest(chosen);
    for (size_t i = 0; i < l->n; i++) {
        u128 ones = apply(&by, l->x[i], l->v[0][i]);
        out[i] = 0;
        for (unsigned k = 0; k < count; k++)
            out[i] |= (uint64_t)(ones >> place[k] & 1) << k;
    }
    return FAN_OK;
}

static bool allocate(lanczos *l, uint64_t **memory)
{
    enum { VECTORS = 7 };
    size_t n = (l->n + 7) / 8 * 8;
    *memory = calloc(VECTORS * n + fani_gf2_padded_columns(l->matrix) + 1, sizeof **memory);
    l->partial = calloc((size_t)parts_of(l) * (PART_DENSE + l->matrix->blocks), sizeof *l->partial);
    if (!*memory || !l->partial)
        return false;
    uint64_t **vector[VECTORS] = {&l->v[0], &l->v[1], &l->v[2], &l->next, &l->av, &l->first, &l->x};
    for (unsigned k = 0; k < VECTORS; k++)
        *vector[k] = *memory + k * n;
    l->sums = *memory + VECTORS * n;
    return true;
}

fan_status fani_gf2_lanczos(const fani_gf2_lists *matrix, uint64_t key, uint32_t *attempt,
                            const fani_qs_team *team, const fani_qs_keeper *keeper,
                            const fani_effort *effort, uint64_t *out)
{
    fani_gf2_packed packed;
    uint64_t *memory = NULL;
    fan_status status = fani_gf2_pack(matrix, &packed);
    lanczos l = {.matrix = &packed,
                 .team = team,
                 .n = matrix->count,
                 .attempt = *attempt,
                 .keeper = keeper,
                 .identity = keeper ? identify(matrix, key) : 0};
    if (status == FAN_OK && !allocate(&l, &memory))
        status = FAN_E_MEMORY;
    if (status == FAN_OK)
        status = run(&l, key, effort);
    *attempt = l.attempt;
    if (status == FAN_OK)
        status = combine(&l, out);
    free(memory);
    free(l.partial);
    fani_gf2_packed_clear(&packed);
    return status;
}
