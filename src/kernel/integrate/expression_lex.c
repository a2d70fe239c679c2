#include "expression_lex.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* Not ctype.h: its answers depend on the locale. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_printable(char c)
{
    return c >= ' ' && c <= '~';
}

fan_status fani_syntax_error(fan_error *error, fan_status status, const char *text, const char *at,
                             const char *format, ...)
{
    if (!error)
        return status;
    char message[sizeof error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    uint32_t line = 1;
    const char *start = text;
    for (const char *c = text; c < at; c++) {
        if (*c == '\n') {
            line++;
            start = c + 1;
        }
    }
    fani_error_set(error, status, "%s", message);
    fani_error_place(error, NULL, line, (uint32_t)(at - start) + 1);
    return status;
}

const char *fani_token_text(const fani_token *token, char text[static FANI_TOKEN_TEXT_SIZE])
{
    enum { SHOWN = FANI_TOKEN_TEXT_SIZE - 8 };
    if (token->kind == FANI_TOKEN_END)
        return "the end";
    const int shown = token->length < SHOWN ? (int)token->length : SHOWN;
    snprintf(text, FANI_TOKEN_TEXT_SIZE, "\"%.*s%s\"", shown, token->at,
             token->length > SHOWN ? "..." : "");
    return text;
}

static fan_status read_number(const char *text, fani_token *token, fan_error *error)
{
    const char *end = token->at;
    token->kind = FANI_TOKEN_NUMBER;
    if (!fani_double_parse(token->at, &token->value, &end))
        return fani_syntax_error(error, FAN_E_SYNTAX, text, token->at,
                                 "expected a digit after the point");
    token->length = (size_t)(end - token->at);
    if (isinf(token->value))
        return fani_syntax_error(error, FAN_E_SYNTAX, text, token->at,
                                 "the number is too large for a double (write inf for infinity)");
    return FAN_OK;
}

static const struct {
    char text[3];
    int kind;
} pairs[] = {
    {"**", FANI_TOKEN_POWER}, {"<=", FANI_TOKEN_LESS_EQUAL}, {">=", FANI_TOKEN_GREATER_EQUAL},
    {"==", FANI_TOKEN_EQUAL}, {"!=", FANI_TOKEN_NOT_EQUAL},  {"&&", FANI_TOKEN_AND},
    {"||", FANI_TOKEN_OR},
};

static fan_status refuse_character(const char *text, const char *at, fan_error *error)
{
    if (*at == '=' || *at == '&' || *at == '|')
        return fani_syntax_error(error, FAN_E_SYNTAX, text, at,
                                 "expected \"%c%c\", found one \"%c\"", *at, *at, *at);
    if (is_printable(*at))
        return fani_syntax_error(error, FAN_E_SYNTAX, text, at,
                                 "\"%c\" means nothing in an expression", *at);
    return fani_syntax_error(error, FAN_E_SYNTAX, text, at,
                             "the byte 0x%02x means nothing in an expression",
                             (unsigned)(unsigned char)*at);
}

static fan_status read_operator(const char *text, fani_token *token, fan_error *error)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (strncmp(token->at, pairs[i].text, 2) == 0) {
            token->kind = pairs[i].kind;
            token->length = 2;
            return FAN_OK;
        }
    }
    if (!strchr("()+-*/%^<>!?:,", *token->at))
        return refuse_character(text, token->at, error);
    token->kind = *token->at == '^' ? (int)FANI_TOKEN_POWER : *token->at;
    token->length = 1;
    return FAN_OK;
}

fan_status fani_token_read(const char *text, const char *at, fani_token *token, fan_error *error)
{
    at += strspn(at, " \t\r\n");
    *token = (fani_token){.kind = FANI_TOKEN_END, .at = at};
    if (!*at)
        return FAN_OK;
    if (is_digit(*at) || *at == '.')
        return read_number(text, token, error);
    if (!is_letter(*at))
        return read_operator(text, token, error);
    token->kind = FANI_TOKEN_NAME;
    while (is_letter(at[token->length]) || is_digit(at[token->length]))
        token->length++;
    return FAN_OK;
}
