#ifndef CLI_VERSION_H
#define CLI_VERSION_H

/* --version: this program's version, the id that the linker gave this build, and the MPI library
 * where there is one. */
void version_print(void);

#endif
