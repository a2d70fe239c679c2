#include "base/decimal.h"

#include <endian.h>
#include <string.h>

/* Eight digits stand in one word, the first of them in its lowest byte. */
#define ALL_BYTES(byte) (UINT64_C(0x0101010101010101) * (byte))

/* "000" to "999", each with a NUL. */
#define TEN(start)                                                                                 \
    start "0", start "1", start "2", start "3", start "4", start "5", start "6", start "7",        \
        start "8", start "9"
#define HUNDRED(start)                                                                             \
    TEN(start "0"), TEN(start "1"), TEN(start "2"), TEN(start "3"), TEN(start "4"),                \
        TEN(start "5"), TEN(start "6"), TEN(start "7"), TEN(start "8"), TEN(start "9")
static const char three_digits[1000][4] = {HUNDRED("0"), HUNDRED("1"), HUNDRED("2"), HUNDRED("3"),
                                           HUNDRED("4"), HUNDRED("5"), HUNDRED("6"), HUNDRED("7"),
                                           HUNDRED("8"), HUNDRED("9")};

/* A number below 1000, without leading zeros. Its length is known long before its digits are, so
 * that what follows need not wait. */
static inline size_t put_first(uint32_t value, char *text)
{
    uint32_t word, size = 1U + (value >= 10) + (value >= 100);
    memcpy(&word, three_digits[value], sizeof word);
    word = htole32(le32toh(word) >> (8 * (3 - size)));
    memcpy(text, &word, sizeof word);
    return size;
}

/* One that more digits stand before. */
static inline size_t put_next(uint32_t value, char *text)
{
    memcpy(text, three_digits[value], 4);
    return 3;
}

static size_t put_long(uint64_t value, char *text)
{
    enum { THOUSAND = 1000, MILLION = 1000000, BILLION = 1000000000 };
    size_t size;
    if (value >= BILLION) {
        size = put_long(value / BILLION, text);
        value %= BILLION;
        size += put_next((uint32_t)value / MILLION, text + size);
        size += put_next((uint32_t)value / THOUSAND % THOUSAND, text + size);
    } else if (value >= MILLION) {
        size = put_first((uint32_t)value / MILLION, text);
        size += put_next((uint32_t)value / THOUSAND % THOUSAND, text + size);
    } else if (value >= THOUSAND) {
        size = put_first((uint32_t)value / THOUSAND, text);
    } else {
        return put_first((uint32_t)value, text);
    }
    return size + put_next((uint32_t)value % THOUSAND, text + size);
}

size_t fani_u64_text(uint64_t value, char *text)
{
    return value < 1000 ? put_first((uint32_t)value, text) : put_long(value, text);
}

/* The last up to 8 bytes of a text, behind as many zeros as are missing; reads nothing beside it.
 */
static inline uint64_t load(const unsigned char *text, size_t size)
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

/* The first `count` digits (1 to 8) of a text of at least 8 bytes, as load gives them. */
static uint64_t load_first(const unsigned char *text, size_t count)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return le64toh(word) << (64 - 8 * count) | ALL_BYTES('0') >> 8 >> (8 * count - 8);
}

bool fani_plain_u64(const unsigned char *token, size_t size, uint64_t *value)
{
    if (!size || size > 20 || token[0] == '0')
        return false;
    size_t first = (size - 1) % 8 + 1;
    uint64_t word = size < 8 ? load(token, size) : load_first(token, first), v = value_of(word);
    bool plain = all_digits(word);
    for (size_t i = first; i < size && plain; i += 8) {
        word = load(token + i, 8);
        plain = all_digits(word) && !__builtin_mul_overflow(v, UINT64_C(100000000), &v) &&
                !__builtin_add_overflow(v, value_of(word), &v);
    }
    *value = v;
    return plain;
}
