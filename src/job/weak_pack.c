#include "job/weak_pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/large.h"

enum { WORD = sizeof(uint64_t) };

_Static_assert(sizeof(mp_limb_t) == WORD, "limbs are words of 64 bits");

static size_t head_words(size_t count)
{
    return count + 2;
}

fan_status fani_weak_packer_begin(fani_weak_packer *packer, size_t count, size_t limbs)
{
    *packer = (fani_weak_packer){.count = count, .room = limbs};
    size_t capacity = (head_words(count) + limbs) * WORD;
    uint64_t *words = fani_large_malloc(capacity);
    if (!words)
        return FAN_E_MEMORY;
    words[0] = count;
    words[1] = 0;
    packer->bytes = (fan_buffer){.bytes = (unsigned char *)words, .capacity = capacity};
    packer->starts = words + 1;
    packer->limbs = words + head_words(count);
    return FAN_OK;
}

mp_limb_t *fani_weak_packer_add(fani_weak_packer *packer, size_t size)
{
    if (packer->next == packer->count)
        return NULL;
    size_t start = (size_t)packer->starts[packer->next];
    if (size > packer->room - start)
        return NULL;
    packer->starts[++packer->next] = start + size;
    return packer->limbs + start;
}

fan_status fani_weak_packer_put(fani_weak_packer *packer, mpz_srcptr value, size_t size)
{
    size_t used = mpz_size(value);
    mp_limb_t *at = used <= size ? fani_weak_packer_add(packer, size) : NULL;
    if (!at)
        return FAN_E_ARGUMENT;
    memcpy(at, mpz_limbs_read(value), used * WORD);
    memset(at + used, 0, (size - used) * WORD);
    return FAN_OK;
}

fan_items fani_weak_packer_bytes(const fani_weak_packer *packer)
{
    size_t words = head_words(packer->count) + (size_t)packer->starts[packer->count];
    return (fan_items){.bytes = packer->bytes.bytes, .size = words * WORD, .count = 1};
}

void fani_weak_packer_free(fani_weak_packer *packer)
{
    fan_buffer_clear(&packer->bytes);
    *packer = (fani_weak_packer){0};
}

/* Whether the words are a pack: nothing of it lies outside. */
static bool is_sound(const uint64_t *words, size_t word_count)
{
    if (word_count < head_words(0) || words[0] > word_count - head_words(0))
        return false;
    const uint64_t *starts = words + 1;
    uint64_t limbs = word_count - head_words((size_t)words[0]);
    for (uint64_t i = 0; i < words[0]; i++)
        if (starts[i] > starts[i + 1])
            return false;
    return starts[0] == 0 && starts[words[0]] == limbs;
}

fan_status fani_weak_pack_open(fani_weak_pack *pack, const void *bytes, size_t size)
{
    *pack = (fani_weak_pack){0};
    if (!bytes || size % WORD)
        return FAN_E_PROTOCOL;
    const uint64_t *words = bytes;
    if ((uintptr_t)bytes % WORD) {
        pack->copy = malloc(size);
        if (!pack->copy)
            return FAN_E_MEMORY;
        words = memcpy(pack->copy, bytes, size);
    }
    if (!is_sound(words, size / WORD)) {
        fani_weak_pack_close(pack);
        return FAN_E_PROTOCOL;
    }
    pack->count = (size_t)words[0];
    pack->starts = words + 1;
    pack->limbs = words + head_words(pack->count);
    return FAN_OK;
}

fan_status fani_weak_packer_open(const fani_weak_packer *packer, fani_weak_pack *pack)
{
    fan_items all = fani_weak_packer_bytes(packer);
    return fani_weak_pack_open(pack, all.bytes, all.size);
}

fan_status fani_weak_packer_adopt(fani_weak_packer *packer, fan_buffer *bytes)
{
    fani_weak_pack pack;
    fan_status status = fani_weak_pack_open(&pack, bytes->bytes, bytes->size);
    if (status != FAN_OK)
        return status;
    uint64_t *words = (uint64_t *)bytes->bytes;
    *packer = (fani_weak_packer){.bytes = *bytes,
                                 .starts = words + 1,
                                 .limbs = words + head_words(pack.count),
                                 .count = pack.count,
                                 .next = pack.count,
                                 .room = (size_t)words[1 + pack.count]};
    *bytes = (fan_buffer){0};
    fani_weak_pack_close(&pack);
    return FAN_OK;
}

void fani_weak_pack_close(fani_weak_pack *pack)
{
    free(pack->copy);
    *pack = (fani_weak_pack){0};
}
