#include "base/philox.h"

enum { ROUNDS = 10 };

void fani_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    uint32_t first_key = key[0], second_key = key[1];
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t first = UINT64_C(0xD2511F53) * a;
        uint64_t second = UINT64_C(0xCD9E8D57) * c;
        a = (uint32_t)(second >> 32) ^ b ^ first_key;
        b = (uint32_t)second;
        c = (uint32_t)(first >> 32) ^ d ^ second_key;
        d = (uint32_t)first;
        first_key += 0x9E3779B9;
        second_key += 0xBB67AE85;
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

uint64_t fani_philox_u64(uint64_t key, uint64_t counter)
{
    const uint32_t at[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), 0, 0};
    const uint32_t keys[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
    uint32_t out[4];
    fani_philox(at, keys, out);
    return (uint64_t)out[1] << 32 | out[0];
}
