/* SPDX-License-Identifier: Apache-2.0
 * The list of what is worth telling about each input, in the order of the inputs. Internal to the
 * scan and the pump. */
#ifndef EG_TABLE_TROUBLES_H
#define EG_TABLE_TROUBLES_H

#include "table/scan.h"

struct egi_troubles {
    struct eg_trouble *items;
    size_t *places; /* of their inputs: the list is in this order */
    size_t count, room;
};

/* Notes a remark (EG_OK) or a trouble of the input at `place`; texts are copied. Of an input's
 * troubles the first stays. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status egi_troubles_note(struct egi_troubles *, size_t place,
                                               const struct eg_trouble *, struct eg_error *);
void egi_troubles_reset(struct egi_troubles *);

/* A list by itself, as an account holds it. On failure, too, *count tells what there is to free. */
EG_MUST_CHECK enum eg_status egi_troubles_copy(struct eg_trouble **out, size_t *count,
                                               const struct eg_trouble *from, size_t from_count,
                                               struct eg_error *);
void egi_troubles_free(struct eg_trouble *, size_t count);

#endif
