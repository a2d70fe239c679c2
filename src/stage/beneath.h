/* Files below a folder by names that somebody else has written: nothing outside of the folder is
 * reached, whatever the names say and whatever links others put there meanwhile. The kernel sees to
 * that (openat2); where it can't, the names are gone through one folder at a time. */
#ifndef FANI_BENEATH_H
#define FANI_BENEATH_H

#include <stdbool.h>
#include <sys/types.h>

/* What is wrong with a name that is to stay below a folder: that it is empty, absolute, has ".." in
 * it, or ends in a slash. NULL: nothing; static text else. */
const char *fani_beneath_flaw(const char *name);

/* Takes "./" and doubled slashes out of a name without flaws, in place, so that each file has one
 * name. */
void fani_beneath_tidy(char *name);

/* Opens `name` below the open folder, as openat does. Links that lead out of the folder, and those
 * of /proc, are refused (EXDEV, ELOOP); other links are followed only where `links` says so, and
 * never without openat2. -1: errno says why; EXDEV also for names with flaws. */
int fani_beneath_open(int folder, const char *name, int flags, bool links);

/* The same without openat2, following no link: what fani_beneath_open does where the kernel or a
 * filter of system calls does not have that. */
int fani_beneath_walk(int folder, const char *name, int flags);

/* Opens the folder that `name` lies in, and makes those that are missing with `mode`. Follows no
 * links. *last is the part of the name that stands for the file. -1: errno says why. */
int fani_beneath_parent(int folder, const char *name, mode_t mode, const char **last);

#endif
