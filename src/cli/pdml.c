/* SPDX-License-Identifier: Apache-2.0
 * PDML into JSON. A tag is taken at a time; fields inside a field come before protocols inside it in the
 * XML or not, but stand apart in the JSON, so what a protocol inside a field becomes is held back until
 * the field ends. Only what tshark writes is understood: tags with attributes, entities, no text. */
#include "cli/pdml.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "table/encode.h"

#include <stdlib.h>
#include <string.h>

#define TAG_MAX (16u << 20) /* a tag longer than this is refused: it is held whole */
#define DEPTH_MAX 256

enum element { ROOT, PACKET, PROTO, FIELD };

struct open_one {
    enum element element;
    bool any;                /* something stands in its list already */
    struct eg_strbuf protos; /* of a field: the protocols inside it */
    struct eg_strbuf *to;    /* where what is inside is written */
};

struct eg_pdml {
    struct eg_strbuf tag; /* what was read of one, from its "<" on */
    bool in_tag, root, over;
    char quote; /* inside an attribute: what ends it; else 0 */
    struct open_one open[DEPTH_MAX];
    size_t depth;
};

static const char *const root_names[] = {"version", "creator", "time", "capture_file", NULL};
static const char *const root_keys[] = {"version", "creator", "time", "captureFile"};
static const char *const proto_names[] = {"name", "pos", "showname", "size", "hide", NULL};
static const char *const field_names[] = {"name", "pos",           "showname", "size", "value",
                                          "show", "unmaskedvalue", "hide",     NULL};

enum eg_status eg_pdml_new(struct eg_pdml **out, struct eg_error *err) {
    *out = eg_calloc(1, sizeof **out);
    return *out ? EG_OK : eg_fail(err, EG_E_NOMEM, "no memory to read PDML");
}

void eg_pdml_free(struct eg_pdml *p) {
    if (!p) return;
    for (size_t i = 0; i < DEPTH_MAX; i++) eg_strbuf_reset(&p->open[i].protos);
    eg_strbuf_reset(&p->tag);
    eg_free(p);
}

static enum eg_status bad(const char *why, struct eg_error *err) {
    return eg_fail(err, EG_E_FORMAT, "what tshark prints is no PDML: %s", why);
}

/* ---- attributes ---- */

static void entity_add(const char *text, size_t size, struct eg_strbuf *to) {
    static const struct {
        const char *name;
        char is;
    } known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == size && memcmp(known[i].name, text, size) == 0) {
            eg_strbuf_char(to, known[i].is);
            return;
        }
    bool hex = size > 2 && text[1] == 'x';
    unsigned long code =
        size > 1 && text[0] == '#' ? strtoul(text + 1 + hex, NULL, hex ? 16 : 10) : 0;
    if (code > 0 && code < 0x80)
        eg_strbuf_char(to, (char)code);
    else
        eg_strbuf_text(to, "\xef\xbf\xbd");
}

/* The text of an attribute as XML has it: entities resolved, the end of a line is a blank (section 3.3.3
 * of the standard). */
static void value_add(const char *at, const char *end, struct eg_strbuf *to) {
    while (at < end) {
        const char *semicolon = *at == '&' ? memchr(at, ';', (size_t)(end - at)) : NULL;
        if (semicolon && semicolon - at < 12) {
            entity_add(at + 1, (size_t)(semicolon - at - 1), to);
            at = semicolon + 1;
        } else if (at[0] == '\r' && at + 1 < end && at[1] == '\n') {
            at++;
        } else {
            eg_strbuf_char(to, strchr("\t\r\n", *at) ? ' ' : *at);
            at++;
        }
    }
}

/* Where the attribute's value stands in a tag; false: it has none of that name. */
static bool attribute_find(const char *tag, const char *name, const char **from, const char **to) {
    size_t size = strlen(name);
    for (const char *at = tag + strcspn(tag, " \t\n/>"); *at;) {
        at += strspn(at, " \t\r\n");
        const char *equals = strpbrk(at, "=/>");
        if (!equals || *equals != '=' || (equals[1] != '"' && equals[1] != '\'')) return false;
        const char *end = strchr(equals + 2, equals[1]);
        if (!end) return false;
        if ((size_t)(equals - at) == size && memcmp(at, name, size) == 0) {
            *from = equals + 2;
            *to = end;
            return true;
        }
        at = end + 1;
    }
    return false;
}

static void attributes_add(const char *tag, const char *const *names, const char *const *keys,
                           struct eg_strbuf *to) {
    struct eg_strbuf value = {0};
    for (size_t i = 0; names[i]; i++) {
        const char *from, *end;
        eg_strbuf_printf(to, "%s\"%s\":", i ? "," : "", keys[i]);
        if (attribute_find(tag, names[i], &from, &end)) {
            eg_strbuf_clear(&value);
            value_add(from, end, &value);
            eg_encode_json_text(value.size ? value.text : "", value.size, to);
        } else {
            eg_strbuf_text(to, "null");
        }
    }
    to->failed = to->failed || value.failed;
    eg_strbuf_reset(&value);
}

/* ---- elements ---- */

static enum eg_status element_begin(struct eg_pdml *p, enum element element, const char *tag,
                                    struct eg_strbuf *json, struct eg_error *err) {
    if (p->depth == DEPTH_MAX) return bad("it is nested too deeply", err);
    struct open_one *outer = p->depth ? &p->open[p->depth - 1] : NULL;
    struct open_one *one = &p->open[p->depth++];
    /* a protocol inside a field waits until the field's own list is over */
    bool aside = element == PROTO && outer && outer->element == FIELD;
    struct eg_strbuf *to = aside ? &outer->protos : outer ? outer->to : json;
    if (aside ? outer->protos.size > 0 : outer && outer->any) eg_strbuf_char(to, ',');
    if (outer && !aside) outer->any = true;
    one->element = element;
    one->any = false;
    one->to = to;
    eg_strbuf_clear(&one->protos);
    eg_strbuf_char(to, '{');
    switch (element) {
    case ROOT: attributes_add(tag, root_names, root_keys, to); break;
    case PACKET: break;
    case PROTO: attributes_add(tag, proto_names, proto_names, to); break;
    case FIELD: attributes_add(tag, field_names, field_names, to); break;
    }
    static const char *const lists[] = {[ROOT] = ",\"packets\":[",
                                        [PACKET] = "\"protos\":[",
                                        [PROTO] = ",\"fields\":[",
                                        [FIELD] = ",\"fields\":["};
    eg_strbuf_text(to, lists[element]);
    return EG_OK;
}

/* Empty lists are null, as Jackson leaves what the XML does not have. */
static void list_end(struct open_one *one) {
    if (!one->any && (one->element == PROTO || one->element == FIELD)) {
        one->to->size--;
        one->to->text[one->to->size] = 0;
        eg_strbuf_text(one->to, "null");
    } else {
        eg_strbuf_char(one->to, ']');
    }
}

static enum eg_status element_end(struct eg_pdml *p, enum element element, struct eg_error *err) {
    struct open_one *one = p->depth ? &p->open[p->depth - 1] : NULL;
    if (!one || one->element != element) return bad("its tags do not match", err);
    if (one->to->failed) return eg_fail(err, EG_E_NOMEM, "no memory for the JSON of packets");
    list_end(one);
    if (element == FIELD) {
        eg_strbuf_text(one->to, ",\"protos\":");
        if (one->protos.size) {
            eg_strbuf_char(one->to, '[');
            eg_strbuf_add(one->to, one->protos.text, one->protos.size);
            eg_strbuf_char(one->to, ']');
        } else {
            eg_strbuf_text(one->to, "null");
        }
    }
    eg_strbuf_char(one->to, '}');
    p->depth--;
    if (element == ROOT) p->over = true;
    return EG_OK;
}

static bool named(const char *tag, const char *name) {
    size_t size = strlen(name);
    return strncmp(tag, name, size) == 0 && strchr(" \t\r\n/>", tag[size]);
}

/* One whole tag, "<" and ">" left out. */
static enum eg_status tag_take(struct eg_pdml *p, struct eg_strbuf *json, struct eg_error *err) {
    static const char *const names[] = {
        [ROOT] = "pdml", [PACKET] = "packet", [PROTO] = "proto", [FIELD] = "field"};
    char *tag = p->tag.text + 1;
    if (*tag == '?' || *tag == '!') return EG_OK;
    bool end = *tag == '/';
    for (int i = ROOT; i <= FIELD; i++) {
        if (!named(tag + end, names[i])) continue;
        enum element element = (enum element)i;
        if (end) return element_end(p, element, err);
        if ((element == ROOT) != (p->depth == 0) || p->over)
            return bad("it is not one document", err);
        p->root = true;
        EG_TRY(element_begin(p, element, tag, json, err));
        bool empty = p->tag.size >= 2 && p->tag.text[p->tag.size - 2] == '/';
        return empty ? element_end(p, element, err) : EG_OK;
    }
    return bad("it has an unknown element", err);
}

enum eg_status eg_pdml_put(struct eg_pdml *p, const char *xml, size_t size, struct eg_strbuf *json,
                           struct eg_error *err) {
    for (size_t i = 0; i < size; i++) {
        char c = xml[i];
        if (!p->in_tag && c != '<') continue; /* between tags there is only space */
        p->in_tag = true;
        eg_strbuf_char(&p->tag, c);
        if (p->quote) {
            if (c == p->quote) p->quote = 0;
            if (c == 0) return bad("it has a zero byte", err);
        } else if ((c == '"' || c == '\'') && p->tag.size > 2 && p->tag.text[1] != '!') {
            p->quote = c;
        } else if (c == '>') {
            if (p->tag.failed) return eg_fail(err, EG_E_NOMEM, "no memory to read PDML");
            EG_TRY(tag_take(p, json, err));
            eg_strbuf_clear(&p->tag);
            p->in_tag = false;
        }
        if (p->tag.failed) return eg_fail(err, EG_E_NOMEM, "no memory to read PDML");
        if (p->tag.size > TAG_MAX) return bad("it has a tag of more than 16 MiB", err);
    }
    return EG_OK;
}

enum eg_status eg_pdml_finish(struct eg_pdml *p, struct eg_strbuf *json, struct eg_error *err) {
    if (!p->over || p->in_tag) return bad("it ends early", err);
    eg_strbuf_char(json, '\n');
    return json->failed ? eg_fail(err, EG_E_NOMEM, "no memory for the JSON of packets") : EG_OK;
}
