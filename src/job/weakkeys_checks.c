/* The checks of single keys (kernel/rsa) as a task: an item is a block of moduli in the bytes of
 * kernel/gcd/weak_codec.h. Its reply lists the keys in which something was found:
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

/* A block takes a worker some milliseconds; its size changes nothing else. */
enum { BLOCK_KEYS = 512, ENTRY_BYTES = 12, HEAD_BYTES = 4 };

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

static fan_status reply_findings(fan_run *run, size_t i, const unsigned char *head, size_t found,
                                 const fani_mpzs *factors)
{
    size_t head_size = HEAD_BYTES + found * ENTRY_BYTES;
    size_t size = head_size + fani_weak_encoded_size(factors->values, factors->count);
    unsigned char *bytes = malloc(size);
    if (!bytes)
        return FAN_E_MEMORY;
    put_u32(bytes, (uint32_t)found);
    memcpy(bytes + HEAD_BYTES, head, found * ENTRY_BYTES);
    fani_weak_encode(factors->values, factors->count, bytes + head_size);
    fan_status status = fan_run_reply(run, i, bytes, size);
    free(bytes);
    return status;
}

/* Checks the moduli; `entries` has room for all of them. */
static fan_status check_moduli(fani_rsa_checker *checker, const fani_mpzs *moduli,
                               unsigned *weakness, unsigned char *entries, size_t *found,
                               fani_mpzs *factors)
{
    fan_status status =
        fani_rsa_check(checker, moduli->values, moduli->count, FAN_WEAKKEYS_CHECKS, weakness);
    *found = 0;
    for (size_t k = 0; status == FAN_OK && k < moduli->count; k++) {
        if (!weakness[k])
            continue;
        size_t before = factors->count;
        unsigned char *entry = entries + (*found)++ * ENTRY_BYTES;
        status = fani_rsa_split(checker, moduli->values + k, weakness[k], factors);
        put_u32(entry, (uint32_t)k);
        put_u32(entry + 4, weakness[k]);
        put_u32(entry + 8, (uint32_t)(factors->count - before));
    }
    return status;
}

static fan_status check_item(fan_run *run, size_t i, const unsigned char *bytes, size_t size)
{
    fani_mpzs moduli = {0}, factors = {0};
    unsigned *weakness = NULL;
    unsigned char *entries = NULL;
    size_t found = 0;
    if (fan_run_cancelled(run))
        return FAN_E_CANCELLED;
    fan_status status = fani_weak_decode(bytes, size, &moduli, NULL);
    if (status == FAN_OK && !moduli.count) /* a block that no job sends */
        status = FAN_E_PROTOCOL;
    if (status == FAN_OK) {
        weakness = calloc(moduli.count, sizeof *weakness);
        entries = calloc(moduli.count, ENTRY_BYTES);
        status = weakness && entries ? FAN_OK : FAN_E_MEMORY;
    }
    if (status == FAN_OK)
        status = check_moduli(fan_run_state(run), &moduli, weakness, entries, &found, &factors);
    if (status == FAN_OK)
        status = reply_findings(run, i, entries, found, &factors);
    free(weakness);
    free(entries);
    fani_mpzs_free(&moduli);
    fani_mpzs_free(&factors);
    return status;
}

static fan_status run_check(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, check_item);
}

const fan_task fani_task_weakkeys_check = {.name = "weakkeys.check",
                                           .version = 1,
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
    size_t size = fani_weak_encoded_size(first, count);
    unsigned char *bytes = (unsigned char *)fani_bytes_room(&pass->block, size);
    if (!bytes)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a block of %zu keys", count);
    fani_weak_encode(first, count, bytes);
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

fan_status fani_weakkeys_check_keys(fani_job_run *run, fani_weakkeys_input *input, fan_error *error)
{
    const fan_job *job = run->job;
    const char *wanted = fani_job_text(job, FANI_KEY_CHECKS);
    size_t count = input->moduli.count;
    input->unchecked = wanted && !strcmp(wanted, "none");
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
