#include "suggest.h"

#include <string.h>

enum { LONGEST = 40 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b: optimal string alignment.
 */
static size_t edits(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST)
        return LONGEST;
    size_t row[3][LONGEST + 1];
    for (size_t j = 0; j <= m; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = row[i % 3], *before = row[(i + 2) % 3], *two_before = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            now[j] =
                least(least(before[j], now[j - 1]) + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], two_before[j - 2] + 1);
        }
    }
    return row[n % 3][m];
}

suggestion suggest_begin(const char *word)
{
    return (suggestion){.word = word, .nearest = NULL, .distance = 1 + strlen(word) / 3};
}

void suggest_offer(suggestion *s, const char *name)
{
    size_t length = strlen(s->word);
    size_t distance = edits(s->word, name);
    /* An abbreviation is near, however long the name. */
    if (length >= 3 && strncmp(name, s->word, length) == 0)
        distance = least(distance, 1);
    if (distance <= s->distance && (!s->nearest || distance < s->distance)) {
        s->nearest = name;
        s->distance = distance;
    }
}
