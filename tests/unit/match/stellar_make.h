/* SPDX-License-Identifier: Apache-2.0
 * What the tests of Stellar share: one packet, and expressions evaluated about it. */
#ifndef EG_TEST_STELLAR_MAKE_H
#define EG_TEST_STELLAR_MAKE_H

#include "match/stellar.h"
#include "match/stellar_tree.h"
#include "mmdb_make.h"
#include "table/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* TCP from 10.1.2.3:49152 to 192.168.7.9:443; the packet is 16 bytes. */
static const uint8_t packet_bytes[] = {0xff, 0x00, 'G', 'E', 'T', ' ',  '/',  0x7f,
                                       0x80, 0x01, 'a', 'B', 'c', 0x0d, 0x0a, 0xff};

static inline struct eg_layers packet_layers(void) {
    struct eg_layers layers = {.has = EG_HAS_SRC | EG_HAS_DST | EG_HAS_PORTS | EG_HAS_PROTO,
                               .src_port = 49152,
                               .dst_port = 443,
                               .proto = 6};
    layers.src = eg_addr_v4(0x0a010203);
    layers.dst = eg_addr_v4(0xc0a80709);
    return layers;
}

/* The value as the language writes it, "!" and why where there is none, or "?", the position and
 * what is wrong where it is refused; in `text`, for the packet or (bare) for one without addresses. */
static inline const char *stellar_asking(const struct eg_stellar_databases *databases,
                                         const char *expression, bool bare, char text[600]) {
    struct eg_arena arena = {0};
    struct eg_stellar *stellar = NULL;
    struct eg_error err = {.position = -1};
    struct eg_layers layers = packet_layers();
    char why[EG_STELLAR_WHY] = "";
    struct eg_strbuf value = {0};
    if (bare) layers = (struct eg_layers){0};
    struct eg_stellar_facts facts = {.layers = &layers,
                                     .packet = eg_span(packet_bytes, sizeof packet_bytes)};
    if (eg_stellar_parse_any(&stellar, expression, databases, &arena, &err) < 0) {
        snprintf(text, 600, "?%d %s", (int)err.position, err.message);
        assert_int_equal(err.status, EG_E_USAGE);
    } else if (eg_stellar_value(stellar, &facts, &value, why)) {
        snprintf(text, 600, "%s", value.text ? value.text : "");
    } else {
        snprintf(text, 600, "!%s", why);
    }
    eg_strbuf_reset(&value);
    eg_arena_reset(&arena);
    return text;
}

/* With the databases of mmdb_make.h. */
static inline const char *stellar_about(const char *expression, bool bare, char text[600]) {
    struct file_made files[] = {places_made(24), as_numbers_made()};
    struct eg_mmdb made[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(eg_mmdb_of(&made[i], eg_span(files[i].bytes, files[i].size), "F", NULL),
                         EG_OK);
    struct eg_stellar_databases databases = {&made[0], &made[1]};
    stellar_asking(&databases, expression, bare, text);
    for (int i = 0; i < 2; i++) free(files[i].bytes);
    return text;
}

static inline void value_is(const char *expression, const char *expected) {
    char text[600];
    const char *got = stellar_about(expression, false, text);
    /* of a refusal or failure the expected text is a part; what is wrong whatever the packet is refused */
    bool same = expected[0] == '!'   ? (got[0] == '!' || got[0] == '?') && strstr(got, expected + 1)
                : expected[0] == '?' ? got[0] == '?' && strstr(got, expected + 1) != NULL
                                     : strcmp(got, expected) == 0;
    if (!same) fail_msg("%s: is %s, not %s", expression, got, expected);
}

#endif
