/* The keys that were read, beside those of the state: which moduli are known, and which keys are
 * the state's own, read once more. */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "job/weak_known_internal.h"

enum { BLOCK_LIMBS = 1 << 16 };

static fan_status no_memory(fan_error *error)
{
    fani_error_set(error, FAN_E_MEMORY, "no memory to sort out keys");
    return FAN_E_MEMORY;
}

/* ---- Sorted numbers -------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

bool fani_known_has(const uint64_t *sorted, size_t count, uint64_t number)
{
    return count && bsearch(&number, sorted, count, sizeof number, by_number);
}

size_t fani_known_unique(uint64_t *numbers, size_t count)
{
    size_t kept = 0;
    if (count > 1)
        qsort(numbers, count, sizeof *numbers, by_number);
    for (size_t i = 0; i < count; i++)
        if (!kept || numbers[i] != numbers[kept - 1])
            numbers[kept++] = numbers[i];
    return kept;
}

/* ---- Moduli that are known ------------------------------------------------------------------- */

/* A distinct modulus that was read, to be found by its hash. */
typedef struct hashed {
    uint64_t hash;
    size_t place;
} hashed;

static int by_hash(const void *a, const void *b)
{
    const hashed *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static uint64_t hash_limbs(const mp_limb_t *limbs, size_t size)
{
    return XXH3_64bits(limbs, size * sizeof *limbs);
}

static hashed *hash_all(const fani_mpzs *distinct)
{
    hashed *all = malloc((distinct->count + 1) * sizeof *all);
    for (size_t i = 0; all && i < distinct->count; i++) {
        mpz_srcptr value = distinct->values + i;
        all[i] = (hashed){hash_limbs(mpz_limbs_read(value), mpz_size(value)), i};
    }
    if (all && distinct->count > 1)
        qsort(all, distinct->count, sizeof *all, by_hash);
    return all;
}

/* Enters the slot of a known modulus where it was read. */
static void match(const hashed *all, const fani_mpzs *distinct, const mp_limb_t *limbs, size_t size,
                  uint64_t slot, uint64_t *slots)
{
    const hashed key = {.hash = hash_limbs(limbs, size)};
    const hashed *found = bsearch(&key, all, distinct->count, sizeof *all, by_hash);
    while (found && found > all && found[-1].hash == key.hash)
        found--;
    for (; found && found < all + distinct->count && found->hash == key.hash; found++) {
        mpz_srcptr value = distinct->values + found->place;
        if (mpz_size(value) == size && !mpn_cmp(mpz_limbs_read(value), limbs, (mp_size_t)size))
            slots[found->place] = slot;
    }
}

/* slots[i]: that of a distinct modulus in the state, or FANI_KNOWN_INVALID where it is new. */
static fan_status find_known(const fani_known_file *file, const fani_mpzs *distinct,
                             uint64_t *slots, fan_error *error)
{
    fani_known_moduli moduli;
    fan_status status = FAN_OK;
    for (size_t i = 0; i < distinct->count; i++)
        slots[i] = FANI_KNOWN_INVALID;
    hashed *all = hash_all(distinct);
    if (!all)
        return no_memory(error);
    fani_known_moduli_begin(file, &moduli);
    while (status == FAN_OK && distinct->count && moduli.next < file->head.distinct) {
        fani_weak_packer block;
        uint64_t first = moduli.next;
        status = fani_known_moduli_next(&moduli, BLOCK_LIMBS, &block, error);
        for (size_t i = 0; status == FAN_OK && i < block.count; i++)
            match(all, distinct, block.limbs + block.starts[i],
                  (size_t)(block.starts[i + 1] - block.starts[i]), first + i, slots);
        fani_weak_packer_free(&block);
    }
    fani_known_moduli_end(&moduli);
    free(all);
    return status;
}

/* ---- Keys that are known --------------------------------------------------------------------- */

/* Where a key stands and what it is, as a hash: 128 bits, so that no two are taken for one. */
typedef struct place {
    XXH128_hash_t hash;
    size_t key;
} place;

static int by_place(const void *a, const void *b)
{
    return XXH128_cmp(&((const place *)a)->hash, &((const place *)b)->hash);
}

static XXH128_hash_t hash_place(const char *file, const char *id, uint64_t line, uint64_t slot,
                                uint64_t bits)
{
    uint64_t words[4] = {line, slot, slot == FANI_KNOWN_INVALID ? bits : 0, strlen(file)};
    XXH3_state_t hash;
    XXH3_128bits_reset(&hash);
    XXH3_128bits_update(&hash, words, sizeof words);
    XXH3_128bits_update(&hash, file, strlen(file));
    XXH3_128bits_update(&hash, id, strlen(id));
    return XXH3_128bits_digest(&hash);
}

/* The new keys whose modulus is known, or which are 0 or 1: `count` places in order, and their
 * slots (the caller frees both). */
static fan_status find_places(const fani_weak_known *known, const fani_weakkeys_input *input,
                              place **places, uint64_t **wanted, size_t *count, size_t *slots)
{
    size_t keys = input->moduli.count;
    *count = 0;
    *places = malloc((keys + 1) * sizeof **places);
    *wanted = malloc((keys + 1) * sizeof **wanted);
    if (!*places || !*wanted)
        return FAN_E_MEMORY;
    for (size_t k = 0; k < keys; k++) {
        const fani_weakkeys_entry *e = &input->entries[k];
        uint64_t slot = known->slots[k];
        if (slot != FANI_KNOWN_INVALID && slot >= known->file.head.distinct)
            continue;
        (*wanted)[*count] = slot;
        (*places)[(*count)++] =
            (place){hash_place(input->files.at[e->file], (const char *)input->ids.bytes + e->id,
                               e->line, slot, e->bits),
                    k};
    }
    if (*count > 1)
        qsort(*places, *count, sizeof **places, by_place);
    *slots = fani_known_unique(*wanted, *count);
    return FAN_OK;
}

/* Marks the new keys that are a key of the state. */
static fan_status mark_key(const fani_weak_known *known, const fani_known_key *key,
                           fani_known_stream *ids, const place *places, size_t count,
                           bool *repeated, fan_error *error)
{
    const char *id;
    fan_status status = fani_known_id(ids, key->id, &id, error);
    if (status != FAN_OK)
        return status;
    const place want = {.hash = hash_place(known->file.files.at[key->file], id, key->line,
                                           key->slot, key->bits & FANI_KNOWN_BITS)};
    const place *found = bsearch(&want, places, count, sizeof *places, by_place);
    while (found && found > places && !by_place(found - 1, &want))
        found--;
    for (; found && found < places + count && !by_place(found, &want); found++)
        repeated[found->key] = true;
    return FAN_OK;
}

static fan_status mark_repeated(const fani_weak_known *known, const fani_weakkeys_input *input,
                                bool *repeated, fan_error *error)
{
    const fani_known_file *file = &known->file;
    fani_known_stream keys = {.file = file, .section = FANI_KNOWN_KEYS};
    fani_known_stream ids = {.file = file, .section = FANI_KNOWN_IDS};
    place *places = NULL;
    uint64_t *wanted = NULL;
    size_t count, slots;
    fan_status status = find_places(known, input, &places, &wanted, &count, &slots);
    if (status != FAN_OK)
        no_memory(error);
    for (uint64_t k = 0; k < file->head.keys && count && status == FAN_OK; k++) {
        fani_known_key key;
        status = fani_known_key_next(&keys, &key, error);
        if (status == FAN_OK && fani_known_has(wanted, slots, key.slot))
            status = mark_key(known, &key, &ids, places, count, repeated, error);
    }
    fani_known_stream_free(&keys);
    fani_known_stream_free(&ids);
    free(places);
    free(wanted);
    return status;
}

/* Takes marked keys out of the input. */
static void drop_repeated(fani_weak_known *known, fani_weakkeys_input *input, const bool *repeated)
{
    size_t kept = 0;
    for (size_t k = 0; k < input->moduli.count; k++) {
        if (repeated[k]) {
            known->repeated++;
            known->repeated_invalid += known->slots[k] == FANI_KNOWN_INVALID;
            continue;
        }
        mpz_swap(input->moduli.values + kept, input->moduli.values + k);
        input->entries[kept] = input->entries[k];
        known->slots[kept++] = known->slots[k];
    }
    while (input->moduli.count > kept)
        mpz_clear(input->moduli.values + --input->moduli.count);
    known->new_count = kept;
}

/* ---- Sorting --------------------------------------------------------------------------------- */

/* Gives each new key its slot, and moves the moduli that are new. */
static fan_status assign_slots(fani_weak_known *known, fani_weak_set *set, uint64_t *of_distinct)
{
    for (size_t d = 0; d < set->distinct.count; d++) {
        if (of_distinct[d] != FANI_KNOWN_INVALID)
            continue;
        size_t count = known->fresh.count;
        of_distinct[d] = known->file.head.distinct + count;
        if (fani_mpzs_resize(&known->fresh, count + 1) != FAN_OK)
            return FAN_E_MEMORY;
        mpz_swap(known->fresh.values + count, set->distinct.values + d);
    }
    for (size_t k = 0; k < set->key_count; k++)
        known->slots[k] =
            set->slot[k] == FANI_WEAK_INVALID ? FANI_KNOWN_INVALID : of_distinct[set->slot[k]];
    return FAN_OK;
}

static fan_status find_slots(fani_weak_known *known, const fani_weakkeys_input *input,
                             fan_error *error)
{
    size_t keys = input->moduli.count;
    fani_weak_set set = {0};
    fan_status status = fani_weak_set_build(&set, input->moduli.values, keys, error);
    uint64_t *of_distinct = calloc(set.distinct.count + 1, sizeof *of_distinct);
    known->slots = calloc(keys + 1, sizeof *known->slots);
    if (status == FAN_OK && (!of_distinct || !known->slots))
        status = no_memory(error);
    if (status == FAN_OK)
        status = find_known(&known->file, &set.distinct, of_distinct, error);
    if (status == FAN_OK && assign_slots(known, &set, of_distinct) != FAN_OK)
        status = no_memory(error);
    free(of_distinct);
    fani_weak_set_free(&set);
    return status;
}

static fan_status residues_of(void *user, const fani_weak_top *top, fani_mpzs *residues,
                              fan_error *error)
{
    fani_weak_known *known = user;
    const fani_weak_packer *nodes = top->nodes;
    const fani_known_sizes sizes = {
        .nodes = {(size_t)nodes->starts[1],
                  nodes->count > 1 ? (size_t)(nodes->starts[2] - nodes->starts[1]) : 0},
        .known = known->outside.limbs,
        .longest = known->outside.longest,
        .held = top->held};
    fani_known_plan plan;
    fani_known_choose(top->memory, &sizes, &plan);
    known->first_keys = top->first_keys;
    fan_status status = fani_known_residues(known->run, &known->file, nodes, top->memory, &plan,
                                            &known->residues, error);
    for (size_t i = 0; i < known->residues.count && status == FAN_OK; i++)
        if (fani_mpzs_push(residues, known->residues.values + i) != FAN_OK)
            status = no_memory(error);
    return status;
}

fan_status fani_weak_known_sort(fani_weak_known *known, fani_weakkeys_input *input,
                                const fani_mpzs **fresh, const fani_weak_outside **outside,
                                fan_error *error)
{
    fan_status status = find_slots(known, input, error);
    bool *repeated = calloc(input->moduli.count + 1, sizeof *repeated);
    if (status == FAN_OK && !repeated)
        status = no_memory(error);
    if (status == FAN_OK)
        status = mark_repeated(known, input, repeated, error);
    if (status == FAN_OK)
        drop_repeated(known, input, repeated);
    free(repeated);
    known->outside = (fani_weak_outside){.residues = residues_of,
                                         .user = known,
                                         .identity = fani_weak_known_identity(known),
                                         .limbs = fani_weak_known_limbs(known),
                                         .longest = fani_weak_known_longest(known)};
    *fresh = &known->fresh;
    *outside = known->file.head.distinct ? &known->outside : NULL;
    return status;
}
