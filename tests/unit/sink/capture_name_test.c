/* SPDX-License-Identifier: Apache-2.0
 * Names of capture files: what a pattern gives, and what it may not give. */
#include "sink/capture_name.h"

#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WHEN INT64_C(1767355209123456789) /* 2026-01-02T12:00:09.123456789Z */

static const char *name(const char *pattern, const char *host, const char *interface) {
    static char out[EG_CAPTURE_NAME_MAX];
    struct eg_error err = {0};
    struct eg_capture_naming naming = {pattern, host, interface, WHEN};
    enum eg_status status = eg_capture_name(out, &naming, &err);
    if (status >= 0) return out;
    assert_int_equal(status, EG_E_USAGE);
    assert_non_null(strstr(err.message, "gives no name"));
    return "refused";
}

static void patterns(void **state) {
    (void)state;
    assert_string_equal(name("%Y/%m/%d/%{host}-%{interface}-%Y%m%dT%H%M%S.pcap", "gw", "eth0"),
                        "2026/01/02/gw-eth0-20260102T120009.pcap");
    assert_string_equal(name("%{interface}/%s.pcapng", "h", "wlan0"), "wlan0/1767355209.pcapng");
    assert_string_equal(name("100%%-%%{host}", "h", "i"), "100%-%{host}");
    assert_string_equal(name("plain.pcap", "h", "i"), "plain.pcap");
    assert_string_equal(name("pcap_t_%{ns}_0_r", "h", "i"), "pcap_t_1767355209123456789_0_r");
}

/* What comes from outside stays inside its component, and cannot hide the file. */
static void words_from_outside(void **state) {
    (void)state;
    assert_string_equal(name("%{host}.pcap", "../../etc/passwd", "i"), "_._.._etc_passwd.pcap");
    assert_string_equal(name("a-%{interface}.pcap", "h", "%n/../\n\xff"), "a-_n_..___.pcap");
    assert_string_equal(name("%{interface}.pcap", "h", ".hidden"), "_hidden.pcap");
}

static void refused(void **state) {
    (void)state;
    const char *bad[] = {"",       "/abs.pcap", "a/../b.pcap", "../b", ".hidden", "a//b",
                         "a/",     "a/.b",      "%{host}/",    "a\tb", "%n",
                         "%{interface}"};
    for (size_t i = 0; i + 1 < sizeof bad / sizeof *bad; i++)
        assert_string_equal(name(bad[i], "h", "i"), "refused");
    assert_string_equal(name("%{interface}", "h", ""), "refused");
    char longest[400];
    memset(longest, 'a', sizeof longest);
    longest[399] = 0;
    assert_string_equal(name(longest, "h", "i"), "refused");
    longest[240] = 0;
    assert_string_equal(name(longest, "h", "i"), longest);
}

static void counted(void **state) {
    (void)state;
    char out[EG_CAPTURE_NAME_MAX];
    assert_true(eg_capture_name_count(out, "a.b/c.pcap", 0));
    assert_string_equal(out, "a.b/c.pcap");
    assert_true(eg_capture_name_count(out, "a.b/c.pcap", 12));
    assert_string_equal(out, "a.b/c-12.pcap");
    assert_true(eg_capture_name_count(out, "a.b/c", 1));
    assert_string_equal(out, "a.b/c-1");
}

static void hidden_and_back(void **state) {
    (void)state;
    char hidden[EG_CAPTURE_NAME_MAX], shown[EG_CAPTURE_NAME_MAX];
    const char *names[] = {"a.pcap", "x/y/a.pcap", "b"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(eg_capture_name_hide(hidden, names[i]));
        assert_true(eg_capture_name_show(shown, hidden));
        assert_string_equal(shown, names[i]);
    }
    assert_string_equal(hidden, ".b.tmp");
    assert_false(eg_capture_name_show(shown, "x/a.tmp"));
    assert_false(eg_capture_name_show(shown, "x/.a.tmq"));
    assert_false(eg_capture_name_show(shown, ".tmp"));
}

static void which_interface(void **state) {
    (void)state;
    assert_true(eg_capture_name_has_interface("a/%{interface}.pcap"));
    assert_false(eg_capture_name_has_interface("a/%{host}.pcap"));
}

static void without_memory(void **state) {
    (void)state;
    char out[EG_CAPTURE_NAME_MAX];
    struct eg_capture_naming naming = {"a.pcap", "h", "i", WHEN};
    torture_fail_after(0);
    enum eg_status status = eg_capture_name(out, &naming, NULL);
    assert_true(torture_off());
    assert_int_equal(status, EG_E_NOMEM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns),       cmocka_unit_test(words_from_outside),
        cmocka_unit_test(refused),        cmocka_unit_test(counted),
        cmocka_unit_test(hidden_and_back), cmocka_unit_test(which_interface),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
