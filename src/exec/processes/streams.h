/* The standard output and error of a worker image: files in memory, so that what an item writes can
 * be told with its outcome. Looking whether something was written costs no system call: each file
 * is mapped and begins with bytes that no text has, which the first write covers. */
#ifndef FANI_PROCESSES_STREAMS_H
#define FANI_PROCESSES_STREAMS_H

#include "task/replies.h"

enum {
    FANI_PROCESSES_STREAM_TOLD = 1 << 20, /* bytes of an item, at most */
    FANI_PROCESSES_STREAM_BYTES = FANI_PROCESSES_STREAM_TOLD + 65536, /* what the file can hold */
};

/* Output and error; `fds` of the program are open only while an image is started. */
typedef struct fani_processes_streams {
    unsigned char *bytes[2];
    int fds[2];
} fani_processes_streams;

#define FANI_PROCESSES_NO_STREAMS                                                                  \
    {                                                                                              \
        .fds = { -1, -1 }                                                                          \
    }

/* The program: makes both. Answers 0 or an errno. */
int fani_processes_streams_new(fani_processes_streams *streams);

/* The program: adds what a dead image's last item wrote, as item i's. */
void fani_processes_streams_rescue(const fani_processes_streams *streams, fani_replies *replies,
                                   size_t i);

/* The program: the first line that an image wrote to its standard error, with ": " before it; empty
 * where there is none. */
void fani_processes_streams_excerpt(const fani_processes_streams *streams, char *text,
                                    size_t text_size);

/* The image: finds them at its standard output and error. Answers 0 or an errno. */
int fani_processes_streams_attach(fani_processes_streams *streams);

/* The image: adds what was written since the last call to the replies, as item i's. What is cut off
 * is said so; without memory for it, it is lost. */
void fani_processes_streams_take(fani_processes_streams *streams, fani_replies *replies, size_t i);

/* Unmaps and closes; what was never made is accepted. */
void fani_processes_streams_clear(fani_processes_streams *streams);

#endif
