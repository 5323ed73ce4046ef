/* SPDX-License-Identifier: Apache-2.0
 * A batch of every.h as the text that an encoder makes of all its columns. */
#ifndef EG_TEST_ENCODED_H
#define EG_TEST_ENCODED_H

#include "every.h"
#include "table/encode.h"

static inline struct eg_strbuf encoded(const struct eg_batch *batch, struct eg_encode_style style) {
    struct eg_encoder *e;
    struct eg_strbuf to = {0};
    uint32_t columns[EVERY_COLUMNS];
    for (uint32_t i = 0; i < EVERY_COLUMNS; i++) columns[i] = i;
    assert_int_equal(eg_encoder_new(&e, &every, columns, EVERY_COLUMNS, &style, NULL), EG_OK);
    eg_encoder_begin(e, &to);
    if (batch) eg_encoder_rows(e, batch, &to);
    eg_encoder_end(e, &to);
    eg_encoder_free(e);
    assert_false(to.failed);
    return to;
}

#endif
