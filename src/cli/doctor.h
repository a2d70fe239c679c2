/* What `doctor` looks at: each check prints what it found and counts the problems. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

typedef struct doctor {
    unsigned problems;
} doctor;

/* "ok", "note" and "PROBLEM" lines. A problem names its cure. */
void doctor_good(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doctor_note(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doctor_problem(doctor *d, const char *what, const char *cure, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* doctor_machine.c: cores, instruction sets, memory, folders, limits. */
void doctor_machine(doctor *d);

/* doctor_work.c: every executor runs a tiny job; MPI, its launcher, and how it binds. */
void doctor_executors(doctor *d);
void doctor_mpi(doctor *d);

/* `doctor --as-rank`, started by doctor_mpi under mpirun: the exit code. */
int doctor_as_rank(void);

#endif
