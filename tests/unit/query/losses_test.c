/* SPDX-License-Identifier: Apache-2.0
 * What was lost: nothing in a whole capture, the cut in a cut one. */
#include "little_capture.h"

static void ask(const char *path, const char *answer) {
    const char *const paths[] = {path};
    struct eg_filter *none;
    struct eg_origin origin = little_origin(paths, &none, NULL);
    struct eg_strbuf sql = {0};
    assert_int_equal(eg_sql_losses(&origin, &sql, NULL), EG_OK);
    little_expect(&sql, answer);
}

#define HEAD "start_time\tend_time\tsource\texporter\tdomain\tcause\trecords\tpackets\tbytes\n"

static void whole_and_cut(void **state) {
    (void)state;
    char path[] = "/tmp/eg-losses-XXXXXX";
    little_capture(path, 1);
    ask(path, HEAD);
    assert_int_equal(truncate(path, 100), 0);
    const char *const paths[] = {path};
    struct eg_filter *none;
    struct eg_origin origin = little_origin(paths, &none, NULL);
    struct eg_strbuf sql = {0};
    assert_int_equal(eg_sql_losses(&origin, &sql, NULL), EG_OK);
    char *got = little_ask(sql.text);
    assert_non_null(strstr(got, "capture_cut"));
    free(got);
    eg_strbuf_reset(&sql);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_and_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
