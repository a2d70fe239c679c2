#include "job/factor_answer.h"

#include <stdlib.h>
#include <string.h>

#include "job/left.h"

/* ---- NDJSON ---------------------------------------------------------------------------------- */

/* Appends one factor; takes the value. NULL where memory is short (the array is released then). */
static json_t *add_factor(json_t *array, json_t *value, uint64_t exponent, const char *kind,
                          fan_factor_method method, const char *proof)
{
    static const char *const methods[] = {
        [FAN_METHOD_NONE] = "none",   [FAN_METHOD_TRIAL] = "trial", [FAN_METHOD_U64] = "u64",
        [FAN_METHOD_POWER] = "power", [FAN_METHOD_RHO] = "rho",     [FAN_METHOD_P_MINUS_1] = "p-1",
        [FAN_METHOD_ECM] = "ecm",     [FAN_METHOD_SIQS] = "siqs"};
    json_t *entry =
        json_pack("{s:o, s:I, s:s, s:s, s:s}", "factor", value, "exponent", (json_int_t)exponent,
                  "kind", kind, "method", methods[method], "proof", proof);
    if (json_array_append_new(array, entry) == 0)
        return array;
    json_decref(array);
    return NULL;
}

json_t *fani_factor_json_u64(const fan_factors_u64 *factors)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < factors->count; i++) {
        char text[FANI_U64_DIGITS];
        size_t size = fani_u64_text(factors->prime[i], text);
        array = add_factor(array, json_stringn(text, size), factors->exponent[i], "prime",
                           fan_factors_u64_method(factors, i), "u64");
    }
    return array;
}

static json_t *json_of_mpz(mpz_srcptr value)
{
    char *text = malloc(mpz_sizeinbase(value, 10) + 2);
    if (!text)
        return NULL;
    mpz_get_str(text, 10, value);
    json_t *string = json_string(text);
    free(text);
    return string;
}

static json_t *json_of_factorization(const fan_factorization *f)
{
    static const char *const kinds[] = {[FAN_FACTOR_PRIME] = "prime",
                                        [FAN_FACTOR_COMPOSITE] = "composite",
                                        [FAN_FACTOR_UNKNOWN] = "unknown"};
    static const char *const proofs[] = {[FAN_PROOF_NONE] = "none",
                                         [FAN_PROOF_U64] = "u64",
                                         [FAN_PROOF_FLINT] = "flint",
                                         [FAN_PROOF_N_MINUS_1] = "n-1"};
    json_t *array = json_array();
    for (size_t i = 0; array && i < fan_factorization_count(f); i++)
        array = add_factor(array, json_of_mpz(fan_factorization_value(f, i)),
                           fan_factorization_exponent(f, i), kinds[fan_factorization_kind(f, i)],
                           fan_factorization_method(f, i), proofs[fan_factorization_proof(f, i)]);
    return array;
}

/* ---- Numbers of more than 64 bits -------------------------------------------------------------
 */

static fan_status leave(fani_big *big, fan_run *run, size_t i, const fani_big_subject *subject)
{
    fani_left left = {.digits = subject->number->digits,
                      .digits_size = subject->number->size,
                      .input = subject->input,
                      .input_size = subject->input_size};
    fan_buffer *reply = &big->reply;
    reply->size = 0;
    fan_status status = fani_record_begin(reply, FANI_RECORD_LEFT, 0, "");
    if (status == FAN_OK)
        status = fani_left_write(&left, big->factorization, reply);
    return status == FAN_OK ? fan_run_reply(run, i, reply->bytes, reply->size) : status;
}

fan_status fani_factor_answer(fani_big *big, fan_run *run, size_t i,
                              const fani_big_subject *subject, const fani_list_args *args)
{
    char note[FANI_BIG_NOTE], *text;
    if (args->leave && !subject->is_last && fani_left_is(big->factorization))
        return leave(big, run, i, subject);
    fan_status status = fan_factorization_text(big->factorization, &text);
    if (status != FAN_OK)
        return status;
    fani_record record = {.task = "factor",
                          .name = "factors",
                          .subject = subject->number,
                          .input = subject->input,
                          .input_size = subject->input_size,
                          .subject_text = true,
                          .value = text,
                          .value_size = strlen(text)};
    fani_big_note(&record, big->factorization, subject->is_last, note);
    if (args->format == FANI_FORMAT_NDJSON)
        record.json = json_of_factorization(big->factorization);
    status = fani_record_reply(run, i, subject->index, args, &record, &big->reply);
    free(text);
    return status;
}
