/* SPDX-License-Identifier: Apache-2.0
 * The sinks a user named, opened: URIs to instances, options out of their queries. */
#ifndef EG_CLI_SINKS_H
#define EG_CLI_SINKS_H

#include "cli/verb.h"
#include "table/pump.h"

#define EG_SINKS_MAX 16

struct eg_sinks {
    struct eg_pump_sink items[EG_SINKS_MAX];
    void *options[EG_SINKS_MAX];
    size_t count;
    struct eg_sink *dataset; /* the first dataset among them: it holds the locks; NULL: none */
    const char *dataset_path;
};

/* What is asked for: `dataset` first (NULL: none), then `to`; `format` for those that take records.
 * Errors: EG_E_USAGE for a sink there is not, or an option it has not; those of the sinks' open. On
 * failure, too, eg_sinks_close frees what there is. */
EG_MUST_CHECK enum eg_status eg_sinks_open(struct eg_sinks *, const struct eg_env *,
                                           const char *dataset, const struct eg_text_list *to,
                                           const char *format, struct eg_error *err);
void eg_sinks_close(struct eg_sinks *);

/* The options of a stage out of a URI's query, "name=value&…" (NULL: none): into a struct that is
 * there, or over presets into a new one, to be freed with eg_options_reset and eg_free. */
EG_MUST_CHECK enum eg_status eg_query_set(const struct eg_option *, void *options,
                                          const char *query, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_query_options(const struct eg_option *, size_t size,
                                              const char *query, void **out, struct eg_error *err);

#endif
