/* SPDX-License-Identifier: Apache-2.0
 * BPF: the answers of libpcap's own filter tests, packet by packet, and of libpcap reading the same
 * capture; errors; link types; many threads at once. */
#include "match/bpf.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "torture.h"
#include "wire/dissect.h"

#include <jansson.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- libpcap's own tests ---- */

/* Tests of a libpcap newer than 1.10.3, which answers them otherwise or refuses them, with its text. */
static const char *const newer[] = {
    /* answers otherwise */
    "dpc_ne_0",
    "opc_ne_0",
    "sls_ne_9",
    "link_host_c0_on_arcnet",
    "link_src_host_c0_on_arcnet",
    "link_dst_host_c0_on_arcnet",
    "link_host_not_c0_on_arcnet",
    "rfc1051_arp",
    "rfc1051_ip",
    "slip_outbound_on_invalid",
    "csnp_C_HDLC",
    /* not for this link type */
    "mstp_link_host",
    "mstp_link_src_host",
    "mstp_link_dst_host",
    "mstp_link_src_and_dst_host",
    "mstp_link_broadcast",
    "wlan_subtype_ack_PPI",
    "wlan_dir_nods_PPI",
    /* needs a net mask, which the test gives */
    "ip_broadcast",
    /* does not know the word */
    "vxlan",
    "vxlan_100",
    "vxlan_101",
    "vxlan_and_icmp_reply",
    /* not for DSA tags */
    "llc_DSA_TAG_BRCM",
    "stp_DSA_TAG_BRCM",
    "vlan_DSA_TAG_BRCM",
    "vlan_8_DSA_TAG_BRCM",
    "vlan_8_and_llc_DSA_TAG_BRCM",
    "vlan_8_and_stp_DSA_TAG_BRCM",
    "vlan_5_DSA_TAG_BRCM",
    "link_dst_host_DSA_TAG_BRCM",
    "multicast_DSA_TAG_BRCM",
    "inbound_DSA_TAG_BRCM",
    "outbound_DSA_TAG_BRCM",
    "link_dst_DSA_TAG_DSA",
    "arp_DSA_TAG_DSA",
    "arp_src_DSA_TAG_DSA",
    "ip_DSA_TAG_DSA",
    "icmp_DSA_TAG_DSA",
    "icmp_index_DSA_TAG_DSA",
    "inbound_DSA_TAG_DSA",
    "outbound_DSA_TAG_DSA",
};

static bool is_newer(const char *name) {
    for (size_t i = 0; i < COUNT(newer); i++)
        if (strcmp(newer[i], name) == 0) return true;
    return false;
}

/* The LINKTYPE in a pcap file's head, either byte order; those here are plain pcap. */
static int32_t link_type_of(const char *path) {
    uint8_t head[24] = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(head, 1, sizeof head, file), sizeof head);
    fclose(file);
    struct eg_span span = eg_span(head, sizeof head);
    bool big = head[0] == 0xa1;
    return (int32_t)(eg_u32(span, 20, big) & 0xffff);
}

/* Whether a test's answers are ours. Where libpcap can compile the filter for the open capture, its
 * own answers are ours in any case. */
static bool answers(const char *path, const char *text, const json_t *expected, char why[300]) {
    char buffer[PCAP_ERRBUF_SIZE];
    struct eg_bpf *bpf = NULL;
    struct eg_error err = {0};
    struct bpf_program program;
    struct pcap_pkthdr *header;
    const u_char *bytes;
    const char *reason = "";
    bool same = true;
    pcap_t *pcap = pcap_open_offline(path, buffer);
    assert_non_null(pcap);
    bool good = pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) == 0;
    snprintf(why, 300, "%s", good ? "" : pcap_geterr(pcap));
    if (eg_bpf_parse(&bpf, text, &err) != EG_OK) {
        if (good) fail_msg("%s: refused, though libpcap takes it: %s", text, err.message);
        pcap_close(pcap);
        return false;
    }
    for (size_t i = 0; pcap_next_ex(pcap, &header, &bytes) == 1; i++) {
        struct eg_frame frame = {.link_type = link_type_of(path),
                                 .length = header->len,
                                 .payload = eg_span(bytes, header->caplen)};
        enum eg_truth truth = eg_bpf_ask(bpf, &frame, &reason);
        assert_int_equal(truth == EG_UNANSWERED, !good);
        if (good)
            assert_int_equal(truth == EG_TRUE, pcap_offline_filter(&program, header, bytes) != 0);
        if ((truth == EG_TRUE) != json_is_true(json_array_get(expected, i))) {
            if (same && good) snprintf(why, 300, "packet %zu", i + 1);
            same = false;
        }
    }
    if (good) pcap_freecode(&program);
    pcap_close(pcap);
    eg_bpf_free(bpf);
    return good && same;
}

static void libpcaps_tests(void **state) {
    (void)state;
    const char *shared = getenv("EG_SHARED") ? getenv("EG_SHARED") : "../shared";
    char path[500], why[300];
    json_error_t wrong;
    unsigned same = 0;
    snprintf(path, sizeof path, "%s/data/packets/libpcap-filter/apply.json", shared);
    json_t *tests = json_load_file(path, 0, &wrong);
    if (!tests) {
        print_message("no filters at %s (EG_SHARED names another place)\n", path);
        assert_null(getenv("CI"));
        skip();
    }
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *test = json_array_get(tests, i);
        const char *name = json_string_value(json_object_get(test, "name"));
        const char *text = json_string_value(json_object_get(test, "expr"));
        snprintf(path, sizeof path, "%s/data/packets/libpcap-filter/%s", shared,
                 json_string_value(json_object_get(test, "savefile")));
        bool holds = answers(path, text, json_object_get(test, "match"), why);
        same += holds;
        if (holds == is_newer(name)) print_error("    \"%s\", /* %s: %s */\n", name, text, why);
    }
    assert_int_equal(same + COUNT(newer), json_array_size(tests));
    json_decref(tests);
}

/* ---- errors ---- */

static void refused(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"tcp port", "bpf filter 'tcp port': can't parse filter expression: syntax error"},
        {"port 80 and (", "bpf filter 'port 80 and (': can't parse"},
        {"port 70000", "illegal port number 70000 > 65535"},
        {"host 300.1.1.1", "bpf filter 'host 300.1.1.1'"},
        {"frobnicate", "frobnicate"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct eg_bpf *bpf = NULL;
        struct eg_error err = {.position = -1};
        assert_int_equal(eg_bpf_parse(&bpf, rows[i][0], &err), EG_E_USAGE);
        assert_null(bpf);
        if (!strstr(err.message, rows[i][1]) || strpbrk(err.message, "\r\n"))
            fail_msg("%s: %s", rows[i][0], err.message);
    }
}

/* ---- link types ---- */

static const uint8_t ip_packet[] = {0x45, 0, 0,  28, 0, 0, 0, 0,  64, 17, 0, 0, 10, 0,
                                    0,    1, 10, 0,  0, 2, 0, 53, 0,  99, 0, 8, 0,  0};

static enum eg_truth ask(struct eg_bpf *bpf, int32_t link, const uint8_t *head, size_t size,
                         const char **why) {
    uint8_t bytes[100];
    if (size) memcpy(bytes, head, size);
    memcpy(bytes + size, ip_packet, sizeof ip_packet);
    struct eg_frame frame = {.link_type = link,
                             .length = size + sizeof ip_packet,
                             .payload = eg_span(bytes, size + sizeof ip_packet)};
    return eg_bpf_ask(bpf, &frame, why);
}

static const uint8_t ethernet[14] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 8, 0};
static const uint8_t cooked[16] = {0, 0, 0, 1, 0, 6, 0, 1, 2, 3, 4, 5, 0, 0, 8, 0};
static const uint8_t null_ip[4] = {2, 0, 0, 0}, ppp[4] = {0xff, 0x03, 0x00, 0x21};

/* Hundreds of hosts take a moment; thousands would take minutes, and are refused. */
static void very_long_filters(void **state) {
    (void)state;
    char text[80000] = "host 10.0.0.1";
    size_t size = strlen(text);
    for (int i = 0; i < 600; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, " or host 10.%d.%d.7", i / 250, i % 250);
    struct eg_bpf *bpf = NULL;
    const char *why = NULL;
    assert_int_equal(eg_bpf_parse(&bpf, text, NULL), EG_OK);
    /* 10.2.99.7, the last of them, and another */
    static const uint8_t last[34] = {[12] = 8, [14] = 0x45, [26] = 10, 2, 99, 7};
    static const uint8_t other[34] = {[12] = 8, [14] = 0x45, [26] = 10, 12, 0, 8};
    assert_int_equal(ask(bpf, 1, last, sizeof last, &why), EG_TRUE);
    assert_int_equal(ask(bpf, 1, other, sizeof other, &why), EG_UNTRUE);
    eg_bpf_free(bpf);
    struct eg_error err;
    memset(text, ' ', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_int_equal(eg_bpf_parse(&bpf, text, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "at most 16384 characters, not 79999"));
}

static void link_types(void **state) {
    (void)state;
    struct eg_bpf *bpf = NULL;
    const char *why = "";
    assert_int_equal(eg_bpf_parse(&bpf, "udp and src host 10.0.0.1 and port 53", NULL), EG_OK);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(ask(bpf, 1, ethernet, sizeof ethernet, &why), EG_TRUE);
        assert_int_equal(ask(bpf, 101, NULL, 0, &why),
                         EG_TRUE); /* RAW: another number in libpcap */
        assert_int_equal(ask(bpf, 113, cooked, sizeof cooked, &why), EG_TRUE);
        assert_int_equal(ask(bpf, 0, null_ip, sizeof null_ip, &why), EG_TRUE);
        assert_int_equal(ask(bpf, 9, ppp, sizeof ppp, &why), EG_TRUE);
        assert_int_equal(ask(bpf, 101, ethernet, sizeof ethernet, &why), EG_UNTRUE);
        assert_int_equal(ask(bpf, 228, NULL, 0, &why), EG_TRUE);
    }
    eg_bpf_free(bpf);
    /* what means nothing on one link type does on another */
    assert_int_equal(eg_bpf_parse(&bpf, "ether host 00:01:02:03:04:05", NULL), EG_OK);
    assert_int_equal(ask(bpf, 1, ethernet, sizeof ethernet, &why), EG_TRUE);
    assert_int_equal(ask(bpf, 9, ppp, sizeof ppp, &why), EG_UNANSWERED);
    assert_true(why[0] != 0);
    eg_bpf_free(bpf);
    assert_int_equal(eg_bpf_parse(&bpf, "wlan type mgt", NULL), EG_OK);
    assert_int_equal(ask(bpf, 1, ethernet, sizeof ethernet, &why), EG_UNANSWERED);
    eg_bpf_free(bpf);
    assert_int_equal(eg_bpf_parse(&bpf, "", NULL), EG_OK);
    assert_int_equal(ask(bpf, 1, ethernet, sizeof ethernet, &why), EG_TRUE);
    eg_bpf_free(bpf);
    /* a captured part, and the whole length */
    assert_int_equal(eg_bpf_parse(&bpf, "len == 1500", NULL), EG_OK);
    struct eg_frame cut = {.link_type = 1, .length = 1500, .payload = eg_span(ethernet, 14)};
    assert_int_equal(eg_bpf_ask(bpf, &cut, &why), EG_TRUE);
    eg_bpf_free(bpf);
}

static void too_many(void **state) {
    (void)state;
    struct eg_bpf *bpf = NULL;
    const char *why = "";
    int answered = 0;
    assert_int_equal(eg_bpf_parse(&bpf, "len > 0", NULL), EG_OK);
    for (int32_t link = 0; link < 200; link++)
        answered += ask(bpf, link, NULL, 0, &why) != EG_UNANSWERED;
    assert_in_range(answered, 5, EG_BPF_LINKS_MAX);
    assert_string_equal(why, "more link types than one question is compiled for");
    assert_int_equal(ask(bpf, 1, ethernet, sizeof ethernet, &why), EG_TRUE);
    eg_bpf_free(bpf);
}

/* ---- threads ---- */

struct asker {
    struct eg_bpf *bpf;
    int32_t first;
    unsigned held;
};

static void *ask_often(void *of) {
    struct asker *asker = of;
    static const int32_t links[] = {1, 101, 113, 0, 9, 228};
    static const struct {
        const uint8_t *at;
        size_t size;
    } heads[] = {{ethernet, 14}, {NULL, 0}, {cooked, 16}, {null_ip, 4}, {ppp, 4}, {NULL, 0}};
    const char *why;
    for (int i = 0; i < 3000; i++) {
        size_t k = (size_t)(asker->first + i) % COUNT(links);
        asker->held += ask(asker->bpf, links[k], heads[k].at, heads[k].size, &why) == EG_TRUE;
    }
    return NULL;
}

static void threads(void **state) {
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct eg_bpf *bpf = NULL;
        struct asker askers[4] = {{0}};
        pthread_t ids[4];
        assert_int_equal(eg_bpf_parse(&bpf, "udp port 53", NULL), EG_OK);
        for (int i = 0; i < 4; i++) {
            askers[i] = (struct asker){bpf, i, 0};
            assert_int_equal(pthread_create(&ids[i], NULL, ask_often, &askers[i]), 0);
        }
        for (int i = 0; i < 4; i++) {
            pthread_join(ids[i], NULL);
            assert_int_equal(askers[i].held, 3000);
        }
        eg_bpf_free(bpf);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libpcaps_tests), cmocka_unit_test(refused), cmocka_unit_test(very_long_filters),
        cmocka_unit_test(link_types),
        cmocka_unit_test(too_many),       cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
