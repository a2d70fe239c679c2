#include "problems.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fanfold/integrate.h"

/* Splits a line at " | ". Returns the number of fields. */
static size_t split(char *line, char *fields[PROBLEM_FIELDS])
{
    size_t n = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *at = line; at && n < PROBLEM_FIELDS;) {
        fields[n++] = at;
        at = strstr(at, " | ");
        if (at) {
            *at = '\0';
            at += 3;
        }
    }
    return n;
}

static int parse(char *line, problem *p)
{
    char *fields[PROBLEM_FIELDS];
    if (split(line, fields) != PROBLEM_FIELDS)
        return -1;
    *p = (problem){.line = line,
                   .name = fields[0],
                   .family = fields[1],
                   .expression = fields[2],
                   .source = fields[7]};
    if (fan_expression_constant(fields[3], &p->from, NULL) != FAN_OK ||
        fan_expression_constant(fields[4], &p->to, NULL) != FAN_OK)
        return -1;
    p->exact = strtod(fields[6], NULL);
    return 0;
}

size_t problems_read(const char *path, problem *problems)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    size_t n = 0;
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 0;
    }
    while (n < PROBLEMS_MAX && getline(&line, &room, file) > 0) {
        if (*line == '#' || *line == '\n')
            continue;
        if (parse(line, &problems[n]) != 0) {
            fprintf(stderr, "%s: malformed: %s\n", path, line);
            problems_free(problems, n);
            n = 0;
            break;
        }
        n++;
        line = NULL;
        room = 0;
    }
    free(line);
    fclose(file);
    return n;
}

void problems_free(problem *problems, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(problems[i].line);
}
