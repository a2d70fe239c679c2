/* Job files. What is refused has a status, a text and a place; a job that was loaded can be
 * checked, and written out and loaded again it is the same. */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "job/job_internal.h"

enum { LINE_MAX = 198, TEXT_MAX = 1 << 18 };

static fan_status load(const char *text, size_t size, fan_job **job, fan_error *error)
{
    char path[64];
    int fd = memfd_create("job", MFD_CLOEXEC);
    REQUIRE(fd >= 0 && write(fd, text, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    fan_status status = fan_job_load(path, job, error);
    REQUIRE(close(fd) == 0);
    return status;
}

static void require_told(fan_status status, const fan_error *error)
{
    REQUIRE(error->status == status);
    REQUIRE(error->text[0] && strlen(error->text) < sizeof error->text);
    REQUIRE(strlen(error->file) < sizeof error->file);
}

static void require_same(const fan_job *a, const fan_job *b)
{
    REQUIRE(a->kind == b->kind);
    for (size_t k = 0; k < FANI_KEY_COUNT; k++) {
        REQUIRE(a->values[k].count == b->values[k].count);
        for (size_t i = 0; i < a->values[k].count; i++)
            REQUIRE(!strcmp(a->values[k].at[i], b->values[k].at[i]));
    }
}

/* The job as a file with a line for each value. False: a value is too long for a line. */
static bool write_out(const fan_job *job, char *text, size_t *size)
{
    size_t used = (size_t)snprintf(text, TEXT_MAX, "[job]\ntask=%s\n", job->kind->name);
    for (size_t k = 0; k < FANI_KEY_COUNT; k++) {
        const char *name = fani_key_info((fani_key)k)->name;
        for (size_t i = 0; i < job->values[k].count; i++) {
            const char *value = job->values[k].at[i];
            if (strlen(name) + 1 + strlen(value) > LINE_MAX || used + LINE_MAX + 3 > TEXT_MAX)
                return false;
            used += (size_t)snprintf(text + used, TEXT_MAX - used, "%s=%s\n", name, value);
        }
    }
    *size = used;
    return true;
}

static void check_loaded(const fan_job *job)
{
    static char text[TEXT_MAX];
    size_t size;
    fan_error error = {0};
    fan_job *again;
    fan_status status = fan_job_check(job, &error);
    if (status != FAN_OK)
        require_told(status, &error);
    REQUIRE(!strcmp(fan_job_get(job, "task"), job->kind->name));
    if (!write_out(job, text, &size))
        return;
    status = load(text, size, &again, &error);
    if (status != FAN_OK)
        fprintf(stderr, "%s\n%u:%u: %s\n", text, error.line, error.column, error.text);
    REQUIRE(status == FAN_OK);
    require_same(job, again);
    fan_job_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fan_error error = {0};
    fan_job *job = NULL;
    fan_status status = load((const char *)data, size, &job, &error);
    if (status == FAN_OK) {
        check_loaded(job);
    } else {
        REQUIRE(!job);
        require_told(status, &error);
        if (status == FAN_E_SYNTAX || status == FAN_E_ARGUMENT)
            REQUIRE(error.file[0] && error.line && error.column);
    }
    fan_job_free(job);
    return 0;
}
