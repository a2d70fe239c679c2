#include "agree.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "check.h"
#include "fanfold/machine.h"
#include "task/registry.h"

/* ---- Builds -------------------------------------------------------------------------------- */

typedef struct build {
    char text[160];
} build;

/* libfanfold and libfanfold_mpi; one and the same where they are linked into the program. */
static build own_build(void)
{
    build own;
    char core[48], mpi[48];
    if (!fan_build_id((const void *)(uintptr_t)fani_registry_hash, core, sizeof core))
        snprintf(core, sizeof core, "unknown");
    if (!fan_build_id((const void *)(uintptr_t)fani_agree_build, mpi, sizeof mpi))
        snprintf(mpi, sizeof mpi, "unknown");
    if (strcmp(core, mpi) == 0)
        snprintf(own.text, sizeof own.text, "%s (build %s)", FANFOLD_VERSION, core);
    else
        snprintf(own.text, sizeof own.text, "%s (build %s with %s)", FANFOLD_VERSION, core, mpi);
    return own;
}

fan_status fani_agree_build(MPI_Comm comm, int rank, int size, const char *pretended,
                            fan_error *error)
{
    build own = {{0}}, of_root, of_other;
    if (pretended)
        snprintf(own.text, sizeof own.text, "%s", pretended);
    else
        own = own_build();
    of_root = of_other = own;
    int other = size, first = size;
    fan_status status =
        fani_mpi_check(MPI_Bcast(&of_root, sizeof of_root, MPI_BYTE, 0, comm), "MPI_Bcast", error);
    if (status)
        return status;
    if (strcmp(own.text, of_root.text) != 0)
        other = rank;
    status = fani_mpi_check(MPI_Allreduce(&other, &first, 1, MPI_INT, MPI_MIN, comm),
                            "MPI_Allreduce", error);
    if (status || first == size)
        return status;
    status = fani_mpi_check(MPI_Bcast(&of_other, sizeof of_other, MPI_BYTE, first, comm),
                            "MPI_Bcast", error);
    return status ? status
                  : fani_error_set(error, FAN_E_UNAVAILABLE,
                                   "rank 0 runs Fanfold %s, but rank %d runs Fanfold %s: every "
                                   "rank must run the same build",
                                   of_root.text, first, of_other.text);
}

/* ---- Tasks --------------------------------------------------------------------------------- */

/* One rank's list of tasks as lines of "VERSION NAME", for all. *text is malloc'd. */
static fan_status broadcast_tasks(MPI_Comm comm, int rank, int from, char **text, fan_error *error)
{
    char *lines = NULL;
    size_t size = 0;
    FILE *out = rank == from ? open_memstream(&lines, &size) : NULL;
    const fan_task *task;
    for (size_t i = 0; out && (task = fani_registry_at(i)); i++)
        fprintf(out, "%u %s\n", task->version, task->name);
    if (out && fclose(out))
        size = 0;
    int count = size < INT_MAX ? (int)size : 0;
    fan_status status =
        fani_mpi_check(MPI_Bcast(&count, 1, MPI_INT, from, comm), "MPI_Bcast", error);
    char *made = status ? NULL : calloc(1, (size_t)count + 1);
    if (made && rank == from && count)
        memcpy(made, lines, (size_t)count);
    free(lines);
    if (status)
        return status;
    if (!made) /* the others wait for this rank, which can only fail where it is alone */
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a list of tasks");
    *text = made;
    return fani_mpi_check(MPI_Bcast(made, count, MPI_BYTE, from, comm), "MPI_Bcast", error);
}

static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return *line ? line + 1 : line;
}

static const char *name_in(const char *line)
{
    line += strcspn(line, " ");
    return *line ? line + 1 : line;
}

/* The version of a task in a list; false where it is not there. */
static bool version_of(const char *list, const char *name, size_t size, unsigned *version)
{
    for (const char *line = list; *line; line = next_line(line)) {
        const char *at = name_in(line);
        if (strcspn(at, "\n") != size || memcmp(at, name, size) != 0)
            continue;
        *version = (unsigned)strtoul(line, NULL, 10);
        return true;
    }
    return false;
}

/* The first task of `mine` that `theirs` has not, or in another version. */
static bool find_difference(const char *mine, int me, const char *theirs, int them, char *text,
                            size_t text_size)
{
    for (const char *line = mine; *line; line = next_line(line)) {
        const char *name = name_in(line);
        size_t size = strcspn(name, "\n");
        unsigned version = (unsigned)strtoul(line, NULL, 10), other = 0;
        bool there = version_of(theirs, name, size, &other);
        if (there && other == version)
            continue;
        if (there)
            snprintf(text, text_size, "rank %d has \"%.*s\" in version %u, rank %d in version %u",
                     me, (int)size, name, version, them, other);
        else
            snprintf(text, text_size, "rank %d has \"%.*s\" (version %u), rank %d has not", me,
                     (int)size, name, version, them);
        return true;
    }
    return false;
}

static fan_status tasks_differ(MPI_Comm comm, int rank, int other, fan_error *error)
{
    char *of_root = NULL, *of_other = NULL, how[320] = "";
    fan_status status = broadcast_tasks(comm, rank, 0, &of_root, error);
    if (!status)
        status = broadcast_tasks(comm, rank, other, &of_other, error);
    if (of_root && of_other && !find_difference(of_root, 0, of_other, other, how, sizeof how) &&
        !find_difference(of_other, other, of_root, 0, how, sizeof how))
        snprintf(how, sizeof how, "they stand in another order");
    free(of_root);
    free(of_other);
    return status ? status
                  : fani_error_set(error, FAN_E_UNKNOWN_TASK,
                                   "the tasks given to fan_start differ between rank 0 and rank "
                                   "%d: %s. Every rank must run the same program in the same "
                                   "version",
                                   other, how);
}

static fan_status agree_tasks(MPI_Comm comm, int rank, int size, const fani_hello *hellos,
                              fan_error *error)
{
    for (int r = 1; r < size; r++)
        if (hellos[r].tasks != hellos[0].tasks)
            return tasks_differ(comm, rank, r, error);
    return FAN_OK;
}

/* ---- Success ------------------------------------------------------------------------------- */

static fan_status agree_success(MPI_Comm comm, int rank, int size, const fani_hello *hellos,
                                fan_error *error)
{
    int bad = 0;
    while (bad < size && hellos[bad].status == FAN_OK)
        bad++;
    if (bad == size)
        return FAN_OK;
    fan_error why = {0};
    if (rank == bad)
        why = *error;
    fan_status status =
        fani_mpi_check(MPI_Bcast(&why, sizeof why, MPI_BYTE, bad, comm), "MPI_Bcast", error);
    if (!status && rank != bad)
        fani_error_set(error, why.status, "rank %d: %.480s", bad, why.text);
    return status ? status : why.status;
}

fan_status fani_agree_hello(MPI_Comm comm, int rank, int size, const fani_hello *mine,
                            fani_hello **hellos, fan_error *error)
{
    fani_hello *all = calloc((size_t)size, sizeof *all);
    fan_error own_failure = {0};
    fan_error *unless_failed = mine->status ? &own_failure : error;
    *hellos = NULL;
    if (!all)
        return fani_error_set(unless_failed, FAN_E_MEMORY, "no memory for %d ranks", size);
    fan_status status = fani_mpi_check(
        MPI_Allgather(mine, sizeof *mine, MPI_BYTE, all, sizeof *mine, MPI_BYTE, comm),
        "MPI_Allgather", unless_failed);
    if (!status)
        status = agree_success(comm, rank, size, all, error);
    if (!status)
        status = agree_tasks(comm, rank, size, all, error);
    if (status)
        free(all);
    else
        *hellos = all;
    return status;
}
