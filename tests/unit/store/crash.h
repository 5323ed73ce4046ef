/* SPDX-License-Identifier: Apache-2.0
 * A process of its own that dies at a chosen step, as by a kill. */
#ifndef EG_TEST_CRASH_H
#define EG_TEST_CRASH_H

#include "interpose.h"
#include "scratch.h"

#include <sys/wait.h>

/* True: it died at that step. */
static inline bool crashes(void (*what)(const char *root), const char *root, long at) {
    pid_t child = fork();
    if (child == 0) {
        steps_set(at, 0, NULL);
        what(root);
        _exit(0);
    }
    int result;
    waitpid(child, &result, 0);
    if (!WIFEXITED(result) || (WEXITSTATUS(result) != 0 && WEXITSTATUS(result) != CRASHED))
        fail_msg("step %ld: the child answered %x", at, (unsigned)result);
    return WEXITSTATUS(result) == CRASHED;
}

static inline void only_open(const char *root) {
    struct eg_dataset *ds;
    if (eg_dataset_open(&ds, root, EG_DATASET_WRITE, &test_env, NULL) < 0) _exit(4);
    eg_dataset_close(ds);
}

#endif
