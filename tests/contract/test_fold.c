/* Fold and shares. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"
#include "tasks.h"

/* Concatenation is associative but not commutative: the text shows the order of every combine. */
static void fold_text(fan_executor *executor, void *context)
{
    uint64_t count = *(uint64_t *)context;
    char *expected = malloc(count * 12 + 1);
    size_t length = 0;
    expected[0] = '\0';
    for (uint64_t i = 0; i < count; i++)
        length += (size_t)sprintf(expected + length, "[%llu]", (unsigned long long)i);
    for (size_t leaf = 1; leaf <= 100; leaf = leaf * 3 + 1) {
        fan_buffer result;
        fan_error error = {0};
        fan_status status = fan_fold(executor, &task_text, fan_source_range(0, count),
                                     &(fan_fold_plan){.leaf_items = leaf, .combine = &task_concat},
                                     &result, &error);
        SHIM_CHECK(status == FAN_OK, (void)0, "fold of %llu by %zu: %s", (unsigned long long)count,
                   leaf, error.text);
        EXPECT_TRUE(result.size == length &&
                    !memcmp(result.bytes ? result.bytes : (void *)"", expected, length));
        fan_buffer_clear(&result);
    }
    free(expected);
}

CONTRACT(fold_keeps_the_order_of_indices)
{
    for (uint64_t count = 0; count < 1500; count = count * 3 + 1)
        contract_with(target, (fan_executor_options){.workers = 3}, fold_text, &count);
}

typedef struct bits {
    uint64_t first;
    bool set;
} bits;

static void fold_sum(fan_executor *executor, void *context)
{
    bits *b = context;
    fan_buffer result;
    fan_error error = {0};
    uint64_t sum = 0;
    ASSERT_I64(fan_fold(executor, &task_fraction, fan_source_range(0, 100003),
                        &(fan_fold_plan){.leaf_items = 100, .combine = &task_add}, &result, &error),
               FAN_OK);
    EXPECT_U64(result.size, sizeof sum);
    if (result.size == sizeof sum)
        memcpy(&sum, result.bytes, sizeof sum);
    fan_buffer_clear(&result);
    double value;
    memcpy(&value, &sum, sizeof value);
    EXPECT_NEAR(value, 12.090176129263442, 1e-12); /* the same terms summed exactly */
    if (b->set)
        EXPECT_U64(sum, b->first);
    b->first = sum;
    b->set = true;
}

CONTRACT(fold_of_doubles_has_the_same_bits_for_any_workers)
{
    bits b = {0};
    for (unsigned workers = 1; workers <= 5; workers++)
        contract_with(target, (fan_executor_options){.workers = workers}, fold_sum, &b);
}

static fan_status pull_by_ones(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                               fan_error *error)
{
    uint64_t *state = user; /* the next number, then the number given */
    (void)max_items, (void)max_bytes, (void)error;
    if (state[0] == 333)
        return FAN_OK;
    if (++state[2] % 50 == 0)
        return FAN_E_BUSY; /* now and then: nothing at the moment */
    state[1] = state[0]++;
    *items = (fan_items){.bytes = (void *)&state[1], .size = 8, .count = 1};
    return FAN_OK;
}

static void fold_slow_source(fan_executor *executor, void *context)
{
    (void)context;
    uint64_t state[3] = {0, 0, 0};
    uint64_t all[333];
    fan_buffer slow, whole;
    fan_error error = {0};
    fan_fold_plan plan = {.leaf_items = 100, .combine = &task_concat};
    for (uint64_t i = 0; i < 333; i++)
        all[i] = i;
    ASSERT_I64(fan_fold(executor, &task_echo, fan_source_callback(pull_by_ones, state, UINT64_MAX),
                        &plan, &slow, &error),
               FAN_OK);
    ASSERT_I64(fan_fold(executor, &task_echo, fan_source_array(all, 8, 333), &plan, &whole, &error),
               FAN_OK);
    EXPECT_U64(slow.size, sizeof all);
    EXPECT_TRUE(slow.size == whole.size && !memcmp(slow.bytes, whole.bytes, slow.size));
    EXPECT_TRUE(slow.size == sizeof all && !memcmp(slow.bytes, all, sizeof all));
    fan_buffer_clear(&slow);
    fan_buffer_clear(&whole);
}

CONTRACT(fold_cuts_leaves_by_index_not_by_pulls)
{
    contract_with(target, (fan_executor_options){.workers = 2}, fold_slow_source, NULL);
}

static void fold_fails(fan_executor *executor, void *context)
{
    (void)context;
    uint64_t x[50];
    fan_buffer result;
    fan_error error = {0};
    for (uint64_t i = 0; i < 50; i++)
        x[i] = i == 27 ? 13 : 10;
    EXPECT_I64(fan_fold(executor, &task_moody, fan_source_array(x, 8, 50),
                        &(fan_fold_plan){.leaf_items = 4, .combine = &task_concat}, &result,
                        &error),
               FAN_E_FAILED);
    EXPECT_CONTAINS(error.text, "item 27: bad 13");
    EXPECT_TRUE(result.bytes == NULL);
    EXPECT_I64(fan_fold(executor, &task_text, fan_source_range(0, 5), &(fan_fold_plan){0}, &result,
                        &error),
               FAN_E_ARGUMENT);
}

CONTRACT(fold_fails_with_the_index_of_the_failed_item)
{
    contract_with(target, (fan_executor_options){.workers = 2}, fold_fails, NULL);
}

/* ---- What maps have, too ------------------------------------------------------------------- */

/* Each item fails until its third run, so each leaf does. */
static void fold_retries(fan_executor *executor, void *context)
{
    (void)context;
    for (uint32_t retries = 1; retries <= 2; retries++) {
        char path[] = "/tmp/fan-fold-XXXXXX";
        int fd = mkstemp(path);
        ASSERT_TRUE(fd >= 0);
        close(fd);
        fan_buffer result = {0};
        fan_error error = {0};
        const fan_fold_plan plan = {.leaf_items = 4,
                                    .combine = &task_concat,
                                    .args = path,
                                    .args_size = strlen(path),
                                    .retries = retries,
                                    .backoff_ms = 1};
        fan_status status =
            fan_fold(executor, &task_third_time, fan_source_range(0, 10), &plan, &result, &error);
        EXPECT_I64(status, retries == 2 ? FAN_OK : FAN_E_FAILED);
        EXPECT_U64(result.size, retries == 2 ? 10 * sizeof(long) : 0);
        if (retries == 1)
            EXPECT_CONTAINS(error.text, "item 0: run 2");
        fan_buffer_clear(&result);
        for (int i = 0; i < 10; i++) {
            char one[64];
            snprintf(one, sizeof one, "%s.%d", path, i);
            (void)unlink(one);
        }
        (void)unlink(path);
    }
}

CONTRACT(fold_runs_failed_leaves_again)
{
    contract_with(target, (fan_executor_options){.workers = 2}, fold_retries, NULL);
}

/* Whether this leaf is told, and not another whose worker paused. */
static bool leaf_times_out(fan_executor *executor, uint32_t timeout_ms)
{
    uint64_t ms[12] = {0};
    char text[64];
    ms[6] = 300000;
    fan_buffer result = {0};
    fan_error error = {0};
    const fan_fold_plan plan = {.leaf_items = 4, .combine = &task_concat, .timeout_ms = timeout_ms};
    EXPECT_I64(fan_fold(executor, &task_wait, fan_source_array(ms, sizeof *ms, 12), &plan, &result,
                        &error),
               FAN_E_TIMEOUT);
    (void)snprintf(text, sizeof text, "of 4 items timed out: ran longer than %u ms", timeout_ms);
    EXPECT_CONTAINS(error.text, text);
    EXPECT_U64(result.size, 0);
    fan_buffer_clear(&result);
    return strncmp(error.text, "leaf 1 ", 7) == 0;
}

static void fold_timeout(fan_executor *executor, void *context)
{
    bool told = false;
    (void)context;
    for (uint32_t ms = 150; ms < 10000 && !told && !shim_failed(); ms *= 2)
        told = leaf_times_out(executor, ms);
    EXPECT_TRUE(told);
}

CONTRACT(fold_ends_a_leaf_that_takes_too_long)
{
    contract_with(target, (fan_executor_options){.workers = 2}, fold_timeout, NULL);
}

static void fold_loses(fan_executor *executor, void *context)
{
    bool *isolates = context;
    *isolates = fan_executor_capabilities(executor) & FAN_CAP_ISOLATES;
    if (!*isolates)
        return;
    const crash_order order = {.index = 6, .how = SIGKILL};
    fan_buffer result = {0};
    fan_error error = {0};
    const fan_fold_plan plan = {
        .leaf_items = 4, .combine = &task_concat, .args = &order, .args_size = sizeof order};
    EXPECT_I64(fan_fold(executor, &task_crash, fan_source_range(0, 12), &plan, &result, &error),
               FAN_E_LOST);
    EXPECT_CONTAINS(error.text, "leaf 1 of 4 items lost: ");
    EXPECT_CONTAINS(error.text, "SIGKILL");
    fan_buffer_clear(&result);
}

CONTRACT(fold_tells_a_leaf_that_lost_its_worker_from_one_that_failed)
{
    bool isolates = false;
    contract_with(target, (fan_executor_options){.workers = 2}, fold_loses, &isolates);
    if (!isolates)
        SKIP("%s does not isolate its items", target->name);
}

typedef enum flaw { FLAW_ERROR, FLAW_CLOSED, FLAW_MIXED } flaw;

typedef struct flawed {
    flaw flaw;
    uint64_t pulls, item;
} flawed;

static fan_status pull_flawed(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                              fan_error *error)
{
    flawed *f = user;
    (void)max_items, (void)max_bytes;
    *items = (fan_items){.bytes = (void *)&f->item, .size = 8, .count = 1};
    if (++f->pulls < 7)
        return FAN_OK;
    if (f->flaw == FLAW_CLOSED)
        return FAN_E_CLOSED;
    if (f->flaw == FLAW_MIXED) {
        *items = (fan_items){.count = f->pulls < 9};
        return FAN_OK;
    }
    *error = (fan_error){.status = FAN_E_SYNTAX, .line = 7, .column = 3};
    strcpy(error->file, "numbers.txt");
    strcpy(error->text, "no number");
    return FAN_E_SYNTAX;
}

static void fold_flawed(fan_executor *executor, void *context)
{
    static const fan_status expected[] = {FAN_E_SYNTAX, FAN_E_CANCELLED, FAN_E_ARGUMENT};
    (void)context;
    for (int kind = FLAW_ERROR; kind <= FLAW_MIXED; kind++) {
        flawed f = {.flaw = (flaw)kind};
        fan_buffer result;
        fan_error error = {0};
        fan_status status =
            fan_fold(executor, &task_echo, fan_source_callback(pull_flawed, &f, UINT64_MAX),
                     &(fan_fold_plan){.leaf_items = 4, .combine = &task_concat}, &result, &error);
        EXPECT_STR(fan_status_name(status), fan_status_name(expected[kind]));
        EXPECT_TRUE(result.bytes == NULL);
        if (kind == FLAW_ERROR) {
            EXPECT_STR(error.file, "numbers.txt");
            EXPECT_U64(error.line * 10 + error.column, 73);
        }
        fan_buffer_clear(&result);
    }
    fan_buffer none;
    EXPECT_I64(fan_fold(executor, &task_text, fan_source_range(0, 4),
                        &(fan_fold_plan){.combine = &task_concat, .args_size = 5}, &none, NULL),
               FAN_E_ARGUMENT);
}

CONTRACT(fold_gives_its_sources_error_whole_and_never_half_a_result)
{
    contract_with(target, (fan_executor_options){.workers = 2}, fold_flawed, NULL);
}

typedef struct running {
    uint64_t calls, items;
    bool prefix;
} running;

static void see_running_value(void *user, uint64_t items, const void *value, size_t size)
{
    running *r = user;
    char expected[4000];
    size_t length = 0;
    for (uint64_t i = 0; i < items; i++)
        length += (size_t)sprintf(expected + length, "[%llu]", (unsigned long long)i);
    r->calls++;
    r->items = items;
    r->prefix &= size == length && !memcmp(value, expected, length);
}

static void fold_emits(fan_executor *executor, void *context)
{
    (void)context;
    running r = {.prefix = true};
    fan_buffer result;
    fan_error error = {0};
    ASSERT_I64(fan_fold(executor, &task_text, fan_source_range(0, 95),
                        &(fan_fold_plan){.leaf_items = 10,
                                         .combine = &task_concat,
                                         .emit_every = 3,
                                         .emit = see_running_value,
                                         .emit_user = &r},
                        &result, &error),
               FAN_OK);
    EXPECT_U64(r.calls, 3);
    EXPECT_U64(r.items, 90);
    EXPECT_TRUE(r.prefix);
    fan_buffer_clear(&result);
}

CONTRACT(fold_emits_running_values)
{
    contract_with(target, (fan_executor_options){.workers = 2}, fold_emits, NULL);
}

/* ---- Shares -------------------------------------------------------------------------------- */

static void use_share(fan_executor *executor, const unsigned char *bytes, size_t size)
{
    fan_shared shared;
    uint64_t y[64], sum = 0, wrong = 0;
    for (size_t i = 0; i < size; i++)
        sum += bytes[i];
    ASSERT_I64(fan_share(executor, bytes, size, &shared), FAN_OK);
    EXPECT_I64(fan_map(executor, &task_shared, fan_source_range(0, 64), fan_sink_array(y, 8, 64),
                       &(fan_map_options){.args = &shared, .args_size = sizeof shared, .batch = 1},
                       NULL),
               FAN_OK);
    for (uint64_t i = 0; i < 64; i++)
        wrong += y[i] != sum + i;
    EXPECT_U64(wrong, 0);
    EXPECT_I64(fan_unshare(executor, shared), FAN_OK);
    EXPECT_I64(fan_unshare(executor, shared), FAN_E_ARGUMENT);
}

static void shares(fan_executor *executor, void *context)
{
    const contract_target *target = context;
    size_t size = 300001;
    unsigned char *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 256);
    use_share(executor, bytes, size);
    use_share(executor, bytes, 5);
    use_share(executor, bytes, 0);
    fan_executor_stats stats;
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    /* One copy a share on each host, however many workers. */
    EXPECT_TRUE(stats.shares_sent <= 3 * (target->hosts ? target->hosts : 1));
    bool borrowed = fan_executor_capabilities(executor) & FAN_CAP_SHARES_MEMORY;
    if (borrowed)
        EXPECT_U64(stats.shares_sent, 0);
    free(bytes);
}

CONTRACT(shares_reach_every_worker_and_are_sent_once_per_host)
{
    for (unsigned workers = 1; workers <= 4; workers += 3)
        contract_with(target, (fan_executor_options){.workers = workers}, shares,
                      (void *)(uintptr_t)target);
}

/* Several shares at once, asked for in another order than they were made. */
static void several_shares(fan_executor *executor, void *context)
{
    enum { SHARES = 5 };
    unsigned char bytes[SHARES][100];
    fan_shared shared[SHARES];
    (void)context;
    for (size_t k = 0; k < SHARES; k++) {
        memset(bytes[k], (int)(k + 1), sizeof bytes[k]);
        ASSERT_I64(fan_share(executor, bytes[k], sizeof bytes[k], &shared[k]), FAN_OK);
    }
    for (size_t round = 0; round < (size_t)2 * SHARES; round++) {
        size_t k = round * 3 % SHARES;
        uint64_t y[8];
        fan_status expected = FAN_OK;
        if (round == SHARES) /* the others stay when one goes */
            EXPECT_I64(fan_unshare(executor, shared[2]), FAN_OK);
        if (round >= SHARES && k == 2)
            expected = FAN_E_FAILED;
        EXPECT_I64(fan_map(executor, &task_shared, fan_source_range(0, 8), fan_sink_array(y, 8, 8),
                           &(fan_map_options){.args = &shared[k], .args_size = sizeof *shared},
                           NULL),
                   expected);
        for (uint64_t i = 0; expected == FAN_OK && i < 8; i++)
            EXPECT_U64(y[i], (k + 1) * sizeof bytes[k] + i);
    }
    for (size_t k = 0; k < SHARES; k++)
        EXPECT_I64(fan_unshare(executor, shared[k]), k == 2 ? FAN_E_ARGUMENT : FAN_OK);
}

CONTRACT(shares_are_told_apart)
{
    contract_with(target, (fan_executor_options){.workers = 2}, several_shares, NULL);
}

static fan_status one_failed(void *user, const fan_outcome *outcomes, size_t count,
                             fan_error *error)
{
    (void)error;
    for (size_t i = 0; i < count; i++)
        *(uint64_t *)user += outcomes[i].kind == FAN_OUTCOME_FAILED;
    return FAN_OK;
}

static void unknown_share(fan_executor *executor, void *context)
{
    (void)context;
    fan_shared shared;
    uint64_t failed = 0;
    ASSERT_I64(fan_share(executor, "x", 1, &shared), FAN_OK);
    ASSERT_I64(fan_unshare(executor, shared), FAN_OK);
    EXPECT_I64(fan_map(executor, &task_shared, fan_source_range(0, 3),
                       fan_sink_callback(one_failed, &failed),
                       &(fan_map_options){.args = &shared, .args_size = sizeof shared}, NULL),
               FAN_OK);
    EXPECT_U64(failed, 3);
}

CONTRACT(shares_that_are_gone_are_unknown_to_tasks)
{
    contract_with(target, (fan_executor_options){.workers = 2}, unknown_share, NULL);
}
