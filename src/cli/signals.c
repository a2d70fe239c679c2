#include "signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "progress.h"

static atomic_int caught;
static atomic_uint grace_seconds;
static atomic_int child_group;

/* Says why, with what a signal handler may call. */
static void say_ended(int number)
{
    char text[] = "fanfold: stopped by signal 00, at once\n";
    char *digits = strstr(text, "00");
    digits[0] = (char)('0' + number / 10 % 10);
    digits[1] = (char)('0' + number % 10);
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written; /* there is nobody left to tell */
}

static void end_now(int number)
{
    progress_clear_in_handler();
    if (!message_is_silenced())
        say_ended(number);
    int group = atomic_load(&child_group);
    if (group > 0)
        kill(-group, SIGKILL);
    _exit(128 + number);
}

static void on_signal(int number)
{
    int none = 0;
    if (!atomic_compare_exchange_strong(&caught, &none, number))
        end_now(number);
    unsigned seconds = atomic_load(&grace_seconds);
    if (seconds)
        alarm(seconds);
}

static void on_alarm(int number)
{
    (void)number;
    end_now(atomic_load(&caught));
}

void signals_install(uint64_t grace_ms)
{
    uint64_t seconds = grace_ms / 1000 + (grace_ms % 1000 != 0);
    atomic_store(&grace_seconds, seconds < 1000000 ? (unsigned)seconds : 1000000U);
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &action, NULL);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction before;
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

int signals_caught(void)
{
    return atomic_load(&caught);
}

void signals_set_group(pid_t group)
{
    atomic_store(&child_group, (int)group);
}
