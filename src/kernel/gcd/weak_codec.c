#include "weak_codec.h"

#include "base/error.h"

#include <stdint.h>
#include <string.h>

#define LENGTH_BYTES 8

static size_t bytes_of(mpz_srcptr value)
{
    return mpz_sgn(value) ? (mpz_sizeinbase(value, 2) + 7) / 8 : 0;
}

size_t fani_weak_encoded_size(mpz_srcptr values, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += LENGTH_BYTES + bytes_of(values + i);
    return size;
}

void fani_weak_encode(mpz_srcptr values, size_t count, unsigned char *out)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t length = bytes_of(values + i);
        for (int k = 0; k < LENGTH_BYTES; k++)
            *out++ = (unsigned char)(length >> (8 * k));
        mpz_export(out, NULL, 1, 1, 1, 0, values + i);
        out += length;
    }
}

static uint64_t read_length(const unsigned char *bytes)
{
    uint64_t length = 0;
    for (int k = LENGTH_BYTES; k-- > 0;)
        length = length << 8 | bytes[k];
    return length;
}

static fan_status decode_all(const unsigned char *at, size_t size, fani_mpzs *list)
{
    while (size > 0) {
        if (size < LENGTH_BYTES)
            return FAN_E_PROTOCOL;
        uint64_t length = read_length(at);
        at += LENGTH_BYTES;
        size -= LENGTH_BYTES;
        if (length > size || (length > 0 && at[0] == 0))
            return FAN_E_PROTOCOL;
        if (fani_mpzs_resize(list, list->count + 1))
            return FAN_E_MEMORY;
        mpz_import(list->values + list->count - 1, (size_t)length, 1, 1, 1, 0, at);
        at += length;
        size -= (size_t)length;
    }
    return FAN_OK;
}

fan_status fani_weak_decode(const void *bytes, size_t size, fani_mpzs *list, fan_error *error)
{
    size_t before = list->count;
    fan_status status = decode_all(bytes, size, list);
    if (!status)
        return FAN_OK;
    while (list->count > before)
        mpz_clear(list->values + --list->count);
    return fani_error_set(error, status, "a malformed list of integers (%zu bytes)", size);
}
