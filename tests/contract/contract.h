/* The contract suite: what every executor must do, written once. A case is registered for every
 * executor as contract_<executor>.<case>; tests/mpi registers the same cases over ranks.
 *
 * A case opens executors only through contract_with and contract_with_two, which run the same calls
 * on every rank: where this process is a rank other than 0, they serve and never call `work`. */
#ifndef FAN_TESTS_CONTRACT_H
#define FAN_TESTS_CONTRACT_H

#include "fanfold/executor.h"
#include "shim.h"

/* One executor under test. */
typedef struct contract_target {
    const char *name;
    bool any_thread; /* calls may come from several threads (not with MPI_THREAD_FUNNELED) */
    /* Opens by `options` (kind is filled in); *executor is NULL with FAN_OK on ranks other than 0,
     * which have already served. */
    fan_status (*open)(const struct contract_target *target, fan_executor_options options,
                       size_t count, fan_executor *executors[], fan_error *error);
    const fan_executor_kind *plugin;
    const void *plugin_options;
    unsigned hosts; /* that it spans; 0: one */
} contract_target;

typedef void (*contract_work)(fan_executor *executor, void *context);
typedef void (*contract_work_two)(fan_executor *one, fan_executor *two, void *context);

/* Opens, works, closes: drained within 60 s where nothing failed, abandoned otherwise. */
void contract_with(const contract_target *target, fan_executor_options options, contract_work work,
                   void *context);
void contract_with_two(const contract_target *target, fan_executor_options options,
                       contract_work_two work, void *context);

/* The target whose case is running: for what a case must know about it. */
typedef struct contract_case {
    const char *name;
    void (*body)(const contract_target *target);
    const char *file;
    int line;
    struct contract_case *next;
} contract_case;

void contract_add(contract_case *c);

/* Registers every case for a target, which must live as long as the program. */
void contract_register(const contract_target *target);

/* The tasks that the cases use: for fan_start. */
extern const fan_task *const contract_tasks[];

#define CONTRACT(name_)                                                                            \
    static void contract_##name_(const contract_target *target);                                   \
    __attribute__((constructor)) static void contract_##name_##_add(void)                          \
    {                                                                                              \
        static contract_case record = {                                                            \
            .name = #name_, .body = contract_##name_, .file = __FILE__, .line = __LINE__};         \
        contract_add(&record);                                                                     \
    }                                                                                              \
    static void contract_##name_(const contract_target *target)

#endif
