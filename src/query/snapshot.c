/* SPDX-License-Identifier: Apache-2.0
 * A dataset's files as they were at one moment. */
#include "query/snapshot.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct eg_dataset_file *)a)->path,
                  ((const struct eg_dataset_file *)b)->path);
}

enum eg_status eg_snapshot_take(struct eg_snapshot *out, struct eg_dataset *dataset,
                                struct eg_error *err) {
    *out = (struct eg_snapshot){0};
    for (enum eg_table_id table = EG_TABLE_FLOWS; table < EG_TABLE_RAW; table++) {
        EG_TRY(eg_dataset_files(dataset, table, INT64_MIN, INT64_MAX, &out->files[table],
                                &out->counts[table], err));
        if (out->counts[table])
            qsort(out->files[table], out->counts[table], sizeof *out->files[table], by_path);
    }
    return EG_OK;
}

void eg_snapshot_reset(struct eg_snapshot *snapshot) {
    for (enum eg_table_id table = EG_TABLE_FLOWS; table < EG_TABLE_RAW; table++)
        eg_dataset_files_free(snapshot->files[table], snapshot->counts[table]);
    *snapshot = (struct eg_snapshot){0};
}

void eg_snapshot_forget(struct eg_snapshot *fresh) {
    for (enum eg_table_id table = EG_TABLE_FLOWS; table < EG_TABLE_RAW; table++)
        eg_free(fresh->files[table]);
    *fresh = (struct eg_snapshot){0};
}

enum eg_status eg_snapshot_fresh(struct eg_snapshot *out, const struct eg_snapshot *now,
                                 const struct eg_snapshot *before, size_t *gone,
                                 struct eg_error *err) {
    *out = (struct eg_snapshot){0};
    *gone = 0;
    for (enum eg_table_id table = EG_TABLE_FLOWS; table < EG_TABLE_RAW; table++) {
        size_t stayed = 0;
        if (!now->counts[table]) {
            *gone += before->counts[table];
            continue;
        }
        out->files[table] = eg_calloc(now->counts[table], sizeof *out->files[table]);
        if (!out->files[table]) {
            eg_snapshot_forget(out);
            return eg_fail(err, EG_E_NOMEM, "no memory for the list of files");
        }
        for (size_t i = 0; i < now->counts[table]; i++) {
            const struct eg_dataset_file *file = &now->files[table][i];
            if (before->counts[table] &&
                bsearch(file, before->files[table], before->counts[table], sizeof *file, by_path))
                stayed++;
            else
                out->files[table][out->counts[table]++] = *file;
        }
        *gone += before->counts[table] - stayed;
    }
    return EG_OK;
}

bool eg_snapshot_empty(const struct eg_snapshot *snapshot) {
    return !snapshot->counts[EG_TABLE_FLOWS] && !snapshot->counts[EG_TABLE_PACKETS];
}

enum eg_status eg_snapshot_relation(const struct eg_snapshot *snapshot, enum eg_table_id table,
                                    int64_t from_us, int64_t to_us, struct eg_strbuf *sql,
                                    struct eg_error *err) {
    size_t count = snapshot->counts[table], chosen = 0;
    struct eg_dataset_file *files = NULL;
    if (count && !(files = eg_calloc(count, sizeof *files)))
        return eg_fail(err, EG_E_NOMEM, "no memory for the list of files");
    for (size_t i = 0; i < count; i++) {
        const struct eg_dataset_file *file = &snapshot->files[table][i];
        bool timeless = file->start_us > file->end_us;
        if (timeless || (file->start_us <= to_us && file->end_us >= from_us))
            files[chosen++] = *file;
    }
    enum eg_status status = eg_dataset_files_relation(files, chosen, table, sql, err);
    eg_free(files);
    return status;
}
