/* SPDX-License-Identifier: Apache-2.0
 * A feed of batches as an ArrowArrayStream. Source: the Arrow C stream interface. */
#include "table/arrow.h"

#include "base/alloc.h"

#include <errno.h>
#include <string.h>

struct stream {
    const struct eg_table *table;
    eg_column_set columns;
    enum eg_arrow_style style;
    struct eg_arrow_feed feed;
    enum eg_status ended; /* EG_END, or the error after which nothing more comes */
    struct eg_error error;
};

static int errno_of(enum eg_status status) {
    switch (status) {
    case EG_E_NOMEM: return ENOMEM;
    case EG_E_NOENT: return ENOENT;
    case EG_E_ACCESS: return EACCES;
    case EG_E_NOSPACE: return ENOSPC;
    case EG_E_FORMAT:
    case EG_E_USAGE: return EINVAL;
    case EG_E_CANCELLED: return ECANCELED;
    default: return EIO;
    }
}

static int get_schema(struct ArrowArrayStream *self, struct ArrowSchema *out) {
    struct stream *s = self->private_data;
    enum eg_status status = eg_arrow_schema(s->table, s->columns, s->style, out, &s->error);
    return status < 0 ? errno_of(status) : 0;
}

static int get_next(struct ArrowArrayStream *self, struct ArrowArray *out) {
    struct stream *s = self->private_data;
    struct eg_batch *batch = NULL;
    if (s->ended == EG_OK) {
        enum eg_status status = s->feed.next(s->feed.from, &batch, &s->error);
        if (status < 0 || status == EG_END) s->ended = status;
    }
    if (s->ended == EG_OK) {
        enum eg_status status = eg_arrow_array(batch, s->columns, s->style, out, &s->error);
        eg_batch_unref(batch);
        if (status >= 0) return 0;
        s->ended = status; /* the batch is lost, so what followed would be a gap nobody sees */
    }
    if (s->ended < 0) return errno_of(s->ended);
    memset(out, 0, sizeof *out); /* released: the end */
    return 0;
}

static const char *get_last_error(struct ArrowArrayStream *self) {
    const struct stream *s = self->private_data;
    return *s->error.message ? s->error.message : NULL;
}

static void release(struct ArrowArrayStream *self) {
    struct stream *s = self->private_data;
    s->feed.release(s->feed.from);
    eg_free(s);
    self->release = NULL;
}

enum eg_status eg_arrow_stream(const struct eg_table *table, eg_column_set columns,
                               enum eg_arrow_style style, struct eg_arrow_feed feed,
                               struct ArrowArrayStream *out, struct eg_error *err) {
    struct stream *s = eg_calloc(1, sizeof *s);
    if (!s) return eg_fail(err, EG_E_NOMEM, "no memory for a stream of %s", table->name);
    *s = (struct stream){.table = table, .columns = columns, .style = style, .feed = feed};
    *out = (struct ArrowArrayStream){.get_schema = get_schema,
                                     .get_next = get_next,
                                     .get_last_error = get_last_error,
                                     .release = release,
                                     .private_data = s};
    return EG_OK;
}
