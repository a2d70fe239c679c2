#include "job/weak_times.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { NOTE_MAX = 320 };

void fani_weak_times_begin(fani_job_run *run, fani_weak_times *times)
{
    *times = (fani_weak_times){.last = fani_clock_ns()};
    if (run->timed)
        run->times = times;
}

void fani_weak_times_end(const fani_job_run *run, fani_weak_phase phase)
{
    fani_weak_times *times = run->times;
    if (!times)
        return;
    int64_t now = fani_clock_ns();
    times->ns[phase] += now - times->last;
    times->seen[phase] = true;
    times->last = now;
}

void fani_weak_times_end_scan(const fani_job_run *run)
{
    if (run->times)
        fani_weak_times_end(run,
                            run->times->seen[FANI_WEAK_ROOT] ? FANI_WEAK_DOWN : FANI_WEAK_SCAN);
}

void fani_weak_times_note(const fani_job_run *run)
{
    static const char *const names[FANI_WEAK_PHASES] = {"read", "sort",  "up",    "root", "down",
                                                        "scan", "split", "check", "write"};
    char text[NOTE_MAX] = "seconds:";
    if (!run->times || !run->events.note)
        return;
    for (size_t phase = 0; phase < FANI_WEAK_PHASES; phase++) {
        size_t used = strlen(text);
        if (run->times->seen[phase])
            snprintf(text + used, NOTE_MAX - used, "%s %s %.3f", used > 8 ? "," : "", names[phase],
                     (double)run->times->ns[phase] * 1e-9);
    }
    run->events.note(run->events.user, text);
}
