/* SPDX-License-Identifier: Apache-2.0
 * Stellar's functions on what is known about an address: GEO_GET and ASN_GET. Which fields there are, what
 * they are called, and what an address gives that nothing is known about, is Metron's: its GEO_GET and
 * ASN_GET on the records of MaxMind's City and ASN databases. */
#include "base/option.h"
#include "match/mmdb.h"
#include "match/stellar_tree.h"

#include <stdio.h>
#include <string.h>

struct field {
    const char *name;
    const char *path[EG_MMDB_DEPTH_MAX]; /* in the record; none: made of others */
    bool number;                         /* given as a number, or as null; else as text, or as '' */
};

static const struct field places[] = {
    {"locID", {"city", "geoname_id"}, false},        {"country", {"country", "iso_code"}, false},
    {"city", {"city", "names", "en"}, false},        {"postalCode", {"postal", "code"}, false},
    {"dmaCode", {"location", "metro_code"}, false},  {"latitude", {"location", "latitude"}, false},
    {"longitude", {"location", "longitude"}, false}, {"location_point", {NULL}, false},
};

static const struct field as_numbers[] = {
    {"autonomous_system_number", {"autonomous_system_number"}, true},
    {"autonomous_system_organization", {"autonomous_system_organization"}, false},
    {"network", {NULL}, false},
};

#define FIELDS_MAX 8

/* One call: what is asked, about what. */
struct asking {
    const struct eg_stellar_call *call;
    const struct field *fields;
    size_t count;
    struct eg_addr addr;
    struct eg_mmdb_record record;
};

static bool damaged(const struct asking *a) {
    char text[EG_ADDR_TEXT];
    eg_addr_text(&a->addr, text);
    return eg_stellar_fail(a->call->run, "%s: what the database says about %s is damaged",
                           a->call->node->function->name, text);
}

/* ---- one field ---- */

static bool text_keep(const struct asking *a, const struct eg_strbuf *text,
                      struct eg_stellar_value *out) {
    if (text->failed) return eg_stellar_fail_bound(a->call->run, "no memory for a text");
    return eg_stellar_keep(a->call->run, text->text, text->size, out);
}

/* As text; '' where the record says nothing about it. */
static bool text_of(struct asking *a, const char *const *path, struct eg_stellar_value *out) {
    struct eg_mmdb_value value;
    struct eg_strbuf text = {0};
    *out = eg_stellar_text(eg_span("", 0));
    enum eg_mmdb_answer answer = eg_mmdb_get(&a->record, path, &value);
    if (answer == EG_MMDB_DAMAGED) return damaged(a);
    if (answer == EG_MMDB_NONE) return true;
    if (value.kind == EG_MMDB_TEXT) {
        *out = eg_stellar_text(value.text);
        return true;
    }
    struct eg_stellar_value number =
        value.kind == EG_MMDB_WHOLE ? eg_stellar_whole(value.whole) : eg_stellar_real(value.real);
    eg_stellar_write(&number, true, &text);
    bool kept = text_keep(a, &text, out);
    eg_strbuf_reset(&text);
    return kept;
}

/* "51.5142,-0.0931" */
static bool point_of(struct asking *a, struct eg_stellar_value *out) {
    struct eg_stellar_value north, east;
    struct eg_strbuf text = {0};
    if (!text_of(a, (const char *const[EG_MMDB_DEPTH_MAX]){"location", "latitude"}, &north) ||
        !text_of(a, (const char *const[EG_MMDB_DEPTH_MAX]){"location", "longitude"}, &east))
        return false;
    *out = eg_stellar_text(eg_span("", 0));
    if (!north.text.size || !east.text.size) return true;
    eg_strbuf_add(&text, (const char *)north.text.at, north.text.size);
    eg_strbuf_char(&text, ',');
    eg_strbuf_add(&text, (const char *)east.text.at, east.text.size);
    bool kept = text_keep(a, &text, out);
    eg_strbuf_reset(&text);
    return kept;
}

/* The network that the record is about: "8.8.4.0/24". */
static bool network_of(const struct asking *a, struct eg_stellar_value *out) {
    bool v4 = eg_addr_is_v4(&a->addr);
    char text[EG_ADDR_TEXT + 8];
    struct eg_addr net;
    int bits;
    size_t size = eg_addr_text(&a->addr, text);
    uint32_t own = !v4 ? a->record.bits : a->record.bits > 96 ? a->record.bits - 96 : 0;
    snprintf(text + size, sizeof text - size, "/%u", own);
    if (!eg_prefix_parse(&net, &bits, text, strlen(text))) return damaged(a);
    size = eg_addr_text(&net, text);
    snprintf(text + size, sizeof text - size, "/%u", own);
    return eg_stellar_keep(a->call->run, text, strlen(text), out);
}

static bool field_of(struct asking *a, const struct field *field, struct eg_stellar_value *out) {
    struct eg_mmdb_value value;
    if (!field->path[0]) return a->fields == places ? point_of(a, out) : network_of(a, out);
    if (!field->number) return text_of(a, field->path, out);
    enum eg_mmdb_answer answer = eg_mmdb_get(&a->record, field->path, &value);
    *out = answer == EG_MMDB_THERE && value.kind == EG_MMDB_WHOLE ? eg_stellar_whole(value.whole)
                                                                  : eg_stellar_null();
    return answer != EG_MMDB_DAMAGED || damaged(a);
}

/* ---- which fields ---- */

/* The fields of a function, and how many there are. */
static const struct field *fields_of(const struct eg_stellar_call *c, size_t *count) {
    bool geo = eg_stellar_database_of(c->node->function) == EG_DATABASE_PLACES;
    *count = geo ? sizeof places / sizeof *places : sizeof as_numbers / sizeof *as_numbers;
    return geo ? places : as_numbers;
}

static bool no_field(const struct eg_stellar_call *c, uint32_t i, struct eg_span name) {
    const struct eg_stellar_node *list = c->node->kids[1];
    const char *names[FIELDS_MAX];
    char text[41], all[140] = "";
    size_t count, used = 0;
    const struct field *fields = fields_of(c, &count);
    for (size_t k = 0; k < count; k++) {
        names[k] = fields[k].name;
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", k ? ", " : "", names[k]);
    }
    snprintf(text, sizeof text, "%.*s", (int)(name.size > 40 ? 40 : name.size),
             (const char *)name.at);
    const char *nearest = eg_nearest(text, names, count);
    eg_stellar_place(c->run, list->op == EG_STELLAR_OP_LIST ? list->kids[i] : list);
    if (nearest)
        return eg_stellar_fail(c->run, "%s has no field '%s' (did you mean %s?)",
                               c->node->function->name, text, nearest);
    return eg_stellar_fail(c->run, "%s has no field '%s', but %s", c->node->function->name, text,
                           all);
}

/* NULL, and failed: there is none of that name. */
static const struct field *field_named(const struct eg_stellar_call *c,
                                       const struct eg_stellar_value *list, uint32_t i) {
    const struct eg_stellar_value *name = &list->items[i];
    size_t count;
    const struct field *fields = fields_of(c, &count);
    if (name->kind != EG_VALUE_TEXT) {
        eg_stellar_wrong_value(c, 1, name, "names of fields");
        return NULL;
    }
    for (size_t k = 0; k < count; k++)
        if (eg_span_is(name->text, fields[k].name)) return &fields[k];
    no_field(c, i, name->text);
    return NULL;
}

static bool fields_good(const struct eg_stellar_call *c) {
    const struct eg_stellar_value *list;
    struct eg_span text;
    (void)!eg_stellar_text_arg(c, 0, &text);
    if (!c->run->failed && eg_stellar_list_arg(c, 1, &list))
        for (uint32_t i = 0; i < list->count && field_named(c, list, i);) i++;
    return !c->run->failed;
}

/* ---- the functions ---- */

/* Of one host, of a private network, of many: nothing is known about it, whatever the database says. */
static bool is_nowhere(const struct eg_addr *addr) {
    unsigned __int128 number = eg_addr_number(addr);
    uint32_t v4 = (uint32_t)number, high = (uint32_t)(number >> 112);
    if (eg_addr_is_v4(addr))
        return v4 == 0 || v4 >> 24 == 10 || v4 >> 24 == 127 || v4 >> 20 == 0xac1 ||
               v4 >> 16 == 0xc0a8 || v4 >> 28 == 14;
    return number <= 1 || high >> 8 == 0xff || high >> 9 == 0x7e /* fc00::/7 */ ||
           high >> 7 == 0x1fd; /* fe80::/10, and fec0::/10, which was site-local */
}

static bool is_blank(struct eg_span text) {
    for (size_t i = 0; i < text.size; i++)
        if (eg_u8(text, i) > ' ') return false;
    return true;
}

static bool map_of(struct asking *a, const struct eg_stellar_value *names,
                   struct eg_stellar_value *out) {
    size_t count = names ? names->count : a->count, kept = 0;
    struct eg_stellar_value *items = eg_stellar_get(a->call->run, 2 * count + 1, sizeof *items);
    bool seen[FIELDS_MAX] = {false};
    if (!items) return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct field *field = names ? field_named(a->call, names, i) : &a->fields[i];
        if (!field) return false;
        if (seen[field - a->fields]) continue;
        seen[field - a->fields] = true;
        items[2 * kept] = eg_stellar_text(eg_span(field->name, strlen(field->name)));
        if (!field_of(a, field, &items[2 * kept + 1])) return false;
        kept++;
    }
    *out = (struct eg_stellar_value){.kind = EG_VALUE_MAP, .count = (uint32_t)kept, .items = items};
    return true;
}

/* Without names: all, and an empty map of an address that nothing is known about. With one: its value;
 * with several: a map of them; and null of such an address. */
static bool get(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct asking a = {.call = c};
    struct eg_span ip;
    const struct eg_stellar_value *names = NULL;
    enum eg_mmdb_answer answer = EG_MMDB_NONE;
    if (!fields_good(c)) return false;
    if (!eg_stellar_text_arg(c, 0, &ip) || is_blank(ip)) return !c->run->failed;
    if (c->count > 1 && !eg_stellar_list_arg(c, 1, &names)) return !c->run->failed;
    a.fields = fields_of(c, &a.count);
    if (eg_addr_parse(&a.addr, (const char *)ip.at, ip.size) && !is_nowhere(&a.addr))
        answer = eg_mmdb_find(c->node->mmdb, &a.addr, &a.record);
    if (answer == EG_MMDB_DAMAGED) return damaged(&a);
    if (answer == EG_MMDB_NONE) {
        if (!names) *out = (struct eg_stellar_value){.kind = EG_VALUE_MAP};
        return true;
    }
    const struct field *only = names && names->count == 1 ? field_named(c, names, 0) : NULL;
    bool got = only ? field_of(&a, only, out) : map_of(&a, names, out);
    eg_stellar_charge(c->run, (EG_MMDB_VALUES_MAX - a.record.left) / 8);
    return got;
}

const struct eg_stellar_function eg_stellar_place_functions[] = {
    {"ASN_GET", 1, 2, EG_VALUE_NULL, get, NULL, fields_good},
    {"GEO_GET", 1, 2, EG_VALUE_NULL, get, NULL, fields_good},
    {0},
};

enum eg_stellar_database eg_stellar_database_of(const struct eg_stellar_function *f) {
    if (f == &eg_stellar_place_functions[0]) return EG_DATABASE_AS_NUMBERS;
    return f == &eg_stellar_place_functions[1] ? EG_DATABASE_PLACES : EG_DATABASE_NONE;
}
