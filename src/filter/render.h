/* SPDX-License-Identifier: Apache-2.0
 * The tree as SQL and as the normal form. */
#ifndef EG_FILTER_RENDER_H
#define EG_FILTER_RENDER_H

#include "filter/filter.h"
#include "filter/tree.h"

void eg_tree_sql(const struct eg_node *, enum eg_sql_dialect, struct eg_strbuf *to);
void eg_tree_text(const struct eg_node *, struct eg_strbuf *to);

#endif
