/* SPDX-License-Identifier: Apache-2.0
 * Pages read back: their heads, the compression, levels, and single values out of them. */
#include "engine/parquet_pages.h"

#include "base/alloc.h"
#include "engine/parquet_column.h"
#include "engine/parquet_distinct.h"
#include "engine/parquet_thrift_read.h"
#include "engine/parquet_unpack.h"
#include "table/address.h"

#include <string.h>

#define PAGE_MAX (64u << 20) /* uncompressed */

enum { PLAIN = 0, DELTA_BINARY_PACKED = 5, RLE_DICTIONARY = 8 };
enum { INT32 = 1, INT64 = 2, BYTE_ARRAY = 6 };
enum { ROWS_PAGE = 0, DICTIONARY_PAGE = 2 };

static enum eg_status damaged(struct eg_error *err) {
    return eg_fail(err, EG_E_FORMAT, "a page of a Parquet file that is damaged, or not ours");
}

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to read a Parquet file");
}

void eg_parquet_pages_reset(struct eg_parquet_pages *p) {
    eg_strbuf_reset(&p->dictionary);
    eg_strbuf_reset(&p->page);
    eg_free(p->valid);
    eg_free(p->places);
    eg_free(p->numbers);
    eg_free(p->begins);
    *p = (struct eg_parquet_pages){0};
}

void eg_parquet_pages_begin(struct eg_parquet_pages *p, enum eg_type type, uint32_t rows) {
    p->type = type;
    p->rows = rows;
    p->values = p->dictionary_count = 0;
    p->word = p->value = 0;
    p->packed = eg_span(NULL, 0);
    p->nulls = p->begins_made = false;
    p->encoding = -1;
    eg_strbuf_clear(&p->dictionary);
    eg_strbuf_clear(&p->page);
}

/* ---- a page ---- */

struct head {
    int64_t type, raw, packed, values, encoding;
};

static void read_page_kind(struct eg_cursor *c, struct head *head) {
    struct eg_thrift_field f = {0};
    while (eg_thrift_next(c, &f))
        if (f.id == 1 && f.type == EG_THRIFT_I32)
            head->values = eg_thrift_read_int(c);
        else if (f.id == 2 && f.type == EG_THRIFT_I32)
            head->encoding = eg_thrift_read_int(c);
        else
            eg_thrift_pass(c, f.type);
}

static bool read_head(struct eg_cursor *c, struct head *head) {
    struct eg_thrift_field f = {0};
    *head = (struct head){-1, -1, -1, -1, -1};
    while (eg_thrift_next(c, &f)) {
        int64_t *number = f.id == 1   ? &head->type
                          : f.id == 2 ? &head->raw
                          : f.id == 3 ? &head->packed
                                      : NULL;
        if (number && f.type == EG_THRIFT_I32)
            *number = eg_thrift_read_int(c);
        else if ((f.id == 5 || f.id == 7) && f.type == EG_THRIFT_STRUCT)
            read_page_kind(c, head);
        else
            eg_thrift_pass(c, f.type);
    }
    return !c->cut;
}

/* One page, which is all there is, uncompressed. */
static enum eg_status page_take(ZSTD_DCtx *zstd, struct eg_span stored, int type,
                                struct eg_strbuf *to, struct head *head, struct eg_error *err) {
    struct eg_cursor c = eg_cursor_of(stored);
    if (!read_head(&c, head) || head->type != type || head->raw < 0 || head->raw > PAGE_MAX ||
        head->packed < 0 || (uint64_t)head->packed != eg_cursor_left(&c) || head->values < 0)
        return damaged(err);
    struct eg_span packed = eg_take(&c, (size_t)head->packed);
    eg_strbuf_clear(to);
    if (!eg_strbuf_reserve(to, (size_t)head->raw)) return no_memory(err);
    size_t size = ZSTD_decompressDCtx(zstd, to->text, (size_t)head->raw, packed.at, packed.size);
    if (ZSTD_isError(size) || size != (size_t)head->raw) return damaged(err);
    to->size = size;
    return EG_OK;
}

static uint32_t width_of(const struct eg_parquet_pages *p) {
    return eg_parquet_type_of(p->type).physical == INT32 ? 4 : 8;
}

static bool is_text(const struct eg_parquet_pages *p) {
    return eg_parquet_type_of(p->type).physical == BYTE_ARRAY;
}

static bool is_whole(const struct eg_parquet_pages *p) {
    int physical = eg_parquet_type_of(p->type).physical;
    return physical == INT32 || physical == INT64;
}

enum eg_status eg_parquet_pages_dictionary(struct eg_parquet_pages *p, ZSTD_DCtx *zstd,
                                           struct eg_span stored, struct eg_error *err) {
    struct head head;
    EG_TRY(page_take(zstd, stored, DICTIONARY_PAGE, &p->dictionary, &head, err));
    uint64_t least = is_text(p) ? 4 : width_of(p);
    if (!(is_text(p) || is_whole(p)) || head.encoding != PLAIN || head.values > p->rows ||
        (uint64_t)head.values * least > p->dictionary.size)
        return damaged(err);
    p->dictionary_count = (uint32_t)head.values;
    return EG_OK;
}

/* ---- the page of rows ---- */

static enum eg_status levels_take(struct eg_parquet_pages *p, struct eg_error *err) {
    struct eg_span page = eg_span(p->page.text, p->page.size);
    uint32_t size = eg_le32(page, 0);
    size_t set;
    if (!eg_span_has(page, 4, size)) return damaged(err);
    if (!eg_distinct_room(&p->valid, &p->valid_room, ((size_t)p->rows + 63) / 64, 8))
        return no_memory(err);
    if (!eg_unpack_bits(eg_span_sub(page, 4, size), p->rows, p->valid, &set)) return damaged(err);
    p->values = (uint32_t)set;
    p->nulls = p->values < p->rows;
    p->packed = eg_span_from(page, 4 + (size_t)size);
    return EG_OK;
}

static enum eg_status places_take(struct eg_parquet_pages *p, struct eg_error *err) {
    uint32_t width = eg_u8(p->packed, 0);
    if (!eg_distinct_room(&p->places, &p->place_room, (size_t)p->values + 1, sizeof *p->places))
        return no_memory(err);
    if (p->values && !eg_unpack_hybrid(eg_span_from(p->packed, 1), width, p->values, p->places))
        return damaged(err);
    uint32_t most = 0;
    for (uint32_t i = 0; i < p->values; i++) most = p->places[i] > most ? p->places[i] : most;
    return p->values && most >= p->dictionary_count ? damaged(err) : EG_OK;
}

static enum eg_status numbers_take(struct eg_parquet_pages *p, struct eg_error *err) {
    if (eg_parquet_type_of(p->type).physical != INT64) return damaged(err);
    if (!eg_distinct_room(&p->numbers, &p->number_room, (size_t)p->values + 1, sizeof *p->numbers))
        return no_memory(err);
    return eg_unpack_delta(p->packed, p->values, p->numbers) ? EG_OK : damaged(err);
}

enum eg_status eg_parquet_pages_rows(struct eg_parquet_pages *p, ZSTD_DCtx *zstd,
                                     struct eg_span stored, struct eg_error *err) {
    struct head head;
    EG_TRY(page_take(zstd, stored, ROWS_PAGE, &p->page, &head, err));
    if (head.values != p->rows) return damaged(err);
    EG_TRY(levels_take(p, err));
    p->encoding = (int)head.encoding;
    p->word = p->value = 0;
    switch (p->encoding) {
    case RLE_DICTIONARY: return places_take(p, err);
    case DELTA_BINARY_PACKED: return numbers_take(p, err);
    case PLAIN: return EG_OK;
    default: return damaged(err);
    }
}

/* ---- looking a value up ---- */

static int64_t find_text(const struct eg_parquet_pages *p, const char *text, size_t size) {
    struct eg_cursor c = eg_cursor(p->dictionary.text, p->dictionary.size);
    for (uint32_t i = 0; i < p->dictionary_count; i++) {
        struct eg_span entry = eg_take(&c, eg_le32(eg_take(&c, 4), 0));
        if (entry.size == size && !c.cut && memcmp(entry.at, text, size) == 0) return i;
    }
    return -1;
}

/* A number of the dictionary, or of a page of plain ones. */
static int64_t number_at(struct eg_span from, uint32_t width, uint32_t i) {
    return width == 4 ? (int32_t)eg_le32(from, (size_t)i * 4)
                      : (int64_t)eg_le64(from, (size_t)i * 8);
}

int64_t eg_parquet_pages_find(const struct eg_parquet_pages *p, const struct eg_need_key *key) {
    if (key->type == EG_TYPE_ADDR) {
        char text[EG_ADDR_TEXT];
        return find_text(p, text, eg_addr_text(&key->addr, text));
    }
    struct eg_span from = eg_span(p->dictionary.text, p->dictionary.size);
    uint32_t width = width_of(p);
    for (uint32_t i = 0; i < p->dictionary_count; i++)
        if (number_at(from, width, i) == key->number) return i;
    return -1;
}

/* ---- rows ---- */

/* The rows of a word of 64 that are not null. */
static uint64_t valid_word(const struct eg_parquet_pages *p, uint32_t word) {
    uint32_t rows = p->rows - word * 64;
    if (p->nulls) return p->valid[word];
    return rows >= 64 ? UINT64_MAX : (UINT64_C(1) << rows) - 1;
}

/* The place of a row among the values: those of the words before, and those before it in its own. */
static uint32_t value_of(struct eg_parquet_pages *p, uint32_t row) {
    if (!p->nulls) return row;
    if (row / 64 < p->word) p->word = p->value = 0;
    for (; p->word < row / 64; p->word++)
        p->value += (uint32_t)__builtin_popcountll(p->valid[p->word]);
    uint64_t before = p->valid[p->word] & ((UINT64_C(1) << row % 64) - 1);
    return p->value + (uint32_t)__builtin_popcountll(before);
}

/* Most stretches of rows do not have it, which is found out at once for all of them. */
static bool any_has(const uint32_t *places, uint32_t count, uint32_t place) {
    uint32_t any = 0;
    for (uint32_t i = 0; i < count; i++) any |= places[i] == place;
    return any;
}

void eg_parquet_pages_keep(struct eg_parquet_pages *p, uint32_t place, uint64_t *rows) {
    if (p->encoding != RLE_DICTIONARY) return; /* some have it, for all we know */
    const uint32_t *places = p->places;        /* of the word's values */
    for (uint32_t word = 0; word < (p->rows + 63) / 64; word++) {
        uint64_t valid = valid_word(p, word), left = rows[word] & valid, kept = 0;
        uint32_t count = (uint32_t)__builtin_popcountll(valid);
        if (left && !any_has(places, count, place)) left = 0;
        for (; left; left &= left - 1) {
            uint64_t bit = left & -left;
            if (places[__builtin_popcountll(valid & (bit - 1))] == place) kept |= bit;
        }
        rows[word] = kept;
        places += count;
    }
}

static int64_t number_of_value(const struct eg_parquet_pages *p, uint32_t value) {
    struct eg_span dictionary = eg_span(p->dictionary.text, p->dictionary.size);
    if (p->encoding == DELTA_BINARY_PACKED) return p->numbers[value];
    if (p->encoding == PLAIN) return number_at(p->packed, width_of(p), value);
    return number_at(dictionary, width_of(p), p->places[value]);
}

void eg_parquet_pages_keep_between(struct eg_parquet_pages *p, int64_t low, int64_t high,
                                   uint64_t *rows) {
    for (uint32_t word = 0; word < (p->rows + 63) / 64; word++) {
        uint64_t left = rows[word] & valid_word(p, word), kept = 0;
        for (; left; left &= left - 1) {
            uint32_t bit = (uint32_t)__builtin_ctzll(left);
            int64_t number = number_of_value(p, value_of(p, word * 64 + bit));
            kept |= (uint64_t)(number >= low && number <= high) << bit;
        }
        rows[word] = kept;
    }
}

/* ---- values ---- */

static enum eg_status begins_make(struct eg_parquet_pages *p, struct eg_span texts, uint32_t count,
                                  struct eg_error *err) {
    if (p->begins_made) return EG_OK;
    if (!eg_distinct_room(&p->begins, &p->begin_room, (size_t)count + 1, sizeof *p->begins))
        return no_memory(err);
    struct eg_cursor c = eg_cursor_of(texts);
    for (uint32_t i = 0; i < count; i++) {
        p->begins[i] = (uint32_t)(texts.size - eg_cursor_left(&c));
        eg_skip(&c, eg_le32(eg_take(&c, 4), 0));
    }
    p->begins_made = !c.cut;
    return c.cut ? damaged(err) : EG_OK;
}

static enum eg_status put_text(struct eg_parquet_pages *p, struct eg_span texts, uint32_t count,
                               uint32_t i, struct eg_builder *to, uint32_t col,
                               struct eg_error *err) {
    EG_TRY(begins_make(p, texts, count, err));
    struct eg_span text =
        eg_span_sub(texts, (size_t)p->begins[i] + 4, eg_le32(texts, p->begins[i]));
    struct eg_addr addr;
    int64_t mac;
    switch (p->type) {
    case EG_TYPE_ADDR:
        if (!eg_addr_parse(&addr, (const char *)text.at, text.size)) return damaged(err);
        eg_put_addr(to, col, &addr);
        return EG_OK;
    case EG_TYPE_MAC:
        if (!eg_mac_parse(&mac, (const char *)text.at, text.size)) return damaged(err);
        eg_put_int(to, col, mac);
        return EG_OK;
    case EG_TYPE_NAME: eg_put_name(to, col, (const char *)text.at, text.size); return EG_OK;
    default: eg_put_text(to, col, text.at, text.size); return EG_OK;
    }
}

static enum eg_status put_plain(struct eg_parquet_pages *p, uint32_t i, struct eg_builder *to,
                                uint32_t col, struct eg_error *err) {
    if (is_text(p)) return put_text(p, p->packed, p->values, i, to, col, err);
    if (p->type == EG_TYPE_BOOL) {
        if (!eg_span_has(p->packed, i / 8, 1)) return damaged(err);
        eg_put_int(to, col, (int64_t)(eg_u8(p->packed, i / 8) >> (i % 8)) & 1);
        return EG_OK;
    }
    if (!eg_span_has(p->packed, (size_t)i * width_of(p), width_of(p))) return damaged(err);
    if (p->type == EG_TYPE_F64) {
        double value;
        (void)eg_span_copy(p->packed, (size_t)i * 8, &value, sizeof value);
        eg_put_f64(to, col, value);
    } else {
        eg_put_int(to, col, number_at(p->packed, width_of(p), i));
    }
    return EG_OK;
}

enum eg_status eg_parquet_pages_put(struct eg_parquet_pages *p, uint32_t row, struct eg_builder *to,
                                    uint32_t col, struct eg_error *err) {
    if (p->nulls && !eg_bit(p->valid, row)) return EG_OK;
    uint32_t i = value_of(p, row);
    if (p->encoding == PLAIN) return put_plain(p, i, to, col, err);
    if (p->encoding == DELTA_BINARY_PACKED) {
        eg_put_int(to, col, p->numbers[i]);
        return EG_OK;
    }
    struct eg_span dictionary = eg_span(p->dictionary.text, p->dictionary.size);
    if (is_text(p)) return put_text(p, dictionary, p->dictionary_count, p->places[i], to, col, err);
    eg_put_int(to, col, number_at(dictionary, width_of(p), p->places[i]));
    return EG_OK;
}
