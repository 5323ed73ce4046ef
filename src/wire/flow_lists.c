/* SPDX-License-Identifier: Apache-2.0
 * Structured values as JSON: a basicList is {"element":[values]}, lists of records are arrays of
 * objects. What a list means is said around it where it is not simply "all of these".
 * Source: RFC 6313 sections 4.4 and 4.5. */
#include "wire/flow_block.h"

#include "table/encode.h"

#include <string.h>

enum { DEPTH_MAX = 4, ENTERPRISE = 0x8000 };

static void count_bad(struct eg_rows *r) {
    struct eg_blame blame = eg_message_blame(r->m);
    eg_tally_add(&r->out->tally, EG_CAUSE_list_bad, &blame, r->m->datagram->time_us, 1, 0, 0);
}

/* What cannot be read is kept as bytes. */
static void add_bytes(struct eg_rows *r, struct eg_span value) {
    static const struct eg_element bytes = {0, 0, EG_ELEMENT_octetArray, EG_ROLE_extra, ""};
    eg_element_json(&bytes, value, &r->text);
}

/* Opens what the semantic says; answers how it is closed. */
static const char *open_semantic(struct eg_rows *r, uint8_t semantic) {
    static const char *const names[] = {"noneOf", "exactlyOneOf", "oneOrMoreOf"};
    if (semantic >= sizeof names / sizeof *names) return ""; /* allOf, ordered, undefined */
    eg_strbuf_printf(&r->text, "{\"%s\":", names[semantic]);
    return "}";
}

static void add_field_name(struct eg_rows *r, const struct eg_element *e, uint32_t pen,
                           uint16_t id) {
    if (e)
        eg_strbuf_printf(&r->text, "\"%s\":", e->name);
    else
        eg_strbuf_printf(&r->text, "\"%u:%u\":", pen, id);
}

static bool spend(struct eg_rows *r) {
    if (!r->budget) return false;
    r->budget--;
    return true;
}

/* The length of the next element of a basicList. */
static size_t next_length(struct eg_cursor *c, uint16_t length) {
    if (length != EG_FIELD_VARIABLE) return length;
    size_t size = eg_take_u8(c);
    return size == 255 ? eg_take_be16(c) : size;
}

static bool add_basic(struct eg_rows *r, struct eg_cursor *c, uint32_t depth) {
    uint16_t id = eg_take_be16(c), length = eg_take_be16(c);
    uint32_t pen = 0;
    if (id & ENTERPRISE) {
        pen = eg_take_be32(c);
        id &= (uint16_t)~ENTERPRISE;
    }
    eg_element_reverse(&pen, &id);
    static const struct eg_element unknown = {0, 0, EG_ELEMENT_octetArray, EG_ROLE_extra, ""};
    const struct eg_element *e = eg_element_find(pen, id);
    eg_strbuf_char(&r->text, '{');
    add_field_name(r, e, pen, id);
    eg_strbuf_char(&r->text, '[');
    bool good = !c->cut && length != 0, some = false;
    while (good && eg_cursor_left(c)) {
        struct eg_span value = eg_take(c, next_length(c, length));
        good = !c->cut && spend(r);
        if (!good) break;
        if (some) eg_strbuf_char(&r->text, ',');
        some = true;
        eg_flow_value(r, e ? e : &unknown, value, depth + 1);
    }
    eg_strbuf_text(&r->text, "]}");
    return good;
}

static void add_fields(struct eg_rows *r, const struct eg_template *t, struct eg_cursor *c,
                       uint32_t depth) {
    static const struct eg_element unknown = {0, 0, EG_ELEMENT_octetArray, EG_ROLE_extra, ""};
    bool some = false;
    eg_strbuf_char(&r->text, '{');
    for (uint32_t i = 0; i < t->field_count; i++) {
        const struct eg_field *f = &t->fields[i];
        struct eg_span value = eg_take(c, next_length(c, f->length));
        if (f->element && f->element->role == EG_ROLE_nothing) continue;
        if (some) eg_strbuf_char(&r->text, ',');
        some = true;
        add_field_name(r, f->element, f->pen, f->id);
        eg_flow_value(r, f->element ? f->element : &unknown, value, depth + 1);
    }
    eg_strbuf_char(&r->text, '}');
}

/* Records of a template, behind those that stand there already. */
static bool add_records(struct eg_rows *r, uint16_t id, struct eg_span records, bool *some,
                        uint32_t depth) {
    const struct eg_book_version *v = eg_rows_find(r, EG_FACT_TEMPLATE, id);
    if (!v) return records.size == 0;
    const struct eg_template *t = eg_book_template(v);
    while (records.size >= t->record_size) {
        size_t size = eg_template_measure(t, records);
        if (!size || r->budget < t->field_count) return false;
        r->budget -= t->field_count;
        if (*some) eg_strbuf_char(&r->text, ',');
        *some = true;
        struct eg_cursor c = eg_cursor_of(eg_span_sub(records, 0, size));
        add_fields(r, t, &c, depth);
        records = eg_span_from(records, size);
    }
    return records.size == 0;
}

static bool add_record_lists(struct eg_rows *r, struct eg_cursor *c, bool many, uint32_t depth) {
    bool some = false, good = true;
    eg_strbuf_char(&r->text, '[');
    if (!many) {
        uint16_t id = eg_take_be16(c);
        good = !c->cut && add_records(r, id, eg_take(c, eg_cursor_left(c)), &some, depth);
    }
    while (many && good && eg_cursor_left(c)) {
        uint16_t id = eg_take_be16(c), length = eg_take_be16(c);
        if (length < 4) { /* covers not even its own header */
            good = false;
            break;
        }
        struct eg_span records = eg_take(c, length - 4u);
        good = !c->cut && spend(r);
        /* One that cannot be read does not spoil those behind it. */
        if (good && !add_records(r, id, records, &some, depth)) count_bad(r);
    }
    eg_strbuf_char(&r->text, ']');
    return good;
}

static void add_list(struct eg_rows *r, enum eg_element_type type, struct eg_span value,
                     uint32_t depth) {
    struct eg_cursor c = eg_cursor_of(value);
    const char *close = open_semantic(r, eg_take_u8(&c));
    bool good = type == EG_ELEMENT_basicList
                    ? add_basic(r, &c, depth)
                    : add_record_lists(r, &c, type == EG_ELEMENT_subTemplateMultiList, depth);
    eg_strbuf_text(&r->text, close);
    if (!good) count_bad(r);
}

void eg_flow_value(struct eg_rows *r, const struct eg_element *e, struct eg_span value,
                   uint32_t depth) {
    bool list = e->type >= EG_ELEMENT_basicList && e->type <= EG_ELEMENT_subTemplateMultiList;
    size_t least = e->type == EG_ELEMENT_subTemplateMultiList ? 1 : 3;
    if (!list || value.size < least) {
        if (list && value.size) count_bad(r);
        eg_element_json(e, value, &r->text);
    } else if (depth >= DEPTH_MAX) {
        count_bad(r);
        add_bytes(r, value);
    } else {
        add_list(r, (enum eg_element_type)e->type, value, depth);
    }
}
