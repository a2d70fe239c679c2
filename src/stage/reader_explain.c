#include "base/error.h"
#include "stage/reader_internal.h"

static void explain_flaw(const fani_reader *r, fani_place place, fan_error *error)
{
    const fani_reader_input *in = &r->inputs[place.input];
    switch ((fani_flaw)place.flaw) {
    case FANI_FLAW_NONE:
        break;
    case FANI_FLAW_TOKEN_LONG:
        fani_error_set(error, FAN_E_TOO_LARGE,
                       "more than %zu digits, or characters of an expression: expected a shorter "
                       "one, or a larger max-digits",
                       r->options.token_max);
        break;
    case FANI_FLAW_LINE_LONG:
        fani_error_set(error, FAN_E_TOO_LARGE, "expected a line of at most %zu bytes",
                       r->options.line_max);
        break;
    case FANI_FLAW_NOT_OPENED:
        fani_error_errno(error, FAN_E_INPUT, in->open_errno, "%s can't be opened", in->name);
        break;
    }
}

void fani_reader_explain(const fani_reader *reader, fani_place place, size_t offset,
                         const char *text, fan_error *error)
{
    const fani_reader_input *in = &reader->inputs[place.input];
    uint64_t column = place.column;
    if (place.flaw != FANI_FLAW_NONE)
        explain_flaw(reader, place, error);
    else {
        fani_error_set(error, FAN_E_SYNTAX, "%s", text);
        column += place.line ? offset : 0;
    }
    if (in->file)
        column = in->column + offset;
    fani_error_place(error, in->is_text ? in->file : in->name, in->file ? in->line : place.line,
                     column < UINT32_MAX ? (uint32_t)column : UINT32_MAX);
}
