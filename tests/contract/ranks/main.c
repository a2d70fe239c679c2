/* The contract suite over MPI ranks: every rank runs every case; ranks other than 0 serve where a
 * case opens an executor, and print nothing. Once with threads inside the ranks, once with
 * processes. --hosts=pairs and --hosts=first pretend that two neighbours share a host, or that all
 * ranks but 0 do: then leaders pass on what rank 0 has for them. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"
#include "exec/mpi/testing.h"
#include "fanfold/mpi.h"
#include "hosts.h"

static int my_rank;

static fan_status open_over_ranks(const contract_target *target, fan_executor_options options,
                                  size_t count, fan_executor *executors[], fan_error *error)
{
    options.plugin = target->plugin;
    options.plugin_options = target->plugin_options;
    for (size_t i = 0; i < count; i++) {
        fan_status status = fan_executor_open(&options, &executors[i], error);
        if (status != FAN_OK)
            return status;
    }
    if (my_rank == 0)
        return FAN_OK;
    fan_status status = fan_serve(executors, count, error);
    for (size_t i = 0; i < count; i++)
        executors[i] = NULL;
    return status;
}

int main(int argc, char **argv)
{
    int code, provided, world_size;
    setlocale(LC_ALL, "");
    if (fan_start(&argc, &argv, contract_tasks, &code))
        return code;
    if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        return 1;
    MPI_Comm_rank(MPI_COMM_WORLD, &my_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world_size);
    if (my_rank != 0 && !freopen("/dev/null", "w", stdout))
        return 1;
    static fan_mpi_options over_threads = {.size_of_this = sizeof over_threads},
                           over_processes = {.size_of_this = sizeof over_processes,
                                             .local = "processes"};
    static struct fani_mpi_testing testing;
    unsigned hosts;
    testing.host = pretended_host(&argc, argv, my_rank, world_size, &hosts);
    over_threads.testing = over_processes.testing = &testing;
    over_threads.communicator = over_processes.communicator = MPI_COMM_WORLD;
    contract_target targets[] = {
        {.name = "mpi",
         .open = open_over_ranks,
         .plugin = fan_mpi_kind(),
         .plugin_options = &over_threads,
         .hosts = hosts},
        {.name = "mpi_processes",
         .open = open_over_ranks,
         .plugin = fan_mpi_kind(),
         .plugin_options = &over_processes,
         .hosts = hosts},
    };
    contract_register(&targets[0]);
    contract_register(&targets[1]);
    code = shim_main(argc, argv);
    MPI_Finalize();
    return code;
}
