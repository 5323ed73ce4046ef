/* SPDX-License-Identifier: Apache-2.0
 * A Parquet file: batches are cut into row groups, every column of every group is a task that some
 * thread of a crew takes, and what they made is written in order. Bloom filters and the footer come
 * last.
 * Source: parquet.thrift of the Parquet format, version 2.10. */
#include "engine/parquet_file.h"

#include "base/alloc.h"
#include "engine/parquet_column.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP_BYTES (UINT64_C(512) << 20) /* of batches: texts may be long */

/* What the footer says of one column chunk. */
struct placed {
    uint64_t offset, bytes, raw_bytes, dictionary_bytes, bloom_offset;
    struct eg_parquet_chunk chunk; /* its `bytes` are gone once written */
};

struct group {
    uint32_t rows;
    atomic_uint columns_left; /* to be encoded */
    struct placed *columns;
    size_t first_piece, piece_count; /* of the file's pieces, while it is being encoded */
};

struct eg_parquet_file {
    struct eg_parquet_setup setup;
    char *path;
    int fd; /* -1: not yet made, or closed */
    bool made;
    bool regular; /* a device or a pipe is neither removed nor made durable */
    bool finished;
    uint64_t offset, rows;
    struct group *groups;
    size_t group_count, first_group; /* those from first_group on are being encoded */
    size_t early;                    /* groups before it stay encoded in memory */
    bool storing;                    /* what is encoded now is not written yet */
    struct eg_parquet_piece *pieces; /* of those */
    /* groups are written in order by whoever finds the next one whole, while others go on encoding */
    pthread_mutex_t writing;
    atomic_size_t written;
};

/* ---- opening and closing ---- */

enum eg_status eg_parquet_file_new(struct eg_parquet_file **out, const char *path,
                                   const struct eg_parquet_setup *setup, struct eg_error *err) {
    struct eg_parquet_file *file = eg_calloc(1, sizeof *file);
    if (!file) return eg_fail(err, EG_E_NOMEM, "no memory to write %s", path);
    file->setup = *setup;
    file->fd = -1;
    pthread_mutex_init(&file->writing, NULL);
    file->path = eg_strdup(path ? path : "");
    if (!file->path) {
        eg_parquet_file_free(file);
        return eg_fail(err, EG_E_NOMEM, "no memory to write %s", path ? path : "a file");
    }
    file->storing = !path;
    *out = file;
    return EG_OK;
}

enum eg_status eg_parquet_file_make(struct eg_parquet_file *file, struct eg_error *err) {
    if (file->made) return EG_OK;
    file->fd = open(file->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file->fd < 0) return eg_fail_errno(err, errno, "cannot write %s", file->path);
    file->made = true;
    struct stat st;
    file->regular = fstat(file->fd, &st) == 0 && S_ISREG(st.st_mode);
    return EG_OK;
}

static void pieces_drop(struct eg_parquet_file *file) {
    eg_free(file->pieces);
    file->pieces = NULL;
}

static void group_reset(struct group *group, uint32_t columns) {
    for (uint32_t i = 0; group->columns && i < columns; i++)
        eg_parquet_chunk_reset(&group->columns[i].chunk);
    eg_free(group->columns);
}

void eg_parquet_file_undo(struct eg_parquet_file *file) {
    if (file) file->finished = false;
}

/* Leaves nothing on disk of what is not finished. */
static void leave(struct eg_parquet_file *file) {
    if (file->fd >= 0) (void)close(file->fd);
    if (file->made && !file->finished && file->regular) (void)unlink(file->path);
    file->fd = -1;
    file->made = file->finished = false;
}

void eg_parquet_file_store(struct eg_parquet_file *file) { file->early = file->group_count; }

void eg_parquet_file_rewind(struct eg_parquet_file *file) {
    leave(file);
    while (file->group_count > file->early)
        group_reset(&file->groups[--file->group_count], file->setup.table->count);
    pieces_drop(file);
    file->first_group = file->group_count;
    file->offset = file->rows = 0;
    file->storing = true;
    atomic_store(&file->written, file->group_count);
}

enum eg_status eg_parquet_file_place(struct eg_parquet_file *file, const char *path,
                                     struct eg_error *err) {
    char *own = eg_strdup(path);
    if (!own) return eg_fail(err, EG_E_NOMEM, "no memory to write %s", path);
    eg_parquet_file_rewind(file);
    eg_free(file->path);
    file->path = own;
    file->storing = false;
    atomic_store(&file->written, 0);
    return EG_OK;
}

void eg_parquet_file_free(struct eg_parquet_file *file) {
    if (!file) return;
    for (size_t i = 0; i < file->group_count; i++)
        group_reset(&file->groups[i], file->setup.table->count);
    eg_free(file->groups);
    pieces_drop(file);
    leave(file);
    pthread_mutex_destroy(&file->writing);
    eg_free(file->path);
    eg_free(file);
}

static enum eg_status put(struct eg_parquet_file *file, const void *bytes, size_t size,
                          struct eg_error *err) {
    const char *at = bytes;
    while (size) {
        ssize_t done = write(file->fd, at, size);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return eg_fail_errno(err, errno, "cannot write %s", file->path);
        at += done;
        size -= (size_t)done;
        file->offset += (uint64_t)done;
    }
    return EG_OK;
}

static enum eg_status put_start(struct eg_parquet_file *file, struct eg_error *err) {
    EG_TRY(eg_parquet_file_make(file, err));
    return file->offset ? EG_OK : put(file, "PAR1", 4, err);
}

/* ---- encoding, by any thread ---- */

size_t eg_parquet_file_tasks(const struct eg_parquet_file *file) {
    return (file->group_count - file->first_group) * file->setup.table->count;
}

enum eg_status eg_parquet_file_encode(struct eg_parquet_file *file, size_t task,
                                      struct eg_parquet_scratch *scratch, struct eg_error *err) {
    const struct eg_table *table = file->setup.table;
    struct group *group = &file->groups[file->first_group + task / table->count];
    uint32_t col = (uint32_t)(task % table->count);
    if (!eg_parquet_encode(scratch, table->columns[col].type, col,
                           file->pieces + group->first_piece, group->piece_count, group->rows,
                           file->setup.blooms >> col & 1, &group->columns[col].chunk))
        return eg_fail(err, EG_E_NOMEM, "no memory to encode the rows of %s", file->path);
    atomic_fetch_sub(&group->columns_left, 1);
    return EG_OK;
}

/* ---- writing, by one thread at a time ---- */

/* No more memory than it takes; where there is none to move it to it stays as it is. */
static void tighten(struct eg_strbuf *bytes) {
    if (!bytes->text || bytes->room <= bytes->size + 1) return;
    char *moved = eg_realloc(bytes->text, bytes->size + 1, 1);
    if (!moved) return;
    bytes->text = moved;
    bytes->room = bytes->size + 1;
}

static enum eg_status write_group(struct eg_parquet_file *file, struct group *group,
                                  struct eg_error *err) {
    bool stays = file->storing || group < &file->groups[file->early];
    for (uint32_t i = 0; file->storing && i < file->setup.table->count; i++)
        tighten(&group->columns[i].chunk.bytes);
    if (file->storing) return EG_OK;
    EG_TRY(put_start(file, err));
    for (uint32_t i = 0; i < file->setup.table->count; i++) {
        struct placed *placed = &group->columns[i];
        struct eg_strbuf *bytes = &placed->chunk.bytes;
        placed->offset = file->offset;
        placed->bytes = bytes->size;
        placed->raw_bytes = placed->chunk.raw_bytes;
        placed->dictionary_bytes = placed->chunk.dictionary_bytes;
        EG_TRY(put(file, bytes->text, bytes->size, err));
        if (!stays) eg_strbuf_reset(bytes);
    }
    file->rows += group->rows;
    return EG_OK;
}

static bool next_is_whole(struct eg_parquet_file *file) {
    size_t next = atomic_load(&file->written);
    return next < file->group_count && atomic_load(&file->groups[next].columns_left) == 0;
}

static enum eg_status write_ready(struct eg_parquet_file *file, struct eg_error *err) {
    while (next_is_whole(file)) {
        EG_TRY(write_group(file, &file->groups[atomic_load(&file->written)], err));
        atomic_fetch_add(&file->written, 1);
    }
    return EG_OK;
}

bool eg_parquet_file_written(const struct eg_parquet_file *file) {
    return atomic_load(&file->written) == file->group_count;
}

enum eg_status eg_parquet_file_settle(struct eg_parquet_file *file, bool *last,
                                      struct eg_error *err) {
    enum eg_status status = EG_OK;
    *last = false;
    /* Who comes while somebody writes goes away: the one that writes looks again after letting go. */
    while (status >= 0 && !*last && next_is_whole(file) &&
           pthread_mutex_trylock(&file->writing) == 0) {
        bool before = eg_parquet_file_written(file);
        status = write_ready(file, err);
        *last = status >= 0 && !before && eg_parquet_file_written(file);
        pthread_mutex_unlock(&file->writing);
    }
    return status;
}

/* ---- cutting into groups ---- */

/* Rows of all batches as pieces; group g has pieces [starts[g], starts[g + 1]). */
struct cut {
    struct eg_parquet_piece *pieces;
    size_t piece_count, piece_room;
    size_t *starts;
    size_t group_count, group_room;
};

static bool cut_group(struct cut *cut) {
    if (cut->group_count + 1 >= cut->group_room) {
        size_t room = cut->group_room ? cut->group_room * 2 : 16;
        size_t *starts = eg_realloc(cut->starts, room, sizeof *starts);
        if (!starts) return false;
        cut->starts = starts;
        cut->group_room = room;
    }
    cut->starts[cut->group_count++] = cut->piece_count;
    return true;
}

static bool cut_piece(struct cut *cut, struct eg_parquet_piece piece) {
    if (cut->piece_count == cut->piece_room) {
        size_t room = cut->piece_room ? cut->piece_room * 2 : 64;
        struct eg_parquet_piece *pieces = eg_realloc(cut->pieces, room, sizeof *pieces);
        if (!pieces) return false;
        cut->pieces = pieces;
        cut->piece_room = room;
    }
    cut->pieces[cut->piece_count++] = piece;
    return true;
}

/* Groups of equal size, none much above the usual one. */
static bool cut_rows(struct cut *cut, struct eg_batch *const *batches, size_t count) {
    uint64_t rows = 0;
    for (size_t i = 0; i < count; i++) rows += batches[i]->rows;
    uint64_t groups = (rows + EG_PARQUET_GROUP_ROWS / 2) / EG_PARQUET_GROUP_ROWS;
    uint32_t each = (uint32_t)(groups ? (rows + groups - 1) / groups : rows);
    uint32_t here = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t size = eg_batch_bytes(batches[i]);
        for (uint32_t from = 0; from < batches[i]->rows;) {
            if (here == each || bytes > GROUP_BYTES || cut->group_count == 0) {
                if (!cut_group(cut)) return false;
                here = 0;
                bytes = 0;
            }
            uint32_t left = batches[i]->rows - from;
            uint32_t take = left < each - here ? left : each - here;
            if (!cut_piece(cut, (struct eg_parquet_piece){batches[i], from, take})) return false;
            from += take;
            here += take;
            bytes += size * take / batches[i]->rows;
        }
    }
    size_t whole = cut->group_count;
    if (whole && !cut_group(cut)) return false; /* where the last one ends */
    cut->group_count = whole;
    return true;
}

static bool groups_add(struct eg_parquet_file *file, const struct cut *cut) {
    struct group *groups =
        eg_realloc(file->groups, file->group_count + cut->group_count, sizeof *groups);
    if (!groups) return false;
    file->groups = groups;
    for (size_t g = 0; g < cut->group_count; g++) {
        struct group *group = &groups[file->group_count];
        *group = (struct group){.first_piece = cut->starts[g],
                                .piece_count = cut->starts[g + 1] - cut->starts[g]};
        atomic_init(&group->columns_left, file->setup.table->count);
        for (size_t p = 0; p < group->piece_count; p++)
            group->rows += cut->pieces[group->first_piece + p].count;
        group->columns = eg_calloc(file->setup.table->count, sizeof *group->columns);
        if (!group->columns) return false;
        file->group_count++;
    }
    return true;
}

enum eg_status eg_parquet_file_plan(struct eg_parquet_file *file, struct eg_batch *const *batches,
                                    size_t count, struct eg_error *err) {
    EG_ASSERT(eg_parquet_file_written(file) || file->early == file->group_count);
    struct cut cut = {0};
    pieces_drop(file);
    file->first_group = file->group_count;
    bool done = cut_rows(&cut, batches, count) && (!cut.group_count || groups_add(file, &cut));
    file->pieces = cut.pieces;
    eg_free(cut.starts);
    return done ? EG_OK : eg_fail(err, EG_E_NOMEM, "no memory to write %s", file->path);
}

/* ---- the footer ---- */

static void put_logical_type(struct eg_thrift *t, enum eg_type type) {
    int bits = type == EG_TYPE_I16 ? 16 : type == EG_TYPE_I32 ? 32 : type == EG_TYPE_I64 ? 64 : 0;
    bool text = eg_parquet_type_of(type).converted == 0;
    if (!bits && !text && type != EG_TYPE_TIME) return;
    eg_thrift_open(t, 10);
    if (text) {
        eg_thrift_empty(t, 1);
    } else if (bits) {
        eg_thrift_open(t, 10);
        eg_thrift_i8(t, 1, (int8_t)bits);
        eg_thrift_bool(t, 2, true);
        eg_thrift_close(t);
    } else {
        eg_thrift_open(t, 8);
        eg_thrift_bool(t, 1, true); /* UTC */
        eg_thrift_open(t, 2);
        eg_thrift_empty(t, 2); /* microseconds */
        eg_thrift_close(t);
        eg_thrift_close(t);
    }
    eg_thrift_close(t);
}

static void put_schema(struct eg_thrift *t, const struct eg_table *table) {
    eg_thrift_list(t, 2, EG_THRIFT_STRUCT, (size_t)table->count + 1);
    eg_thrift_open_item(t);
    eg_thrift_int(t, 3, EG_THRIFT_I32, 0);
    eg_thrift_text(t, 4, "earlgrey_schema");
    eg_thrift_int(t, 5, EG_THRIFT_I32, table->count);
    eg_thrift_close(t);
    for (uint32_t i = 0; i < table->count; i++) {
        struct eg_parquet_type type = eg_parquet_type_of(table->columns[i].type);
        eg_thrift_open_item(t);
        eg_thrift_int(t, 1, EG_THRIFT_I32, type.physical);
        eg_thrift_int(t, 3, EG_THRIFT_I32, 1); /* optional */
        eg_thrift_text(t, 4, table->columns[i].name);
        if (type.converted >= 0) eg_thrift_int(t, 6, EG_THRIFT_I32, type.converted);
        put_logical_type(t, table->columns[i].type);
        eg_thrift_close(t);
    }
}

static void put_statistics(struct eg_thrift *t, const struct eg_parquet_chunk *chunk) {
    eg_thrift_open(t, 12);
    eg_thrift_int(t, 3, EG_THRIFT_I64, chunk->nulls);
    if (chunk->distinct >= 0) eg_thrift_int(t, 4, EG_THRIFT_I64, chunk->distinct);
    if (chunk->has_range) {
        eg_thrift_binary(t, 5, chunk->most.text, chunk->most.size);
        eg_thrift_binary(t, 6, chunk->least.text, chunk->least.size);
    }
    eg_thrift_close(t);
}

static void put_encodings(struct eg_thrift *t, const struct placed *placed) {
    bool dictionary = placed->dictionary_bytes > 0;
    eg_thrift_list(t, 2, EG_THRIFT_I32, dictionary ? 3 : 2);
    eg_thrift_item_int(t, 3); /* RLE: the levels */
    if (dictionary) eg_thrift_item_int(t, 0);
    eg_thrift_item_int(t, placed->chunk.encoding);
}

/* Which pages there are, so that a reader knows when a dictionary holds every value. */
static void put_page_counts(struct eg_thrift *t, const struct placed *placed) {
    bool dictionary = placed->dictionary_bytes > 0;
    eg_thrift_list(t, 13, EG_THRIFT_STRUCT, dictionary ? 2 : 1);
    for (int data = dictionary ? 0 : 1; data < 2; data++) {
        eg_thrift_open_item(t);
        eg_thrift_int(t, 1, EG_THRIFT_I32, data ? 0 : 2);
        eg_thrift_int(t, 2, EG_THRIFT_I32, data ? placed->chunk.encoding : 0);
        eg_thrift_int(t, 3, EG_THRIFT_I32, 1);
        eg_thrift_close(t);
    }
}

static void put_column(struct eg_thrift *t, const struct eg_column_info *info,
                       const struct group *group, const struct placed *placed) {
    eg_thrift_open_item(t);
    eg_thrift_int(t, 2, EG_THRIFT_I64, (int64_t)placed->offset);
    eg_thrift_open(t, 3);
    eg_thrift_int(t, 1, EG_THRIFT_I32, eg_parquet_type_of(info->type).physical);
    put_encodings(t, placed);
    eg_thrift_list(t, 3, EG_THRIFT_BINARY, 1);
    eg_thrift_item_text(t, info->name);
    eg_thrift_int(t, 4, EG_THRIFT_I32, EG_PARQUET_ZSTD);
    eg_thrift_int(t, 5, EG_THRIFT_I64, group->rows);
    eg_thrift_int(t, 6, EG_THRIFT_I64, (int64_t)placed->raw_bytes);
    eg_thrift_int(t, 7, EG_THRIFT_I64, (int64_t)placed->bytes);
    eg_thrift_int(t, 9, EG_THRIFT_I64, (int64_t)(placed->offset + placed->dictionary_bytes));
    if (placed->dictionary_bytes) eg_thrift_int(t, 11, EG_THRIFT_I64, (int64_t)placed->offset);
    put_statistics(t, &placed->chunk);
    put_page_counts(t, placed);
    if (placed->bloom_offset) {
        eg_thrift_int(t, 14, EG_THRIFT_I64, (int64_t)placed->bloom_offset);
        eg_thrift_int(t, 15, EG_THRIFT_I32, (int64_t)placed->chunk.bloom.size);
    }
    eg_thrift_close(t);
    eg_thrift_close(t);
}

static void put_group(struct eg_thrift *t, const struct eg_table *table,
                      const struct group *group) {
    uint64_t raw = 0, bytes = 0;
    eg_thrift_open_item(t);
    eg_thrift_list(t, 1, EG_THRIFT_STRUCT, table->count);
    for (uint32_t i = 0; i < table->count; i++) {
        put_column(t, &table->columns[i], group, &group->columns[i]);
        raw += group->columns[i].raw_bytes;
        bytes += group->columns[i].bytes;
    }
    eg_thrift_int(t, 2, EG_THRIFT_I64, (int64_t)raw);
    eg_thrift_int(t, 3, EG_THRIFT_I64, group->rows);
    eg_thrift_int(t, 5, EG_THRIFT_I64, (int64_t)group->columns[0].offset);
    eg_thrift_int(t, 6, EG_THRIFT_I64, (int64_t)bytes);
    eg_thrift_close(t);
}

static void put_footer(struct eg_parquet_file *file, const char *note, struct eg_strbuf *to) {
    struct eg_thrift t = {.to = to};
    const struct eg_table *table = file->setup.table;
    eg_thrift_int(&t, 1, EG_THRIFT_I32, 2);
    put_schema(&t, table);
    eg_thrift_int(&t, 3, EG_THRIFT_I64, (int64_t)file->rows);
    eg_thrift_list(&t, 4, EG_THRIFT_STRUCT, file->group_count);
    for (size_t g = 0; g < file->group_count; g++) put_group(&t, table, &file->groups[g]);
    if (note) {
        eg_thrift_list(&t, 5, EG_THRIFT_STRUCT, 1);
        eg_thrift_open_item(&t);
        eg_thrift_text(&t, 1, "earlgrey");
        eg_thrift_text(&t, 2, note);
        eg_thrift_close(&t);
    }
    eg_thrift_text(&t, 6, "earlgrey version " EG_VERSION "");
    eg_thrift_list(&t, 7, EG_THRIFT_STRUCT, table->count);
    for (uint32_t i = 0; i < table->count; i++) { /* ranges follow the order of the type */
        eg_thrift_open_item(&t);
        eg_thrift_empty(&t, 1);
        eg_thrift_close(&t);
    }
    eg_strbuf_char(to, 0);
}

static enum eg_status put_blooms(struct eg_parquet_file *file, struct eg_error *err) {
    for (size_t g = 0; g < file->group_count; g++) {
        for (uint32_t i = 0; i < file->setup.table->count; i++) {
            struct placed *placed = &file->groups[g].columns[i];
            const struct eg_strbuf *bloom = &placed->chunk.bloom;
            if (!bloom->size) continue;
            placed->bloom_offset = file->offset;
            EG_TRY(put(file, bloom->text, bloom->size, err));
        }
    }
    return EG_OK;
}

enum eg_status eg_parquet_file_finish(struct eg_parquet_file *file, const char *note,
                                      struct eg_parquet_stats *out, struct eg_error *err) {
    EG_TRY(write_ready(file, err)); /* where there is nothing but what was encoded early */
    EG_TRY(put_start(file, err));
    EG_TRY(put_blooms(file, err));
    struct eg_strbuf footer = {0};
    put_footer(file, note, &footer);
    uint32_t size = (uint32_t)footer.size;
    eg_strbuf_add(&footer, &size, 4);
    eg_strbuf_text(&footer, "PAR1");
    enum eg_status status = footer.failed
                                ? eg_fail(err, EG_E_NOMEM, "no memory to write %s", file->path)
                                : put(file, footer.text, footer.size, err);
    eg_strbuf_reset(&footer);
    EG_TRY(status);
    if (file->regular && fsync(file->fd) != 0)
        return eg_fail_errno(err, errno, "cannot make %s durable", file->path);
    int fd = file->fd;
    file->fd = -1;
    if (close(fd) != 0) return eg_fail_errno(err, errno, "cannot close %s", file->path);
    file->finished = true;
    if (out) *out = (struct eg_parquet_stats){.rows = file->rows, .bytes = file->offset};
    return EG_OK;
}
