/* SPDX-License-Identifier: Apache-2.0
 * Whether a capture holds exports. */
#include "little_capture.h"

static void exports_are_seen(void **state) {
    (void)state;
    char path[] = "/tmp/eg-look-XXXXXX";
    little_capture(path, 1);
    const char *const paths[] = {path};
    struct eg_filter *none;
    struct eg_origin origin = little_origin(paths, &none, NULL);
    struct eg_capture_kind kind;
    assert_int_equal(eg_capture_look(&eg_env_plain, &origin, &kind, NULL), EG_OK);
    assert_int_equal(kind.with, 1);
    assert_int_equal(kind.without, 0);
    assert_int_equal(kind.frames, 1);
    /* one byte of the version changed: a datagram like any other */
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 24 + 16 + 42 + 1, SEEK_SET);
    fputc(77, file);
    fclose(file);
    assert_int_equal(eg_capture_look(&eg_env_plain, &origin, &kind, NULL), EG_OK);
    assert_int_equal(kind.with, 0);
    assert_int_equal(kind.without, 1);
    assert_int_equal(kind.frames, 1);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(exports_are_seen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
