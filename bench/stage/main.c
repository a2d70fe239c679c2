/* Staging: files that come while cores compute, lists read and written, a stream of numbers beside
 * coreutils factor. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stage.h"

int stage_file(void)
{
    const char *folder = getenv("TMPDIR");
    int fd = open(folder && *folder ? folder : "/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd < 0)
        bench_fail("no temporary file: %s", strerror(errno));
    return fd;
}

void stage_write(int fd, const void *bytes, size_t size)
{
    const char *from = bytes;
    while (size) {
        ssize_t n = write(fd, from, size);
        if (n <= 0)
            bench_fail("a temporary file: %s", strerror(errno));
        from += n;
        size -= (size_t)n;
    }
}

int main(int argc, char **argv)
{
    bench_options options;
    int code = bench_options_read(argc, argv,
                                  "Staging: files from a late server, lists of numbers, results, "
                                  "fanfold factor (--only fetch, lists, commands).",
                                  &options);
    if (code >= 0)
        return code;
    if (options.repetitions > STAGE_REPETITIONS_MAX)
        bench_fail("at most %d repetitions", STAGE_REPETITIONS_MAX);
    bench_print_machine(&options);
    if (!options.only || !strcmp(options.only, "fetch"))
        stage_fetch(&options);
    if (!options.only || !strcmp(options.only, "lists"))
        stage_lists(&options);
    if (!options.only || !strcmp(options.only, "commands"))
        stage_commands(&options);
    return 0;
}
