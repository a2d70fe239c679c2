#include "captured.h"

#include <stdio.h>
#include <string.h>

#include "message.h"
#include "progress.h"

enum { ITEM_BYTES_MAX = 64 << 10, RUN_BYTES_MAX = 16 << 20 };

static void show_line(const char *item, const char *line, size_t size)
{
    if (size && line[size - 1] == '\r')
        size--;
    fprintf(stderr, "fanfold: %s: ", item);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)line[i];
        fputc((c < ' ' && c != '\t') || c == 0x7f ? '?' : c, stderr);
    }
    fputc('\n', stderr);
}

static void show_stream(captured_shown *shown, const char *item, const char *text, size_t size)
{
    size_t kept = size < ITEM_BYTES_MAX ? size : ITEM_BYTES_MAX;
    for (size_t at = 0; at < kept;) {
        const char *end = memchr(text + at, '\n', kept - at);
        size_t length = end ? (size_t)(end - (text + at)) : kept - at;
        show_line(item, text + at, length);
        at += length + 1;
    }
    if (kept < size)
        message_error("%s: it wrote %zu bytes more, which are not shown", item, size - kept);
    shown->bytes += kept;
}

void captured_show(captured_shown *shown, const char *item, const fan_captured *text)
{
    if (message_is_silenced() || shown->ended)
        return;
    if (shown->bytes >= RUN_BYTES_MAX) {
        shown->ended = true;
        message_error("what items write is not shown any more: it was above %d bytes so far",
                      RUN_BYTES_MAX);
        return;
    }
    progress_clear();
    show_stream(shown, item, text->out, text->out_size);
    show_stream(shown, item, text->err, text->err_size);
}
