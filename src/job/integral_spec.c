#include "job/integral_spec.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/record.h"
#include "kernel/integrate/expression.h"

enum { POINTS_DEFAULT = 1000 };

void fani_integral_clear(fani_integral_spec *spec)
{
    free(spec->expression);
    free(spec->file);
    free(spec->symbol);
    for (size_t i = 0; i < FAN_INTEGRAL_DIMENSION_MAX; i++) {
        free(spec->names[i]);
        free(spec->from[i]);
        free(spec->to[i]);
    }
    for (size_t i = 0; i < FANI_INTEGRAL_PARAMETERS_MAX; i++)
        free(spec->parameter_names[i]);
    *spec = (fani_integral_spec){0};
}

/* ---- Texts ----------------------------------------------------------------------------------- */

/* Shows where in `text` an error is: under its message, the text and a caret. */
static void add_caret(const char *text, fan_error *error)
{
    char caret[200];
    if (!error || !error->column)
        return;
    if (fan_expression_caret(text, strlen(text), error, caret, sizeof caret)) {
        size_t used = strlen(error->text);
        snprintf(error->text + used, sizeof error->text - used, "\n%s", caret);
    }
}

/* What a part of `text` may use: the variables and parameters that there are so far. */
static fan_expression_names names_of(const fani_integral_spec *spec)
{
    return (fan_expression_names){.variables = (const char *const *)spec->names,
                                  .variable_count = spec->dimension,
                                  .parameters = (const char *const *)spec->parameter_names,
                                  .parameter_count = spec->parameter_count};
}

/* Parses a part of `text`, to be one value. The error has its place in `text`, and a caret. */
static fan_status parse_part(const char *text, const char *part, const fan_expression_names *names,
                             fan_expression **expression, fan_error *error)
{
    fan_status status = fan_expression_parse(part, strlen(part), names, expression, error);
    if (status == FAN_OK && fan_expression_outputs(*expression) != 1) {
        fan_expression_free(*expression);
        *expression = NULL;
        status = fani_error_set(error, FAN_E_SYNTAX, "'%.64s': expected one value", text);
        fani_error_place(error, NULL, 1, 1);
    }
    return status;
}

static fan_status place_part(const char *text, const char *from, fan_status status,
                             fan_error *error)
{
    if (status == FAN_OK || status == FAN_E_MEMORY)
        return status;
    if (error)
        error->column += (uint32_t)(from - text);
    add_caret(text, error);
    return status;
}

/* Whether a text that can be parsed needs a parameter that a scan gives its values. */
static bool uses_scanned(const fani_integral_spec *spec, const char *text)
{
    fan_expression_names names = names_of(spec);
    fan_expression *expression = NULL;
    if (!spec->scanned)
        return false;
    names.parameter_count -= spec->scanned;
    const bool is_whole =
        fan_expression_parse(text, strlen(text), &names, &expression, NULL) == FAN_OK;
    fan_expression_free(expression);
    return !is_whole;
}

/* A proof is about what is written, not about the nearest double. */
static bool is_rigorous(const fani_integral_spec *spec)
{
    return strcmp(spec->method, "rigorous") == 0;
}

/* A bound: from..to of `text`, which is NAME=LOW:HIGH. *varying = its text where it depends on
 * variables, else *value is it. */
static fan_status read_bound(fani_integral_spec *spec, const char *text, const char *from,
                             const char *to, double *value, char **varying, fan_error *error)
{
    const fan_expression_names names = names_of(spec);
    fan_expression *expression = NULL;
    static const double nowhere[1];
    const double *points[FAN_INTEGRAL_DIMENSION_MAX];
    char *bound = strndup(from, (size_t)(to - from));
    if (!bound)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    for (size_t d = 0; d < FAN_INTEGRAL_DIMENSION_MAX; d++)
        points[d] = nowhere;
    fan_status status = parse_part(text, bound, &names, &expression, error);
    const bool scans = status == FAN_OK && uses_scanned(spec, bound);
    spec->scans_bounds |= scans;
    if (status == FAN_OK && (scans || is_rigorous(spec) || fani_expression_varies(expression))) {
        *varying = bound;
        bound = NULL;
        *value = 0;
    } else if (status == FAN_OK) {
        fan_expression_evaluate(expression, points, spec->parameters, 1, (double *[]){value});
    }
    fan_expression_free(expression);
    free(bound);
    if (status == FAN_OK && isnan(*value)) {
        status = fani_error_set(error, FAN_E_ARGUMENT, "a bound of '%.64s' is not a number", text);
        fani_error_place(error, NULL, 1, 1);
    }
    return place_part(text, from, status, error);
}

/* NAME=VALUE, an expression of the parameters before it; one that is there already gets the new
 * value. */
static fan_status add_parameter(fani_integral_spec *spec, const char *text, fan_error *error)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return fani_error_set(error, FAN_E_SYNTAX, "param is '%.64s': expected NAME=VALUE", text);
    fan_expression_names names = names_of(spec);
    names.variable_count = 0;
    fan_expression *expression = NULL;
    double value = 0;
    fan_status status = parse_part(text, equals + 1, &names, &expression, error);
    if (status == FAN_OK)
        fan_expression_evaluate(expression, NULL, spec->parameters, 1, (double *[]){&value});
    fan_expression_free(expression);
    if (status != FAN_OK)
        return place_part(text, equals + 1, status, error);
    char *name = strndup(text, (size_t)(equals - text));
    if (!name)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    size_t i = 0;
    while (i < spec->parameter_count && strcmp(spec->parameter_names[i], name) != 0)
        i++;
    if (i == FANI_INTEGRAL_PARAMETERS_MAX) {
        free(name);
        return fani_error_set(error, FAN_E_ARGUMENT, "expected at most %d parameters",
                              FANI_INTEGRAL_PARAMETERS_MAX);
    }
    free(spec->parameter_names[i]);
    spec->parameter_names[i] = name;
    spec->parameters[i] = value;
    spec->parameter_count += i == spec->parameter_count;
    return FAN_OK;
}

/* The colon between the bounds: the first one outside parentheses. */
static const char *find_colon(const char *at)
{
    for (int depth = 0; *at; at++) {
        if (*at == ':' && depth == 0)
            return at;
        depth += (*at == '(') - (*at == ')');
    }
    return NULL;
}

static fan_status add_range(fani_integral_spec *spec, const char *text, fan_error *error)
{
    fan_status status = fani_key_check(FANI_KEY_OVER, text, error);
    if (status != FAN_OK)
        return status;
    size_t i = spec->dimension;
    const char *equals = strchr(text, '=');
    const char *colon = find_colon(equals);
    if (i == FAN_INTEGRAL_DIMENSION_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "expected at most %d variables",
                              FAN_INTEGRAL_DIMENSION_MAX);
    if (!colon)
        return fani_error_set(error, FAN_E_SYNTAX, "over is '%.64s': expected NAME=LOW:HIGH", text);
    status =
        read_bound(spec, text, equals + 1, colon, &spec->ranges[i].from, &spec->from[i], error);
    if (status == FAN_OK)
        status = read_bound(spec, text, colon + 1, text + strlen(text), &spec->ranges[i].to,
                            &spec->to[i], error);
    if (status != FAN_OK)
        return status;
    spec->names[i] = strndup(text, (size_t)(equals - text));
    if (!spec->names[i])
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    spec->dimension++;
    return FAN_OK;
}

/* ---- Goals ----------------------------------------------------------------------------------- */

/* A number of the key `name`, as an expression. */
static fan_status read_number(const char *name, const char *text, double *value, fan_error *error)
{
    fan_status status = fan_expression_constant(text, value, error);
    if (status == FAN_OK && !isfinite(*value))
        return fani_error_set(error, FAN_E_ARGUMENT, "%s is '%.64s': expected a number", name,
                              text);
    return status;
}

static fan_status read_tolerance(const char *name, const char *text, double *value,
                                 fan_error *error)
{
    double tolerance = 0;
    fan_status status = read_number(name, text, &tolerance, error);
    if (status == FAN_OK && tolerance < 0)
        return fani_error_set(error, FAN_E_ARGUMENT, "%s is '%.64s': expected 0 or more", name,
                              text);
    if (status == FAN_OK)
        *value = tolerance;
    return status;
}

static fan_status add_break(fani_integral_spec *spec, const char *text, fan_error *error)
{
    double at = 0;
    if (spec->break_count == FANI_INTEGRAL_BREAKS_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "expected at most %d break points",
                              FANI_INTEGRAL_BREAKS_MAX);
    fan_status status = read_number("break", text, &at, error);
    if (status == FAN_OK)
        spec->breaks[spec->break_count++] = at;
    return status;
}

static int compare(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* cos:W or sin:W, W an expression of the parameters. */
static fan_status set_weight(fani_integral_spec *spec, const char *text, fan_error *error)
{
    const bool is_cos = strncmp(text, "cos:", 4) == 0;
    if (!is_cos && strncmp(text, "sin:", 4) != 0)
        return fani_error_set(error, FAN_E_SYNTAX, "weight is '%.64s': expected cos:W or sin:W",
                              text);
    const char *part = text + 4;
    fan_expression_names names = names_of(spec);
    names.variable_count = 0;
    fan_expression *expression = NULL;
    fan_status status = parse_part(text, part, &names, &expression, error);
    if (status != FAN_OK)
        return place_part(text, part, status, error);
    fan_expression_evaluate(expression, NULL, spec->parameters, 1, (double *[]){&spec->frequency});
    fan_expression_free(expression);
    spec->weight = is_cos ? FANI_WEIGHT_COS : FANI_WEIGHT_SIN;
    return FAN_OK;
}

/* A weight has a method of its own. */
static fan_status complete_weight(fani_integral_spec *spec, fan_error *error)
{
    if (spec->weight == FANI_WEIGHT_NONE)
        return FAN_OK;
    if (is_rigorous(spec))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "rigorous has no use for a weight: write it into the integrand");
    if (spec->dimension > 1 || spec->is_grid || strcmp(spec->method, "auto") != 0)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "a weight is for one variable and method auto, which takes filon");
    snprintf(spec->method, sizeof spec->method, "%s", "filon");
    return FAN_OK;
}

/* What is not given of a goal, and which method. */
static fan_status complete_goal(fani_integral_spec *spec, fan_error *error)
{
    const bool many = spec->dimension > 1;
    const fani_method *method;
    if (spec->is_grid && spec->names_method)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "method %s has no use for rule, order, points and parts, which are "
                              "for fixed grids",
                              spec->method);
    fani_goal_complete(&spec->goal, spec->dimension);
    qsort(spec->breaks, spec->break_count, sizeof *spec->breaks, compare);
    if (spec->break_count && (many || spec->is_grid))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "break points are for the methods of one variable");
    const fan_status status = complete_weight(spec, error);
    if (status != FAN_OK)
        return status;
    return spec->is_grid ? FAN_OK : fani_method_find(spec->method, spec->dimension, &method, error);
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static fan_status set_key(fani_integral_spec *spec, fani_key key, const char *value,
                          fan_error *error)
{
    uint64_t count = 0;
    fan_status status = key == FANI_KEY_OVER ? FAN_OK : fani_key_check(key, value, error);
    if (status != FAN_OK)
        return status;
    (void)fani_read_count(value, &count);
    switch (key) {
    case FANI_KEY_OVER:
        return add_range(spec, value, error);
    case FANI_KEY_PARAM:
        return add_parameter(spec, value, error);
    case FANI_KEY_INTEGRAL_METHOD:
        spec->names_method = true;
        snprintf(spec->method, sizeof spec->method, "%s", value);
        return FAN_OK;
    case FANI_KEY_REL:
        return read_tolerance("rel", value, &spec->goal.rel, error);
    case FANI_KEY_ABS:
        return read_tolerance("abs", value, &spec->goal.abs, error);
    case FANI_KEY_MAX_EVALS:
        spec->goal.evaluations_max = count;
        return FAN_OK;
    case FANI_KEY_SEED:
        spec->goal.seed = count;
        return FAN_OK;
    case FANI_KEY_BREAK:
        return add_break(spec, value, error);
    case FANI_KEY_WEIGHT:
        return set_weight(spec, value, error);
    case FANI_KEY_RULE:
        spec->is_grid = true;
        return fan_rule_from_name(value, &spec->rule, error);
    case FANI_KEY_ORDER:
        spec->is_grid = true;
        spec->order = (unsigned)count;
        return FAN_OK;
    case FANI_KEY_POINTS:
        spec->is_grid = true;
        spec->points = count;
        return FAN_OK;
    case FANI_KEY_PARTS:
        spec->is_grid = true;
        spec->parts = count;
        return FAN_OK;
    default:
        return fani_error_set(
            error, FAN_E_ARGUMENT,
            "%s can't stand here: expected over, param, method, rel, abs, max-evals, seed, break, "
            "weight, rule, order, points or parts",
            fani_key_info(key)->name);
    }
}

/* What is wrong with a value of the job file gets its place there. */
static void place_in_job_file(const fan_job *job, fani_key key, size_t i, fan_error *error)
{
    const fani_origin *origin = fani_job_origin(job, key, i);
    if (origin && error)
        fani_error_place(error, job->file, origin->line,
                         origin->column + (error->column ? error->column - 1 : 0));
}

static fan_status set_rigorous(fani_integral_spec *spec, fan_error *error)
{
    if (spec->names_method && strcmp(spec->method, "auto") != 0)
        return fani_error_set(error, FAN_E_ARGUMENT, "rigorous and method %s exclude each other",
                              spec->method);
    spec->names_method = true;
    snprintf(spec->method, sizeof spec->method, "%s", "rigorous");
    return FAN_OK;
}

/* Everything but the expression and the ranges, from the job. */
static fan_status set_defaults(const fan_job *job, const char *expression, fani_integral_spec *spec,
                               fan_error *error)
{
    *spec = (fani_integral_spec){.rule = FAN_RULE_GAUSS,
                                 .points = POINTS_DEFAULT,
                                 .parts = 1,
                                 .isa = fani_job_isa(job),
                                 .method = "auto",
                                 .goal = {.rel = -1}};
    spec->expression = strdup(expression);
    if (!spec->expression)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    static const fani_key keys[] = {FANI_KEY_INTEGRAL_METHOD, FANI_KEY_REL,    FANI_KEY_ABS,
                                    FANI_KEY_MAX_EVALS,       FANI_KEY_SEED,   FANI_KEY_RULE,
                                    FANI_KEY_ORDER,           FANI_KEY_POINTS, FANI_KEY_PARTS};
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < sizeof keys / sizeof keys[0]; i++) {
        const char *value = fani_job_text(job, keys[i]);
        if (value)
            status = set_key(spec, keys[i], value, error);
    }
    if (status == FAN_OK && fani_job_flag(job, FANI_KEY_RIGOROUS))
        status = set_rigorous(spec, error);
    const fani_strings *parameters = &job->values[FANI_KEY_PARAM];
    for (size_t i = 0; status == FAN_OK && i < parameters->count; i++)
        if ((status = add_parameter(spec, parameters->at[i], error)) != FAN_OK)
            place_in_job_file(job, FANI_KEY_PARAM, i, error);
    const fani_strings *breaks = &job->values[FANI_KEY_BREAK];
    for (size_t i = 0; status == FAN_OK && i < breaks->count; i++)
        if ((status = add_break(spec, breaks->at[i], error)) != FAN_OK)
            place_in_job_file(job, FANI_KEY_BREAK, i, error);
    const char *weight = fani_job_text(job, FANI_KEY_WEIGHT);
    if (status == FAN_OK && weight && (status = set_weight(spec, weight, error)) != FAN_OK)
        place_in_job_file(job, FANI_KEY_WEIGHT, 0, error);
    return status;
}

static fan_status set_job_ranges(const fan_job *job, fani_integral_spec *spec, fan_error *error)
{
    const fani_strings *over = &job->values[FANI_KEY_OVER];
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < over->count; i++)
        if ((status = add_range(spec, over->at[i], error)) != FAN_OK)
            place_in_job_file(job, FANI_KEY_OVER, i, error);
    return status;
}

/* ---- Checks ---------------------------------------------------------------------------------- */

static fan_status check_parts(const fani_integral_spec *spec, fan_error *error)
{
    if (spec->points < spec->parts)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "%llu points in %llu parts: expected at least "
                              "one point in each",
                              (unsigned long long)spec->points, (unsigned long long)spec->parts);
    if (spec->parts > 1 && !(isfinite(spec->ranges[0].from) && isfinite(spec->ranges[0].to)))
        return fani_error_set(error, FAN_E_ARGUMENT, "an infinite range can't be cut in parts");
    return FAN_OK;
}

static fan_status encode_first(const fani_integral_spec *spec, fan_buffer *bytes, fan_error *error)
{
    fan_status status = fani_integral_encode(spec, 0, bytes);
    return status == FAN_OK ? status : fani_error_set(error, status, "out of memory");
}

/* Parses and plans the whole and the first part, so that no worker meets an error. */
static fan_status check(fani_integral_spec *spec, fan_error *error)
{
    if (!spec->dimension)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "there is no variable: expected over x=LOW:HIGH");
    fan_status status = complete_goal(spec, error);
    if (status == FAN_OK)
        status = check_parts(spec, error);
    fan_buffer bytes = {0};
    fani_ready_integral ready = {0};
    if (status == FAN_OK)
        status = encode_first(spec, &bytes, error);
    if (status == FAN_OK) {
        /* of a scan whose bounds have other values in each row, these are not looked at */
        status = spec->scans_bounds ? fani_integral_parsed(bytes.bytes, bytes.size, &ready, error)
                                    : fani_integral_ready(bytes.bytes, bytes.size, &ready, error);
        if (status == FAN_E_SYNTAX)
            add_caret(spec->expression, error);
    }
    fani_integral_ready_clear(&ready);
    fan_buffer_clear(&bytes);
    return status;
}

static fan_status set_file(fani_integral_spec *spec, const char *text, fan_error *error)
{
    fan_status status = fani_integrand_file_split(text, &spec->file, &spec->symbol, error);
    return status == FAN_OK ? fani_integrand_file_hash(spec->file, &spec->file_hash, error)
                            : status;
}

/* A parameter of a scan; its values come later. */
static fan_status add_scanned(fani_integral_spec *spec, const char *name, fan_error *error)
{
    for (size_t i = 0; i < spec->parameter_count; i++)
        if (strcmp(spec->parameter_names[i], name) == 0)
            return fani_error_set(error, FAN_E_ARGUMENT, "the parameter %.64s is given twice",
                                  name);
    if (spec->parameter_count == FANI_INTEGRAL_PARAMETERS_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "expected at most %d parameters",
                              FANI_INTEGRAL_PARAMETERS_MAX);
    char *copy = strdup(name);
    if (!copy)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    spec->parameter_names[spec->parameter_count++] = copy;
    spec->scanned++;
    return FAN_OK;
}

/* The first of these names that an expression has, or NULL. */
static const char *name_in(const char *text, char *const *names, size_t count)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    while (*text) {
        const size_t size = strspn(text, letters);
        for (size_t i = 0; i < count; i++)
            if (strlen(names[i]) == size && memcmp(names[i], text, size) == 0)
                return names[i];
        text += size ? size : 1;
    }
    return NULL;
}

/* Keys whose values are numbers, the same for all rows. */
static fan_status check_fixed(const fan_job *job, char *const *names, size_t count,
                              fan_error *error)
{
    static const fani_key keys[] = {FANI_KEY_PARAM, FANI_KEY_BREAK, FANI_KEY_WEIGHT, FANI_KEY_REL,
                                    FANI_KEY_ABS};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        const fani_strings *values = &job->values[keys[k]];
        for (size_t i = 0; i < values->count; i++) {
            const char *text = values->at[i];
            const char *part = text + strcspn(text, "=:");
            const char *name = name_in(*part ? part : text, names, count);
            if (!name)
                continue;
            const fan_status status = fani_error_set(
                error, FAN_E_ARGUMENT,
                "%s is '%.64s', which is one for all rows, and the scan's %.64s is another one in "
                "each: only the integrand and the bounds may use it",
                fani_key_info(keys[k])->name, text, name);
            place_in_job_file(job, keys[k], i, error);
            return status;
        }
    }
    return FAN_OK;
}

fan_status fani_integral_from_scan(const fan_job *job, const char *expression, char *const *names,
                                   size_t count, fani_integral_spec *spec, fan_error *error)
{
    const char *file = fani_job_text(job, FANI_KEY_INTEGRAND);
    *spec = (fani_integral_spec){0};
    fan_status status = check_fixed(job, names, count, error);
    if (status == FAN_OK)
        status = set_defaults(job, file ? "" : expression, spec, error);
    if (status == FAN_OK && file)
        status = set_file(spec, file, error);
    for (size_t i = 0; status == FAN_OK && i < count; i++)
        status = add_scanned(spec, names[i], error);
    if (status == FAN_OK)
        status = set_job_ranges(job, spec, error);
    if (status != FAN_OK)
        return status;
    status = check(spec, error);
    if (status == FAN_E_SYNTAX && expression == fani_job_text(job, FANI_KEY_EXPRESSION))
        place_in_job_file(job, FANI_KEY_EXPRESSION, 0, error);
    return status;
}

fan_status fani_integral_from_job(const fan_job *job, const char *expression,
                                  fani_integral_spec *spec, fan_error *error)
{
    return fani_integral_from_scan(job, expression, NULL, 0, spec, error);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static char *trim(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t size = strlen(text);
    while (size && strchr(" \t\r\n", text[size - 1]))
        size--;
    text[size] = '\0';
    return text;
}

/* One "key value" field behind the expression. */
static fan_status set_field(const fan_job *job, fani_integral_spec *spec, char *field,
                            fan_error *error)
{
    fani_key key;
    char *value = field + strcspn(field, " \t=");
    if (*value)
        *value++ = '\0';
    fan_status status = fani_key_find(job->kind, field, &key, error);
    return status == FAN_OK ? set_key(spec, key, trim(value), error) : status;
}

/* Reads the fields of a line; *at is the one being read. */
static fan_status read_fields(const fan_job *job, char *line, char **at, fani_integral_spec *spec,
                              fan_error *error)
{
    char *rest = line;
    *at = trim(strsep(&rest, ";"));
    fan_status status = set_defaults(job, *at, spec, error);
    while (status == FAN_OK && rest) {
        *at = trim(strsep(&rest, ";"));
        if (**at)
            status = set_field(job, spec, *at, error);
    }
    if (status == FAN_OK && !spec->dimension)
        status = set_job_ranges(job, spec, error);
    if (status != FAN_OK)
        return status;
    *at = line;
    return check(spec, error);
}

fan_status fani_integral_from_line(const fan_job *job, const char *line, fani_integral_spec *spec,
                                   fan_error *error)
{
    char *copy = strdup(line), *at = copy;
    *spec = (fani_integral_spec){0};
    if (!copy)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fan_status status = read_fields(job, copy, &at, spec, error);
    if (status != FAN_OK && error) {
        /* A column of the expression's is one of the line's; of a field only its start is told. */
        uint32_t inside = at == copy && error->column ? error->column - 1 : 0;
        error->column = (uint32_t)(at - copy) + inside + 1;
    }
    free(copy);
    return status;
}
