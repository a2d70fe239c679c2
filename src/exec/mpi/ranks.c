/* MPI for the fanfold command, which owns MPI in its process but must not link it: the table of
 * ranks.h. The one place where Fanfold begins, ends and aborts MPI, and uses MPI_COMM_WORLD. */
#include "fanfold/ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "check.h"
#include "fanfold/mpi.h"
#include "idle.h"

enum { CHUNK_BYTES = 64 << 20 };

/* ---- Begin --------------------------------------------------------------------------------- */

/* A count from the environment; 0: not there. */
static long count_in(const char *name)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : 0;
}

/* A process that the launcher meant as one of many, but that MPI takes for a world of its own:
 * N programs would each do the whole job. A launcher that says 1 is believed, also inside a Slurm
 * allocation of many tasks (mpirun -n 1). */
static fan_status check_singleton(int size, fan_error *error)
{
    static const char *const launchers[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"};
    for (size_t i = 0; size == 1 && i < sizeof launchers / sizeof *launchers; i++) {
        long meant = count_in(launchers[i]);
        if (meant == 1)
            return FAN_OK;
        if (meant > 1)
            return fani_error_set(error, FAN_E_UNAVAILABLE,
                                  "%s=%ld, but MPI sees one rank: this program's MPI library and "
                                  "its launcher do not belong together. With Slurm use srun "
                                  "--mpi=pmix for Open MPI, srun --mpi=pmi2 for MPICH; else the "
                                  "mpirun of the same MPI (here %s)",
                                  launchers[i], meant, fan_ranks_table()->version());
    }
    return FAN_OK;
}

static fan_status look_around(int *rank, int *size, fan_error *error)
{
    fan_status status = fani_mpi_check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN),
                                       "MPI_Comm_set_errhandler", error);
    if (!status)
        status = fani_mpi_check(MPI_Comm_rank(MPI_COMM_WORLD, rank), "MPI_Comm_rank", error);
    if (!status)
        status = fani_mpi_check(MPI_Comm_size(MPI_COMM_WORLD, size), "MPI_Comm_size", error);
    return status ? status : check_singleton(*size, error);
}

static fan_status init(int *argc, char ***argv, int *rank, int *size, fan_error *error)
{
    int begun = 0, level = MPI_THREAD_SINGLE, world_rank = 0, world_size = 0;
    fan_status status = fani_mpi_check(MPI_Initialized(&begun), "MPI_Initialized", error);
    if (!status && begun)
        return fani_error_set(error, FAN_E_ARGUMENT, "MPI has begun already");
    if (!status)
        status = fani_mpi_check(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &level),
                                "MPI_Init_thread", error);
    if (status)
        return status;
    status = look_around(&world_rank, &world_size, error);
    if (status) {
        (void)MPI_Finalize(); /* the error to report is the first one */
        return status;
    }
    *rank = world_rank;
    *size = world_size;
    return FAN_OK;
}

/* ---- Work ---------------------------------------------------------------------------------- */

static fan_status open_ranks(const fan_executor_options *options, fan_executor **executor,
                             fan_error *error)
{
    static const fan_ranks_options nothing = {.size_of_this = sizeof nothing};
    const fan_ranks_options *more = options ? options->plugin_options : NULL;
    if (!more)
        more = &nothing;
    if (more->size_of_this < sizeof *more)
        return fani_error_set(error, FAN_E_ARGUMENT, "size_of_this of fan_ranks_options is %u",
                              more->size_of_this);
    const fan_mpi_options mpi = {.size_of_this = sizeof mpi,
                                 .communicator = MPI_COMM_WORLD,
                                 .local = options ? options->kind : NULL,
                                 .heartbeat_ms = more->heartbeat_ms,
                                 .on_broken = more->on_broken,
                                 .user = more->user};
    fan_executor_options all = options ? *options : (fan_executor_options){0};
    all.kind = NULL;
    all.plugin = fan_mpi_kind();
    all.plugin_options = &mpi;
    return fan_executor_open(&all, executor, error);
}

static fan_status serve(fan_executor *executor, fan_error *error)
{
    return fan_serve(&executor, 1, error);
}

/* Waits for a collective call without burning a core, as a blocking one would. */
static fan_status finish(MPI_Request *request, const char *call, fan_error *error)
{
    fani_bell bell; /* nobody rings it: it gives the sleep */
    fani_idle idle = {0};
    int done = 0;
    fan_status status = fani_bell_init(&bell, error);
    if (status)
        return status;
    while (!status && !done) {
        status = fani_mpi_check(MPI_Test(request, &done, MPI_STATUS_IGNORE), call, error);
        if (!status && !done)
            fani_idle_wait(&idle, &bell, 0, FAN_FOREVER);
    }
    fani_bell_destroy(&bell);
    return status;
}

/* Waits, politely, until all ranks are here. */
static fan_status gather_all(fan_error *error)
{
    MPI_Request request = MPI_REQUEST_NULL;
    fan_status status =
        fani_mpi_check(MPI_Ibarrier(MPI_COMM_WORLD, &request), "MPI_Ibarrier", error);
    return status ? status : finish(&request, "MPI_Ibarrier", error);
}

static fan_status broadcast(void *bytes, size_t size, fan_error *error)
{
    fan_status status = gather_all(error);
    for (size_t at = 0; at < size && !status; at += CHUNK_BYTES) {
        size_t part = size - at < CHUNK_BYTES ? size - at : CHUNK_BYTES;
        status = fani_mpi_check(
            MPI_Bcast((unsigned char *)bytes + at, (int)part, MPI_BYTE, 0, MPI_COMM_WORLD),
            "MPI_Bcast", error);
    }
    return status;
}

/* ---- End ----------------------------------------------------------------------------------- */

/* All together: MPI_Finalize would wait for the slowest rank with all cores busy. */
static fan_status finalize(fan_error *error)
{
    fan_status status = gather_all(error);
    fan_status ended = fani_mpi_check(MPI_Finalize(), "MPI_Finalize", status ? NULL : error);
    return status ? status : ended;
}

static void abort_all(int code)
{
    MPI_Abort(MPI_COMM_WORLD, code);
}

/* ---- Who ----------------------------------------------------------------------------------- */

static char library[MPI_MAX_LIBRARY_VERSION_STRING]; /* written once */
static pthread_once_t library_asked = PTHREAD_ONCE_INIT;

static void ask_library(void)
{
    int size = 0;
    if (MPI_Get_library_version(library, &size) != MPI_SUCCESS)
        snprintf(library, sizeof library, "an unknown MPI");
    library[strcspn(library, "\n")] = '\0';
    /* Open MPI adds its package, ident and date, MPICH more lines: the name and version suffice. */
    char *more = strchr(library, ',');
    if (more)
        *more = '\0';
    for (char *c = library; *c; c++)
        if (*c == '\t')
            *c = ' ';
}

static const char *version(void)
{
    pthread_once(&library_asked, ask_library);
    return library;
}

const fan_ranks *fan_ranks_table(void)
{
    static const fan_ranks table = {
        .size_of_this = sizeof table,
        .init = init,
        .open = open_ranks,
        .serve = serve,
        .broadcast = broadcast,
        .finalize = finalize,
        .abort = abort_all,
        .version = version,
        .warning = fan_mpi_warning,
    };
    return &table;
}
