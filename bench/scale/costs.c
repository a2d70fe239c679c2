#include "costs.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define COST_MAX 1e12

typedef struct cost {
    const char *name, *what;
    size_t place;
    double value;
} cost;

static const cost list[] = {
#define COST_ENTRY(name, value, what) {#name, what, offsetof(scale_costs, name), value},
    SCALE_COST_LIST(COST_ENTRY)
#undef COST_ENTRY
};
enum { COSTS = sizeof list / sizeof *list };

static double *value_of(scale_costs *costs, const cost *which)
{
    return (double *)(void *)((unsigned char *)costs + which->place);
}

scale_costs scale_costs_default(void)
{
    scale_costs costs;
    for (int i = 0; i < COSTS; i++)
        *value_of(&costs, &list[i]) = list[i].value;
    return costs;
}

scale_costs scale_costs_none(void)
{
    return (scale_costs){0};
}

void scale_costs_print(const scale_costs *costs, FILE *file)
{
    scale_costs copy = *costs;
    for (int i = 0; i < COSTS; i++)
        fprintf(file, "# %s=%g ns: %s\n", list[i].name, *value_of(&copy, &list[i]), list[i].what);
}

/* ---- Reading -------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static fan_status refuse(fan_error *error, fan_status status,
                                                               const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return status;
}

static bool number_read(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && end[strspn(end, " \r\n")] == '\0' && *value >= 0 && *value <= COST_MAX;
}

fan_status scale_costs_set(scale_costs *costs, const char *text, fan_error *error)
{
    size_t length = strcspn(text, "=");
    double value;
    for (int i = 0; i < COSTS; i++) {
        if (strlen(list[i].name) != length || strncmp(list[i].name, text, length) != 0)
            continue;
        if (text[length] != '=' || !number_read(text + length + 1, &value))
            return refuse(error, FAN_E_ARGUMENT, "%s: needs =NS, 0 to %g", text, COST_MAX);
        *value_of(costs, &list[i]) = value;
        return FAN_OK;
    }
    return refuse(error, FAN_E_ARGUMENT, "%s: there is no such cost", text);
}

/* Cell `column` (from 0) of a tab-separated line, copied; empty where there is none. */
static void cell(const char *line, int column, char *text, size_t size)
{
    for (; column > 0 && *line; column--) {
        line += strcspn(line, "\t");
        line += *line == '\t';
    }
    snprintf(text, size, "%.*s", (int)strcspn(line, "\t\r\n"), line);
}

enum { PATH, ON, WALL, COLUMNS };

/* What was found in a run of bench/dispatch; 0: not yet. */
typedef struct dispatch_run {
    int columns[COLUMNS]; /* of the table at hand, all above 0 where it is the right one */
    double batch_ns, item_ns;
} dispatch_run;

static void find_columns(dispatch_run *run, const char *line)
{
    static const char *const names[COLUMNS] = {"path", "on", "wall ns"};
    char text[64];
    for (int i = 0; i < COLUMNS; i++) {
        run->columns[i] = 0;
        for (int c = 1; c < 32 && !run->columns[i]; c++) {
            cell(line, c, text, sizeof text);
            if (!strcmp(text, names[i]))
                run->columns[i] = c;
        }
    }
}

static void dispatch_line(dispatch_run *run, const char *line)
{
    char cells[COLUMNS][64], table[64];
    double value = 0;
    cell(line, 0, table, sizeof table);
    if (!strcmp(table, "table")) {
        find_columns(run, line);
        return;
    }
    for (int i = 0; i < COLUMNS; i++) {
        if (!run->columns[i])
            return;
        cell(line, run->columns[i], cells[i], sizeof cells[i]);
    }
    if (strcmp(cells[ON], "mpi") != 0 || !number_read(cells[WALL], &value))
        return;
    if (!strcmp(cells[PATH], "map, batch 1"))
        run->batch_ns = value;
    else if (!strcmp(cells[PATH], "map"))
        run->item_ns = value;
}

/* A batch of one costs what its message and its item cost; the parts keep their proportions. */
static void take_dispatch(scale_costs *costs, const dispatch_run *run)
{
    double batch_ns = fmax(run->batch_ns - run->item_ns, 0);
    double factor = batch_ns / (costs->cut + costs->send + costs->receive + costs->end);
    costs->cut *= factor;
    costs->send *= factor;
    costs->receive *= factor;
    costs->end *= factor;
    costs->per_item = run->item_ns;
}

static fan_status read_line(scale_costs *costs, dispatch_run *run, const char *line,
                            fan_error *error)
{
    size_t blank = strspn(line, " \t\r\n");
    if (line[blank] == '\0' || line[blank] == '#')
        return FAN_OK;
    if (strchr(line, '\t')) {
        dispatch_line(run, line);
        return FAN_OK;
    }
    fan_status status = scale_costs_set(costs, line + blank, error);
    return status ? FAN_E_SYNTAX : FAN_OK;
}

fan_status scale_costs_read(scale_costs *costs, const char *path, fan_error *error)
{
    char line[1024];
    scale_costs read = *costs;
    dispatch_run run = {0};
    fan_status status = FAN_OK;
    bool tabs = false;
    FILE *file = fopen(path, "r");
    if (!file)
        return refuse(error, FAN_E_INPUT, "%s: %s", path, strerror(errno));
    for (uint32_t number = 1; !status && fgets(line, sizeof line, file); number++) {
        tabs = tabs || strchr(line, '\t');
        status = read_line(&read, &run, line, error);
        error->line = status ? number : 0;
    }
    if (!status && ferror(file))
        status = refuse(error, FAN_E_INPUT, "%s: %s", path, strerror(errno));
    if (!status && tabs && (run.batch_ns <= 0 || run.item_ns <= 0))
        status =
            refuse(error, FAN_E_SYNTAX,
                   "%s: no rows of \"map\" and \"map, batch 1\" on mpi: made under mpirun?", path);
    fclose(file);
    if (!status && tabs)
        take_dispatch(&read, &run);
    if (!status)
        *costs = read;
    return status;
}
