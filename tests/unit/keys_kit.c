#include "keys_kit.h"

#include <openssl/err.h>
#include <stdlib.h>

fan_status keys_on_key(void *context, const fani_rsa_key *key, fan_error *error)
{
    keys_reading *r = context;
    fani_mpzs_resize(&r->moduli, r->moduli.count + 1);
    mpz_ptr modulus = r->moduli.values + r->moduli.count - 1;
    mpz_import(modulus, key->modulus_size, 1, 1, 1, 0, key->modulus);
    fprintf(r->out, "%llu:%zu:", (unsigned long long)key->line, key->bits);
    mpz_out_str(r->out, -16, modulus);
    mpz_t exponent;
    mpz_init(exponent);
    mpz_import(exponent, key->exponent_size, 1, 1, 1, 0, key->exponent);
    fprintf(r->out, ":");
    mpz_out_str(r->out, 10, exponent);
    fprintf(r->out, ":%s\n", key->id);
    mpz_clear(exponent);
    if (r->stop_after && r->moduli.count == r->stop_after) {
        *error = (fan_error){.status = FAN_E_OUTPUT, .text = "enough"};
        return FAN_E_OUTPUT;
    }
    return FAN_OK;
}

static fan_status on_problem(void *context, const fani_rsa_key_problem *problem, fan_error *error)
{
    (void)error;
    keys_reading *r = context;
    fprintf(r->out, "%llu:%llu:%s\n", (unsigned long long)problem->line,
            (unsigned long long)problem->column, problem->reason);
    return FAN_OK;
}

fan_status keys_read_from(keys_reading *r, FILE *stream, const char *path, unsigned base)
{
    fani_rsa_key_reader reader = {base, keys_on_key, on_problem, r};
    r->out = open_memstream(&r->log, &r->log_size);
    fan_status status =
        stream ? fani_rsa_keys_read_stream(stream, path, &reader, &r->counts, &r->error)
               : fani_rsa_keys_read(path, &reader, &r->counts, &r->error);
    fclose(r->out);
    EXPECT_U64(ERR_peek_error(), 0);
    return status;
}

fan_status keys_read_bytes(keys_reading *r, const void *bytes, size_t size, unsigned base)
{
    FILE *stream = size ? fmemopen((void *)(uintptr_t)bytes, size, "r") : fopen("/dev/null", "r");
    fan_status status = keys_read_from(r, stream, "memory", base);
    fclose(stream);
    return status;
}

void keys_reading_free(keys_reading *r)
{
    free(r->log);
    fani_mpzs_free(&r->moduli);
}

void keys_expect_log(const char *text, unsigned base, const char *want)
{
    keys_reading r = {0};
    EXPECT_I64(keys_read_bytes(&r, text, strlen(text), base), FAN_OK);
    EXPECT_STR(r.log, want);
    keys_reading_free(&r);
}

char *keys_slurp(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = calloc(1, 100000);
    *size = file ? fread(bytes, 1, 99999, file) : 0;
    if (file)
        fclose(file);
    else
        shim_fail(__FILE__, __LINE__, "can't open %s", path);
    return bytes;
}
