/* A program outside the tree that uses MPI itself and gives Fanfold its communicator. */
#include <fanfold/fanfold.h>
#include <fanfold/mpi.h>
#include <stdio.h>

static fan_status square(fan_run *run, fan_items in)
{
    uint64_t *replies = fan_run_reply_array(run, sizeof *replies);
    if (!replies)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++)
        replies[i] = (in.first + i) * (in.first + i);
    return FAN_OK;
}

static const fan_task square_task = {.name = "outside.square", .version = 1, .run = square};

static fan_status squares(fan_executor *executor, fan_error *error)
{
    uint64_t replies[100] = {0};
    uint64_t sum = 0;
    fan_summary summary = {0};
    fan_status status = fan_map(executor, &square_task, fan_source_range(0, 100),
                                fan_sink_array(replies, sizeof *replies, 100), NULL, &summary);
    if (status)
        *error = summary.error;
    for (int i = 0; i < 100; i++)
        sum += replies[i];
    printf("ranks %llu\n", (unsigned long long)sum);
    return status;
}

int main(int argc, char **argv)
{
    int code, provided, rank;
    fan_error error = {0};
    fan_executor *executor = NULL;

    if (fan_start(&argc, &argv, (const fan_task *const[]){&square_task, NULL}, &code))
        return code;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    const fan_mpi_options ranks = {.size_of_this = sizeof ranks, .communicator = MPI_COMM_WORLD};
    fan_executor_options options = {
        .plugin = fan_mpi_kind(), .plugin_options = &ranks, .workers = 1};
    fan_status status = fan_executor_open(&options, &executor, &error);
    if (!status && rank == 0) {
        status = squares(executor, &error);
        fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER);
    } else if (!status) {
        status = fan_serve(&executor, 1, &error);
    }
    if (status)
        fprintf(stderr, "rank %d: %s\n", rank, error.text);
    MPI_Finalize();
    return status ? 1 : 0;
}
