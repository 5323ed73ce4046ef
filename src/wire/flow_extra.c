/* SPDX-License-Identifier: Apache-2.0
 * What a row has of its own length: MPLS labels, packets inside records, and `extra`. */
#include "wire/flow_block.h"

#include "table/encode.h"
#include "wire/flow_layers.h"

#include <stdio.h>
#include <string.h>

enum { FRAME_ETHERNET = 1, LABELS_MAX = 10, FIRST_LABEL = 70 };

/* ---- packets inside records ---- */

static bool gives(const struct eg_rows *r, uint32_t col) {
    for (uint32_t i = 0; i < r->row_steps; i++)
        if (r->step[i].column == col) return true;
    return false;
}

/* Before all other steps, which say it better, of a block of one. */
void eg_flow_packet(struct eg_rows *r) {
    const struct eg_step *frame = eg_block_step(r, EG_STEP_FRAME, -1),
                         *packet = eg_block_step(r, EG_STEP_PACKET, -1);
    const struct eg_step *type = eg_block_step(r, EG_STEP_FRAME_TYPE, -1);
    const struct eg_step *size = eg_block_step(r, EG_STEP_FRAME_SIZE, -1);
    if (frame && type && eg_block_number(r, type, 0) != FRAME_ETHERNET) frame = NULL;
    if (!frame && !packet) return;
    struct eg_span bytes = eg_block_value(r, frame ? frame : packet, 0);
    uint64_t wire = frame && size ? eg_block_number(r, size, 0) : UINT16_MAX;
    struct eg_layers layers;
    eg_dissect(frame ? EG_LINK_ETHERNET : EG_LINK_RAW, bytes,
               wire > UINT32_MAX ? UINT32_MAX : (uint32_t)wire, &layers);
    eg_flow_put_layers(r->b, &layers);
    if (layers.has & EG_HAS_IP_VERSION && layers.ip_length && !gives(r, EG_COL(FLOWS, bytes)))
        eg_put_int(r->b, EG_COL(FLOWS, bytes), layers.ip_length);
    if (!gives(r, EG_COL(FLOWS, packets))) eg_put_int(r->b, EG_COL(FLOWS, packets), 1);
}

/* ---- labels ---- */

static void put_labels(struct eg_rows *r, uint32_t k) {
    uint32_t labels[LABELS_MAX] = {0}, count = 0;
    for (uint32_t i = r->row_steps; i < r->step_count && r->step[i].what == EG_STEP_LABEL; i++) {
        uint32_t place = r->t->fields[r->step[i].field].id - FIRST_LABEL;
        uint64_t entry = eg_block_number(r, &r->step[i], k);
        if (place >= LABELS_MAX || !entry) continue; /* not that many of them */
        labels[place] = (uint32_t)(entry >> 4 & 0xfffff) | 1u << 31;
    }
    for (uint32_t i = 0; i < LABELS_MAX; i++)
        if (labels[i]) labels[count++] = labels[i] & 0xfffff;
    if (count) eg_flow_put_labels(r->b, labels, count);
}

/* ---- extra ---- */

static void add_name(struct eg_rows *r, const char *name, size_t size) {
    eg_strbuf_text(&r->text, r->text.size ? ",\"" : "{\"");
    eg_strbuf_add(&r->text, name, size);
    eg_strbuf_text(&r->text, "\":");
}

/* An element that the exporter described itself, or nobody; RFC 5610. */
static void add_unknown(struct eg_rows *r, const struct eg_field *f, struct eg_span value,
                        uint8_t before) {
    uint64_t key = eg_book_typing_key(f->pen, f->id);
    const struct eg_book_version *v = eg_rows_find(r, EG_FACT_TYPING, key);
    struct eg_element element = {f->pen, f->id, EG_ELEMENT_octetArray, EG_ROLE_extra, ""};
    eg_strbuf_char(&r->text, r->text.size ? ',' : '{');
    if (v) {
        struct eg_fact fact = eg_book_fact(v);
        if (fact.number >= 0 && fact.number < EG_ELEMENT_TYPE_COUNT)
            element.type = (uint8_t)fact.number;
        eg_encode_json_text((const char *)fact.text.at, fact.text.size, &r->text);
    } else {
        eg_strbuf_printf(&r->text, "\"%u:%u", f->pen, f->id);
        if (before) eg_strbuf_printf(&r->text, "_%u", before + 1u);
        eg_strbuf_char(&r->text, '"');
    }
    eg_strbuf_char(&r->text, ':');
    eg_flow_value(r, &element, value, 0);
}

static void add_extra(struct eg_rows *r, const struct eg_step *s, uint32_t k) {
    const struct eg_field *f = &r->t->fields[s->field];
    struct eg_span value = eg_block_value(r, s, k);
    if (!f->element) {
        add_unknown(r, f, value, s->flags);
        return;
    }
    char name[100];
    int size = s->flags ? snprintf(name, sizeof name, "%s_%u", f->element->name, s->flags + 1u) : 0;
    add_name(r, s->flags ? name : f->element->name,
             s->flags ? (size_t)size : strlen(f->element->name));
    eg_flow_value(r, f->element, value, 0);
}

bool eg_flow_interfaces_named(const struct eg_rows *r) {
    return eg_book_has(r->book, EG_FACT_INTERFACE_NAME) ||
           eg_book_has(r->book, EG_FACT_INTERFACE_TEXT);
}

/* Some exporters send nothing but a description, which then holds the name (Cisco's IOS XR). */
static void add_interface(struct eg_rows *r, uint32_t k, int column, const char *name) {
    const struct eg_step *s = eg_block_step(r, EG_STEP_INT, column);
    if (!s) return;
    uint64_t number = eg_block_number(r, s, k);
    const struct eg_book_version *v = eg_rows_find(r, EG_FACT_INTERFACE_NAME, number);
    if (!v) v = eg_rows_find(r, EG_FACT_INTERFACE_TEXT, number);
    if (!v) return;
    struct eg_span text = eg_book_fact(v).text;
    add_name(r, name, strlen(name));
    eg_encode_json_text((const char *)text.at, text.size, &r->text);
}

static void put_extra(struct eg_rows *r, uint32_t k) {
    eg_strbuf_clear(&r->text);
    for (uint32_t i = r->row_steps; i < r->step_count; i++)
        if (r->step[i].what == EG_STEP_EXTRA) add_extra(r, &r->step[i], k);
    if (eg_flow_interfaces_named(r)) {
        add_interface(r, k, EG_COL(FLOWS, in_if), "in_if_name");
        add_interface(r, k, EG_COL(FLOWS, out_if), "out_if_name");
    }
    if (!r->text.size) return;
    eg_strbuf_char(&r->text, '}');
    if (r->text.failed) {
        r->b->failed = true; /* the row would be wrong without it */
        eg_strbuf_reset(&r->text);
        return;
    }
    eg_put_text(r->b, EG_COL(FLOWS, extra), r->text.text, r->text.size);
}

void eg_flow_texts(struct eg_rows *r, uint32_t k) {
    if (eg_block_has(r, EG_STEP_LABEL)) put_labels(r, k);
    if (eg_builder_wants(r->b, EG_COL(FLOWS, extra))) put_extra(r, k);
}
