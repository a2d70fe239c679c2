/* Cutting the text of an expression into tokens. */
#ifndef FANI_EXPRESSION_LEX_H
#define FANI_EXPRESSION_LEX_H

#include "expression.h"

/* Operators of one character are their character. */
typedef enum fani_token_kind {
    FANI_TOKEN_END = 256,
    FANI_TOKEN_NUMBER,
    FANI_TOKEN_NAME,
    FANI_TOKEN_POWER, /* ^ or ** */
    FANI_TOKEN_LESS_EQUAL,
    FANI_TOKEN_GREATER_EQUAL,
    FANI_TOKEN_EQUAL,
    FANI_TOKEN_NOT_EQUAL,
    FANI_TOKEN_AND,
    FANI_TOKEN_OR,
} fani_token_kind;

typedef struct fani_token {
    int kind;
    const char *at;
    size_t length;
    double value; /* of a number */
} fani_token;

/* Reads the token at or behind `at` in the NUL-terminated `text`. FAN_E_SYNTAX with its place where
 * none begins there. */
fan_status fani_token_read(const char *text, const char *at, fani_token *token, fan_error *error);

/* Sets an error with the line and column of `at` in `text`. */
fan_status fani_syntax_error(fan_error *error, fan_status status, const char *text, const char *at,
                             const char *format, ...) __attribute__((format(printf, 5, 6)));

/* A token in words: `"foo"`, `the end`; cut where it is long. */
enum { FANI_TOKEN_TEXT_SIZE = 48 };
const char *fani_token_text(const fani_token *token, char text[static FANI_TOKEN_TEXT_SIZE]);

#endif
