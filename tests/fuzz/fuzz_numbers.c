/* Numbers, expressions and lists of numbers: what is read is what GMP reads, an expression has one
 * value that fits its limit, and the items of an input and their places do not depend on the pieces
 * in which it comes. */
#include "fuzz.h"

#include <gmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "job/job_internal.h"
#include "stage/number.h"
#include "stage/number_expression.h"
#include "stage/reader.h"

/* ---- Numbers --------------------------------------------------------------------------------- */

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* Where a token stops being a sign and digits; `size` where it is a number or ends too early. */
static size_t model_bad(const unsigned char *text, size_t size, bool minus_allowed, bool *number)
{
    size_t at = size && (text[0] == '+' || (text[0] == '-' && minus_allowed));
    size_t first = at;
    while (at < size && is_digit(text[at]))
        at++;
    *number = at == size && at > first;
    return at;
}

/* The number as GMP reads it: without a plus, which it does not know. */
static void model_value(const unsigned char *text, size_t size, mpz_ptr value)
{
    char *copy = malloc(size + 1);
    REQUIRE(copy);
    memcpy(copy, text, size);
    copy[size] = '\0';
    REQUIRE(mpz_set_str(value, copy + (*copy == '+'), 10) == 0);
    free(copy);
}

static void check_value(const fani_number *number, const unsigned char *text, size_t size)
{
    mpz_t expected, read;
    uint64_t value = 0;
    char *scratch = malloc(number->size + 1), digits[FANI_U64_DIGITS];
    REQUIRE(scratch);
    mpz_inits(expected, read, NULL);
    model_value(text, size, expected);
    fani_number_mpz(number, scratch, read);
    REQUIRE(mpz_cmp(read, expected) == 0);
    REQUIRE(number->negative == (mpz_sgn(expected) < 0));
    REQUIRE(number->size == 1 || number->digits[0] != '0');
    bool fits = fani_number_u64(number, &value);
    REQUIRE(fits == (mpz_sizeinbase(expected, 2) <= 64));
    if (fits) {
        mpz_abs(expected, expected);
        REQUIRE(mpz_cmp_ui(expected, value) == 0);
        REQUIRE(fani_u64_text(value, digits) == number->size);
        REQUIRE(!memcmp(digits, number->digits, number->size));
    }
    mpz_clears(expected, read, NULL);
    free(scratch);
}

static void check_excerpt(const unsigned char *text, size_t size, size_t room)
{
    char *shown = malloc(room);
    REQUIRE(shown);
    fani_excerpt(text, size, shown, room);
    REQUIRE(strlen(shown) < room);
    for (const char *at = shown; *at; at++)
        REQUIRE(*at >= ' ' && *at < 0x7f);
    free(shown);
}

/* Digits, perhaps "e" and digits: against GMP where it is short enough to be one. */
static void check_count(const unsigned char *text, size_t size)
{
    uint64_t value = 0;
    char *copy = malloc(size + 1), *rest;
    REQUIRE(copy);
    memcpy(copy, text, size);
    copy[size] = '\0';
    bool read = fani_read_count(copy, &value);
    size_t digits = strspn(copy, "0123456789");
    rest = copy + digits;
    bool scaled = *rest == 'e' || *rest == 'E';
    bool exponent_is_digits = scaled && is_digit((unsigned char)rest[1]);
    unsigned long exponent = exponent_is_digits ? strtoul(rest + 1, NULL, 10) : 0;
    if (scaled)
        *rest++ = '\0';
    bool sound = digits && (scaled ? *rest && !rest[strspn(rest, "0123456789")] : !*rest);
    if (read) {
        REQUIRE(sound && exponent <= 19);
        mpz_t expected, power;
        mpz_inits(expected, power, NULL);
        REQUIRE(mpz_set_str(expected, copy, 10) == 0);
        mpz_ui_pow_ui(power, 10, exponent);
        mpz_mul(expected, expected, power);
        REQUIRE(mpz_cmp_ui(expected, value) == 0);
        mpz_clears(expected, power, NULL);
    } else {
        REQUIRE(!sound || exponent > 19 || digits + exponent >= 20);
    }
    free(copy);
}

static void check_number(const unsigned char *text, size_t size, unsigned choice)
{
    for (int minus = 0; minus < 2; minus++) {
        fani_number number;
        size_t bad = SIZE_MAX;
        bool expected;
        size_t expected_bad = model_bad(text, size, minus, &expected);
        bool read = fani_number_scan(text, size, minus, &number, &bad);
        REQUIRE(read == expected);
        if (read)
            check_value(&number, text, size);
        else
            REQUIRE(bad == expected_bad);
    }
    check_excerpt(text, size, 5 + choice % 60);
    check_count(text, size);
}

/* ---- Expressions ----------------------------------------------------------------------------- */

/* `size` bytes of text between two others, evaluated from memory of just that size. */
static fan_status evaluate(const char *left, const void *text, size_t size, const char *right,
                           size_t digits, mpz_ptr value)
{
    fani_expression_limits limits = {.digits = digits, .minus_allowed = true};
    fani_expression_flaw flaw = {.at = SIZE_MAX};
    size_t all = strlen(left) + size + strlen(right);
    unsigned char *whole = malloc(all ? all : 1);
    REQUIRE(whole);
    memcpy(whole, left, strlen(left));
    if (size)
        memcpy(whole + strlen(left), text, size);
    memcpy(whole + strlen(left) + size, right, strlen(right));
    fan_status status = fani_expression_value(whole, all, &limits, value, &flaw);
    free(whole);
    REQUIRE(status == FAN_OK || status == FAN_E_SYNTAX);
    if (status != FAN_OK) {
        REQUIRE(flaw.at <= all && memchr(flaw.text, '\0', sizeof flaw.text));
        for (const char *at = flaw.text; *at; at++)
            REQUIRE(*at >= ' ' && *at < 0x7f);
    }
    return status;
}

/* A value is the same written in decimal, in hexadecimal and behind a sign that it loses again. */
static void check_written(mpz_srcptr value, size_t digits)
{
    mpz_t again;
    mpz_init(again);
    char *decimal = mpz_get_str(NULL, 10, value), *hex = mpz_get_str(NULL, -16, value);
    REQUIRE(decimal && hex && strlen(decimal) <= digits + (mpz_sgn(value) < 0));
    REQUIRE(evaluate("", decimal, strlen(decimal), "", digits, again) == FAN_OK);
    REQUIRE(mpz_cmp(again, value) == 0);
    const char *minus = *hex == '-' ? "-0x" : "0X";
    REQUIRE(evaluate(minus, hex + (*hex == '-'), strlen(hex) - (*hex == '-'), "", digits, again) ==
            FAN_OK);
    REQUIRE(mpz_cmp(again, value) == 0);
    free(decimal);
    free(hex);
    mpz_clear(again);
}

static void check_expression(const unsigned char *text, size_t size, unsigned choice)
{
    fani_number number;
    size_t bad, digits = 1 + 4 * (choice & 63);
    mpz_t value, again;
    mpz_inits(value, again, NULL);
    bool plain = fani_number_scan(text, size, true, &number, &bad);
    fan_status status = evaluate("", text, size, "", digits, value);
    if (plain) {
        REQUIRE((status == FAN_OK) == (number.size <= digits));
        if (status == FAN_OK)
            model_value(text, size, again);
        REQUIRE(status != FAN_OK || mpz_cmp(value, again) == 0);
    }
    if (status == FAN_OK) {
        check_written(value, digits);
        REQUIRE(evaluate("", text, size, "", 3 * digits, again) == FAN_OK);
        REQUIRE(mpz_cmp(value, again) == 0);
        if (evaluate("(", text, size, ")", digits, again) == FAN_OK)
            REQUIRE(mpz_cmp(value, again) == 0);
        if (evaluate("-(", text, size, ")*1", digits, again) == FAN_OK)
            REQUIRE(mpz_cmpabs(value, again) == 0 && mpz_sgn(value) == -mpz_sgn(again));
    }
    mpz_clears(value, again, NULL);
}

/* ---- Time ------------------------------------------------------------------------------------ */

/* What the linker puts in the place of poll. The reader waits some milliseconds before it says that
 * nothing has come; here nothing will. */
int __wrap_poll(struct pollfd *entries, nfds_t count, int timeout_ms);
int __real_poll(struct pollfd *entries, nfds_t count, int timeout_ms);

int __wrap_poll(struct pollfd *entries, nfds_t count, int timeout_ms)
{
    return __real_poll(entries, count, timeout_ms < 10 ? 0 : timeout_ms);
}

/* ---- Lists ----------------------------------------------------------------------------------- */

enum { INPUTS = 2, PACKETS_MAX = 60, TRACE_MAX = 1 << 16 };

typedef struct list {
    fani_reader_options options;
    const uint8_t *text[INPUTS];
    size_t size[INPUTS];
} list;

/* Whether an input is taken for a packed one, which may be damaged. */
static bool looks_packed(const list *l, unsigned input)
{
    static const char *const marks[] = {"\x1f\x8b\x08", "\x28\xb5\x2f\xfd"};
    for (int k = 0; k < 2; k++)
        if (l->size[input] >= strlen(marks[k]) &&
            !memcmp(l->text[input], marks[k], strlen(marks[k])))
            return true;
    return false;
}

/* An item that was not refused stands where its place says; places in a packed input are those in
 * what it holds. */
static void check_place(const list *l, fani_place place, const unsigned char *bytes, size_t size)
{
    REQUIRE(place.input < INPUTS && place.line && place.column && place.flaw <= 2);
    if (looks_packed(l, place.input))
        return;
    const uint8_t *at = l->text[place.input], *end = at + l->size[place.input];
    if (end - at >= 3 && !memcmp(at, "\xEF\xBB\xBF", 3))
        at += 3;
    for (uint32_t line = 1; line < place.line; line++) {
        at = memchr(at, '\n', (size_t)(end - at));
        REQUIRE(at);
        at++;
    }
    REQUIRE(place.column - 1 < (size_t)(end - at));
    at += place.column - 1;
    if (place.flaw == FANI_FLAW_NONE)
        REQUIRE(size <= (size_t)(end - at) && !memcmp(at, bytes, size));
}

/* Appends what the reader gave to a trace, to be compared with that of other pieces. */
static void keep(const list *l, const fani_reader *reader, const fan_items *items,
                 unsigned char *trace, size_t *used)
{
    for (size_t i = 0; i < items->count; i++) {
        size_t size;
        const unsigned char *bytes = fan_items_at(items, i, &size);
        fani_place place = fani_reader_place(reader, items->first + i);
        fan_error error = {0};
        check_place(l, place, bytes, size);
        fani_reader_explain(reader, place, size, "wrong", &error);
        REQUIRE(error.text[0] && error.line == place.line);
        REQUIRE(*used + sizeof place + size + 1 < TRACE_MAX);
        memcpy(trace + *used, &place, sizeof place);
        memcpy(trace + *used + sizeof place, bytes, size);
        *used += sizeof place + size;
        trace[(*used)++] = '|';
    }
}

/* Both inputs on their way: each packet is one read of the reader. */
typedef struct sender {
    const list *list;
    fuzz_bytes sizes; /* how much is in each packet */
    bool whole;       /* or all in one */
    int from[INPUTS], to[INPUTS];
    size_t sent[INPUTS];
    unsigned input; /* the one being sent; INPUTS: all were */
} sender;

static void send_one(sender *s)
{
    unsigned i = s->input;
    size_t left = s->list->size[i] - s->sent[i];
    size_t piece = s->list->size[i] / PACKETS_MAX + 1 + fuzz_byte(&s->sizes) % 16;
    piece = piece < left && !s->whole ? piece : left;
    if (piece)
        REQUIRE(send(s->to[i], s->list->text[i] + s->sent[i], piece, 0) == (ssize_t)piece);
    s->sent[i] += piece;
    if (piece == left) {
        REQUIRE(close(s->to[i]) == 0);
        s->input++;
    }
}

static void open_sender(sender *s, fani_reader *reader)
{
    for (int i = 0; i < INPUTS; i++) {
        int pair[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
        s->from[i] = pair[0];
        s->to[i] = pair[1];
        REQUIRE(fani_reader_add_fd(reader, pair[0], "input") == FAN_OK);
    }
}

/* Reads the inputs and returns the trace's size; *damaged: up to data that can't be unpacked. Of
 * the first `pauses` packets each is sent after a pull; pulls are bounded by the bytes of `pulls`.
 */
static size_t read_list(sender *s, unsigned pauses, fuzz_bytes pulls, unsigned char *trace,
                        bool *damaged)
{
    fani_reader *reader;
    size_t used = 0, next = 0;
    fan_items items;
    REQUIRE(fani_reader_new(&s->list->options, &reader) == FAN_OK);
    open_sender(s, reader);
    do {
        size_t max_items = s->whole ? SIZE_MAX : 1 + fuzz_byte(&pulls) % 8;
        size_t max_bytes = s->whole ? SIZE_MAX : 1 + fuzz_byte(&pulls);
        do {
            if (s->input < INPUTS)
                send_one(s);
        } while (s->input < INPUTS && !pauses);
        bool wait = s->input == INPUTS;
        pauses -= pauses > 0;
        fan_status status = fani_reader_pull(reader, max_items, max_bytes, wait, &items, NULL);
        *damaged = status == FAN_E_INPUT && (looks_packed(s->list, 0) || looks_packed(s->list, 1));
        if (*damaged)
            break;
        REQUIRE(status == FAN_OK);
        REQUIRE(items.first == next && items.count <= max_items);
        next += items.count;
        keep(s->list, reader, &items, trace, &used);
        fani_reader_forget(reader, next);
    } while (items.count || s->input < INPUTS || !fani_reader_ended(reader));
    fani_reader_free(reader);
    for (unsigned i = 0; i < INPUTS; i++)
        REQUIRE(close(s->from[i]) == 0 && (i < s->input || close(s->to[i]) == 0));
    return used;
}

static void check_list(fuzz_bytes in, unsigned choice)
{
    static unsigned char traces[2][TRACE_MAX];
    static const size_t limits[] = {0, 1, 2, 5, 19, 20, 21, 40};
    list l = {.options = {.unit = choice & 1 ? FANI_UNIT_LINE : FANI_UNIT_TOKEN,
                          .token_max = limits[choice >> 1 & 7],
                          .line_max = limits[choice >> 4 & 7]}};
    fuzz_bytes pieces, pulls;
    unsigned pauses = fuzz_byte(&in) % 5;
    pieces.at = fuzz_take(&in, 1 + in.left / 8, &pieces.left);
    pulls.at = fuzz_take(&in, in.left / 16, &pulls.left);
    size_t first = in.left * fuzz_byte(&in) / 255;
    l.text[0] = fuzz_take(&in, first, &l.size[0]);
    l.text[1] = fuzz_take(&in, in.left, &l.size[1]);
    sender cut = {.list = &l, .sizes = pieces}, whole = {.list = &l, .whole = true};
    bool damaged, damaged_whole;
    size_t size_cut = read_list(&cut, pauses, pulls, traces[0], &damaged);
    size_t size_whole = read_list(&whole, 0, pulls, traces[1], &damaged_whole);
    size_t common = size_cut < size_whole ? size_cut : size_whole;
    /* What is read ahead of the items pulled may be damaged, and is found at once. */
    REQUIRE(damaged == damaged_whole && (damaged || size_cut == size_whole));
    REQUIRE(!memcmp(traces[0], traces[1], common));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes in = {.at = data, .left = size};
    unsigned choice = fuzz_byte(&in);
    if (choice & 128) {
        check_list(in, choice);
    } else {
        unsigned char *text = fuzz_copy(in.at, in.left);
        check_number(text, in.left, choice);
        check_expression(text, in.left, choice);
        free(text);
    }
    return 0;
}
