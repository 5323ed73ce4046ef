/* SPDX-License-Identifier: Apache-2.0
 * Statuses have names; errors carry one line, never more than fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/status.h"

static void every_status_has_a_name(void **state) {
    (void)state;
    for (int status = EG_E_CUT; status <= EG_END; status++)
        assert_string_not_equal(eg_status_name((enum eg_status)status), "EG_E_UNKNOWN");
    assert_string_equal(eg_status_name((enum eg_status)99), "EG_E_UNKNOWN");
    assert_non_null(eg_version());
}

static void errors_from_the_system(void **state) {
    (void)state;
    static const struct {
        int errnum;
        enum eg_status status;
    } cases[] = {{ENOENT, EG_E_NOENT},   {EACCES, EG_E_ACCESS},  {EROFS, EG_E_ACCESS},
                 {ENOSPC, EG_E_NOSPACE}, {EDQUOT, EG_E_NOSPACE}, {ENOMEM, EG_E_NOMEM},
                 {EIO, EG_E_IO}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_error err;
        assert_int_equal(eg_fail_errno(&err, cases[i].errnum, "cannot read %s", "x"),
                         cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_memory_equal(err.message, "cannot read x: ", 15);
        assert_true(strlen(err.message) > 15);
    }
    assert_int_equal(eg_fail_errno(NULL, EIO, "x"), EG_E_IO);
}

static void prefixes_and_long_texts(void **state) {
    (void)state;
    struct eg_error err;
    assert_int_equal(eg_fail(&err, EG_E_USAGE, "wrong"), EG_E_USAGE);
    assert_int_equal(err.position, -1);
    eg_error_prefix(&err, "file %d", 7);
    assert_string_equal(err.message, "file 7: wrong");
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    (void)eg_fail(&err, EG_E_IO, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    eg_error_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    (void)eg_fail_errno(&err, EIO, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    eg_error_prefix(NULL, "x");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(errors_from_the_system),
        cmocka_unit_test(prefixes_and_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
