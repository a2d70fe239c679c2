/* A program outside the tree: a task of its own and a kernel of Fanfold's, on the executors named
 * by the arguments. */
#include <fanfold/fanfold.h>
#include <fanfold/gcd.h>
#include <stdio.h>
#include <string.h>

static fan_status gcd_with_12(fan_run *run, fan_items in)
{
    uint64_t *replies = fan_run_reply_array(run, sizeof *replies);
    if (!replies)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++)
        replies[i] = fan_gcd_u64(in.first + i, 12);
    return FAN_OK;
}

static const fan_task gcd_task = {.name = "outside.gcd_with_12", .version = 1, .run = gcd_with_12};

static fan_status try_executor(const char *kind, fan_error *error)
{
    enum { COUNT = 1000 };
    static uint64_t replies[COUNT];
    fan_executor *executor = NULL;
    fan_executor_options options = {.kind = kind, .workers = strcmp(kind, "serial") ? 2 : 1};
    fan_summary summary = {0};
    uint64_t sum = 0;

    memset(replies, 0, sizeof replies);
    fan_status status = fan_executor_open(&options, &executor, error);
    if (status)
        return status;
    status = fan_map(executor, &gcd_task, fan_source_range(0, COUNT),
                     fan_sink_array(replies, sizeof *replies, COUNT), NULL, &summary);
    fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER);
    if (status) {
        *error = summary.error;
        return status;
    }
    for (int i = 0; i < COUNT; i++)
        sum += replies[i];
    printf("%s %llu\n", kind, (unsigned long long)sum);
    return FAN_OK;
}

int main(int argc, char **argv)
{
    int code;
    if (fan_start(&argc, &argv, (const fan_task *const[]){&gcd_task, NULL}, &code))
        return code;
    for (int i = 1; i < argc; i++) {
        fan_error error = {0};
        if (try_executor(argv[i], &error)) {
            fprintf(stderr, "%s: %s\n", argv[i], error.text);
            return 1;
        }
    }
    return 0;
}
