/* SPDX-License-Identifier: Apache-2.0
 * Encoding one column of one row group: gather the values that are not null, find the distinct
 * ones, choose an encoding, pack, compress. Addresses become text once per distinct one. */
#include "engine/parquet_column.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "engine/parquet_bloom.h"
#include "engine/parquet_pack.h"
#include "table/address.h"

#include <string.h>

/* fastparquet 2024.11 misreads differences of more bits. */
#define DELTA_WIDTH_MAX 28

enum { PLAIN = 0, RLE = 3, DELTA_BINARY_PACKED = 5, RLE_DICTIONARY = 8 };
enum { BOOLEAN = 0, INT32 = 1, INT64 = 2, DOUBLE = 5, BYTE_ARRAY = 6 };
enum { DATA_PAGE = 0, DICTIONARY_PAGE = 2 };

struct eg_parquet_type eg_parquet_type_of(enum eg_type type) {
    switch (type) {
    case EG_TYPE_TIME: return (struct eg_parquet_type){INT64, 10};
    case EG_TYPE_I16: return (struct eg_parquet_type){INT32, 16};
    case EG_TYPE_I32: return (struct eg_parquet_type){INT32, 17};
    case EG_TYPE_I64: return (struct eg_parquet_type){INT64, 18};
    case EG_TYPE_F64: return (struct eg_parquet_type){DOUBLE, -1};
    case EG_TYPE_BOOL: return (struct eg_parquet_type){BOOLEAN, -1};
    case EG_TYPE_BIN:
    case EG_TYPE_VIEW: return (struct eg_parquet_type){BYTE_ARRAY, -1};
    case EG_TYPE_TEXT:
    case EG_TYPE_NAME:
    case EG_TYPE_ADDR:
    case EG_TYPE_MAC: break;
    }
    return (struct eg_parquet_type){BYTE_ARRAY, 0};
}

static void mended_reset(struct eg_parquet_scratch *);

void eg_parquet_scratch_reset(struct eg_parquet_scratch *s) {
    eg_distinct_reset(&s->distinct);
    eg_free(s->ints);
    eg_free(s->addrs);
    eg_free(s->texts);
    eg_free(s->bits);
    eg_strbuf_reset(&s->page);
    eg_strbuf_reset(&s->made);
    ZSTD_freeCCtx(s->zstd);
    mended_reset(s);
    *s = (struct eg_parquet_scratch){0};
}

void eg_parquet_chunk_reset(struct eg_parquet_chunk *chunk) {
    eg_strbuf_reset(&chunk->bytes);
    eg_strbuf_reset(&chunk->bloom);
    eg_strbuf_reset(&chunk->least);
    eg_strbuf_reset(&chunk->most);
    *chunk = (struct eg_parquet_chunk){0};
}

/* One column being encoded. */
struct job {
    struct eg_parquet_scratch *s;
    enum eg_type type;
    uint32_t col;
    const struct eg_parquet_piece *pieces;
    size_t piece_count;
    uint32_t rows, values; /* values: rows that are not null */
    bool bloom;
    struct eg_parquet_chunk *out;
};

static const struct eg_column *column_of(const struct job *job, size_t piece) {
    return &job->pieces[piece].batch->columns[job->col];
}

/* ---- nulls ---- */

static bool piece_has_nulls(const struct eg_column *col) {
    return !col->values || (col->valid && col->nulls);
}

/* The validity of all rows in s->bits, and how many values there are. */
static bool gather_nulls(struct job *job) {
    bool any = false;
    uint32_t at = 0;
    size_t words = ((size_t)job->rows + 63) / 64;
    for (size_t p = 0; p < job->piece_count; p++) any |= piece_has_nulls(column_of(job, p));
    job->values = job->rows;
    if (!any) return true;
    if (!eg_distinct_room(&job->s->bits, &job->s->bit_room, words, 8)) return false;
    memset(job->s->bits, 0, words * 8);
    job->values = 0;
    for (size_t p = 0; p < job->piece_count; p++) {
        const struct eg_column *col = column_of(job, p);
        uint32_t from = job->pieces[p].from, count = job->pieces[p].count;
        for (uint32_t k = 0; col->values && k < count; k++) {
            if (col->valid && !eg_bit(col->valid, from + k)) continue;
            job->s->bits[(at + k) / 64] |= UINT64_C(1) << ((at + k) % 64);
            job->values++;
        }
        at += count;
    }
    return true;
}

/* ---- gathering ---- */

#define GATHER(piece_type, to, convert)                                                            \
    for (size_t p = 0; p < job->piece_count; p++) {                                                \
        const struct eg_column *col = column_of(job, p);                                           \
        if (!col->values) continue;                                                                \
        const uint64_t *valid = piece_has_nulls(col) ? col->valid : NULL;                          \
        const piece_type *from = (const piece_type *)col->values + job->pieces[p].from;            \
        for (uint32_t k = 0; k < job->pieces[p].count; k++)                                        \
            if (!valid || eg_bit(valid, job->pieces[p].from + k)) (to)[at++] = convert(from[k]);   \
    }

static bool gather_ints(struct job *job) {
    if (!eg_distinct_room(&job->s->ints, &job->s->int_room, job->values + 1, sizeof(int64_t)))
        return false;
    int64_t *to = job->s->ints;
    uint32_t at = 0;
    switch (job->type) {
    case EG_TYPE_I16: GATHER(int16_t, to, (int64_t)) break;
    case EG_TYPE_I32: GATHER(int32_t, to, (int64_t)) break;
    default: GATHER(int64_t, to, (int64_t))
    }
    return true;
}

static bool gather_addrs(struct job *job) {
    if (!eg_distinct_room(&job->s->addrs, &job->s->addr_room, job->values + 1,
                          sizeof(struct eg_addr)))
        return false;
    uint32_t at = 0;
    GATHER(struct eg_addr, job->s->addrs, )
    return true;
}

/* Puts a text that is UTF-8 in its place, kept until the scratch is used for the next column. */
static bool mend(struct job *job, struct eg_span *text) {
    struct eg_parquet_scratch *s = job->s;
    struct eg_strbuf *mended = eg_realloc(s->mended, s->mended_count + 1, sizeof *mended);
    if (!mended) return false;
    s->mended = mended;
    mended[s->mended_count] = (struct eg_strbuf){0};
    struct eg_strbuf *to = &mended[s->mended_count++];
    eg_utf8_repair(*text, to);
    *text = eg_span(to->text, to->size);
    return !to->failed;
}

static void mended_reset(struct eg_parquet_scratch *s) {
    for (size_t i = 0; i < s->mended_count; i++) eg_strbuf_reset(&s->mended[i]);
    eg_free(s->mended);
    s->mended = NULL;
    s->mended_count = 0;
}

static bool gather_texts(struct job *job) {
    mended_reset(job->s);
    if (!eg_distinct_room(&job->s->texts, &job->s->text_room, job->values + 1,
                          sizeof(struct eg_span)))
        return false;
    uint32_t at = 0;
    for (size_t p = 0; p < job->piece_count; p++) {
        const struct eg_column *col = column_of(job, p);
        for (uint32_t k = 0; col->values && k < job->pieces[p].count; k++) {
            uint32_t row = job->pieces[p].from + k;
            if (col->valid && !eg_bit(col->valid, row)) continue;
            struct eg_span *text = &job->s->texts[at++];
            *text = eg_col_text(col, row);
            /* a name comes again and again, and is the same piece of memory then */
            if (at > 1 && text->at == text[-1].at && text->size == text[-1].size) continue;
            if (job->type == EG_TYPE_BIN || eg_utf8_good(*text) == text->size) continue;
            if (!mend(job, text)) return false;
        }
    }
    return true;
}

/* ---- pages ---- */

static void page_header(struct job *job, int type, size_t raw, size_t packed, uint32_t values,
                        int encoding) {
    struct eg_thrift t = {.to = &job->out->bytes};
    size_t before = job->out->bytes.size;
    eg_thrift_int(&t, 1, EG_THRIFT_I32, type);
    eg_thrift_int(&t, 2, EG_THRIFT_I32, (int64_t)raw);
    eg_thrift_int(&t, 3, EG_THRIFT_I32, (int64_t)packed);
    eg_thrift_open(&t, type == DATA_PAGE ? 5 : 7);
    eg_thrift_int(&t, 1, EG_THRIFT_I32, values);
    eg_thrift_int(&t, 2, EG_THRIFT_I32, encoding);
    if (type == DATA_PAGE) {
        eg_thrift_int(&t, 3, EG_THRIFT_I32, RLE);
        eg_thrift_int(&t, 4, EG_THRIFT_I32, RLE);
    }
    eg_thrift_close(&t);
    eg_strbuf_char(t.to, 0);
    job->out->raw_bytes += job->out->bytes.size - before + raw;
}

/* zstd's level. Behind dictionaries and differences, addresses and times gain little at level 1 (5 to
 * 11 %) and cost the most; ports and counters gain a quarter. */
static int level_for(enum eg_type type) {
    return type == EG_TYPE_TIME || type == EG_TYPE_ADDR ? -1 : 1;
}

/* Compresses s->page and puts it, behind its header, to the chunk. */
static bool put_page(struct job *job, int type, uint32_t values, int encoding) {
    struct eg_parquet_scratch *s = job->s;
    if (s->page.failed || s->page.size > INT32_MAX) return false;
    size_t bound = ZSTD_compressBound(s->page.size);
    eg_strbuf_clear(&s->made);
    if (!eg_strbuf_reserve(&s->made, bound)) return false;
    if (!s->zstd && !(s->zstd = ZSTD_createCCtx())) return false;
    size_t packed =
        ZSTD_compressCCtx(s->zstd, s->made.text, bound, s->page.text ? s->page.text : "",
                          s->page.size, level_for(job->type));
    if (ZSTD_isError(packed)) return false;
    page_header(job, type, s->page.size, packed, values, encoding);
    eg_strbuf_add(&job->out->bytes, s->made.text, packed);
    return !job->out->bytes.failed;
}

/* Begins a data page: which rows are null, as levels of 0 and 1. */
static void begin_rows(struct job *job) {
    struct eg_strbuf *page = &job->s->page;
    eg_strbuf_clear(page);
    eg_strbuf_add(page, "\0\0\0\0", 4); /* the size of the levels */
    if (job->values == job->rows)
        eg_pack_run(1, job->rows, 1, page);
    else if (job->values == 0)
        eg_pack_run(0, job->rows, 1, page);
    else
        eg_pack_bits(job->s->bits, job->rows, page);
    uint32_t size = (uint32_t)(page->size - 4);
    if (!page->failed) memcpy(page->text, &size, 4);
}

/* Places in the dictionary. Above 8 bits whole bytes are used: zstd then sees the popular ones. */
static bool put_places(struct job *job) {
    const struct eg_distinct *d = &job->s->distinct;
    uint32_t width = eg_pack_width(d->count ? d->count - 1 : 0);
    if (width > 8) width = (width + 7) / 8 * 8;
    begin_rows(job);
    eg_strbuf_char(&job->s->page, (char)width);
    if (d->count == 1)
        eg_pack_run(0, job->values, width, &job->s->page);
    else
        eg_pack_hybrid(d->places, job->values, width, &job->s->page);
    job->out->encoding = RLE_DICTIONARY;
    job->out->distinct = d->count;
    return put_page(job, DATA_PAGE, job->rows, RLE_DICTIONARY);
}

static bool put_dictionary(struct job *job) {
    bool whole = put_page(job, DICTIONARY_PAGE, job->s->distinct.count, PLAIN);
    job->out->dictionary_bytes = job->out->bytes.size;
    return whole;
}

/* ---- integers ---- */

static void put_int(struct job *job, struct eg_strbuf *to, int64_t value) {
    eg_strbuf_add(to, &value, eg_parquet_type_of(job->type).physical == INT32 ? 4 : 8);
}

static void put_ints(struct job *job, const int64_t *values, uint32_t count) {
    struct eg_strbuf *page = &job->s->page;
    if (eg_parquet_type_of(job->type).physical != INT32) {
        eg_strbuf_add(page, values, (size_t)count * 8);
        return;
    }
    if (!eg_strbuf_reserve(page, (size_t)count * 4)) return;
    for (uint32_t i = 0; i < count; i++) {
        int32_t value = (int32_t)values[i];
        memcpy(page->text + page->size + (size_t)i * 4, &value, 4);
    }
    page->size += (size_t)count * 4;
}

static bool encode_ints(struct job *job) {
    if (!gather_ints(job)) return false;
    const int64_t *values = job->s->ints;
    int64_t least = values[0], most = values[0];
    for (uint32_t i = 1; i < job->values; i++) {
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
    }
    job->out->has_range = true;
    put_int(job, &job->out->least, least);
    put_int(job, &job->out->most, most);
    switch (eg_distinct_ints(&job->s->distinct, values, job->values, least, most)) {
    case EG_DISTINCT_NO_MEMORY: return false;
    case EG_DISTINCT_FOUND:
        eg_strbuf_clear(&job->s->page);
        put_ints(job, job->s->distinct.ints, job->s->distinct.count);
        return put_dictionary(job) && put_places(job);
    case EG_DISTINCT_MANY: break;
    }
    begin_rows(job);
    job->out->encoding = DELTA_BINARY_PACKED;
    if (eg_parquet_type_of(job->type).physical != INT64 ||
        !eg_pack_delta(values, job->values, DELTA_WIDTH_MAX, &job->s->page)) {
        begin_rows(job);
        job->out->encoding = PLAIN;
        put_ints(job, values, job->values);
    }
    return put_page(job, DATA_PAGE, job->rows, job->out->encoding);
}

/* ---- texts ---- */

/* One text of the page being made, with its length before it. */
static void put_text(struct job *job, const char *text, size_t size) {
    uint32_t length = (uint32_t)size;
    struct eg_strbuf *page = &job->s->page;
    if (!eg_strbuf_reserve(page, size + 4)) return;
    memcpy(page->text + page->size, &length, 4);
    memcpy(page->text + page->size + 4, text, size);
    page->size += size + 4;
}

/* The least and most of the texts that stand in the page from `from` on. */
static void note_range(struct job *job, size_t from) {
    const struct eg_strbuf *page = &job->s->page;
    const char *least = NULL, *most = NULL;
    size_t least_size = 0, most_size = 0;
    for (size_t at = from; !page->failed && at < page->size;) {
        uint32_t size;
        memcpy(&size, page->text + at, 4);
        const char *text = page->text + at + 4;
        if (!least || eg_span_order(eg_span(text, size), eg_span(least, least_size)) < 0) {
            least = text;
            least_size = size;
        }
        if (!most || eg_span_order(eg_span(text, size), eg_span(most, most_size)) > 0) {
            most = text;
            most_size = size;
        }
        at += 4 + (size_t)size;
    }
    if (!least || least_size > 256 || most_size > 256)
        return; /* long texts would swell the footer */
    job->out->has_range = true;
    eg_strbuf_add(&job->out->least, least, least_size);
    eg_strbuf_add(&job->out->most, most, most_size);
}

static bool finish_dictionary(struct job *job) {
    note_range(job, 0);
    if (job->bloom && !eg_bloom_make(&job->out->bloom, &job->s->page, job->s->distinct.count))
        return false;
    return put_dictionary(job) && put_places(job);
}

static bool encode_addrs(struct job *job) {
    if (!gather_addrs(job)) return false;
    struct eg_distinct *d = &job->s->distinct;
    if (eg_distinct_addrs(d, job->s->addrs, job->values) != EG_DISTINCT_FOUND) return false;
    eg_strbuf_clear(&job->s->page);
    for (uint32_t i = 0; i < d->count; i++) {
        char text[EG_ADDR_TEXT];
        put_text(job, text, eg_addr_text(&d->addrs[i], text));
    }
    return finish_dictionary(job);
}

static bool encode_texts(struct job *job) {
    if (!gather_texts(job)) return false;
    struct eg_distinct *d = &job->s->distinct;
    enum eg_distinct_end end = eg_distinct_texts(d, job->s->texts, job->values);
    if (end == EG_DISTINCT_NO_MEMORY) return false;
    bool dictionary = end == EG_DISTINCT_FOUND;
    const struct eg_span *texts = dictionary ? d->texts : job->s->texts;
    uint32_t count = dictionary ? d->count : job->values;
    if (dictionary)
        eg_strbuf_clear(&job->s->page);
    else
        begin_rows(job);
    size_t from = job->s->page.size;
    for (uint32_t i = 0; i < count; i++) put_text(job, (const char *)texts[i].at, texts[i].size);
    if (dictionary) return finish_dictionary(job);
    note_range(job, from);
    job->out->encoding = PLAIN;
    return put_page(job, DATA_PAGE, job->rows, PLAIN);
}

static bool encode_macs(struct job *job) {
    if (!gather_ints(job)) return false;
    struct eg_distinct *d = &job->s->distinct;
    const int64_t *values = job->s->ints;
    enum eg_distinct_end end = eg_distinct_ints(d, values, job->values, INT64_MIN, INT64_MAX);
    if (end == EG_DISTINCT_NO_MEMORY) return false;
    bool dictionary = end == EG_DISTINCT_FOUND;
    uint32_t count = dictionary ? d->count : job->values;
    if (dictionary)
        eg_strbuf_clear(&job->s->page);
    else
        begin_rows(job);
    size_t from = job->s->page.size;
    for (uint32_t i = 0; i < count; i++) {
        char text[EG_MAC_TEXT];
        put_text(job, text, eg_mac_text(dictionary ? d->ints[i] : values[i], text));
    }
    if (dictionary) return finish_dictionary(job);
    note_range(job, from);
    job->out->encoding = PLAIN;
    return put_page(job, DATA_PAGE, job->rows, PLAIN);
}

/* ---- the rest ---- */

static bool encode_doubles(struct job *job) {
    if (!gather_ints(job)) return false; /* eight bytes are eight bytes */
    bool ordered = true;
    double least = 0, most = 0;
    for (uint32_t i = 0; i < job->values; i++) {
        double value;
        memcpy(&value, &job->s->ints[i], 8);
        if (value != value) ordered = false; /* a range with NaN in it says nothing */
        if (!i || value < least) least = value;
        if (!i || value > most) most = value;
    }
    if (ordered) {
        if (least == 0) least = -0.0; /* as the format asks, since -0 and +0 are equal */
        if (most == 0) most = 0.0;
        job->out->has_range = true;
        eg_strbuf_add(&job->out->least, &least, 8);
        eg_strbuf_add(&job->out->most, &most, 8);
    }
    begin_rows(job);
    eg_strbuf_add(&job->s->page, job->s->ints, (size_t)job->values * 8);
    job->out->encoding = PLAIN;
    return put_page(job, DATA_PAGE, job->rows, PLAIN);
}

static bool encode_bools(struct job *job) {
    begin_rows(job);
    struct eg_strbuf *page = &job->s->page;
    size_t bytes = ((size_t)job->values + 7) / 8;
    if (!eg_strbuf_reserve(page, bytes)) return false;
    uint8_t *to = (uint8_t *)page->text + page->size;
    memset(to, 0, bytes);
    uint32_t at = 0, set = 0;
    for (size_t p = 0; p < job->piece_count; p++) {
        const struct eg_column *col = column_of(job, p);
        for (uint32_t k = 0; col->values && k < job->pieces[p].count; k++) {
            uint32_t row = job->pieces[p].from + k;
            if (col->valid && !eg_bit(col->valid, row)) continue;
            bool value = eg_bit(col->values, row);
            to[at / 8] |= (uint8_t)(value << (at % 8));
            set += value;
            at++;
        }
    }
    page->size += bytes;
    job->out->has_range = true;
    eg_strbuf_char(&job->out->least, set == job->values);
    eg_strbuf_char(&job->out->most, set > 0);
    job->out->encoding = PLAIN;
    return put_page(job, DATA_PAGE, job->rows, PLAIN);
}

static bool encode_nothing(struct job *job) {
    begin_rows(job);
    job->out->encoding = PLAIN;
    return put_page(job, DATA_PAGE, job->rows, PLAIN);
}

static bool encode_values(struct job *job) {
    if (!job->values) return encode_nothing(job);
    switch (job->type) {
    case EG_TYPE_F64: return encode_doubles(job);
    case EG_TYPE_BOOL: return encode_bools(job);
    case EG_TYPE_ADDR: return encode_addrs(job);
    case EG_TYPE_MAC: return encode_macs(job);
    case EG_TYPE_TEXT:
    case EG_TYPE_NAME:
    case EG_TYPE_BIN: return encode_texts(job);
    case EG_TYPE_VIEW: return false;
    default: return encode_ints(job);
    }
}

bool eg_parquet_encode(struct eg_parquet_scratch *scratch, enum eg_type type, uint32_t col,
                       const struct eg_parquet_piece *pieces, size_t piece_count, uint32_t rows,
                       bool bloom, struct eg_parquet_chunk *out) {
    struct job job = {.s = scratch,
                      .type = type,
                      .col = col,
                      .pieces = pieces,
                      .piece_count = piece_count,
                      .rows = rows,
                      .bloom = bloom,
                      .out = out};
    out->distinct = -1;
    if (!gather_nulls(&job)) return false;
    out->nulls = rows - job.values;
    return encode_values(&job) && !out->bytes.failed && !out->least.failed && !out->most.failed &&
           !out->bloom.failed;
}
