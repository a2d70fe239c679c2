#include "hosts.h"

#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cores.h"
#include "check.h"
#include "segment.h"

/* What a leader tells its host's ranks to try. */
typedef struct offer {
    unsigned char secret[16]; /* what the memory holds: process numbers alone may deceive */
    long pid;
    int fd; /* -1: the leader has nothing to offer */
    int rank;
} offer;

static void make_offer(offer *made, fani_segment *segment)
{
    made->pid = (long)getpid();
    if (getrandom(made->secret, sizeof made->secret, 0) != (ssize_t)sizeof made->secret)
        return;
    if (fani_segment_create(segment, sizeof made->secret, NULL))
        return;
    memcpy(segment->bytes, made->secret, sizeof made->secret);
    made->fd = segment->fd;
}

static bool can_map(const offer *made)
{
    fani_segment segment;
    if (made->fd < 0 ||
        fani_segment_map(&segment, (pid_t)made->pid, made->fd, sizeof made->secret, NULL))
        return false;
    bool same = memcmp(segment.bytes, made->secret, sizeof made->secret) == 0;
    fani_segment_clear(&segment);
    return same;
}

static fan_status find_leader(MPI_Comm on_host, int rank, int place, int *leader, fan_error *error)
{
    offer made = {.fd = -1, .rank = rank};
    fani_segment segment = FANI_SEGMENT_NONE;
    if (place == 0)
        make_offer(&made, &segment);
    fan_status status =
        fani_mpi_check(MPI_Bcast(&made, sizeof made, MPI_BYTE, 0, on_host), "MPI_Bcast", error);
    int found = !status && (place == 0 || can_map(&made)) ? made.rank : rank;
    /* The memory must stay until everyone has tried. */
    if (!status)
        status = fani_mpi_check(MPI_Barrier(on_host), "MPI_Barrier", error);
    fani_segment_clear(&segment);
    if (!status)
        *leader = found;
    return status;
}

static fan_status count_cores(MPI_Comm on_host, unsigned *cores, fan_error *error)
{
    cpu_set_t mine, all;
    CPU_ZERO(&mine);
    CPU_ZERO(&all);
    if (!fani_cores_mask(&mine))
        CPU_SET(0, &mine);
    fan_status status = fani_mpi_check(
        MPI_Allreduce(&mine, &all, sizeof all, MPI_BYTE, MPI_BOR, on_host), "MPI_Allreduce", error);
    if (!status)
        *cores = (unsigned)CPU_COUNT(&all);
    return status;
}

static fan_status split(MPI_Comm comm, int rank, const char *pretended, MPI_Comm *on_host,
                        fan_error *error)
{
    unsigned color = 0;
    for (const char *c = pretended; c && *c; c++)
        color = color * 31 + (unsigned char)*c;
    return pretended ? fani_mpi_check(MPI_Comm_split(comm, (int)(color % 1000003), rank, on_host),
                                      "MPI_Comm_split", error)
                     : fani_mpi_check(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, rank,
                                                          MPI_INFO_NULL, on_host),
                                      "MPI_Comm_split_type", error);
}

fan_status fani_hosts_find(MPI_Comm comm, int rank, const char *pretended, fani_host *host,
                           fan_error *error)
{
    MPI_Comm on_host = MPI_COMM_NULL;
    fani_host found = *host;
    int place = 0, ranks = 1;
    fan_status status = split(comm, rank, pretended, &on_host, error);
    if (status)
        return status;
    status = fani_mpi_check(MPI_Comm_rank(on_host, &place), "MPI_Comm_rank", error);
    if (!status)
        status = fani_mpi_check(MPI_Comm_size(on_host, &ranks), "MPI_Comm_size", error);
    if (!status)
        status = find_leader(on_host, rank, place, &found.leader, error);
    if (!status)
        status = count_cores(on_host, &found.cores, error);
    found.ranks = (unsigned)ranks;
    found.first = place == 0;
    fan_status freed =
        fani_mpi_check(MPI_Comm_free(&on_host), "MPI_Comm_free", status ? NULL : error);
    if (!status)
        status = freed;
    if (!status)
        *host = found;
    return status;
}
