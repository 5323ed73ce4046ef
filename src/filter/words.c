/* SPDX-License-Identifier: Apache-2.0
 * The tables of words. Sources: pcap-filter(7), nfdump(1), the IANA protocol and service
 * registries, the Elastic Common Schema, Wireshark's field names. */
#include "filter/words.h"

#include "base/option.h"

#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
    const char *name;
    enum eg_word word;
} words[] = {
    {"any", EG_WORD_ANY},        {"all", EG_WORD_ANY},
    {"src", EG_WORD_SRC},        {"dst", EG_WORD_DST},
    {"host", EG_WORD_HOST},      {"addr", EG_WORD_HOST},
    {"ip", EG_WORD_IP},          {"ipv4", EG_WORD_IP4},
    {"inet", EG_WORD_IP4},       {"ip4", EG_WORD_IP4},
    {"ip6", EG_WORD_IP6},        {"ipv6", EG_WORD_IP6},
    {"inet6", EG_WORD_IP6},      {"net", EG_WORD_NET},
    {"port", EG_WORD_PORT},      {"portrange", EG_WORD_PORTRANGE},
    {"as", EG_WORD_AS},          {"mac", EG_WORD_MAC},
    {"ether", EG_WORD_ETHER},    {"if", EG_WORD_IF},
    {"mask", EG_WORD_MASK},      {"in", EG_WORD_IN},
    {"out", EG_WORD_OUT},        {"next", EG_WORD_NEXT},
    {"router", EG_WORD_ROUTER},  {"exporter", EG_WORD_ROUTER},
    {"flags", EG_WORD_FLAGS},    {"vlan", EG_WORD_VLAN},
    {"exists", EG_WORD_EXISTS},  {"arp", EG_WORD_BPF},
    {"rarp", EG_WORD_BPF},       {"broadcast", EG_WORD_BPF},
    {"multicast", EG_WORD_BPF},  {"gateway", EG_WORD_BPF},
    {"less", EG_WORD_BPF},       {"greater", EG_WORD_BPF},
    {"protochain", EG_WORD_BPF}, {"inbound", EG_WORD_BPF},
    {"outbound", EG_WORD_BPF},   {"llc", EG_WORD_BPF},
    {"stp", EG_WORD_BPF},        {"mpls", EG_WORD_BPF},
    {"pppoes", EG_WORD_BPF},     {"wlan", EG_WORD_BPF},
};

enum eg_word eg_word_of(const struct eg_token *token) {
    if (token->kind != EG_TOKEN_WORD) return EG_WORD_NONE;
    for (size_t i = 0; i < COUNT(words); i++)
        if (eg_token_is(token, words[i].name)) return words[i].word;
    return EG_WORD_NONE;
}

struct number_name {
    const char *name;
    int number;
};

static const struct number_name protocols[] = {
    {"icmp", 1},
    {"igmp", 2},
    {"ipip", 4},
    {"tcp", 6},
    {"egp", 8},
    {"igp", 9},
    {"udp", 17},
    {"dccp", 33},
    {"rsvp", 46},
    {"gre", 47},
    {"esp", 50},
    {"ah", 51},
    {"icmp6", 58},
    {"ipv6-icmp", 58},
    {"icmpv6", 58},
    {"eigrp", 88},
    {"ospf", 89},
    {"etherip", 97},
    {"pim", 103},
    {"ipcomp", 108},
    {"vrrp", 112},
    {"l2tp", 115},
    {"sctp", 132},
    {"udplite", 136},
    /* behind `proto` only */
    {"hopopt", 0},
    {"ipv4", 4},
    {"ipv6", 41},
    {"ipv6-route", 43},
    {"ipv6-frag", 44},
    {"ipv6-nonxt", 59},
    {"ipv6-opts", 60},
    {"carp", 112},
};
#define PROTOCOLS_BARE 24

static const struct number_name services[] = {
    {"ftp-data", 20},     {"ftp", 21},           {"ssh", 22},     {"telnet", 23},
    {"smtp", 25},         {"domain", 53},        {"dns", 53},     {"bootps", 67},
    {"bootpc", 68},       {"tftp", 69},          {"http", 80},    {"kerberos", 88},
    {"pop3", 110},        {"sunrpc", 111},       {"ntp", 123},    {"netbios-ns", 137},
    {"netbios-dgm", 138}, {"netbios-ssn", 139},  {"imap", 143},   {"snmp", 161},
    {"snmptrap", 162},    {"bgp", 179},          {"ldap", 389},   {"https", 443},
    {"smb", 445},         {"microsoft-ds", 445}, {"isakmp", 500}, {"syslog", 514},
    {"submission", 587},  {"ldaps", 636},        {"imaps", 993},  {"pop3s", 995},
    {"openvpn", 1194},    {"ms-sql-s", 1433},    {"mysql", 3306}, {"rdp", 3389},
    {"stun", 3478},       {"ipsec-nat-t", 4500}, {"sip", 5060},   {"mdns", 5353},
    {"postgresql", 5432}, {"redis", 6379},
};

static int number_of(const struct number_name *names, size_t count, const char *name, size_t size) {
    for (size_t i = 0; i < count; i++)
        if (strlen(names[i].name) == size && strncasecmp(names[i].name, name, size) == 0)
            return names[i].number;
    return -1;
}

int eg_proto_number(const char *name, size_t size, bool bare) {
    return number_of(protocols, bare ? PROTOCOLS_BARE : COUNT(protocols), name, size);
}

int eg_service_port(const char *name, size_t size) {
    return number_of(services, COUNT(services), name, size);
}

/* ---- fields ---- */

static const struct {
    const char *name;
    enum eg_field_kind kind;
    enum eg_type type;
    bool times, bytes, packets; /* what it is made of */
} made_fields[] = {
    {"duration", EG_FIELD_DURATION, EG_TYPE_I64, true, false, false},
    {"pps", EG_FIELD_PPS, EG_TYPE_F64, true, false, true},
    {"bps", EG_FIELD_BPS, EG_TYPE_F64, true, true, false},
    {"bpp", EG_FIELD_BPP, EG_TYPE_F64, false, true, true},
};

static bool ends_with(const char *name, const char *end) {
    size_t size = strlen(name), end_size = strlen(end);
    return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

static enum eg_measure measure_of(const char *name) {
    static const char *const octets[] = {"tos",     "icmp_type", "icmp_code", "min_ttl",
                                         "max_ttl", "ttl",       "ip_version"};
    for (size_t i = 0; i < COUNT(octets); i++)
        if (strcmp(name, octets[i]) == 0) return EG_MEASURE_OCTET;
    if (ends_with(name, "_port")) return EG_MEASURE_PORT;
    if (ends_with(name, "_mask")) return EG_MEASURE_MASK;
    if (ends_with(name, "_as")) return EG_MEASURE_AS;
    if (ends_with(name, "_us")) return EG_MEASURE_MICROS;
    if (strcmp(name, "proto") == 0) return EG_MEASURE_PROTO;
    if (strcmp(name, "vlan") == 0) return EG_MEASURE_VLAN;
    if (strcmp(name, "tcp_flags") == 0) return EG_MEASURE_FLAGS;
    return EG_MEASURE_NONE;
}

static bool column(const struct eg_table *table, const char *name, eg_column_set *reads,
                   uint32_t *out) {
    int col = eg_column_find(table, name);
    if (col < 0) return false;
    *reads |= UINT64_C(1) << col;
    *out = (uint32_t)col;
    return true;
}

static bool made_field(struct eg_field *out, const struct eg_table *table, const char *name) {
    for (size_t i = 0; i < COUNT(made_fields); i++) {
        if (strcmp(name, made_fields[i].name) != 0) continue;
        struct eg_field made = {
            .name = made_fields[i].name, .kind = made_fields[i].kind, .type = made_fields[i].type};
        if (made.kind == EG_FIELD_DURATION) made.measure = EG_MEASURE_DURATION;
        bool has = true;
        if (made_fields[i].times)
            has = column(table, "start_time", &made.reads, &made.start) &&
                  column(table, "end_time", &made.reads, &made.end);
        if (made_fields[i].bytes) has = has && column(table, "bytes", &made.reads, &made.bytes);
        if (made_fields[i].packets)
            has = has && column(table, "packets", &made.reads, &made.packets);
        if (has) *out = made;
        return has;
    }
    return false;
}

static void field_of(struct eg_field *out, const struct eg_table *table, uint32_t col) {
    const struct eg_column_info *info = &table->columns[col];
    *out = (struct eg_field){.name = info->name,
                             .kind = EG_FIELD_COLUMN,
                             .type = info->type,
                             .measure = eg_type_is_whole(info->type) ? measure_of(info->name)
                                                                     : EG_MEASURE_NONE,
                             .col = col,
                             .reads = UINT64_C(1) << col};
}

bool eg_field_named(struct eg_field *out, enum eg_table_id table_id, const char *name) {
    const struct eg_table *table = eg_table_get(table_id);
    int col = eg_column_find(table, name);
    if (col < 0) return made_field(out, table, name);
    field_of(out, table, (uint32_t)col);
    return true;
}

/* ---- names elsewhere ---- */

/* Names no line of columns.def holds: those of two fields, those that say a protocol too, and
 * plain habits. `second` NULL: one field. Fields the table has not are passed over. */
static const struct alias {
    const char *name, *first, *second;
    int proto;
} aliases[] = {
    {"ip.addr", "src_ip", "dst_ip", -1},
    {"ipv6.addr", "src_ip", "dst_ip", -1},
    {"ipv6.src", "src_ip", NULL, -1},
    {"ipv6.dst", "dst_ip", NULL, -1},
    {"ip.host", "src_ip", "dst_ip", -1},
    {"eth.addr", "src_mac", "dst_mac", -1},
    {"tcp.port", "src_port", "dst_port", 6},
    {"tcp.srcport", "src_port", NULL, 6},
    {"tcp.dstport", "dst_port", NULL, 6},
    {"udp.port", "src_port", "dst_port", 17},
    {"udp.srcport", "src_port", NULL, 17},
    {"udp.dstport", "dst_port", NULL, 17},
    {"sctp.port", "src_port", "dst_port", 132},
    {"sctp.srcport", "src_port", NULL, 132},
    {"sctp.dstport", "dst_port", NULL, 132},
    {"icmp.type", "icmp_type", NULL, 1},
    {"icmp.code", "icmp_code", NULL, 1},
    {"icmpv6.type", "icmp_type", NULL, 58},
    {"icmpv6.code", "icmp_code", NULL, 58},
    {"event.duration", "duration", NULL, -1},
    {"network.transport", "proto", NULL, -1},
    {"network.packets", "packets", NULL, -1},
    {"src_addr", "src_ip", NULL, -1},
    {"dst_addr", "dst_ip", NULL, -1},
    {"src_host", "src_ip", NULL, -1},
    {"dst_host", "dst_ip", NULL, -1},
    {"source_ip", "src_ip", NULL, -1},
    {"destination_ip", "dst_ip", NULL, -1},
    {"sport", "src_port", NULL, -1},
    {"dport", "dst_port", NULL, -1},
    {"protocol", "proto", NULL, -1},
    {"icmp-type", "icmp_type", NULL, -1},
    {"icmptype", "icmp_type", NULL, -1},
    {"icmp-code", "icmp_code", NULL, -1},
    {"icmpcode", "icmp_code", NULL, -1},
    {"octets", "bytes", NULL, -1},
    {"bytes", "length", NULL, -1},
    {"len", "length", NULL, -1},
    {"start_time", "time", NULL, -1},
    {"nexthop", "next_hop", NULL, -1},
    {"dscp_ecn", "tos", NULL, -1},
};

static const char *const systems[] = {"ecs", "wireshark", "nfdump", "pmacct",
                                      "eg1", "mapr",      "spark",  "metron"};

static bool alias_find(struct eg_target *out, enum eg_table_id table, const char *name) {
    for (size_t i = 0; i < COUNT(aliases); i++) {
        const struct alias *alias = &aliases[i];
        struct eg_target made = {.count = 1, .proto = alias->proto};
        if (strcasecmp(name, alias->name) != 0) continue;
        if (!eg_field_named(&made.fields[0], table, alias->first)) continue;
        if (alias->second && eg_field_named(&made.fields[1], table, alias->second)) made.count = 2;
        *out = made;
        return true;
    }
    return false;
}

static bool elsewhere_find(struct eg_field *out, const struct eg_table *table, const char *name) {
    for (size_t s = 0; s < COUNT(systems); s++) {
        for (uint32_t col = 0; col < table->count; col++) {
            char other[64];
            if (!eg_column_elsewhere(&table->columns[col], systems[s], other, sizeof other))
                continue;
            if (strcasecmp(name, other) != 0) continue;
            field_of(out, table, col);
            return true;
        }
    }
    return false;
}

bool eg_target_find(struct eg_target *out, enum eg_table_id table, const char *text, size_t size) {
    char name[64];
    if (size >= sizeof name) return false;
    for (size_t i = 0; i < size; i++)
        name[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
    name[size] = 0;
    *out = (struct eg_target){.count = 1, .proto = -1};
    if (eg_field_named(&out->fields[0], table, name)) return true;
    if (alias_find(out, table, name)) return true;
    *out = (struct eg_target){.count = 1, .proto = -1};
    return elsewhere_find(&out->fields[0], eg_table_get(table), name);
}

bool eg_target_pair(struct eg_target *out, enum eg_table_id table, enum eg_word what,
                    unsigned direction) {
    static const struct {
        enum eg_word what;
        const char *word, *src, *dst;
    } pairs[] = {
        {EG_WORD_HOST, "host", "src_ip", "dst_ip"},
        {EG_WORD_NET, "net", "src_ip", "dst_ip"},
        {EG_WORD_PORT, "port", "src_port", "dst_port"},
        {EG_WORD_PORTRANGE, "portrange", "src_port", "dst_port"},
        {EG_WORD_AS, "as", "src_as", "dst_as"},
        {EG_WORD_MAC, "mac", "src_mac", "dst_mac"},
        {EG_WORD_IF, "if", "in_if", "out_if"},
        {EG_WORD_MASK, "mask", "src_mask", "dst_mask"},
    };
    *out = (struct eg_target){.proto = -1, .both = direction == 3, .by_net = what == EG_WORD_NET};
    for (size_t i = 0; i < COUNT(pairs); i++) {
        if (pairs[i].what != what) continue;
        out->word = pairs[i].word;
        if (direction != 2 && !eg_field_named(&out->fields[out->count++], table, pairs[i].src))
            return false;
        if (direction != 1 && !eg_field_named(&out->fields[out->count++], table, pairs[i].dst))
            return false;
        return true;
    }
    return false;
}

/* ---- did you mean ---- */

#define CANDIDATES_MAX                                                                             \
    (EG_COLUMNS_MAX + COUNT(made_fields) + COUNT(aliases) + COUNT(words) + COUNT(protocols))

const char *eg_word_nearest(enum eg_table_id table_id, const char *text, size_t size) {
    const struct eg_table *table = eg_table_get(table_id);
    const char *candidates[CANDIDATES_MAX];
    size_t count = 0;
    char name[64];
    if (size >= sizeof name) return NULL;
    for (size_t i = 0; i < size; i++)
        name[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
    name[size] = 0;
    for (uint32_t i = 0; i < table->count; i++) candidates[count++] = table->columns[i].name;
    for (size_t i = 0; i < COUNT(made_fields); i++) {
        struct eg_field made;
        if (made_field(&made, table, made_fields[i].name)) candidates[count++] = made.name;
    }
    for (size_t i = 0; i < COUNT(aliases); i++) {
        struct eg_target target;
        if (alias_find(&target, table_id, aliases[i].name)) candidates[count++] = aliases[i].name;
    }
    for (size_t i = 0; i < COUNT(words); i++)
        if (words[i].word != EG_WORD_BPF) candidates[count++] = words[i].name;
    for (size_t i = 0; i < PROTOCOLS_BARE; i++) candidates[count++] = protocols[i].name;
    const char *found = eg_nearest(name, candidates, count);
    struct eg_target target;
    /* an alias of one field is told by the field's own name */
    if (found && alias_find(&target, table_id, found) && target.count == 1 && target.proto < 0)
        return target.fields[0].name;
    return found;
}
