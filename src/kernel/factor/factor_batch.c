/* Many numbers below 2^64: what trial division leaves of each is a part, and parts wait in queues
 * for the work they need, one queue for each kind of work and engine. A queue that fills a vector
 * is worked off at once; new numbers are taken in when none does. So the lanes are full until the
 * input ends.
 *
 *   strong   the strong test to base 2: composites go on to a plan of curves
 *   lucas    the other half of the proof of primality (prime_batch.c)
 *   plan k   one curve a part; what it splits becomes two parts, what it does not comes back
 *
 * Where too few parts are left to fill a vector, they get several curves at once. */
#include "factor_batch.h"

#include "factor_internal.h"
#include "fanfold/gcd.h"
#include "neighbours.h"
#include "prime_batch.h"
#include "small_primes.h"

#include <assert.h>
#include <math.h>

enum {
    STRONG,
    LUCAS,
    PLANS,
    KINDS = PLANS + FANI_ECM_PLANS,
    QUEUES = KINDS * FANI_ENGINES_MAX,
    /* A queue keeps at most FANI_LANES_MAX - 1 parts while numbers are taken in. */
    NUMBERS_MAX = QUEUES * (FANI_LANES_MAX - 1) / 2,
    PARTS_MAX = 7, /* of a number: 317^8 is above 2^64 */
    POOL = NUMBERS_MAX * PARTS_MAX,
    TAKEN_AT_ONCE = 16,
    NOBODY = UINT16_MAX,
};

static_assert(POOL < NOBODY, "parts have 16-bit names");

typedef struct part {
    uint64_t n;
    uint64_t one;  /* 2^radix mod n */
    size_t owner;  /* the number's place in the input */
    uint16_t next; /* in the queue, or of the free ones */
    uint8_t engine;
    uint8_t curves; /* tried already */
} part;

typedef struct queue {
    uint16_t first;
    uint16_t count;
} queue;

typedef struct work {
    const fani_lanes *lanes;
    fan_factors_u64 *out;
    queue queues[FANI_ENGINES_MAX][KINDS];
    size_t in_pool;
    uint16_t free; /* NOBODY: the next one is the first that was never used */
    uint16_t used;
    part pool[POOL];
} work;

/* ---- Queues --------------------------------------------------------------------------------- */

static void push(work *w, unsigned kind, uint16_t name)
{
    part *p = &w->pool[name];
    queue *q = &w->queues[p->engine][kind];
    p->next = q->first;
    q->first = name;
    q->count++;
}

static uint16_t pop(work *w, queue *q)
{
    uint16_t name = q->first;
    q->first = w->pool[name].next;
    q->count--;
    return name;
}

static void forget(work *w, uint16_t name)
{
    w->pool[name].next = w->free;
    w->free = name;
    w->in_pool--;
}

/* Notes a part that is 1 or surely prime, or queues it. */
static void add_part(work *w, size_t owner, uint64_t n)
{
    if (n < (uint64_t)FANI_TRIAL_END * FANI_TRIAL_END) {
        if (n > 1)
            fani_factors_add(&w->out[owner], n, 1);
        return;
    }
    uint16_t name = w->free != NOBODY ? w->free : w->used++;
    part *p = &w->pool[name];
    if (w->free != NOBODY)
        w->free = p->next;
    w->in_pool++;
    unsigned engine = fani_engine_for(w->lanes, n);
    p->n = n;
    p->one = fani_power_of_two(w->lanes->engines[engine]->radix, n);
    p->owner = owner;
    p->engine = (uint8_t)engine;
    p->curves = 0;
    push(w, STRONG, name);
}

/* ---- Work ----------------------------------------------------------------------------------- */

/* What one call of an engine gets. `names` are the parts, copies left out. */
typedef struct vector {
    uint64_t n[FANI_LANES_MAX] FANI_ALIGNED;
    uint64_t one[FANI_LANES_MAX] FANI_ALIGNED;
    uint64_t other[FANI_LANES_MAX] FANI_ALIGNED;
    uint64_t early[FANI_LANES_MAX] FANI_ALIGNED;
    uint8_t bytes[FANI_LANES_MAX];
    uint16_t names[FANI_LANES_MAX];
    unsigned count;
} vector;

/* Takes up to a vector of parts from a queue that has some; the rest of the lanes gets copies of
 * them in turn. */
static void take(work *w, queue *q, unsigned lanes, vector *v)
{
    v->count = 0;
    while (v->count < lanes && q->count > 0)
        v->names[v->count++] = pop(w, q);
    assert(v->count > 0);
    for (unsigned i = 0; i < lanes; i++) {
        const part *p = &w->pool[v->names[i % v->count]];
        v->n[i] = p->n;
        v->one[i] = p->one;
    }
}

/* The plan for a composite that so many curves did not split. The first curve is a small one, for
 * small primes; the later ones look for primes of half the length. */
static unsigned plan_for(uint64_t n, unsigned curves)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(n);
    if (curves == 0 || bits <= 36)
        return 0;
    if (bits <= 44)
        return 1;
    return bits <= 56 ? (bits - 37) / 4 : 5;
}

static void to_curves(work *w, uint16_t name)
{
    part *p = &w->pool[name];
    push(w, PLANS + plan_for(p->n, p->curves), name);
}

static void split(work *w, uint16_t name, uint64_t divisor)
{
    part p = w->pool[name];
    forget(w, name);
    add_part(w, p.owner, divisor);
    add_part(w, p.owner, p.n / divisor);
}

/* A composite, fresh from its test. Squares are seen here: a curve that finds their prime has no
 * reason to find it only once. */
static void take_composite(work *w, uint16_t name)
{
    uint64_t n = w->pool[name].n;
    uint64_t root = (uint64_t)sqrt((double)n);
    if (root * root == n)
        split(w, name, root);
    else if (n >> FANI_SMALL_BITS == 0)
        split(w, name, fani_small_divisor(n));
    else
        to_curves(w, name);
}

static void run_strong(work *w, const fani_engine *engine, queue *q)
{
    vector v;
    take(w, q, engine->lanes, &v);
    engine->strong(v.n, v.one, v.bytes);
    for (unsigned i = 0; i < v.count; i++) {
        if (v.bytes[i])
            push(w, LUCAS, v.names[i]);
        else
            take_composite(w, v.names[i]);
    }
}

static void run_lucas(work *w, const fani_engine *engine, queue *q)
{
    vector v;
    take(w, q, engine->lanes, &v);
    for (unsigned i = 0; i < engine->lanes; i++) /* few vectors have lanes that are left over */
        v.other[i] = fani_lucas_parameter(v.n[i]);
    engine->lucas(v.n, v.one, v.other, v.bytes);
    for (unsigned i = 0; i < v.count; i++) {
        part *p = &w->pool[v.names[i]];
        if (v.bytes[i] && v.other[i] != 0) {
            fani_factors_add(&w->out[p->owner], p->n, 1);
            forget(w, v.names[i]);
        } else {
            take_composite(w, v.names[i]);
        }
    }
}

/* A proper divisor that lane i shows, or 1. */
static uint64_t shown(const vector *v, unsigned i)
{
    uint64_t divisor = v->other[i];
    if (divisor == v->n[i])
        divisor = fan_gcd_u64(v->early[i], v->n[i]);
    return divisor == v->n[i] ? 1 : divisor;
}

uint64_t fani_curve_divisor(const fani_lanes *lanes, uint64_t n)
{
    const fani_engine *engine = lanes->engines[fani_engine_for(lanes, n)];
    uint64_t one = fani_power_of_two(engine->radix, n), divisor = 1;
    vector v;
    for (unsigned i = 0; i < engine->lanes; i++) {
        v.n[i] = n;
        v.one[i] = one;
    }
    for (unsigned tried = 0; tried < FANI_CURVES && divisor == 1; tried += engine->lanes) {
        for (unsigned i = 0; i < engine->lanes; i++)
            v.bytes[i] = (uint8_t)((tried + i) % FANI_CURVES);
        engine->curve(&fani_ecm_plans[plan_for(n, tried)], v.n, v.one, v.bytes, v.other, v.early);
        for (unsigned i = 0; i < engine->lanes && divisor == 1; i++)
            divisor = shown(&v, i);
    }
    if (divisor == 1) {
        fani_mont m = fani_mont_make(n);
        divisor = fani_rho_u64(&m);
    }
    return divisor;
}

static void run_curve(work *w, const fani_engine *engine, queue *q, const fani_ecm_plan *plan)
{
    vector v;
    take(w, q, engine->lanes, &v);
    for (unsigned i = 0; i < engine->lanes; i++)
        v.bytes[i] = (uint8_t)((w->pool[v.names[i % v.count]].curves + i / v.count) % FANI_CURVES);
    engine->curve(plan, v.n, v.one, v.bytes, v.other, v.early);
    for (unsigned i = 0; i < v.count; i++) {
        part *p = &w->pool[v.names[i]];
        uint64_t divisor = 1;
        for (unsigned k = i; k < engine->lanes && divisor == 1; k += v.count) {
            divisor = shown(&v, k);
            p->curves++;
        }
        if (divisor == 1 && p->curves >= FANI_CURVES) { /* a number that no curve likes */
            fani_mont m = fani_mont_make(p->n);
            divisor = fani_rho_u64(&m);
        }
        if (divisor != 1)
            split(w, v.names[i], divisor);
        else
            to_curves(w, v.names[i]);
    }
}

static void run(work *w, unsigned e, unsigned kind)
{
    const fani_engine *engine = w->lanes->engines[e];
    queue *q = &w->queues[e][kind];
    if (kind == STRONG)
        run_strong(w, engine, q);
    else if (kind == LUCAS)
        run_lucas(w, engine, q);
    else
        run_curve(w, engine, q, &fani_ecm_plans[kind - PLANS]);
}

/* Works off one queue: the first that fills a vector; without one, and if `any`, the fullest.
 * False: there was none. */
static bool run_one(work *w, bool any)
{
    unsigned best_engine = 0, best_kind = 0, best = 0;
    for (unsigned e = 0; e < FANI_ENGINES_MAX && w->lanes->engines[e]; e++) {
        for (unsigned kind = 0; kind < KINDS; kind++) {
            unsigned count = w->queues[e][kind].count;
            if (count >= w->lanes->engines[e]->lanes) {
                run(w, e, kind);
                return true;
            }
            if (count > best) {
                best = count;
                best_engine = e;
                best_kind = kind;
            }
        }
    }
    if (any && best > 0)
        run(w, best_engine, best_kind);
    return any && best > 0;
}

/* ---- Numbers -------------------------------------------------------------------------------- */

/* A prime above those that are there. */
static void append(fan_factors_u64 *out, uint64_t prime, unsigned exponent)
{
    out->prime[out->count] = prime;
    out->exponent[out->count++] = (uint8_t)exponent;
}

/* Divides the primes out that are known to divide n. */
static void divide_out(work *w, size_t owner, uint64_t n, uint64_t found)
{
    fan_factors_u64 *out = &w->out[owner];
    int twos = __builtin_ctzll(n);
    n >>= twos;
    if (twos > 0)
        append(out, 2, (unsigned)twos);
    for (; found != 0; found &= found - 1) {
        const fani_small_prime *p = &fani_small_primes[__builtin_ctzll(found)];
        unsigned exponent = 0;
        for (uint64_t quotient; fani_small_prime_divides(p, n, &quotient); n = quotient)
            exponent++;
        append(out, p->prime, exponent);
    }
    add_part(w, owner, n);
}

/* Works until there is room for TAKEN_AT_ONCE numbers, and as long as there are full vectors. */
static void make_room(work *w)
{
    while (run_one(w, w->in_pool + TAKEN_AT_ONCE > NUMBERS_MAX))
        ;
}

/* Takes numbers in that have nothing to do with each other. */
static void take_in(work *w, const uint64_t *n, size_t first, size_t count)
{
    uint64_t found[TAKEN_AT_ONCE];
    w->lanes->trial(n + first, count, found);
    for (size_t i = 0; i < count; i++) {
        w->out[first + i].count = 0;
        if (n[first + i] > 1)
            divide_out(w, first + i, n[first + i], found[i]);
    }
    make_room(w);
}

static void take_neighbours_in(work *w, const uint64_t *n, size_t first, size_t count)
{
    uint64_t rest[FANI_NEIGHBOURS_MAX];
    if (fani_neighbours_divide(n[first], count, w->out + first, rest))
        return;
    for (size_t i = 0; i < count; i++) {
        add_part(w, first + i, rest[i]);
        if (i % TAKEN_AT_ONCE == TAKEN_AT_ONCE - 1 || i + 1 == count)
            make_room(w);
    }
}

fan_status fani_factor_batch(const fani_lanes *lanes, const uint64_t *n, fan_factors_u64 *out,
                             size_t count)
{
    work w;
    w.lanes = lanes;
    w.out = out;
    w.in_pool = 0;
    w.free = NOBODY;
    w.used = 0;
    for (unsigned e = 0; e < FANI_ENGINES_MAX; e++)
        for (unsigned kind = 0; kind < KINDS; kind++)
            w.queues[e][kind] = (queue){NOBODY, 0};
    for (size_t done = 0, size; done < count; done += size) {
        size = fani_neighbours_count(n + done, count - done);
        if (size) {
            take_neighbours_in(&w, n, done, size);
        } else {
            size = count - done < TAKEN_AT_ONCE ? count - done : TAKEN_AT_ONCE;
            take_in(&w, n, done, size);
        }
    }
    while (run_one(&w, true))
        ;
    fan_status status = FAN_OK;
    for (size_t i = 0; i < count; i++) {
        if (!fani_factors_are_of(&out[i], n[i]))
            status = FAN_E_FAILED;
    }
    return status;
}

fan_status fan_factor_u64_array(const uint64_t *n, fan_factors_u64 *out, size_t count)
{
    return fani_factor_batch(fani_lanes_of(fani_isa_wanted()), n, out, count);
}
