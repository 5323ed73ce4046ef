/* SPDX-License-Identifier: Apache-2.0
 * MaxMind DB files: every size of node, every type of value, pointers; files that are cut, changed, made to
 * take long or to nest deep; and files that are none. */
#include "mmdb_make.h"
#include "torture.h"

#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

typedef const char *const path[EG_MMDB_DEPTH_MAX];

/* What stands under the path for the address, as text; "none", "damaged". */
static const char *asked(const struct eg_mmdb *db, const char *ip, path names, char text[100]) {
    struct eg_addr addr;
    struct eg_mmdb_record record;
    struct eg_mmdb_value value;
    assert_true(eg_addr_parse(&addr, ip, strlen(ip)));
    enum eg_mmdb_answer answer = eg_mmdb_find(db, &addr, &record);
    if (answer == EG_MMDB_THERE) answer = eg_mmdb_get(&record, names, &value);
    if (answer != EG_MMDB_THERE)
        snprintf(text, 100, "%s", answer == EG_MMDB_NONE ? "none" : "damaged");
    else if (value.kind == EG_MMDB_TEXT)
        snprintf(text, 100, "%.*s", (int)(value.text.size > 90 ? 90 : value.text.size),
                 (const char *)value.text.at);
    else if (value.kind == EG_MMDB_WHOLE)
        snprintf(text, 100, "%lld", (long long)value.whole);
    else
        snprintf(text, 100, "%g", value.real);
    return text;
}

static struct eg_mmdb opened(struct file_made file) {
    struct eg_mmdb db;
    struct eg_error err;
    if (eg_mmdb_of(&db, eg_span(file.bytes, file.size), "F", &err) < 0) fail_msg("%s", err.message);
    return db;
}

/* ---- the tree ---- */

static void nodes(void **state) {
    (void)state;
    static const struct {
        const char *ip;
        path names;
        const char *is;
    } rows[] = {
        {"81.2.69.192", {"city", "names", "en"}, "London"},
        {"81.2.69.0", {"country", "iso_code"}, "GB"},
        {"81.2.69.255", {"city", "geoname_id"}, "2643743"},
        {"81.2.70.0", {"country", "iso_code"}, "none"},
        {"81.2.68.255", {"country", "iso_code"}, "none"},
        {"216.160.83.56", {"location", "metro_code"}, "819"},
        {"216.160.83.56", {"location", "longitude"}, "-122.315"},
        {"216.160.83.56", {"location"}, "none"},
        {"216.160.83.56", {"location", "nothing"}, "none"},
        {"216.160.83.56", {"postal", "code", "more"}, "none"},
        {"2001:db8:7:ffff::1", {"country", "names", "en"}, "United Kingdom"},
        {"2001:db8:8::", {"country", "iso_code"}, "none"},
        {"::ffff:81.2.69.1", {"country", "iso_code"}, "GB"},
        {"9.9.9.9", {"country", "iso_code"}, "damaged"},
        {"255.255.255.255", {"country", "iso_code"}, "none"},
    };
    static const unsigned widths[] = {24, 28, 32};
    char text[100];
    for (size_t w = 0; w < COUNT(widths); w++) {
        struct file_made file = places_made(widths[w]);
        struct eg_mmdb db = opened(file);
        assert_true(eg_span_is(db.type, "GeoLite2-City"));
        for (size_t i = 0; i < COUNT(rows); i++)
            if (strcmp(asked(&db, rows[i].ip, rows[i].names, text), rows[i].is) != 0)
                fail_msg("%u bits, %s: is %s, not %s", widths[w], rows[i].ip, text, rows[i].is);
        free(file.bytes);
    }
}

/* A tree for IPv4 alone; one whose IPv4 addresses are all of one network. */
static void versions(void **state) {
    (void)state;
    char text[100];
    struct made m;
    made_init(&m, 24, false);
    put_text(&m, "all");
    made_net(&m, "128.0.0.0/1", 0);
    struct file_made file = made_file(&m, "X");
    struct eg_mmdb db = opened(file);
    assert_string_equal(asked(&db, "200.1.1.1", (path){NULL}, text), "all");
    assert_string_equal(asked(&db, "100.1.1.1", (path){NULL}, text), "none");
    assert_string_equal(asked(&db, "8000::1", (path){NULL}, text), "none");
    free(file.bytes);
    made_init(&m, 24, true);
    put_text(&m, "low");
    made_net(&m, "::/64", 0);
    file = made_file(&m, "X");
    db = opened(file);
    assert_string_equal(asked(&db, "200.1.1.1", (path){NULL}, text), "low");
    assert_string_equal(asked(&db, "1::", (path){NULL}, text), "none");
    free(file.bytes);
}

/* Records of 28 bits that need their high four, and pointers of every width. */
static void far(void **state) {
    (void)state;
    char text[100];
    struct made m;
    size_t places[4];
    static char filler[600000];
    memset(filler, 'x', sizeof filler - 1);
    for (unsigned bits = 28; bits <= 32; bits += 4) {
        made_init(&m, bits, false);
        put_text(&m, "first");
        put_head(&m, 2, 2100);
        put(&m, filler, 2100);
        size_t second = m.size;
        put_text(&m, "second");
        put_text(&m, filler); /* a size of 31 and three bytes */
        size_t third = m.size;
        put_text(&m, "third");
        for (unsigned i = 0; bits == 28 && i < 30; i++) put_text(&m, filler);
        static const char *const is[] = {"first", "second", "third", "second"};
        size_t to[] = {0, second, third, second};
        for (unsigned i = 0; i < 4; i++) {
            char net[20];
            places[i] = m.size;
            put_map(&m, 1);
            put_key(&m, "to");
            put_pointer(&m, i, to[i]);
            snprintf(net, sizeof net, "%u.0.0.0/8", 1 + 2 * i);
            made_net(&m, net, places[i]);
            snprintf(net, sizeof net, "%u.0.0.0/8", 2 + 2 * i);
            made_net(&m, net, places[i]);
        }
        assert_true(bits != 28 || places[0] > 1 << 24);
        struct file_made file = made_file(&m, "X");
        struct eg_mmdb db = opened(file);
        for (unsigned i = 0; i < 8; i++) {
            char ip[20];
            snprintf(ip, sizeof ip, "%u.1.1.1", 1 + i);
            assert_string_equal(asked(&db, ip, (path){"to"}, text), is[i / 2]);
        }
        free(file.bytes);
    }
}

/* ---- values ---- */

static void put_typed(struct made *m) {
    put_map(m, 12);
    put_key(m, "float");
    put_head(m, 15, 4);
    put_number(m, 0x3fc00000, 4);
    put_key(m, "negative");
    put_head(m, 8, 4);
    put_number(m, 0xfffffffe, 4);
    put_key(m, "short");
    put_whole(m, 8, 77);
    put_key(m, "big");
    put_whole(m, 9, INT64_MAX);
    put_key(m, "too-big");
    put_whole(m, 9, UINT64_MAX);
    put_key(m, "huge");
    put_head(m, 10, 16);
    put(m, "0123456789abcdef", 16);
    put_key(m, "bytes");
    put_head(m, 4, 3);
    put(m, "abc", 3);
    put_key(m, "zero");
    put_whole(m, 6, 0);
    put_key(m, "long");
    put_whole(m, 5, 70000); /* three bytes, where two may be */
    put_key(m, "half");
    put_head(m, 3, 4);
    put_number(m, 0, 4);
    put_key(m, "empty");
    put_text(m, "");
    put_key(m, "cut"); /* the last value, which is longer than the data */
    put_head(m, 2, 28);
}

static void types(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"float", "1.5"},
        {"negative", "-2"},
        {"short", "77"},
        {"big", "9223372036854775807"},
        {"too-big", "none"},
        {"huge", "none"},
        {"bytes", "none"},
        {"zero", "0"},
        {"long", "damaged"},
        {"half", "damaged"},
        {"empty", ""},
        {"cut", "damaged"},
        {"not there", "damaged"}, /* it is looked for behind what is cut */
    };
    char text[100];
    struct made m;
    made_init(&m, 24, false);
    put_typed(&m);
    made_net(&m, "0.0.0.0/1", 0);
    struct file_made file = made_file(&m, "X");
    struct eg_mmdb db = opened(file);
    /* the description stands behind the data, so that what is cut does not end with the file */
    for (size_t i = 0; i < COUNT(rows); i++)
        if (strcmp(asked(&db, "1.1.1.1", (path){rows[i][0]}, text), rows[i][1]) != 0)
            fail_msg("%s: is %s, not %s", rows[i][0], text, rows[i][1]);
    free(file.bytes);
}

/* ---- hostile files ---- */

/* Everything that can be asked, of bytes that nothing may be read beyond. */
static void ask_all(const uint8_t *bytes, size_t size, unsigned *answers) {
    static const char *const ips[] = {"81.2.69.192", "216.160.83.56", "2001:db8:7::1",
                                      "9.9.9.9",     "8.8.4.4",       "128.0.0.1"};
    static path names[] = {{"city", "names", "en"},   {"city", "geoname_id"},
                           {"country", "iso_code"},   {"postal", "code"},
                           {"location", "longitude"}, {NULL}};
    struct eg_mmdb db;
    struct eg_error err;
    char text[100];
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    if (size) memcpy(copy, bytes, size);
    copy = realloc(copy, size ? size : 1); /* the sanitizer knows where it ends */
    assert_non_null(copy);
    enum eg_status status = eg_mmdb_of(&db, eg_span(copy, size), "F", &err);
    answers[status < 0]++;
    for (size_t i = 0; status >= 0 && i < COUNT(ips); i++)
        for (size_t k = 0; k < COUNT(names); k++)
            answers[strcmp(asked(&db, ips[i], names[k], text), "damaged") == 0 ? 2 : 3]++;
    free(copy);
}

static void cut(void **state) {
    (void)state;
    unsigned answers[4] = {0};
    struct file_made file = places_made(28);
    for (size_t size = 0; size < file.size; size++) ask_all(file.bytes, size, answers);
    assert_int_equal(answers[0], 0); /* of a cut file the description is never whole */
    assert_int_equal(answers[1], file.size);
    /* without its beginning, the tree and the data do not fit the description */
    ask_all(file.bytes + 1000, file.size - 1000, answers);
    assert_int_equal(answers[0], 0);
    free(file.bytes);
}

static void changed(void **state) {
    (void)state;
    static const uint8_t with[] = {0x01, 0x80, 0xff, 0xe0};
    unsigned answers[4] = {0};
    struct file_made file = places_made(24);
    for (size_t at = 0; at < file.size; at++)
        for (size_t k = 0; k < COUNT(with); k++) {
            file.bytes[at] ^= with[k];
            ask_all(file.bytes, file.size, answers);
            file.bytes[at] ^= with[k];
        }
    for (size_t i = 0; i < COUNT(answers); i++) assert_true(answers[i] > 20);
    free(file.bytes);
}

/* What nests deep, has more values than may be gone through, or leads round in a circle is an answer too,
 * and one that comes at once. */
static void bombs(void **state) {
    (void)state;
    char text[100];
    struct made m;
    made_init(&m, 32, false);
    size_t deep = m.size;
    put_map(&m, 2);
    put_key(&m, "a");
    for (int i = 0; i < 300000; i++) put_head(&m, 11, 1);
    put_text(&m, "the end");
    put_key(&m, "x");
    put_text(&m, "behind");
    size_t wide = m.size;
    put_map(&m, 2);
    put_key(&m, "a");
    put_head(&m, 11, 16000000);
    put_text(&m, "the end");
    size_t most = m.size;
    put_map(&m, 16000000);
    for (int i = 0; i < 80000; i++) {
        put_text(&m, "");
        put_text(&m, "");
    }
    size_t circle = m.size;
    put_pointer(&m, 3, circle);
    size_t inside = m.size;
    put_map(&m, 1);
    put_key(&m, "x");
    put_pointer(&m, 3, inside);
    size_t outside = m.size;
    put_pointer(&m, 3, 0xfffffff0);
    made_net(&m, "1.0.0.0/8", deep);
    made_net(&m, "2.0.0.0/8", wide);
    made_net(&m, "3.0.0.0/8", most);
    made_net(&m, "4.0.0.0/8", circle);
    made_net(&m, "5.0.0.0/8", inside);
    made_net(&m, "6.0.0.0/8", outside);
    made_net(&m, "7.0.0.0/8", 0x10000000);
    struct file_made file = made_file(&m, "X");
    struct eg_mmdb db = opened(file);
    static const char *const ips[] = {"1.1.1.1", "2.1.1.1", "3.1.1.1",
                                      "4.1.1.1", "6.1.1.1", "7.1.1.1"};
    for (size_t i = 0; i < COUNT(ips); i++)
        if (strcmp(asked(&db, ips[i], (path){"x"}, text), "damaged") != 0)
            fail_msg("%s: is %s", ips[i], text);
    assert_string_equal(asked(&db, "5.1.1.1", (path){"x", "x", "x", "x", "x", "x"}, text), "none");
    free(file.bytes);
}

/* ---- files ---- */

static void written(const char *name, const void *bytes, size_t size) {
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void files(void **state) {
    (void)state;
    char folder[] = "/tmp/mmdb_test.XXXXXX", name[100], text[100];
    struct eg_error err;
    struct eg_mmdb *db = NULL;
    assert_non_null(mkdtemp(folder));
    snprintf(name, sizeof name, "%s/x.mmdb", folder);
    assert_int_equal(eg_mmdb_open(&db, name, &err), EG_E_NOENT);
    assert_non_null(strstr(err.message, "x.mmdb: No such file"));
    assert_int_equal(eg_mmdb_open(&db, folder, &err), EG_E_FORMAT);
    assert_non_null(strstr(err.message, "is no file"));
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_int_equal(eg_mmdb_open(&db, name, &err), EG_E_FORMAT); /* and nothing is waited for */
    unlink(name);
    written(name, "", 0);
    assert_int_equal(eg_mmdb_open(&db, name, &err), EG_E_FORMAT);
    assert_non_null(strstr(err.message, "is no whole MaxMind DB (.mmdb)"));
    written(name, "\x1f\x8b\x08 and so on", 13);
    assert_int_equal(eg_mmdb_open(&db, name, &err), EG_E_FORMAT);
    assert_non_null(strstr(err.message, "unpack it first"));
    struct file_made file = as_numbers_made();
    for (size_t i = 0; i + 29 < file.size; i++)
        if (memcmp(file.bytes + i, "binary_format_major_version", 27) == 0) file.bytes[i + 28] = 3;
    written(name, file.bytes, file.size);
    assert_int_equal(eg_mmdb_open(&db, name, &err), EG_E_FORMAT);
    assert_non_null(strstr(err.message, "is of version 3"));
    free(file.bytes);
    file = as_numbers_made();
    written(name, file.bytes + 600, file.size - 600);
    assert_int_equal(eg_mmdb_open(&db, name, &err), EG_E_FORMAT);
    assert_non_null(strstr(err.message, "is damaged"));
    assert_null(db);
    written(name, file.bytes, file.size);
    for (long n = 0;; n++) {
        torture_fail_after(n);
        enum eg_status status = eg_mmdb_open(&db, name, &err);
        if (!torture_off()) {
            assert_int_equal(status, EG_OK);
            break;
        }
        assert_int_equal(status, EG_E_NOMEM);
    }
    written(name, "", 0); /* what happens to the file later changes nothing */
    assert_string_equal(asked(db, "8.8.4.4", (path){"autonomous_system_number"}, text), "15169");
    eg_mmdb_close(db);
    eg_mmdb_close(NULL);
    free(file.bytes);
    unlink(name);
    rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes), cmocka_unit_test(versions), cmocka_unit_test(far),
        cmocka_unit_test(types), cmocka_unit_test(cut),      cmocka_unit_test(changed),
        cmocka_unit_test(bombs), cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
