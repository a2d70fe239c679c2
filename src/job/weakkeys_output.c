/* The records of a weakkeys job: text for people, TSV and NDJSON for programs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/weakkeys.h"

enum { RECORDS_BETWEEN_STOPS = 256 };

static const char columns[] = "source\tline\tid\tbits\tweakness\tgcd\tfactors\tfound_factors\t"
                              "shares_with\tmodulus\n";

/* In the order in which a record names them. */
static const unsigned weaknesses[] = {
    FAN_WEAKKEYS_SHARED,   FAN_WEAKKEYS_DUPLICATE, FAN_WEAKKEYS_SMALL_FACTOR,
    FAN_WEAKKEYS_SQUARE,   FAN_WEAKKEYS_CLOSE,     FAN_WEAKKEYS_TINY,
    FAN_WEAKKEYS_EXPONENT, FAN_WEAKKEYS_ROCA,      FAN_WEAKKEYS_INVALID};
enum { WEAKNESSES = sizeof weaknesses / sizeof weaknesses[0] };

/* A record being written. The first error stays, and nothing is added after it. */
typedef struct record_text {
    const fani_weakkeys_input *input;
    const fan_weakkeys_finding *finding; /* of a key that shares nothing, one without partners */
    unsigned weakness;                   /* the finding's, and what the key has alone */
    const fani_weakkeys_check *check;    /* or NULL */
    fan_buffer out;
    fan_buffer scratch;
    fan_status status;
} record_text;

/* ---- Pieces ---------------------------------------------------------------------------------- */

static void add_bytes(record_text *r, const void *bytes, size_t size)
{
    if (r->status == FAN_OK)
        r->status = fani_bytes_add(&r->out, bytes, size);
}

static void add(record_text *r, const char *text)
{
    add_bytes(r, text, strlen(text));
}

static void add_count(record_text *r, uint64_t count)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, count);
    add(r, text);
}

/* A text from outside, whose control characters would break the line. */
static void add_name(record_text *r, const char *name)
{
    for (; *name; name++)
        add_bytes(r, (unsigned char)*name < ' ' || *name == 0x7f ? "?" : name, 1);
}

/* A text from outside as a value of TSV: backslashes are doubled and control characters written as
 * backslash and letter, or \xHH; what else is in `special` gets a backslash. */
static void add_escaped(record_text *r, const char *text, const char *special)
{
    static const char controls[] = "\t\n\r", letters[] = "tnr";
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        const char *letter = strchr(controls, c);
        char escape[5] = {'\\', (char)c};
        if (letter)
            escape[1] = letters[letter - controls];
        else if (c < ' ' || c == 0x7f)
            snprintf(escape, sizeof escape, "\\x%02x", c);
        else if (c != '\\' && !strchr(special, c))
            memmove(escape, escape + 1, sizeof escape - 1);
        add(r, escape);
    }
}

/* A number in hexadecimal, in the scratch until the next one; NULL where memory is short. */
static const char *hex(record_text *r, const fan_weakkeys_number *number)
{
    static const char digits[] = "0123456789abcdef";
    char *text = fani_bytes_room(&r->scratch, 2 * number->size_bytes + 2), *at = text;
    if (!text) {
        r->status = FAN_E_MEMORY;
        return NULL;
    }
    for (size_t i = 0; i < number->size_bytes; i++) {
        unsigned char byte = number->bytes[i];
        if (i || byte >> 4)
            *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    *at = '\0';
    return text;
}

static const char *integer_hex(record_text *r, mpz_srcptr value)
{
    char *text = fani_bytes_room(&r->scratch, mpz_sizeinbase(value, 16) + 2);
    if (!text) {
        r->status = FAN_E_MEMORY;
        return NULL;
    }
    return mpz_get_str(text, 16, value);
}

/* With all other valid keys: 1 where nothing is shared, "-" for an invalid key. */
static const char *gcd_hex(record_text *r)
{
    if (r->finding->gcd.size_bytes)
        return hex(r, &r->finding->gcd);
    return r->weakness == FAN_WEAKKEYS_INVALID ? "-" : "1";
}

static const char *modulus_hex(record_text *r)
{
    return integer_hex(r, r->input->moduli.values + r->finding->index);
}

/* How many factors the checks have found, and one of them. */
static size_t found_count(const record_text *r)
{
    return r->check ? r->check->factor_count : 0;
}

static const char *found_hex(record_text *r, size_t i)
{
    return integer_hex(r, r->input->checked.factors.values + r->check->first_factor + i);
}

static void add_found(record_text *r, const char *between, const char *before)
{
    for (size_t i = 0; i < found_count(r); i++) {
        const char *text = found_hex(r, i);
        add(r, i ? between : "");
        add(r, before);
        add(r, text ? text : "");
    }
}

static void add_hex(record_text *r, const fan_weakkeys_number *number)
{
    const char *text = hex(r, number);
    if (text)
        add(r, text);
}

static const char *file_of(const record_text *r, size_t key)
{
    return r->input->files.at[r->input->entries[key].file];
}

static const char *id_of(const record_text *r, size_t key)
{
    return (const char *)r->input->ids.bytes + r->input->entries[key].id;
}

static void add_place(record_text *r, size_t key)
{
    add_name(r, file_of(r, key));
    add(r, ":");
    add_count(r, r->input->entries[key].line);
}

static void add_weaknesses(record_text *r)
{
    bool first = true;
    for (size_t i = 0; i < WEAKNESSES; i++) {
        if (!(r->weakness & weaknesses[i]))
            continue;
        add(r, first ? "" : ",");
        add(r, fan_weakkeys_weakness_name(weaknesses[i]));
        first = false;
    }
}

static size_t shown(const fan_weakkeys_finding *f)
{
    return f->shares_count < FAN_WEAKKEYS_SHARES_SHOWN ? f->shares_count
                                                       : FAN_WEAKKEYS_SHARES_SHOWN;
}

/* "+n" where there are more than shown. */
static void add_rest(record_text *r, const char *before)
{
    size_t rest = r->finding->shares_count - shown(r->finding);
    if (!rest)
        return;
    add(r, before);
    add(r, "+");
    add_count(r, rest);
}

/* ---- Text ------------------------------------------------------------------------------------ */

static void add_text_factors(record_text *r)
{
    const fan_weakkeys_finding *f = r->finding;
    add(r, f->factor_count ? ", factors " : ", not split");
    for (size_t i = 0; i < f->factor_count; i++) {
        add(r, i ? " * 0x" : "0x");
        add_hex(r, &f->factors[i]);
    }
}

static void add_text_shares(record_text *r)
{
    const fan_weakkeys_finding *f = r->finding;
    add(r, ", shares with ");
    add_count(r, f->shares_count);
    add(r, f->shares_count == 1 ? " key: " : " keys: ");
    for (size_t i = 0; i < shown(f); i++) {
        add(r, i ? ", " : "");
        add_place(r, f->shares_with[i]);
    }
    add_rest(r, " ");
}

static void add_text(record_text *r)
{
    size_t key = r->finding->index;
    add_place(r, key);
    add(r, ": ");
    add_weaknesses(r);
    if (*id_of(r, key)) {
        add(r, " (");
        add_name(r, id_of(r, key));
        add(r, ")");
    }
    add(r, " ");
    add_count(r, r->input->entries[key].bits);
    add(r, " bits");
    if (r->finding->weakness & FAN_WEAKKEYS_SHARED) {
        add(r, ", gcd 0x");
        add_hex(r, &r->finding->gcd);
        add_text_factors(r);
    } else if (r->finding->weakness & FAN_WEAKKEYS_DUPLICATE) {
        add(r, ", the same modulus"); /* which is the gcd, and stays whole */
    }
    if (r->weakness == FAN_WEAKKEYS_INVALID)
        add(r, r->input->entries[key].bits ? ", the number 1" : ", the number 0");
    add(r, found_count(r) ? ", found " : "");
    add_found(r, " * ", "0x");
    if (r->finding->shares_count)
        add_text_shares(r);
    add(r, "\n");
}

/* ---- TSV ------------------------------------------------------------------------------------- */

/* The name by which other records refer to a key: its id, or its place where it has none. */
static void add_id(record_text *r, size_t key, const char *special)
{
    if (*id_of(r, key)) {
        add_escaped(r, id_of(r, key), special);
        return;
    }
    add_escaped(r, file_of(r, key), special);
    add(r, ":");
    add_count(r, r->input->entries[key].line);
}

/* In a list of ids those that belong to an id have a backslash: commas, and at its beginning what
 * means that there is none, or how many more there are. */
static void add_listed_id(record_text *r, size_t key)
{
    char first = *(*id_of(r, key) ? id_of(r, key) : file_of(r, key));
    add(r, first == '+' || first == '-' ? "\\" : "");
    add_id(r, key, ",");
}

static void add_tsv_factors(record_text *r)
{
    const fan_weakkeys_finding *f = r->finding;
    if (!f->factor_count)
        add(r, "-");
    for (size_t i = 0; i < f->factor_count; i++) {
        add(r, i ? "," : "");
        add_hex(r, &f->factors[i]);
    }
}

static void add_tsv_shares(record_text *r)
{
    const fan_weakkeys_finding *f = r->finding;
    if (!f->shares_count)
        add(r, "-");
    for (size_t i = 0; i < shown(f); i++) {
        add(r, i ? "," : "");
        add_listed_id(r, f->shares_with[i]);
    }
    add_rest(r, ",");
}

static void add_tsv(record_text *r)
{
    size_t key = r->finding->index;
    add_escaped(r, file_of(r, key), "");
    add(r, "\t");
    add_count(r, r->input->entries[key].line);
    add(r, "\t");
    add_id(r, key, "");
    add(r, "\t");
    add_count(r, r->input->entries[key].bits);
    add(r, "\t");
    add_weaknesses(r);
    add(r, "\t");
    const char *gcd = gcd_hex(r);
    add(r, gcd ? gcd : "");
    add(r, "\t");
    add_tsv_factors(r);
    add(r, found_count(r) ? "\t" : "\t-");
    add_found(r, ",", "");
    add(r, "\t");
    add_tsv_shares(r);
    add(r, "\t");
    const char *modulus = modulus_hex(r);
    if (modulus)
        add(r, modulus);
    add(r, "\n");
}

/* ---- NDJSON ---------------------------------------------------------------------------------- */

/* The name by which other records refer to a key. */
static json_t *json_id(record_text *r, size_t key)
{
    const char *id = id_of(r, key);
    if (*id)
        return fani_json_text(id);
    json_t *file = fani_json_text(file_of(r, key));
    json_t *place =
        file ? json_sprintf("%s:%" PRIu64, json_string_value(file), r->input->entries[key].line)
             : NULL;
    json_decref(file);
    return place;
}

/* Fills a new array with what `at` makes of 0 .. count - 1; NULL where memory is short. */
static json_t *json_list(record_text *r, size_t count, json_t *(*at)(record_text *r, size_t i))
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < count; i++) {
        if (json_array_append_new(list, at(r, i))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *factor_at(record_text *r, size_t i)
{
    const char *text = hex(r, &r->finding->factors[i]);
    return text ? json_string(text) : NULL;
}

static json_t *found_at(record_text *r, size_t i)
{
    const char *text = found_hex(r, i);
    return text ? json_string(text) : NULL;
}

static json_t *partner_at(record_text *r, size_t i)
{
    return json_id(r, r->finding->shares_with[i]);
}

static json_t *json_weaknesses(const record_text *r)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < WEAKNESSES; i++) {
        if ((r->weakness & weaknesses[i]) &&
            json_array_append_new(list, json_string(fan_weakkeys_weakness_name(weaknesses[i])))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* Takes `value` over; false where it is NULL or memory is short. */
static bool put(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

static bool fill_json(record_text *r, json_t *object)
{
    const fan_weakkeys_finding *f = r->finding;
    const fani_weakkeys_entry *entry = &r->input->entries[f->index];
    const char *text;
    return put(object, "schema", json_string("fanfold.weakkeys/1")) &&
           put(object, "index", json_integer((json_int_t)entry->index)) &&
           put(object, "status", json_string("ok")) &&
           put(object, "source", fani_json_text(file_of(r, f->index))) &&
           put(object, "line", json_integer((json_int_t)entry->line)) &&
           put(object, "id", json_id(r, f->index)) &&
           put(object, "bits", json_integer((json_int_t)entry->bits)) &&
           put(object, "weakness", json_weaknesses(r)) && (text = gcd_hex(r)) &&
           put(object, "gcd", *text == '-' ? json_null() : json_string(text)) &&
           put(object, "factors", json_list(r, f->factor_count, factor_at)) &&
           put(object, "found_factors", json_list(r, found_count(r), found_at)) &&
           put(object, "shares_with", json_list(r, shown(f), partner_at)) &&
           put(object, "shares_count", json_integer((json_int_t)f->shares_count)) &&
           (text = modulus_hex(r)) && put(object, "modulus", json_string(text));
}

static void add_ndjson(record_text *r)
{
    json_t *object = json_object();
    if (object && fill_json(r, object)) {
        r->status = fani_bytes_add_json(&r->out, object);
        return;
    }
    json_decref(object);
    r->status = FAN_E_MEMORY;
}

/* ---- All ------------------------------------------------------------------------------------- */

static fan_status write_finding(fani_job_run *run, record_text *r, fan_error *error)
{
    r->out.size = 0;
    switch (run->format) {
    case FANI_FORMAT_TEXT:
        add_text(r);
        break;
    case FANI_FORMAT_TSV:
        add_tsv(r);
        break;
    case FANI_FORMAT_NDJSON:
        add_ndjson(r);
        break;
    }
    if (r->status != FAN_OK)
        return fani_error_set(error, r->status, "out of memory");
    return fani_writer_add(run->writer, r->out.bytes, r->out.size, error);
}

/* Goes through all keys with what was found in them; `finding` is the caller's where a key has none
 * of its own. False: no key is left. */
typedef struct all_keys {
    const fani_weakkeys_input *input;
    const fan_weakkeys_report *report;
    size_t key, next_finding, next_check;
} all_keys;

static bool next_key(all_keys *all, record_text *r, fan_weakkeys_finding *none)
{
    const fani_weakkeys_checked *checked = &all->input->checked;
    for (; all->key < all->input->moduli.count; all->key++) {
        const fan_weakkeys_finding *finding = NULL;
        const fani_weakkeys_check *check = NULL;
        if (all->next_finding < all->report->finding_count &&
            all->report->findings[all->next_finding].index == all->key)
            finding = &all->report->findings[all->next_finding++];
        if (all->next_check < checked->count && checked->at[all->next_check].key == all->key)
            check = &checked->at[all->next_check++];
        unsigned weakness = (finding ? finding->weakness : 0) | (check ? check->weakness : 0);
        if (all->input->entries[all->key].weak_exponent && !all->input->unchecked &&
            weakness != FAN_WEAKKEYS_INVALID)
            weakness |= FAN_WEAKKEYS_EXPONENT;
        if (!weakness || all->input->entries[all->key].quiet)
            continue;
        *none = (fan_weakkeys_finding){.index = all->key++};
        r->finding = finding ? finding : none;
        r->check = check;
        r->weakness = weakness;
        return true;
    }
    return false;
}

size_t fani_weakkeys_count(const fani_weakkeys_input *input, const fan_weakkeys_report *report,
                           unsigned wanted)
{
    all_keys all = {.input = input, .report = report};
    record_text r = {.input = input};
    fan_weakkeys_finding none;
    size_t count = 0;
    while (next_key(&all, &r, &none))
        count += (r.weakness & wanted) != 0;
    return count;
}

fan_status fani_weakkeys_write(fani_job_run *run, const fani_weakkeys_input *input,
                               const fan_weakkeys_report *report, fan_error *error)
{
    all_keys all = {.input = input, .report = report};
    record_text r = {.input = input};
    fan_weakkeys_finding none;
    fan_status status = FAN_OK;
    if (input->moduli.count)
        status = fani_run_header(run, columns, error);
    for (size_t i = 1; status == FAN_OK && next_key(&all, &r, &none); i++) {
        status = write_finding(run, &r, error);
        if (status == FAN_OK && i % RECORDS_BETWEEN_STOPS == 0 && fani_run_is_stopped(run))
            status = fani_error_set(error, FAN_E_CANCELLED, "stopped while writing");
    }
    fan_buffer_clear(&r.out);
    fan_buffer_clear(&r.scratch);
    return status;
}
