#define _GNU_SOURCE
#include "CConfinement.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The numbers are the same on all processors. Headers of older systems lack some of them, and the newer fields. */
enum { createRuleset = 444, addRule = 445, restrictSelf = 446, closeRange = 436 };

struct rulesetAttributes {
    uint64_t files, network, scopes;
};

struct pathAttributes {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

int confinementLandlockVersion(void) { return (int)syscall(createRuleset, NULL, 0, 1); }

int confinementRules(uint64_t files, uint64_t network, uint64_t scopes) {
    struct rulesetAttributes attributes = {files, network, scopes};
    /* A kernel refuses fields that it does not know, unless they are 0. */
    return (int)syscall(createRuleset, &attributes, sizeof attributes, 0);
}

int confinementAllow(int rules, int path, uint64_t files) {
    struct pathAttributes attributes = {files, path};
    return (int)syscall(addRule, rules, 1, &attributes, 0);
}

int confinementEnforce(int rules) { return (int)syscall(restrictSelf, rules, 0); }

int confinementForbidPrivileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

int confinementClose(unsigned int first, unsigned int last) { return (int)syscall(closeRange, first, last, 0); }
