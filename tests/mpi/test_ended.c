/* Items that never end by themselves, on processes of every rank at once: their timeouts end them,
 * and so does a kill; who does not heed SIGTERM is killed and replaced. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

typedef enum manner {
    POLITE,  /* asks whether it is cancelled */
    HEEDFUL, /* waits for SIGTERM */
    ENDLESS, /* does neither */
    DEAF,    /* and ignores SIGTERM */
} manner;

/* What an item leaves for the test to see, in a mapped file. */
typedef struct mark {
    atomic_int begun;
    atomic_int heeded; /* SIGTERM came */
    int32_t pid;
    int32_t rank_pid; /* of the rank whose worker it is */
} mark;

enum { MARKS = 16, TIMEOUT_MS = 60, WAIT_MS = 120000 };

static void pause_ms(long ms)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static mark *map_marks(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *marks = fd < 0
                      ? MAP_FAILED
                      : mmap(NULL, MARKS * sizeof(mark), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return marks == MAP_FAILED ? NULL : marks;
}

/* ---- The task ------------------------------------------------------------------------------ */

static volatile sig_atomic_t told;

static void on_term(int signal)
{
    (void)signal;
    told = 1;
}

static bool ends(fan_run *run, manner how)
{
    return (how == POLITE && fan_run_cancelled(run)) || (how == HEEDFUL && told);
}

static void linger(fan_run *run, manner how, mark *m)
{
    struct sigaction action = {.sa_handler = how == DEAF ? SIG_IGN : on_term}, before;
    bool handles = how == DEAF || how == HEEDFUL;
    told = 0;
    if (handles && sigaction(SIGTERM, &action, &before))
        return;
    m->pid = (int32_t)getpid();
    m->rank_pid = (int32_t)getppid();
    atomic_store(&m->begun, 1);
    while (!ends(run, how))
        pause_ms(1);
    atomic_store(&m->heeded, told);
    if (handles)
        (void)sigaction(SIGTERM, &before, NULL);
}

/* One item at a time: manner and number of the mark. */
static fan_status run_stubborn(fan_run *run, fan_items in)
{
    size_t size, path_size;
    uint64_t order[2];
    const fan_items args = fan_run_args(run);
    const unsigned char *bytes = fan_items_at(&in, 0, &size);
    const char *path = (const char *)fan_items_at(&args, 0, &path_size);
    if (!bytes || size != sizeof order || !path)
        return FAN_E_ARGUMENT;
    memcpy(order, bytes, sizeof order);
    mark *marks = order[1] < MARKS ? map_marks(path) : NULL;
    if (!marks)
        return FAN_E_SYSTEM;
    linger(run, (manner)order[0], &marks[order[1]]);
    munmap(marks, MARKS * sizeof *marks);
    return fan_run_reply(run, 0, NULL, 0);
}

const fan_task task_stubborn = {.name = "stubborn", .version = 1, .run = run_stubborn};

/* ---- The test ------------------------------------------------------------------------------ */

typedef struct scene {
    fan_executor *executor;
    size_t ranks;
    char path[64];
    mark *marks;
    fan_future *futures[MARKS];
} scene;

static uint64_t workers_lost(fan_executor *executor)
{
    fan_executor_stats stats = {0};
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    return stats.workers_lost;
}

/* One for each rank, all at once; false: they did not all begin. */
static bool begin_all(scene *s, manner how, unsigned timeout_ms)
{
    fan_deadline late = fan_deadline_in_ms(WAIT_MS);
    fan_outcome outcome;
    memset((void *)s->marks, 0, MARKS * sizeof *s->marks);
    for (size_t i = 0; i < s->ranks; i++) {
        const uint64_t order[2] = {how, i};
        fan_submit_options options = {
            .args = s->path, .args_size = strlen(s->path) + 1, .timeout_ms = timeout_ms};
        EXPECT_I64(
            fan_submit(s->executor, &task_stubborn, order, sizeof order, &options, &s->futures[i]),
            FAN_OK);
    }
    size_t begun = 0;
    while (begun < s->ranks && fan_deadline_in_ms(0) < late) {
        (void)fan_future_result(s->futures[0], fan_deadline_in_ms(2), &outcome); /* moves MPI */
        for (begun = 0; begun < s->ranks && atomic_load(&s->marks[begun].begun);)
            begun++;
    }
    EXPECT_U64(begun, s->ranks);
    return begun == s->ranks;
}

/* So every rank but this one had one too. */
static bool had_every_rank(const scene *s)
{
    size_t different = 0;
    for (size_t i = 0; i < s->ranks; i++) {
        size_t k = 0;
        while (s->marks[k].rank_pid != s->marks[i].rank_pid)
            k++;
        different += k == i;
    }
    return different == s->ranks;
}

static bool is_gone(int32_t pid)
{
    fan_deadline late = fan_deadline_in_ms(WAIT_MS);
    while (kill(pid, 0) == 0 && fan_deadline_in_ms(0) < late)
        pause_ms(1);
    return kill(pid, 0) != 0 && errno == ESRCH;
}

/* False: a worker was killed that would have ended its item in time, or had done so. */
static bool expect_end(scene *s, size_t i, manner how, unsigned timeout_ms)
{
    fan_outcome outcome = {0};
    char text[32];
    EXPECT_I64(fan_future_result(s->futures[i], fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, timeout_ms ? FAN_OUTCOME_TIMED_OUT : FAN_OUTCOME_CANCELLED);
    snprintf(text, sizeof text, "%u ms", timeout_ms);
    if (timeout_ms)
        EXPECT_CONTAINS(outcome.text, text);
    fan_future_release(s->futures[i]);
    if (how == ENDLESS || how == DEAF) {
        EXPECT_TRUE(is_gone(s->marks[i].pid));
        return true;
    }
    return kill(s->marks[i].pid, 0) == 0 &&
           (how != HEEDFUL || atomic_load(&s->marks[i].heeded) == 1);
}

/* False: one came to no core for so long that things went another way. */
static bool end_all_once(scene *s, manner how, unsigned timeout_ms)
{
    bool dies = how == ENDLESS || how == DEAF;
    uint64_t before = workers_lost(s->executor);
    if (!begin_all(s, how, timeout_ms))
        return false;
    bool usual = had_every_rank(s);
    for (size_t i = 0; i < s->ranks && !timeout_ms; i++)
        EXPECT_I64(fan_future_kill(s->futures[i]), FAN_OK);
    for (size_t i = 0; i < s->ranks; i++)
        usual &= expect_end(s, i, how, timeout_ms);
    if (dies || usual)
        EXPECT_U64(workers_lost(s->executor), before + (dies ? s->ranks : 0));
    return usual;
}

static void end_all(scene *s, manner how, unsigned timeout_ms)
{
    bool usual = false;
    for (int i = 0; i < 5 && !usual && !shim_failed(); i++)
        usual = end_all_once(s, how, timeout_ms << 2 * i);
    EXPECT_TRUE(usual);
}

static bool open_scene(scene *s)
{
    snprintf(s->path, sizeof s->path, "/tmp/fan-ended-XXXXXX");
    int fd = mkstemp(s->path);
    EXPECT_TRUE(fd >= 0);
    if (fd < 0)
        return false;
    EXPECT_I64(ftruncate(fd, MARKS * sizeof *s->marks), 0);
    close(fd);
    s->marks = map_marks(s->path);
    EXPECT_TRUE(s->marks != NULL);
    return s->marks != NULL && s->ranks <= MARKS;
}

static void close_scene(scene *s)
{
    if (s->marks)
        munmap(s->marks, MARKS * sizeof *s->marks);
    (void)unlink(s->path);
}

/* Each round needs a worker on every rank: those that were killed have been replaced. */
FAN_TEST(mpi_ended, by_timeout_or_kill_on_every_rank)
{
    fan_mpi_options mpi = world_options();
    mpi.local = "processes";
    scene s = {.ranks = (size_t)the_world()->size, .executor = world_open(&mpi, 1)};
    if (s.executor && the_world()->rank == 0 && open_scene(&s)) {
        EXPECT_TRUE(fan_executor_capabilities(s.executor) & FAN_CAP_KILLS);
        end_all(&s, HEEDFUL, TIMEOUT_MS);
        end_all(&s, DEAF, TIMEOUT_MS);
        end_all(&s, POLITE, 0);
        end_all(&s, ENDLESS, 0);
        end_all(&s, HEEDFUL, 0);
        close_scene(&s);
    }
    world_close(s.executor);
}

static void abandon_all(scene *s)
{
    fan_outcome outcome = {0};
    bool begun = begin_all(s, DEAF, 0);
    EXPECT_I64(fan_executor_close(s->executor, FAN_CLOSE_ABANDON, fan_deadline_in_ms(WAIT_MS)),
               FAN_OK);
    for (size_t i = 0; i < s->ranks && begun; i++) {
        EXPECT_I64(fan_future_result(s->futures[i], FAN_NOW, &outcome), FAN_OK);
        EXPECT_I64(outcome.kind, FAN_OUTCOME_CANCELLED);
        EXPECT_TRUE(is_gone(s->marks[i].pid));
        fan_future_release(s->futures[i]);
    }
}

FAN_TEST(mpi_ended, by_an_abandoning_close_on_every_rank)
{
    fan_mpi_options mpi = world_options();
    mpi.local = "processes";
    scene s = {.ranks = (size_t)the_world()->size, .executor = world_open(&mpi, 1)};
    if (s.executor && the_world()->rank == 0 && open_scene(&s))
        abandon_all(&s);
    else
        world_close(s.executor);
    if (the_world()->rank == 0)
        close_scene(&s);
}
