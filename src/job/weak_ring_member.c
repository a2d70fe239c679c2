/* A member of a ring (weak_ring.h). All members go the same way:
 *
 *   1  member 0 gives each what an earlier ring has kept of it
 *   2  the tree over the part's moduli; how large the largest product is
 *   3  members - 1 times: a product to the next one, one from the one before, multiplied in
 *   4  the root's fraction, and down to the gcds
 *
 * After 2, after each step and before the way down member 0 decides whether it is time to keep
 * where they all are. Members that were further when they were kept pass products on and leave out
 * what they have done. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "fanfold/gang.h"
#include "job/weak_pack.h"
#include "job/weak_ring.h"
#include "job/weak_ring_store.h"
#include "kernel/gcd/ring.h"
#include "kernel/gcd/weak_codec.h"

/* Keeping takes at most one part in so many of the time. */
enum { KEEP_EACH = 10 };

/* What member 0 decides. */
enum { GO_ON, KEEP, END };

typedef struct member {
    fan_run *run;
    size_t rank, size;
    fani_weak_ring_order order;
    const char *base; /* NULL: nothing is kept */
    fani_weak_pack moduli;
    mpz_ptr own; /* views of its part */
    size_t own_count;
    fani_ring_member ring;
    fani_weak_ring_state state; /* what it began with, and then the fraction */
    fani_weak_ring_told told;
    fan_buffer message, passing;
    int64_t cpu_ns, kept_ns, keeping_ns;
    bool ended; /* something could not be kept */
} member;

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Counts the time since the last call for a phase. */
static void count_time(member *m, int phase)
{
    int64_t now = cpu_ns();
    m->told.cpu_ns[phase] += (uint64_t)(now - m->cpu_ns);
    m->cpu_ns = now;
}

static fani_weak_ring_store store_of(const member *m)
{
    return (fani_weak_ring_store){.base = m->base, .identity = m->order.identity};
}

/* ---- What it is told ------------------------------------------------------------------------- */

static fan_status read_order(member *m, const fan_items *in, uint64_t *first, uint64_t *end)
{
    size_t firsts = (m->size + 1) * sizeof(uint64_t), head = sizeof m->order;
    if (in->count != 1 || in->size < head)
        return FAN_E_PROTOCOL;
    memcpy(&m->order, in->bytes, head);
    if (m->order.base_size == 0 || in->size - head < firsts ||
        in->size - head - firsts != m->order.base_size || in->bytes[in->size - 1])
        return FAN_E_PROTOCOL;
    memcpy(first, in->bytes + head + m->rank * sizeof *first, sizeof *first);
    memcpy(end, in->bytes + head + (m->rank + 1) * sizeof *end, sizeof *end);
    const char *base = (const char *)in->bytes + head + firsts;
    m->base = *base ? base : NULL;
    return FAN_OK;
}

static fan_status view_part(member *m, uint64_t first, uint64_t end)
{
    if (first >= end || end > m->moduli.count)
        return FAN_E_PROTOCOL;
    m->own_count = (size_t)(end - first);
    m->own = malloc(m->own_count * sizeof *m->own);
    if (!m->own)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < m->own_count; i++) {
        fani_weak_pack_view(&m->moduli, (size_t)first + i, m->own + i);
        if (!mpz_sgn(m->own + i))
            return FAN_E_PROTOCOL;
    }
    return FAN_OK;
}

static fan_status begin(member *m, const fan_items *in)
{
    uint64_t first, end;
    fan_status status = read_order(m, in, &first, &end);
    fan_items shared =
        status == FAN_OK ? fan_run_shared(m->run, m->order.moduli) : (fan_items){0};
    if (status == FAN_OK)
        status = shared.count ? fani_weak_pack_open(&m->moduli, shared.bytes, shared.size)
                              : FAN_E_PROTOCOL;
    return status == FAN_OK ? view_part(m, first, end) : status;
}

/* ---- Keeping --------------------------------------------------------------------------------- */

/* Member 0 alone: whether where they are is to be kept. */
static unsigned char decide(const member *m)
{
    int64_t since = fani_clock_ns() - m->kept_ns, interval = (int64_t)m->order.interval_ns;
    bool due = m->base && since >= interval && (!interval || since >= KEEP_EACH * m->keeping_ns);
    return due ? KEEP : GO_ON;
}

/* What member 0 says, to all. */
static fan_status hear(member *m, unsigned char *word)
{
    fan_buffer said = {.bytes = malloc(1), .size = 1, .capacity = 1};
    if (!said.bytes)
        return FAN_E_MEMORY;
    *said.bytes = *word;
    fan_status status = fan_gang_broadcast(m->run, 0, &said);
    if (status == FAN_OK && said.size != 1)
        status = FAN_E_PROTOCOL;
    if (status == FAN_OK)
        *word = *said.bytes;
    fan_buffer_clear(&said);
    return status;
}

static void keep_bytes(member *m, size_t of, const fan_buffer *bytes)
{
    fani_weak_ring_store store = store_of(m);
    if (m->told.error.status == FAN_OK)
        (void)fani_weak_ring_store_save(&store, of, bytes->bytes, bytes->size, &m->told.error);
}

/* The state goes to member 0, which takes them one by one. */
static fan_status keep_all(member *m)
{
    fan_buffer bytes = {0};
    fan_status status = fani_weak_ring_state_write(&m->state, &bytes);
    if (status == FAN_OK && m->rank != 0) {
        status = fan_gang_send(m->run, 0, bytes.bytes, bytes.size);
        m->told.kept_bytes += bytes.size;
    } else if (status == FAN_OK) {
        keep_bytes(m, 0, &bytes);
    }
    fan_buffer_clear(&bytes);
    for (size_t from = 1; m->rank == 0 && from < m->size && status == FAN_OK; from++) {
        status = fan_gang_receive(m->run, from, &m->message);
        if (status == FAN_OK)
            keep_bytes(m, from, &m->message);
    }
    return status;
}

/* Puts where the member is into its state: lent, not copied, while taking. */
static void lend_state(member *m)
{
    if (m->state.stage == FANI_WEAK_RING_FRACTION)
        return;
    m->state.stage = FANI_WEAK_RING_TAKES;
    m->state.taken = m->ring.taken;
    mpz_swap(m->state.value, m->ring.sum);
    mpz_swap(m->state.residue, m->ring.residue);
}

static void take_state_back(member *m)
{
    if (m->state.stage == FANI_WEAK_RING_FRACTION)
        return;
    mpz_swap(m->state.value, m->ring.sum);
    mpz_swap(m->state.residue, m->ring.residue);
}

static fan_status keep_if_due(member *m)
{
    unsigned char word = m->rank == 0 ? decide(m) : GO_ON;
    int64_t begun = fani_clock_ns();
    fan_status status = m->base ? hear(m, &word) : FAN_OK;
    if (status != FAN_OK || word != KEEP)
        return status;
    lend_state(m);
    status = keep_all(m);
    take_state_back(m);
    word = m->told.error.status == FAN_OK ? GO_ON : END;
    if (status == FAN_OK)
        status = hear(m, &word);
    m->ended = word == END;
    m->kept_ns = fani_clock_ns();
    m->keeping_ns = m->kept_ns - begun;
    return status;
}

/* ---- Going on -------------------------------------------------------------------------------- */

/* Member 0 reads what there is of each. */
static fan_status give_states(member *m)
{
    fani_weak_ring_store store = store_of(m);
    fan_status status = FAN_OK;
    for (size_t to = 0; to < m->size && status == FAN_OK; to++) {
        fan_buffer bytes = {0};
        if (!fani_weak_ring_store_load(&store, to, &bytes))
            bytes.size = 0;
        m->told.kept_bytes += bytes.size;
        if (to == 0)
            status = fani_weak_ring_state_read(&m->state, bytes.bytes, bytes.size);
        else
            status = fan_gang_send(m->run, to, bytes.bytes, bytes.size);
        fan_buffer_clear(&bytes);
    }
    return status;
}

static fan_status go_on(member *m)
{
    if (!m->base || !m->order.resumes)
        return FAN_OK;
    if (m->rank == 0)
        return give_states(m);
    fan_status status = fan_gang_receive(m->run, 0, &m->message);
    if (status == FAN_OK)
        status = fani_weak_ring_state_read(&m->state, m->message.bytes, m->message.size);
    return status == FAN_OK && m->state.taken >= m->size ? FAN_E_PROTOCOL : status;
}

/* ---- The ring -------------------------------------------------------------------------------- */

static void larger(void *left, const void *right, size_t size, void *user)
{
    uint64_t a, b;
    (void)user;
    memcpy(&a, left, sizeof a);
    memcpy(&b, right, sizeof b);
    if (b > a)
        memcpy(left, right, size);
}

/* The tree, and where an earlier ring was. */
static fan_status climb(member *m)
{
    bool kept = m->state.stage != FANI_WEAK_RING_NEW;
    fan_status status = fani_ring_begin(&m->ring, fani_multiplier_best(), m->own, m->own_count,
                                        kept ? m->state.value : NULL);
    if (status != FAN_OK)
        return status;
    if (m->state.stage == FANI_WEAK_RING_TAKES) {
        fani_ring_go_on(&m->ring, m->state.residue, m->state.taken);
        mpz_realloc2(m->state.residue, 1);
        mpz_realloc2(m->state.value, 1);
    }
    uint64_t widest = m->told.limbs = mpz_size(m->ring.product);
    count_time(m, FANI_WEAK_RING_UP);
    status = fan_gang_all_reduce(m->run, &widest, sizeof widest, larger, NULL);
    fani_ring_widest(&m->ring, (size_t)widest);
    return status == FAN_OK ? keep_if_due(m) : status;
}

static fan_status send_product(member *m)
{
    m->told.sent_bytes += m->passing.size;
    return fan_gang_send(m->run, (m->rank + 1) % m->size, m->passing.bytes, m->passing.size);
}

/* Every other member sends first, so that nobody waits for a circle: where the first and the last
 * one both do, all others are between them. */
static fan_status exchange(member *m)
{
    bool sends_first = m->rank % 2 == 0;
    fan_status status = sends_first ? send_product(m) : FAN_OK;
    if (status == FAN_OK)
        status = fan_gang_receive(m->run, (m->rank + m->size - 1) % m->size, &m->message);
    if (status == FAN_OK && !sends_first)
        status = send_product(m);
    fan_buffer came = m->message;
    m->message = m->passing;
    m->passing = came;
    if (status == FAN_OK && (came.size == 0 || came.size % sizeof(mp_limb_t)))
        status = FAN_E_PROTOCOL;
    return status;
}

static fan_status take(member *m, size_t step)
{
    mpz_t product;
    if (m->state.stage == FANI_WEAK_RING_FRACTION || m->ring.taken > step)
        return FAN_OK;
    /* Buffers come from malloc: limbs may be read there. */
    (void)mpz_roinit_n(product, (const mp_limb_t *)(const void *)m->passing.bytes,
                       (mp_size_t)(m->passing.size / sizeof(mp_limb_t)));
    return mpz_sgn(product) ? fani_ring_take(&m->ring, product) : FAN_E_PROTOCOL;
}

static fan_status begin_passing(member *m)
{
    size_t size = mpz_size(m->ring.product) * sizeof(mp_limb_t);
    m->passing.bytes = malloc(size);
    if (!m->passing.bytes)
        return FAN_E_MEMORY;
    memcpy(m->passing.bytes, mpz_limbs_read(m->ring.product), size);
    m->passing.size = m->passing.capacity = size;
    return FAN_OK;
}

static fan_status go_round(member *m)
{
    fan_status status = m->size > 1 ? begin_passing(m) : FAN_OK;
    for (size_t step = 0; step + 1 < m->size && status == FAN_OK && !m->ended; step++) {
        status = fan_run_cancelled(m->run) ? FAN_E_CANCELLED : exchange(m);
        if (status == FAN_OK)
            status = take(m, step);
        count_time(m, FANI_WEAK_RING_STEPS);
        if (status == FAN_OK)
            status = keep_if_due(m);
    }
    fan_buffer_clear(&m->passing);
    fan_buffer_clear(&m->message);
    return status;
}

static fan_status find_root(member *m)
{
    if (m->state.stage == FANI_WEAK_RING_FRACTION)
        return FAN_OK;
    fan_status status = fani_ring_fraction(&m->ring, m->state.value);
    m->state.stage = FANI_WEAK_RING_FRACTION;
    mpz_realloc2(m->state.residue, 1);
    count_time(m, FANI_WEAK_RING_ROOT);
    return status;
}

/* ---- All of it ------------------------------------------------------------------------------- */

static fan_status reply(member *m, const fani_mpzs *gcds)
{
    size_t head = sizeof m->told, size = fani_weak_encoded_size(gcds->values, gcds->count);
    unsigned char *bytes = malloc(head + size);
    if (!bytes)
        return FAN_E_MEMORY;
    memcpy(bytes, &m->told, head);
    fani_weak_encode(gcds->values, gcds->count, bytes + head);
    fan_status status = fan_run_reply(m->run, 0, bytes, head + size);
    free(bytes);
    return status;
}

static fan_status descend(member *m)
{
    fani_mpzs gcds = {0};
    fan_status status = FAN_OK;
    if (!m->ended) {
        status = fan_run_cancelled(m->run)
                     ? FAN_E_CANCELLED
                     : fani_ring_gcds(&m->ring, m->state.value, &gcds);
        count_time(m, FANI_WEAK_RING_DOWN);
    }
    if (status == FAN_OK)
        status = reply(m, &gcds);
    fani_mpzs_free(&gcds);
    return status;
}

static fan_status go(member *m, const fan_items *in)
{
    fan_status status = begin(m, in);
    if (status == FAN_OK)
        status = go_on(m);
    if (status == FAN_OK)
        status = climb(m);
    if (status == FAN_OK && !m->ended)
        status = go_round(m);
    if (status == FAN_OK && !m->ended)
        status = find_root(m);
    if (status == FAN_OK && !m->ended)
        status = keep_if_due(m);
    return status == FAN_OK ? descend(m) : status;
}

static fan_status run_ring(fan_run *run, fan_items in)
{
    member m = {.run = run,
                .rank = fan_gang_rank(run),
                .size = fan_gang_size(run),
                .cpu_ns = cpu_ns(),
                .kept_ns = fani_clock_ns()};
    fani_weak_ring_state_init(&m.state);
    fan_status status = go(&m, &in);
    fani_ring_end(&m.ring);
    fani_weak_ring_state_clear(&m.state);
    fani_weak_pack_close(&m.moduli);
    fan_buffer_clear(&m.message);
    fan_buffer_clear(&m.passing);
    free(m.own);
    return status;
}

const fan_task fani_task_weakkeys_ring = {.name = "weakkeys.ring", .version = 1, .run = run_ring};
