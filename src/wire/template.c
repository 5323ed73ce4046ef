/* SPDX-License-Identifier: Apache-2.0
 * Templates: parsed with every length checked, then compiled.
 * Sources: RFC 3954 sections 5.2 and 6.1; RFC 7011 sections 3.2, 3.4, 7 and 8. */
#include "wire/template.h"

#include "base/alloc.h"
#include "wire/element_value.h"
#include "wire/row_plan.h"

enum { SET_IDS_BELOW = 256, ENTERPRISE = 0x8000 };

/* What a record says of itself before its fields. */
struct head {
    uint16_t id;
    uint32_t field_count, scope_count;
    bool bad;
};

/* NetFlow v9 gives the lengths of scopes and options in bytes, each field taking 4. */
static struct head options_head_v9(struct eg_cursor *c, uint16_t id) {
    uint16_t scope_bytes = eg_take_be16(c), option_bytes = eg_take_be16(c);
    return (struct head){.id = id,
                         .field_count = (uint32_t)(scope_bytes / 4 + option_bytes / 4),
                         .scope_count = scope_bytes / 4u,
                         .bad = scope_bytes % 4 != 0 || option_bytes % 4 != 0 || c->cut};
}

static struct head options_head_ipfix(struct eg_cursor *c, uint16_t id, uint16_t count) {
    struct head h = {.id = id, .field_count = count, .scope_count = eg_take_be16(c)};
    h.bad = h.scope_count == 0 || h.scope_count > h.field_count || c->cut;
    return h;
}

/* What NetFlow v9 calls scope types, as the elements that mean the same. */
static uint16_t scope_element(uint16_t type) {
    static const uint16_t elements[] = {0, 144, 10, 141, 210, 145};
    return type < sizeof elements / sizeof *elements ? elements[type] : type;
}

static struct eg_field field_take(struct eg_cursor *c, enum eg_dialect dialect, bool scope) {
    struct eg_field f = {.id = eg_take_be16(c), .length = eg_take_be16(c)};
    if (dialect == EG_DIALECT_IPFIX && f.id & ENTERPRISE) {
        f.id &= (uint16_t)~ENTERPRISE;
        f.pen = eg_take_be32(c);
    }
    if (dialect == EG_DIALECT_NETFLOW9 && scope)
        f.id = scope_element(f.id);
    else
        f.reverse = eg_element_reverse(&f.pen, &f.id);
    f.element = eg_element_find(f.pen, f.id);
    f.opaque = f.element && f.length != EG_FIELD_VARIABLE && f.length != 0 &&
               !eg_element_fits(f.element->type, f.length);
    return f;
}

/* RFC 3954 knows no variable length, but H3C's NetStream sends names so; nothing else can be meant. */
static bool text_or_octets(const struct eg_element *e) {
    return e && (e->type == EG_ELEMENT_string || e->type == EG_ELEMENT_octetArray);
}

/* Reads the fields; false: no record can look like that. */
static bool fields_take(struct eg_cursor *c, enum eg_dialect dialect, struct eg_template *t) {
    uint32_t offset = 0;
    bool bad = false;
    for (uint32_t i = 0; i < t->field_count; i++) {
        struct eg_field *f = &t->fields[i];
        *f = field_take(c, dialect, i < t->scope_count);
        f->offset = offset;
        t->opaque_count = (uint16_t)(t->opaque_count + f->opaque);
        if (f->length != EG_FIELD_VARIABLE) {
            offset += f->length;
            t->record_size += f->length;
        } else {
            bad |= dialect == EG_DIALECT_NETFLOW9 && !text_or_octets(f->element);
            t->variable = true;
            t->record_size += 1;
            offset = 0;
        }
        if (t->record_size > EG_TEMPLATE_RECORD_MAX) bad = true;
    }
    return !bad && !c->cut && t->record_size > 0;
}

/* Moves the cursor behind the fields of a record that will not be kept. */
static void fields_skip(struct eg_cursor *c, enum eg_dialect dialect, uint32_t count) {
    for (uint32_t i = 0; i < count && !c->cut; i++) field_take(c, dialect, false);
}

static struct head head_take(struct eg_cursor *c, enum eg_dialect dialect, bool options,
                             enum eg_template_found *found) {
    uint16_t id = eg_take_be16(c), count = 0;
    *found = EG_TEMPLATE_DEFINED;
    if (options && dialect == EG_DIALECT_NETFLOW9) {
        struct head h = options_head_v9(c, id);
        if (id == 0 && h.field_count == 0 && !h.bad) *found = EG_TEMPLATE_PADDING;
        return h;
    }
    count = eg_take_be16(c);
    if (id == 0 && count == 0) {
        *found = EG_TEMPLATE_PADDING;
    } else if (dialect == EG_DIALECT_IPFIX && count == 0 && !c->cut) {
        *found = EG_TEMPLATE_WITHDRAWN;
    } else if (options) {
        return options_head_ipfix(c, id, count);
    }
    return (struct head){.id = id, .field_count = count, .bad = c->cut};
}

enum eg_template_found eg_template_take(struct eg_cursor *c, enum eg_dialect dialect, bool options,
                                        uint16_t *id, struct eg_template **out) {
    *id = 0;
    if (eg_cursor_left(c) < 4) { /* less than any record */
        eg_skip(c, eg_cursor_left(c));
        return EG_TEMPLATE_PADDING;
    }
    enum eg_template_found found;
    struct head h = head_take(c, dialect, options, &found);
    *id = h.id;
    if (found == EG_TEMPLATE_PADDING) eg_skip(c, eg_cursor_left(c));
    if (found != EG_TEMPLATE_DEFINED) return found;
    if (h.bad || h.id < SET_IDS_BELOW || h.field_count == 0 ||
        h.field_count > eg_cursor_left(c) / 4) {
        fields_skip(c, dialect, h.field_count);
        return EG_TEMPLATE_BAD;
    }
    size_t bytes = sizeof **out + h.field_count * sizeof *(*out)->fields;
    struct eg_template *t = eg_calloc(1, bytes);
    if (!t) {
        fields_skip(c, dialect, h.field_count);
        return EG_TEMPLATE_SHORT_OF_MEMORY;
    }
    t->id = h.id;
    t->options = options;
    t->field_count = (uint16_t)h.field_count;
    t->scope_count = (uint16_t)h.scope_count;
    bool good = fields_take(c, dialect, t);
    if (!good || !eg_row_plans_make(t)) {
        eg_template_free(t);
        return good ? EG_TEMPLATE_SHORT_OF_MEMORY : EG_TEMPLATE_BAD;
    }
    t->bytes = (uint32_t)(bytes + eg_row_plan_bytes(t->plan) + eg_row_plan_bytes(t->reverse_plan));
    *out = t;
    return EG_TEMPLATE_DEFINED;
}

void eg_template_free(struct eg_template *t) {
    if (!t) return;
    eg_free(t->plan);
    eg_free(t->reverse_plan);
    eg_free(t);
}

bool eg_template_same(const struct eg_template *a, const struct eg_template *b) {
    if (a->field_count != b->field_count || a->scope_count != b->scope_count ||
        a->options != b->options)
        return false;
    for (uint32_t i = 0; i < a->field_count; i++) {
        const struct eg_field *f = &a->fields[i], *g = &b->fields[i];
        if (f->pen != g->pen || f->id != g->id || f->length != g->length ||
            f->reverse != g->reverse)
            return false;
    }
    return true;
}

/* ---- records ---- */

/* RFC 7011 section 7: one byte of length, or 255 and two. */
static struct eg_span variable_take(struct eg_cursor *c) {
    size_t size = eg_take_u8(c);
    if (size == 255) size = eg_take_be16(c);
    return eg_take(c, size);
}

size_t eg_template_locate(const struct eg_template *t, struct eg_span rest, struct eg_span *at) {
    struct eg_cursor c = eg_cursor_of(rest);
    for (uint32_t i = 0; i < t->field_count; i++) {
        uint16_t length = t->fields[i].length;
        at[i] = length == EG_FIELD_VARIABLE ? variable_take(&c) : eg_take(&c, length);
    }
    return c.cut ? 0 : rest.size - eg_cursor_left(&c);
}

size_t eg_template_measure(const struct eg_template *t, struct eg_span rest) {
    if (!t->variable) return rest.size < t->record_size ? 0 : t->record_size;
    struct eg_cursor c = eg_cursor_of(rest);
    for (uint32_t i = 0; i < t->field_count && !c.cut; i++) {
        if (t->fields[i].length == EG_FIELD_VARIABLE)
            variable_take(&c);
        else
            eg_skip(&c, t->fields[i].length);
    }
    return c.cut ? 0 : rest.size - eg_cursor_left(&c);
}

uint32_t eg_template_records(const struct eg_template *t, struct eg_span set, size_t *rest_size) {
    if (!t->variable) {
        *rest_size = set.size % t->record_size;
        return (uint32_t)(set.size / t->record_size);
    }
    uint32_t count = 0;
    for (size_t size; set.size >= t->record_size; set = eg_span_from(set, size), count++) {
        size = eg_template_measure(t, set);
        if (!size) break;
    }
    *rest_size = set.size;
    return count;
}
