/* SPDX-License-Identifier: Apache-2.0
 * UTF-8: told apart from what is none, and mended. */
#include "engine/utf8.h"

#include "engine_make.h"

static void whole_texts_are_told(void **state) {
    (void)state;
    static const struct {
        const char *text, *mended;
    } cases[] = {
        {"", NULL},
        {"plain ASCII of some length", NULL},
        {"Grüße, 世界 🌍", NULL},
        {"\x7f", NULL},
        {"\xed\x9f\xbf \xee\x80\x80 \xf4\x8f\xbf\xbf", NULL},
        {"a\xff" "b", "a\xef\xbf\xbd" "b"},
        {"\xc3", "\xef\xbf\xbd"},
        {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf0\x80\x80\x80x", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"long enough to be taken by eights \xe4\xb8", "long enough to be taken by eights \xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_span text = eg_span(cases[i].text, strlen(cases[i].text));
        assert_int_equal(eg_utf8_whole(text), cases[i].mended == NULL);
        struct eg_strbuf to = {0};
        eg_utf8_mend(text, &to);
        assert_string_equal(to.text ? to.text : "", cases[i].mended ? cases[i].mended : cases[i].text);
        assert_true(eg_utf8_whole(eg_span(to.text, to.size)));
        eg_strbuf_reset(&to);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_texts_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
