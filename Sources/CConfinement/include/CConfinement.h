#ifndef MILLRACE_CCONFINEMENT_H
#define MILLRACE_CCONFINEMENT_H

#include <stdint.h>

/* Calls of the kernel that glibc has no functions for. Each returns what the call does: a negative number, with errno, where it fails. */

/* The version of Landlock's interface; negative where the kernel has none. */
int confinementLandlockVersion(void);

/* Makes a set of rules, under which the rights that are given here are refused. What a version does not know must be 0. */
int confinementRules(uint64_t files, uint64_t network, uint64_t scopes);

/* Adds that the rights are granted for what is at the open path, and beneath it. */
int confinementAllow(int rules, int path, uint64_t files);

/* Puts the rules in force for the calling thread, and for all that it starts. */
int confinementEnforce(int rules);

int confinementForbidPrivileges(void);

/* Closes all descriptors from first to last. */
int confinementClose(unsigned int first, unsigned int last);

/* Whether the kernel takes filters of system calls. */
int confinementHasFilters(void);

/* Refuses the calls that an engine never needs, in all threads. */
int confinementFilter(void);

#endif
