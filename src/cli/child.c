#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "signals.h"

/* mpirun takes a second or two to end its ranks. */
enum { POLL_MS = 5, END_MS = 5000, HURRY_MS = 2500 };

void child_add(child_command *c, const char *argument)
{
    if (c->count < CHILD_ARGUMENTS)
        c->argv[c->count++] = argument;
    else
        c->overflow = true;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What a launcher tells a rank, and what would make the child believe that it is one. */
static bool is_launchers(const char *variable)
{
    static const char *const prefixes[] = {
        "PMIX_",         "PMI_",         "OMPI_COMM_WORLD_",  "OMPI_UNIVERSE_SIZE",
        "OMPI_APP_CTX",  "OMPI_FIRST_",  "OMPI_NUM_APP_CTX",  "OMPI_FILE_LOCATION",
        "OMPI_ARGV",     "OMPI_COMMAND", "OMPI_MCA_orte_",    "OMPI_MCA_ess",
        "OMPI_MCA_pmix", "OMPI_MCA_plm", "OMPI_MCA_initial_", "MPI_LOCAL",
    };
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* The child's environment; the list is the caller's, its texts are not. */
static const char **child_environment(void)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    const char **list = calloc(count + 3, sizeof *list);
    if (!list)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (!is_launchers(environ[i]))
            list[kept++] = environ[i];
    if (geteuid() == 0) {
        list[kept++] = "OMPI_ALLOW_RUN_AS_ROOT=1";
        list[kept++] = "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1";
    }
    return list;
}

static int spawn(const child_command *c, const char *output, const char *errors, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    const char **environment = child_environment();
    if (!environment)
        return ENOMEM;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output ? output : "/dev/null", flags,
                                     0600);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, errors ? errors : "/dev/null", flags,
                                     0600);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    /* posix_spawn takes texts that it does not change as if it might. */
    char *argv[CHILD_ARGUMENTS + 1];
    memcpy(argv, c->argv, sizeof argv);
    int code = posix_spawnp(pid, c->argv[0], &files, &attributes, argv, (char *const *)environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    free(environment);
    return code;
}

/* Waits until the child ends, its time is over or the command is interrupted; then ends it, first
 * politely. */
static bool wait_for(pid_t pid, uint64_t limit_ms, child_result *result)
{
    double started = now(), kill_at = 0;
    bool hurried = false;
    bool killed = false;
    for (;;) {
        int status;
        struct rusage used;
        pid_t ended = wait4(pid, &status, WNOHANG, &used);
        if (ended < 0 && errno != EINTR)
            return false;
        double t = now();
        if (ended == pid) {
            result->seconds = t - started;
            result->peak_kib = (uint64_t)used.ru_maxrss;
            result->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
            result->signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
            return true;
        }
        if (kill_at == 0 && (signals_caught() || t - started > (double)limit_ms * 1e-3)) {
            result->timed_out = !signals_caught();
            kill(-pid, SIGTERM);
            kill_at = t + END_MS * 1e-3;
        } else if (signals_caught_again() && !hurried) {
            hurried = true; /* but mpirun needs a moment to end its ranks */
            kill_at = t + HURRY_MS * 1e-3 < kill_at ? t + HURRY_MS * 1e-3 : kill_at;
        } else if (kill_at > 0 && t > kill_at && !killed) {
            kill(-pid, SIGKILL);
            killed = true;
        }
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
}

bool child_run(const child_command *c, const char *output, const char *errors, uint64_t limit_ms,
               child_result *result)
{
    *result = (child_result){.exit_code = -1};
    if (c->overflow) {
        errno = E2BIG;
        return false;
    }
    pid_t pid;
    int code = spawn(c, output, errors, &pid);
    if (code != 0) {
        errno = code;
        return false;
    }
    signals_set_role(SIGNALS_WATCHES); /* the child must not outlive this command */
    bool good = wait_for(pid, limit_ms, result);
    signals_set_role(SIGNALS_WORKS);
    return good;
}

bool child_self(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length < 0)
        return false;
    path[length] = '\0';
    return true;
}

/* ---- mpirun -----------------------------------------------------------------------------------
 */

/* Looks a program up in $PATH; a name with a slash is a path. */
static bool find_program(const char *name, char *path, size_t size)
{
    if (strchr(name, '/')) {
        snprintf(path, size, "%s", name);
        return access(path, X_OK) == 0;
    }
    const char *folders = getenv("PATH");
    while (folders && *folders) {
        size_t length = strcspn(folders, ":");
        snprintf(path, size, "%.*s/%s", (int)length, folders, name);
        if (access(path, X_OK) == 0)
            return true;
        folders += length + (folders[length] == ':');
    }
    return false;
}

bool child_find_mpirun(const fan_ranks *ranks, child_mpirun *m, fan_error *error)
{
    const char *version = ranks->version();
    bool is_mpich = strstr(version, "MPICH") != NULL;
    m->is_openmpi = strstr(version, "Open MPI") != NULL;
    /* The names that belong to one library only come first: another's launcher starts N singletons.
     */
    const char *family = "mpirun";
    if (m->is_openmpi)
        family = "mpirun.openmpi";
    else if (is_mpich)
        family = "mpirun.mpich";
    const char *const names[] = {family, FANFOLD_MPIEXEC, "mpirun", "mpiexec"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i][0] && find_program(names[i], m->path, sizeof m->path))
            return true;
    *error = (fan_error){.status = FAN_E_UNAVAILABLE};
    snprintf(error->text, sizeof error->text, "neither %s nor mpirun nor mpiexec is in $PATH",
             family);
    return false;
}

void child_add_mpirun(child_command *c, const child_mpirun *m, unsigned ranks, bool free,
                      char number[16])
{
    snprintf(number, 16, "%u", ranks);
    child_add(c, m->path);
    child_add(c, "-n");
    child_add(c, number);
    if (free && m->is_openmpi) {
        child_add(c, "--bind-to");
        child_add(c, "none");
    }
    if (m->is_openmpi)
        child_add(c, "--oversubscribe");
}

/* ---- Folders ----------------------------------------------------------------------------------
 */

bool child_folder_make(char *folder, size_t size)
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder, size, "%s/fanfold-XXXXXX", parent && *parent ? parent : "/tmp");
    if (mkdtemp(folder))
        return true;
    message_error("can't make a temporary folder %s: %s (TMPDIR names where)", folder,
                  strerror(errno));
    return false;
}

void child_folder_remove(const char *folder)
{
    DIR *entries = opendir(folder);
    if (!entries)
        return;
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled ; no other thread reads this folder */
    while ((entry = readdir(entries)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
    rmdir(folder);
}
