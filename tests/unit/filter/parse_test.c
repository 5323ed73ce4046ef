/* SPDX-License-Identifier: Apache-2.0
 * The grammar: words, and/or/not, saved filters, limits; what comes of each, and each error. */
#include "filter_make.h"

static const struct normal_case good[] = {
    {"", "any"},
    {"any", "any"},
    {"all", "any"},
    {" ALL -- everything", "any"},
    {"host 10.0.0.1", "src_ip = 10.0.0.1 or dst_ip = 10.0.0.1"},
    {"ip 10.0.0.1", "src_ip = 10.0.0.1 or dst_ip = 10.0.0.1"},
    {"addr 10.0.0.1", "src_ip = 10.0.0.1 or dst_ip = 10.0.0.1"},
    {"HOST 10.0.0.1", "src_ip = 10.0.0.1 or dst_ip = 10.0.0.1"},
    {"10.0.0.1", "src_ip = 10.0.0.1 or dst_ip = 10.0.0.1"},
    {"10.0.0.0/8", "src_ip in (10.0.0.0/8) or dst_ip in (10.0.0.0/8)"},
    {"2001:DB8::1", "src_ip = 2001:db8::1 or dst_ip = 2001:db8::1"},
    {"::ffff:10.0.0.1", "src_ip = 10.0.0.1 or dst_ip = 10.0.0.1"},
    {"src host 10.0.0.1", "src_ip = 10.0.0.1"},
    {"src ip 10.0.0.1", "src_ip = 10.0.0.1"},
    {"src 10.0.0.1", "src_ip = 10.0.0.1"},
    {"dst host 2001:db8::1", "dst_ip = 2001:db8::1"},
    {"dst ip 10.0.0.0/8", "dst_ip in (10.0.0.0/8)"},
    {"src or dst host 10.0.0.1", "src_ip = 10.0.0.1 or dst_ip = 10.0.0.1"},
    {"dst or src 10.0.0.1", "src_ip = 10.0.0.1 or dst_ip = 10.0.0.1"},
    {"src and dst net 10.0.0.0/8", "src_ip in (10.0.0.0/8) and dst_ip in (10.0.0.0/8)"},
    {"src and dst net != 10.0.0.0/8",
     "not (src_ip in (10.0.0.0/8)) and not (dst_ip in (10.0.0.0/8))"},
    {"src and dst port 53", "src_port = 53 and dst_port = 53"},
    {"net 10.0.0.0/8", "src_ip in (10.0.0.0/8) or dst_ip in (10.0.0.0/8)"},
    {"net 10", "src_ip in (10.0.0.0/8) or dst_ip in (10.0.0.0/8)"},
    {"net 10.1", "src_ip in (10.1.0.0/16) or dst_ip in (10.1.0.0/16)"},
    {"net 172.16/12", "src_ip in (172.16.0.0/12) or dst_ip in (172.16.0.0/12)"},
    {"net 192.168.1", "src_ip in (192.168.1.0/24) or dst_ip in (192.168.1.0/24)"},
    {"net 10.0.0.0 mask 255.0.0.0", "src_ip in (10.0.0.0/8) or dst_ip in (10.0.0.0/8)"},
    {"net 10.1.2.3 255.255.0.0", "src_ip in (10.1.0.0/16) or dst_ip in (10.1.0.0/16)"},
    {"src net 2001:db8::/32", "src_ip in (2001:db8::/32)"},
    {"net 10.9.8.7/8", "src_ip in (10.0.0.0/8) or dst_ip in (10.0.0.0/8)"},
    {"port 80", "src_port = 80 or dst_port = 80"},
    {"src port 80", "src_port = 80"},
    {"dst port https", "dst_port = 443"},
    {"port http or dns", "src_port = 80 or dst_port = 80 or src_port = 53 or dst_port = 53"},
    {"port 80 or 443", "src_port = 80 or dst_port = 80 or src_port = 443 or dst_port = 443"},
    {"tcp port 80 or 443 or 8080", "(proto = 6 and (src_port = 80 or dst_port = 80)) or src_port = "
                                   "443 or dst_port = 443 or src_port = 8080 or dst_port = 8080"},
    {"not port 80 or 443",
     "not (src_port = 80 or dst_port = 80) or src_port = 443 or dst_port = 443"},
    {"host 10.0.0.1 or 10.0.0.2 and 10.0.0.3",
     "src_ip = 10.0.0.1 or dst_ip = 10.0.0.1 or ((src_ip = 10.0.0.2 or dst_ip = 10.0.0.2) and "
     "(src_ip = 10.0.0.3 or dst_ip = 10.0.0.3))"},
    {"port (80 or 443)", "src_port in (80, 443) or dst_port in (80, 443)"},
    {"port (80, 443)", "src_port in (80, 443) or dst_port in (80, 443)"},
    {"port [80 443]", "src_port in (80, 443) or dst_port in (80, 443)"},
    {"port in (80, 443, 1000-2000)",
     "src_port in (80, 443, 1000..2000) or dst_port in (80, 443, 1000..2000)"},
    {"port not in (80)", "not (src_port = 80 or dst_port = 80)"},
    {"port != 80", "not (src_port = 80 or dst_port = 80)"},
    {"port > 1023", "src_port > 1023 or dst_port > 1023"},
    {"port 80-443", "src_port in (80..443) or dst_port in (80..443)"},
    {"port 80..443", "src_port in (80..443) or dst_port in (80..443)"},
    {"port = 80..443", "src_port in (80..443) or dst_port in (80..443)"},
    {"portrange 1-1023", "src_port in (1..1023) or dst_port in (1..1023)"},
    {"dst portrange 6000-6063", "dst_port in (6000..6063)"},
    {"src port in [1..5, 3..9, 10, 12]", "src_port in (1..10, 12)"},
    {"as 65000", "src_as = 65000 or dst_as = 65000"},
    {"src as 65000", "src_as = 65000"},
    {"dst as in (1, 2, 3)", "dst_as in (1..3)"},
    {"mask 24", "src_mask = 24 or dst_mask = 24"},
    {"src mask > 24", "src_mask > 24"},
    {"mac 00:11:22:33:44:55", "src_mac = 00:11:22:33:44:55 or dst_mac = 00:11:22:33:44:55"},
    {"src mac AA:BB:CC:DD:EE:FF", "src_mac = aa:bb:cc:dd:ee:ff"},
    {"ether host 00:11:22:33:44:55", "src_mac = 00:11:22:33:44:55 or dst_mac = 00:11:22:33:44:55"},
    {"ether src 00:11:22:33:44:55", "src_mac = 00:11:22:33:44:55"},
    {"ether dst host 00:11:22:33:44:55", "dst_mac = 00:11:22:33:44:55"},
    {"tcp", "proto = 6"},
    {"UDP", "proto = 17"},
    {"icmp6", "proto = 58"},
    {"gre or esp or ah", "proto = 47 or proto = 50 or proto = 51"},
    {"sctp and not igmp", "proto = 132 and proto != 2"},
    {"proto 6", "proto = 6"},
    {"proto tcp", "proto = 6"},
    {"proto ipv6-icmp", "proto = 58"},
    {"proto ipv6", "proto = 41"},
    {"proto in (tcp, udp, 47)", "proto in (6, 17, 47)"},
    {"proto not in (tcp udp)", "not (proto in (6, 17))"},
    {"proto > 17", "proto > 17"},
    {"ip", "src_ip in (0.0.0.0/0)"},
    {"ipv4", "src_ip in (0.0.0.0/0)"},
    {"inet", "src_ip in (0.0.0.0/0)"},
    {"ip6", "src_ip in (::/0)"},
    {"ipv6 or inet6", "src_ip in (::/0) or src_ip in (::/0)"},
    {"not ip6", "not (src_ip in (::/0))"},
    {"ip and tcp", "src_ip in (0.0.0.0/0) and proto = 6"},
    {"ip host 10.0.0.1", "src_ip in (0.0.0.0/0) and (src_ip = 10.0.0.1 or dst_ip = 10.0.0.1)"},
    {"ip proto tcp", "src_ip in (0.0.0.0/0) and proto = 6"},
    {"ip tcp port 80", "src_ip in (0.0.0.0/0) and proto = 6 and (src_port = 80 or dst_port = 80)"},
    {"ip6 and port 80", "src_ip in (::/0) and (src_port = 80 or dst_port = 80)"},
    {"ip6 host 2001:db8::1", "src_ip in (::/0) and (src_ip = 2001:db8::1 or dst_ip = 2001:db8::1)"},
    {"ip6 2001:db8::1", "src_ip = 2001:db8::1 or dst_ip = 2001:db8::1"},
    {"ip in (10.0.0.1, 10.0.0.2)",
     "src_ip in (10.0.0.1, 10.0.0.2) or dst_ip in (10.0.0.1, 10.0.0.2)"},
    {"ip not in (10.0.0.1, 10.0.0.2)",
     "not (src_ip in (10.0.0.1, 10.0.0.2) or dst_ip in (10.0.0.1, 10.0.0.2))"},
    {"ip = 10.0.0.1", "src_ip = 10.0.0.1 or dst_ip = 10.0.0.1"},
    {"ip != 10.0.0.0/8", "not (src_ip in (10.0.0.0/8) or dst_ip in (10.0.0.0/8))"},
    {"tcp src port 80", "proto = 6 and src_port = 80"},
    {"udp dst portrange 1-5", "proto = 17 and dst_port in (1..5)"},
    {"tcp host 10.0.0.1", "proto = 6 and (src_ip = 10.0.0.1 or dst_ip = 10.0.0.1)"},
    {"tcp flags S", "proto = 6 and tcp_flags & 0x2 = 0x2"},
    {"flags S", "tcp_flags & 0x2 = 0x2"},
    {"flags SA", "tcp_flags & 0x12 = 0x12"},
    {"flags s and not flags A", "tcp_flags & 0x2 = 0x2 and tcp_flags & 0x10 != 0x10"},
    {"flags X", "tcp_flags & 0x3f = 0x3f"},
    {"flags 0x12", "tcp_flags & 0x12 = 0x12"},
    {"flags 18", "tcp_flags & 0x12 = 0x12"},
    {"flags = S", "tcp_flags = 2"},
    {"flags != 0", "tcp_flags != 0"},
    {"flags in (S, SA)", "tcp_flags in (2, 18)"},
    {"flags & 0x12 = 0x2", "tcp_flags & 0x12 = 0x2"},
    {"flags UAPRSF", "tcp_flags & 0x3f = 0x3f"},
    {"flags ECN", "tcp_flags & 0x1c0 = 0x1c0"},
    {"flags 0", "tcp_flags = 0"},
    {"tos 8", "tos = 8"},
    {"tos = 0xb8", "tos = 184"},
    {"bytes > 1M", "bytes > 1000000"},
    {"bytes 1500", "bytes = 1500"},
    {"bytes gt 10k and bytes lt 2Gi", "bytes > 10000 and bytes < 2147483648"},
    {"packets > 10", "packets > 10"},
    {"duration > 10s", "duration > 10s"},
    {"duration <= 1h30m", "duration <= 90m"},
    {"duration 0", "duration = 0s"},
    {"pps > 1000", "pps > 1000"},
    {"bps >= 1.5M", "bps >= 1500000"},
    {"bpp < 100", "bpp < 100"},
    {"in if 5", "in_if = 5"},
    {"out if 6", "out_if = 6"},
    {"in if in (1, 2)", "in_if in (1..2)"},
    {"if 7", "in_if = 7 or out_if = 7"},
    {"if in (1..9)", "in_if in (1..9) or out_if in (1..9)"},
    {"vlan 100", "vlan = 100"},
    {"vlan", "vlan is not null"},
    {"vlan and tcp", "vlan is not null and proto = 6"},
    {"not vlan", "vlan is null"},
    {"(vlan)", "vlan is not null"},
    {"exporter 10.0.0.1", "exporter = 10.0.0.1"},
    {"exporter ip 10.0.0.1", "exporter = 10.0.0.1"},
    {"router ip in (10.0.0.1)", "exporter = 10.0.0.1"},
    {"router 10.0.0.1", "exporter = 10.0.0.1"},
    {"next ip 10.0.0.254", "next_hop = 10.0.0.254"},
    {"icmp-type 8", "icmp_type = 8"},
    {"icmp-code 0", "icmp_code = 0"},
    {"icmp and icmptype 8", "proto = 1 and icmp_type = 8"},
    {"exists vlan", "vlan is not null"},
    {"exists(src_port)", "src_port is not null"},
    {"exists port", "not (src_port is null and dst_port is null)"},
    {"exists ip.addr", "not (src_ip is null and dst_ip is null)"},
    {"tcp and (port 80 or port 443)",
     "proto = 6 and (src_port = 80 or dst_port = 80 or src_port = 443 or dst_port = 443)"},
    {"tcp && !(port 80 || port 443)",
     "proto = 6 and not (src_port = 80 or dst_port = 80 or src_port = 443 or dst_port = 443)"},
    {"not (tcp and not port 80)", "not (proto = 6 and not (src_port = 80 or dst_port = 80))"},
    {"not not tcp", "proto = 6"},
    {"!tcp", "proto != 6"},
    {"! ! ! tcp", "proto != 6"},
    {"tcp or udp and port 53", "proto = 6 or (proto = 17 and (src_port = 53 or dst_port = 53))"},
    {"(tcp or udp) and port 53", "(proto = 6 or proto = 17) and (src_port = 53 or dst_port = 53)"},
    {"tcp and (udp and (icmp and gre))", "proto = 6 and proto = 17 and proto = 1 and proto = 47"},
    {"tcp -- only", "proto = 6"},
    {"tcp -- a\nand udp -- b", "proto = 6 and proto = 17"},
    {"any and tcp", "proto = 6"},
    {"any or tcp", "any"},
    {"not any", "not any"},
    {"not any or tcp", "proto = 6"},
    {"tcp and not any", "not any"},
    {"((((tcp))))", "proto = 6"},
    {"ip.addr == 10.0.0.1", "src_ip = 10.0.0.1 or dst_ip = 10.0.0.1"},
    {"ip.addr != 10.0.0.1", "not (src_ip = 10.0.0.1 or dst_ip = 10.0.0.1)"},
    {"ip.src == 10.0.0.0/8", "src_ip in (10.0.0.0/8)"},
    {"tcp.port == 80", "proto = 6 and (src_port = 80 or dst_port = 80)"},
    {"tcp.port != 80", "proto = 6 and not (src_port = 80 or dst_port = 80)"},
    {"tcp.dstport in (80, 443)", "proto = 6 and dst_port in (80, 443)"},
    {"udp.srcport 53", "proto = 17 and src_port = 53"},
    {"eth.addr == 00:11:22:33:44:55", "src_mac = 00:11:22:33:44:55 or dst_mac = 00:11:22:33:44:55"},
    {"icmp.type == 8", "proto = 1 and icmp_type = 8"},
    {"icmpv6.type 135", "proto = 58 and icmp_type = 135"},
    {"@web", "src_port in (80, 443) or dst_port in (80, 443)"},
    {"@web and tcp", "(src_port in (80, 443) or dst_port in (80, 443)) and proto = 6"},
    {"not @web", "not (src_port in (80, 443) or dst_port in (80, 443))"},
    {"@nothing and tcp", "proto = 6"},
    {"@deep", "src_port in (80, 443) or dst_port in (80, 443) or (proto = 17 and (src_port = 53 or "
              "dst_port = 53))"},
    {"src or dst as 65000", "src_as = 65000 or dst_as = 65000"},
    {"src ipv4 10.0.0.1", "src_ip = 10.0.0.1"},
    {"port eq 80", "src_port = 80 or dst_port = 80"},
};

static const struct wrong_case wrong[] = {
    {"src_adr = 10.0.0.1", 0, "unknown field 'src_adr' (did you mean 'src_ip'?)"},
    {"tcp and src_adr = 1", 8, "unknown field 'src_adr' (did you mean 'src_ip'?)"},
    {"frobnicate = 1", 0, "unknown field 'frobnicate' (earlgrey fields flows lists them)"},
    {"hots 10.0.0.1", 0, "unknown field 'hots' (did you mean 'host'?)"},
    {"tcp udp", 4, "expected 'and', 'or' or the end, not 'udp'"},
    {"tcp and", 7, "expected a field or a word such as host, port, tcp, but the filter ends here"},
    {"and tcp", 0, "expected a field or a word such as host, port, tcp, not 'and'"},
    {"or", 0, "expected a field or a word such as host, port, tcp, not 'or'"},
    {"not", 3, "expected a field or a word such as host, port, tcp, but the filter ends here"},
    {"(tcp", 4, "expected 'and', 'or' or ')', but the filter ends here"},
    {"tcp)", 3, "expected 'and', 'or' or the end, not ')'"},
    {"()", 1, "expected a field or a word such as host, port, tcp, not ')'"},
    {"tcp or or udp", 7, "expected a field or a word such as host, port, tcp, not 'or'"},
    {"tcp[13] & 2 != 0", 0, "'tcp[…]' reads bytes of packets: that is BPF, not a filter on rows"},
    {"ip[8] < 5", 0, "'ip[…]' reads bytes of packets: that is BPF, not a filter on rows"},
    {"ether proto 0x800", 0, "'ether proto' reads packets: that is BPF, not a filter on rows"},
    {"arp", 0, "'arp' is a word of BPF, which reads packets; a filter reads rows"},
    {"broadcast", 0, "'broadcast' is a word of BPF, which reads packets; a filter reads rows"},
    {"80", 0, "expected a field or a word such as host, port, tcp before a value, not '80'"},
    {"443 or tcp", 0,
     "expected a field or a word such as host, port, tcp before a value, not '443'"},
    {"'10.0.0.1'", 0,
     "expected a field or a word such as host, port, tcp before a value, not '10.0.0.1'"},
    {"10.0.0.300", 0,
     "'10.0.0.300' does not fit host: expected an address such as 10.0.0.1 or 2001:db8::1, or a "
     "net such as 10.0.0.0/8"},
    {"@missing", 0, "there is no saved filter @missing"},
    {"@", 0, "expected the name of a saved filter behind '@'"},
    {"@loop", 0, "in the saved filter @loop: in the saved filter @loop2: @loop refers to itself"},
    {"@bad", 0, "in the saved filter @bad: unknown field 'prot' (did you mean 'proto'?)"},
    {"src", 3, "expected an operator or a value behind host, but the filter ends here"},
    {"dst port", 8, "expected an operator or a value behind port, but the filter ends here"},
    {"in 5", 3, "expected 'if' (in if 5, out if 5), or a field before 'in', not '5'"},
    {"next 5", 5, "expected 'ip' behind 'next', not '5'"},
    {"exists", 6, "expected a field behind exists, but the filter ends here"},
    {"exists 5", 7, "unknown field '5' (earlgrey fields flows lists them)"},
    {"exists (src_port", 16, "expected the closing bracket, but the filter ends here"},
    {"exists nothing", 7, "unknown field 'nothing' (earlgrey fields flows lists them)"},
    {"tcp | udp", 4, "expected 'or' or '||'"},
    {"tcp # udp", 4, "a character that means nothing here"},
};

static void normal_forms(void **state) {
    (void)state;
    all_normal(good, sizeof good / sizeof *good);
}

static void errors(void **state) {
    (void)state;
    all_wrong(wrong, sizeof wrong / sizeof *wrong);
}

/* What the other tables have, and have not. */
static void tables(void **state) {
    (void)state;
    normal_is("bytes > 100", "length > 100", EG_TABLE_PACKETS);
    normal_is("ip6", "ip_version = 6", EG_TABLE_PACKETS);
    normal_is("start_time > now-1d and frame.len < 64",
              "time > '2025-12-31T00:00:00.000000Z' and length < 64", EG_TABLE_PACKETS);
    normal_is("tcp and dont_fragment and offset > 0",
              "proto = 6 and dont_fragment = true and offset > 0", EG_TABLE_PACKETS);
    normal_is("exporter 10.0.0.1 and interface 3", "exporter = 10.0.0.1 and interface = 3",
              EG_TABLE_COUNTERS);
    normal_is("cause = 'gap' and duration > 1h", "cause = 'gap' and duration > 1h",
              EG_TABLE_LOSSES);
    wrong_is("duration > 1s", 0, "packets have no field 'duration', flows have it",
             EG_TABLE_PACKETS);
    wrong_is("tcp", 0, "the table counters has no protocols", EG_TABLE_COUNTERS);
    wrong_is("port 80", 0, "the table losses has nothing for 'port'", EG_TABLE_LOSSES);
    wrong_is("ip", 0, "the table losses has nothing for 'ip'", EG_TABLE_LOSSES);
    wrong_is("flags S", 0, "the table losses has no TCP flags", EG_TABLE_LOSSES);
}

static char *repeat(const char *part, size_t times, const char *end) {
    struct eg_strbuf text = {0};
    for (size_t i = 0; i < times; i++) eg_strbuf_text(&text, part);
    eg_strbuf_text(&text, end);
    return eg_strbuf_take(&text);
}

/* Deep, long and endless texts are errors, and never a crash. */
static void limits(void **state) {
    (void)state;
    struct eg_filter *filter = NULL;
    struct eg_error err = {0};
    struct {
        const char *part;
        size_t times;
        const char *end;
        int64_t position; /* -1: fine */
    } cases[] = {
        {"(", 65, "tcp", 64},
        {"(", 60000, "", 64},
        {"!", 65, "tcp", 64},
        {"!", 64, "tcp", -1},
        {"not (", 65, "tcp", 320},
        {"tcp or ", 9000, "udp", -1},
        {"tcp and not (udp or ", 20, "gre", 403},
        {" ", 262144, "", -1},
        {" ", 262145, "", 262144},
        {"application ~ 'x' or ", 64, "tcp", -1},
        {"application ~ 'x' or ", 65, "tcp", 64 * 21 + 14},
    };
    char *entries = repeat("5 ", 65536, "");
    struct eg_strbuf list = {0};
    eg_strbuf_printf(&list, "bytes in (%s)", entries);
    normal_is(list.text, "bytes = 5", EG_TABLE_FLOWS);
    eg_strbuf_clear(&list);
    eg_strbuf_printf(&list, "bytes in (%s5)", entries);
    wrong_is(list.text, 10 + 2 * 65536 + 1, "a list has at most 65536 entries", EG_TABLE_FLOWS);
    eg_strbuf_reset(&list);
    free(entries);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = repeat(cases[i].part, cases[i].times, cases[i].end);
        enum eg_status status = test_parse(&filter, text, EG_TABLE_FLOWS, &err);
        if (cases[i].position < 0) {
            assert_int_equal(status, EG_OK);
            eg_filter_free(filter);
        } else {
            assert_int_equal(status, EG_E_USAGE);
            assert_int_equal(err.position, cases[i].position);
        }
        free(text);
    }
}

/* `open` so many times, a condition, as many brackets. */
static char *nested(const char *open, size_t times) {
    char *begin = repeat(open, times, "tcp"), *end = repeat(")", times, "");
    struct eg_strbuf text = {0};
    eg_strbuf_printf(&text, "%s%s", begin, end);
    free(begin);
    free(end);
    return eg_strbuf_take(&text);
}

/* What is as deep as may be has a normal form that is no deeper. */
static void depth(void **state) {
    (void)state;
    static const struct {
        const char *open;
        size_t fits, too_deep;
    } cases[] = {
        {"(", 64, 65},
        {"gre and (udp or ", 31, 32},
        {"gre and not (udp or ", 20, 22},
        {"not (gre and ", 31, 32},
        {"not (", 64, 65},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *fits = nested(cases[i].open, cases[i].fits);
        char *deep = nested(cases[i].open, cases[i].too_deep);
        struct eg_filter *filter = test_filter(fits, EG_TABLE_FLOWS), *again;
        struct eg_error err = {0};
        struct eg_strbuf normal = {0};
        eg_filter_text(filter, &normal);
        again = test_filter(normal.text, EG_TABLE_FLOWS);
        eg_filter_free(again);
        eg_filter_free(filter);
        assert_int_equal(test_parse(&filter, deep, EG_TABLE_FLOWS, &err), EG_E_USAGE);
        assert_string_equal(err.message, "nested more than 64 levels deep");
        eg_strbuf_reset(&normal);
        free(fits);
        free(deep);
    }
}

static const char *doubling(void *from, const char *name) {
    static const char *const texts[] = {"@b and @b", "@c or @c", "@d and @d",         "@e or @e",
                                        "@f and @f", "@g or @g", "@h and @h",         "@i or @i",
                                        "@j and @j", "@k or @k", "@l and @l",         "@m or @m",
                                        "@n and @n", "@o or @o", "tcp or udp or icmp"};
    (void)from;
    return name[0] >= 'a' && name[0] <= 'o' ? texts[name[0] - 'a'] : NULL;
}

static const char *endless(void *from, const char *name) {
    char *next = from; /* a name that was never seen before, every time */
    snprintf(next, 64, "@n%lu", strtoul(name + 1, NULL, 10) + 1);
    return next;
}

/* Saved filters that double at each step, or never end. */
static void saved_limits(void **state) {
    (void)state;
    struct eg_filter *filter = NULL;
    struct eg_error err = {0};
    struct eg_filter_names names = {doubling, NULL, TEST_NOW};
    assert_int_equal(eg_filter_parse(&filter, "tcp and @a", EG_TABLE_FLOWS, &names, &err),
                     EG_E_USAGE);
    assert_int_equal(err.position, 8);
    assert_non_null(strstr(err.message, "longer than 262144 bytes"));
    char next[64];
    names = (struct eg_filter_names){endless, next, TEST_NOW};
    assert_int_equal(eg_filter_parse(&filter, "@n1", EG_TABLE_FLOWS, &names, &err), EG_E_USAGE);
    assert_int_equal(err.position, 0);
    assert_non_null(strstr(err.message, "nested more than 16 deep"));
    assert_int_equal(eg_filter_parse(&filter, "@n1", EG_TABLE_FLOWS, NULL, &err), EG_E_USAGE);
    assert_string_equal(err.message, "there is no saved filter @n1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_forms), cmocka_unit_test(errors), cmocka_unit_test(tables),
        cmocka_unit_test(limits),       cmocka_unit_test(depth),  cmocka_unit_test(saved_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
