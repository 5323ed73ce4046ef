/* SPDX-License-Identifier: Apache-2.0
 * Options from text: every type, its bounds, its errors, suggestions, and memory that runs out. */
#include "base/option.h"

#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct settings {
    bool loud;
    int64_t port;
    const char *output;
    int64_t wait_us;
    const char *format;
    struct eg_text_list fields;
    const char *password;
    int64_t gone;
};

#define AT(field) offsetof(struct settings, field)
static const struct eg_option options[] = {
    {.name = "loud", .letter = 'l', .type = EG_OPT_FLAG, .offset = AT(loud), .help = "Says more."},
    {.name = "netflow-port",
     .type = EG_OPT_INT,
     .offset = AT(port),
     .preset = "2055",
     .min = 1,
     .max = 65535,
     .value_name = "PORT",
     .help = "Where exports arrive."},
    {.name = "output",
     .type = EG_OPT_TEXT,
     .offset = AT(output),
     .value_name = "FILE",
     .help = "Where to write."},
    {.name = "wait",
     .type = EG_OPT_DURATION,
     .offset = AT(wait_us),
     .preset = "1.5s",
     .min = 1000,
     .max = INT64_C(3600000000),
     .help = "How long to wait."},
    {.name = "format",
     .type = EG_OPT_CHOICE,
     .offset = AT(format),
     .preset = "table",
     .choices = "table|wide|csv|markdown",
     .help = "How to write."},
    {.name = "fields",
     .type = EG_OPT_LIST,
     .offset = AT(fields),
     .preset = "a,b",
     .help = "What to write."},
    {.name = "password",
     .type = EG_OPT_INT,
     .offset = AT(password),
     .secret = true,
     .help = "Never shown."},
    {.name = "kafka",
     .type = EG_OPT_INT,
     .offset = AT(gone),
     .unavailable = "built without rdkafka",
     .help = "Not here."},
    EG_OPTION_END,
};

static int setup(void **state) {
    struct settings *s = calloc(1, sizeof *s);
    *state = s;
    return eg_options_preset(options, s, NULL);
}

static int teardown(void **state) {
    eg_options_reset(options, *state);
    free(*state);
    return 0;
}

static void presets(void **state) {
    struct settings *s = *state;
    assert_false(s->loud);
    assert_int_equal(s->port, 2055);
    assert_null(s->output);
    assert_int_equal(s->wait_us, 1500000);
    assert_string_equal(s->format, "table");
    assert_int_equal(s->fields.count, 2);
    assert_string_equal(s->fields.items[1], "b");
}

static void set_each_type(void **state) {
    struct settings *s = *state;
    assert_int_equal(eg_option_set(options, s, "loud", NULL, NULL), EG_OK);
    assert_true(s->loud);
    assert_int_equal(eg_option_set(options, s, "loud", "No", NULL), EG_OK);
    assert_false(s->loud);
    assert_int_equal(eg_option_set(options, s, "loud", "on", NULL), EG_OK);
    assert_true(s->loud);
    assert_int_equal(eg_option_set(options, s, "netflow-port", "10k", NULL), EG_OK);
    assert_int_equal(s->port, 10000);
    assert_int_equal(eg_option_set(options, s, "output", "", NULL), EG_OK);
    assert_string_equal(s->output, "");
    assert_int_equal(eg_option_set(options, s, "output", "x.csv", NULL), EG_OK);
    assert_string_equal(s->output, "x.csv");
    assert_int_equal(eg_option_set(options, s, "wait", "20ms", NULL), EG_OK);
    assert_int_equal(s->wait_us, 20000);
    assert_int_equal(eg_option_set(options, s, "format", "wide", NULL), EG_OK);
    assert_string_equal(s->format, "wide");
    assert_int_equal(eg_option_set(options, s, "fields", "c", NULL), EG_OK);
    assert_int_equal(eg_option_set(options, s, "fields", "d,e", NULL), EG_OK);
    assert_int_equal(s->fields.count, 5);
    assert_string_equal(s->fields.items[4], "e");
}

static void reset_leaves_zero(void **state) {
    struct settings *s = *state, zero;
    memset(&zero, 0, sizeof zero);
    eg_options_reset(options, s);
    assert_null(s->format);
    assert_null(s->fields.items);
    assert_int_equal(s->fields.count, 0);
    assert_int_equal(s->port, 0);
}

static void refuse(struct settings *s, const char *name, const char *text, const char *expected) {
    struct eg_error err = {0};
    assert_int_equal(eg_option_set(options, s, name, text, &err), EG_E_USAGE);
    assert_int_equal(err.status, EG_E_USAGE);
    assert_string_equal(err.message, expected);
}

static void errors_name_what_is_wrong(void **state) {
    struct settings *s = *state;
    refuse(s, "netflow-prot", "1",
           "there is no option \"netflow-prot\"; did you mean \"netflow-port\"? There are loud, "
           "netflow-port, "
           "output, wait, format, fields, password and kafka");
    refuse(
        s, "zzz", "1",
        "there is no option \"zzz\"; there are loud, netflow-port, output, wait, format, fields, "
        "password and kafka");
    refuse(s, "netflow-port", "ten",
           "option netflow-port: \"ten\" is not a whole number; write 10, 10k, 1.5M or 2Gi");
    refuse(s, "netflow-port", "70000",
           "option netflow-port: \"70000\" is too large: write 1 to 65535");
    refuse(s, "netflow-port", "0", "option netflow-port: \"0\" is too small: write 1 to 65535");
    refuse(s, "netflow-port", NULL, "option netflow-port needs a value: PORT");
    refuse(s, "loud", "maybe", "option loud: \"maybe\" is neither true nor false");
    refuse(s, "wait", "soon",
           "option wait: \"soon\" is not a duration; write 500ms, 10s, 1.5h, 2d or 1w");
    refuse(s, "wait", "2h", "option wait: \"2h\" is too long: write 1ms to 1h");
    refuse(s, "wait", "1us", "option wait: \"1us\" is too short: write 1ms to 1h");
    refuse(
        s, "format", "tabel",
        "option format: \"tabel\" is not one of table|wide|csv|markdown; did you mean \"table\"?");
    refuse(s, "format", "xml", "option format: \"xml\" is not one of table|wide|csv|markdown");
    refuse(s, "format", "tab", "option format: \"tab\" is not one of table|wide|csv|markdown");
    refuse(s, "format", NULL, "option format needs a value: table|wide|csv|markdown");
    refuse(s, "fields", "a,,b", "option fields: an item of the list is empty; write a or a,b,c");
    refuse(s, "fields", "", "option fields: an item of the list is empty; write a or a,b,c");
    refuse(s, "password", "hunter2",
           "option password: \"(secret)\" is not a whole number; write 10, 10k, 1.5M or 2Gi");
    refuse(s, "kafka", "1", "option kafka is not in this build: built without rdkafka");
    assert_string_equal(s->format, "table"); /* what was refused changed nothing */
    assert_int_equal(s->port, 2055);
}

/* The range is told in units that the option takes back. */
static void ranges_are_told_as_people_write_them(void **state) {
    (void)state;
    static const struct {
        const char *value_name;
        int64_t min, max;
        const char *text, *expected;
    } ranges[] = {
        {"BYTES", 2 << 20, INT64_MAX, "1", "too small: write 2Mi or more (bytes)"},
        {"BYTES", 4096, 1 << 30, "1", "too small: write 4Ki to 1Gi (bytes)"},
        {"BYTES", 4096, 1 << 30, "2Gi", "too large: write 4Ki to 1Gi (bytes)"},
        {"BYTES", 16, 65535, "100k", "too large: write 16 to 65535 (bytes)"},
        {"BYTES", 1, INT64_MAX, "0", "too small: write 1 or more (bytes)"},
        {"N", 0, 1000000000, "5G", "too large: write 0 to 1000000000"},
        {"N", 1, 100000, "0", "too small: write 1 to 100000"},
        {"N", 1, 65536, "0", "too small: write 1 to 65536"},
        {"N", 0, INT64_MAX, "-1", "too small: write 0 or more"},
        {NULL, 5, INT64_MAX / 2, "5E", "too large: write 5 to 4611686018427387903"},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const struct eg_option table[] = {{.name = "x",
                                           .type = EG_OPT_INT,
                                           .min = ranges[i].min,
                                           .max = ranges[i].max,
                                           .value_name = ranges[i].value_name,
                                           .help = "One number."},
                                          EG_OPTION_END};
        struct eg_error err;
        int64_t value = 0;
        char expected[200];
        snprintf(expected, sizeof expected, "option x: \"%s\" is %s", ranges[i].text,
                 ranges[i].expected);
        assert_int_equal(eg_option_set(table, &value, "x", ranges[i].text, &err), EG_E_USAGE);
        assert_string_equal(err.message, expected);
    }
}

static void quantities(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"100", 100},
        {"-5", -5},
        {"10k", 10000},
        {"10K", 10000},
        {"1.5M", 1500000},
        {"2Gi", INT64_C(2) << 30},
        {"2GiB", INT64_C(2) << 30},
        {"1g", 1000000000},
        {"1.0", 1},
        {"0.5Ki", 512},
        {"1T", INT64_C(1000000000000)},
        {"4B", 4},
        {"7kB", 7000},
        {"-1.5k", -1500},
        {"9223372036854775807", INT64_MAX},
        {"9E", INT64_C(9000000000000000000)},
        {"7Ei", INT64_C(7) << 60},
        {"1.123456789123456789123k", 1123},
    };
    static const char *const bad[] = {
        "",     " ",     "k",
        ".5",   "5.",    "1.5",
        "1,5",  "0x10",  "10 k",
        "10kk", "10ki2", "--1",
        "+1",   "1e3",   "9223372036854775808",
        "10E",  "8Ei",   "99999999999999999999999999999999999999999999",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t value = 77;
        if (!eg_quantity_parse(&value, good[i].text)) fail_msg("refused: %s", good[i].text);
        if (value != good[i].value) fail_msg("%s gave %lld", good[i].text, (long long)value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t value = 77;
        if (eg_quantity_parse(&value, bad[i])) fail_msg("taken: %s", bad[i]);
        assert_int_equal(value, 77);
    }
}

static void nearest_words(void **state) {
    (void)state;
    static const char *const words[] = {"src_ip", "dst_ip", "src_port", "bytes", "as"};
    assert_string_equal(eg_nearest("scr_ip", words, 5), "src_ip");     /* swapped */
    assert_string_equal(eg_nearest("srcip", words, 5), "src_ip");      /* left out */
    assert_string_equal(eg_nearest("SRC-PORT", words, 5), "src_port"); /* case, one other letter */
    assert_string_equal(eg_nearest("bytess", words, 5), "bytes");
    assert_string_equal(eg_nearest("bites", words, 5), "bytes");
    assert_null(eg_nearest("packets", words, 5));
    assert_null(eg_nearest("x", words, 5));
    assert_null(eg_nearest("", words, 5));
    char lengthy[200];
    memset(lengthy, 'b', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = 0;
    assert_null(eg_nearest(lengthy, words, 5));
}

static void memory_runs_out(void **state) {
    (void)state;
    for (long n = 0;; n++) {
        struct settings s;
        memset(&s, 0, sizeof s);
        struct eg_error err = {0};
        torture_fail_after(n);
        enum eg_status status = eg_options_preset(options, &s, &err);
        if (status == EG_OK) status = eg_option_set(options, &s, "fields", "c,d", &err);
        if (status == EG_OK) status = eg_option_set(options, &s, "format", "csv", &err);
        bool failed = torture_off();
        eg_options_reset(options, &s);
        if (!failed) {
            assert_int_equal(status, EG_OK);
            assert_true(n >= 8);
            return;
        }
        assert_int_equal(status, EG_E_NOMEM);
        assert_non_null(strstr(err.message, "no memory"));
    }
}

/* Whatever is typed is either taken or refused with a text, and never read past its end. */
static void random_texts(void **state) {
    struct settings *s = *state;
    static const char alphabet[] = "0123456789.kMGi-,hmsd table|csv\xc3\xb5\x01";
    uint64_t seed = 20260102;
    for (int round = 0; round < 20000; round++) {
        char text[12];
        size_t size = 0;
        for (; size < 11; size++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
            if ((seed >> 33) % 9 == 0) break;
            text[size] = alphabet[(seed >> 40) % (sizeof alphabet - 1)];
        }
        char *exact = malloc(size + 1);
        memcpy(exact, text, size);
        exact[size] = 0;
        const struct eg_option *option = &options[(seed >> 20) % 6];
        struct eg_error err = {0};
        enum eg_status status = eg_option_set(options, s, option->name, exact, &err);
        assert_true(status == EG_OK || (status == EG_E_USAGE && *err.message));
        if (s->port < 1 || s->port > 65535) fail_msg("port out of bounds after %s", exact);
        free(exact);
    }
}

/* Back into the units that are read. */
static void quantities_as_text(void **state) {
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {1, "1"},
        {65535, "65535"},
        {65536, "65536"},
        {1 << 20, "1Mi"},
        {(1 << 20) + 1, "1048577"},
        {-(3 << 20), "-3Mi"},
        {INT64_C(1536) << 20, "1536Mi"},
        {INT64_C(2) << 30, "2Gi"},
        {INT64_C(1) << 40, "1Ti"},
        {INT64_C(1) << 62, "4Ei"},
        {INT64_MAX, "9223372036854775807"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[24];
        int64_t back;
        eg_quantity_text(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
        assert_true(eg_quantity_parse(&back, text));
        assert_int_equal(back, cases[i].value);
    }
    static const struct eg_option memory[] = {
        {.name = "memory", .type = EG_OPT_INT, .min = 1 << 20, .max = INT64_C(1) << 40},
        EG_OPTION_END,
    };
    int64_t value = 0;
    struct eg_error err;
    assert_int_equal(eg_option_set(memory, &value, "memory", "1", &err), EG_E_USAGE);
    assert_string_equal(err.message, "option memory: \"1\" is too small: write 1Mi to 1Ti");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(presets, setup, teardown),
        cmocka_unit_test_setup_teardown(set_each_type, setup, teardown),
        cmocka_unit_test_setup_teardown(reset_leaves_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_name_what_is_wrong, setup, teardown),
        cmocka_unit_test(quantities),
        cmocka_unit_test(quantities_as_text),
        cmocka_unit_test(ranges_are_told_as_people_write_them),
        cmocka_unit_test(nearest_words),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test_setup_teardown(random_texts, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
