#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "doctor.h"
#include "fanfold/job.h"
#include "fanfold/machine.h"
#include "launch.h"

enum { RANKS = 2, LIMIT_MS = 60 * 1000 };

static const char number[] = "600851475143";
static const char answer[] = "600851475143: 71 839 1471 6857\n";

static void silent_report(void *user, const fan_error *error)
{
    *(fan_error *)user = *error;
}

/* Factors a number on an open executor; *error says what went wrong. */
static bool works(fan_executor *executor, fan_error *error)
{
    fan_job *job = NULL;
    char got[sizeof answer + 8] = "";
    bool good = false;
    int fd = memfd_create("fanfold-doctor", MFD_CLOEXEC);
    if (fd < 0) {
        snprintf(error->text, sizeof error->text, "memfd_create: %s", strerror(errno));
        return false;
    }
    fan_job_events events = {.report = silent_report, .user = error, .output_fd = fd};
    fan_job_result result = {0};
    if (fan_job_new("factor", &job, error) == FAN_OK &&
        fan_job_add_argument(job, number, error) == FAN_OK &&
        fan_job_run(job, executor, &events, &result, error) == FAN_OK && result.exit_code == 0) {
        good = pread(fd, got, sizeof got - 1, 0) == (ssize_t)strlen(answer) &&
               strcmp(got, answer) == 0;
        if (!good)
            snprintf(error->text, sizeof error->text, "a wrong answer: %s", got);
    }
    fan_job_free(job);
    close(fd);
    return good;
}

static void check_executor(doctor *d, const char *kind)
{
    char what[64];
    snprintf(what, sizeof what, "executor %s", kind);
    fan_error error = {0};
    if (fan_executor_probe(kind, &error) != FAN_OK) {
        doctor_problem(d, what, "use another executor, or mend what it names", "%s", error.text);
        return;
    }
    fan_executor_options options = {.kind = kind,
                                    .workers = strcmp(kind, "serial") == 0 ? 1 : RANKS};
    fan_executor *executor = NULL;
    bool good = fan_executor_open(&options, &executor, &error) == FAN_OK && works(executor, &error);
    good &= fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(LIMIT_MS)) == FAN_OK;
    if (good)
        doctor_good(what, "opens and works");
    else
        doctor_problem(d, what, "use another executor, or mend what it names", "does not work: %s",
                       error.text);
}

void doctor_executors(doctor *d)
{
    const char *kind;
    for (size_t i = 0; (kind = fan_executor_kind_name(i, NULL)) != NULL; i++)
        check_executor(d, kind);
}

/* ---- MPI --------------------------------------------------------------------------------------
 */

/* The first line of a file that begins with `prefix`, and else the last that is not empty. */
static void find_line(const char *path, const char *prefix, char *text, size_t size)
{
    char line[512];
    FILE *file = fopen(path, "re");
    text[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] && line[0] != '-')
            snprintf(text, size, "%s", line);
        if (prefix[0] && strncmp(line, prefix, strlen(prefix)) == 0)
            break;
    }
    if (file)
        fclose(file);
}

/* Starts `doctor --as-rank` on ranks; *cores is how many a rank may use. False: text says why. */
static bool start_ranks(const child_mpirun *m, unsigned ranks, unsigned *cores, char *text,
                        size_t size)
{
    char self[PATH_MAX], folder[256], output[300], errors[300], count[16];
    if (!child_self(self, sizeof self) || !child_folder_make(folder, sizeof folder)) {
        snprintf(text, size, "no temporary folder");
        return false;
    }
    snprintf(output, sizeof output, "%s/output", folder);
    snprintf(errors, sizeof errors, "%s/errors", folder);
    child_command command = {.count = 0};
    child_add_mpirun(&command, m, ranks, false, count);
    child_add(&command, self);
    child_add(&command, "doctor");
    child_add(&command, "--as-rank");
    child_result result;
    bool good = false;
    unsigned seen = 0;
    if (!child_run(&command, output, errors, LIMIT_MS, &result)) {
        snprintf(text, size, "%s: %s", m->path, strerror(errno));
    } else if (result.timed_out) {
        snprintf(text, size, "nothing came within %d s", LIMIT_MS / 1000);
    } else if (result.exit_code != 0) {
        find_line(errors, "fanfold: ", text, size);
    } else {
        find_line(output, "ranks ", text, size);
        const char *of_cores = strstr(text, "cores ");
        if (of_cores && strncmp(text, "ranks ", 6) == 0) {
            seen = (unsigned)strtoul(text + 6, NULL, 10);
            *cores = (unsigned)strtoul(of_cores + 6, NULL, 10);
        }
        good = seen == ranks;
        if (!good)
            snprintf(text, size,
                     "%u ranks were asked for, %u see each other: this mpirun is "
                     "another MPI's",
                     ranks, seen);
    }
    child_folder_remove(folder);
    return good;
}

static void check_mpirun(doctor *d, const child_mpirun *m)
{
    char text[1024];
    unsigned cores = 0;
    if (!start_ranks(m, RANKS, &cores, text, sizeof text)) {
        doctor_problem(d, "mpirun", "mend what it says; try: mpirun -n 2 hostname",
                       "%s does not start %d ranks: %s", m->path, RANKS, text);
        return;
    }
    doctor_good("mpirun", "%s starts ranks that work", m->path);
    fan_machine_info machine;
    fan_machine(&machine);
    if (cores < machine.cores_affinity)
        doctor_note(
            "binding",
            "mpirun binds a rank to %u of %u cores: for several workers a rank, or fewer ranks "
            "than cores, add --bind-to none",
            cores, machine.cores_affinity);
}

void doctor_mpi(doctor *d)
{
    const fan_ranks *ranks = NULL;
    fan_error error = {0};
    if (launch_load_ranks(&ranks, &error) != FAN_OK) {
        doctor_note("MPI", "%s (needed only to use several hosts)", error.text);
        return;
    }
    doctor_good("MPI", "%s", ranks->version());
    child_mpirun mpirun;
    if (child_find_mpirun(ranks, &mpirun, &error))
        check_mpirun(d, &mpirun);
    else
        doctor_problem(d, "mpirun", "install the MPI library's programs (Debian: openmpi-bin)",
                       "%s", error.text);
}

int doctor_as_rank(void)
{
    const fan_ranks *ranks = NULL;
    fan_error error = {0};
    fan_executor *executor = NULL;
    int rank = 0, size = 0;
    if (launch_load_ranks(&ranks, &error) != FAN_OK ||
        ranks->init(NULL, NULL, &rank, &size, &error) != FAN_OK) {
        fprintf(stderr, "fanfold: %s\n", error.text);
        return 4;
    }
    bool good = ranks->open(&(fan_executor_options){.workers = 1}, &executor, &error) == FAN_OK;
    if (good && rank != 0) {
        good = ranks->serve(executor, &error) == FAN_OK;
    } else if (good) {
        good = works(executor, &error);
        good &= fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER) == FAN_OK;
    }
    if (!good) {
        fprintf(stderr, "fanfold: rank %d: %s\n", rank, error.text);
        ranks->abort(4);
        return 4;
    }
    fan_machine_info machine;
    fan_machine(&machine);
    if (rank == 0)
        printf("ranks %d cores %u\n", size, machine.cores_affinity);
    return ranks->finalize(&error) == FAN_OK ? 0 : 4;
}
