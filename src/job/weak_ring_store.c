#include "job/weak_ring_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "job/kept_file.h"
#include "job/weak_pack.h"

enum { VERSION = 1, SUFFIX_MAX = 32 };

static const char infix[] = ".scan-r";

/* ---- States as bytes -------------------------------------------------------------------------
 */

void fani_weak_ring_state_init(fani_weak_ring_state *state)
{
    *state = (fani_weak_ring_state){.stage = FANI_WEAK_RING_NEW};
    mpz_inits(state->value, state->residue, NULL);
}

void fani_weak_ring_state_clear(fani_weak_ring_state *state)
{
    mpz_clears(state->value, state->residue, NULL);
}

/* In a pack: the stage and how many were taken, then the two numbers. */
enum { HEAD, VALUE, RESIDUE, PARTS, HEAD_LIMBS = 2 };

fan_status fani_weak_ring_state_write(const fani_weak_ring_state *state, fan_buffer *bytes)
{
    fani_weak_packer packer;
    size_t sizes = mpz_size(state->value) + mpz_size(state->residue);
    fan_status status = fani_weak_packer_begin(&packer, PARTS, HEAD_LIMBS + sizes);
    mp_limb_t *head = status == FAN_OK ? fani_weak_packer_add(&packer, HEAD_LIMBS) : NULL;
    if (!head)
        return FAN_E_MEMORY;
    head[0] = (mp_limb_t)state->stage;
    head[1] = state->taken;
    status = fani_weak_packer_put(&packer, state->value, mpz_size(state->value));
    if (status == FAN_OK)
        status = fani_weak_packer_put(&packer, state->residue, mpz_size(state->residue));
    if (status == FAN_OK) {
        *bytes = packer.bytes;
        bytes->size = fani_weak_packer_bytes(&packer).size;
        packer.bytes = (fan_buffer){0};
    }
    fani_weak_packer_free(&packer);
    return status;
}

static fan_status read_pack(fani_weak_ring_state *state, const fani_weak_pack *pack)
{
    mpz_t view;
    if (pack->count != PARTS || fani_weak_pack_size(pack, HEAD) != HEAD_LIMBS)
        return FAN_E_PROTOCOL;
    const mp_limb_t *head = fani_weak_pack_limbs(pack, HEAD);
    if (head[0] != FANI_WEAK_RING_TAKES && head[0] != FANI_WEAK_RING_FRACTION)
        return FAN_E_PROTOCOL;
    state->stage = (fani_weak_ring_stage)head[0];
    state->taken = (size_t)head[1];
    fani_weak_pack_view(pack, VALUE, view);
    mpz_set(state->value, view);
    fani_weak_pack_view(pack, RESIDUE, view);
    mpz_set(state->residue, view);
    return FAN_OK;
}

fan_status fani_weak_ring_state_read(fani_weak_ring_state *state, const void *bytes, size_t size)
{
    fani_weak_pack pack;
    if (size == 0)
        return FAN_OK;
    fan_status status = fani_weak_pack_open(&pack, bytes, size);
    if (status == FAN_OK)
        status = read_pack(state, &pack);
    fani_weak_pack_close(&pack);
    return status;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static fani_kept_mark mark_of(const fani_weak_ring_store *store, size_t member)
{
    return (fani_kept_mark){
        .magic = "FANRING", .version = VERSION, .identity = store->identity, .part = member};
}

/* The caller's to free; NULL: out of memory. */
static char *name_of(const fani_weak_ring_store *store, size_t member)
{
    size_t room = strlen(store->base) + SUFFIX_MAX;
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%s%s%zu", store->base, infix, member);
    return path;
}

fan_status fani_weak_ring_store_save(const fani_weak_ring_store *store, size_t member,
                                     const void *bytes, size_t size, fan_error *error)
{
    const fani_kept_mark mark = mark_of(store, member);
    char *path = name_of(store, member);
    if (!path)
        return fani_error_set(error, FAN_E_MEMORY, "no memory to keep a step of the ring");
    fan_status status = fani_kept_file_save(path, &mark, bytes, size, NULL, error);
    free(path);
    return status;
}

bool fani_weak_ring_store_load(const fani_weak_ring_store *store, size_t member, fan_buffer *bytes)
{
    const fani_kept_mark mark = mark_of(store, member);
    char *path = name_of(store, member);
    bool loaded = path && fani_kept_file_load(path, &mark, bytes);
    free(path);
    return loaded;
}

static bool is_member_file(const char *name, const char *stem)
{
    size_t stem_size = strlen(stem), infix_size = strlen(infix);
    if (strncmp(name, stem, stem_size) != 0 || strncmp(name + stem_size, infix, infix_size) != 0)
        return false;
    const char *number = name + stem_size + infix_size;
    return *number && strspn(number, "0123456789") == strlen(number);
}

void fani_weak_ring_store_clear(const char *base)
{
    const char *slash = base ? strrchr(base, '/') : NULL;
    char *folder = slash ? strndup(base, (size_t)(slash - base) + 1) : strdup(".");
    DIR *all = base && folder ? opendir(folder) : NULL;
    const struct dirent *entry;
    while (all && (entry = readdir(all)) != NULL)
        if (is_member_file(entry->d_name, slash ? slash + 1 : base))
            (void)unlinkat(dirfd(all), entry->d_name, 0);
    if (all)
        closedir(all);
    free(folder);
}
