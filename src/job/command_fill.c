/* The words of a command for an item: cut into columns, put together, and as a line for a shell. */
#include <stdlib.h>
#include <string.h>

#include "job/command_internal.h"

fan_status fani_command_filler_make(const char *const *words, size_t count, uint32_t flags,
                                    const char *separator, size_t separator_size,
                                    fani_command_filler *filler)
{
    bool sources = (flags & FANI_COMMAND_SOURCES) != 0;
    filler->separator_size = sources ? 1 : separator_size;
    filler->separator = calloc(1, filler->separator_size + 1);
    if (!filler->separator)
        return FAN_E_MEMORY;
    if (!sources && separator_size)
        memcpy(filler->separator, separator, separator_size);
    return fani_template_new(words, count, (flags & FANI_COMMAND_SHELL) != 0,
                             !(flags & FANI_COMMAND_STDIN), &filler->template);
}

void fani_command_filler_clear(fani_command_filler *filler)
{
    fani_template_free(filler->template);
    fan_buffer_clear(&filler->joined);
    free(filler->separator);
    free(filler->columns);
    *filler = (fani_command_filler){0};
}

static size_t count_separators(const fani_command_filler *f, const char *item, size_t size)
{
    size_t count = 0;
    const char *end = item + size;
    while (f->separator_size &&
           (item = memmem(item, (size_t)(end - item), f->separator, f->separator_size))) {
        item += f->separator_size;
        count++;
    }
    return count;
}

fan_status fani_command_filler_cut(fani_command_filler *filler, const char *item, size_t size,
                                   fani_item_values *values, fani_piece *joined)
{
    fani_command_filler *f = filler;
    size_t most = count_separators(f, item, size) + 1;
    if (most > f->room) {
        fani_piece *columns = realloc(f->columns, most * sizeof *columns);
        if (!columns)
            return FAN_E_MEMORY;
        f->columns = columns;
        f->room = most;
    }
    values->columns = f->columns;
    values->count = fani_columns_cut(item, size, f->separator, f->separator_size, f->columns, most);
    *joined = (fani_piece){item, size};
    if (values->count == 1)
        return FAN_OK;
    f->joined.size = 0;
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < values->count; i++) {
        status = fani_bytes_add(&f->joined, " ", i ? 1 : 0);
        if (status == FAN_OK)
            status = fani_bytes_add(&f->joined, f->columns[i].at, f->columns[i].size);
    }
    *joined = (fani_piece){(const char *)f->joined.bytes, f->joined.size};
    return status;
}

fan_status fani_command_add_separator(fan_buffer *to, const char *text, uint32_t *size)
{
    static const char letters[] = "tn0\\", meant[] = "\t\n\0\\";
    fan_status status = FAN_OK;
    *size = 0;
    for (; status == FAN_OK && text && *text; text++) {
        const char *escaped = *text == '\\' && text[1] ? strchr(letters, text[1]) : NULL;
        status = fani_bytes_add(to, escaped ? meant + (escaped - letters) : text, 1);
        text += escaped != NULL;
        ++*size;
    }
    return status;
}

fan_status fani_command_add_line(fan_buffer *to, const char *const *arguments)
{
    fan_status status = FAN_OK;
    for (const char *const *at = arguments; status == FAN_OK && *at; at++) {
        status = fani_bytes_add(to, " ", at == arguments ? 0 : 1);
        if (status == FAN_OK)
            status = fani_quote(to, *at, strlen(*at), true);
    }
    return status;
}
