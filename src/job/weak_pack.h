/* Lists of large integers as the workers of a weak-key scan share them: limbs at known places, to
 * be read where they lie. In the machine's byte order: all workers are of one build.
 *
 * The bytes: the count (8 bytes), where each integer begins and the last one ends in limbs from the
 * first one (8 bytes each), the limbs. */
#ifndef FANI_WEAK_PACK_H
#define FANI_WEAK_PACK_H

#include <gmp.h>

#include "fanfold/executor.h"

/* A pack that is being made, front to back. Zero bytes are none. */
typedef struct fani_weak_packer {
    fan_buffer bytes;
    uint64_t *starts;
    mp_limb_t *limbs;
    size_t count, next, room;
} fani_weak_packer;

/* Makes room for `count` integers of `limbs` limbs in all. FAN_E_MEMORY. */
fan_status fani_weak_packer_begin(fani_weak_packer *packer, size_t count, size_t limbs);

/* Room for the next integer, of `size` limbs, to be written at once. NULL: there is none. */
mp_limb_t *fani_weak_packer_add(fani_weak_packer *packer, size_t size);

/* The next integer, with zeros up to `size` limbs. FAN_E_ARGUMENT: there is no room. */
fan_status fani_weak_packer_put(fani_weak_packer *packer, mpz_srcptr value, size_t size);

/* The bytes of a pack that is full; they belong to the packer. */
fan_items fani_weak_packer_bytes(const fani_weak_packer *packer);

/* Makes a full packer of a pack's bytes, which are taken over (aligned as malloc does it).
 * FAN_E_PROTOCOL: they are none; the buffer is then as it was. */
fan_status fani_weak_packer_adopt(fani_weak_packer *packer, fan_buffer *bytes);

/* Frees it. Accepts an empty one. */
void fani_weak_packer_free(fani_weak_packer *packer);

/* A pack that is read. */
typedef struct fani_weak_pack {
    const uint64_t *starts;
    const mp_limb_t *limbs;
    size_t count;
    void *copy; /* bytes that did not lie as limbs must */
} fani_weak_pack;

/* Opens the bytes of a pack, which stay where they are. FAN_E_PROTOCOL: they are none;
 * FAN_E_MEMORY. The pack is then empty. */
fan_status fani_weak_pack_open(fani_weak_pack *pack, const void *bytes, size_t size);
fan_status fani_weak_packer_open(const fani_weak_packer *packer, fani_weak_pack *pack);

/* Integer i: its limbs, and as a read-only GMP integer that lives as long as the bytes. */
static inline size_t fani_weak_pack_size(const fani_weak_pack *pack, size_t i)
{
    return (size_t)(pack->starts[i + 1] - pack->starts[i]);
}
static inline const mp_limb_t *fani_weak_pack_limbs(const fani_weak_pack *pack, size_t i)
{
    return pack->limbs + pack->starts[i];
}
static inline void fani_weak_pack_view(const fani_weak_pack *pack, size_t i, mpz_ptr view)
{
    (void)mpz_roinit_n(view, fani_weak_pack_limbs(pack, i),
                       (mp_size_t)fani_weak_pack_size(pack, i));
}

/* Frees what opening took. Accepts an empty pack. */
void fani_weak_pack_close(fani_weak_pack *pack);

#endif
