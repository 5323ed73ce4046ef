/* SPDX-License-Identifier: Apache-2.0
 * The little capture in a file that is there while a program of tests runs. */
#ifndef EG_TEST_LITTLE_SCENE_H
#define EG_TEST_LITTLE_SCENE_H

#include "little_capture.h"

static char path[] = "/tmp/eg-little-XXXXXX";
static const char *const paths[] = {path};

static inline int setup(void **state) {
    (void)state;
    little_capture(path, 1);
    return 0;
}

static inline int teardown(void **state) {
    (void)state;
    return unlink(path);
}

#endif
