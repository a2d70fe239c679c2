#include "keys_base64.h"

/* The value of a character, or -1. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

bool fani_base64_feed(fani_base64 *state, const char *text, size_t text_size, unsigned char *to,
                      size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < text_size; i++) {
        char c = text[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c == '=' && (state->ended || state->held >= 2)) {
            state->ended = true;
            continue;
        }
        int value = value_of(c);
        if (value < 0 || state->ended)
            return false;
        state->bits = state->bits << 6 | (uint32_t)value;
        if (++state->held == 4) {
            to[(*size)++] = (unsigned char)(state->bits >> 16);
            to[(*size)++] = (unsigned char)(state->bits >> 8);
            to[(*size)++] = (unsigned char)state->bits;
            state->held = 0;
        }
    }
    return true;
}

bool fani_base64_end(fani_base64 *state, unsigned char *to, size_t *size)
{
    unsigned held = state->held;
    *size = 0;
    state->held = 0;
    if (held == 1)
        return false;
    if (held > 1)
        to[(*size)++] = (unsigned char)(state->bits >> (held == 2 ? 4 : 10));
    if (held > 2)
        to[(*size)++] = (unsigned char)(state->bits >> 2);
    return true;
}

bool fani_base64_decode(const char *text, size_t text_size, unsigned char *to, size_t *size)
{
    fani_base64 state = {0};
    size_t rest = 0;
    bool sound = fani_base64_feed(&state, text, text_size, to, size) &&
                 fani_base64_end(&state, to + *size, &rest);
    *size += rest;
    return sound;
}
