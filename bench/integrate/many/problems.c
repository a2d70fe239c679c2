#include "problems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 8, PROBLEMS_MAX = 1000 };

static const char *const variables[FAN_INTEGRAL_DIMENSION_MAX] = {
    "x1", "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",
    "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16"};

static fan_expression *parse(const char *text, size_t dimension)
{
    const fan_expression_names names = {.variables = variables, .variable_count = dimension};
    fan_expression *e = NULL;
    fan_error error = {0};
    if (fan_expression_parse(text, strlen(text), &names, &e, &error) != FAN_OK)
        fprintf(stderr, "%s: %s\n", text, error.text);
    return e;
}

static bool read_bound(const char *text, size_t before, fani_bound *bound)
{
    if (fan_expression_constant(text, &bound->value, NULL) == FAN_OK)
        return true;
    bound->expression = parse(text, before);
    return bound->expression != NULL;
}

static bool read_ranges(char *text, fani_domain *domain)
{
    char *rest = NULL;
    for (char *range = strtok_r(text, " ", &rest); range; range = strtok_r(NULL, " ", &rest)) {
        const size_t k = domain->dimension;
        char *colon = strchr(range, ':');
        if (!colon || k == FAN_INTEGRAL_DIMENSION_MAX)
            return false;
        *colon = '\0';
        if (!read_bound(range, k, &domain->from[k]) || !read_bound(colon + 1, k, &domain->to[k]))
            return false;
        domain->dimension++;
    }
    return domain->dimension > 0;
}

static bool read_problem(char *line, many_problem *p)
{
    char *columns[COLUMNS], *rest = NULL;
    size_t count = 0;
    for (char *at = strtok_r(line, "\t\n", &rest); at && count < COLUMNS;
         at = strtok_r(NULL, "\t\n", &rest))
        columns[count++] = at;
    p->line = line;
    if (count < COLUMNS || !read_ranges(columns[3], &p->domain))
        return false;
    p->name = columns[0];
    p->family = columns[1];
    p->half = columns[2][0];
    p->ranges = columns[3];
    p->text = columns[4];
    p->exact = strtod(columns[5], NULL);
    p->expression = parse(p->text, p->domain.dimension);
    if (!p->expression)
        return false;
    p->source =
        (fani_integrand_source){.expression = p->expression, .dimension = p->domain.dimension};
    return fani_integrand_make(&p->source, &p->f, NULL) == FAN_OK;
}

void many_problems_free(many_problem *problems, size_t count)
{
    for (size_t i = 0; problems && i < count; i++) {
        many_problem *p = &problems[i];
        for (size_t k = 0; k < p->domain.dimension; k++) {
            fan_expression_free((fan_expression *)p->domain.from[k].expression);
            fan_expression_free((fan_expression *)p->domain.to[k].expression);
        }
        fan_expression_free(p->expression);
        free(p->line);
    }
    free(problems);
}

size_t many_problems_read(const char *path, many_problem **problems)
{
    FILE *file = fopen(path, "r");
    many_problem *all = calloc(PROBLEMS_MAX, sizeof *all);
    char *line = NULL;
    size_t size = 0, count = 0;
    bool good = file && all;
    for (size_t number = 0; good && count < PROBLEMS_MAX && getline(&line, &size, file) > 0;
         number++) {
        if (number == 0) /* names of the columns */
            continue;
        good = read_problem(line, &all[count++]);
        line = NULL;
        size = 0;
    }
    free(line);
    if (file)
        fclose(file);
    if (!good || count == 0) {
        fprintf(stderr, "%s: can't be read, or its problem %zu\n", path, count);
        many_problems_free(all, count);
        return 0;
    }
    *problems = all;
    return count;
}
