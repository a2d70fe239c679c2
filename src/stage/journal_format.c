#include "stage/journal_format.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"

/* As in PNG: a file that was taken for text on its way is no journal any more, and says so. */
static const unsigned char magic[8] = {'F', 'A', 'N', 'J', '\r', '\n', 0x1a, '\n'};

enum {
    HEAD_CHECKED = FANI_JOURNAL_HEAD - 8,
    AT_MARK = 8, /* in a record: the check of the whole, the check of the beginning, the fields */
    AT_FIELDS = 12,
    FIELDS = FANI_JOURNAL_RECORD_HEAD - AT_FIELDS,
};

static void put_u32(unsigned char *to, uint32_t value)
{
    value = htole32(value);
    memcpy(to, &value, sizeof value);
}

static uint32_t get_u32(const unsigned char *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return le32toh(value);
}

void fani_journal_u64_put(unsigned char to[static 8], uint64_t value)
{
    value = htole64(value);
    memcpy(to, &value, sizeof value);
}

uint64_t fani_journal_u64_get(const unsigned char from[static 8])
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return le64toh(value);
}

/* ---- The head of a file ---------------------------------------------------------------------- */

void fani_journal_head_put(unsigned char head[static FANI_JOURNAL_HEAD], uint64_t id)
{
    memset(head, 0, FANI_JOURNAL_HEAD);
    memcpy(head, magic, sizeof magic);
    put_u32(head + 8, FANI_JOURNAL_VERSION);
    put_u32(head + 12, FANI_JOURNAL_HEAD);
    fani_journal_u64_put(head + 16, id);
    fani_journal_u64_put(head + HEAD_CHECKED, XXH3_64bits(head, HEAD_CHECKED));
}

fan_status fani_journal_head_get(const unsigned char head[static FANI_JOURNAL_HEAD], uint64_t *id,
                                 fan_error *error)
{
    if (memcmp(head, magic, sizeof magic) != 0)
        return fani_error_set(error, FAN_E_INPUT, "is no journal");
    if (fani_journal_u64_get(head + HEAD_CHECKED) != XXH3_64bits(head, HEAD_CHECKED))
        return fani_error_set(error, FAN_E_INPUT,
                              "is damaged at byte 0, in its head: it can't be repaired");
    if (get_u32(head + 8) != FANI_JOURNAL_VERSION)
        return fani_error_set(error, FAN_E_INPUT, "has version %u of the format, expected %d",
                              get_u32(head + 8), FANI_JOURNAL_VERSION);
    *id = fani_journal_u64_get(head + 16);
    return FAN_OK;
}

/* ---- Records --------------------------------------------------------------------------------- */

/* The check of a record's beginning; never 0, so that zeroes are no record. */
static uint32_t mark_check(const unsigned char *record, uint64_t id)
{
    return (uint32_t)XXH3_64bits_withSeed(record + AT_FIELDS, FIELDS, id) | 1;
}

static uint64_t record_check(const unsigned char *record, uint64_t id, size_t size)
{
    return XXH3_64bits_withSeed(record + AT_MARK, fani_journal_record_bytes(size) - AT_MARK, id);
}

void fani_journal_record_put(unsigned char *to, uint64_t id, fani_journal_mark mark,
                             const void *payload)
{
    put_u32(to + 12, mark.size);
    put_u32(to + 16, mark.kind);
    put_u32(to + 20, mark.epoch);
    fani_journal_u64_put(to + 24, mark.sequence);
    put_u32(to + AT_MARK, mark_check(to, id));
    if (mark.size) {
        /* The end of the last word first: the payload then covers what of it is its own. */
        memset(to + fani_journal_record_bytes(mark.size) - 8, 0, 8);
        memcpy(to + FANI_JOURNAL_RECORD_HEAD, payload, mark.size);
    }
    fani_journal_u64_put(to, record_check(to, id, mark.size));
}

fani_journal_find fani_journal_mark_get(const unsigned char head[static FANI_JOURNAL_RECORD_HEAD],
                                        uint64_t id, fani_journal_mark *mark)
{
    uint32_t check = get_u32(head + AT_MARK);
    if (!check || check != mark_check(head, id))
        return FANI_JOURNAL_FIND_NONE;
    *mark = (fani_journal_mark){.size = get_u32(head + 12),
                                .kind = get_u32(head + 16),
                                .epoch = get_u32(head + 20),
                                .sequence = fani_journal_u64_get(head + 24)};
    return mark->size <= FANI_JOURNAL_PAYLOAD_MAX ? FANI_JOURNAL_FIND_HEAD : FANI_JOURNAL_FIND_NONE;
}

bool fani_journal_record_whole(const unsigned char *record, uint64_t id, uint32_t size)
{
    return fani_journal_u64_get(record) == record_check(record, id, size);
}

/* ---- Identities ------------------------------------------------------------------------------ */

/* The texts with their NULs, one after the other: key, value, key, value. */
unsigned char *fani_journal_identity_put(const fani_journal_fact facts[], size_t count,
                                         size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < count; i++)
        *size += strlen(facts[i].key) + strlen(facts[i].value) + 2;
    unsigned char *payload = *size <= FANI_JOURNAL_PAYLOAD_MAX ? malloc(*size + 1) : NULL;
    if (!payload)
        return NULL;
    char *to = (char *)payload;
    for (size_t i = 0; i < count; i++) {
        to = stpcpy(to, facts[i].key) + 1;
        to = stpcpy(to, facts[i].value) + 1;
    }
    return payload;
}

/* The text at *at, which is moved behind it; NULL: none, or it does not end. */
static const char *next_text(const unsigned char *payload, size_t size, size_t *at)
{
    const unsigned char *end = *at < size ? memchr(payload + *at, 0, size - *at) : NULL;
    const char *text = (const char *)payload + *at;
    if (!end)
        return NULL;
    *at = (size_t)(end - payload) + 1;
    return text;
}

bool fani_journal_identity_get(const unsigned char *payload, size_t size,
                               void (*fact)(void *user, const char *key, const char *value),
                               void *user)
{
    for (size_t at = 0; at < size;) {
        const char *key = next_text(payload, size, &at);
        const char *value = key ? next_text(payload, size, &at) : NULL;
        if (!value)
            return false;
        fact(user, key, value);
    }
    return true;
}

typedef struct match {
    const fani_journal_fact *facts;
    size_t count, found;
    fan_status status;
    fan_error *error;
} match;

static fan_status differs(match *m, const char *key, const char *here, const char *now)
{
    m->status = fani_error_set(m->error, FAN_E_ARGUMENT,
                               "belongs to another run: its %.60s is %.160s, now it is %.160s", key,
                               here, now);
    return m->status;
}

static void match_fact(void *user, const char *key, const char *value)
{
    match *m = user;
    m->found++;
    if (m->status != FAN_OK)
        return;
    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->facts[i].key, key) == 0) {
            if (strcmp(m->facts[i].value, value) != 0)
                differs(m, key, value, m->facts[i].value);
            return;
        }
    }
    differs(m, key, value, "not there");
}

/* Whether a file's identity has a key; the search goes through the callback above. */
typedef struct lookup {
    const char *key;
    bool found;
} lookup;

static void look_up(void *user, const char *key, const char *value)
{
    (void)value;
    lookup *l = user;
    l->found = l->found || strcmp(l->key, key) == 0;
}

fan_status fani_journal_identity_match(const unsigned char *payload, size_t size,
                                       const fani_journal_fact facts[], size_t count,
                                       fan_error *error)
{
    match m = {.facts = facts, .count = count, .status = FAN_OK, .error = error};
    if (!fani_journal_identity_get(payload, size, match_fact, &m))
        return fani_error_set(error, FAN_E_INPUT, "has a malformed identity");
    for (size_t i = 0; i < count && m.status == FAN_OK; i++) {
        lookup l = {.key = facts[i].key};
        (void)fani_journal_identity_get(payload, size, look_up, &l);
        if (!l.found)
            differs(&m, facts[i].key, "not there", facts[i].value);
    }
    return m.status;
}
