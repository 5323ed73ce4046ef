/* SPDX-License-Identifier: Apache-2.0
 * Reading MaxMind DB files. Such a file is a binary tree over the bits of an address, whose leaves are places
 * in a section of values, and behind it a map that describes both. Source: the MaxMind DB file format,
 * version 2.0.
 *
 * No function calls itself: how deep the values of a file are nested costs nothing. */
#include "match/mmdb.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARKER "\xab\xcd\xefMaxMind.com"
#define MARKER_BYTES (sizeof MARKER - 1)
#define METADATA_MAX (128u << 10)
#define TREE_GAP 16 /* zeros between the tree and the values */

/* ---- values ---- */

enum type {
    TYPE_EXTENDED = 0,
    TYPE_POINTER = 1,
    TYPE_TEXT = 2,
    TYPE_DOUBLE = 3,
    TYPE_WHOLE_16 = 5,
    TYPE_WHOLE_32 = 6,
    TYPE_MAP = 7,
    TYPE_SIGNED_32 = 8,
    TYPE_WHOLE_64 = 9,
    TYPE_ARRAY = 11,
    TYPE_BOOLEAN = 14,
    TYPE_FLOAT = 15,
};

/* How a value begins. */
struct head {
    uint32_t type,
        size;  /* size: of a pointer, where it leads; of a map, its pairs; of a boolean, itself */
    size_t at; /* what is behind: the bytes of a value, the first of a map's keys */
};

static bool pointer_read(struct eg_cursor *c, uint8_t control, struct head *out) {
    uint32_t high = control & 7u;
    switch (control >> 3 & 3) {
    case 0: out->size = high << 8 | eg_take_u8(c); break;
    case 1: out->size = (high << 16 | eg_take_be16(c)) + 2048; break;
    case 2: out->size = (high << 24 | eg_be24(eg_take(c, 3), 0)) + 526336; break;
    default: out->size = eg_take_be32(c);
    }
    return !c->cut;
}

static bool head_read(struct eg_span section, size_t at, struct head *out) {
    struct eg_cursor c = eg_cursor_of(eg_span_from(section, at));
    size_t all = eg_cursor_left(&c);
    uint8_t control = eg_take_u8(&c);
    out->type = control >> 5;
    out->size = control & 31u;
    if (out->type == TYPE_POINTER) {
        if (!pointer_read(&c, control, out)) return false;
    } else {
        if (out->type == TYPE_EXTENDED) out->type = eg_take_u8(&c) + 7u;
        if (out->size == 29)
            out->size = 29u + eg_take_u8(&c);
        else if (out->size == 30)
            out->size = 285u + eg_take_be16(&c);
        else if (out->size == 31)
            out->size = 65821u + eg_be24(eg_take(&c, 3), 0);
    }
    out->at = at + (all - eg_cursor_left(&c));
    return !c.cut && out->type != TYPE_EXTENDED;
}

/* The value at `at`, through a pointer if one stands there (which leads to no other), and in *behind, unless
 * NULL, where the next one begins (of a map or an array: its first part). */
static bool value_head(struct eg_mmdb_record *r, size_t at, struct head *out, size_t *behind) {
    if (!r->left || !head_read(r->section, at, out)) return false;
    r->left--;
    bool holds = out->type != TYPE_POINTER && out->type != TYPE_MAP && out->type != TYPE_ARRAY &&
                 out->type != TYPE_BOOLEAN;
    if (behind) *behind = out->at + (holds ? out->size : 0);
    if (out->type != TYPE_POINTER) return true;
    return head_read(r->section, out->size, out) && out->type != TYPE_POINTER;
}

/* From the beginning of a value to that of the next, whatever it holds. */
static bool pass_over(struct eg_mmdb_record *r, size_t *at) {
    for (uint64_t values = 1; values > 0; values--) {
        struct head head;
        if (!r->left || !head_read(r->section, *at, &head)) return false;
        r->left--;
        *at = head.at;
        if (head.type == TYPE_MAP)
            values += 2 * (uint64_t)head.size;
        else if (head.type == TYPE_ARRAY)
            values += head.size;
        else if (head.type != TYPE_POINTER && head.type != TYPE_BOOLEAN)
            *at += head.size;
    }
    return *at <= r->section.size;
}

/* The head of what a map has under that name. */
static enum eg_mmdb_answer member(struct eg_mmdb_record *r, const struct head *map,
                                  const char *name, struct head *out) {
    size_t at = map->at;
    for (uint32_t i = 0; i < map->size; i++) {
        struct head key;
        if (!value_head(r, at, &key, &at) || key.type != TYPE_TEXT ||
            !eg_span_has(r->section, key.at, key.size))
            return EG_MMDB_DAMAGED;
        if (eg_span_is(eg_span_sub(r->section, key.at, key.size), name))
            return value_head(r, at, out, NULL) ? EG_MMDB_THERE : EG_MMDB_DAMAGED;
        if (!pass_over(r, &at)) return EG_MMDB_DAMAGED;
    }
    return EG_MMDB_NONE;
}

static enum eg_mmdb_answer whole_read(struct eg_span bytes, size_t most, bool negative,
                                      struct eg_mmdb_value *out) {
    uint64_t number = 0;
    if (bytes.size > most) return EG_MMDB_DAMAGED;
    for (size_t i = 0; i < bytes.size; i++) number = number << 8 | eg_u8(bytes, i);
    out->kind = EG_MMDB_WHOLE;
    out->whole = negative ? (int32_t)(uint32_t)number : (int64_t)number;
    return number > INT64_MAX ? EG_MMDB_NONE : EG_MMDB_THERE;
}

static enum eg_mmdb_answer real_read(struct eg_span bytes, size_t width,
                                     struct eg_mmdb_value *out) {
    uint64_t eight = eg_be64(bytes, 0);
    uint32_t four = eg_be32(bytes, 0);
    float single;
    if (bytes.size != width) return EG_MMDB_DAMAGED;
    out->kind = EG_MMDB_REAL;
    memcpy(&single, &four, sizeof single);
    memcpy(&out->real, &eight, sizeof out->real);
    if (width == 4) out->real = (double)single;
    return EG_MMDB_THERE;
}

enum eg_mmdb_answer eg_mmdb_get(struct eg_mmdb_record *r, const char *const path[EG_MMDB_DEPTH_MAX],
                                struct eg_mmdb_value *out) {
    struct head head;
    if (!value_head(r, r->at, &head, NULL)) return EG_MMDB_DAMAGED;
    for (size_t i = 0; i < EG_MMDB_DEPTH_MAX && path[i]; i++) {
        struct head map = head;
        if (map.type != TYPE_MAP) return EG_MMDB_NONE;
        enum eg_mmdb_answer answer = member(r, &map, path[i], &head);
        if (answer != EG_MMDB_THERE) return answer;
    }
    if (head.type == TYPE_MAP || head.type == TYPE_ARRAY || head.type == TYPE_BOOLEAN)
        return EG_MMDB_NONE;
    if (!eg_span_has(r->section, head.at, head.size)) return EG_MMDB_DAMAGED;
    struct eg_span bytes = eg_span_sub(r->section, head.at, head.size);
    switch (head.type) {
    case TYPE_TEXT:
        out->kind = EG_MMDB_TEXT;
        out->text = bytes;
        return EG_MMDB_THERE;
    case TYPE_WHOLE_16: return whole_read(bytes, 2, false, out);
    case TYPE_WHOLE_32: return whole_read(bytes, 4, false, out);
    case TYPE_SIGNED_32: return whole_read(bytes, 4, bytes.size == 4, out);
    case TYPE_WHOLE_64: return whole_read(bytes, 8, false, out);
    case TYPE_DOUBLE: return real_read(bytes, 8, out);
    case TYPE_FLOAT: return real_read(bytes, 4, out);
    default: return EG_MMDB_NONE;
    }
}

/* ---- the tree ---- */

/* Where a node leads for a bit. Records of 28 bits share the byte between them. */
static uint32_t child(const struct eg_mmdb *db, uint32_t node, bool one) {
    size_t at = (size_t)node * db->node_bytes;
    uint32_t shared;
    switch (db->node_bytes) {
    case 6: return eg_be24(db->tree, at + (one ? 3 : 0));
    case 7:
        shared = eg_u8(db->tree, at + 3);
        return (one ? shared & 15 : shared >> 4) << 24 | eg_be24(db->tree, at + (one ? 4 : 0));
    default: return eg_be32(db->tree, at + (one ? 4 : 0));
    }
}

enum eg_mmdb_answer eg_mmdb_find(const struct eg_mmdb *db, const struct eg_addr *addr,
                                 struct eg_mmdb_record *out) {
    bool v4 = eg_addr_is_v4(addr);
    uint32_t node = v4 ? db->v4_node : 0, bits = v4 ? db->v4_bits : 0;
    struct eg_span bytes = eg_span(addr->bytes, sizeof addr->bytes);
    if (!v4 && !db->v6) return EG_MMDB_NONE;
    for (; node < db->nodes && bits < 128; bits++)
        node = child(db, node, eg_u8(bytes, bits / 8) >> (7 - bits % 8) & 1);
    if (node == db->nodes) return EG_MMDB_NONE;
    if (node < db->nodes || node - db->nodes < TREE_GAP) return EG_MMDB_DAMAGED;
    *out = (struct eg_mmdb_record){.section = db->data,
                                   .at = node - db->nodes - TREE_GAP,
                                   .bits = bits,
                                   .left = EG_MMDB_VALUES_MAX};
    return out->at < db->data.size ? EG_MMDB_THERE : EG_MMDB_DAMAGED;
}

/* ---- the file ---- */

/* A whole number of the description; `otherwise` where there is none. */
static int64_t described(struct eg_span metadata, const char *name, int64_t otherwise) {
    struct eg_mmdb_record r = {.section = metadata, .left = EG_MMDB_VALUES_MAX};
    struct eg_mmdb_value value;
    bool there =
        eg_mmdb_get(&r, (const char *const[EG_MMDB_DEPTH_MAX]){name}, &value) == EG_MMDB_THERE;
    return there && value.kind == EG_MMDB_WHOLE ? value.whole : otherwise;
}

/* Where the last marker stands; 0: there is none, or nothing before it. */
static size_t marker_find(struct eg_span file) {
    size_t least = file.size > METADATA_MAX ? file.size - METADATA_MAX : 0;
    for (size_t at = file.size; at-- > least;)
        if (eg_u8(file, at) == 0xab && eg_span_is(eg_span_sub(file, at, MARKER_BYTES), MARKER))
            return at;
    return 0;
}

/* IPv4 addresses stand in a tree for IPv6 behind 96 zeros. */
static void v4_find(struct eg_mmdb *db) {
    db->v4_node = 0;
    db->v4_bits = 96;
    if (!db->v6) return;
    for (db->v4_bits = 0; db->v4_node < db->nodes && db->v4_bits < 96; db->v4_bits++)
        db->v4_node = child(db, db->v4_node, false);
}

enum eg_status eg_mmdb_of(struct eg_mmdb *out, struct eg_span file, const char *name,
                          struct eg_error *err) {
    size_t marker = marker_find(file);
    bool packed = eg_be16(file, 0) == 0x1f8b;
    if (!marker)
        return eg_fail(err, EG_E_FORMAT, "%s is no whole MaxMind DB (.mmdb)%s", name,
                       packed ? ": it is compressed, so unpack it first" : "");
    struct eg_span metadata = eg_span_from(file, marker + MARKER_BYTES);
    struct eg_mmdb_record whole = {.section = metadata, .left = EG_MMDB_VALUES_MAX};
    bool described_whole = pass_over(&whole, &whole.at);
    int64_t version = described(metadata, "binary_format_major_version", -1);
    int64_t nodes = described(metadata, "node_count", -1);
    int64_t bits = described(metadata, "record_size", -1);
    int64_t ip = described(metadata, "ip_version", -1);
    if (version >= 0 && version != 2)
        return eg_fail(err, EG_E_FORMAT, "%s is of version %lld of the MaxMind DB format, not 2",
                       name, (long long)version);
    bool known = (bits == 24 || bits == 28 || bits == 32) && (ip == 4 || ip == 6) && version == 2 &&
                 described_whole;
    uint64_t tree = known ? (uint64_t)bits / 4 * (uint64_t)nodes : 0;
    if (!known || nodes <= 0 || nodes > UINT32_MAX - TREE_GAP || tree + TREE_GAP > marker ||
        eg_be64(file, tree) || eg_be64(file, tree + TREE_GAP / 2))
        return eg_fail(err, EG_E_FORMAT, "%s is damaged: its description does not fit it", name);
    struct eg_mmdb_record type = {.section = metadata, .left = EG_MMDB_VALUES_MAX};
    struct eg_mmdb_value text = {0};
    bool typed = eg_mmdb_get(&type, (const char *const[EG_MMDB_DEPTH_MAX]){"database_type"},
                             &text) == EG_MMDB_THERE;
    *out = (struct eg_mmdb){
        .tree = eg_span_sub(file, 0, tree),
        .data = eg_span_sub(file, tree + TREE_GAP, marker - tree - TREE_GAP),
        .type = typed && text.kind == EG_MMDB_TEXT ? text.text : eg_span("", 0),
        .nodes = (uint32_t)nodes,
        .node_bytes = (uint8_t)(bits / 4),
        .v6 = ip == 6,
    };
    v4_find(out);
    return EG_OK;
}

static enum eg_status file_read(int fd, const char *path, void **bytes, size_t *size,
                                struct eg_error *err) {
    struct stat about;
    size_t got = 0;
    if (fstat(fd, &about) != 0) return eg_fail_errno(err, errno, "cannot open %s", path);
    if (!S_ISREG(about.st_mode)) return eg_fail(err, EG_E_FORMAT, "%s is no file", path);
    if (about.st_size > EG_MMDB_BYTES_MAX)
        return eg_fail(err, EG_E_FORMAT,
                       "%s is larger than the 1 GiB that a MaxMind DB may have here", path);
    size_t room = (size_t)about.st_size;
    uint8_t *memory = *bytes = eg_malloc(room + 1);
    if (!memory) return eg_fail(err, EG_E_NOMEM, "no memory for the %zu bytes of %s", room, path);
    while (got < room) {
        ssize_t more = read(fd, memory + got, room - got);
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) return eg_fail_errno(err, errno, "cannot read %s", path);
        if (more == 0) break;
        got += (size_t)more;
    }
    *size = got;
    return EG_OK;
}

enum eg_status eg_mmdb_open(struct eg_mmdb **out, const char *path, struct eg_error *err) {
    void *bytes = NULL;
    size_t size = 0;
    struct eg_mmdb *db = eg_calloc(1, sizeof *db);
    if (!db) return eg_fail(err, EG_E_NOMEM, "no memory for %s", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not be waited for */
    enum eg_status status = fd < 0 ? eg_fail_errno(err, errno, "cannot open %s", path) : EG_OK;
    if (status >= 0) status = file_read(fd, path, &bytes, &size, err);
    if (fd >= 0) close(fd);
    if (status >= 0) status = eg_mmdb_of(db, eg_span(bytes, size), path, err);
    db->bytes = bytes;
    if (status >= 0)
        *out = db;
    else
        eg_mmdb_close(db);
    return status;
}

void eg_mmdb_close(struct eg_mmdb *db) {
    if (!db) return;
    eg_free(db->bytes);
    eg_free(db);
}
