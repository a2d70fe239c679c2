/* The job log: GNU parallel's columns, a line an item, in the order of the output. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/writer.h"
#include "job/command_internal.h"

#define HEADER "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"

struct fani_command_log {
    fani_writer *writer;
    int fd;
    char host[64];
};

/* Whether the file ends within a line: a run that was killed may have left one cut. */
static bool ends_in_line(const char *path, off_t size)
{
    char last = '\n';
    int fd = size > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool cut = fd >= 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
    if (fd >= 0)
        (void)close(fd); /* nothing was written through it */
    return cut;
}

fan_status fani_command_log_open(const char *path, bool resumes, fani_command_log **log,
                                 fan_error *error)
{
    fani_command_log *made = calloc(1, sizeof *made);
    if (!made)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    if (gethostname(made->host, sizeof made->host - 1))
        made->host[0] = '\0'; /* then each host is named */
    made->fd =
        open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (resumes ? 0 : O_TRUNC), 0666);
    if (made->fd < 0) {
        fani_error_errno(error, FAN_E_OUTPUT, errno, "joblog %.200s can't be opened", path);
        free(made);
        return FAN_E_OUTPUT;
    }
    off_t size = lseek(made->fd, 0, SEEK_END);
    fan_status status = fani_writer_to_fd(made->fd, path, &made->writer, error);
    if (status == FAN_OK && size <= 0)
        status = fani_writer_add(made->writer, HEADER, sizeof HEADER - 1, error);
    if (status == FAN_OK && ends_in_line(path, size))
        status = fani_writer_add(made->writer, "\n", 1, error);
    if (status == FAN_OK)
        *log = made;
    else
        (void)fani_command_log_close(made, NULL);
    return status;
}

fan_status fani_command_log_add(fani_command_log *log, uint64_t index,
                                const fani_command_parts *parts, fan_error *error)
{
    const fani_command_head *h = &parts->head;
    char line[256];
    bool here = parts->host.size == strlen(log->host) &&
                !memcmp(parts->host.at, log->host, parts->host.size);
    int64_t begun_ms = h->begun_ns / 1000000;
    uint64_t ms = (h->run_ns + 500000) / 1000000;
    int code = h->outcome == FAN_OUTCOME_TIMED_OUT ? -1 : h->exit_code < 0 ? 0 : h->exit_code;
    int size = snprintf(line, sizeof line,
                        "%" PRIu64 "\t%.*s\t%" PRId64 ".%03" PRId64 "\t%6" PRIu64 ".%03" PRIu64
                        "\t%" PRIu64 "\t%" PRIu64 "\t%d\t%" PRId32 "\t",
                        index + 1, here ? 1 : (int)parts->host.size, here ? ":" : parts->host.at,
                        begun_ms / 1000, begun_ms % 1000, ms / 1000, ms % 1000, h->sent,
                        h->received, code, h->signal_number);
    fan_status status = fani_writer_add(log->writer, line, (size_t)size, error);
    if (status == FAN_OK)
        status = fani_writer_add(log->writer, parts->line.at, parts->line.size, error);
    if (status == FAN_OK)
        status = fani_writer_add(log->writer, "\n", 1, error);
    /* Before the journal has the item: what that has is not run again, and so not logged again. */
    return status == FAN_OK ? fani_writer_flush(log->writer, error) : status;
}

fan_status fani_command_log_close(fani_command_log *log, fan_error *error)
{
    if (!log)
        return FAN_OK;
    fan_status status = log->writer ? fani_writer_flush(log->writer, error) : FAN_OK;
    fani_writer_free(log->writer);
    if (close(log->fd) && status == FAN_OK)
        status = fani_error_errno(error, FAN_E_OUTPUT, errno, "joblog");
    free(log);
    return status;
}
