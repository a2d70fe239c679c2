/* Items that lie whole in a chunk. What this takes could be taken byte by byte as well (reader.c);
 * what a million items cost is decided here. */
#include "stage/reader_internal.h"

/* Where the reader is, in registers. */
typedef struct cutter {
    size_t at, used, count;
    uint64_t index;
    size_t line_at; /* below 0: it wraps round */
    uint32_t line;
} cutter;

static inline cutter begin(const fani_reader *r)
{
    return (cutter){.at = r->at,
                    .used = r->out_used,
                    .count = r->count,
                    .index = r->next_index,
                    .line_at = (size_t)(r->line_position - r->chunk_position),
                    .line = r->line};
}

/* Whether anything was taken. */
static inline bool end(fani_reader *r, const cutter *c)
{
    bool took = c->at > r->at;
    r->at = c->at;
    r->out_used = c->used;
    r->count = c->count;
    r->next_index = c->index;
    r->line = c->line;
    r->line_position = r->chunk_position + c->line_at;
    return took;
}

/* The next `size` bytes are an item; *most* are copied in pieces of fixed size, for which there is
 * room. */
static inline __attribute__((always_inline)) void take(fani_reader *r, cutter *c, size_t size,
                                                       size_t most)
{
    const unsigned char *from = r->chunk + c->at;
    unsigned char *to = r->out + c->used;
    size_t column = c->at - c->line_at + 1;
    if (size > most)
        memcpy(to, from, size);
    else
        for (size_t i = 0; i < size; i += FANI_READER_SLACK)
            memcpy(to + i, from + i, FANI_READER_SLACK);
    r->places[c->index++ & (r->place_capacity - 1)] =
        (fani_place){.input = (uint32_t)r->current,
                     .line = c->line,
                     .column = column < UINT32_MAX ? (uint32_t)column : UINT32_MAX};
    r->offsets[++c->count] = c->used += size;
}

static inline void end_line(cutter *c)
{
    c->line += c->line < UINT32_MAX;
    c->line_at = c->at;
}

/* Tokens, with the blank behind them. */
static bool take_tokens(fani_reader *r, size_t max_items, size_t max_bytes)
{
    cutter c = begin(r);
    while (c.at < r->end && c.count < max_items && c.used < max_bytes) {
        size_t blank = fani_token_end(r->chunk, c.at, r->end), size = blank - c.at;
        if (blank == r->end || size > r->options.token_max)
            break;
        if (size)
            take(r, &c, size, FANI_READER_SLACK);
        c.at = blank + 1;
        if (r->chunk[blank] == '\n')
            end_line(&c);
    }
    return end(r, &c);
}

/* Lines that begin with no blank and are too short to hold a token that is too long. */
static bool take_lines(fani_reader *r, size_t max_items, size_t max_bytes)
{
    enum { SHORT = 8 * FANI_READER_SLACK };
    cutter c = begin(r);
    size_t most =
        r->options.token_max < r->options.line_max ? r->options.token_max : r->options.line_max;
    while (c.at < r->end && c.count < max_items && c.used < max_bytes) {
        const unsigned char *line = r->chunk + c.at, *newline = memchr(line, '\n', r->end - c.at);
        size_t size = newline ? (size_t)(newline - line) : most + 1;
        if (size > most || (size && fani_is_blank(*line)))
            break;
        if (size)
            take(r, &c, size, SHORT);
        c.at += size + 1;
        end_line(&c);
    }
    return end(r, &c);
}

bool fani_reader_take_whole(fani_reader *r, size_t max_items, size_t max_bytes)
{
    if (r->in_item || r->to_pass || r->options.step > 1)
        return false;
    if (r->options.unit == FANI_UNIT_TOKEN)
        return take_tokens(r, max_items, max_bytes);
    return r->options.unit == FANI_UNIT_LINE && take_lines(r, max_items, max_bytes);
}
