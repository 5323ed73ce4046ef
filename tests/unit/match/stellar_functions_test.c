/* SPDX-License-Identifier: Apache-2.0
 * Finding functions, what is wrong with calls, and the functions on packets at their edges. */
#include "stellar_make.h"

static void rows(void **state) {
    (void)state;
    static const char *const rows[][2] = {

        {"IS_IP()", "?IS_IP takes 1 to 2 arguments"},
        {"TRIM()", "?TRIM takes 1 argument"},
        {"TRIM(1, 2)", "?TRIM takes 1 argument"},
        {"JOIN([1])", "?JOIN takes 2 arguments"},
        {"IN_SUBNET(1)", "?IN_SUBNET takes at least 2 arguments"},
        {"LENGHT(packet)", "?there is no function LENGHT (did you mean LENGTH?)"},
        {"IN_SUBNET(7, '10.0.0.0/8')", "!IN_SUBNET wants text, not a number"},
        {"IN_SUBNET(ip_src_addr, 7)", "!IN_SUBNET wants text, not a number"},
        {"IN_SUBNET(ip_src_addr, null)", "false"},
        {"IN_SUBNET(ip_src_addr, null, '10.0.0.0/8')", "true"},
        {"IN_SUBNET(ip_src_addr, '0.0.0.0/0')", "true"},
        {"IN_SUBNET('::1', '0.0.0.0/0')", "false"},
        {"BYTEARRAY_MATCHER(TO_UPPER('ff'), packet)", "true"},
        {"BYTEARRAY_MATCHER(TRIM('zz'), packet)", "!in the byte pattern"},
        {"BYTEARRAY_MATCHER(null, packet)", "false"},
        {"BYTEARRAY_MATCHER(1, packet)", "!wants text, not a number"},
        {"BYTEARRAY_MATCHER('00', 5)", "!wants text, not a number"},
        {"IS_IP('10.0.0.1', null)", "true"},
        {"IS_IP('10.0.0.1', 'ipv4')", "true"},
        {"IS_IP('10.0.0.1', 'IPX')", "false"},
        {"PROTOCOL_TO_NAME(1.5)", "1.5"},
        {"PROTOCOL_TO_NAME('')", "''"},
        {"PROTOCOL_TO_NAME(-1)", "-1"},
        {"PROTOCOL_TO_NAME(0)", "'HOPOPT'"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) value_is(rows[i][0], rows[i][1]);
}

/* Every function by its own name; a name cut short finds one near it or none, never itself. */
static void names(void **state) {
    (void)state;
    static const struct eg_stellar_function *const all[] = {
        eg_stellar_packet_functions, eg_stellar_text_functions, eg_stellar_list_functions,
        eg_stellar_number_functions, eg_stellar_place_functions};
    size_t count = 0;
    for (size_t i = 0; i < COUNT(all); i++)
        for (const struct eg_stellar_function *f = all[i]; f->name; f++, count++) {
            const char *nearest = NULL;
            size_t size = strlen(f->name);
            assert_ptr_equal(eg_stellar_function(eg_span(f->name, size), &nearest), f);
            assert_true(f->least <= f->most);
            assert_true(f->refused || f->run || strcmp(f->name, "IF_THEN_ELSE") == 0);
        }
    assert_true(count > 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
