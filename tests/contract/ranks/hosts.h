/* Hosts that are pretended on one machine: --hosts=pairs, two neighbours share one; --hosts=first,
 * all ranks but 0 do. */
#ifndef FAN_TESTS_CONTRACT_HOSTS_H
#define FAN_TESTS_CONTRACT_HOSTS_H

#include <stdio.h>
#include <string.h>

/* The name of this rank's host, and how many there are; takes the option out of argv. Without one:
 * NULL and 1. */
static inline const char *pretended_host(int *argc, char **argv, int rank, int size,
                                         unsigned *hosts)
{
    static char name[32];
    int kept = 1, place = -1;
    *hosts = 1;
    for (int i = 1; i < *argc; i++) {
        if (!strcmp(argv[i], "--hosts=pairs")) {
            place = rank / 2;
            *hosts = ((unsigned)size + 1) / 2;
        } else if (!strcmp(argv[i], "--hosts=first")) {
            place = rank > 0;
            *hosts = size > 1 ? 2 : 1;
        } else {
            argv[kept++] = argv[i];
        }
    }
    argv[ *argc = kept] = NULL;
    snprintf(name, sizeof name, "host%d", place);
    return place < 0 ? NULL : name;
}

#endif
