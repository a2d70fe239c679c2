#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "progress.h"

enum {
    SAME_MS = 200,        /* the same signal again within this is the same one */
    CLOSE_MS = 700,       /* from the end of the grace time on, to close in order */
    MORE_MS = 1000,       /* likewise, until the command ends in any case */
    LAUNCHED_MS = 400,    /* what a launcher's signal leaves in all */
    BRIEF_GRACE_MS = 200, /* the grace time of a Ctrl-C that is not to be waited for */
    BRIEF_MS = 900,       /* what it leaves in all */
};

/* The first signal: its time in ms, times 256, and its number, so that both are set at once. */
static _Atomic uint64_t first;
static atomic_int again;
static atomic_int role;
static atomic_bool is_launched;
static _Atomic uint64_t grace;
static atomic_bool is_brief;
static const char *_Atomic last_words;
static timer_t timer;
static atomic_bool has_timer;

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int number_of(uint64_t signal)
{
    return (int)(signal & 0xff);
}

static uint64_t time_of(uint64_t signal)
{
    return signal >> 8;
}

/* A launcher that ends its ranks leaves them no time. */
static bool is_urgent(uint64_t signal)
{
    return atomic_load(&is_launched) && number_of(signal) != SIGUSR1;
}

static bool is_brief_one(uint64_t signal)
{
    return atomic_load(&is_brief) && number_of(signal) == SIGINT;
}

/* How many ms after the signal something is due that is due `more` ms after the grace time. */
static uint64_t due_after(uint64_t signal, uint64_t more)
{
    uint64_t ms = atomic_load(&grace);
    if (ms == SIGNALS_NO_LIMIT)
        return ms;
    if (is_urgent(signal))
        return more ? LAUNCHED_MS : 0;
    if (is_brief_one(signal))
        return more ? BRIEF_MS : BRIEF_GRACE_MS;
    return ms + more;
}

/* ---- What a handler may do --------------------------------------------------------------------
 */

static void say(const char *text)
{
    if (message_is_silenced() || !text)
        return;
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written; /* there is nobody left to tell */
}

static void end_with(int code, const char *text)
{
    progress_clear_in_handler();
    say(text);
    _exit(code);
}

static void end_at_once(int number)
{
    char text[] = "fanfold: ended by signal 00, at once\n";
    char *digits = strstr(text, "00");
    digits[0] = (char)('0' + number / 10 % 10);
    digits[1] = (char)('0' + number % 10);
    end_with(128 + number, text);
}

static void set_timer(uint64_t signal)
{
    uint64_t ms = due_after(signal, MORE_MS);
    if (ms == SIGNALS_NO_LIMIT || !atomic_load(&has_timer))
        return;
    struct itimerspec due = {
        .it_value = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (int64_t)(ms % 1000) * 1000000}};
    timer_settime(timer, 0, &due, NULL);
}

static void on_first(uint64_t signal)
{
    switch ((signals_role)atomic_load(&role)) {
    case SIGNALS_STARTS:
        end_with(SIGNALS_STOPPED, "fanfold: stopped by a signal before anything had begun\n");
        break;
    case SIGNALS_WORKS:
        set_timer(signal);
        break;
    case SIGNALS_SERVES:
    case SIGNALS_WATCHES:
        break;
    }
}

static void on_further(uint64_t signal, int number)
{
    int none = 0;
    if (number == number_of(signal) && now_ms() - time_of(signal) < SAME_MS)
        return;
    if (!atomic_compare_exchange_strong(&again, &none, number) ||
        atomic_load(&role) != SIGNALS_WATCHES)
        end_at_once(number);
}

static void on_signal(int number)
{
    int kept = errno;
    uint64_t before = 0, signal = now_ms() << 8 | (uint64_t)number;
    if (atomic_compare_exchange_strong(&first, &before, signal))
        on_first(signal);
    else
        on_further(before, number);
    errno = kept;
}

static void on_alarm(int number)
{
    (void)number;
    end_with(SIGNALS_STOPPED, atomic_load(&last_words));
}

/* ---- Setting up -------------------------------------------------------------------------------
 */

static void catch (int number, void (*handler)(int))
{
    struct sigaction before, action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

void signals_install(uint64_t grace_ms, bool launched, signals_role as)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    struct sigaction alarmed = {.sa_handler = on_alarm};
    sigfillset(&alarmed.sa_mask);
    atomic_store(&grace, grace_ms);
    atomic_store(&is_launched, launched);
    signals_set_role(as);
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGALRM, &alarmed, NULL);
    if (!atomic_load(&has_timer))
        atomic_store(&has_timer, timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        catch (numbers[i], on_signal);
}

void signals_set_role(signals_role as)
{
    atomic_store(&role, (int)as);
    uint64_t signal = atomic_load(&first);
    if (signal && as == SIGNALS_WORKS)
        set_timer(signal);
}

void signals_set_brief(void)
{
    atomic_store(&is_brief, true);
    uint64_t signal = atomic_load(&first);
    if (signal && atomic_load(&role) == SIGNALS_WORKS)
        set_timer(signal);
}

int signals_caught(void)
{
    return number_of(atomic_load(&first));
}

int signals_caught_again(void)
{
    return atomic_load(&again);
}

int signals_code(void)
{
    int number = signals_caught_again();
    return number ? 128 + number : SIGNALS_STOPPED;
}

uint64_t signals_grace_ms(void)
{
    uint64_t signal = atomic_load(&first);
    return signal ? due_after(signal, 0) : 0;
}

bool signals_hurry(void)
{
    uint64_t signal = atomic_load(&first), ms = signal ? due_after(signal, 0) : 0;
    return signal && ms != SIGNALS_NO_LIMIT && now_ms() - time_of(signal) >= ms;
}

fan_deadline signals_close_by(void)
{
    uint64_t signal = atomic_load(&first);
    uint64_t ms = signal ? due_after(signal, CLOSE_MS) : SIGNALS_NO_LIMIT;
    if (ms == SIGNALS_NO_LIMIT)
        return FAN_FOREVER;
    uint64_t passed = now_ms() - time_of(signal);
    return fan_deadline_in_ms(ms > passed ? ms - passed : 0);
}

void signals_set_last_words(const char *text)
{
    atomic_store(&last_words, text);
}
