#include "kept.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char target[] = "target";

/* ---- Files ----------------------------------------------------------------------------------- */

static bool write_numbers(const char *path, unsigned long count, unsigned bad)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return false;
    for (unsigned long i = 0; i < count; i++) {
        if (bad && i % (count / bad) == count / bad / 2)
            fprintf(file, "no-number-%lu\n", i);
        else
            fprintf(file, "%llu\n", 100000000000000000ULL + i);
    }
    return fclose(file) == 0;
}

uint64_t kept_size(const char *name)
{
    struct stat info;
    return stat(in_folder(name), &info) == 0 ? (uint64_t)info.st_size : 0;
}

const char *kept_part(void)
{
    static char path[128];
    snprintf(path, sizeof path, "%s", in_folder("target.part"));
    return path;
}

uint64_t kept_written(void)
{
    return kept_size("target.part");
}

bool kept_same(const char *name, const char *other)
{
    static char bytes[2][1 << 16];
    FILE *one = fopen(in_folder(name), "re"), *two = fopen(in_folder(other), "re");
    bool same = one && two;
    size_t n = 1;
    while (same && n) {
        n = fread(bytes[0], 1, sizeof bytes[0], one);
        same = fread(bytes[1], 1, sizeof bytes[1], two) == n && !memcmp(bytes[0], bytes[1], n);
    }
    if (one)
        fclose(one);
    if (two)
        fclose(two);
    return same;
}

static void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 16];
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    ASSERT_TRUE(in && out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in));)
        fwrite(bytes, 1, n, out);
    fclose(in);
    ASSERT_I64(fclose(out), 0);
}

/* Each file of the folder whose name begins with `prefix` and goes on with '.' or ends there. */
static void each_of(const char *prefix,
                    void (*visit)(const char *path, const char *rest, const char *user),
                    const char *user)
{
    DIR *dir = opendir(folder());
    size_t size = strlen(prefix);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[400];
        const char *rest = entry->d_name + size;
        if (strncmp(entry->d_name, prefix, size) != 0 || (*rest && *rest != '.'))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder(), entry->d_name);
        visit(path, rest, user);
    }
    if (dir)
        closedir(dir);
}

static void remove_one(const char *path, const char *rest, const char *user)
{
    (void)rest, (void)user;
    if (unlink(path))
        (void)rmdir(path);
}

static void copy_one(const char *path, const char *rest, const char *user)
{
    char to[400];
    snprintf(to, sizeof to, "%s/%s%s", folder(), user, rest);
    copy_file(path, to);
}

void kept_remove(const char *text)
{
    DIR *dir = opendir(folder());
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (strstr(entry->d_name, text))
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
}

void kept_clear(void)
{
    each_of(target, remove_one, NULL);
}

void kept_copy(const char *from, const char *to)
{
    each_of(to, remove_one, NULL);
    each_of(from, copy_one, to);
}

/* ---- Running --------------------------------------------------------------------------------- */

bool kept_has_mpi(void)
{
    return access(FAULT_MPIEXEC, X_OK) == 0;
}

void kept_launcher_waits(bool waits)
{
    setenv("OMPI_MCA_odls_base_sigkill_timeout", waits ? "1" : "0", 1);
}

/* What the launcher and its library leave behind when they are killed lies in a folder of ours. */
static void prepare_launcher(void)
{
    static const char *const variables[][2] = {{"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                                               {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
                                               {"OMPI_MCA_mpi_yield_when_idle", "1"},
                                               {"OMPI_MCA_rmaps_base_oversubscribe", "1"},
                                               {"OMPI_MCA_hwloc_base_binding_policy", "none"}};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        setenv(variables[i][0], variables[i][1], 1);
    (void)mkdir(run_file("mpi"), 0700);
    setenv("OMPI_MCA_btl_vader_backing_directory", run_file("mpi"), 1);
}

static bool is_mpi(const char *executor)
{
    return !strncmp(executor, "mpi", 3);
}

setting kept_setting(const char *executor)
{
    static char temporary[128];
    setting how = {.fault = {.no_sync = true}};
    if (!is_mpi(executor))
        return how;
    prepare_launcher();
    kept_launcher_waits(false);
    how.program = FAULT_MPIEXEC;
    how.variable = "TMPDIR";
    snprintf(temporary, sizeof temporary, "%s", run_file("mpi"));
    how.value = temporary;
    return how;
}

setting kept_slow_setting(const char *executor)
{
    setting how = kept_setting(executor);
    kept_launcher_waits(true);
    how.fault.call = "write";
    how.fault.what = "slow-after";
    how.fault.path = kept_part();
    how.fault.at = 1;
    how.fault.onward = true;
    return how;
}

const char *kept_line(const kept_job *job, const char *executor, const char *more)
{
    static char text[1200];
    const char *launched = is_mpi(executor) ? "-n 3 " FAULT_COMMAND " " : "";
    if (!strcmp(executor, "mpi"))
        executor = "mpi --local processes -j1";
    if (!strcmp(executor, "mpi-threads"))
        executor = "mpi --local threads -j1";
    snprintf(text, sizeof text, "%s%s --executor %s%s --output @/target %s", launched, job->words,
             executor, launched[0] || !strcmp(executor, "serial") ? "" : " -j2", more);
    return text;
}

/* FNV-1a of the columns of a line that do not depend on what happened: not the output's name and
 * the attempts. */
static uint64_t add_line(uint64_t hash, char *line)
{
    for (int column = 0; line; column++) {
        const char *field = strsep(&line, "\t");
        for (; column != 0 && column != 3 && *field; field++)
            hash = (hash ^ (unsigned char)*field) * 0x100000001b3;
    }
    return hash;
}

static void failures_of(const char *name, char text[64])
{
    static ran r;
    char arguments[200], *line = NULL;
    size_t room = 0;
    unsigned long lines = 0;
    uint64_t hash = 0xcbf29ce484222325;
    snprintf(arguments, sizeof arguments, "results --format tsv @/%s", name);
    run(&(setting){0}, arguments, &r);
    FILE *file = fopen(run_file("out"), "re");
    for (; file && getline(&line, &room, file) > 0; lines++)
        hash = add_line(hash, line);
    free(line);
    if (file)
        fclose(file);
    snprintf(text, 64, "code %d, %lu lines, %016llx", r.code, lines, (unsigned long long)hash);
}

static bool factor(kept_job *job, unsigned long count, unsigned bad, const char *more)
{
    static ran r;
    char arguments[400];
    const char *numbers = run_file("numbers");
    bool written = write_numbers(numbers, count, bad);
    *job = (kept_job){0};
    snprintf(job->words, sizeof job->words, "factor --input %s --format tsv%s", numbers, more);
    snprintf(arguments, sizeof arguments, "%s --executor serial --output @/plain", job->words);
    run(&(setting){.fault = {.no_sync = true}}, arguments, &r);
    job->code = r.code;
    job->bytes = kept_size("plain");
    failures_of("plain", job->failed);
    SHIM_CHECK(written && r.code == (bad ? 2 : 0) && job->bytes, return false,
               "%s: code %d: %.300s", arguments, r.code, r.err);
    return true;
}

bool kept_factor(kept_job *job, unsigned long count, unsigned bad)
{
    return factor(job, count, bad, "");
}

bool kept_factor_packed(kept_job *job, unsigned long count, unsigned bad)
{
    return factor(job, count, bad, " --compress gzip");
}

bool kept_wait_written(pid_t pid, uint64_t bytes)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < 120000; i++) {
        if (kept_written() >= bytes && kept_size("target.journal"))
            return true;
        if (has_ended(pid))
            return false;
        nanosleep(&moment, NULL);
    }
    return false;
}

static bool kill_one(const kept_job *job, unsigned percent)
{
    static ran r;
    setting how = kept_slow_setting("serial");
    pid_t pid = start(&how, kept_line(job, "serial", "--resume"));
    bool killed = kept_wait_written(pid, job->bytes * percent / 100) && kill(pid, SIGKILL) == 0;
    finish(pid, &r);
    kept_copy("target", "then");
    SHIM_CHECK(killed && r.code == 128 + SIGKILL && kept_written() >= job->bytes * percent / 100,
               return false, "no run was killed at %u %%: code %d, %llu bytes", percent, r.code,
               (unsigned long long)kept_written());
    return true;
}

bool kept_killed(const kept_job *job, unsigned percent)
{
    kept_clear();
    return kill_one(job, percent);
}

bool kept_killed_again(const kept_job *job, unsigned percent)
{
    return kill_one(job, percent);
}

/* ---- What must be ---------------------------------------------------------------------------- */

static void name_one(const char *path, const char *rest, const char *user)
{
    char *names = (char *)user;
    (void)path;
    snprintf(names + strlen(names), 400 - strlen(names), " target%s", rest);
}

/* The first line in which two files of the folder differ. */
static void first_difference(const char *name, const char *other, char text[200])
{
    char *lines[2] = {NULL, NULL};
    size_t rooms[2] = {0, 0};
    FILE *files[2] = {fopen(in_folder(name), "re"), fopen(in_folder(other), "re")};
    unsigned long number = 0;
    ssize_t sizes[2] = {0, 0};
    while (files[0] && files[1] && sizes[0] >= 0 && sizes[1] >= 0 &&
           (!number || !strcmp(lines[0], lines[1]))) {
        number++;
        for (int i = 0; i < 2; i++)
            sizes[i] = getline(&lines[i], &rooms[i], files[i]);
    }
    snprintf(text, 200, "line %lu is '%.80s', not '%.80s'", number,
             sizes[0] > 0 ? lines[0] : "missing", sizes[1] > 0 ? lines[1] : "missing");
    for (int i = 0; i < 2; i++) {
        free(lines[i]);
        if (files[i])
            fclose(files[i]);
    }
}

/* Whether run.json says that the run has ended with this code. */
static bool says_its_end(int code)
{
    static char text[TEXT];
    char ended[40];
    snprintf(ended, sizeof ended, "\"exit_code\": %d,", code);
    return read_text(in_folder("target.run.json"), text) && strstr(text, "\"state\": \"ended\"") &&
           strstr(text, ended);
}

bool kept_expect_right(const kept_job *job, const ran *last, const char *label)
{
    char difference[200];
    char failed[64], names[400] = "";
    bool sane = expect_sane(last, label);
    SHIM_CHECK(last->code == job->code, sane = false, "%s: code %d, not %d: %.300s", label,
               last->code, job->code, last->err);
    if (!sane)
        return false;
    if (!kept_same(target, "plain")) {
        first_difference(target, "plain", difference);
        shim_fail(__FILE__, __LINE__, "%s: %llu bytes, not the %llu of the undisturbed run: %s",
                  label, (unsigned long long)kept_size(target), (unsigned long long)job->bytes,
                  difference);
        return false;
    }
    failures_of(target, failed);
    SHIM_CHECK(!strcmp(failed, job->failed), return false,
               "%s: fanfold results says '%s', and of the undisturbed run '%s'", label, failed,
               job->failed);
    each_of(target, name_one, names);
    SHIM_CHECK(entries(target) == 3 && kept_size("target.journal") &&
                   kept_size("target.run.json") && !entries(".fanfold"),
               return false, "%s: left:%s, %u temporary files", label, names, entries(".fanfold"));
    SHIM_CHECK(says_its_end(job->code), return false, "%s: run.json does not say that it has ended",
               label);
    return true;
}

bool kept_expect_resumes(const kept_job *job, const char *executor, const char *label)
{
    static ran r;
    setting how = kept_setting(executor);
    run(&how, kept_line(job, executor, "--resume"), &r);
    return kept_expect_right(job, &r, label);
}
