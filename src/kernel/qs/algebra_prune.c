/* Which relations can be part of a dependency at all. */
#include "algebra_internal.h"

#include <stdlib.h>
#include <string.h>

/* Of a column: how many rows that are left have it, and the sum (exclusive or) of their numbers:
 * where there is one row, that is it; where there are two, it leads from one to the other. */
typedef struct column_state {
    uint32_t weight;
    uint32_t rows;
} column_state;

typedef struct prune {
    const fani_qs_set *set;
    const uint32_t *order; /* record of row i; NULL: i */
    uint32_t rows, left;
    uint32_t columns_left;
    bool all; /* columns count; before, large primes alone do */
    bool *gone;
    column_state *column;
    size_t columns;
    uint32_t *lone; /* columns that have come down to one row */
    size_t lone_count;
} prune;

static void end(prune *p)
{
    free(p->gone);
    free(p->column);
    free(p->lone);
}

static uint32_t columns_of(const prune *p, uint32_t row, uint32_t *column)
{
    uint32_t record = p->order ? p->order[row] : row;
    return p->all ? fani_qs_set_odd(p->set, record, column)
                  : fani_qs_set_odd_large(p->set, record, column);
}

static void take_out(prune *p, uint32_t row)
{
    uint32_t column[FANI_QS_FACTORS_MAX + 2];
    uint32_t count = columns_of(p, row, column);
    for (uint32_t i = 0; i < count; i++) {
        column_state *state = &p->column[column[i]];
        state->rows ^= row;
        if (--state->weight == 1)
            p->lone[p->lone_count++] = column[i];
        else if (state->weight == 0)
            p->columns_left--;
    }
    p->gone[row] = true;
    p->left--;
}

/* A column comes down to one row only once, so there is room for all. */
static void take_out_lone(prune *p)
{
    while (p->lone_count > 0) {
        const column_state *state = &p->column[p->lone[--p->lone_count]];
        if (state->weight == 1)
            take_out(p, state->rows);
    }
}

/* Counts the columns from `first` to before `end`, and takes out the rows that alone have one. */
static void count_columns(prune *p, size_t first, size_t end)
{
    uint32_t column[FANI_QS_FACTORS_MAX + 2];
    for (uint32_t row = 0; row < p->rows; row++) {
        uint32_t count = p->gone[row] ? 0 : columns_of(p, row, column);
        for (uint32_t i = 0; i < count; i++) {
            column_state *state = &p->column[column[i]];
            if (column[i] < first || column[i] >= end)
                continue;
            state->weight++;
            state->rows ^= row;
        }
    }
    for (size_t c = first; c < end; c++) {
        if (p->column[c].weight == 1)
            p->lone[p->lone_count++] = (uint32_t)c;
        p->columns_left += p->column[c].weight != 0;
    }
    take_out_lone(p);
}

/* Most relations alone have a large prime: those go before anybody looks at their factors. */
static fan_status begin(prune *p, const fani_qs_set *set, const uint32_t *order)
{
    size_t columns = set->columns + set->vertex_count;
    *p = (prune){.set = set,
                 .order = order,
                 .rows = (uint32_t)set->count,
                 .left = (uint32_t)set->count,
                 .columns = columns};
    p->gone = calloc(set->count + 1, sizeof *p->gone);
    p->column = calloc(columns, sizeof *p->column);
    p->lone = malloc(columns * sizeof *p->lone);
    if (!p->gone || !p->column || !p->lone)
        return FAN_E_MEMORY;
    count_columns(p, set->columns, columns);
    p->all = true;
    count_columns(p, 0, set->columns);
    return FAN_OK;
}

static int64_t excess_of(const prune *p)
{
    return (int64_t)p->left - p->columns_left;
}

fan_status fani_qs_set_excess(const fani_qs_set *set, int64_t *excess)
{
    prune p;
    fan_status status = begin(&p, set, NULL);
    if (status == FAN_OK)
        *excess = excess_of(&p);
    end(&p);
    return status;
}

/* ---- What is too much ----------------------------------------------------------------------- */

/* Rows that share a column nobody else has go together: where one is taken out the others follow.
 * Each such clique costs one row more than columns. */
typedef struct clique {
    uint32_t root; /* its first row */
    uint32_t weight;
} clique;

static uint32_t root_of(uint32_t *parent, uint32_t row)
{
    while (parent[row] != row)
        row = parent[row] = parent[parent[row]];
    return row;
}

/* parent[row] leads to the first row of its clique; weight[first row] = the ones of all. */
static void find_cliques(const prune *p, uint32_t *parent, uint32_t *weight)
{
    uint32_t column[FANI_QS_FACTORS_MAX + 2];
    for (uint32_t row = 0; row < p->rows; row++) {
        parent[row] = row;
        weight[row] = 0;
    }
    for (uint32_t row = 0; row < p->rows; row++) {
        uint32_t count = p->gone[row] ? 0 : columns_of(p, row, column);
        uint32_t root = root_of(parent, row);
        weight[root] += count;
        for (uint32_t i = 0; i < count; i++) {
            if (p->column[column[i]].weight != 2)
                continue;
            uint32_t other = root_of(parent, p->column[column[i]].rows ^ row);
            if (other == root)
                continue;
            uint32_t first = other < root ? other : root, second = other < root ? root : other;
            parent[second] = first;
            weight[first] += weight[second];
            root = first;
        }
    }
}

static int heavier_first(const void *a, const void *b)
{
    const clique *p = a, *q = b;
    if (p->weight != q->weight)
        return p->weight > q->weight ? -1 : 1;
    return p->root < q->root ? -1 : p->root > q->root;
}

/* Takes out the heaviest cliques, at most `most`. */
static void take_out_cliques(prune *p, uint32_t *parent, uint32_t *weight, clique *cliques,
                             uint32_t most)
{
    uint32_t count = 0;
    find_cliques(p, parent, weight);
    for (uint32_t row = 0; row < p->rows; row++) {
        if (!p->gone[row] && parent[row] == row)
            cliques[count++] = (clique){row, weight[row]};
    }
    qsort(cliques, count, sizeof *cliques, heavier_first);
    for (uint32_t i = 0; i < count && i < most; i++) {
        if (!p->gone[cliques[i].root])
            take_out(p, cliques[i].root);
        take_out_lone(p);
    }
}

static fan_status take_out_excess(prune *p, uint32_t excess, const fani_effort *effort)
{
    if (excess_of(p) <= (int64_t)excess)
        return FAN_OK;
    uint32_t *parent = malloc(p->rows * sizeof *parent), *weight = malloc(p->rows * sizeof *weight);
    clique *cliques = malloc(p->rows * sizeof *cliques);
    fan_status status = parent && weight && cliques ? FAN_OK : FAN_E_MEMORY;
    while (status == FAN_OK && excess_of(p) > (int64_t)excess) {
        /* Each one that goes changes the others, so not all at a time. */
        int64_t over = excess_of(p) - excess;
        take_out_cliques(p, parent, weight, cliques, (uint32_t)(over - over / 4));
        if (fani_is_cancelled(effort))
            status = FAN_E_CANCELLED;
    }
    free(parent);
    free(weight);
    free(cliques);
    return status;
}

/* ---- All of it ------------------------------------------------------------------------------ */

typedef struct named_record {
    uint64_t a;
    uint32_t b;
    int32_t x;
    uint32_t record;
} named_record;

static int by_name(const void *one, const void *other)
{
    const named_record *p = one, *q = other;
    if (p->a != q->a)
        return p->a < q->a ? -1 : 1;
    if (p->b != q->b)
        return p->b < q->b ? -1 : 1;
    return p->x < q->x ? -1 : p->x > q->x;
}

/* As relations of one thread are. */
static bool is_sorted(const named_record *names, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (by_name(&names[i - 1], &names[i]) > 0)
            return false;
    }
    return true;
}

static uint32_t *order_of(const fani_qs_set *set)
{
    named_record *names = malloc((set->count + 1) * sizeof *names);
    uint32_t *order = calloc(set->count + 1, sizeof *order);
    if (!names || !order) {
        free(names);
        free(order);
        return NULL;
    }
    for (uint32_t i = 0; i < set->count; i++)
        names[i] = (named_record){set->record[i].a, set->record[i].b, set->record[i].x, i};
    if (!is_sorted(names, set->count))
        qsort(names, set->count, sizeof *names, by_name);
    for (uint32_t i = 0; i < set->count; i++)
        order[i] = names[i].record;
    free(names);
    return order;
}

fan_status fani_qs_prune(const fani_qs_set *set, uint32_t excess, const fani_effort *effort,
                         fani_qs_pruned *out)
{
    prune p = {0};
    uint32_t *order = order_of(set);
    fan_status status = order ? begin(&p, set, order) : FAN_E_MEMORY;
    if (status == FAN_OK)
        status = take_out_excess(&p, excess, effort);
    *out = (fani_qs_pruned){0};
    if (status == FAN_OK) {
        for (uint32_t row = 0; row < p.rows; row++) {
            if (!p.gone[row])
                order[out->count++] = order[row];
        }
        out->columns = p.columns_left;
        out->record = order;
        order = NULL;
    }
    free(order);
    end(&p);
    return status;
}

fan_status fani_qs_rows(const fani_qs_set *set, const fani_qs_pruned *pruned, fani_gf2_lists *rows)
{
    uint32_t column[FANI_QS_FACTORS_MAX + 2];
    size_t columns = set->columns + set->vertex_count, items = 0;
    for (uint32_t row = 0; row < pruned->count; row++)
        items += fani_qs_set_odd(set, pruned->record[row], column);
    uint32_t *number = malloc(columns * sizeof *number);
    *rows = (fani_gf2_lists){.count = pruned->count,
                             .first = malloc(((size_t)pruned->count + 1) * sizeof *rows->first),
                             .item = malloc((items + 1) * sizeof *rows->item)};
    if (!number || !rows->first || !rows->item) {
        free(number);
        fani_gf2_lists_clear(rows);
        return FAN_E_MEMORY;
    }
    memset(number, 0xff, columns * sizeof *number);
    items = 0;
    for (uint32_t row = 0; row < pruned->count; row++) {
        uint32_t count = fani_qs_set_odd(set, pruned->record[row], column);
        rows->first[row] = items;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t *its = &number[column[i]];
            if (*its == UINT32_MAX)
                *its = rows->end++;
            rows->item[items + i] = *its;
        }
        fani_gf2_sort(rows->item + items, count);
        items += count;
    }
    rows->first[pruned->count] = items;
    free(number);
    return FAN_OK;
}
