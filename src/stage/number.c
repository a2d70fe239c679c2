#include "stage/number.h"

#include <string.h>

bool fani_number_scan(const unsigned char *text, size_t size, bool minus_allowed,
                      fani_number *number, size_t *bad)
{
    size_t i = 0;
    bool negative = size && text[0] == '-' && minus_allowed;
    if (negative || (size && text[0] == '+'))
        i++;
    size_t first = i;
    i += fani_digits_count(text + i, size - i);
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
    return fani_digits_u64(number->digits, number->size, value);
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
