#include "keys_json.h"

#include "base/error.h"
#include "keys_base64.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first of several names that a record has. */
static const json_t *member(const json_t *object, const char *const *names)
{
    const json_t *value = NULL;
    for (; *names && !value; names++)
        value = json_object_get(object, *names);
    return value;
}

/* A value as text: of a string itself, of a number its digits in `digits`. NULL: neither. */
static const char *text_of(const json_t *value, char digits[static 24])
{
    if (json_is_string(value))
        return json_string_value(value);
    if (!json_is_integer(value))
        return NULL;
    snprintf(digits, 24, "%lld", (long long)json_integer_value(value));
    return digits;
}

static fan_status report(const fani_rsa_key_source *source, uint64_t line, const char *reason)
{
    return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE, "%s", reason);
}

/* A web key's numbers are bytes in base64, without padding. */
static fan_status deliver_web_key(const fani_rsa_key_source *source, uint64_t line,
                                  const json_t *object, const char *id)
{
    const char *kind = json_string_value(json_object_get(object, "kty"));
    const json_t *n = json_object_get(object, "n"), *e = json_object_get(object, "e");
    if (!kind || strcmp(kind, "RSA") != 0)
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_NOT_RSA, "not an RSA key: %.64s",
                                   kind ? kind : "a key without a type");
    if (!json_is_string(n) || !json_is_string(e))
        return report(source, line, "a web key without n and e");
    size_t n_size = json_string_length(n), e_size = json_string_length(e);
    unsigned char *bytes = malloc(n_size + e_size + 8);
    if (!bytes)
        return fani_error_set(source->error, FAN_E_MEMORY, "no memory for a web key");
    fani_rsa_key key = {.form = FANI_RSA_KEY_RECORD, .modulus = bytes, .id = id};
    key.exponent = bytes + n_size + 4;
    fan_status status;
    if (fani_base64_decode(json_string_value(n), n_size, bytes, &key.modulus_size) &&
        fani_base64_decode(json_string_value(e), e_size, bytes + n_size + 4, &key.exponent_size))
        status = fani_rsa_key_raw(source, line, key);
    else
        status = report(source, line, "a web key whose numbers are no base64");
    free(bytes);
    return status;
}

static fan_status deliver_object(const fani_rsa_key_source *source, uint64_t line,
                                 const json_t *object)
{
    static const char *const ids[] = {"id", "kid", "name", NULL};
    static const char *const moduli[] = {"modulus", "n", NULL};
    static const char *const exponents[] = {"exponent", "e", NULL};
    char id_digits[24], modulus_digits[24], exponent_digits[24];
    const json_t *modulus = member(object, moduli), *exponent = member(object, exponents);
    const char *id = text_of(member(object, ids), id_digits);
    if (!json_is_object(object))
        return report(source, line, "JSON, but no object");
    if (json_object_get(object, "kty"))
        return deliver_web_key(source, line, object, id);
    if (!modulus)
        return report(source, line, "a record without a modulus");
    fani_rsa_key_text written = {.form = FANI_RSA_KEY_RECORD,
                                 .modulus = text_of(modulus, modulus_digits),
                                 .modulus_is_decimal = json_is_integer(modulus),
                                 .exponent = text_of(exponent, exponent_digits),
                                 .exponent_is_decimal = json_is_integer(exponent),
                                 .id = id};
    if (!written.modulus)
        return report(source, line, "a modulus that is neither a string nor an integer");
    written.modulus_size = strlen(written.modulus);
    return fani_rsa_key_written(source, line, &written);
}

fan_status fani_rsa_key_json(const fani_rsa_key_source *source, uint64_t line, const char *text,
                             size_t size)
{
    json_error_t flaw;
    json_t *object = json_loadb(text, size, 0, &flaw);
    const json_t *keys = json_object_get(object, "keys"), *key;
    fan_status status = FAN_OK;
    size_t i;
    if (!object)
        return fani_rsa_key_report(source, line, flaw.column > 0 ? (uint64_t)flaw.column : 0,
                                   FANI_RSA_KEY_UNREADABLE, "no JSON: %s", flaw.text);
    if (json_is_array(keys)) {
        json_array_foreach(keys, i, key)
        {
            status = deliver_object(source, line, key);
            if (status)
                break;
        }
    } else {
        status = deliver_object(source, line, object);
    }
    json_decref(object);
    return status;
}
