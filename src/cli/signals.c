#include "signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "progress.h"

static atomic_int caught;
static atomic_uint grace_seconds;
static atomic_int child_group;

static void end_now(int number)
{
    progress_clear_in_handler();
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
