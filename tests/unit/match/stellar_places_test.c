/* SPDX-License-Identifier: Apache-2.0
 * GEO_GET and ASN_GET beyond what stellar_expressions.tsv has: without a database, on records that are damaged
 * or not as MaxMind's are, for every address that nothing is known about, and where memory ends. */
#include "stellar_make.h"
#include "torture.h"

/* The value with these databases, of which either may be NULL. */
static const char *with(struct file_made *geo, struct file_made *asn, const char *expression,
                        char text[600]) {
    struct eg_mmdb places, as_numbers;
    if (geo)
        assert_int_equal(eg_mmdb_of(&places, eg_span(geo->bytes, geo->size), "F", NULL), EG_OK);
    if (asn)
        assert_int_equal(eg_mmdb_of(&as_numbers, eg_span(asn->bytes, asn->size), "F", NULL), EG_OK);
    struct eg_stellar_databases databases = {geo ? &places : NULL, asn ? &as_numbers : NULL};
    return stellar_asking(geo || asn ? &databases : NULL, expression, false, text);
}

static void without(void **state) {
    (void)state;
    static const char geo[] = "GEO_GET(ip_src_addr)",
                      asn[] = "true or exists(x) or ASN_GET('1.1.1.1') == 1";
    struct file_made places = places_made(24), as_numbers = as_numbers_made();
    char text[600];
    with(NULL, NULL, geo, text);
    assert_non_null(strstr(text, "?0 "));
    assert_non_null(
        strstr(text, "GEO_GET needs a database of places: name one with --geo FILE.mmdb"));
    with(&places, NULL, asn, text);
    assert_non_null(strstr(text, "?21 "));
    assert_non_null(
        strstr(text, "ASN_GET needs a database of AS numbers: name one with --asn FILE"));
    assert_string_equal(with(&places, NULL, geo, text), "{}");
    assert_string_equal(with(NULL, &as_numbers, "ASN_GET('1.1.1.1')", text), "{}");
    free(places.bytes);
    free(as_numbers.bytes);
}

/* Every private, own and group address, and its neighbours, in a database that knows all. */
static void nowhere(void **state) {
    (void)state;
    static const char *const none[] = {
        "0.0.0.0",
        "10.0.0.0",
        "10.255.255.255",
        "127.0.0.0",
        "127.255.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "224.0.0.0",
        "239.255.255.255",
        "::",
        "::1",
        "fc00::",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
    };
    static const char *const known[] = {
        "0.0.0.1",     "9.255.255.255",   "11.0.0.0",   "126.255.255.255",
        "128.0.0.0",   "172.15.255.255",  "172.32.0.0", "192.167.255.255",
        "192.169.0.0", "223.255.255.255", "240.0.0.0",  "169.254.0.1",
        "::2",         "fbff::",          "fe00::",     "fe7f::1",
        "2001:db8::1",
    };
    char text[600], expression[100];
    struct made m;
    made_init(&m, 24, true);
    put_map(&m, 1);
    put_key(&m, "country");
    put_map(&m, 1);
    put_key(&m, "iso_code");
    put_text(&m, "ZZ");
    made_net(&m, "::/1", 0);
    made_net(&m, "8000::/1", 0);
    struct file_made file = made_file(&m, "X");
    for (size_t i = 0; i < COUNT(none) + COUNT(known); i++) {
        bool is_known = i >= COUNT(none);
        const char *ip = is_known ? known[i - COUNT(none)] : none[i];
        snprintf(expression, sizeof expression, "GEO_GET('%s', ['country'])", ip);
        with(&file, NULL, expression, text);
        if (strcmp(text, is_known ? "'ZZ'" : "null") != 0) fail_msg("%s: %s", ip, text);
    }
    assert_string_equal(with(NULL, &file, "ASN_GET('1.2.3.4', ['network'])", text), "'0.0.0.0/0'");
    free(file.bytes);
}

/* Values of other types than MaxMind's are text as well as they can be. */
static void odd(void **state) {
    (void)state;
    char text[600];
    struct made m;
    made_init(&m, 24, false);
    put_map(&m, 4);
    put_key(&m, "city");
    put_text(&m, "no map");
    put_key(&m, "country");
    put_map(&m, 1);
    put_key(&m, "iso_code");
    put_whole(&m, 6, 44);
    put_key(&m, "location");
    put_map(&m, 2);
    put_key(&m, "latitude");
    put_text(&m, "51.5");
    put_key(&m, "longitude");
    put_whole(&m, 5, 7);
    put_key(&m, "autonomous_system_number");
    put_text(&m, "AS1");
    made_net(&m, "0.0.0.0/1", 0);
    struct file_made file = made_file(&m, "X");
    assert_string_equal(
        with(&file, NULL, "GEO_GET('1.2.3.4', ['city', 'country', 'location_point'])", text),
        "{'city' : '', 'country' : '44', 'location_point' : '51.5,7'}");
    assert_string_equal(with(NULL, &file, "ASN_GET('1.2.3.4', ['autonomous_system_number'])", text),
                        "null");
    assert_string_equal(with(NULL, &file, "ASN_GET('1.2.3.4', ['network'])", text), "'0.0.0.0/1'");
    free(file.bytes);
}

/* A damaged record, and a name of a field that no packet was needed for, of some packets only. */
static void unanswered(void **state) {
    (void)state;
    char text[600];
    value_is("GEO_GET(SUBSTRING('9.9.9.9:', 0, 7 * protocol / 6), ['city'])",
             "!GEO_GET: what the database says about 9.9.9.9 is damaged");
    value_is("GEO_GET('81.2.69.1', [TO_LOWER(PROTOCOL_TO_NAME(protocol))])",
             "!GEO_GET has no field 'tcp', but locID");
    assert_string_equal(stellar_about("GEO_GET(ip_src_addr)", true, text), "null");
}

static void no_memory(void **state) {
    (void)state;
    struct file_made places = places_made(24), as_numbers = as_numbers_made();
    char text[600];
    static const char *const rows[] = {"GEO_GET(SUBSTRING('81.2.69.1', 0, protocol + 3))",
                                       "ASN_GET('8.8.4.4')"};
    struct eg_mmdb made[2];
    assert_int_equal(eg_mmdb_of(&made[0], eg_span(places.bytes, places.size), "F", NULL), EG_OK);
    assert_int_equal(eg_mmdb_of(&made[1], eg_span(as_numbers.bytes, as_numbers.size), "F", NULL),
                     EG_OK);
    struct eg_stellar_databases databases = {&made[0], &made[1]};
    struct eg_layers layers = packet_layers();
    struct eg_stellar_facts facts = {.layers = &layers};
    for (size_t i = 0; i < COUNT(rows); i++) {
        stellar_asking(&databases, rows[i], false, text);
        bool failed = true;
        for (long n = 0; failed; n++) {
            struct eg_arena arena = {0};
            struct eg_stellar *stellar = NULL;
            struct eg_strbuf value = {0};
            char why[EG_STELLAR_WHY];
            torture_fail_after(n);
            bool good = eg_stellar_parse_any(&stellar, rows[i], &databases, &arena, NULL) >= 0 &&
                        eg_stellar_value(stellar, &facts, &value, why) && !value.failed;
            failed = torture_off();
            if (good) assert_string_equal(value.text, text);
            if (!failed) assert_true(good);
            eg_strbuf_reset(&value);
            eg_arena_reset(&arena);
        }
    }
    free(places.bytes);
    free(as_numbers.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without),    cmocka_unit_test(nowhere),   cmocka_unit_test(odd),
        cmocka_unit_test(unanswered), cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
