/* SPDX-License-Identifier: Apache-2.0
 * One file of the test's own: made before the tests, or before each, and removed behind them. */
#ifndef EG_TEST_TEMP_FILE_H
#define EG_TEST_TEMP_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static inline int path_make(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/earlgrey-test-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static inline int path_remove(void **state) {
    (void)state;
    return unlink(path);
}

#endif
