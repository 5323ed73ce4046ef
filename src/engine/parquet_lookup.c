/* SPDX-License-Identifier: Apache-2.0
 * Looking rows up: first the footers, then the dictionaries, then rows. */
#include "engine/parquet_lookup.h"

#include "base/alloc.h"
#include "engine/parquet_bloom.h"
#include "engine/parquet_column.h"
#include "engine/parquet_distinct.h"
#include "table/address.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAKEN_NOT, TAKEN_DICTIONARY, TAKEN_ALL };

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to look packets up");
}

void eg_lookup_groups_reset(struct eg_lookup_groups *groups) {
    for (size_t i = 0; i < groups->count; i++) eg_free(groups->all[i].places);
    eg_free(groups->all);
    *groups = (struct eg_lookup_groups){0};
}

void eg_lookup_scratch_reset(struct eg_lookup_scratch *s) {
    ZSTD_freeDCtx(s->zstd);
    eg_strbuf_reset(&s->stored);
    for (size_t i = 0; i < EG_COLUMNS_MAX; i++) eg_parquet_pages_reset(&s->columns[i]);
    eg_free(s->hits);
    eg_free(s->rows);
    eg_free(s->list);
    eg_builder_free(s->asked);
    *s = (struct eg_lookup_scratch){0};
}

/* ---- bytes ---- */

static enum eg_status file_open(const char *path, int *fd, struct eg_error *err) {
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd < 0 ? eg_fail_errno(err, errno, "cannot read %s", path) : EG_OK;
}

/* Exactly these bytes of the file. */
static enum eg_status bytes_read(int fd, uint64_t at, size_t size, void *to, struct eg_error *err) {
    uint8_t *into = to;
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(fd, into + done, size - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return eg_fail_errno(err, errno, "cannot read a Parquet file");
        if (got == 0) return eg_fail(err, EG_E_FORMAT, "a Parquet file that is cut");
        done += (size_t)got;
    }
    return EG_OK;
}

/* ---- what footers and Bloom filters say ---- */

struct file_look {
    const struct eg_lookup *l;
    const char *path;
    int fd;
    struct eg_lookup_groups *to;
};

static int64_t bound_of(struct eg_span bound) {
    return bound.size == 4 ? (int32_t)eg_le32(bound, 0) : (int64_t)eg_le64(bound, 0);
}

/* Whether some number from `low` to `high` may be in a column. */
static bool numbers_may(const struct eg_parquet_place *place, int64_t low, int64_t high) {
    size_t size = place->least.size;
    if (!place->ranged || size != place->most.size || (size != 4 && size != 8)) return true;
    return bound_of(place->least) <= high && low <= bound_of(place->most);
}

static enum eg_status bloom_ask(const struct file_look *f, const struct eg_parquet_place *place,
                                struct eg_span text, bool *may, struct eg_error *err) {
    uint8_t head[EG_BLOOM_HEAD_MAX], block[EG_BLOOM_BLOCK];
    size_t size = place->bloom_bytes < sizeof head ? (size_t)place->bloom_bytes : sizeof head;
    uint32_t head_bytes, bytes;
    EG_TRY(bytes_read(f->fd, place->bloom_at, size, head, err));
    if (!eg_bloom_head(eg_span(head, size), &head_bytes, &bytes) ||
        (uint64_t)head_bytes + bytes > place->bloom_bytes)
        return eg_fail(err, EG_E_FORMAT, "a Bloom filter that is damaged, or not ours");
    uint64_t at = place->bloom_at + head_bytes + eg_bloom_block_of(text, bytes);
    EG_TRY(bytes_read(f->fd, at, sizeof block, block, err));
    *may = eg_bloom_may_hold(eg_span(block, sizeof block), text);
    return EG_OK;
}

/* Whether the column may have the value, in this row group. */
static enum eg_status key_may(const struct file_look *f, const struct eg_parquet_row_group *group,
                              const struct eg_need_key *key, bool *may, struct eg_error *err) {
    const struct eg_parquet_place *place = &group->places[key->col];
    *may = place->nulls != group->rows;
    if (key->type != EG_TYPE_ADDR) {
        *may = *may && numbers_may(place, key->number, key->number);
        return EG_OK;
    }
    char text[EG_ADDR_TEXT];
    struct eg_span span = eg_span(text, eg_addr_text(&key->addr, text));
    if (place->ranged)
        *may =
            *may && eg_span_order(place->least, span) <= 0 && eg_span_order(span, place->most) <= 0;
    return *may && place->bloom_at ? bloom_ask(f, place, span, may, err) : EG_OK;
}

static bool times_may(const struct eg_lookup *l, const struct eg_parquet_row_group *group) {
    const struct eg_parquet_place *time = &group->places[l->time];
    if (l->from_us == INT64_MIN && l->to_us == INT64_MAX) return true;
    if (time->nulls == group->rows) return false;
    return numbers_may(time, l->from_us, l->to_us);
}

static enum eg_status group_add(struct file_look *f, const struct eg_parquet_row_group *group,
                                uint32_t needs, struct eg_error *err) {
    struct eg_lookup_groups *to = f->to;
    if (to->count == to->room) {
        size_t room = to->room ? to->room * 2 : 16;
        struct eg_lookup_group *all = eg_realloc(to->all, room, sizeof *all);
        if (!all) return no_memory(err);
        to->all = all;
        to->room = room;
    }
    struct eg_parquet_place *places = eg_calloc(f->l->table->count, sizeof *places);
    if (!places) return no_memory(err);
    memcpy(places, group->places, f->l->table->count * sizeof *places);
    to->all[to->count++] = (struct eg_lookup_group){f->path, group->rows, needs, places};
    return EG_OK;
}

static enum eg_status group_consider(void *to, const struct eg_parquet_row_group *group,
                                     struct eg_error *err) {
    struct file_look *f = to;
    const struct eg_needs *needs = f->l->needs;
    uint32_t possible = 0;
    if (!group->rows || !times_may(f->l, group)) return EG_OK;
    for (uint32_t i = 0; i < needs->count; i++) {
        bool may = true;
        for (uint32_t k = 0; may && k < needs->any[i].count; k++)
            EG_TRY(key_may(f, group, &needs->any[i].keys[k], &may, err));
        possible |= (uint32_t)may << i;
    }
    return possible ? group_add(f, group, possible, err) : EG_OK;
}

enum eg_status eg_lookup_file(const struct eg_lookup *l, struct eg_lookup_scratch *s,
                              const char *path, struct eg_lookup_groups *to, struct eg_error *err) {
    struct file_look f = {.l = l, .path = path, .to = to};
    struct stat st;
    EG_TRY(file_open(path, &f.fd, err));
    enum eg_status status =
        fstat(f.fd, &st) == 0 ? EG_OK : eg_fail_errno(err, errno, "cannot read %s", path);
    if (status >= 0) status = eg_parquet_footer_load(f.fd, &s->stored, err);
    if (status >= 0)
        status = eg_parquet_footer_groups(eg_span(s->stored.text, s->stored.size),
                                          (uint64_t)st.st_size, l->table, group_consider, &f, err);
    (void)close(f.fd);
    return status;
}

/* ---- the columns of a row group ---- */

struct group_look {
    const struct eg_lookup *l;
    struct eg_lookup_scratch *s;
    const struct eg_lookup_group *group;
    int fd;
};

static enum eg_status stored_read(struct group_look *g, uint64_t at, uint64_t size,
                                  struct eg_error *err) {
    struct eg_strbuf *stored = &g->s->stored;
    eg_strbuf_clear(stored);
    if (!eg_strbuf_reserve(stored, size)) return no_memory(err);
    EG_TRY(bytes_read(g->fd, at, size, stored->text, err));
    stored->size = size;
    return EG_OK;
}

static struct eg_span stored_span(const struct group_look *g) {
    return eg_span(g->s->stored.text, g->s->stored.size);
}

static enum eg_status column_dictionary(struct group_look *g, uint32_t col, struct eg_error *err) {
    const struct eg_parquet_place *place = &g->group->places[col];
    if (g->s->taken[col] != TAKEN_NOT) return EG_OK;
    eg_parquet_pages_begin(&g->s->columns[col], g->l->table->columns[col].type, g->group->rows);
    if (place->dictionary_bytes) {
        EG_TRY(stored_read(g, place->at, place->dictionary_bytes, err));
        EG_TRY(eg_parquet_pages_dictionary(&g->s->columns[col], g->s->zstd, stored_span(g), err));
    }
    g->s->taken[col] = TAKEN_DICTIONARY;
    return EG_OK;
}

static enum eg_status column_rows(struct group_look *g, uint32_t col, struct eg_error *err) {
    const struct eg_parquet_place *place = &g->group->places[col];
    if (g->s->taken[col] == TAKEN_ALL) return EG_OK;
    EG_TRY(column_dictionary(g, col, err));
    EG_TRY(stored_read(g, place->at + place->dictionary_bytes,
                       place->bytes - place->dictionary_bytes, err));
    EG_TRY(eg_parquet_pages_rows(&g->s->columns[col], g->s->zstd, stored_span(g), err));
    g->s->taken[col] = TAKEN_ALL;
    return EG_OK;
}

/* ---- which rows ---- */

/* The keys that dictionaries can tell of, the smallest dictionary first. */
static uint32_t keys_sort(const struct group_look *g, const struct eg_need *need,
                          const struct eg_need_key **keys) {
    uint32_t count = 0;
    for (uint32_t k = 0; k < need->count; k++) {
        uint64_t bytes = g->group->places[need->keys[k].col].dictionary_bytes;
        if (!bytes) continue;
        uint32_t at = count++;
        for (; at && g->group->places[keys[at - 1]->col].dictionary_bytes > bytes; at--)
            keys[at] = keys[at - 1];
        keys[at] = &need->keys[k];
    }
    return count;
}

/* Adds the rows that may meet a need to the hits. */
static enum eg_status need_look(struct group_look *g, const struct eg_need *need,
                                struct eg_error *err) {
    struct eg_lookup_scratch *s = g->s;
    const struct eg_need_key *keys[EG_NEED_KEYS_MAX];
    int64_t places[EG_NEED_KEYS_MAX];
    uint32_t count = keys_sort(g, need, keys), rows = g->group->rows, words = (rows + 63) / 64;
    for (uint32_t k = 0; k < count; k++) {
        EG_TRY(column_dictionary(g, keys[k]->col, err));
        places[k] = eg_parquet_pages_find(&s->columns[keys[k]->col], keys[k]);
        if (places[k] < 0) return EG_OK;
    }
    memset(s->rows, 0xff, (size_t)words * 8);
    if (rows % 64) s->rows[words - 1] = (UINT64_C(1) << rows % 64) - 1;
    for (uint32_t k = 0; k < count; k++) {
        uint64_t any = 0;
        EG_TRY(column_rows(g, keys[k]->col, err));
        eg_parquet_pages_keep(&s->columns[keys[k]->col], (uint32_t)places[k], s->rows);
        for (uint32_t w = 0; w < words; w++) any |= s->rows[w];
        if (!any) return EG_OK;
    }
    for (uint32_t w = 0; w < words; w++) s->hits[w] |= s->rows[w];
    return EG_OK;
}

static bool any_hit(const struct eg_lookup_scratch *s, uint32_t rows) {
    for (uint32_t w = 0; w < (rows + 63) / 64; w++)
        if (s->hits[w]) return true;
    return false;
}

/* Of the hits, those in time stay. */
static enum eg_status times_look(struct group_look *g, struct eg_error *err) {
    const struct eg_lookup *l = g->l;
    if (l->from_us == INT64_MIN && l->to_us == INT64_MAX) return EG_OK;
    if (!any_hit(g->s, g->group->rows)) return EG_OK;
    EG_TRY(column_rows(g, l->time, err));
    eg_parquet_pages_keep_between(&g->s->columns[l->time], l->from_us, l->to_us, g->s->hits);
    return EG_OK;
}

static uint32_t hits_list(struct eg_lookup_scratch *s, uint32_t rows) {
    uint32_t count = 0;
    for (uint32_t w = 0; w < (rows + 63) / 64; w++)
        for (uint64_t left = s->hits[w]; left; left &= left - 1)
            s->list[count++] = w * 64 + (uint32_t)__builtin_ctzll(left);
    return count;
}

/* ---- rows ---- */

/* A row's values of some columns into the row being built. */
static enum eg_status row_put(struct group_look *g, eg_column_set columns, uint32_t row,
                              struct eg_builder *to, struct eg_error *err) {
    for (eg_column_set left = columns; left; left &= left - 1) {
        uint32_t col = (uint32_t)__builtin_ctzll(left);
        EG_TRY(column_rows(g, col, err));
        EG_TRY(eg_parquet_pages_put(&g->s->columns[col], row, to, col, err));
    }
    eg_builder_row(to, 1);
    return EG_OK;
}

/* Of some rows, those that hold; they stay in `list`. */
static enum eg_status rows_ask(struct group_look *g, uint32_t *list, uint32_t *count,
                               struct eg_error *err) {
    const struct eg_lookup *l = g->l;
    struct eg_batch *batch;
    uint32_t chosen[EG_BATCH_ROWS];
    if (!l->select || !*count) return EG_OK;
    if (!g->s->asked)
        EG_TRY(eg_builder_new(&g->s->asked, l->table, l->table_id, EG_BATCH_ROWS, l->asks, err));
    for (uint32_t i = 0; i < *count; i++) EG_TRY(row_put(g, l->asks, list[i], g->s->asked, err));
    EG_TRY(eg_builder_seal(g->s->asked, &batch, err));
    *count = l->select(l->select_from, batch, chosen);
    for (uint32_t i = 0; i < *count; i++) list[i] = list[chosen[i]];
    eg_batch_unref(batch);
    return EG_OK;
}

static enum eg_status rows_give(struct group_look *g, uint32_t *list, uint32_t count,
                                const struct eg_lookup_output *out, struct eg_error *err) {
    for (uint32_t i = 0; i < count; i++) {
        EG_TRY(row_put(g, g->l->gives, list[i], out->rows, err));
        enum eg_status status = eg_builder_room(out->rows) ? EG_OK : out->full(out->to, err);
        if (status != EG_OK) return status;
    }
    return EG_OK;
}

static enum eg_status scratch_ready(struct eg_lookup_scratch *s, uint32_t rows,
                                    struct eg_error *err) {
    size_t words = ((size_t)rows + 63) / 64;
    if (!s->zstd) s->zstd = ZSTD_createDCtx();
    if (!s->zstd || !eg_distinct_room(&s->hits, &s->hit_room, words, 8) ||
        !eg_distinct_room(&s->rows, &s->row_room, words, 8) ||
        !eg_distinct_room(&s->list, &s->list_room, rows, sizeof *s->list))
        return no_memory(err);
    memset(s->hits, 0, words * 8);
    memset(s->taken, TAKEN_NOT, sizeof s->taken);
    return EG_OK;
}

static enum eg_status group_look(struct group_look *g, const struct eg_lookup_output *out,
                                 struct eg_error *err) {
    for (uint32_t i = 0; i < g->l->needs->count; i++)
        if (g->group->needs >> i & 1) EG_TRY(need_look(g, &g->l->needs->any[i], err));
    EG_TRY(times_look(g, err));
    uint32_t found = hits_list(g->s, g->group->rows);
    for (uint32_t from = 0; from < found; from += EG_BATCH_ROWS) {
        uint32_t count = found - from < EG_BATCH_ROWS ? found - from : EG_BATCH_ROWS;
        EG_TRY(rows_ask(g, g->s->list + from, &count, err));
        enum eg_status status = rows_give(g, g->s->list + from, count, out, err);
        if (status != EG_OK) return status;
    }
    return EG_OK;
}

enum eg_status eg_lookup_group_rows(const struct eg_lookup *l, struct eg_lookup_scratch *s,
                                    const struct eg_lookup_group *group,
                                    const struct eg_lookup_output *out, struct eg_error *err) {
    struct group_look g = {.l = l, .s = s, .group = group};
    EG_TRY(scratch_ready(s, group->rows, err));
    EG_TRY(file_open(group->path, &g.fd, err));
    enum eg_status status = group_look(&g, out, err);
    (void)close(g.fd);
    return status;
}
