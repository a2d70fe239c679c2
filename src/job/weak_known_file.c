#include "job/weak_known_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "job/weak_known_format.h"

enum { PIECE = 1 << 20, READ_MAX = 1 << 30 };

/* ---- Reading --------------------------------------------------------------------------------- */

static fan_status damaged(const fani_known_file *file, const char *what, fan_error *error)
{
    fani_error_set(error, FAN_E_SYNTAX, "%.300s is damaged: %s", file->path, what);
    fani_error_place(error, file->path, 0, 0);
    return FAN_E_SYNTAX;
}

static fan_status no_memory(const fani_known_file *file, fan_error *error)
{
    fani_error_set(error, FAN_E_MEMORY, "no memory to read %.300s", file->path);
    return FAN_E_MEMORY;
}

static fan_status read_at(const fani_known_file *file, void *out, size_t size, uint64_t from,
                          fan_error *error)
{
    for (char *at = out; size > 0;) {
        ssize_t got = pread(file->fd, at, size < READ_MAX ? size : READ_MAX, (off_t)from);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            fani_error_errno(error, FAN_E_INPUT, errno, "%.300s can't be read", file->path);
            fani_error_place(error, file->path, 0, 0);
            return FAN_E_INPUT;
        }
        if (got == 0)
            return damaged(file, "it ends too early", error);
        at += got;
        from += (uint64_t)got;
        size -= (size_t)got;
    }
    return FAN_OK;
}

static fan_status read_ahead(fani_known_stream *stream, fan_error *error)
{
    const fani_known_file *file = stream->file;
    uint64_t left = file->head.size[stream->section] - stream->next;
    if (!stream->bytes && !(stream->bytes = malloc(PIECE)))
        return no_memory(file, error);
    if (!left)
        return damaged(file, "a part of it ends too early", error);
    stream->used = 0;
    stream->size = left < PIECE ? (size_t)left : PIECE;
    fan_status status =
        read_at(file, stream->bytes, stream->size, file->at[stream->section] + stream->next, error);
    stream->next += stream->size;
    return status;
}

fan_status fani_known_stream_get(fani_known_stream *stream, void *out, size_t size,
                                 fan_error *error)
{
    for (unsigned char *at = out; size > 0;) {
        if (stream->used == stream->size) {
            fan_status status = read_ahead(stream, error);
            if (status != FAN_OK)
                return status;
        }
        size_t have = stream->size - stream->used, part = size < have ? size : have;
        memcpy(at, stream->bytes + stream->used, part);
        stream->used += part;
        at += part;
        size -= part;
    }
    return FAN_OK;
}

void fani_known_stream_free(fani_known_stream *stream)
{
    free(stream->bytes);
    stream->bytes = NULL;
    stream->used = stream->size = 0;
}

/* ---- What it is ------------------------------------------------------------------------------ */

static fan_status refuse(const fani_known_file *file, const char *why, fan_error *error)
{
    fani_error_set(error, FAN_E_SYNTAX, "%.300s %s", file->path, why);
    fani_error_place(error, file->path, 0, 0);
    return FAN_E_SYNTAX;
}

/* Whether it is a state at all, and one that this program reads. */
static fan_status judge_head(const fani_known_file *file, fan_error *error)
{
    const fani_known_head *head = &file->head;
    char text[128];
    if (memcmp(head->magic, FANI_KNOWN_MAGIC, sizeof head->magic) != 0)
        return refuse(file, "is no state of fanfold weakkeys", error);
    if (head->order != FANI_KNOWN_ORDER)
        return refuse(file, "is of a machine with another byte order", error);
    if (head->version > FANI_KNOWN_VERSION) {
        snprintf(text, sizeof text,
                 "is of a newer Fanfold: its version is %" PRIu64 ", and this one reads %d",
                 head->version, FANI_KNOWN_VERSION);
        return refuse(file, text, error);
    }
    return head->version ? FAN_OK : damaged(file, "it has no version", error);
}

/* Where the sections are, from what the head says, which may be anything. */
static fan_status find_sections(fani_known_file *file, uint64_t size, fan_error *error)
{
    const fani_known_head *head = &file->head;
    uint64_t at = sizeof *head;
    for (size_t s = 0; s < FANI_KNOWN_SECTIONS; s++) {
        file->at[s] = at;
        if (head->size[s] > size || at > size)
            return damaged(file, "it is too short", error);
        at += FANI_KNOWN_PADDED(head->size[s]);
    }
    if (at + sizeof(fani_known_foot) != size)
        return damaged(file, "it has another size than it says", error);
    uint64_t keys = head->size[FANI_KNOWN_KEYS], lengths = head->size[FANI_KNOWN_LENGTHS],
             groups = head->size[FANI_KNOWN_GROUPS];
    bool fits = keys / sizeof(fani_known_key) == head->keys && !(keys % sizeof(fani_known_key)) &&
                lengths / 4 == head->distinct && !(lengths % 4) &&
                groups / sizeof(fani_known_group) == head->groups &&
                !(groups % sizeof(fani_known_group)) && !(head->size[FANI_KNOWN_MODULI] % 8) &&
                !(head->size[FANI_KNOWN_PRODUCTS] % 8) && !(head->size[FANI_KNOWN_LISTED] % 8);
    return fits ? FAN_OK : damaged(file, "its counts and sizes differ", error);
}

static fan_status check_section(const fani_job_run *run, const fani_known_file *file, size_t s,
                                uint64_t want, fan_error *error)
{
    XXH3_state_t *hash = XXH3_createState();
    unsigned char *bytes = malloc(PIECE);
    fan_status status = hash && bytes ? FAN_OK : no_memory(file, error);
    uint64_t size = FANI_KNOWN_PADDED(file->head.size[s]);
    if (status == FAN_OK)
        XXH3_64bits_reset(hash);
    for (uint64_t at = 0; at < size && status == FAN_OK; at += PIECE) {
        size_t part = size - at < PIECE ? (size_t)(size - at) : PIECE;
        status = read_at(file, bytes, part, file->at[s] + at, error);
        if (status == FAN_OK)
            XXH3_64bits_update(hash, bytes, part);
        if (run && fani_run_is_stopped(run))
            status = fani_error_set(error, FAN_E_CANCELLED, "stopped while reading the state");
    }
    if (status == FAN_OK && XXH3_64bits_digest(hash) != want)
        status = damaged(file, "its content does not fit its check", error);
    XXH3_freeState(hash);
    free(bytes);
    return status;
}

static fan_status check_all(const fani_job_run *run, fani_known_file *file, bool brief,
                            uint64_t size, fan_error *error)
{
    fani_known_foot foot;
    fan_status status = read_at(file, &foot, sizeof foot, size - sizeof foot, error);
    if (status != FAN_OK)
        return status;
    file->check = foot.all;
    if (foot.all != fani_known_check(&file->head, &foot))
        return damaged(file, "its head does not fit its check", error);
    for (size_t s = 0; s < FANI_KNOWN_SECTIONS && status == FAN_OK && !brief; s++)
        status = check_section(run, file, s, foot.check[s], error);
    return status;
}

/* ---- What is held in memory ------------------------------------------------------------------ */

static fan_status load_files(fani_known_file *file, fan_error *error)
{
    size_t size = (size_t)file->head.size[FANI_KNOWN_FILES];
    fani_known_stream stream = {.file = file, .section = FANI_KNOWN_FILES};
    char *names = malloc(size + 1);
    fan_status status =
        names ? fani_known_stream_get(&stream, names, size, error) : no_memory(file, error);
    if (status == FAN_OK && size && names[size - 1])
        status = damaged(file, "a name has no end", error);
    for (size_t at = 0; at < size && status == FAN_OK; at += strlen(names + at) + 1)
        if (fani_strings_add(&file->files, names + at) != FAN_OK)
            status = no_memory(file, error);
    if (status == FAN_OK && file->files.count != file->head.files)
        status = damaged(file, "it has not as many names as it says", error);
    fani_known_stream_free(&stream);
    free(names);
    return status;
}

static fan_status load_groups(fani_known_file *file, fan_error *error)
{
    const fani_known_head *head = &file->head;
    size_t count = (size_t)head->groups;
    fani_known_stream stream = {.file = file, .section = FANI_KNOWN_GROUPS};
    file->groups = calloc(count + 1, sizeof *file->groups);
    fan_status status = file->groups ? fani_known_stream_get(&stream, file->groups,
                                                             count * sizeof *file->groups, error)
                                     : no_memory(file, error);
    uint64_t moduli = 0, limbs = 0, most = head->size[FANI_KNOWN_PRODUCTS] / 8;
    for (size_t g = 0; g < count && status == FAN_OK; g++) {
        moduli += file->groups[g].moduli;
        limbs += file->groups[g].limbs;
        if (!file->groups[g].moduli || !file->groups[g].limbs || moduli > head->distinct ||
            moduli < file->groups[g].moduli || limbs > most || limbs < file->groups[g].limbs)
            status = damaged(file, "a group of moduli is none", error);
    }
    if (status == FAN_OK && (moduli != head->distinct || limbs != most))
        status = damaged(file, "its groups are not all of its moduli", error);
    fani_known_stream_free(&stream);
    return status;
}

static fan_status load_gcd(fani_known_file *file, fani_known_stream *stream, size_t i,
                           fan_error *error)
{
    uint64_t entry[2];
    fan_status status = fani_known_stream_get(stream, entry, sizeof entry, error);
    if (status != FAN_OK)
        return status;
    if (entry[0] >= file->head.distinct || (i > 0 && entry[0] <= file->listed[i - 1]) ||
        !entry[1] || entry[1] > FANI_KNOWN_LIMBS_MAX)
        return damaged(file, "an entry of a key that shares a factor is none", error);
    file->listed[i] = entry[0];
    mp_limb_t *limbs = mpz_limbs_write(file->gcds.values + i, (mp_size_t)entry[1]);
    status = fani_known_stream_get(stream, limbs, (size_t)entry[1] * sizeof *limbs, error);
    mpz_limbs_finish(file->gcds.values + i, status == FAN_OK ? (mp_size_t)entry[1] : 0);
    if (status == FAN_OK && mpz_cmp_ui(file->gcds.values + i, 1) <= 0)
        status = damaged(file, "a common factor is none", error);
    return status;
}

static fan_status load_listed(fani_known_file *file, fan_error *error)
{
    uint64_t count = file->head.listed;
    fani_known_stream stream = {.file = file, .section = FANI_KNOWN_LISTED};
    if (count > file->head.size[FANI_KNOWN_LISTED] / 24)
        return damaged(file, "its counts and sizes differ", error);
    file->listed = calloc((size_t)count + 1, sizeof *file->listed);
    if (!file->listed || fani_mpzs_resize(&file->gcds, (size_t)count) != FAN_OK)
        return no_memory(file, error);
    fan_status status = FAN_OK;
    for (size_t i = 0; i < count && status == FAN_OK; i++)
        status = load_gcd(file, &stream, i, error);
    if (status == FAN_OK &&
        stream.next - (stream.size - stream.used) != file->head.size[FANI_KNOWN_LISTED])
        status = damaged(file, "its counts and sizes differ", error);
    fani_known_stream_free(&stream);
    return status;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static fan_status open_file(fani_known_file *file, uint64_t *size, fan_error *error)
{
    struct stat info;
    file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0 && errno == ENOENT)
        return FAN_OK;
    if (file->fd < 0 || fstat(file->fd, &info)) {
        fani_error_errno(error, FAN_E_INPUT, errno, "%.300s can't be opened", file->path);
        fani_error_place(error, file->path, 0, 0);
        return FAN_E_INPUT;
    }
    *size = (uint64_t)info.st_size;
    if (!S_ISREG(info.st_mode) || *size < sizeof file->head.magic)
        return refuse(file, "is no state of fanfold weakkeys", error);
    size_t part = *size < sizeof file->head ? (size_t)*size : sizeof file->head;
    fan_status status = read_at(file, &file->head, part, 0, error);
    if (status == FAN_OK)
        status = judge_head(file, error);
    if (status == FAN_OK && *size < sizeof file->head + sizeof(fani_known_foot))
        status = damaged(file, "it is too short", error);
    return status;
}

fan_status fani_known_file_open(const fani_job_run *run, const char *path, bool brief,
                                fani_known_file *file, fan_error *error)
{
    uint64_t size = 0;
    *file = (fani_known_file){.fd = -1, .path = strdup(path)};
    if (!file->path)
        return fani_error_set(error, FAN_E_MEMORY, "no memory to read %.300s", path);
    fan_status status = open_file(file, &size, error);
    if (status != FAN_OK || file->fd < 0)
        return status;
    status = find_sections(file, size, error);
    if (status == FAN_OK)
        status = check_all(run, file, brief, size, error);
    if (status == FAN_OK && !brief)
        status = load_files(file, error);
    if (status == FAN_OK && !brief)
        status = load_groups(file, error);
    if (status == FAN_OK && !brief)
        status = load_listed(file, error);
    return status;
}

void fani_known_file_close(fani_known_file *file)
{
    if (file->path && file->fd >= 0)
        close(file->fd);
    free(file->path);
    fani_strings_clear(&file->files);
    free(file->groups);
    free(file->listed);
    fani_mpzs_free(&file->gcds);
    *file = (fani_known_file){.fd = -1};
}

/* ---- Keys ------------------------------------------------------------------------------------ */

fan_status fani_known_key_next(fani_known_stream *keys, fani_known_key *key, fan_error *error)
{
    const fani_known_file *file = keys->file;
    fan_status status = fani_known_stream_get(keys, key, sizeof *key, error);
    if (status != FAN_OK)
        return status;
    bool is_sound = (key->slot < file->head.distinct || key->slot == FANI_KNOWN_INVALID) &&
                    key->file < file->head.files && key->id < file->head.size[FANI_KNOWN_IDS];
    return is_sound ? FAN_OK : damaged(file, "an entry of a key is none", error);
}

/* Reads from a place on. */
static void jump(fani_known_stream *ids, uint64_t place)
{
    uint64_t first = ids->next - ids->size;
    if (place >= first && place < ids->next) {
        ids->used = (size_t)(place - first);
        return;
    }
    ids->next = place;
    ids->used = ids->size = 0;
}

fan_status fani_known_id(fani_known_stream *ids, uint64_t place, const char **id, fan_error *error)
{
    jump(ids, place);
    for (int tries = 0; tries < 2; tries++) {
        const char *at = (const char *)ids->bytes + ids->used;
        if (ids->used < ids->size && memchr(at, '\0', ids->size - ids->used)) {
            *id = at;
            return FAN_OK;
        }
        ids->next = place; /* as much as can be read ahead, from there */
        fan_status status = read_ahead(ids, error);
        if (status != FAN_OK)
            return status;
    }
    return damaged(ids->file, "an id has no end", error);
}

/* ---- Moduli ---------------------------------------------------------------------------------- */

void fani_known_moduli_begin(const fani_known_file *file, fani_known_moduli *moduli)
{
    *moduli = (fani_known_moduli){.lengths = {.file = file, .section = FANI_KNOWN_LENGTHS},
                                  .limbs = {.file = file, .section = FANI_KNOWN_MODULI}};
}

void fani_known_moduli_end(fani_known_moduli *moduli)
{
    fani_known_stream_free(&moduli->lengths);
    fani_known_stream_free(&moduli->limbs);
}

/* The lengths of the next block, and how many limbs they are. */
static fan_status next_lengths(fani_known_moduli *moduli, size_t limbs, uint32_t *lengths,
                               size_t most, size_t *count, size_t *sum, fan_error *error)
{
    const fani_known_file *file = moduli->lengths.file;
    uint64_t left = file->head.distinct - moduli->next;
    *count = *sum = 0;
    while (*count < left && *count < most && *sum < limbs) {
        fan_status status =
            fani_known_stream_get(&moduli->lengths, &lengths[*count], sizeof *lengths, error);
        if (status != FAN_OK)
            return status;
        if (!lengths[*count] || lengths[*count] > FANI_KNOWN_LIMBS_MAX)
            return damaged(file, "a modulus has no length", error);
        *sum += lengths[(*count)++];
    }
    return FAN_OK;
}

static bool is_modulus(const mp_limb_t *limbs, size_t size)
{
    return limbs[size - 1] > (size == 1);
}

fan_status fani_known_moduli_next(fani_known_moduli *moduli, size_t limbs, fani_weak_packer *pack,
                                  fan_error *error)
{
    const fani_known_file *file = moduli->limbs.file;
    size_t count, sum, most = limbs ? limbs : 1;
    uint32_t *lengths = calloc(most, sizeof *lengths);
    *pack = (fani_weak_packer){0};
    if (!lengths)
        return no_memory(file, error);
    fan_status status = next_lengths(moduli, limbs, lengths, most, &count, &sum, error);
    if (status == FAN_OK && count && fani_weak_packer_begin(pack, count, sum) != FAN_OK)
        status = no_memory(file, error);
    for (size_t i = 0; i < count && status == FAN_OK; i++) {
        mp_limb_t *at = fani_weak_packer_add(pack, lengths[i]);
        status = fani_known_stream_get(&moduli->limbs, at, lengths[i] * sizeof *at, error);
        if (status == FAN_OK && !is_modulus(at, lengths[i]))
            status = damaged(file, "a modulus is none", error);
    }
    moduli->next += count;
    free(lengths);
    if (status != FAN_OK)
        fani_weak_packer_free(pack);
    return status;
}

fan_status fani_known_product_next(fani_known_stream *products, size_t group, mp_limb_t *out,
                                   fan_error *error)
{
    const fani_known_file *file = products->file;
    size_t limbs = (size_t)file->groups[group].limbs;
    fan_status status = fani_known_stream_get(products, out, limbs * sizeof *out, error);
    if (status == FAN_OK && !out[limbs - 1])
        status = fani_known_product_none(file, error);
    return status;
}

fan_status fani_known_product_part(const fani_known_file *file, uint64_t first, size_t count,
                                   mp_limb_t *out, fan_error *error)
{
    uint64_t from = file->at[FANI_KNOWN_PRODUCTS] + first * sizeof *out;
    return read_at(file, out, count * sizeof *out, from, error);
}

fan_status fani_known_product_none(const fani_known_file *file, fan_error *error)
{
    return damaged(file, "a product is none", error);
}
