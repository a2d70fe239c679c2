/* The checks of single keys (kernel/rsa) as a task. An item is a block of moduli:
 *
 *   count                         32 bits: how many are known to have a factor below 2^16 where
 *                                 the scan has found them all; UNKNOWN where it has not
 *   place                         32 bits, of each of them; places in the block ascend
 *   the moduli                    a list in the bytes of kernel/gcd/weak_codec.h
 *
 * Its reply lists the keys in which something was found:
 *
 *   count                         32 bits
 *   place, weakness, factors      32 bits each, of each of them; places in the block ascend
 *   the factors of all of them    a list as above, their numbers as given
 *
 * 32-bit numbers have their least significant byte first. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/weakkeys.h"
#include "kernel/gcd/weak_codec.h"
#include "kernel/rsa/checks.h"
#include "kernel/rsa/primorial.h"

#define UNKNOWN UINT32_MAX

/* A block takes a worker some milliseconds, and is short enough, at 2048 bits, to travel through a
 * worker process's ring; its size changes nothing else. */
enum { BLOCK_KEYS = 384, ENTRY_BYTES = 12, HEAD_BYTES = 4, PLACE_BYTES = 4 };

static void put_u32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static uint32_t get_u32(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* ---- The task -------------------------------------------------------------------------------- */

/* The tables are made once a worker. */
static fan_status check_start(fan_run *run)
{
    fani_rsa_checker *checker = fani_rsa_checker_new(fani_isa_wanted());
    if (!checker)
        return FAN_E_MEMORY;
    fan_run_set_state(run, checker);
    return FAN_OK;
}

static void check_stop(void *state)
{
    fani_rsa_checker_free(state);
}

/* A block on its way through the checks. */
typedef struct block {
    fani_mpzs moduli, factors;
    const unsigned char *small; /* the places of those with a small factor */
    uint32_t small_count;       /* or UNKNOWN */
    unsigned *weakness;
    unsigned char *entries; /* room for one of each */
    size_t found;
} block;

/* FAN_E_PROTOCOL: a block that no job sends. */
static fan_status open_block(block *b, const unsigned char *bytes, size_t size)
{
    if (size < HEAD_BYTES)
        return FAN_E_PROTOCOL;
    b->small = bytes + HEAD_BYTES;
    b->small_count = get_u32(bytes);
    size_t places = b->small_count == UNKNOWN ? 0 : b->small_count;
    if ((size - HEAD_BYTES) / PLACE_BYTES < places)
        return FAN_E_PROTOCOL;
    size_t head = HEAD_BYTES + places * PLACE_BYTES;
    fan_status status = fani_weak_decode(bytes + head, size - head, &b->moduli, NULL);
    if (status == FAN_OK && !b->moduli.count)
        return FAN_E_PROTOCOL;
    if (status != FAN_OK)
        return status;
    b->weakness = calloc(b->moduli.count, sizeof *b->weakness);
    b->entries = calloc(b->moduli.count, ENTRY_BYTES);
    return b->weakness && b->entries ? FAN_OK : FAN_E_MEMORY;
}

static void close_block(block *b)
{
    free(b->weakness);
    free(b->entries);
    fani_mpzs_free(&b->moduli);
    fani_mpzs_free(&b->factors);
}

static fan_status find_weakness(fani_rsa_checker *checker, block *b)
{
    unsigned checks = FAN_WEAKKEYS_CHECKS;
    if (b->small_count != UNKNOWN)
        checks &= ~(unsigned)FAN_WEAKKEYS_SMALL_FACTOR;
    fan_status status =
        fani_rsa_check(checker, b->moduli.values, b->moduli.count, checks, b->weakness);
    for (uint32_t i = 0; status == FAN_OK && b->small_count != UNKNOWN && i < b->small_count; i++) {
        uint32_t place = get_u32(b->small + (size_t)i * PLACE_BYTES);
        if (place >= b->moduli.count || mpz_cmp_ui(b->moduli.values + place, 1) <= 0)
            return FAN_E_PROTOCOL;
        b->weakness[place] |= FAN_WEAKKEYS_SMALL_FACTOR;
    }
    return status;
}

static fan_status list_findings(fani_rsa_checker *checker, block *b)
{
    fan_status status = FAN_OK;
    for (size_t k = 0; status == FAN_OK && k < b->moduli.count; k++) {
        if (!b->weakness[k])
            continue;
        size_t before = b->factors.count;
        unsigned char *entry = b->entries + b->found++ * ENTRY_BYTES;
        status = fani_rsa_split(checker, b->moduli.values + k, b->weakness[k], &b->factors);
        put_u32(entry, (uint32_t)k);
        put_u32(entry + 4, b->weakness[k]);
        put_u32(entry + 8, (uint32_t)(b->factors.count - before));
    }
    return status;
}

static fan_status reply_findings(fan_run *run, size_t i, const block *b)
{
    size_t head_size = HEAD_BYTES + b->found * ENTRY_BYTES;
    size_t size = head_size + fani_weak_encoded_size(b->factors.values, b->factors.count);
    unsigned char *bytes = malloc(size);
    if (!bytes)
        return FAN_E_MEMORY;
    put_u32(bytes, (uint32_t)b->found);
    memcpy(bytes + HEAD_BYTES, b->entries, b->found * ENTRY_BYTES);
    fani_weak_encode(b->factors.values, b->factors.count, bytes + head_size);
    fan_status status = fan_run_reply(run, i, bytes, size);
    free(bytes);
    return status;
}

static fan_status check_item(fan_run *run, size_t i, const unsigned char *bytes, size_t size)
{
    block b = {.found = 0};
    if (fan_run_cancelled(run))
        return FAN_E_CANCELLED;
    fan_status status = open_block(&b, bytes, size);
    if (status == FAN_OK)
        status = find_weakness(fan_run_state(run), &b);
    if (status == FAN_OK)
        status = list_findings(fan_run_state(run), &b);
    if (status == FAN_OK)
        status = reply_findings(run, i, &b);
    close_block(&b);
    return status;
}

static fan_status run_check(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, check_item);
}

const fan_task fani_task_weakkeys_check = {.name = "weakkeys.check",
                                           .version = 2,
                                           .run = run_check,
                                           .start = check_start,
                                           .stop = check_stop};

/* ---- The keys of a run ----------------------------------------------------------------------- */

/* Keys on their way through the workers. */
typedef struct check_pass {
    fani_job_run *run;
    fani_weakkeys_input *input;
    size_t next, done; /* keys handed out, keys that came back */
    fan_buffer block;
} check_pass;

/* What is known of the small factors of the next `count` keys; answers its size in bytes. */
static size_t put_small(const check_pass *pass, size_t count, unsigned char *bytes)
{
    const bool *has_small = pass->input->has_small;
    size_t found = 0;
    for (size_t i = 0; has_small && i < count; i++)
        if (has_small[pass->next + i])
            put_u32(bytes + HEAD_BYTES + found++ * PLACE_BYTES, (uint32_t)i);
    put_u32(bytes, has_small ? (uint32_t)found : UNKNOWN);
    return HEAD_BYTES + found * PLACE_BYTES;
}

static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    (void)max_items, (void)max_bytes; /* a block is a message of its own */
    check_pass *pass = user;
    size_t left = pass->input->moduli.count - pass->next;
    size_t count = left < BLOCK_KEYS ? left : BLOCK_KEYS;
    if (!count)
        return FAN_OK;
    mpz_srcptr first = pass->input->moduli.values + pass->next;
    size_t size = HEAD_BYTES + count * PLACE_BYTES + fani_weak_encoded_size(first, count);
    unsigned char *bytes = (unsigned char *)fani_bytes_room(&pass->block, size);
    if (!bytes)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a block of %zu keys", count);
    size_t head = put_small(pass, count, bytes);
    fani_weak_encode(first, count, bytes + head);
    size -= HEAD_BYTES + count * PLACE_BYTES - head;
    pass->next += count;
    *items = (fan_items){.bytes = bytes, .size = size, .count = 1};
    return FAN_OK;
}

/* Adds what was found in a key. */
static fan_status add_check(fani_weakkeys_checked *all, const fani_weakkeys_check *found)
{
    if (all->count == all->capacity) {
        size_t capacity = all->capacity ? 2 * all->capacity : 64;
        fani_weakkeys_check *at = reallocarray(all->at, capacity, sizeof *at);
        if (!at)
            return FAN_E_MEMORY;
        all->at = at;
        all->capacity = capacity;
    }
    all->at[all->count++] = *found;
    return FAN_OK;
}

static fan_status take_reply(const check_pass *pass, const unsigned char *bytes, size_t size,
                             fan_error *error)
{
    fani_weakkeys_checked *all = &pass->input->checked;
    size_t count = size >= HEAD_BYTES ? get_u32(bytes) : SIZE_MAX;
    size_t keys = pass->input->moduli.count - pass->done, factor = all->factors.count;
    if (count > keys || (size - HEAD_BYTES) / ENTRY_BYTES < count)
        return fani_error_set(error, FAN_E_PROTOCOL, "a malformed reply of a check of keys");
    const unsigned char *entry = bytes + HEAD_BYTES, *list = entry + count * ENTRY_BYTES;
    fan_status status = fani_weak_decode(list, size - (size_t)(list - bytes), &all->factors, error);
    for (size_t i = 0; status == FAN_OK && i < count; i++, entry += ENTRY_BYTES) {
        fani_weakkeys_check found = {.key = pass->done + get_u32(entry),
                                     .weakness = get_u32(entry + 4),
                                     .first_factor = factor,
                                     .factor_count = get_u32(entry + 8)};
        factor += found.factor_count;
        if (found.key >= pass->input->moduli.count || factor > all->factors.count)
            return fani_error_set(error, FAN_E_PROTOCOL, "a malformed reply of a check of keys");
        status = add_check(all, &found);
        if (status != FAN_OK)
            fani_error_set(error, status, "no memory for what was found in keys");
    }
    return status;
}

static fan_status check_failed(const fan_outcome *outcome, fan_error *error)
{
    fan_status status = FAN_E_FAILED;
    if (outcome->kind == FAN_OUTCOME_LOST)
        status = FAN_E_LOST;
    else if (outcome->kind == FAN_OUTCOME_TIMED_OUT)
        status = FAN_E_TIMEOUT;
    return fani_error_set(error, status, "a check of keys %s: %s", fan_outcome_name(outcome->kind),
                          outcome->text);
}

static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    check_pass *pass = user;
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++) {
        size_t left = pass->input->moduli.count - pass->done;
        status = outcomes[i].kind == FAN_OUTCOME_OK
                     ? take_reply(pass, outcomes[i].bytes, outcomes[i].size, error)
                     : check_failed(&outcomes[i], error);
        pass->done += left < BLOCK_KEYS ? left : BLOCK_KEYS;
    }
    return status;
}

/* ---- Small primes in the scan ---------------------------------------------------------------- */

static bool is_unchecked(const fani_job_run *run)
{
    const char *wanted = fani_job_text(run->job, FANI_KEY_CHECKS);
    return wanted && !strcmp(wanted, "none");
}

fan_status fani_weakkeys_join_primes(const fani_job_run *run, fani_weakkeys_input *input,
                                     fani_weak_set *set, fan_error *error)
{
    if (is_unchecked(run) || !fani_rsa_primorial_pays(&set->distinct))
        return FAN_OK;
    input->joined = fani_rsa_primorial_join(&set->distinct) == FAN_OK;
    return input->joined ? FAN_OK
                         : fani_error_set(error, FAN_E_MEMORY, "no memory for the small primes");
}

fan_status fani_weakkeys_part_primes(fani_weakkeys_input *input, fani_weak_set *set,
                                     fani_mpzs *gcds, fan_error *error)
{
    if (!input->joined)
        return FAN_OK;
    bool *distinct = malloc(set->distinct.count * sizeof *distinct);
    input->has_small = calloc(set->key_count, sizeof *input->has_small);
    fan_status status = distinct && input->has_small
                            ? fani_rsa_primorial_part(&set->distinct, gcds, distinct)
                            : FAN_E_MEMORY;
    for (size_t key = 0; status == FAN_OK && key < set->key_count; key++)
        if (set->slot[key] != FANI_WEAK_INVALID)
            input->has_small[key] = distinct[set->slot[key]];
    free(distinct);
    input->joined = false;
    return status == FAN_OK ? FAN_OK
                            : fani_error_set(error, status, "no memory to find small factors");
}

/* ---- The pass -------------------------------------------------------------------------------- */

fan_status fani_weakkeys_check_keys(fani_job_run *run, fani_weakkeys_input *input, fan_error *error)
{
    const fan_job *job = run->job;
    size_t count = input->moduli.count;
    input->unchecked = is_unchecked(run);
    if (!count || input->unchecked)
        return FAN_OK;
    check_pass pass = {.run = run, .input = input};
    fan_summary summary = {0};
    fan_map_options options = {.batch = 1,
                               .stop = run->events.stop,
                               .stop_user = run->events.user,
                               .timeout_ms = fani_job_ms(job, FANI_KEY_TIMEOUT),
                               .retries = (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                               .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF)};
    fan_source source =
        fan_source_callback(pull, &pass, count / BLOCK_KEYS + (count % BLOCK_KEYS != 0));
    fan_status status = fan_map(run->executor, &fani_task_weakkeys_check, source,
                                fan_sink_callback(put, &pass), &options, &summary);
    fan_buffer_clear(&pass.block);
    if (status != FAN_OK && error)
        *error = summary.error;
    return status;
}
