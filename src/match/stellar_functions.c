/* SPDX-License-Identifier: Apache-2.0
 * The functions of Stellar: finding one, what their arguments must be, and those about packets. What
 * a function does with null and with what is not there is Metron's description's; where that says
 * nothing, null gives null, and false where the function answers true or false. */
#include "match/stellar_tree.h"

#include "base/option.h"
#include "table/address.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAMES_MAX 96

static const struct eg_stellar_function *const all[] = {
    eg_stellar_packet_functions, eg_stellar_text_functions, eg_stellar_list_functions,
    eg_stellar_number_functions, eg_stellar_place_functions};

const struct eg_stellar_function *eg_stellar_function(struct eg_span name, const char **nearest) {
    const char *names[NAMES_MAX];
    size_t count = 0;
    char text[64];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (const struct eg_stellar_function *f = all[i]; f->name; f++) {
            if (strlen(f->name) == name.size && memcmp(f->name, name.at, name.size) == 0) return f;
            if (count < NAMES_MAX && !f->refused) names[count++] = f->name;
        }
    snprintf(text, sizeof text, "%.*s", (int)(name.size > 63 ? 63 : name.size),
             (const char *)name.at);
    *nearest = eg_nearest(text, names, count);
    return NULL;
}

bool eg_stellar_wrong_value(const struct eg_stellar_call *c, uint32_t i,
                            const struct eg_stellar_value *value, const char *wanted) {
    eg_stellar_place(c->run, c->node->kids[i]);
    return eg_stellar_fail(c->run, "%s wants %s, not %s", c->node->function->name, wanted,
                           eg_stellar_kind_name(value->kind));
}

static bool wrong_arg(const struct eg_stellar_call *c, uint32_t i, const char *wanted) {
    return eg_stellar_wrong_value(c, i, &c->args[i], wanted);
}

bool eg_stellar_wrong_text(const struct eg_stellar_call *c, uint32_t i,
                           const struct eg_error *why) {
    eg_stellar_place(c->run, c->node->kids[i]);
    return why->status == EG_E_NOMEM ? eg_stellar_fail_bound(c->run, why->message)
                                     : eg_stellar_fail(c->run, "%.150s", why->message);
}

bool eg_stellar_text_arg(const struct eg_stellar_call *c, uint32_t i, struct eg_span *out) {
    if (i >= c->count || c->args[i].kind == EG_VALUE_NULL) return false;
    if (c->args[i].kind != EG_VALUE_TEXT) return wrong_arg(c, i, "text");
    *out = c->args[i].text;
    eg_stellar_charge(c->run, out->size / 64);
    return true;
}

bool eg_stellar_whole_arg(const struct eg_stellar_call *c, uint32_t i, int64_t *out) {
    if (c->args[i].kind != EG_VALUE_WHOLE) {
        eg_stellar_place(c->run, c->node->kids[i]);
        return eg_stellar_fail(c->run, "%s wants a whole number", c->node->function->name);
    }
    *out = c->args[i].whole;
    return true;
}

bool eg_stellar_number_arg(const struct eg_stellar_call *c, uint32_t i, double *out) {
    if (!eg_stellar_is_number(&c->args[i])) return wrong_arg(c, i, "a number");
    *out = eg_stellar_number(&c->args[i]);
    return true;
}

bool eg_stellar_list_arg(const struct eg_stellar_call *c, uint32_t i,
                         const struct eg_stellar_value **out) {
    if (i >= c->count || c->args[i].kind == EG_VALUE_NULL) return false;
    if (c->args[i].kind != EG_VALUE_LIST) return wrong_arg(c, i, "a list");
    *out = &c->args[i];
    return true;
}

bool eg_stellar_lacking(const struct eg_stellar_call *c, struct eg_stellar_value *out,
                        struct eg_stellar_value otherwise) {
    *out = otherwise;
    return !c->run->failed;
}

/* ---- packets ---- */

/* A pattern that is no constant. False: it is null, or none, which is an error. */
static bool pattern_make(const struct eg_stellar_call *c, struct eg_arena *arena,
                         struct eg_byte_pattern **out) {
    struct eg_error err;
    struct eg_span text = {0};
    if (!eg_stellar_text_arg(c, 0, &text)) return false;
    return eg_byte_pattern_parse(out, (const char *)text.at, text.size, arena, &err) == EG_OK ||
           eg_stellar_wrong_text(c, 0, &err);
}

static bool found_once(const struct eg_stellar_call *c, struct eg_span front, struct eg_span back,
                       struct eg_stellar_value *out) {
    struct eg_arena arena = {0};
    struct eg_byte_pattern *pattern = NULL;
    *out = eg_stellar_bool(false);
    if (pattern_make(c, &arena, &pattern)) {
        eg_stellar_charge(c->run, 1000 + 16 * (size_t)pattern->length);
        *out = eg_stellar_bool(eg_byte_pattern_found_behind(pattern, front, back));
    }
    eg_arena_reset(&arena);
    return !c->run->failed;
}

static bool pattern_good(const struct eg_stellar_call *c) {
    struct eg_arena arena = {0};
    struct eg_byte_pattern *pattern;
    if (!c->node->pattern) (void)!pattern_make(c, &arena, &pattern);
    eg_arena_reset(&arena);
    return !c->run->failed;
}

static bool byte_array_matcher(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_byte_pattern *pattern = c->node->pattern;
    struct eg_span front = {0}, back = {0};
    if (c->args[1].kind == EG_VALUE_BYTES) {
        front = c->args[1].bytes.front;
        back = c->args[1].bytes.back;
        eg_stellar_charge(c->run, back.size / 64);
    } else if (!eg_stellar_text_arg(c, 1, &back)) {
        return eg_stellar_lacking(c, out, eg_stellar_bool(false));
    }
    if (!pattern) return found_once(c, front, back, out);
    *out = eg_stellar_bool(front.size ? eg_byte_pattern_found_behind(pattern, front, back)
                                      : eg_byte_pattern_found(pattern, back));
    return true;
}

/* A network among the arguments. False: it is null, or none, which is an error. */
static bool net_arg(const struct eg_stellar_call *c, uint32_t i, struct eg_addr *net, int *bits) {
    struct eg_span text = {0};
    if (!eg_stellar_text_arg(c, i, &text)) return false;
    if (eg_prefix_parse(net, bits, (const char *)text.at, text.size)) return true;
    eg_stellar_place(c->run, c->node->kids[i]);
    return eg_stellar_fail(c->run, "IN_SUBNET: '%.*s' is no network such as 10.0.0.0/8",
                           (int)(text.size > 60 ? 60 : text.size), (const char *)text.at);
}

static bool in_subnet(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct eg_span text;
    struct eg_addr addr, net;
    int bits;
    *out = eg_stellar_bool(false);
    if (!eg_stellar_text_arg(c, 0, &text)) return !c->run->failed;
    if (!eg_addr_parse(&addr, (const char *)text.at, text.size)) return true;
    for (uint32_t i = 1; i < c->count && !out->truth; i++) {
        if (net_arg(c, i, &net, &bits))
            out->truth = eg_prefix_holds(&net, bits, &addr);
        else if (c->run->failed)
            return false;
    }
    return true;
}

static bool nets_good(const struct eg_stellar_call *c) {
    struct eg_addr net;
    int bits;
    for (uint32_t i = 1; i < c->count && !c->run->failed; i++) (void)!net_arg(c, i, &net, &bits);
    return !c->run->failed;
}

/* Whether one of IPV4, IPV6 is asked for; other words ask for nothing. */
static bool version_wanted(const struct eg_stellar_value *type, bool v4) {
    return type->kind == EG_VALUE_TEXT && type->text.size == 4 &&
           strncasecmp((const char *)type->text.at, v4 ? "IPV4" : "IPV6", 4) == 0;
}

static bool is_ip(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_stellar_value *ip = &c->args[0], *type = &c->args[1];
    struct eg_addr addr;
    *out = eg_stellar_bool(false);
    if (ip->kind != EG_VALUE_TEXT ||
        !eg_addr_parse(&addr, (const char *)ip->text.at, ip->text.size))
        return true;
    bool v4 = memchr(ip->text.at, ':', ip->text.size) == NULL;
    if (c->count < 2 || type->kind == EG_VALUE_NULL) {
        out->truth = v4;
    } else if (type->kind == EG_VALUE_LIST) {
        for (uint32_t i = 0; i < type->count; i++)
            if (version_wanted(&type->items[i], v4)) out->truth = true;
    } else {
        out->truth = version_wanted(type, v4);
    }
    return true;
}

/* As IANA writes them. */
static const char *protocol_name(int64_t number) {
    static const struct {
        uint8_t number;
        const char *name;
    } names[] = {
        {0, "HOPOPT"},
        {1, "ICMP"},
        {2, "IGMP"},
        {3, "GGP"},
        {4, "IPv4"},
        {5, "ST"},
        {6, "TCP"},
        {7, "CBT"},
        {8, "EGP"},
        {9, "IGP"},
        {12, "PUP"},
        {17, "UDP"},
        {20, "HMP"},
        {22, "XNS-IDP"},
        {27, "RDP"},
        {28, "IRTP"},
        {29, "ISO-TP4"},
        {33, "DCCP"},
        {41, "IPv6"},
        {42, "SDRP"},
        {43, "IPv6-Route"},
        {44, "IPv6-Frag"},
        {45, "IDRP"},
        {46, "RSVP"},
        {47, "GRE"},
        {48, "DSR"},
        {50, "ESP"},
        {51, "AH"},
        {55, "MOBILE"},
        {57, "SKIP"},
        {58, "IPv6-ICMP"},
        {59, "IPv6-NoNxt"},
        {60, "IPv6-Opts"},
        {88, "EIGRP"},
        {89, "OSPFIGP"},
        {94, "IPIP"},
        {97, "ETHERIP"},
        {98, "ENCAP"},
        {103, "PIM"},
        {108, "IPComp"},
        {111, "IPX-in-IP"},
        {112, "VRRP"},
        {113, "PGM"},
        {115, "L2TP"},
        {121, "SMP"},
        {124, "ISIS over IPv4"},
        {132, "SCTP"},
        {133, "FC"},
        {135, "Mobility Header"},
        {136, "UDPLite"},
        {137, "MPLS-in-IP"},
        {138, "manet"},
        {139, "HIP"},
        {140, "Shim6"},
        {141, "WESP"},
        {142, "ROHC"},
        {143, "Ethernet"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number) return names[i].name;
    return NULL;
}

/* What is no number of a protocol is given back as it came. */
static bool protocol_to_name(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    int64_t number = -1;
    *out = c->args[0];
    if (out->kind == EG_VALUE_WHOLE) {
        number = out->whole;
    } else if (out->kind == EG_VALUE_TEXT && out->text.size >= 1 && out->text.size <= 3) {
        number = 0;
        for (size_t i = 0; i < out->text.size && number >= 0; i++) {
            uint8_t digit = eg_u8(out->text, i);
            number = digit >= '0' && digit <= '9' ? 10 * number + (digit - '0') : -1;
        }
    }
    const char *name = protocol_name(number);
    if (name) *out = eg_stellar_text(eg_span(name, strlen(name)));
    return true;
}

#define NO_STATE "keeps state, which a question about a packet has none of"

const struct eg_stellar_function eg_stellar_packet_functions[] = {
    {"BYTEARRAY_MATCHER", 2, 2, EG_VALUE_BOOL, byte_array_matcher, NULL, pattern_good},
    {"IN_SUBNET", 2, EG_ARGS_ANY, EG_VALUE_BOOL, in_subnet, NULL, nets_good},
    {"IS_IP", 1, 2, EG_VALUE_BOOL, is_ip, NULL, NULL},
    {"PROTOCOL_TO_NAME", 1, 1, EG_VALUE_NULL, protocol_to_name, NULL, NULL},
    {"ENRICHMENT_GET", 0, EG_ARGS_ANY, EG_VALUE_NULL, NULL, "needs Metron's HBase", NULL},
    {"ENRICHMENT_EXISTS", 0, EG_ARGS_ANY, EG_VALUE_NULL, NULL, "needs Metron's HBase", NULL},
    {"PROFILE_GET", 0, EG_ARGS_ANY, EG_VALUE_NULL, NULL, "needs Metron's profiler", NULL},
    {"MAAS_MODEL_APPLY", 0, EG_ARGS_ANY, EG_VALUE_NULL, NULL, "needs Metron's models", NULL},
    {"KAFKA_GET", 0, EG_ARGS_ANY, EG_VALUE_NULL, NULL, NO_STATE, NULL},
    {0},
};
