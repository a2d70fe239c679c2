#include "wire_job.h"

#include "fuzz.h"
#include "job/integral_spec.h"
#include "job/record.h"

/* ---- Replies of list jobs -------------------------------------------------------------------- */

void fuzz_record(const unsigned char *message, size_t size)
{
    fani_answer a, b;
    if (!fani_record_read(message, size, &a))
        return;
    fuzz_touch(a.output, a.output_size);
    REQUIRE(a.output + a.output_size == message + size);
    size_t note = strlen(a.note);
    const struct {
        uint32_t offset, size;
    } head = {(uint32_t)a.offset, (uint32_t)note};
    size_t before = a.flags ? 1 + sizeof head + note : 1;
    unsigned char *copy = malloc(before + a.output_size);
    REQUIRE(copy && note <= FANI_NOTE_MAX);
    copy[0] = (unsigned char)a.flags;
    if (a.flags) {
        memcpy(copy + 1, &head, sizeof head);
        memcpy(copy + 1 + sizeof head, a.note, note);
    }
    memcpy(copy + before, a.output, a.output_size);
    REQUIRE(fani_record_read(copy, before + a.output_size, &b));
    REQUIRE(a.flags == b.flags && a.offset == b.offset && !strcmp(a.note, b.note));
    REQUIRE(a.output_size == b.output_size && !memcmp(a.output, b.output, a.output_size));
    free(copy);
}

/* ---- Integrals ------------------------------------------------------------------------------- */

void fuzz_flat_integral(const unsigned char *message, size_t size)
{
    fani_ready_integral ready;
    fan_error error = {0};
    if (fani_integral_ready(message, size, &ready, &error) != FAN_OK)
        REQUIRE(error.text[0] && !ready.plan && !ready.method && !ready.expression);
    else
        REQUIRE(!ready.plan == (ready.method != NULL));
    fani_integral_ready_clear(&ready);
}

unsigned char *fuzz_build_flat_integral(unsigned choice, size_t *size)
{
    static const char *const lines[] = {"x*y; over x=0:1; over y=-inf:2",
                                        "x^2; over x=0:1; parts 3",
                                        "1/z; over z=0:1; rule simpson; points 6",
                                        "x; over x=0:1; over y=0:x; method vegas; seed 7",
                                        "log(x); over x=0:1; rel 1e-9; break 0.5"};
    fan_job *job;
    fani_integral_spec spec;
    fan_buffer bytes = {0};
    const char *line = lines[choice % (sizeof lines / sizeof *lines)];
    REQUIRE(fan_job_new("integrate", &job, NULL) == FAN_OK);
    REQUIRE(fani_integral_from_line(job, line, &spec, NULL) == FAN_OK);
    REQUIRE(fani_integral_encode(&spec, choice % spec.parts, &bytes) == FAN_OK);
    fani_integral_clear(&spec);
    fan_job_free(job);
    *size = bytes.size;
    return bytes.bytes;
}
