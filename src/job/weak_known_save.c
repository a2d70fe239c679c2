/* The next state: the old one's sections, copied, and what is new behind them. */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/writer.h"
#include "job/weak_known_internal.h"
#include "kernel/gcd/reciprocal.h"
#include "kernel/gcd/space.h"

/* What is to be written beside the old sections. */
typedef struct saving {
    fani_weak_known *known;
    const fani_weakkeys_input *input;
    fani_known_writer *writer;
    /* Groups: the first `kept` old ones stay, these follow. */
    size_t kept;
    uint64_t kept_limbs;
    fani_mpzs products;
    uint64_t *sizes;
    /* Places of the moduli that share a factor now, and their common parts, which are borrowed. */
    uint64_t *slots;
    mpz_srcptr *parts;
    size_t listed;
} saving;

static fan_status no_memory(fan_error *error)
{
    fani_error_set(error, FAN_E_MEMORY, "no memory to write a state down");
    return FAN_E_MEMORY;
}

/* ---- Groups ---------------------------------------------------------------------------------- */

/* Multiplies the first new product by the last old one that stays. */
static fan_status merge_last(saving *s, fan_error *error)
{
    const fani_known_file *file = &s->known->file;
    size_t last = --s->kept, limbs = (size_t)file->groups[last].limbs;
    fani_known_stream products = {.file = file, .section = FANI_KNOWN_PRODUCTS};
    mpz_t old, product;
    mpz_inits(old, product, NULL);
    s->kept_limbs -= limbs;
    products.next = s->kept_limbs * sizeof(mp_limb_t);
    mp_limb_t *at = mpz_limbs_write(old, (mp_size_t)limbs);
    fan_status status = fani_known_product_next(&products, last, at, error);
    mpz_limbs_finish(old, status == FAN_OK ? (mp_size_t)limbs : 0);
    if (status == FAN_OK) {
        status = fani_multiply(fani_multiplier_best(), product, old, s->products.values);
        if (status != FAN_OK)
            no_memory(error);
    }
    mpz_swap(s->products.values, product);
    s->sizes[0] += file->groups[last].moduli;
    fani_known_stream_free(&products);
    mpz_clears(old, product, NULL);
    return status;
}

/* Whether a product of numbers of so many limbs can be made beside all that there is. */
static bool has_room(const fani_job_run *run, uint64_t a, uint64_t b)
{
    const fani_weak_memory memory = fani_weak_memory_of(run);
    const fani_weak_item item = {.held = FANI_KNOWN_READ_BYTES + a * sizeof(mp_limb_t),
                                 .work = fani_space_multiply((size_t)a, (size_t)b)};
    return !memory.limit || fani_weak_need(&memory, &item, 1) <= memory.limit;
}

/* Groups of the new moduli. One that is alone, and not much shorter than the last old one, goes
 * with it, so that there are few groups however many small scans there were, and each modulus is
 * multiplied again only as often as its group doubles. Where there is no room for that it stays
 * alone: a later scan does it. */
static fan_status make_groups(saving *s, fan_error *error)
{
    const fani_known_file *file = &s->known->file;
    s->kept = (size_t)file->head.groups;
    s->kept_limbs = file->head.size[FANI_KNOWN_PRODUCTS] / sizeof(mp_limb_t);
    if (!s->known->fresh.count)
        return FAN_OK;
    fan_status status =
        fani_known_products(s->known->run, &s->known->fresh, &s->products, &s->sizes, error);
    while (status == FAN_OK && s->products.count == 1 && s->kept) {
        uint64_t last = file->groups[s->kept - 1].limbs, own = mpz_size(s->products.values);
        if (last > 2 * own || last + own > FANI_KNOWN_GROUP_LIMBS ||
            !has_room(s->known->run, last, own))
            break;
        status = merge_last(s, error);
    }
    return status;
}

/* ---- Moduli that share a factor -------------------------------------------------------------- */

static void list(saving *s, uint64_t slot, mpz_srcptr part)
{
    if (s->listed && s->slots[s->listed - 1] == slot)
        return;
    s->slots[s->listed] = slot;
    s->parts[s->listed++] = part;
}

/* Both lists ascend; of a modulus of both, what it met now has all primes. */
static fan_status make_listed(saving *s, fan_error *error)
{
    const fani_weak_known *known = s->known;
    const fani_known_file *file = &known->file;
    size_t old = file->gcds.count, met = known->met.gcds.count, i = 0, j = 0;
    size_t most = old + met + known->gcds.count;
    s->slots = malloc((most + 1) * sizeof *s->slots);
    s->parts = malloc((most + 1) * sizeof *s->parts);
    if (!s->slots || !s->parts)
        return no_memory(error);
    while (i < old || j < met) {
        if (j == met || (i < old && file->listed[i] < known->met.slots[j])) {
            list(s, file->listed[i], file->gcds.values + i);
            i++;
        } else {
            list(s, known->met.slots[j], known->met.gcds.values + j);
            j++;
        }
    }
    for (size_t k = 0; k < known->gcds.count; k++)
        if (mpz_cmp_ui(known->gcds.values + k, 1) > 0)
            list(s, file->head.distinct + k, known->gcds.values + k);
    return FAN_OK;
}

/* ---- The head -------------------------------------------------------------------------------- */

/* Which run's output must be in its place before the state is. */
static uint64_t owner_of(const fani_job_run *run)
{
    char *target = run->state ? fani_writer_target(run->output) : NULL;
    uint64_t owner = target ? XXH3_64bits(target, strlen(target)) : 0;
    free(target);
    return owner;
}

static const char *id_of(const saving *s, size_t key)
{
    return (const char *)s->input->ids.bytes + s->input->entries[key].id;
}

static size_t first_new(const saving *s)
{
    return s->known->told;
}

static fani_known_head head_of(const saving *s)
{
    const fani_weak_known *known = s->known;
    const fani_known_head *old = &known->file.head;
    const fani_weakkeys_input *input = s->input;
    fani_known_head head = {.parent = known->file.check,
                            .owner = owner_of(known->run),
                            .files = input->files.count,
                            .keys = old->keys + known->new_count,
                            .distinct = old->distinct + known->fresh.count,
                            .groups = s->kept + s->products.count,
                            .listed = s->listed};
    memcpy(head.size, old->size, sizeof head.size);
    for (size_t f = known->file.files.count; f < input->files.count; f++)
        head.size[FANI_KNOWN_FILES] += strlen(input->files.at[f]) + 1;
    for (size_t k = first_new(s); k < input->moduli.count; k++)
        head.size[FANI_KNOWN_IDS] += strlen(id_of(s, k)) + 1;
    head.size[FANI_KNOWN_KEYS] = head.keys * sizeof(fani_known_key);
    head.size[FANI_KNOWN_LENGTHS] = head.distinct * sizeof(uint32_t);
    for (size_t i = 0; i < known->fresh.count; i++)
        head.size[FANI_KNOWN_MODULI] += mpz_size(known->fresh.values + i) * sizeof(mp_limb_t);
    head.size[FANI_KNOWN_GROUPS] = head.groups * sizeof(fani_known_group);
    head.size[FANI_KNOWN_PRODUCTS] = s->kept_limbs * sizeof(mp_limb_t);
    for (size_t i = 0; i < s->products.count; i++)
        head.size[FANI_KNOWN_PRODUCTS] += mpz_size(s->products.values + i) * sizeof(mp_limb_t);
    head.size[FANI_KNOWN_LISTED] = 0;
    for (size_t i = 0; i < s->listed; i++)
        head.size[FANI_KNOWN_LISTED] += 16 + mpz_size(s->parts[i]) * sizeof(mp_limb_t);
    return head;
}

/* ---- Sections -------------------------------------------------------------------------------- */

static fan_status write_limbs(saving *s, mpz_srcptr value, fan_error *error)
{
    return fani_known_write(s->writer, mpz_limbs_read(value), mpz_size(value) * sizeof(mp_limb_t),
                            error);
}

static fan_status write_files(saving *s, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t f = s->known->file.files.count; f < s->input->files.count && status == FAN_OK; f++)
        status = fani_known_write(s->writer, s->input->files.at[f],
                                  strlen(s->input->files.at[f]) + 1, error);
    return status;
}

static fan_status write_ids(saving *s, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t k = first_new(s); k < s->input->moduli.count && status == FAN_OK; k++)
        status = fani_known_write(s->writer, id_of(s, k), strlen(id_of(s, k)) + 1, error);
    return status;
}

/* Old keys as they were, but for what is said of them. */
static fan_status write_old_keys(saving *s, fan_error *error)
{
    const fani_known_file *file = &s->known->file;
    fani_known_stream keys = {.file = file, .section = FANI_KNOWN_KEYS};
    fan_status status = FAN_OK;
    for (uint64_t k = 0, next = 0; k < file->head.keys && status == FAN_OK; k++) {
        fani_known_key key;
        status = fani_known_key_next(&keys, &key, error);
        if (next < s->known->told && s->known->digests[next].key == k)
            key.digest = s->known->digests[next++].digest;
        if (status == FAN_OK)
            status = fani_known_write(s->writer, &key, sizeof key, error);
    }
    fani_known_stream_free(&keys);
    return status;
}

static fan_status write_keys(saving *s, fan_error *error)
{
    fan_status status = write_old_keys(s, error);
    uint64_t id = s->known->file.head.size[FANI_KNOWN_IDS];
    for (size_t k = first_new(s); k < s->input->moduli.count && status == FAN_OK; k++) {
        const fani_weakkeys_entry *entry = &s->input->entries[k];
        fani_known_key key = {.slot = s->known->slots[k - first_new(s)],
                              .line = entry->line,
                              .id = id,
                              .digest = s->known->digests[k].digest,
                              .file = (uint32_t)entry->file,
                              .bits = (uint32_t)entry->bits |
                                      (entry->weak_exponent ? (uint32_t)FANI_KNOWN_BITS + 1 : 0)};
        id += strlen(id_of(s, k)) + 1;
        status = fani_known_write(s->writer, &key, sizeof key, error);
    }
    return status;
}

static fan_status write_lengths(saving *s, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < s->known->fresh.count && status == FAN_OK; i++) {
        uint32_t length = (uint32_t)mpz_size(s->known->fresh.values + i);
        status = fani_known_write(s->writer, &length, sizeof length, error);
    }
    return status;
}

static fan_status write_moduli(saving *s, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < s->known->fresh.count && status == FAN_OK; i++)
        status = write_limbs(s, s->known->fresh.values + i, error);
    return status;
}

static fan_status write_groups(saving *s, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < s->products.count && status == FAN_OK; i++) {
        fani_known_group group = {s->sizes[i], mpz_size(s->products.values + i)};
        status = fani_known_write(s->writer, &group, sizeof group, error);
    }
    return status;
}

static fan_status write_products(saving *s, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < s->products.count && status == FAN_OK; i++)
        status = write_limbs(s, s->products.values + i, error);
    return status;
}

static fan_status write_listed(saving *s, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < s->listed && status == FAN_OK; i++) {
        uint64_t entry[2] = {s->slots[i], mpz_size(s->parts[i])};
        status = fani_known_write(s->writer, entry, sizeof entry, error);
        if (status == FAN_OK)
            status = write_limbs(s, s->parts[i], error);
    }
    return status;
}

/* How many bytes of an old section stay at its beginning. */
static uint64_t old_size(const saving *s, size_t section)
{
    switch (section) {
    case FANI_KNOWN_KEYS: /* written anew */
    case FANI_KNOWN_LISTED:
        return 0;
    case FANI_KNOWN_GROUPS:
        return s->kept * sizeof(fani_known_group);
    case FANI_KNOWN_PRODUCTS:
        return s->kept_limbs * sizeof(mp_limb_t);
    default:
        return s->known->file.head.size[section];
    }
}

static fan_status write_all(saving *s, fan_error *error)
{
    static fan_status (*const write[FANI_KNOWN_SECTIONS])(saving *, fan_error *) = {
        [FANI_KNOWN_FILES] = write_files,       [FANI_KNOWN_IDS] = write_ids,
        [FANI_KNOWN_KEYS] = write_keys,         [FANI_KNOWN_LENGTHS] = write_lengths,
        [FANI_KNOWN_MODULI] = write_moduli,     [FANI_KNOWN_GROUPS] = write_groups,
        [FANI_KNOWN_PRODUCTS] = write_products, [FANI_KNOWN_LISTED] = write_listed};
    const fani_known_head head = head_of(s);
    fan_status status = fani_known_write_begin(s->known->path, &head, &s->writer, error);
    s->known->next = s->writer;
    for (size_t section = 0; section < FANI_KNOWN_SECTIONS && status == FAN_OK; section++) {
        status = fani_known_write_old(s->writer, &s->known->file, old_size(s, section), error);
        if (status == FAN_OK)
            status = write[section](s, error);
        if (status == FAN_OK)
            status = fani_known_write_section(s->writer, error);
        if (status == FAN_OK && fani_run_is_stopped(s->known->run))
            status = fani_error_set(error, FAN_E_CANCELLED, "stopped while writing the state");
    }
    return status == FAN_OK ? fani_known_write_end(s->writer, error) : status;
}

fan_status fani_weak_known_save(fani_weak_known *known, const fani_weakkeys_input *input,
                                fan_error *error)
{
    saving s = {.known = known, .input = input};
    if (known->file.fd >= 0 && !known->new_count)
        return FAN_OK;
    fan_status status = make_groups(&s, error);
    if (status == FAN_OK)
        status = make_listed(&s, error);
    if (status == FAN_OK)
        status = write_all(&s, error);
    fani_mpzs_free(&s.products);
    free(s.sizes);
    free(s.slots);
    free(s.parts);
    return status;
}

/* ---- Its place ------------------------------------------------------------------------------- */

/* An earlier run with this output has ended between its output and its state. */
static fan_status adopt(fani_job_run *run, fan_error *error)
{
    const char *path = fani_job_text(run->job, FANI_KEY_KNOWN);
    fani_known_hold *hold = NULL;
    fani_known_file file = {.fd = -1};
    fan_status status = fani_known_hold_take(run, path, &hold, error);
    if (status != FAN_OK)
        return status;
    status = fani_known_file_open(run, path, true, &file, error);
    if (status == FAN_OK)
        status = fani_known_write_adopt(path, file.check, owner_of(run), error);
    fani_known_file_close(&file);
    fani_known_hold_give(hold);
    return status;
}

fan_status fani_weak_known_commit(fani_job_run *run, fan_error *error)
{
    fani_weak_known *known = run->known;
    if (!known)
        return adopt(run, error);
    if (!known->next)
        return FAN_OK;
    fan_status status = fani_known_hold_check(known->hold, error);
    return status == FAN_OK ? fani_known_write_publish(known->next, error) : status;
}
