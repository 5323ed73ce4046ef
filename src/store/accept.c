/* SPDX-License-Identifier: Apache-2.0
 * Accepting that files are gone. One that is only out of reach (no permission, a disk with errors) is not. */
#include "store/accept.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "store/record.h"

#include <errno.h>
#include <sys/stat.h>

static enum eg_status look(const char *root, const struct eg_journal_file *file, bool *gone,
                           struct eg_error *err) {
    struct stat info;
    char *path = eg_path_join(root, file->path);
    if (!path) return eg_fail(err, EG_E_NOMEM, "no memory to look for files");
    *gone = stat(path, &info) != 0;
    enum eg_status status = EG_OK;
    if (*gone && errno != ENOENT && errno != ENOTDIR)
        status = eg_fail_errno(err, errno, "cannot see whether %s is there", path);
    eg_free(path);
    return status;
}

enum eg_status eg_accept_missing(struct eg_dataset *ds, const struct eg_journal *known,
                                 struct eg_accepted *out, struct eg_error *err) {
    struct eg_journal change = {0};
    enum eg_status status = EG_OK;
    *out = (struct eg_accepted){0};
    for (size_t i = 0; status >= 0 && i < known->file_count; i++) {
        const struct eg_journal_file *file = &known->files[i];
        bool gone;
        status = look(ds->path, file, &gone, err);
        if (status < 0 || !gone) continue;
        status = eg_journal_add_gone(&change, file->path, 0, err);
        out->files++;
        out->rows[file->table] += file->rows;
    }
    if (status >= 0 && out->files) status = eg_record_positions(ds, known, err);
    if (status >= 0 && out->files) status = eg_record_write(ds, &change, err);
    eg_journal_reset(&change);
    return status;
}
