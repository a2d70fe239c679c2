#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "stage/journal_scan.h"

static fan_status read_fd(int fd, bool repair, const fani_journal_visitor *visitor,
                          fan_error *error)
{
    fani_journal_scan scan;
    fani_journal_survey survey;
    fan_status status = fani_journal_scan_open(fd, &scan, error);
    if (status != FAN_OK)
        return status;
    status = fani_journal_scan_survey(&scan, &survey, error);
    if (status == FAN_OK)
        status = fani_journal_scan_visit(&scan, &survey, repair, visitor, error);
    fani_journal_scan_close(&scan);
    return status;
}

fan_status fani_journal_read_fd(int fd, const char *name, bool repair,
                                const fani_journal_visitor *visitor, fan_error *error)
{
    struct stat info;
    fan_error why = {0};
    if (fd < 0 || fstat(fd, &info) != 0) {
        fani_error_errno(&why, FAN_E_INPUT, errno, "can't be opened");
    } else if (!S_ISREG(info.st_mode)) {
        fani_error_set(&why, FAN_E_INPUT, "is no journal: it is no file");
    } else
        why.status = read_fd(fd, repair, visitor, &why);
    if (why.status == FAN_OK)
        return FAN_OK;
    fani_journal_scan_name(name, &why);
    if (error)
        *error = why;
    return why.status;
}

fan_status fani_journal_read(const char *path, bool repair, const fani_journal_visitor *visitor,
                             fan_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    fan_status status = fani_journal_read_fd(fd, path, repair, visitor, error);
    if (fd >= 0)
        (void)close(fd); /* only read */
    return status;
}
