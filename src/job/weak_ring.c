#include "job/weak_ring.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "job/state.h"
#include "job/weak_pack.h"
#include "job/weak_ring_store.h"
#include "kernel/gcd/ring.h"
#include "kernel/gcd/weak_codec.h"

/* Fewer keys than so many a member are done before a ring has begun: see docs/weakkeys-scaling.md.
 */
enum { KEYS_EACH_MIN = 500 };

/* ---- Which way ------------------------------------------------------------------------------- */

static bool is_method(const fan_job *job, const char *name)
{
    const char *method = fani_job_text(job, FANI_KEY_METHOD);
    return !strcmp(method ? method : "auto", name);
}

static bool limits_items(const fan_job *job)
{
    return fani_job_ms(job, FANI_KEY_TIMEOUT) || fani_job_count(job, FANI_KEY_RETRIES, 0);
}

fan_status fani_weak_ring_check(const fan_job *job, fan_error *error)
{
    if (is_method(job, "ring") && limits_items(job))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "method ring has no items that timeout or retries could be for");
    return FAN_OK;
}

size_t fani_weak_ring_members(const fani_job_run *run, size_t count)
{
    fan_executor_stats stats = {0};
    if (is_method(run->job, "levels") || count == 0 ||
        fan_executor_get_stats(run->executor, &stats) != FAN_OK)
        return 0;
    size_t members = stats.workers < count ? stats.workers : count;
    if (is_method(run->job, "ring"))
        return members;
    bool pays = stats.ranks > 1 && members > 1 && count / members >= KEYS_EACH_MIN;
    return pays && !limits_items(run->job) ? members : 0;
}

/* ---- What goes out --------------------------------------------------------------------------- */

typedef struct ring_run {
    fani_job_run *run;
    const fani_weak_ring *ring;
    const fani_mpzs *distinct;
    fani_mpzs *gcds;
    fani_weak_ring_told *told;
    size_t *first; /* of each part */
    uint64_t identity;
    char *base; /* whole path; NULL: nothing is kept */
    fani_weak_packer moduli;
    fan_buffer order;
    fan_error kept_error; /* what could not be kept */
} ring_run;

static uint64_t identity_of(const fani_weak_ring *ring, const fani_mpzs *distinct)
{
    uint64_t identity = ring->members;
    for (size_t i = 0; i < distinct->count; i++) {
        mpz_srcptr value = distinct->values + i;
        identity = XXH3_64bits_withSeed(mpz_limbs_read(value), mpz_size(value) * sizeof(mp_limb_t),
                                        identity);
    }
    return identity;
}

/* Member 0 may be another process, which could have another folder. The caller's to free. */
static char *whole_path(const char *path)
{
    char folder[PATH_MAX], *whole;
    if (*path == '/' || !getcwd(folder, sizeof folder))
        return strdup(path);
    return asprintf(&whole, "%s/%s", folder, path) < 0 ? NULL : whole;
}

static fan_status cut(ring_run *r)
{
    r->first = malloc((r->ring->members + 1) * sizeof *r->first);
    if (!r->first)
        return FAN_E_MEMORY;
    fani_ring_cut(r->distinct->values, r->distinct->count, r->ring->members, r->first);
    r->identity = identity_of(r->ring, r->distinct);
    if (r->ring->base && !(r->base = whole_path(r->ring->base)))
        return FAN_E_MEMORY;
    return FAN_OK;
}

static fan_status pack_moduli(ring_run *r)
{
    const fani_mpzs *distinct = r->distinct;
    size_t limbs = 0;
    for (size_t i = 0; i < distinct->count; i++)
        limbs += mpz_size(distinct->values + i);
    fan_status status = fani_weak_packer_begin(&r->moduli, distinct->count, limbs);
    for (size_t i = 0; i < distinct->count && status == FAN_OK; i++)
        status =
            fani_weak_packer_put(&r->moduli, distinct->values + i, mpz_size(distinct->values + i));
    return status;
}

static fan_status write_order(ring_run *r, fan_shared moduli, bool resumes)
{
    const char *base = r->base ? r->base : "";
    const fani_weak_ring_order head = {.moduli = moduli,
                                       .identity = r->identity,
                                       .interval_ns = r->ring->interval_ns,
                                       .resumes = resumes,
                                       .base_size = strlen(base) + 1};
    size_t firsts = (r->ring->members + 1) * sizeof(uint64_t);
    r->order.size = r->order.capacity = sizeof head + firsts + head.base_size;
    unsigned char *at = r->order.bytes = malloc(r->order.size);
    if (!at)
        return FAN_E_MEMORY;
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    for (size_t i = 0; i <= r->ring->members; i++, at += sizeof(uint64_t))
        memcpy(at, &(uint64_t){r->first[i]}, sizeof(uint64_t));
    memcpy(at, base, head.base_size);
    return FAN_OK;
}

/* ---- What there is of an earlier ring -------------------------------------------------------- */

/* The members that have something kept; *least: products that each of them has taken. */
static size_t look_back(const ring_run *r, size_t *least)
{
    const fani_weak_ring_store store = {.base = r->base, .identity = r->identity};
    size_t have = 0;
    *least = r->ring->members - 1;
    for (size_t i = 0; i < r->ring->members; i++) {
        fan_buffer bytes = {0};
        fani_weak_ring_state state;
        fani_weak_ring_state_init(&state);
        bool loaded = fani_weak_ring_store_load(&store, i, &bytes) &&
                      fani_weak_ring_state_read(&state, bytes.bytes, bytes.size) == FAN_OK;
        have += loaded;
        if (loaded && state.stage == FANI_WEAK_RING_TAKES && state.taken < *least)
            *least = state.taken;
        fani_weak_ring_state_clear(&state);
        fan_buffer_clear(&bytes);
    }
    return have;
}

/* Says what a run that goes on has of an earlier one. */
static bool begin_again(const ring_run *r)
{
    const fan_job_events *events = &r->run->events;
    bool was_begun = r->run->state && fani_state_was_begun(r->run->state);
    size_t least = 0, have = r->base && r->ring->resumes ? look_back(r, &least) : 0;
    char text[120];
    if (have)
        snprintf(text, sizeof text, "weakkeys goes on with a ring of %zu after %zu of %zu steps",
                 r->ring->members, have < r->ring->members ? 0 : least, r->ring->members - 1);
    else
        snprintf(text, sizeof text,
                 "weakkeys begins anew: of a ring of %zu that was ended early nothing is there",
                 r->ring->members);
    if (events->note && (have || (r->ring->resumes && was_begun)))
        events->note(events->user, text);
    return have > 0;
}

/* ---- What comes back ------------------------------------------------------------------------- */

static fan_status take_reply(ring_run *r, const fan_outcome *o, fan_error *error)
{
    fani_weak_ring_told told;
    if (o->size < sizeof told)
        return fani_error_set(error, FAN_E_PROTOCOL, "the reply of member %" PRIu64 " is malformed",
                              o->index);
    memcpy(&told, o->bytes, sizeof told);
    if (r->told)
        r->told[o->index] = told;
    if (told.error.status != FAN_OK) {
        r->kept_error = told.error;
        return FAN_OK;
    }
    return fani_weak_decode(o->bytes + sizeof told, o->size - sizeof told, r->gcds, error);
}

static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    ring_run *r = user;
    fan_status status = FAN_OK;
    for (size_t i = 0; i < count && status == FAN_OK; i++) {
        const fan_outcome *o = &outcomes[i];
        fani_run_wrote(r->run, o->captured, "member %" PRIu64 " of the ring", o->index);
        if (o->kind == FAN_OUTCOME_OK) /* else how the gang ended says it */
            status = take_reply(r, o, error);
    }
    return status;
}

static bool wants_stop(void *user)
{
    ring_run *r = user;
    const fan_job_events *events = &r->run->events;
    fani_run_progress(r->run, 0, false);
    return events->stop && events->stop(events->user);
}

/* ---- All of it ------------------------------------------------------------------------------- */

static fan_status go_round(ring_run *r, fan_error *error)
{
    fan_status status =
        fan_gang_until(r->run->executor, &fani_task_weakkeys_ring, r->ring->members, r->order.bytes,
                       r->order.size, wants_stop, r, fan_sink_callback(put, r), error);
    if (status == FAN_OK && r->kept_error.status != FAN_OK) {
        if (error)
            *error = r->kept_error;
        return r->kept_error.status;
    }
    if (status == FAN_OK && r->gcds->count != r->distinct->count)
        return fani_error_set(error, FAN_E_PROTOCOL, "%zu keys gave %zu gcds", r->distinct->count,
                              r->gcds->count);
    return status;
}

/* There may be files that a later run goes on from. */
static fan_status can_go_on(ring_run *r, fan_error *error)
{
    if (!r->base)
        return FAN_OK;
    r->run->keeps_parts = r->run->state != NULL;
    return fani_state_begun(r->run, error);
}

static fan_status share_and_go(ring_run *r, fan_error *error)
{
    fan_shared shared;
    fan_items all = fani_weak_packer_bytes(&r->moduli);
    fan_status status = fan_share(r->run->executor, all.bytes, all.size, &shared);
    if (status != FAN_OK)
        return fani_error_set(error, status, "%zu bytes of keys can't be shared: %s", all.size,
                              fan_status_text(status));
    status = write_order(r, shared, begin_again(r));
    if (status != FAN_OK)
        fani_error_set(error, status, "no memory for a ring of %zu members", r->ring->members);
    if (status == FAN_OK)
        status = can_go_on(r, error);
    if (status == FAN_OK)
        status = go_round(r, error);
    fan_status dropped = fan_unshare(r->run->executor, shared);
    if (status == FAN_OK && dropped != FAN_OK)
        status = fani_error_set(error, dropped, "the keys can't be dropped: %s",
                                fan_status_text(dropped));
    return status;
}

fan_status fani_weak_ring_run(fani_job_run *run, const fani_weak_ring *ring,
                              const fani_mpzs *distinct, fani_mpzs *gcds, fani_weak_ring_told *told,
                              fan_error *error)
{
    ring_run r = {.run = run, .ring = ring, .distinct = distinct, .gcds = gcds, .told = told};
    if (!distinct->count)
        return FAN_OK;
    fani_run_progress(run, 0, true);
    fan_status status = cut(&r);
    if (status == FAN_OK)
        status = pack_moduli(&r);
    if (status != FAN_OK)
        fani_error_set(error, status, "no memory for a ring over %zu keys", distinct->count);
    else
        status = share_and_go(&r, error);
    fani_weak_packer_free(&r.moduli);
    fan_buffer_clear(&r.order);
    free(r.first);
    free(r.base);
    return status;
}
