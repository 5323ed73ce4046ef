/* SPDX-License-Identifier: Apache-2.0
 * One template: the fields of a record, as an exporter defined them, and how to read them.
 * Sources: RFC 3954 sections 5.2 and 6.1 (NetFlow v9), RFC 7011 sections 3.2 and 3.4 (IPFIX).
 *
 * A template never changes: a new definition is a new template (book.h has the versions). */
#ifndef EG_WIRE_TEMPLATE_H
#define EG_WIRE_TEMPLATE_H

#include "base/cursor.h"
#include "wire/elements.h"

#define EG_FIELD_VARIABLE 65535      /* the length of a field whose records say how long it is */
#define EG_TEMPLATE_RECORD_MAX 65535 /* no set has room for more */

/* How a protocol writes its templates. */
enum eg_dialect { EG_DIALECT_NETFLOW9, EG_DIALECT_IPFIX };

struct eg_field {
    const struct eg_element *element; /* NULL: not known */
    uint32_t pen;
    uint16_t id; /* of the forward direction */
    uint16_t length;
    uint32_t offset; /* in the record; of fields behind a variable one: from the end of the last
                        variable field before them */
    bool reverse;    /* RFC 5103: of the other direction */
    bool opaque;     /* of a length that its type does not have */
};

struct eg_row_plan;

struct eg_template {
    uint16_t id, field_count;
    uint16_t scope_count; /* the first fields are the scope; 0: not of options */
    uint16_t opaque_count;
    bool options, variable;
    uint32_t record_size;     /* of the smallest record; where not `variable`, of every one */
    uint32_t bytes;           /* of memory */
    struct eg_row_plan *plan; /* NULL: of options */
    struct eg_row_plan *reverse_plan; /* of the row in the other direction; NULL: there is none */
    struct eg_field fields[];
};

enum eg_template_found {
    EG_TEMPLATE_DEFINED,
    EG_TEMPLATE_WITHDRAWN,       /* `id`; below 256: all of the kind */
    EG_TEMPLATE_BAD,             /* `id`, or 0 where not even that was whole */
    EG_TEMPLATE_PADDING,         /* there is no more */
    EG_TEMPLATE_SHORT_OF_MEMORY, /* `id` */
};

/* The next template record of a (options) template set. *out is the caller's, of DEFINED only. The
 * cursor moves behind the record; behind everything where that cannot be told. */
enum eg_template_found eg_template_take(struct eg_cursor *, enum eg_dialect, bool options,
                                        uint16_t *id, struct eg_template **out);
void eg_template_free(struct eg_template *); /* NULL is fine */
bool eg_template_same(const struct eg_template *, const struct eg_template *);

/* Where the fields of one record of a `variable` template are: at[k] is the k-th field's value.
 * Answers the size of the record; 0: it ends beyond the set. */
size_t eg_template_locate(const struct eg_template *, struct eg_span rest, struct eg_span *at);
/* The same without the places. */
size_t eg_template_measure(const struct eg_template *, struct eg_span rest);
/* How many whole records stand in a set's contents; *rest_size: bytes behind them. */
uint32_t eg_template_records(const struct eg_template *, struct eg_span set, size_t *rest_size);

#endif
