#include "keys_ssh.h"

#include "keys_base64.h"

#include <string.h>

/* A word of a line. */
typedef struct word {
    char *at;
    size_t size;
} word;

/* The parts of a line: [options or hosts] type key [comment]. */
typedef struct key_line {
    word first, second; /* the first two words */
    word type, key;
    char *comment;
} key_line;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The word at or behind `at`; blanks between quotes belong to it, as in options. Size 0: none. */
static word next_word(char *at)
{
    bool quoted = false;
    while (is_blank(*at))
        at++;
    char *end = at;
    for (; *end && (quoted || !is_blank(*end)); end++) {
        if (quoted && *end == '\\' && end[1])
            end++;
        else if (*end == '"')
            quoted = !quoted;
    }
    return (word){at, (size_t)(end - at)};
}

static bool begins(word w, const char *text)
{
    return w.size >= strlen(text) && !memcmp(w.at, text, strlen(text));
}

static bool is_type(word w)
{
    return begins(w, "ssh-") || begins(w, "ecdsa-sha2-") || begins(w, "sk-") ||
           begins(w, "rsa-sha2-");
}

/* Every key begins with the length of its type's name, which is short: three zero bytes. */
static bool parse_line(char *text, key_line *parts)
{
    word last = {0};
    *parts = (key_line){0};
    for (word w = next_word(text); w.size; w = next_word(w.at + w.size)) {
        if (last.at && is_type(last) && begins(w, "AAAA")) {
            parts->type = last;
            parts->key = w;
            parts->comment = w.at + w.size;
            return true;
        }
        if (!parts->first.at)
            parts->first = w;
        else if (!parts->second.at)
            parts->second = w;
        last = w;
    }
    return false;
}

bool fani_rsa_key_is_ssh(const char *line)
{
    key_line parts;
    if (!strstr(line, "AAAA"))
        return false;
    return parse_line((char *)(uintptr_t)line, &parts); /* which writes nothing */
}

/* Whether a line's first word are options of authorized_keys, not the hosts of known_hosts. */
static bool is_options(word w)
{
    static const char *const flags[] = {"agent-forwarding",
                                        "cert-authority",
                                        "no-",
                                        "port-forwarding",
                                        "pty",
                                        "restrict",
                                        "user-rc",
                                        "verify-required",
                                        "X11-forwarding"};
    if (memchr(w.at, '=', w.size) && *w.at != '|') /* hashed hosts are base64 */
        return true;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (begins(w, flags[i]))
            return true;
    return false;
}

static char *trimmed(char *text)
{
    while (is_blank(*text))
        text++;
    for (size_t size = strlen(text); size > 0 && is_blank(text[size - 1]);)
        text[--size] = '\0';
    return text;
}

/* The id of a key; what it is made of gets its ending zero. */
static char *id_of(key_line *parts)
{
    word hosts = *parts->first.at == '@' ? parts->second : parts->first;
    bool has_hosts = hosts.at && hosts.at != parts->type.at && !is_options(hosts);
    if (!has_hosts)
        return trimmed(parts->comment);
    hosts.at[hosts.size] = '\0';
    return hosts.at;
}

/* ---- The key itself (RFC 4251, section 5; RFC 4253, section 6.6) ----------------------------- */

typedef struct blob {
    const unsigned char *at;
    size_t left;
} blob;

/* The next string or number: four bytes of length, and so many bytes. */
static bool take_string(blob *b, const unsigned char **bytes, size_t *size)
{
    if (b->left < 4)
        return false;
    *size = (size_t)b->at[0] << 24 | (size_t)b->at[1] << 16 | (size_t)b->at[2] << 8 | b->at[3];
    if (*size > b->left - 4)
        return false;
    *bytes = b->at + 4;
    b->at += 4 + *size;
    b->left -= 4 + *size;
    return true;
}

static bool take_positive(blob *b, const unsigned char **bytes, size_t *size)
{
    return take_string(b, bytes, size) && (*size == 0 || (*bytes)[0] < 0x80);
}

/* Whether a type is RSA; in certificates something random stands before the numbers. */
static bool is_rsa(const unsigned char *type, size_t size, bool *certificate)
{
    static const char *const names[] = {"ssh-rsa", "ssh-rsa-cert-v01@openssh.com",
                                        "rsa-sha2-256-cert-v01@openssh.com",
                                        "rsa-sha2-512-cert-v01@openssh.com"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        *certificate = i > 0;
        if (size == strlen(names[i]) && !memcmp(type, names[i], size))
            return true;
    }
    return false;
}

static fan_status deliver_blob(const fani_rsa_key_source *source, uint64_t line, blob b,
                               const char *id)
{
    const unsigned char *type, *nonce, *exponent, *modulus;
    size_t type_size, nonce_size, exponent_size, modulus_size;
    bool certificate;
    if (!take_string(&b, &type, &type_size))
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a malformed OpenSSH key");
    if (!is_rsa(type, type_size, &certificate))
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_NOT_RSA, "not an RSA key: %.*s",
                                   (int)(type_size < 64 ? type_size : 64), (const char *)type);
    if ((certificate && !take_string(&b, &nonce, &nonce_size)) ||
        !take_positive(&b, &exponent, &exponent_size) ||
        !take_positive(&b, &modulus, &modulus_size) || (!certificate && b.left))
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a malformed OpenSSH RSA key");
    fani_rsa_key key = {.form = FANI_RSA_KEY_OPENSSH,
                        .modulus = modulus,
                        .modulus_size = modulus_size,
                        .exponent = exponent,
                        .exponent_size = exponent_size,
                        .id = id};
    return fani_rsa_key_raw(source, line, key);
}

fan_status fani_rsa_key_ssh(const fani_rsa_key_source *source, uint64_t line, char *text)
{
    key_line parts;
    blob b = {.at = (const unsigned char *)text};
    if (!parse_line(text, &parts))
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a malformed OpenSSH key");
    const char *id = id_of(&parts);
    unsigned char *to = (unsigned char *)parts.key.at; /* the bytes are fewer than the digits */
    b.at = to;
    if (!fani_base64_decode(parts.key.at, parts.key.size, to, &b.left))
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "an OpenSSH key that is no base64");
    return deliver_blob(source, line, b, id);
}
