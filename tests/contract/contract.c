#include "contract.h"

#include <stdlib.h>

static contract_case *cases;

void contract_add(contract_case *c)
{
    c->next = cases;
    cases = c;
}

/* A registered test: one case on one target. */
typedef struct pairing {
    shim_test test;
    contract_case *c;
    const contract_target *target;
    char suite[64];
} pairing;

static void run_pairing(void *context)
{
    const pairing *p = context;
    fan_error why = {0};
    if (!p->target->plugin && fan_executor_probe(p->target->name, &why) != FAN_OK)
        SKIP("%s can't run here: %s", p->target->name, why.text);
    p->c->body(p->target);
}

void contract_register(const contract_target *target)
{
    for (contract_case *c = cases; c; c = c->next) {
        pairing *p = calloc(1, sizeof *p); /* lives as long as the program */
        if (!p)
            abort();
        p->c = c;
        p->target = target;
        strcat(strcpy(p->suite, "contract_"), target->name);
        p->test = (shim_test){.suite = p->suite,
                              .name = c->name,
                              .file = c->file,
                              .line = c->line,
                              .body = run_pairing,
                              .context = p};
        shim_register(&p->test);
    }
}

static void close_one(fan_executor *executor)
{
    bool failed = shim_failed();
    fan_status status = fan_executor_close(executor, failed ? FAN_CLOSE_ABANDON : FAN_CLOSE_DRAIN,
                                           fan_deadline_in_ms(60000));
    SHIM_CHECK(status == FAN_OK, (void)0, "close: %s", fan_status_name(status));
}

void contract_with(const contract_target *target, fan_executor_options options, contract_work work,
                   void *context)
{
    fan_executor *executor = NULL;
    fan_error error = {0};
    fan_status status = target->open(target, options, 1, &executor, &error);
    SHIM_CHECK(status == FAN_OK, return, "open: %s: %s", fan_status_name(status), error.text);
    if (!executor)
        return;
    work(executor, context);
    close_one(executor);
}

void contract_with_two(const contract_target *target, fan_executor_options options,
                       contract_work_two work, void *context)
{
    fan_executor *executors[2] = {NULL, NULL};
    fan_error error = {0};
    fan_status status = target->open(target, options, 2, executors, &error);
    SHIM_CHECK(status == FAN_OK, return, "open: %s: %s", fan_status_name(status), error.text);
    if (!executors[0])
        return;
    work(executors[0], executors[1], context);
    close_one(executors[1]);
    close_one(executors[0]);
}
