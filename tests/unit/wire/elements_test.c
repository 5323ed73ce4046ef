/* SPDX-License-Identifier: Apache-2.0
 * The table of information elements: its order, what it says, and how one is found. */
#include "table/columns.h"
#include "wire/elements.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void is_sorted_and_unique(void **state) {
    (void)state;
    assert_null(eg_element_at(eg_element_count()));
    for (size_t i = 1; i < eg_element_count(); i++) {
        const struct eg_element *a = eg_element_at(i - 1), *b = eg_element_at(i);
        if (a->pen > b->pen || (a->pen == b->pen && a->id >= b->id))
            fail_msg("%u:%u stands before %u:%u", a->pen, a->id, b->pen, b->id);
    }
}

static void names_are_unique_in_their_pen(void **state) {
    (void)state;
    for (size_t i = 0; i < eg_element_count(); i++) {
        const struct eg_element *a = eg_element_at(i), *b;
        for (const char *c = a->name; *c; c++)
            assert_non_null(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789_-",
                                   *c));
        for (size_t k = i + 1; (b = eg_element_at(k)) && b->pen == a->pen; k++)
            if (strcmp(a->name, b->name) == 0)
                fail_msg("%s is %u:%u and %u:%u", a->name, a->pen, a->id, b->pen, b->id);
    }
}

static void every_element_is_found_and_nothing_else(void **state) {
    (void)state;
    size_t found = 0;
    for (size_t i = 0; i < eg_element_count(); i++) {
        const struct eg_element *e = eg_element_at(i);
        assert_ptr_equal(eg_element_find(e->pen, e->id), e);
    }
    for (uint32_t id = 0; id < 57472; id++) found += eg_element_find(0, (uint16_t)id) != NULL;
    size_t v9 = (size_t)(eg_element_find(0, 56702) - eg_element_find(0, 533));
    assert_int_equal(found, 502 + v9); /* IANA's count of 2026-07-22, named ones */
    const uint16_t nobody[] = {0, 65, 69, 97, 105, 127, 416, 419, 534, 1023, 1024, 32767, 65535};
    for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++)
        assert_null(eg_element_find(0, nobody[i]));
    assert_null(eg_element_find(1, 1));
    assert_null(eg_element_find(UINT32_MAX, 65535));
    assert_null(eg_element_find(EG_PEN_REVERSE, 1)); /* a rule, not rows */
}

static void says_what_the_registries_say(void **state) {
    (void)state;
    static const struct {
        uint32_t pen;
        uint16_t id;
        const char *name, *type, *column;
    } facts[] = {
        {0, 1, "octetDeltaCount", "unsigned64", "bytes"},
        {0, 6, "tcpControlBits", "unsigned16", "tcp_flags"},
        {0, 21, "flowEndSysUpTime", "unsigned32", "end_time"},
        {0, 22, "flowStartSysUpTime", "unsigned32", "start_time"},
        {0, 27, "sourceIPv6Address", "ipv6Address", "src_ip"},
        {0, 57, "postDestinationMacAddress", "macAddress", "dst_mac"},
        {0, 79, "mplsLabelStackSection10", "octetArray", "mpls_labels"},
        {0, 81, "postSourceMacAddress", "macAddress", "src_mac"},
        {0, 95, "applicationId", "octetArray", "application"},
        {0, 150, "flowStartSeconds", "dateTimeSeconds", "start_time"},
        {0, 153, "flowEndMilliseconds", "dateTimeMilliseconds", "end_time"},
        {0, 154, "flowStartMicroseconds", "dateTimeMicroseconds", "start_time"},
        {0, 157, "flowEndNanoseconds", "dateTimeNanoseconds", "end_time"},
        {0, 276, "dataRecordsReliability", "boolean", "extra"},
        {0, 291, "basicList", "basicList", "extra"},
        {0, 292, "subTemplateList", "subTemplateList", "extra"},
        {0, 293, "subTemplateMultiList", "subTemplateMultiList", "extra"},
        {0, 311, "samplingProbability", "float64", "sampling_rate"},
        {0, 434, "mibObjectValueInteger", "signed32", "extra"},
        {0, 515, "ipv6ExtensionHeadersFull", "unsigned256", "extra"},
        {0, 533, "pathDelaySumDeltaMicroseconds", "unsigned64", "extra"},
        {0, 33002, "NF_F_FW_EXT_EVENT", "unsigned16", "extra"},
        {0, 40001, "NF_F_XLATE_SRC_ADDR_IPV4", "ipv4Address", "nat_src_ip"},
        {9, 12242, "connectionId", "unsigned32", "extra"},
        {3054, 127, "ixiaSrcLongitude", "float64", "extra"},
        {5951, 128, "netscalerRoundTripTime", "unsigned32", "extra"},
        {6871, 14, "initialTCPFlags", "unsigned16", "tcp_flags"},
        {6871, 554, "tombstoneAccessList", "subTemplateList", "extra"},
        {15397, 11, "proceraInternalRtt", "signed32", "extra"},
        {35632, 80, "SRC_FRAGMENTS", "unsigned32", "extra"},
        {41916, 4321, "viptelaVPNId", "unsigned64", "extra"},
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        const struct eg_element *e = eg_element_find(facts[i].pen, facts[i].id);
        if (!e) fail_msg("no %u:%u", facts[i].pen, facts[i].id);
        assert_int_equal(e->pen, facts[i].pen);
        assert_string_equal(e->name, facts[i].name);
        assert_string_equal(eg_element_type_name(e->type), facts[i].type);
        assert_string_equal(eg_element_role_column(e->role), facts[i].column);
    }
}

/* Whether the comma-separated names hold this one. */
static bool holds(const char *list, const char *name) {
    size_t size = strlen(name);
    for (const char *at = strstr(list, name); at; at = strstr(at + 1, name))
        if ((at == list || at[-1] == ' ') && (at[size] == 0 || at[size] == ',')) return true;
    return false;
}

/* columns.def names IANA's numbers for its columns; the roles must lead there. */
static void columns_and_roles_agree(void **state) {
    (void)state;
    const struct eg_table *flows = eg_table_get(EG_TABLE_FLOWS);
    size_t checked = 0;
    for (uint32_t i = 0; i < flows->count; i++) {
        const char *at = strstr(flows->columns[i].elsewhere, "ipfix=");
        if (!at) continue;
        at += strlen("ipfix=");
        while (*at >= '0' && *at <= '9') {
            char *rest;
            long first = strtol(at, &rest, 10), last = first;
            if (*rest == '-') last = strtol(rest + 1, &rest, 10);
            at = *rest == ',' ? rest + 1 : rest;
            for (long id = first; id <= last; id++, checked++) {
                const struct eg_element *e = eg_element_find(0, (uint16_t)id);
                assert_non_null(e);
                if (!holds(eg_element_role_column(e->role), flows->columns[i].name))
                    fail_msg("%s is said to be column %s, and its role fills %s", e->name,
                             flows->columns[i].name, eg_element_role_column(e->role));
            }
        }
    }
    assert_true(checked > 70);
}

/* Every column that a role names is one of flows. */
static void roles_name_columns_that_are(void **state) {
    (void)state;
    const struct eg_table *flows = eg_table_get(EG_TABLE_FLOWS);
    for (int role = 0; role < EG_ROLE_COUNT; role++) {
        char names[80];
        snprintf(names, sizeof names, "%s", eg_element_role_column((enum eg_element_role)role));
        assert_non_null(eg_element_role_meaning((enum eg_element_role)role));
        char *rest = names;
        for (char *name = strsep(&rest, ", "); name; name = strsep(&rest, ", ")) {
            bool is = !*name;
            for (uint32_t i = 0; i < flows->count; i++)
                is |= strcmp(flows->columns[i].name, name) == 0;
            if (!is) fail_msg("role %d names a column %s", role, name);
        }
    }
    assert_string_equal(eg_element_role_column(EG_ROLE_COUNT), "");
    assert_string_equal(eg_element_role_meaning(EG_ROLE_COUNT), "");
}

static bool is_time(uint8_t type) {
    return type >= EG_ELEMENT_dateTimeSeconds && type <= EG_ELEMENT_dateTimeNanoseconds;
}
static bool is_address(uint8_t type) {
    return type == EG_ELEMENT_ipv4Address || type == EG_ELEMENT_ipv6Address;
}

static void types_suit_their_roles(void **state) {
    (void)state;
    for (size_t i = 0; i < eg_element_count(); i++) {
        const struct eg_element *e = eg_element_at(i);
        assert_true(e->type < EG_ELEMENT_TYPE_COUNT);
        bool suits;
        switch (e->role) {
        case EG_ROLE_extra: suits = true; break;
        case EG_ROLE_start:
        case EG_ROLE_end:
        case EG_ROLE_observed:
        case EG_ROLE_received:
        case EG_ROLE_boot: suits = is_time(e->type); break;
        case EG_ROLE_src_ip:
        case EG_ROLE_dst_ip:
        case EG_ROLE_next_hop:
        case EG_ROLE_next_hop_bgp:
        case EG_ROLE_nat_src_ip:
        case EG_ROLE_nat_dst_ip:
        case EG_ROLE_exporter: suits = is_address(e->type); break;
        case EG_ROLE_src_mac:
        case EG_ROLE_src_mac_out:
        case EG_ROLE_dst_mac:
        case EG_ROLE_dst_mac_out: suits = e->type == EG_ELEMENT_macAddress; break;
        case EG_ROLE_interface_name:
        case EG_ROLE_interface_text:
        case EG_ROLE_vrf_name:
        case EG_ROLE_application_name:
        case EG_ROLE_typing_name: suits = e->type == EG_ELEMENT_string; break;
        case EG_ROLE_nothing:
        case EG_ROLE_application_id:
        case EG_ROLE_frame_section:
        case EG_ROLE_ip_section: suits = e->type == EG_ELEMENT_octetArray; break;
        case EG_ROLE_mpls_label:
            suits = e->type == EG_ELEMENT_octetArray && e->pen == 0 && e->id >= 70 && e->id <= 79;
            break;
        case EG_ROLE_sampling_probability: suits = e->type == EG_ELEMENT_float64; break;
        default: suits = e->type >= EG_ELEMENT_unsigned8 && e->type <= EG_ELEMENT_unsigned64;
        }
        if (!suits) fail_msg("%s: %s", e->name, eg_element_type_name(e->type));
    }
    assert_string_equal(eg_element_type_name(EG_ELEMENT_TYPE_COUNT), "");
}

static void ntop_numbers_its_own_in_netflow9(void **state) {
    (void)state;
    const struct eg_element *e = eg_element_find(0, 57472 + 188);
    assert_non_null(e);
    assert_int_equal(e->pen, 35632);
    assert_string_equal(e->name, "SSL_SERVER_NAME");
    assert_null(eg_element_find(0, 57472));
    assert_null(eg_element_find(0, 57472 + 1000));
}

static void reverse_elements_lead_to_the_forward_ones(void **state) {
    (void)state;
    uint32_t pen = EG_PEN_REVERSE;
    uint16_t id = 85;
    assert_true(eg_element_reverse(&pen, &id));
    assert_int_equal(pen, 0);
    assert_int_equal(id, 85);
    pen = 6871; /* CERT marks it in the number */
    id = 16424;
    assert_true(eg_element_reverse(&pen, &id));
    assert_int_equal(pen, 6871);
    assert_string_equal(eg_element_find(pen, id)->name, "flowAttributes");
    assert_false(eg_element_reverse(&pen, &id));
    assert_int_equal(id, 40);
    pen = 9;
    id = 16424;
    assert_false(eg_element_reverse(&pen, &id));
    assert_int_equal(pen, 9);
    assert_int_equal(id, 16424);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_sorted_and_unique),
        cmocka_unit_test(names_are_unique_in_their_pen),
        cmocka_unit_test(every_element_is_found_and_nothing_else),
        cmocka_unit_test(says_what_the_registries_say),
        cmocka_unit_test(columns_and_roles_agree),
        cmocka_unit_test(roles_name_columns_that_are),
        cmocka_unit_test(types_suit_their_roles),
        cmocka_unit_test(ntop_numbers_its_own_in_netflow9),
        cmocka_unit_test(reverse_elements_lead_to_the_forward_ones),
    };
    return cmocka_run_group_tests_name("elements", tests, NULL, NULL);
}
