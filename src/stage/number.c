#include "stage/number.h"

#include <string.h>

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

bool fani_number_scan(const unsigned char *text, size_t size, bool minus_allowed,
                      fani_number *number, size_t *bad)
{
    size_t i = 0;
    bool negative = size && text[0] == '-' && minus_allowed;
    if (negative || (size && text[0] == '+'))
        i++;
    size_t first = i;
    while (i < size && is_digit(text[i]))
        i++;
    if (i < size || i == first) {
        *bad = i;
        return false;
    }
    while (first + 1 < size && text[first] == '0')
        first++;
    *number = (fani_number){
        .digits = text + first, .size = size - first, .negative = negative && text[first] != '0'};
    return true;
}

bool fani_number_u64(const fani_number *number, uint64_t *value)
{
    uint64_t v = 0;
    if (number->size > FANI_U64_DIGITS)
        return false;
    for (size_t i = 0; i < number->size; i++) {
        uint64_t digit = number->digits[i] - (uint64_t)'0';
        if (i == FANI_U64_DIGITS - 1 &&
            (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v)))
            return false;
        if (i < FANI_U64_DIGITS - 1)
            v = 10 * v + digit;
    }
    *value = v;
    return true;
}

void fani_number_mpz(const fani_number *number, char *scratch, mpz_ptr value)
{
    memcpy(scratch, number->digits, number->size);
    scratch[number->size] = '\0';
    /* Only digits were let through, so this can't fail. */
    (void)mpz_set_str(value, scratch, 10);
    if (number->negative)
        mpz_neg(value, value);
}

size_t fani_u64_text(uint64_t value, char text[FANI_U64_DIGITS])
{
    char reversed[FANI_U64_DIGITS];
    size_t size = 0;
    do {
        reversed[size++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (size_t i = 0; i < size; i++)
        text[i] = reversed[size - 1 - i];
    return size;
}

static size_t one_byte(unsigned char c, char shown[5])
{
    static const char hex[] = "0123456789abcdef";
    if (c >= ' ' && c < 0x7f) {
        shown[0] = (char)c;
        return 1;
    }
    shown[0] = '\\';
    if (!c) {
        shown[1] = '0';
        return 2;
    }
    shown[1] = 'x';
    shown[2] = hex[c >> 4];
    shown[3] = hex[c & 15];
    return 4;
}

void fani_excerpt(const unsigned char *token, size_t token_size, char *text, size_t size)
{
    size_t used = 0, most = size - sizeof "...";
    for (size_t i = 0; i < token_size; i++) {
        char shown[5];
        size_t n = one_byte(token[i], shown);
        if (used + n > most) {
            memcpy(text + used, "...", 3);
            used += 3;
            break;
        }
        memcpy(text + used, shown, n);
        used += n;
    }
    text[used] = '\0';
}
