#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

/* None of these bytes is in any UTF-8 text. */
static const unsigned char blank[8] = {0xff, 0xf9, 0xfe, 0xfb, 0xfd, 0xf8, 0xfc, 0xfa};

/* Memory of a longer text is given back, not wiped. */
enum { WIPED = 65536 };

static const char cut_note[] = "\n[the rest was cut off: more than 1 MiB]\n";

/* ---- Both sides ---------------------------------------------------------------------------- */

void fani_processes_streams_clear(fani_processes_streams *streams)
{
    for (int i = 0; i < 2; i++) {
        fani_processes_memory_unmap(streams->bytes[i], FANI_PROCESSES_STREAM_BYTES);
        streams->bytes[i] = NULL;
        fani_processes_fd_close(&streams->fds[i]);
    }
}

static bool is_blank(const unsigned char *bytes)
{
    return !memcmp(bytes, blank, sizeof blank);
}

/* The part of a text that is told, with a note where that is not all: in `note`'s place, behind it.
 * Bytes beyond the limit are the writer's no more, so that the note can be put there. */
static size_t limit(unsigned char *bytes, size_t size)
{
    if (size <= FANI_PROCESSES_STREAM_TOLD)
        return size;
    memcpy(bytes + FANI_PROCESSES_STREAM_TOLD, cut_note, sizeof cut_note - 1);
    return FANI_PROCESSES_STREAM_TOLD + sizeof cut_note - 1;
}

static void add(const fani_processes_streams *streams, const size_t sizes[2], fani_replies *replies,
                size_t i)
{
    const fan_captured text = {.out = (const char *)streams->bytes[0],
                               .err = (const char *)streams->bytes[1],
                               .out_size = limit(streams->bytes[0], sizes[0]),
                               .err_size = limit(streams->bytes[1], sizes[1])};
    (void)fani_replies_capture(replies, i, &text); /* FAN_E_MEMORY: lost, not worth a failure */
}

/* ---- The program --------------------------------------------------------------------------- */

int fani_processes_streams_new(fani_processes_streams *streams)
{
    int error = 0;
    *streams = (fani_processes_streams)FANI_PROCESSES_NO_STREAMS;
    for (int i = 0; i < 2 && !error; i++) {
        error = fani_processes_memory_new(FANI_PROCESSES_STREAM_BYTES, false, &streams->fds[i]);
        if (!error)
            error = fani_processes_memory_map(streams->fds[i], FANI_PROCESSES_STREAM_BYTES, false,
                                              &streams->bytes[i]);
        if (!error)
            memcpy(streams->bytes[i], blank, sizeof blank);
    }
    if (error)
        fani_processes_streams_clear(streams);
    return error;
}

/* The position in the file died with the image: the text ends before the first page of zeroes, and
 * there with its last byte that is none; of a short one, where the first bytes were left alone. */
static size_t find_end(const unsigned char *bytes)
{
    static const unsigned char zeroes[4096];
    size_t size = 0;
    if (is_blank(bytes))
        return 0;
    while (size < FANI_PROCESSES_STREAM_BYTES && memcmp(bytes + size, zeroes, sizeof zeroes) != 0)
        size += sizeof zeroes;
    while (size > sizeof blank && bytes[size - 1] == 0)
        size--;
    while (size > 0 && size <= sizeof blank && bytes[size - 1] == blank[size - 1])
        size--;
    return size;
}

void fani_processes_streams_rescue(const fani_processes_streams *streams, fani_replies *replies,
                                   size_t i)
{
    if (!streams->bytes[0] || !streams->bytes[1])
        return;
    const size_t sizes[2] = {find_end(streams->bytes[0]), find_end(streams->bytes[1])};
    if (sizes[0] || sizes[1])
        add(streams, sizes, replies, i);
}

void fani_processes_streams_excerpt(const fani_processes_streams *streams, char *text,
                                    size_t text_size)
{
    const unsigned char *line = streams->bytes[1];
    size_t size = line ? find_end(line) : 0;
    const unsigned char *end = size ? memchr(line, '\n', size) : NULL;
    int length = (int)(end ? (size_t)(end - line) : size < text_size ? size : text_size);
    (void)snprintf(text, text_size, "%s%.*s", length ? ": " : "", length,
                   length ? (const char *)line : "");
}

/* ---- The image ----------------------------------------------------------------------------- */

/* The descriptors have numbers of their own, since a task may close or redirect the standard ones.
 */
int fani_processes_streams_attach(fani_processes_streams *streams)
{
    int error = 0;
    *streams = (fani_processes_streams)FANI_PROCESSES_NO_STREAMS;
    for (int i = 0; i < 2 && !error; i++) {
        struct stat stat;
        streams->fds[i] = fcntl(i + 1, F_DUPFD_CLOEXEC, 6);
        if (streams->fds[i] < 0 || fstat(streams->fds[i], &stat) != 0)
            error = errno;
        else if (stat.st_size != FANI_PROCESSES_STREAM_BYTES)
            error = EPROTO;
        else
            error = fani_processes_memory_map(streams->fds[i], FANI_PROCESSES_STREAM_BYTES, false,
                                              &streams->bytes[i]);
    }
    if (error)
        fani_processes_streams_clear(streams);
    return error;
}

static size_t position(int fd)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    return at < 0 ? 0 : at < FANI_PROCESSES_STREAM_BYTES ? (size_t)at : FANI_PROCESSES_STREAM_BYTES;
}

/* Empties a file. Bytes that some other way of writing has put behind the position stay, and do no
 * harm. */
static void wipe(unsigned char *bytes, int fd, size_t size)
{
    if (size > WIPED)
        (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                        FANI_PROCESSES_STREAM_BYTES); /* EINTR: it will be told once more */
    else
        memset(bytes, 0, size);
    memcpy(bytes, blank, sizeof blank);
    (void)lseek(fd, 0, SEEK_SET);
}

void fani_processes_streams_take(fani_processes_streams *streams, fani_replies *replies, size_t i)
{
    size_t sizes[2] = {0, 0};
    if (__fpending(stdout))
        (void)fflush(stdout); /* EPERM: the file is full, the rest is cut off */
    if (is_blank(streams->bytes[0]) && is_blank(streams->bytes[1]))
        return;
    for (int k = 0; k < 2; k++)
        sizes[k] = is_blank(streams->bytes[k]) ? 0 : position(streams->fds[k]);
    if (sizes[0] || sizes[1])
        add(streams, sizes, replies, i);
    for (int k = 0; k < 2; k++)
        if (!is_blank(streams->bytes[k]))
            wipe(streams->bytes[k], streams->fds[k], sizes[k]);
}
