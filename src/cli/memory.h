/* The memory of this program: what happens where GMP and FLINT get no memory: they know no errors,
 * and abort. */
#ifndef CLI_MEMORY_H
#define CLI_MEMORY_H

/* From here on this process then says so and ends with code 4; only a program may decide this, not
 * a library. Worker images are left alone: their item is lost, and no other. */
void memory_install(void);

/* From here on large blocks go back to the system when they are freed, in this program and in
 * worker images that it starts: else what was freed counts as used, and nobody can keep to a limit.
 * Before there are threads. */
void memory_give_back(void);

/* From here on blocks of up to 32 MiB stay with the program when they are freed, for the next that
 * wants as much, and likewise in worker images: what the system hands out again it clears first,
 * page by page. For work that has no limit of memory. Before there are threads. */
void memory_keep(void);

#endif
