/* An integral as flat bytes, as workers get it, and made ready from these. */
#include "job/integral_spec.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/record.h"
#include "kernel/integrate/expression.h"
#include "kernel/integrate/rigorous.h"

/* Behind it the texts, each with its NUL: expression, file, symbol, names, bounds from and to of
 * each dimension, names of the parameters. An empty text is none. */
typedef struct flat_head {
    uint32_t dimension;
    uint32_t rule;
    uint32_t order;
    uint32_t isa;
    uint32_t parameter_count;
    uint32_t break_count;
    uint32_t is_grid;
    uint32_t weight;
    double frequency;
    char method[FANI_INTEGRAL_METHOD_SIZE];
    fani_goal goal;
    uint64_t points;
    uint64_t file_hash;
    fan_range ranges[FAN_INTEGRAL_DIMENSION_MAX];
    double parameters[FANI_INTEGRAL_PARAMETERS_MAX];
    double breaks[FANI_INTEGRAL_BREAKS_MAX];
} flat_head;

enum { TEXTS_MAX = 3 + 3 * FAN_INTEGRAL_DIMENSION_MAX + FANI_INTEGRAL_PARAMETERS_MAX };

/* Cut number i of `parts` cuts of 0..points: pieces differ by one at most. */
static uint64_t cut_points(uint64_t points, uint64_t parts, uint64_t i)
{
    return points / parts * i + points % parts * i / parts;
}

static double cut_range(fan_range range, uint64_t parts, uint64_t i)
{
    if (i == 0 || i == parts)
        return i ? range.to : range.from;
    return range.from + (range.to - range.from) * ((double)i / (double)parts);
}

static fan_status add_texts(fan_buffer *bytes, char *const *texts, size_t count)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++) {
        const char *text = texts[i] ? texts[i] : "";
        status = fani_bytes_add(bytes, text, strlen(text) + 1);
    }
    return status;
}

fan_status fani_integral_encode(const fani_integral_spec *spec, uint64_t part, fan_buffer *bytes)
{
    uint64_t parts = spec->parts;
    flat_head head = {.dimension = (uint32_t)spec->dimension,
                      .rule = spec->rule,
                      .order = spec->order,
                      .isa = spec->isa,
                      .parameter_count = (uint32_t)spec->parameter_count,
                      .break_count = (uint32_t)spec->break_count,
                      .is_grid = spec->is_grid,
                      .weight = spec->weight,
                      .frequency = spec->frequency,
                      .goal = spec->goal,
                      .file_hash = spec->file_hash};
    head.points = cut_points(spec->points, parts, part + 1) - cut_points(spec->points, parts, part);
    memcpy(head.ranges, spec->ranges, sizeof head.ranges);
    memcpy(head.parameters, spec->parameters, sizeof head.parameters);
    memcpy(head.breaks, spec->breaks, sizeof head.breaks);
    memcpy(head.method, spec->method, sizeof head.method);
    head.ranges[0].from = cut_range(spec->ranges[0], parts, part);
    head.ranges[0].to = cut_range(spec->ranges[0], parts, part + 1);
    bytes->size = 0;
    fan_status status = fani_bytes_add(bytes, &head, sizeof head);
    if (status == FAN_OK)
        status = add_texts(bytes, (char *[]){spec->expression, spec->file, spec->symbol}, 3);
    if (status == FAN_OK)
        status = add_texts(bytes, spec->names, spec->dimension);
    if (status == FAN_OK)
        status = add_texts(bytes, spec->from, spec->dimension);
    if (status == FAN_OK)
        status = add_texts(bytes, spec->to, spec->dimension);
    return status == FAN_OK ? add_texts(bytes, spec->parameter_names, spec->parameter_count)
                            : status;
}

void fani_integral_encode_values(fan_buffer *bytes, size_t first, const double *values,
                                 size_t count)
{
    memcpy(bytes->bytes + offsetof(flat_head, parameters) + first * sizeof *values, values,
           count * sizeof *values);
}

/* The texts behind the head. False where they are not whole. */
static bool read_texts(const unsigned char *at, size_t size, size_t count, const char **texts)
{
    for (size_t i = 0; i < count; i++) {
        const unsigned char *end = size ? memchr(at, 0, size) : NULL;
        if (!end)
            return false;
        texts[i] = (const char *)at;
        size -= (size_t)(end - at) + 1;
        at = end + 1;
    }
    return size == 0;
}

static fan_status read_flat(const unsigned char *bytes, size_t size, flat_head *head,
                            const char **texts, fan_error *error)
{
    if (size < sizeof *head) {
        (void)fani_error_set(error, FAN_E_PROTOCOL, "an integral's bytes are too few");
        return FAN_E_PROTOCOL;
    }
    memcpy(head, bytes, sizeof *head);
    if (head->dimension > FAN_INTEGRAL_DIMENSION_MAX ||
        head->parameter_count > FANI_INTEGRAL_PARAMETERS_MAX ||
        head->break_count > FANI_INTEGRAL_BREAKS_MAX || head->weight > FANI_WEIGHT_SIN ||
        !memchr(head->method, 0, sizeof head->method) || head->isa > FANI_ISA_AVX512 ||
        !read_texts(bytes + sizeof *head, size - sizeof *head,
                    3 + 3 * (size_t)head->dimension + head->parameter_count, texts))
        goto malformed;
    if (head->isa <= (uint32_t)fani_isa_machine())
        return FAN_OK;
    (void)fani_error_set(error, FAN_E_UNAVAILABLE,
                         "this machine lacks %s, with which the run began: name --isa %s",
                         fani_isa_name((fani_isa)head->isa), fani_isa_name(fani_isa_machine()));
    return FAN_E_UNAVAILABLE;
malformed:
    (void)fani_error_set(error, FAN_E_PROTOCOL, "an integral's bytes are malformed");
    return FAN_E_PROTOCOL;
}

/* ---- An integral made ready ------------------------------------------------------------------ */

static fan_status parse_text(const char *text, const fan_expression_names *names, fani_isa isa,
                             fan_expression **expression, fan_error *error)
{
    const fan_status status = fan_expression_parse(text, strlen(text), names, expression, error);
    if (status == FAN_OK)
        fani_expression_use(*expression, isa);
    return status;
}

static fan_status parse_bounds(const flat_head *head, const char *const *texts,
                               const char *const *parameters, fani_ready_integral *ready,
                               fan_error *error)
{
    const size_t dimension = head->dimension;
    fan_expression_names names = {
        .variables = texts + 3, .parameters = parameters, .parameter_count = head->parameter_count};
    fan_status status = FAN_OK;
    for (size_t d = 0; status == FAN_OK && d < dimension; d++) {
        const char *from = texts[3 + dimension + d], *to = texts[3 + 2 * dimension + d];
        names.variable_count = d;
        if (*from)
            status = parse_text(from, &names, (fani_isa)head->isa, &ready->from[d], error);
        if (status == FAN_OK && *to)
            status = parse_text(to, &names, (fani_isa)head->isa, &ready->to[d], error);
    }
    return status;
}

static fan_status make_integrand(const flat_head *head, const char *const *texts,
                                 const char *const *parameters, fani_ready_integral *ready,
                                 fan_error *error)
{
    const fan_expression_names names = {.variables = texts + 3,
                                        .variable_count = head->dimension,
                                        .parameters = parameters,
                                        .parameter_count = head->parameter_count};
    if (*texts[1])
        return fani_integrand_file_open(texts[1], texts[2], head->file_hash, &ready->file, error);
    return parse_text(texts[0], &names, (fani_isa)head->isa, &ready->expression, error);
}

/* The description, with `bounds` filled. */
static fan_integral describe(const flat_head *head, fani_ready_integral *ready, fan_bounds *bounds)
{
    for (size_t d = 0; d < head->dimension; d++)
        bounds[d] = (fan_bounds){ready->from[d], ready->to[d]};
    memcpy(ready->parameters, head->parameters, sizeof ready->parameters);
    return (fan_integral){.expression = ready->expression,
                          .batch = ready->file.batch,
                          .scalar = ready->file.scalar,
                          .components = ready->file.components,
                          .context = ready->parameters,
                          .parameters = ready->parameters,
                          .dimension = head->dimension,
                          .ranges = head->ranges,
                          .bounds = bounds,
                          .points = head->points,
                          .rule = (fan_rule)head->rule,
                          .order = head->order};
}

static fan_status make_plan(const flat_head *head, fani_ready_integral *ready, fan_error *error)
{
    fan_bounds bounds[FAN_INTEGRAL_DIMENSION_MAX];
    const fan_integral integral = describe(head, ready, bounds);
    return fan_integral_plan_make(&integral, &ready->plan, error);
}

/* An integral's bytes, read. */
typedef struct flat {
    flat_head head;
    const char *texts[TEXTS_MAX]; /* "" past the last */
} flat;

static const char *const *parameters_of(const flat *f)
{
    return f->texts + 3 + 3 * (size_t)f->head.dimension;
}

/* What rigorous works on, where that is the method. */
static fan_status make_proof(const flat *f, fani_ready_integral *ready, fan_error *error)
{
    const size_t dimension = f->head.dimension;
    const char *const proven[] = {f->texts[0], f->texts[3 + dimension],
                                  f->texts[3 + 2 * dimension]};
    const fan_expression_names names = {.variables = f->texts + 3,
                                        .variable_count = dimension,
                                        .parameters = parameters_of(f),
                                        .parameter_count = f->head.parameter_count};
    fani_proof_free(ready->proof);
    ready->proof = NULL;
    if (ready->method != &fani_method_rigorous)
        return FAN_OK;
    if (!ready->expression)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "rigorous is for expressions: values of a function at points prove "
                              "nothing");
    fan_status status = fani_rigorous_check(&ready->domain, error);
    if (status == FAN_OK)
        status = fani_proof_make(proven, &names, f->head.parameters, &ready->proof, error);
    ready->integrand.proof = ready->proof;
    return status;
}

/* The method, the integrand and its range, of an integral that is parsed. */
static fan_status make_method(const flat *f, fani_ready_integral *ready, fan_error *error)
{
    const flat_head *head = &f->head;
    fan_bounds bounds[FAN_INTEGRAL_DIMENSION_MAX];
    const fan_integral integral = describe(head, ready, bounds);
    memcpy(ready->breaks, head->breaks, sizeof ready->breaks);
    ready->goal = head->goal;
    fan_status status = fani_integral_domain(&integral, &ready->domain, error);
    ready->domain.break_count = head->break_count;
    ready->domain.breaks = ready->breaks;
    ready->domain.weight = (fani_weight)head->weight;
    ready->domain.frequency = head->frequency;
    if (status == FAN_OK)
        status = fani_integral_near_ends(&integral, &ready->domain, &ready->source,
                                         &ready->with_ends, error);
    if (ready->with_ends)
        fani_expression_use(ready->with_ends, (fani_isa)head->isa);
    if (status == FAN_OK)
        status = fani_integrand_make(&ready->source, &ready->integrand, error);
    if (status == FAN_OK)
        status = fani_method_find(head->method, head->dimension, &ready->method, error);
    return status == FAN_OK ? make_proof(f, ready, error) : status;
}

static fan_status parse(const unsigned char *bytes, size_t size, flat *f,
                        fani_ready_integral *ready, fan_error *error)
{
    for (size_t i = 0; i < TEXTS_MAX; i++)
        f->texts[i] = "";
    *ready = (fani_ready_integral){0};
    fan_status status = read_flat(bytes, size, &f->head, f->texts, error);
    if (status == FAN_OK)
        status = make_integrand(&f->head, f->texts, parameters_of(f), ready, error);
    return status == FAN_OK ? parse_bounds(&f->head, f->texts, parameters_of(f), ready, error)
                            : status;
}

fan_status fani_integral_parsed(const unsigned char *bytes, size_t size, fani_ready_integral *ready,
                                fan_error *error)
{
    flat f = {0};
    const fan_status status = parse(bytes, size, &f, ready, error);
    if (status != FAN_OK)
        fani_integral_ready_clear(ready);
    return status;
}

fan_status fani_integral_set(const unsigned char *bytes, size_t size, fani_ready_integral *ready,
                             fan_error *error)
{
    flat f = {0};
    const fan_status status = read_flat(bytes, size, &f.head, f.texts, error);
    if (status != FAN_OK)
        return status;
    fan_expression_free(ready->with_ends);
    ready->with_ends = NULL;
    return make_method(&f, ready, error);
}

fan_status fani_integral_ready(const unsigned char *bytes, size_t size, fani_ready_integral *ready,
                               fan_error *error)
{
    flat f = {0};
    fan_status status = parse(bytes, size, &f, ready, error);
    if (status == FAN_OK)
        status = f.head.is_grid ? make_plan(&f.head, ready, error) : make_method(&f, ready, error);
    if (status != FAN_OK)
        fani_integral_ready_clear(ready);
    return status;
}

void fani_integral_ready_clear(fani_ready_integral *ready)
{
    fan_integral_plan_free(ready->plan);
    fan_expression_free(ready->expression);
    fan_expression_free(ready->with_ends);
    for (size_t d = 0; d < FAN_INTEGRAL_DIMENSION_MAX; d++) {
        fan_expression_free(ready->from[d]);
        fan_expression_free(ready->to[d]);
    }
    fani_integrand_file_close(&ready->file);
    fani_proof_free(ready->proof);
    *ready = (fani_ready_integral){0};
}
