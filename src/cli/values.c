#include "values.h"

#include <stddef.h>
#include <string.h>

/* Reads decimal digits; returns what follows them, NULL where there are none or too many. */
static const char *read_digits(const char *text, uint64_t *value)
{
    uint64_t v = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return NULL;
    if (p == text)
        return NULL;
    *value = v;
    return p;
}

bool value_count(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    uint64_t v;
    const char *end = read_digits(text, &v);
    if (!end || *end || v < min || v > max)
        return false;
    *value = v;
    return true;
}

/* "[D-]HH:MM:SS" in seconds. With days the hours end at 23. */
static bool clock_seconds(const char *text, uint64_t *seconds)
{
    uint64_t days = 0, part[3];
    const char *p = text;
    if (strchr(text, '-')) {
        p = read_digits(text, &days);
        if (!p || *p++ != '-')
            return false;
    }
    const char *hours = p;
    for (int i = 0; i < 3; i++) {
        const char *digits = p;
        p = read_digits(digits, &part[i]);
        if (!p || *p != (i < 2 ? ':' : '\0') || (i > 0 && (p - digits != 2 || part[i] > 59)))
            return false;
        p++;
    }
    if (hours != text && part[0] > 23)
        return false;
    uint64_t sum;
    if (__builtin_mul_overflow(days, 24, &sum) || __builtin_add_overflow(sum, part[0], &sum) ||
        __builtin_mul_overflow(sum, 3600, &sum) ||
        __builtin_add_overflow(sum, part[1] * 60 + part[2], &sum))
        return false;
    *seconds = sum;
    return true;
}

bool value_duration_ms(const char *text, uint64_t *value)
{
    uint64_t seconds;
    if (strchr(text, ':')) {
        if (!clock_seconds(text, &seconds))
            return false;
    } else {
        const char *unit = read_digits(text, &seconds);
        if (!unit || (*unit && unit[1]))
            return false;
        uint64_t factor = 1;
        if (*unit == 'm')
            factor = 60;
        else if (*unit == 'h')
            factor = 3600;
        else if (*unit && *unit != 's')
            return false;
        if (__builtin_mul_overflow(seconds, factor, &seconds))
            return false;
    }
    uint64_t ms;
    if (__builtin_mul_overflow(seconds, 1000, &ms))
        return false;
    *value = ms;
    return true;
}

bool value_size(const char *text, uint64_t *value)
{
    uint64_t size;
    const char *unit = read_digits(text, &size);
    if (!unit || (*unit && unit[1]))
        return false;
    int shift = 0;
    if (*unit == 'K')
        shift = 10;
    else if (*unit == 'M')
        shift = 20;
    else if (*unit == 'G')
        shift = 30;
    else if (*unit)
        return false;
    if (size > UINT64_MAX >> shift)
        return false;
    *value = size << shift;
    return true;
}
