#include "keys_dns.h"

#include "keys_base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '(' || c == ')';
}

/* The word at or behind `*at`, which goes behind it; size 0: none. */
static size_t next_word(const char **at, const char **word)
{
    while (is_blank(**at))
        (*at)++;
    *word = *at;
    while (**at && !is_blank(**at))
        (*at)++;
    return (size_t)(*at - *word);
}

static bool word_is(const char *word, size_t size, const char *name)
{
    return size == strlen(name) && !strncasecmp(word, name, size);
}

/* A number of at most `most`; -1: none. */
static long number_of(const char *word, size_t size, long most)
{
    long value = 0;
    for (size_t i = 0; i < size; i++) {
        if (word[i] < '0' || word[i] > '9' || (value = 10 * value + (word[i] - '0')) > most)
            return -1;
    }
    return size ? value : -1;
}

static const struct {
    const char *mnemonic;
    int number;
    bool rsa;
} algorithms[] = {
    {"RSAMD5", 1, true},
    {"DH", 2, false},
    {"DSA", 3, false},
    {"RSASHA1", 5, true},
    {"DSA-NSEC3-SHA1", 6, false},
    {"RSASHA1-NSEC3-SHA1", 7, true},
    {"RSASHA256", 8, true},
    {"RSASHA512", 10, true},
    {"ECC-GOST", 12, false},
    {"ECDSAP256SHA256", 13, false},
    {"ECDSAP384SHA384", 14, false},
    {"ED25519", 15, false},
    {"ED448", 16, false},
};
enum { ALGORITHMS = sizeof algorithms / sizeof *algorithms };

static long algorithm_of(const char *word, size_t size)
{
    for (size_t i = 0; i < ALGORITHMS; i++)
        if (word_is(word, size, algorithms[i].mnemonic))
            return algorithms[i].number;
    return number_of(word, size, 255);
}

typedef struct record {
    const char *owner; /* NULL: that of the record before */
    size_t owner_size;
    long flags, protocol, algorithm;
    const char *key; /* base64, with blanks */
} record;

/* Looks for "TYPE flags protocol algorithm" behind at most a name, a lifetime and a class. */
static bool parse_record(const char *text, record *r)
{
    const char *at = text, *word;
    size_t size;
    *r = (record){0};
    for (int words = 0; words < 5 && (size = next_word(&at, &word)) > 0; words++) {
        bool named = words > 0 || !is_blank(*text);
        bool is_type = word_is(word, size, "DNSKEY") || word_is(word, size, "CDNSKEY") ||
                       word_is(word, size, "KEY");
        if (is_type && (words > 0 || !named)) {
            size = next_word(&at, &word);
            r->flags = number_of(word, size, 65535);
            size = next_word(&at, &word);
            r->protocol = number_of(word, size, 255);
            size = next_word(&at, &word);
            r->algorithm = size ? algorithm_of(word, size) : -1;
            r->key = at;
            return r->flags >= 0 && r->protocol >= 0 && r->algorithm >= 0;
        }
        if (words == 0 && named) {
            r->owner = word;
            r->owner_size = size;
        }
    }
    return false;
}

bool fani_rsa_key_is_dns(const char *line)
{
    record r;
    return parse_record(line, &r);
}

void fani_rsa_key_dns_strip(char *line, int *depth)
{
    for (; *line && *line != ';'; line++)
        *depth += *line == '(' ? 1 : *line == ')' ? -1 : 0;
    *line = '\0';
}

/* Which of a zone's keys it is (RFC 4034, appendix B). */
static unsigned key_tag(const record *r, const unsigned char *key, size_t size)
{
    const unsigned char before[4] = {(unsigned char)(r->flags >> 8), (unsigned char)r->flags,
                                     (unsigned char)r->protocol, (unsigned char)r->algorithm};
    uint32_t sum = 0;
    if (r->algorithm == 1)
        return size < 3 ? 0 : (unsigned)key[size - 3] << 8 | key[size - 2];
    for (size_t i = 0; i < size + 4; i++) {
        uint32_t byte = i < 4 ? before[i] : key[i - 4];
        sum += i & 1 ? byte : byte << 8;
    }
    return (sum + (sum >> 16)) & 0xffff;
}

static fan_status deliver_record(const fani_rsa_key_source *source, uint64_t line, const record *r,
                                 const unsigned char *key, size_t size, const char *owner)
{
    char id[FANI_KEY_OWNER_BYTES + 16];
    size_t head = 1, exponent_size = size ? key[0] : 0;
    if (size >= 3 && key[0] == 0) {
        head = 3;
        exponent_size = (size_t)key[1] << 8 | key[2];
    }
    if (exponent_size == 0 || size <= head + exponent_size)
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a malformed RSA key in a DNSKEY record");
    snprintf(id, sizeof id, "%s+%03ld+%05u", owner, r->algorithm, key_tag(r, key, size));
    fani_rsa_key found = {.form = FANI_RSA_KEY_DNSKEY,
                          .exponent = key + head,
                          .exponent_size = exponent_size,
                          .modulus = key + head + exponent_size,
                          .modulus_size = size - head - exponent_size,
                          .id = id};
    return fani_rsa_key_raw(source, line, found);
}

static fan_status report_algorithm(const fani_rsa_key_source *source, uint64_t line, long algorithm)
{
    const char *name = "unknown";
    for (size_t i = 0; i < ALGORITHMS; i++)
        if (algorithms[i].number == algorithm)
            name = algorithms[i].mnemonic;
    return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_NOT_RSA,
                               "not an RSA key: DNSSEC algorithm %ld (%s)", algorithm, name);
}

fan_status fani_rsa_key_dns(const fani_rsa_key_source *source, uint64_t line, char *text,
                            char *owner)
{
    record r;
    size_t size;
    bool rsa = false;
    if (!parse_record(text, &r))
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a malformed DNSKEY record");
    if (r.owner)
        snprintf(owner, FANI_KEY_OWNER_BYTES, "%.*s",
                 r.owner_size < FANI_KEY_OWNER_BYTES ? (int)r.owner_size : FANI_KEY_OWNER_BYTES - 1,
                 r.owner);
    for (size_t i = 0; i < ALGORITHMS; i++)
        rsa = rsa || (algorithms[i].rsa && algorithms[i].number == r.algorithm);
    if (!rsa)
        return report_algorithm(source, line, r.algorithm);
    char *at = text + (r.key - text);
    for (char *c = at; *c; c++)
        if (*c == '(' || *c == ')')
            *c = ' ';
    unsigned char *key = (unsigned char *)at; /* the bytes are fewer than the digits */
    if (!fani_base64_decode(at, strlen(at), key, &size))
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a DNSKEY record whose key is no base64");
    return deliver_record(source, line, &r, key, size, owner);
}
