#include "who.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "fanfold/machine.h"

/* ---- This rank ----------------------------------------------------------------------------- */

/* On a thread of its own, whose mask is nobody else's: the kernel cuts the widest mask down to the
 * cores that the host's administrator (cpuset, container) leaves to this process. */
static void *reach(void *user)
{
    cpu_set_t mask;
    memset(&mask, 0xff, sizeof mask);
    if (sched_setaffinity(0, sizeof mask, &mask) == 0 &&
        sched_getaffinity(0, sizeof mask, &mask) == 0)
        *(unsigned *)user = (unsigned)CPU_COUNT(&mask);
    return NULL;
}

static unsigned cores_in_reach(unsigned cores)
{
    pthread_t thread;
    unsigned found = cores;
    if (pthread_create(&thread, NULL, reach, &found) == 0)
        pthread_join(thread, NULL);
    return found;
}

void fani_mpi_who_am_i(fani_mpi_who *who, const fani_host *host, unsigned workers,
                       const char *host_name)
{
    fan_machine_info machine;
    fan_machine(&machine);
    *who = (fani_mpi_who){.workers = workers,
                          .cores = machine.cores_affinity,
                          .reach = machine.cores_affinity,
                          .on_host = host->cores,
                          .ranks = host->ranks,
                          .leads = host->first};
    if (machine.cores_affinity < machine.cores_online)
        who->reach = cores_in_reach(machine.cores_affinity);
    if (host_name)
        snprintf(who->host, sizeof who->host, "%s", host_name);
    else if (gethostname(who->host, sizeof who->host - 1))
        snprintf(who->host, sizeof who->host, "(unknown)");
}

/* ---- All ranks ----------------------------------------------------------------------------- */

fan_status fani_mpi_who_gather(MPI_Comm comm, const fani_mpi_who *mine, fani_mpi_who *all,
                               fan_error *error)
{
    return fani_mpi_check(
        MPI_Gather(mine, (int)sizeof *mine, MPI_BYTE, all, (int)sizeof *mine, MPI_BYTE, 0, comm),
        "MPI_Gather", error);
}

/* Workers that were asked for share too few cores. */
static bool is_crowded(const fani_mpi_who *who)
{
    return who->workers > who->cores && who->cores < who->reach;
}

/* No number was asked for, and cores of the host are nobody's. Said of the first rank of a host. */
static bool is_idle(const fani_mpi_who *who)
{
    return !who->workers && who->leads && who->on_host < who->reach;
}

static const char cure[] = "start with mpirun --bind-to none, or --map-by slot:PE=N for N cores a "
                           "rank (srun --cpus-per-task=N)";

static char *describe(const fani_mpi_who *first, int rank, int count)
{
    char text[480], more[64] = "";
    bool crowded = is_crowded(first);
    if (count > 1)
        snprintf(more, sizeof more, crowded ? " (and so %d other%s)" : " (and on %d other host%s)",
                 count - 1, count > 2 ? "s" : "");
    if (crowded)
        snprintf(text, sizeof text,
                 "rank %d on %s has %u workers, but was bound to %u of the %u cores that it could "
                 "use%s: %s",
                 rank, first->host, first->workers, first->cores, first->reach, more, cure);
    else
        snprintf(text, sizeof text,
                 "on %s %u %s bound to %u of %u usable cores, so the others stay idle%s: %s",
                 first->host, first->ranks, first->ranks == 1 ? "rank was" : "ranks were",
                 first->on_host, first->reach, more, cure);
    return strdup(text);
}

char *fani_mpi_who_warning(const fani_mpi_who *all, int size)
{
    bool (*const kinds[])(const fani_mpi_who *) = {is_crowded, is_idle};
    for (size_t kind = 0; kind < 2; kind++) {
        int first = -1, count = 0;
        for (int r = 0; r < size; r++) {
            if (!kinds[kind](&all[r]))
                continue;
            first = first < 0 ? r : first;
            count++;
        }
        if (count)
            return describe(&all[first], first, count);
    }
    return NULL;
}
