/* Files of keys of every form: what the reader delivers has the shape that keys.h promises, however
 * the bytes are cut into reads. The first byte chooses the base and the pieces. */
#include <stdio.h>

#include "fuzz.h"

#include "stage/keys.h"

typedef struct trace {
    char *text;
    size_t size;
    FILE *out;
    uint64_t keys, not_rsa, unreadable;
} trace;

static void require_clean(const char *text)
{
    for (; *text; text++)
        REQUIRE((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void require_number(const unsigned char *bytes, size_t size)
{
    REQUIRE(!size || *bytes != 0);
    (void)fuzz_touch(bytes, size);
}

static fan_status on_key(void *context, const fani_rsa_key *key, fan_error *error)
{
    trace *t = context;
    (void)error;
    (void)fuzz_touch((const uint8_t *)key->id, strlen(key->id));
    require_number(key->modulus, key->modulus_size);
    require_number(key->exponent, key->exponent_size);
    size_t bits = key->modulus_size * 8;
    for (unsigned top = key->modulus_size ? *key->modulus : 0x80; top < 0x80; top *= 2)
        bits--;
    REQUIRE(key->bits == bits && bits <= FANI_RSA_KEYS_MAX_BITS && key->line > 0);
    REQUIRE(key->has_exponent || !key->exponent_size);
    t->keys++;
    fprintf(t->out, "%llu %d %zu %s ", (unsigned long long)key->line, (int)key->form, bits,
            key->id);
    fwrite(key->modulus, 1, key->modulus_size, t->out);
    fwrite(key->exponent, 1, key->exponent_size, t->out);
    return FAN_OK;
}

static fan_status on_problem(void *context, const fani_rsa_key_problem *problem, fan_error *error)
{
    trace *t = context;
    (void)error;
    REQUIRE(problem->line > 0 && problem->reason[0]);
    require_clean(problem->reason);
    if (problem->fault == FANI_RSA_KEY_NOT_RSA)
        t->not_rsa++;
    else
        t->unreadable++;
    fprintf(t->out, "%llu %llu %s ", (unsigned long long)problem->line,
            (unsigned long long)problem->column, problem->reason);
    return FAN_OK;
}

/* Bytes that come in pieces of at most so many. */
typedef struct pieces {
    const uint8_t *at;
    size_t left, most;
} pieces;

static ssize_t read_piece(void *cookie, char *to, size_t size)
{
    pieces *p = cookie;
    size_t part = p->left < p->most ? p->left : p->most;
    part = part < size ? part : size;
    if (part)
        memcpy(to, p->at, part);
    p->at += part;
    p->left -= part;
    return (ssize_t)part;
}

static void read_keys(trace *t, const uint8_t *data, size_t size, size_t most, unsigned base)
{
    pieces p = {.at = data, .left = size, .most = most};
    fani_rsa_key_reader reader = {.base = base, .key = on_key, .problem = on_problem, .context = t};
    fani_rsa_key_counts counts = {0};
    fan_error error = {0};
    FILE *stream = fopencookie(&p, "r", (cookie_io_functions_t){.read = read_piece});
    t->out = open_memstream(&t->text, &t->size);
    REQUIRE(stream && t->out);
    (void)setvbuf(stream, NULL, _IONBF, 0);
    REQUIRE(fani_rsa_keys_read_stream(stream, "keys", &reader, &counts, &error) == FAN_OK);
    REQUIRE(fclose(t->out) == 0 && fclose(stream) == 0);
    REQUIRE(counts.keys == t->keys && counts.not_rsa == t->not_rsa);
    REQUIRE(counts.unreadable == t->unreadable);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes in = {.at = data, .left = size};
    unsigned choice = fuzz_byte(&in);
    trace whole = {0}, cut = {0};
    read_keys(&whole, in.at, in.left, SIZE_MAX, choice & 1 ? 10 : 16);
    read_keys(&cut, in.at, in.left, 1 + (choice >> 1), choice & 1 ? 10 : 16);
    REQUIRE(whole.size == cut.size && !memcmp(whole.text, cut.text, whole.size));
    free(whole.text);
    free(cut.text);
    return 0;
}
