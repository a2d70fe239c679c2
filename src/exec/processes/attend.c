/* A thread that waits for a batch takes in replies itself: what it has submitted ends on its own
 * core, where else a batch would go to the pump's core and back. While it is away, or asleep, the
 * workers ring for the pump, which calls it where it sleeps and does the work itself where nobody
 * waits, or nobody comes.
 *
 * One such thread at a time, the attendant. It has the pump's role only for moments, and never
 * waits for it. */
#include "base/clock.h"
#include "base/event.h"
#include "pool.h"

enum {
    ATTENDING = 8,    /* see struct fani_processes_pool */
    SHORT_NS = 20000, /* of work to go, for which who waits stays awake */
    LOOKS = 40,       /* at the most, before it sleeps */
    PAUSES = 8,       /* between two: who looks all the time hinders the workers */
};

/* Where a worker is to ring now. A bell that is far enough ahead stays: to set it is a trip to the
 * worker's core. Where nothing `fresh` has come, no bell is put off. */
static uint64_t next_bell(const fani_processes_worker *worker, fani_processes_bell bell, bool fresh)
{
    uint64_t first = worker->flights[worker->first % FANI_PROCESSES_WINDOW].position;
    uint64_t place = fani_processes_bell_place(worker, bell), now = worker->bell_at;
    bool calls = bell == FANI_PROCESSES_FOR_ATTENDANT;
    bool ahead = !(now & FANI_PROCESSES_CALL) && now >= first + (place - first) / 2;
    bool stays = now <= place && (ahead || !fresh); /* one that called may have been heard here */
    if (stays && calls)
        return (now | FANI_PROCESSES_CALL) & ~FANI_PROCESSES_PATIENT;
    return stays ? now : place;
}

/* Has the workers ring for the pump. False: there are replies that none may ring for. */
static bool set_bells(fani_processes_pool *pool, fani_processes_bell bell, bool fresh)
{
    bool quiet = true;
    pthread_mutex_lock(&pool->lock);
    pool->attending = bell == FANI_PROCESSES_AT_THE_END ? ATTENDING : 0;
    pool->collecting = true;
    fani_processes_balance(pool);
    pool->collecting = false;
    for (unsigned i = 0; i < pool->count; i++) {
        fani_processes_worker *worker = &pool->workers[i];
        if (!worker->in_flight)
            continue;
        uint64_t place = next_bell(worker, bell, fresh);
        if (place == worker->bell_at)
            continue;
        fani_processes_set_bell(worker, place);
        quiet &= !fani_processes_may_have_passed(worker, place);
    }
    pthread_mutex_unlock(&pool->lock);
    fani_processes_wake_due(pool);
    return quiet;
}

/* Takes in what has come. False: nothing has, or another has the role. */
static bool take_turn(fani_processes_pool *pool, fani_processes_bell bell)
{
    bool any = false, again = true;
    if (pthread_mutex_trylock(&pool->role) != 0)
        return false;
    while (again) {
        bool some = false;
        for (unsigned i = 0; i < pool->count; i++)
            some |= fani_processes_collect(pool, &pool->workers[i], true);
        any |= some;
        again = (some || bell == FANI_PROCESSES_FOR_ATTENDANT) && !set_bells(pool, bell, some);
    }
    pool->attended |= any;
    bool call = pool->stirred || pool->passed.first;
    pthread_mutex_unlock(&pool->role);
    if (call)
        fani_processes_ring_bell(pool);
    return any;
}

static bool is_over(_Atomic uint32_t *word, uint32_t value)
{
    return atomic_load(word) != value;
}

/* Whether it is worth while to wait awake: the workers are through soon. */
static bool is_short(fani_processes_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    uint64_t wait_ns = fani_processes_most_wait_ns(pool);
    pthread_mutex_unlock(&pool->lock);
    return wait_ns < SHORT_NS;
}

/* Looks for replies for a moment. */
static void look(fani_processes_pool *pool, _Atomic uint32_t *word, uint32_t value)
{
    (void)take_turn(pool, FANI_PROCESSES_AT_THE_END);
    if (is_over(word, value) || !is_short(pool))
        return;
    for (int i = 0; i < LOOKS && !is_over(word, value); i++) {
        if (i % 2) /* the workers may need this core */
            sched_yield();
        for (int k = 0; k < PAUSES; k++)
            fani_cpu_relax();
        (void)take_turn(pool, FANI_PROCESSES_AT_THE_END);
    }
}

/* What wakes the attendant: the word it waits on, and the calls of workers. */
static unsigned find_calls(fani_processes_pool *pool, fani_futex *futexes)
{
    unsigned count = 1;
    pthread_mutex_lock(&pool->lock);
    for (unsigned i = 0; i < pool->count && count < FANI_FUTEXES_MAX; i++) {
        fani_processes_region *region = pool->workers[i].region;
        if (region)
            futexes[count++] =
                (fani_futex){.word = &region->calls, .value = atomic_load(&region->calls)};
    }
    pthread_mutex_unlock(&pool->lock);
    return count;
}

/* Sleeps until called, once what has come is taken. A worker that is buried meanwhile does not
 * call, and one that is new calls the pump, which wakes this thread by its own word. */
static void sleep_here(fani_processes_pool *pool, _Atomic uint32_t *word, uint32_t value,
                       fan_deadline deadline)
{
    fani_futex futexes[FANI_FUTEXES_MAX] = {{.word = word, .value = value}};
    unsigned count;
    do {
        if (is_over(word, value))
            return;
        count = find_calls(pool, futexes); /* before the bells are set: a call is not missed */
    } while (take_turn(pool, FANI_PROCESSES_FOR_ATTENDANT));
    if (!is_over(word, value) && !fani_futex_wait_any(futexes, count, deadline))
        (void)fani_futex_wait(word, value, deadline);
}

void fani_processes_attend(void *self, _Atomic uint32_t *word, uint32_t value,
                           fan_deadline deadline)
{
    fani_processes_pool *pool = self;
    _Atomic uint32_t *nobody = NULL;
    if (!word) {
        (void)take_turn(pool, FANI_PROCESSES_AT_THE_END);
        return;
    }
    if (!atomic_compare_exchange_strong(&pool->attendant, &nobody, word)) {
        if (deadline != FAN_NOW)
            (void)fani_futex_wait(word, value, deadline);
        return;
    }
    if (deadline == FAN_NOW)
        look(pool, word, value);
    else
        sleep_here(pool, word, value, deadline);
    atomic_store(&pool->attendant, NULL);
}

void fani_processes_wake_attendant(fani_processes_pool *pool)
{
    _Atomic uint32_t *word = atomic_load(&pool->attendant);
    if (word) /* it may just have left: harmless, see fani_futex_wake */
        fani_futex_wake(word, INT32_MAX);
}
