/* What is to be said of known and new keys together. All moduli that share a factor or have copies
 * are here with all their keys, old and new, and so what is found in them is what a scan of all
 * keys would find: the others have nothing in common with them. */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "job/weak_known_internal.h"
#include "kernel/gcd/weak_meet.h"

enum { BLOCK_LIMBS = 1 << 16, TELL_EACH = 64 };

static fan_status no_memory(fan_error *error)
{
    fani_error_set(error, FAN_E_MEMORY, "no memory to describe known and new keys");
    return FAN_E_MEMORY;
}

/* ---- Known moduli that share a factor with a new one ----------------------------------------- */

static int by_value(const void *a, const void *b)
{
    return mpz_cmp(a, b);
}

/* Appends the gcds above 1 of some of the new moduli; where there is such a residue, what they have
 * of it. */
static fan_status find_parts(const fani_weak_known *known, size_t first, size_t end, size_t residue,
                             fani_mpzs *parts)
{
    fan_status status = FAN_OK;
    fani_mpzs gcds = {0}, met = {0};
    for (size_t i = first; i < end && status == FAN_OK; i++)
        if (mpz_cmp_ui(known->gcds.values + i, 1) > 0)
            status = fani_mpzs_push(&gcds, known->gcds.values + i);
    if (status == FAN_OK && gcds.count && residue < known->residues.count) {
        status = fani_weak_meet(fani_multiplier_best(), gcds.values, gcds.count,
                                known->residues.values + residue, &met);
        fani_mpzs_free(&gcds);
        gcds = met;
    }
    if (status == FAN_OK)
        status = fani_mpzs_move(parts, &gcds);
    fani_mpzs_free(&gcds);
    return status;
}

/* The different gcds above 1 of the new moduli; where the residue of the known ones is there, only
 * what they have of it. */
static fan_status find_shared(const fani_weak_known *known, fani_mpzs *shared)
{
    size_t all = known->gcds.count, half = known->residues.count > 1 ? known->first_keys : all;
    fani_mpzs gcds = {0};
    fan_status status = find_parts(known, 0, half, 0, &gcds);
    if (status == FAN_OK && half < all)
        status = find_parts(known, half, all, 1, &gcds);
    if (gcds.count > 1)
        qsort(gcds.values, gcds.count, sizeof *gcds.values, by_value);
    for (size_t i = 0; i < gcds.count && status == FAN_OK; i++)
        if (mpz_cmp_ui(gcds.values + i, 1) > 0 &&
            (!i || mpz_cmp(gcds.values + i, gcds.values + i - 1)))
            status = fani_mpzs_push(shared, gcds.values + i);
    fani_mpzs_free(&gcds);
    return status;
}

/* Gives what a known modulus has met now the primes, too, that it has shared before. */
static void join_earlier(fani_weak_known *known)
{
    const fani_known_file *file = &known->file;
    for (size_t i = 0, j = 0; i < known->met.gcds.count; i++) {
        mpz_ptr met = known->met.gcds.values + i;
        while (j < file->gcds.count && file->listed[j] < known->met.slots[i])
            j++;
        if (j < file->gcds.count && file->listed[j] == known->met.slots[i])
            mpz_lcm(met, met, file->gcds.values + j);
    }
}

static fan_status find_met(fani_weak_known *known, fan_error *error)
{
    fani_mpzs shared = {0};
    fani_tree tree = {0};
    if (!known->file.head.distinct)
        return FAN_OK;
    fan_status status = find_shared(known, &shared);
    if (status == FAN_OK && shared.count)
        status = fani_tree_build(&tree, shared.values, shared.count);
    if (status != FAN_OK)
        no_memory(error);
    else if (shared.count)
        status =
            fani_known_meet(known->run, &known->file, fani_tree_root(&tree), &known->met, error);
    if (status == FAN_OK)
        join_earlier(known);
    fani_tree_free(&tree);
    fani_mpzs_free(&shared);
    return status;
}

/* ---- Known keys of which something is to be said --------------------------------------------- */

/* Known keys on their way into the input. */
typedef struct told_keys {
    fani_known_key *keys;
    uint64_t *index; /* among all that were ever read */
    size_t count, capacity;
    uint64_t *slots; /* of their moduli: sorted, each once */
    size_t slot_count;
    fani_mpzs moduli; /* one per slot */
} told_keys;

static void free_told(told_keys *told)
{
    free(told->keys);
    free(told->index);
    free(told->slots);
    fani_mpzs_free(&told->moduli);
}

static fan_status tell(told_keys *told, const fani_known_key *key, uint64_t index)
{
    if (told->count == told->capacity) {
        size_t capacity = told->capacity ? 2 * told->capacity : TELL_EACH;
        fani_known_key *keys = reallocarray(told->keys, capacity, sizeof *keys);
        if (keys)
            told->keys = keys;
        uint64_t *numbers = reallocarray(told->index, capacity, sizeof *numbers);
        if (numbers)
            told->index = numbers;
        if (!keys || !numbers)
            return FAN_E_MEMORY;
        told->capacity = capacity;
    }
    told->keys[told->count] = *key;
    told->index[told->count++] = index;
    return FAN_OK;
}

/* The known slots that have a new key or a new partner, sorted; the caller frees. */
static uint64_t *touched_slots(const fani_weak_known *known, size_t *count)
{
    uint64_t *slots = malloc((known->new_count + known->met.gcds.count + 1) * sizeof *slots);
    *count = 0;
    for (size_t k = 0; slots && k < known->new_count; k++)
        if (known->slots[k] < known->file.head.distinct)
            slots[(*count)++] = known->slots[k];
    for (size_t i = 0; slots && i < known->met.gcds.count; i++)
        slots[(*count)++] = known->met.slots[i];
    if (slots)
        *count = fani_known_unique(slots, *count);
    return slots;
}

/* Those of which something was said before, and those of these slots. */
static fan_status find_told(const fani_weak_known *known, told_keys *told, fan_error *error)
{
    const fani_known_file *file = &known->file;
    fani_known_stream keys = {.file = file, .section = FANI_KNOWN_KEYS};
    size_t touched;
    uint64_t *slots = touched_slots(known, &touched);
    fan_status status = slots ? FAN_OK : no_memory(error);
    for (uint64_t k = 0; k < file->head.keys && status == FAN_OK; k++) {
        fani_known_key key;
        status = fani_known_key_next(&keys, &key, error);
        if (status == FAN_OK && key.slot != FANI_KNOWN_INVALID &&
            (key.digest || fani_known_has(slots, touched, key.slot)) &&
            tell(told, &key, k) != FAN_OK)
            status = no_memory(error);
    }
    fani_known_stream_free(&keys);
    free(slots);
    if (status != FAN_OK)
        return status;
    told->slots = malloc((told->count + 1) * sizeof *told->slots);
    if (!told->slots)
        return no_memory(error);
    for (size_t i = 0; i < told->count; i++)
        told->slots[i] = told->keys[i].slot;
    told->slot_count = fani_known_unique(told->slots, told->count);
    return FAN_OK;
}

/* The moduli of their slots. */
static fan_status read_moduli(const fani_known_file *file, told_keys *told, fan_error *error)
{
    fani_known_moduli moduli;
    fan_status status = FAN_OK;
    fani_known_moduli_begin(file, &moduli);
    while (status == FAN_OK && told->moduli.count < told->slot_count) {
        fani_weak_packer block;
        fani_weak_pack pack = {0};
        uint64_t first = moduli.next;
        status = fani_known_moduli_next(&moduli, BLOCK_LIMBS, &block, error);
        if (status == FAN_OK && fani_weak_packer_open(&block, &pack) != FAN_OK)
            status = no_memory(error);
        for (size_t next; status == FAN_OK && (next = told->moduli.count) < told->slot_count &&
                          told->slots[next] < first + pack.count;) {
            mpz_t view = {0};
            fani_weak_pack_view(&pack, (size_t)(told->slots[next] - first), view);
            if (fani_mpzs_push(&told->moduli, view) != FAN_OK)
                status = no_memory(error);
        }
        fani_weak_pack_close(&pack);
        fani_weak_packer_free(&block);
    }
    fani_known_moduli_end(&moduli);
    return status;
}

static size_t place_of(const uint64_t *sorted, size_t count, uint64_t number)
{
    size_t low = 0;
    while (count > 0) {
        size_t half = count / 2;
        if (sorted[low + half] < number) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

/* ---- One input of both ----------------------------------------------------------------------- */

/* Names of files, to find one that is there. */
static int by_name(const void *a, const void *b, void *names)
{
    char *const *at = names;
    return strcmp(at[*(const size_t *)a], at[*(const size_t *)b]);
}

/* Appends the names of `from` that are not there; place[i]: where name i is now. */
static fan_status add_files(fani_strings *files, const fani_strings *from, size_t *place)
{
    size_t old = files->count, *order = malloc((old + 1) * sizeof *order);
    if (!order)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < old; i++)
        order[i] = i;
    qsort_r(order, old, sizeof *order, by_name, files->at);
    fan_status status = FAN_OK;
    for (size_t i = 0; i < from->count && status == FAN_OK; i++) {
        size_t low = 0, count = old;
        while (count > 0) {
            size_t half = count / 2;
            bool below = strcmp(files->at[order[low + half]], from->at[i]) < 0;
            low += below ? half + 1 : 0;
            count = below ? count - half - 1 : half;
        }
        bool is_there = low < old && !strcmp(files->at[order[low]], from->at[i]);
        place[i] = is_there ? order[low] : files->count;
        status = is_there ? FAN_OK : fani_strings_add(files, from->at[i]);
    }
    free(order);
    return status;
}

static fan_status add_known_key(fani_weakkeys_input *all, const told_keys *told, size_t i,
                                fani_known_stream *ids, fan_error *error)
{
    const fani_known_key *key = &told->keys[i];
    size_t slot = place_of(told->slots, told->slot_count, key->slot);
    const char *id;
    fan_status status = fani_known_id(ids, key->id, &id, error);
    all->entries[i] = (fani_weakkeys_entry){.file = key->file,
                                            .line = key->line,
                                            .id = all->ids.size,
                                            .bits = key->bits & FANI_KNOWN_BITS,
                                            .weak_exponent = key->bits > FANI_KNOWN_BITS,
                                            .index = told->index[i]};
    mpz_set(all->moduli.values + i, told->moduli.values + slot);
    if (status == FAN_OK && fani_bytes_add(&all->ids, id, strlen(id) + 1) != FAN_OK)
        status = no_memory(error);
    return status;
}

static fan_status add_new_keys(const fani_weak_known *known, fani_weakkeys_input *all,
                               fani_weakkeys_input *input)
{
    size_t *place = calloc(input->files.count + 1, sizeof *place);
    fan_status status = place ? add_files(&all->files, &input->files, place) : FAN_E_MEMORY;
    for (size_t k = 0; k < known->new_count && status == FAN_OK; k++) {
        const char *id = (const char *)input->ids.bytes + input->entries[k].id;
        fani_weakkeys_entry *entry = &all->entries[known->told + k];
        *entry = input->entries[k];
        entry->file = place[entry->file];
        entry->id = all->ids.size;
        entry->index = known->file.head.keys + k;
        mpz_swap(all->moduli.values + known->told + k, input->moduli.values + k);
        status = fani_bytes_add(&all->ids, id, strlen(id) + 1);
    }
    free(place);
    return status;
}

/* Puts known keys before the new ones. */
static fan_status join_input(const fani_weak_known *known, const told_keys *told,
                             fani_weakkeys_input *input, fan_error *error)
{
    const fani_known_file *file = &known->file;
    size_t count = told->count + known->new_count;
    fani_weakkeys_input all = {.counts = input->counts, .capacity = count};
    fani_known_stream ids = {.file = file, .section = FANI_KNOWN_IDS};
    all.entries = calloc(count + 1, sizeof *all.entries);
    fan_status status = FAN_OK;
    if (!all.entries || fani_mpzs_resize(&all.moduli, count) != FAN_OK)
        status = no_memory(error);
    for (size_t i = 0; i < file->files.count && status == FAN_OK; i++)
        if (fani_strings_add(&all.files, file->files.at[i]) != FAN_OK)
            status = no_memory(error);
    for (size_t i = 0; i < told->count && status == FAN_OK; i++)
        status = add_known_key(&all, told, i, &ids, error);
    if (status == FAN_OK && add_new_keys(known, &all, input) != FAN_OK)
        status = no_memory(error);
    fani_known_stream_free(&ids);
    if (status == FAN_OK) {
        fani_weakkeys_input old = *input;
        *input = all;
        all = old;
    }
    fani_weakkeys_input_free(&all);
    return status;
}

/* ---- Findings -------------------------------------------------------------------------------- */

/* The number of a slot in a sorted list of them; NULL: it is not there. */
static mpz_srcptr find_slot(const fani_mpzs *values, const uint64_t *slots, uint64_t slot)
{
    size_t at = place_of(slots, values->count, slot);
    return at < values->count && slots[at] == slot ? values->values + at : NULL;
}

/* A divisor of a modulus that has all primes which it shares with others; NULL: it shares none. */
static mpz_srcptr known_part(const fani_weak_known *known, uint64_t slot)
{
    const fani_known_file *file = &known->file;
    if (slot >= file->head.distinct)
        return known->gcds.values + (slot - file->head.distinct);
    mpz_srcptr met = find_slot(&known->met.gcds, known->met.slots, slot);
    return met ? met : find_slot(&file->gcds, file->listed, slot);
}

static fan_status describe(const fani_weak_known *known, const told_keys *told,
                           const fani_weakkeys_input *input, fan_weakkeys_report **report,
                           fan_error *error)
{
    fani_weak_set set = {0};
    fani_mpzs parts = {0};
    fan_status status = fani_weak_set_build(&set, input->moduli.values, input->moduli.count, error);
    if (status == FAN_OK && fani_mpzs_resize(&parts, set.distinct.count) != FAN_OK)
        status = no_memory(error);
    for (size_t k = 0; k < input->moduli.count && status == FAN_OK; k++) {
        uint64_t slot = k < told->count ? told->keys[k].slot : known->slots[k - told->count];
        if (set.slot[k] == FANI_WEAK_INVALID)
            continue;
        mpz_srcptr part = known_part(known, slot);
        if (part)
            mpz_set(parts.values + set.slot[k], part);
        else
            mpz_set_ui(parts.values + set.slot[k], 1);
    }
    set.halt = fani_weakkeys_halt(known->run);
    if (status == FAN_OK)
        status = fani_weak_report_build(&set, parts.values, report, error);
    if (status == FAN_E_ARGUMENT) /* that was the state's */
        status = fani_error_set(error, FAN_E_SYNTAX,
                                "%.300s is damaged: a common factor does not divide its modulus",
                                known->path);
    fani_mpzs_free(&parts);
    fani_weak_set_free(&set);
    return status;
}

static void hash_number(XXH3_state_t *hash, const fan_weakkeys_number *number)
{
    uint64_t size = number->size_bytes;
    XXH3_64bits_update(hash, &size, sizeof size);
    XXH3_64bits_update(hash, number->bytes, number->size_bytes);
}

/* Of what a record says of a key but for how many partners it does not name; 0: nothing. */
static uint64_t digest_of(const fani_weakkeys_input *input, const fan_weakkeys_finding *f)
{
    size_t shown =
        f->shares_count < FAN_WEAKKEYS_SHARES_SHOWN ? f->shares_count : FAN_WEAKKEYS_SHARES_SHOWN;
    uint64_t words[2] = {f->weakness, f->factor_count};
    XXH3_state_t hash;
    if (f->weakness & FAN_WEAKKEYS_INVALID)
        return 0;
    XXH3_64bits_reset(&hash);
    XXH3_64bits_update(&hash, words, sizeof words);
    hash_number(&hash, &f->gcd);
    for (size_t i = 0; i < f->factor_count; i++)
        hash_number(&hash, &f->factors[i]);
    for (size_t i = 0; i < shown; i++)
        XXH3_64bits_update(&hash, &input->entries[f->shares_with[i]].index, sizeof(uint64_t));
    uint64_t digest = XXH3_64bits_digest(&hash);
    return digest ? digest : 1;
}

/* What is written down of each key, and which known ones are said nothing new of. */
static fan_status compare(fani_weak_known *known, const told_keys *told, fani_weakkeys_input *input,
                          const fan_weakkeys_report *report, fan_error *error)
{
    size_t count = input->moduli.count, next = 0;
    known->digests = calloc(count + 1, sizeof *known->digests);
    if (!known->digests)
        return no_memory(error);
    for (size_t k = 0; k < count; k++) {
        known->digests[k].key = input->entries[k].index;
        if (next < report->finding_count && report->findings[next].index == k)
            known->digests[k].digest = digest_of(input, &report->findings[next++]);
        if (k < told->count)
            input->entries[k].quiet = known->digests[k].digest == told->keys[k].digest;
    }
    return FAN_OK;
}

fan_status fani_weak_known_join(fani_weak_known *known, fani_weakkeys_input *input, fani_mpzs *gcds,
                                fan_weakkeys_report **report, fan_error *error)
{
    told_keys told = {0};
    known->gcds = *gcds;
    *gcds = (fani_mpzs){0};
    fan_status status = find_met(known, error);
    if (status == FAN_OK)
        status = find_told(known, &told, error);
    if (status == FAN_OK)
        status = read_moduli(&known->file, &told, error);
    known->told = told.count;
    if (status == FAN_OK)
        status = join_input(known, &told, input, error);
    if (status == FAN_OK)
        status = describe(known, &told, input, report, error);
    if (status == FAN_OK)
        status = compare(known, &told, input, *report, error);
    free_told(&told);
    return status;
}
