#include "job/sieve_state.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/record.h"
#include "kernel/qs/unit.h"
#include "stage/journal.h"

enum { UNIT = 1 }; /* kind of a record: a unit's index (8 bytes, little-endian), its relations */

struct fani_sieve_state {
    fani_journal *journal;
    fan_buffer scratch;
};

/* ---- What is there --------------------------------------------------------------------------- */

typedef struct reading {
    const fani_sieve_state_options *options;
    /* Units that are not true in the file, as long as none of their records is. */
    uint64_t *bad;
    size_t bad_count;
    bool is_foreign; /* there are records of other kinds */
} reading;

static fan_status note_bad(reading *r, uint64_t unit, fan_error *error)
{
    uint64_t *bad = reallocarray(r->bad, r->bad_count + 1, sizeof *bad);
    if (!bad)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    r->bad = bad;
    r->bad[r->bad_count++] = unit;
    return FAN_OK;
}

static void forget_bad(reading *r, uint64_t unit)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->bad_count; i++)
        if (r->bad[i] != unit)
            r->bad[kept++] = r->bad[i];
    r->bad_count = kept;
}

static fan_status visit(void *user, const fani_journal_record *record, fan_error *error)
{
    reading *r = user;
    const unsigned char *bytes = record->payload;
    uint64_t unit;
    if (record->kind != UNIT || record->size < sizeof unit) {
        r->is_foreign = true;
        return FAN_OK;
    }
    memcpy(&unit, bytes, sizeof unit);
    unit = le64toh(unit);
    fan_status status = r->options->unit(r->options->user, unit, bytes + sizeof unit,
                                         record->size - sizeof unit, error);
    if (status == FAN_E_PROTOCOL)
        return note_bad(r, unit, error);
    if (status == FAN_OK)
        forget_bad(r, unit);
    return status;
}

/* What a repair has redone stands behind what was wrong. */
static fan_status judge(const reading *r, fan_error *error)
{
    const char *path = r->options->path;
    if (r->is_foreign)
        return fani_error_set(error, FAN_E_INPUT, "%.300s: a record of another Fanfold", path);
    if (r->bad_count && !r->options->repair)
        return fani_error_set(
            error, FAN_E_INPUT,
            "%.300s: the relations of %zu units are not true, of unit %llu first: "
            "--repair does them again",
            path, r->bad_count, (unsigned long long)r->bad[0]);
    return FAN_OK;
}

/* ---- Opening --------------------------------------------------------------------------------- */

typedef struct identity {
    char *number;
    char version[64], parameters[160], unit[64];
} identity;

static bool identify(const fani_qs *qs, identity *id)
{
    fani_qs_params p = fani_qs_parameters(qs);
    snprintf(id->version, sizeof id->version, "relations, version %d", FANI_QS_VERSION);
    snprintf(id->parameters, sizeof id->parameters,
             "base %u, blocks %u, large %u, small %u, slack %u, pair %u, a_prime %u", p.base,
             p.blocks, p.large, p.small, p.slack, p.pair, p.a_prime);
    snprintf(id->unit, sizeof id->unit, "%u polynomials", fani_qs_unit_polynomials(qs));
    id->number = malloc(mpz_sizeinbase(fani_qs_number(qs), 10) + 2);
    if (id->number)
        mpz_get_str(id->number, 10, fani_qs_number(qs));
    return id->number != NULL;
}

static fan_status open_journal(const fani_qs *qs, reading *r, fani_journal **journal,
                               fan_error *error)
{
    identity id = {.number = NULL};
    if (!identify(qs, &id))
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    const fani_journal_fact facts[] = {{"sieve", id.version},
                                       {"number", id.number},
                                       {"parameters", id.parameters},
                                       {"unit", id.unit}};
    fani_journal_options options = {.identity = facts,
                                    .identity_count = sizeof facts / sizeof *facts,
                                    .resume = true,
                                    .repair = r->options->repair,
                                    .break_lock = r->options->break_lock,
                                    .visitor = {.record = visit, .user = r}};
    fan_status status = fani_journal_open(&options, r->options->path, journal, error);
    free(id.number);
    return status;
}

fan_status fani_sieve_state_open(const fani_qs *qs, const fani_sieve_state_options *options,
                                 fani_sieve_state **state, fan_error *error)
{
    reading r = {.options = options};
    *state = NULL;
    fani_sieve_state *made = calloc(1, sizeof *made);
    if (!made)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fan_status status = open_journal(qs, &r, &made->journal, error);
    if (status == FAN_OK)
        status = judge(&r, error);
    free(r.bad);
    if (status == FAN_OK)
        *state = made;
    else
        (void)fani_sieve_state_close(made, NULL);
    return status;
}

/* ---- Afterwards ------------------------------------------------------------------------------ */

fan_status fani_sieve_state_add(fani_sieve_state *state, uint64_t unit, const unsigned char *bytes,
                                size_t size, fan_deadline deadline, fan_error *error)
{
    uint64_t index = htole64(unit);
    if (size > FANI_JOURNAL_PAYLOAD_MAX - sizeof index)
        return FAN_OK;
    state->scratch.size = 0;
    fan_status status = fani_bytes_add(&state->scratch, &index, sizeof index);
    if (status == FAN_OK)
        status = fani_bytes_add(&state->scratch, bytes, size);
    if (status != FAN_OK)
        return fani_error_set(error, status, "%s", fan_status_text(status));
    return fani_journal_append(state->journal, UNIT, state->scratch.bytes, state->scratch.size,
                               deadline, NULL, error);
}

fan_status fani_sieve_state_close(fani_sieve_state *state, fan_error *error)
{
    if (!state)
        return FAN_OK;
    fan_status status = fani_journal_close(state->journal, FAN_FOREVER, error);
    fan_buffer_clear(&state->scratch);
    free(state);
    return status;
}
