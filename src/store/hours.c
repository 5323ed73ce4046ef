/* SPDX-License-Identifier: Apache-2.0
 * Hours and their files, read from the directories. */
#include "store/hours.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/timetext.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory for the hours of the dataset");
}

void eg_hours_reset(struct eg_hours *hours) {
    for (size_t i = 0; i < hours->count; i++) eg_names_reset(&hours->list[i].files);
    eg_free(hours->list);
    *hours = (struct eg_hours){0};
}

static enum eg_status add_file(struct eg_hour *hour, const char *root, const char *relative,
                               const struct eg_journal *known, struct eg_error *err) {
    char *path = eg_path_join(root, relative);
    if (!path) return no_memory(err);
    struct stat is;
    bool there = stat(path, &is) == 0;
    eg_free(path);
    if (!there) return EG_OK; /* it went away while we looked */
    if (!eg_names_add(&hour->files, relative)) return no_memory(err);
    hour->bytes += (uint64_t)is.st_size;
    if (eg_layout_is_sorted(strrchr(relative, '/') + 1)) {
        hour->sorted++;
        hour->sorted_bytes += (uint64_t)is.st_size;
    }
    uint32_t at = known ? eg_index_find(&known->file_index, relative) : EG_INDEX_NONE;
    if (at != EG_INDEX_NONE) hour->rows += known->files[at].rows;
    return EG_OK;
}

struct reading {
    struct eg_hours *to;
    const char *root;
    const struct eg_journal *known;
    enum eg_table_id table;
};

static enum eg_status see(void *to, const char *relative, const char *name, int64_t hour_us,
                          struct eg_error *err) {
    struct reading *r = to;
    struct eg_hours *hours = r->to;
    if (!eg_layout_ends(name, ".parquet")) return EG_OK;
    struct eg_hour *last = hours->count ? &hours->list[hours->count - 1] : NULL;
    if (!last || last->hour_us != hour_us || last->table != r->table) {
        if (hours->count == hours->room) {
            size_t room = hours->room ? hours->room * 2 : 32;
            struct eg_hour *grown = eg_realloc(hours->list, room, sizeof *grown);
            if (!grown) return no_memory(err);
            hours->list = grown;
            hours->room = room;
        }
        last = &hours->list[hours->count++];
        *last = (struct eg_hour){.table = r->table, .hour_us = hour_us};
    }
    return add_file(last, r->root, relative, r->known, err);
}

static int by_age(const void *a, const void *b) {
    const struct eg_hour *left = a, *right = b;
    if (left->hour_us != right->hour_us) return left->hour_us < right->hour_us ? -1 : 1;
    return left->table < right->table ? -1 : left->table > right->table;
}

enum eg_status eg_hours_read(struct eg_hours *out, const char *root, uint32_t tables,
                             const struct eg_journal *known, struct eg_error *err) {
    *out = (struct eg_hours){0};
    struct reading r = {.to = out, .root = root, .known = known};
    enum eg_status status = EG_OK;
    for (int table = 0; status >= 0 && table < EG_TABLE_RAW; table++) {
        struct eg_layout_walk walk = {see, &r, INT64_MAX, false};
        r.table = (enum eg_table_id)table;
        if (tables >> table & 1) status = eg_layout_walk(root, r.table, &walk, err);
    }
    if (status < 0)
        eg_hours_reset(out);
    else if (out->count)
        qsort(out->list, out->count, sizeof *out->list, by_age);
    return status;
}

enum eg_status eg_hour_read(struct eg_hour *hour, const char *root, const struct eg_journal *known,
                            struct eg_error *err) {
    eg_names_reset(&hour->files);
    *hour = (struct eg_hour){.table = hour->table, .hour_us = hour->hour_us};
    struct eg_strbuf partition = {0}, relative = {0};
    eg_layout_partition(hour->table, hour->hour_us, &partition);
    char *path = partition.failed ? NULL : eg_path_join(root, partition.text);
    struct eg_names names = {0};
    enum eg_status status = path ? eg_names_read(&names, path, err) : no_memory(err);
    for (size_t i = 0; status >= 0 && i < names.count; i++) {
        if (!eg_layout_ends(names.names[i], ".parquet")) continue;
        eg_strbuf_clear(&relative);
        eg_strbuf_printf(&relative, "%s/%s", partition.text, names.names[i]);
        status = relative.failed ? no_memory(err) : add_file(hour, root, relative.text, known, err);
    }
    eg_names_reset(&names);
    eg_strbuf_reset(&partition);
    eg_strbuf_reset(&relative);
    eg_free(path);
    return status;
}
