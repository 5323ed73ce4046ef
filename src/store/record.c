/* SPDX-License-Identifier: Apache-2.0
 * Files of the journal that are written whole, without files of data that come with them. */
#include "store/record.h"

#include "base/alloc.h"
#include "base/durable.h"

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory for the journal of the dataset");
}

enum eg_status eg_record_write(struct eg_dataset *ds, const struct eg_journal *record,
                               struct eg_error *err) {
    char commit[EG_COMMIT_TEXT];
    struct eg_strbuf text = {0}, path = {0};
    eg_layout_commit(ds->session, ++ds->commits, commit);
    eg_strbuf_printf(&path, "%s/%s/%s.done", ds->path, EG_LAYOUT_COMMITS, commit);
    enum eg_status status =
        path.failed ? no_memory(err)
                    : eg_journal_text(record, commit, ds->env->now_us(ds->env->clock), &text, err);
    if (status >= 0) status = eg_file_replace(path.text, text.text, text.size, err);
    eg_strbuf_reset(&text);
    eg_strbuf_reset(&path);
    return status;
}

enum eg_status eg_record_positions(struct eg_dataset *ds, const struct eg_journal *journal,
                                   struct eg_error *err) {
    struct eg_journal marks = *journal; /* a look, not a copy */
    marks.file_count = marks.gone_count = 0;
    struct eg_strbuf text = {0};
    char *path = eg_path_join(ds->path, EG_LAYOUT_POSITIONS);
    enum eg_status status =
        path ? eg_journal_text(&marks, "positions", ds->env->now_us(ds->env->clock), &text, err)
             : no_memory(err);
    if (status >= 0) status = eg_file_replace(path, text.text, text.size, err);
    if (status == EG_E_NOSPACE) status = EG_OK;
    eg_strbuf_reset(&text);
    eg_free(path);
    return status;
}
