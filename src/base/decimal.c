#include "base/decimal.h"

#include <endian.h>
#include <string.h>

/* Eight digits stand in one word, the first of them in its lowest byte. */
#define ALL_BYTES(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The digits of a number below 10^8 as bytes from 0 to 9: halves by the reciprocal of 10000, then
 * of 100, then of 10, each as a product and a shift that are exact for numbers of that length. */
static uint64_t spread(uint32_t value)
{
    uint64_t pairs, w = value / 10000 | (uint64_t)(value % 10000) << 32;
    pairs = (w * 10486 >> 20) & UINT64_C(0x0000007f0000007f);
    w = pairs | (w - 100 * pairs) << 16;
    pairs = (w * 103 >> 10) & UINT64_C(0x000f000f000f000f);
    return pairs | (w - 10 * pairs) << 8;
}

static void store(char *text, uint64_t word)
{
    word = htole64(word);
    memcpy(text, &word, sizeof word);
}

/* Of a number below 10^8. Known long before the digits are, so that what follows need not wait. */
static unsigned count_digits(uint32_t value)
{
    return 1U + (value >= 10) + (value >= 100) + (value >= 1000) + (value >= 10000) +
           (value >= 100000) + (value >= 1000000) + (value >= 10000000);
}

/* A number below 10^8, without leading zeros. */
static size_t put_first(uint32_t value, char *text)
{
    unsigned size = count_digits(value);
    store(text, (spread(value) | ALL_BYTES('0')) >> (8 * (8 - size)));
    return size;
}

/* A number below 1000, which most factors of a number are. */
static size_t put_short(uint32_t value, char *text)
{
    uint32_t hundreds = value * 41 >> 12, rest = value - 100 * hundreds, tens = rest * 103 >> 10;
    unsigned size = 1U + (value >= 10) + (value >= 100);
    uint32_t digits = hundreds | tens << 8 | (rest - 10 * tens) << 16 | (uint32_t)ALL_BYTES('0');
    uint32_t word = htole32(digits >> (8 * (3 - size)));
    memcpy(text, &word, sizeof word);
    return size;
}

size_t fani_u64_text(uint64_t value, char *text)
{
    enum { SHORT = 1000, EIGHT = 100000000 };
    if (value < SHORT)
        return put_short((uint32_t)value, text);
    if (value < EIGHT)
        return put_first((uint32_t)value, text);
    size_t size = fani_u64_text(value / EIGHT, text);
    store(text + size, spread((uint32_t)(value % EIGHT)) | ALL_BYTES('0'));
    return size + 8;
}

/* The last up to 8 bytes of a text, behind as many zeros as are missing; reads nothing beside it.
 */
static uint64_t load(const unsigned char *text, size_t size)
{
    uint64_t word = 0;
    unsigned missing = 8 * (8 - (unsigned)size);
    if (size == 8) {
        memcpy(&word, text, sizeof word);
        return le64toh(word);
    }
    if (size >= 4) { /* two halves that may overlap */
        uint32_t first, last;
        memcpy(&first, text, sizeof first);
        memcpy(&last, text + size - 4, sizeof last);
        word = (uint64_t)le32toh(first) << missing | (uint64_t)le32toh(last) << 32;
    } else if (size > 0) {
        word = (uint64_t)text[0] << missing |
               (uint64_t)text[size / 2] << (missing + 8 * (size / 2)) |
               (uint64_t)text[size - 1] << 56;
    } else {
        return ALL_BYTES('0');
    }
    return word | ALL_BYTES('0') >> (64 - missing);
}

/* A digit's upper half is 3, and still is after adding 6. */
static bool all_digits(uint64_t word)
{
    uint64_t upper = ALL_BYTES(0xf0);
    return ((word & upper) | (((word + ALL_BYTES(6)) & upper) >> 4)) == ALL_BYTES(0x33);
}

/* The value of eight digits: neighbours are joined to pairs, pairs to fours, fours to eight. */
static uint32_t value_of(uint64_t word)
{
    word -= ALL_BYTES('0');
    word = (10 * word + (word >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
    word = (100 * word + (word >> 16)) & UINT64_C(0x0000ffff0000ffff);
    return (uint32_t)(10000 * word + (word >> 32));
}

size_t fani_digits_count(const unsigned char *text, size_t size)
{
    size_t i = 0;
    while (size - i >= 8 && all_digits(load(text + i, 8)))
        i += 8;
    if (size - i < 8 && all_digits(load(text + i, size - i)))
        return size;
    while (i < size && text[i] >= '0' && text[i] <= '9')
        i++;
    return i;
}

bool fani_digits_u64(const unsigned char *digits, size_t size, uint64_t *value)
{
    size_t first = size % 8;
    uint64_t v = value_of(load(digits, first));
    bool overflow = size > FANI_U64_DIGITS;
    for (size_t i = first; i < size && !overflow; i += 8) {
        overflow = __builtin_mul_overflow(v, UINT64_C(100000000), &v);
        overflow |= __builtin_add_overflow(v, value_of(load(digits + i, 8)), &v);
    }
    if (!overflow)
        *value = v;
    return !overflow;
}

bool fani_plain_u64(const unsigned char *token, size_t size, uint64_t *value)
{
    if (!size || size > FANI_U64_DIGITS || token[0] == '0')
        return false;
    size_t first = size % 8;
    uint64_t word = load(token, first), v = value_of(word);
    bool plain = all_digits(word);
    for (size_t i = first; i < size && plain; i += 8) {
        word = load(token + i, 8);
        plain = all_digits(word) && !__builtin_mul_overflow(v, UINT64_C(100000000), &v) &&
                !__builtin_add_overflow(v, value_of(word), &v);
    }
    if (plain)
        *value = v;
    return plain;
}
