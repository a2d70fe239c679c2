#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

int fani_processes_region_new(const cpu_set_t *mask, fani_processes_region **region, int *fd)
{
    unsigned char *bytes = NULL;
    int made = -1;
    int error = fani_processes_memory_new(sizeof(fani_processes_region), false, &made);
    if (error)
        return error;
    error = fani_processes_memory_map(made, sizeof(fani_processes_region), false, &bytes);
    if (error) {
        close(made);
        return error;
    }
    fani_processes_region *r = (void *)bytes;
    r->magic = FANI_PROCESSES_MAGIC;
    r->size = sizeof *r;
    r->parent = getpid();
    r->window = FANI_PROCESSES_WINDOW;
    atomic_init(&r->ring_at, FANI_PROCESSES_NEVER);
    r->has_mask = mask != NULL;
    if (mask)
        r->mask = *mask;
    *region = r;
    *fd = made;
    return 0;
}

int fani_processes_region_attach(int fd, fani_processes_region **region)
{
    struct stat stat;
    unsigned char *bytes = NULL;
    int fixed = F_SEAL_SHRINK | F_SEAL_GROW;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || fstat(fd, &stat) != 0)
        return errno;
    if ((seals & fixed) != fixed || stat.st_size != (off_t)sizeof(fani_processes_region))
        return EPROTO;
    int error = fani_processes_memory_map(fd, sizeof(fani_processes_region), false, &bytes);
    if (error)
        return error;
    fani_processes_region *r = (void *)bytes;
    if (r->magic != FANI_PROCESSES_MAGIC || r->size != sizeof *r ||
        r->window != FANI_PROCESSES_WINDOW) {
        fani_processes_region_free(r);
        return EPROTO;
    }
    *region = r;
    return 0;
}

void fani_processes_region_free(fani_processes_region *region)
{
    fani_processes_memory_unmap((unsigned char *)region, sizeof *region);
}

fani_processes_ring fani_processes_region_requests(fani_processes_region *region)
{
    return (fani_processes_ring){.ends = &region->request_ends,
                                 .bytes = region->requests,
                                 .capacity = sizeof region->requests};
}

fani_processes_ring fani_processes_region_replies(fani_processes_region *region)
{
    return (fani_processes_ring){
        .ends = &region->reply_ends, .bytes = region->replies, .capacity = sizeof region->replies};
}
