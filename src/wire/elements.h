/* SPDX-License-Identifier: Apache-2.0
 * The information elements that exporters send: number, name, type, and what becomes of them.
 * Sources: the IANA registry "IPFIX Information Elements" as elements.def dates it; RFC 7012 for the
 * types, RFC 5610 for their numbers; makers' documents for their own elements.
 *
 * All of it is one constant table (elements.def, roles in element_roles.def). */
#ifndef EG_WIRE_ELEMENTS_H
#define EG_WIRE_ELEMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The abstract types, numbered as in the registry "IPFIX Information Element Data Types", so that
 * what RFC 5610 options say (typing_type) can be taken as it is. */
enum eg_element_type {
    EG_ELEMENT_octetArray = 0,
    EG_ELEMENT_unsigned8 = 1,
    EG_ELEMENT_unsigned16 = 2,
    EG_ELEMENT_unsigned32 = 3,
    EG_ELEMENT_unsigned64 = 4,
    EG_ELEMENT_signed8 = 5,
    EG_ELEMENT_signed16 = 6,
    EG_ELEMENT_signed32 = 7,
    EG_ELEMENT_signed64 = 8,
    EG_ELEMENT_float32 = 9,
    EG_ELEMENT_float64 = 10,
    EG_ELEMENT_boolean = 11,
    EG_ELEMENT_macAddress = 12,
    EG_ELEMENT_string = 13,
    EG_ELEMENT_dateTimeSeconds = 14,
    EG_ELEMENT_dateTimeMilliseconds = 15,
    EG_ELEMENT_dateTimeMicroseconds = 16,
    EG_ELEMENT_dateTimeNanoseconds = 17,
    EG_ELEMENT_ipv4Address = 18,
    EG_ELEMENT_ipv6Address = 19,
    EG_ELEMENT_basicList = 20,
    EG_ELEMENT_subTemplateList = 21,
    EG_ELEMENT_subTemplateMultiList = 22,
    EG_ELEMENT_unsigned256 = 23,
    EG_ELEMENT_TYPE_COUNT,
};

/* What it becomes; each is described in element_roles.def. */
enum eg_element_role {
#define EG_ROLE(name, column, meaning) EG_ROLE_##name,
#include "wire/element_roles.def"
#undef EG_ROLE
    EG_ROLE_COUNT,
};

struct eg_element {
    uint32_t pen; /* private enterprise number; 0: IANA, and what NetFlow v9 numbers without one */
    uint16_t id;
    uint8_t type; /* enum eg_element_type */
    uint8_t role; /* enum eg_element_role */
    const char *name;
};

enum { EG_PEN_REVERSE = 29305 }; /* RFC 5103: IANA's elements, of the other direction */

/* NULL: not known. IPFIX has IANA numbers up to 32767 (the 16th bit says that a PEN follows);
 * NetFlow v9 has no PEN, and makers number theirs from 32768 on: they are found with pen 0.
 * Any other pen and id are fine. Constant time for IANA, a binary search for the others. */
const struct eg_element *eg_element_find(uint32_t pen, uint16_t id);

/* The same element of the forward direction in *pen and *id, and true, where these name a reverse
 * one: RFC 5103's PEN 29305, or CERT's own (PEN 6871 with 0x4000 in the id). Else false, nothing
 * changed. Ask before eg_element_find, which knows no reverse ones. */
bool eg_element_reverse(uint32_t *pen, uint16_t *id);

/* All of them, by pen and id. */
size_t eg_element_count(void);
const struct eg_element *eg_element_at(size_t index); /* NULL from the count on */

const char *eg_element_type_name(enum eg_element_type);
/* The column or columns of flows, "extra", or "" (see element_roles.def). */
const char *eg_element_role_column(enum eg_element_role);
const char *eg_element_role_meaning(enum eg_element_role);

#endif
