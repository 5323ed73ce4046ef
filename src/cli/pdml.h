/* SPDX-License-Identifier: Apache-2.0
 * PDML (packets taken apart, as XML) into JSON, packet by packet, while it is printed. The layout is that
 * of metron-rest's /pdml: {version, creator, time, captureFile, packets: [{protos: [{name, pos, showname,
 * size, hide, fields: [{…, value, show, unmaskedvalue, fields, protos}]}]}]}, nulls included. */
#ifndef EG_CLI_PDML_H
#define EG_CLI_PDML_H

#include "base/strbuf.h"

struct eg_pdml;
EG_MUST_CHECK enum eg_status eg_pdml_new(struct eg_pdml **out, struct eg_error *err);
void eg_pdml_free(struct eg_pdml *); /* NULL is fine */
/* More of the XML; what is complete of the JSON goes to `json`. Errors: EG_E_FORMAT for what is no PDML,
 * EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_pdml_put(struct eg_pdml *, const char *xml, size_t size,
                                         struct eg_strbuf *json, struct eg_error *err);
/* The end of the JSON. EG_E_FORMAT: the XML is not whole. */
EG_MUST_CHECK enum eg_status eg_pdml_finish(struct eg_pdml *, struct eg_strbuf *json,
                                            struct eg_error *err);

#endif
