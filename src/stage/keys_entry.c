#include "keys_entry.h"

#include "base/error.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What an entry turned out to be; owns all but `text`. */
typedef struct entry {
    fani_rsa_key_form form;
    EVP_PKEY *key;   /* NULL where libcrypto does not know the key */
    char *id;        /* from malloc, or NULL */
    char kind[64];   /* the algorithm's name, for reports */
    bool is_rsa_oid; /* the entry says RSA, whether or not the key could be read */
} entry;

static void entry_free(entry *e)
{
    EVP_PKEY_free(e->key);
    free(e->id);
}

/* Control characters would break reports: each becomes '?'. */
static void clean(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

fan_status fani_rsa_key_report(const fani_rsa_key_source *source, uint64_t line, uint64_t column,
                               fani_rsa_key_fault fault, const char *format, ...)
{
    char reason[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    clean(reason);
    if (fault == FANI_RSA_KEY_NOT_RSA)
        source->counts->not_rsa++;
    else
        source->counts->unreadable++;
    if (!source->reader->problem)
        return FAN_OK;
    fani_rsa_key_problem problem = {
        .file = source->name, .line = line, .column = column, .fault = fault, .reason = reason};
    return source->reader->problem(source->reader->context, &problem, source->error);
}

static unsigned char *bytes_of(const BIGNUM *number, size_t *size)
{
    *size = (size_t)BN_num_bytes(number);
    unsigned char *bytes = malloc(*size + 1);
    if (bytes)
        BN_bn2bin(number, bytes);
    return bytes;
}

static void skip_zeros(const unsigned char **bytes, size_t *size)
{
    while (*size && **bytes == 0) {
        (*bytes)++;
        (*size)--;
    }
}

fan_status fani_rsa_key_raw(const fani_rsa_key_source *source, uint64_t line, fani_rsa_key key)
{
    key.id = key.id ? key.id : "";
    key.file = source->name;
    key.line = line;
    key.has_exponent = key.exponent != NULL;
    skip_zeros(&key.modulus, &key.modulus_size);
    skip_zeros(&key.exponent, &key.exponent_size);
    key.bits = 8 * key.modulus_size;
    for (unsigned top = key.modulus_size ? *key.modulus : 0x80; top < 0x80; top <<= 1)
        key.bits--;
    if (key.bits > FANI_RSA_KEYS_MAX_BITS)
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a modulus of %zu bits; at most %d are read", key.bits,
                                   FANI_RSA_KEYS_MAX_BITS);
    source->counts->keys++;
    return source->reader->key(source->reader->context, &key, source->error);
}

/* exponent: NULL where not known. id: NULL for none. */
static fan_status deliver(const fani_rsa_key_source *source, uint64_t line, fani_rsa_key_form form,
                          const BIGNUM *modulus, const BIGNUM *exponent, const char *id)
{
    fani_rsa_key key = {.form = form, .id = id};
    fan_status status;
    if (BN_is_negative(modulus))
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a negative number can't be a modulus");
    unsigned char *modulus_bytes = bytes_of(modulus, &key.modulus_size);
    unsigned char *exponent_bytes = exponent ? bytes_of(exponent, &key.exponent_size) : NULL;
    key.modulus = modulus_bytes;
    key.exponent = exponent_bytes;
    if (!modulus_bytes || (exponent && !exponent_bytes))
        status =
            fani_error_set(source->error, FAN_E_MEMORY, "no memory for a key of %s", source->name);
    else
        status = fani_rsa_key_raw(source, line, key);
    free(modulus_bytes);
    free(exponent_bytes);
    return status;
}

static fan_status deliver_entry(const fani_rsa_key_source *source, uint64_t line, const entry *e)
{
    BIGNUM *modulus = NULL, *exponent = NULL;
    fan_status status;
    bool rsa = e->key && (EVP_PKEY_is_a(e->key, "RSA") || EVP_PKEY_is_a(e->key, "RSA-PSS"));
    if (rsa && EVP_PKEY_get_bn_param(e->key, OSSL_PKEY_PARAM_RSA_N, &modulus) &&
        EVP_PKEY_get_bn_param(e->key, OSSL_PKEY_PARAM_RSA_E, &exponent))
        status = deliver(source, line, e->form, modulus, exponent, e->id);
    else if (rsa || e->is_rsa_oid)
        status =
            fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE, "a malformed RSA key");
    else
        status = fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_NOT_RSA, "not an RSA key: %s",
                                     e->kind);
    BN_free(modulus);
    BN_free(exponent);
    return status;
}

/* The first common name of a subject. A zero in it, which would end it, becomes '?'. */
static char *common_name(const X509_NAME *name)
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    unsigned char *text = NULL;
    if (at < 0)
        return NULL;
    int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (size < 0)
        return NULL;
    char *id = malloc((size_t)size + 1);
    for (int i = 0; id && i < size; i++)
        id[i] = (char)(text[i] ? text[i] : '?');
    if (id)
        id[size] = '\0';
    OPENSSL_free(text);
    return id;
}

/* Takes the key from an entry, and the algorithm's name even where the key is unknown. */
static void take_key(entry *e, EVP_PKEY *key, X509_PUBKEY *info)
{
    ASN1_OBJECT *algorithm = NULL;
    e->key = key;
    if (info)
        X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL, info);
    if (algorithm) {
        int nid = OBJ_obj2nid(algorithm);
        e->is_rsa_oid = nid == NID_rsaEncryption || nid == NID_rsassaPss;
        OBJ_obj2txt(e->kind, sizeof e->kind, algorithm, 0);
    } else if (key && EVP_PKEY_get0_type_name(key)) {
        snprintf(e->kind, sizeof e->kind, "%s", EVP_PKEY_get0_type_name(key));
    }
}

/* Each parser takes all of the bytes, or none: false leaves the entry empty. */
typedef bool parser(entry *e, const unsigned char *bytes, size_t size);

static bool parse_certificate(entry *e, const unsigned char *bytes, size_t size)
{
    const unsigned char *at = bytes;
    X509 *certificate = d2i_X509(NULL, &at, (long)size);
    bool whole = certificate && at == bytes + size;
    if (whole) {
        EVP_PKEY *key = X509_get0_pubkey(certificate);
        if (key)
            EVP_PKEY_up_ref(key);
        e->form = FANI_RSA_KEY_CERTIFICATE;
        e->id = common_name(X509_get_subject_name(certificate));
        take_key(e, key, X509_get_X509_PUBKEY(certificate));
    }
    X509_free(certificate);
    return whole;
}

/* OpenSSL's "TRUSTED CERTIFICATE": trust settings follow the certificate. */
static bool parse_trusted(entry *e, const unsigned char *bytes, size_t size)
{
    const unsigned char *at = bytes;
    X509 *certificate = d2i_X509_AUX(NULL, &at, (long)size);
    unsigned char *plain = NULL;
    int plain_size = certificate && at == bytes + size ? i2d_X509(certificate, &plain) : -1;
    bool whole = plain_size > 0 && parse_certificate(e, plain, (size_t)plain_size);
    OPENSSL_free(plain);
    X509_free(certificate);
    return whole;
}

static bool parse_request(entry *e, const unsigned char *bytes, size_t size)
{
    const unsigned char *at = bytes;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)size);
    bool whole = request && at == bytes + size;
    if (whole) {
        EVP_PKEY *key = X509_REQ_get0_pubkey(request);
        if (key)
            EVP_PKEY_up_ref(key);
        e->form = FANI_RSA_KEY_REQUEST;
        e->id = common_name(X509_REQ_get_subject_name(request));
        take_key(e, key, X509_REQ_get_X509_PUBKEY(request));
    }
    X509_REQ_free(request);
    return whole;
}

static bool parse_spki(entry *e, const unsigned char *bytes, size_t size)
{
    const unsigned char *at = bytes;
    X509_PUBKEY *info = d2i_X509_PUBKEY(NULL, &at, (long)size);
    bool whole = info && at == bytes + size;
    if (whole) {
        e->form = FANI_RSA_KEY_PUBLIC;
        take_key(e, X509_PUBKEY_get(info), info);
    }
    X509_PUBKEY_free(info);
    return whole;
}

static bool parse_pkcs1(entry *e, const unsigned char *bytes, size_t size)
{
    const unsigned char *at = bytes;
    EVP_PKEY *key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)size);
    if (!key || at != bytes + size) {
        EVP_PKEY_free(key);
        return false;
    }
    e->form = FANI_RSA_KEY_PUBLIC;
    take_key(e, key, NULL);
    return true;
}

/* Parsers by PEM label; DER is tried with each that has no label of its own before it. */
static const struct {
    const char *label;
    parser *parse;
    bool in_der;
} kinds[] = {
    {PEM_STRING_X509, parse_certificate, true},
    {PEM_STRING_X509_OLD, parse_certificate, false},
    {PEM_STRING_X509_TRUSTED, parse_trusted, false},
    {PEM_STRING_X509_REQ, parse_request, true},
    {PEM_STRING_X509_REQ_OLD, parse_request, false},
    {PEM_STRING_PUBLIC, parse_spki, true},
    {PEM_STRING_RSA_PUBLIC, parse_pkcs1, true},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static fan_status deliver_labelled(const fani_rsa_key_source *source, uint64_t line,
                                   const char *label, const unsigned char *bytes, size_t size)
{
    size_t k = 0;
    while (k < KINDS && strcmp(kinds[k].label, label) != 0)
        k++;
    if (k == KINDS)
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a PEM block of a kind that is not read: %.64s", label);
    entry e = {0};
    fan_status status;
    if (kinds[k].parse(&e, bytes, size))
        status = deliver_entry(source, line, &e);
    else
        status = fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE, "a malformed %.64s",
                                     label);
    entry_free(&e);
    return status;
}

fan_status fani_rsa_key_pem(const fani_rsa_key_source *source, uint64_t line, const char *block,
                            size_t size)
{
    char *label = NULL, *header = NULL;
    unsigned char *bytes = NULL;
    long length = 0;
    fan_status status;
    ERR_set_mark();
    BIO *memory = BIO_new_mem_buf(block, (int)size);
    if (!memory)
        status = fani_error_set(source->error, FAN_E_MEMORY, "no memory for a PEM block");
    else if (PEM_read_bio(memory, &label, &header, &bytes, &length))
        status = deliver_labelled(source, line, label, bytes, (size_t)length);
    else
        status =
            fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE, "a malformed PEM block");
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_free(bytes);
    BIO_free(memory);
    ERR_pop_to_mark();
    return status;
}

fan_status fani_rsa_key_der(const fani_rsa_key_source *source, uint64_t line,
                            const unsigned char *bytes, size_t size)
{
    fan_status status = FAN_OK;
    bool taken = false;
    ERR_set_mark();
    for (size_t k = 0; k < KINDS && !taken; k++) {
        entry e = {0};
        taken = kinds[k].in_der && kinds[k].parse(&e, bytes, size);
        if (taken)
            status = deliver_entry(source, line, &e);
        entry_free(&e);
    }
    if (!taken)
        status = fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                     "DER, but no certificate, request or public key");
    ERR_pop_to_mark();
    return status;
}

/* ---- Digits ---------------------------------------------------------------------------------- */

static bool is_digit(char c, unsigned base)
{
    return (c >= '0' && c <= '9') ||
           (base == 16 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

size_t fani_rsa_key_bad_digit(const char *text, size_t size, const char **digits, unsigned *base)
{
    size_t bad = 0;
    if (size > 2 && text[0] == '0' && (text[1] | 0x20) == 'x') {
        *base = 16;
        bad = 2;
    }
    *digits = text + bad;
    while (bad < size && is_digit(text[bad], *base))
        bad++;
    return bad;
}

/* Reports a character that does not belong to a number. */
static fan_status report_character(const fani_rsa_key_source *source, uint64_t line,
                                   uint64_t column, unsigned char c, unsigned base)
{
    const char *wanted = base == 16 ? "a hexadecimal digit" : "a digit";
    if (c > 0x20 && c < 0x7f)
        return fani_rsa_key_report(source, line, column, FANI_RSA_KEY_UNREADABLE,
                                   "'%c' where %s was expected", c, wanted);
    return fani_rsa_key_report(source, line, column, FANI_RSA_KEY_UNREADABLE,
                               "byte 0x%02x where %s was expected", c, wanted);
}

/* digits: of the base only, at least one. NULL: out of memory. */
static BIGNUM *number_of(const char *digits, unsigned base)
{
    BIGNUM *number = NULL;
    return (base == 10 ? BN_dec2bn(&number, digits) : BN_hex2bn(&number, digits)) ? number : NULL;
}

/* Whether digits are too many for a modulus: the longest decimal that could still fit has 19729 of
 * them, and conversion is quadratic. */
static bool too_many(const char *digits, unsigned base)
{
    while (*digits == '0')
        digits++;
    return strlen(digits) > FANI_RSA_KEYS_MAX_BITS / (base == 10 ? 3 : 4);
}

static fan_status deliver_digits(const fani_rsa_key_source *source, uint64_t line,
                                 const fani_rsa_key_text *text, const char *digits, unsigned base)
{
    const char *exponent_digits = NULL;
    unsigned exponent_base = text->exponent_is_decimal ? 10 : base;
    size_t exponent_size = text->exponent ? strlen(text->exponent) : 0;
    BIGNUM *modulus, *exponent = NULL;
    fan_status status;
    if (too_many(digits, base))
        return fani_rsa_key_report(source, line, text->column, FANI_RSA_KEY_UNREADABLE,
                                   "a modulus of more than %d bits", FANI_RSA_KEYS_MAX_BITS);
    if (text->exponent && (fani_rsa_key_bad_digit(text->exponent, exponent_size, &exponent_digits,
                                                  &exponent_base) < exponent_size ||
                           !exponent_size || too_many(exponent_digits, exponent_base)))
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "an exponent that is no number: %.40s", text->exponent);
    ERR_set_mark();
    modulus = number_of(digits, base);
    exponent = exponent_digits ? number_of(exponent_digits, exponent_base) : NULL;
    if (modulus && (exponent || !exponent_digits))
        status = deliver(source, line, text->form, modulus, exponent, text->id);
    else
        status = fani_error_set(source->error, FAN_E_MEMORY, "no memory for a modulus");
    BN_free(modulus);
    BN_free(exponent);
    ERR_pop_to_mark();
    return status;
}

fan_status fani_rsa_key_written(const fani_rsa_key_source *source, uint64_t line,
                                const fani_rsa_key_text *text)
{
    const char *digits;
    unsigned base = source->reader->base == 10 || text->modulus_is_decimal ? 10 : 16;
    size_t bad = fani_rsa_key_bad_digit(text->modulus, text->modulus_size, &digits, &base);
    uint64_t column = text->column;
    if (!text->modulus_size)
        return fani_rsa_key_report(source, line, column, FANI_RSA_KEY_UNREADABLE,
                                   "an empty modulus");
    if (text->modulus[0] == '-' && text->modulus_size > 1 && is_digit(text->modulus[1], base))
        return fani_rsa_key_report(source, line, column, FANI_RSA_KEY_UNREADABLE,
                                   "a negative number can't be a modulus");
    if (bad < text->modulus_size)
        return report_character(source, line, column ? column + bad : 0,
                                (unsigned char)text->modulus[bad], base);
    return deliver_digits(source, line, text, digits, base);
}

size_t fani_rsa_key_fingerprint(const unsigned char *packet, size_t size,
                                unsigned char hash[static FANI_KEY_FINGERPRINT_BYTES])
{
    bool old = packet[0] == 4;
    unsigned char head[5] = {(unsigned char)(0x95 + packet[0])};
    size_t head_size = old ? 3 : 5;
    unsigned hash_size = 0;
    for (size_t i = 1; i < head_size; i++)
        head[i] = (unsigned char)(size >> 8 * (head_size - 1 - i));
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ERR_set_mark();
    bool made = context && EVP_DigestInit_ex(context, old ? EVP_sha1() : EVP_sha256(), NULL) &&
                EVP_DigestUpdate(context, head, head_size) &&
                EVP_DigestUpdate(context, packet, size) &&
                EVP_DigestFinal_ex(context, hash, &hash_size);
    EVP_MD_CTX_free(context);
    ERR_pop_to_mark();
    return made ? hash_size : 0;
}
