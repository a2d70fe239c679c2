/* How `results` shows a run. */
#ifndef CLI_RESULTS_H
#define CLI_RESULTS_H

#include <jansson.h>
#include <stdbool.h>

#include "fanfold/results.h"

/* A run that is shown. */
typedef struct results_view {
    const char *output;
    const char *format; /* "text", "tsv" or "ndjson" */
    json_t *run;        /* what OUTPUT.run.json says; NULL: there is none */
    fan_results results;
    uint64_t
        *unfinished; /* numbers of shards that have not finished, growing; freed by the owner */
    size_t unfinished_count;
    bool in_list; /* text: the first failure has been shown */
} results_view;

/* What comes before all runs: the header of TSV. */
void results_print_header(const char *format);

/* A run's counts, and one of its failures, on standard output. FAN_E_MEMORY. */
fan_status results_print_summary(results_view *view);
fan_status results_print_failure(results_view *view, const fan_results_failure *failure);

#endif
