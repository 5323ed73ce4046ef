/* SPDX-License-Identifier: Apache-2.0
 * What the words of the language stand for: fields under all their names, the words of tcpdump and
 * nfdump, protocol and service names. */
#ifndef EG_FILTER_WORDS_H
#define EG_FILTER_WORDS_H

#include "filter/lex.h"
#include "filter/tree.h"

/* What a condition is about: one field, or two of which either (or both) must fulfil it. */
struct eg_target {
    struct eg_field fields[2];
    unsigned count;
    bool both;        /* "src and dst" */
    int proto;        /* and the protocol is this one; -1: any */
    const char *word; /* what the user called it, where that is no field's name; else NULL */
    bool by_net;      /* "net 10.1": parts of an address may be left out */
};

enum eg_word {
    EG_WORD_NONE,
    EG_WORD_ANY,
    EG_WORD_SRC,
    EG_WORD_DST,
    EG_WORD_HOST, /* host, ip, addr… followed by a value */
    EG_WORD_IP,   /* ip: a host, or IPv4 */
    EG_WORD_IP4,
    EG_WORD_IP6,
    EG_WORD_NET,
    EG_WORD_PORT,
    EG_WORD_PORTRANGE,
    EG_WORD_AS,
    EG_WORD_MAC,
    EG_WORD_ETHER,
    EG_WORD_IF,
    EG_WORD_MASK,
    EG_WORD_IN,
    EG_WORD_OUT,
    EG_WORD_NEXT,
    EG_WORD_ROUTER,
    EG_WORD_FLAGS,
    EG_WORD_VLAN,
    EG_WORD_EXISTS,
    EG_WORD_BPF, /* BPF has it; a filter on rows cannot */
};

enum eg_word eg_word_of(const struct eg_token *);

/* "tcp" -> 6; -1: none. `bare` leaves out names that mean an IP version when they stand alone. */
int eg_proto_number(const char *name, size_t size, bool bare);
/* "https" -> 443; -1: none. */
int eg_service_port(const char *name, size_t size);

/* A field of the table by its own name. */
bool eg_field_named(struct eg_field *out, enum eg_table_id, const char *name);
/* By any of its names, in any case. */
bool eg_target_find(struct eg_target *out, enum eg_table_id, const char *name, size_t size);
/* The pair of fields `src_X` and `dst_X`; direction 0 either, 1 src, 2 dst, 3 both. False: the
 * table has no such columns. */
bool eg_target_pair(struct eg_target *out, enum eg_table_id, enum eg_word what, unsigned direction);
/* What the user may have meant instead of `name`: a field's own name or a word; NULL: no idea. */
const char *eg_word_nearest(enum eg_table_id, const char *name, size_t size);

#endif
