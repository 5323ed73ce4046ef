/* SPDX-License-Identifier: Apache-2.0
 * The table of information elements, and how one is found in it.
 * Sources: elements.def; RFC 5103 section 6 for reverse elements; ntop's nProbe manual for the
 * numbers that its elements have in NetFlow v9. */
#include "wire/elements.h"

/* Sorted by pen and id, so that IANA's come first: elements_test.c holds that. */
static const struct eg_element elements[] = {
#define EG_ELEMENT(pen, id, name, type, role) {pen, id, EG_ELEMENT_##type, EG_ROLE_##role, #name},
#include "wire/elements.def"
#undef EG_ELEMENT
};
enum { COUNT = sizeof elements / sizeof *elements };
_Static_assert(COUNT < UINT16_MAX, "an index fits 16 bits");

/* Where IANA's stand, by number: 1 + the index; 0 where there is none. */
enum iana_index {
#define EG_ELEMENT(pen, id, name, type, role) IANA_INDEX_##id,
#include "wire/elements_iana.def"
#undef EG_ELEMENT
};
static const uint16_t iana_places[] = {
#define EG_ELEMENT(pen, id, name, type, role) [id] = IANA_INDEX_##id + 1,
#include "wire/elements_iana.def"
#undef EG_ELEMENT
};

static const struct {
    const char *column, *meaning;
} roles[EG_ROLE_COUNT] = {
#define EG_ROLE(name, column, meaning) {column, meaning},
#include "wire/element_roles.def"
#undef EG_ROLE
};

/* In the order of enum eg_element_type. */
static const char *const type_names[EG_ELEMENT_TYPE_COUNT] = {
    "octetArray",
    "unsigned8",
    "unsigned16",
    "unsigned32",
    "unsigned64",
    "signed8",
    "signed16",
    "signed32",
    "signed64",
    "float32",
    "float64",
    "boolean",
    "macAddress",
    "string",
    "dateTimeSeconds",
    "dateTimeMilliseconds",
    "dateTimeMicroseconds",
    "dateTimeNanoseconds",
    "ipv4Address",
    "ipv6Address",
    "basicList",
    "subTemplateList",
    "subTemplateMultiList",
    "unsigned256",
};

/* nProbe sends its element n in NetFlow v9 as 57472 + n. */
enum { PEN_NTOP = 35632, NTOP_V9_BASE = 57472, NTOP_V9_LAST = 57472 + 999 };
enum { PEN_CERT = 6871, CERT_REVERSE = 0x4000 };

static const struct eg_element *search(uint32_t pen, uint16_t id) {
    size_t low = 0, high = COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct eg_element *e = &elements[middle];
        if (e->pen == pen && e->id == id) return e;
        if (e->pen < pen || (e->pen == pen && e->id < id))
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct eg_element *eg_element_find(uint32_t pen, uint16_t id) {
    if (pen == 0 && id < sizeof iana_places / sizeof *iana_places)
        return iana_places[id] ? &elements[iana_places[id] - 1] : NULL;
    const struct eg_element *e = search(pen, id);
    if (!e && pen == 0 && id >= NTOP_V9_BASE && id <= NTOP_V9_LAST)
        return search(PEN_NTOP, (uint16_t)(id - NTOP_V9_BASE));
    return e;
}

bool eg_element_reverse(uint32_t *pen, uint16_t *id) {
    if (*pen == EG_PEN_REVERSE) {
        *pen = 0;
        return true;
    }
    if (*pen != PEN_CERT || !(*id & CERT_REVERSE)) return false;
    *id &= (uint16_t)~CERT_REVERSE;
    return true;
}

size_t eg_element_count(void) { return COUNT; }

const struct eg_element *eg_element_at(size_t index) {
    return index < COUNT ? &elements[index] : NULL;
}

const char *eg_element_type_name(enum eg_element_type type) {
    return type < EG_ELEMENT_TYPE_COUNT ? type_names[type] : "";
}

const char *eg_element_role_column(enum eg_element_role role) {
    return role < EG_ROLE_COUNT ? roles[role].column : "";
}

const char *eg_element_role_meaning(enum eg_element_role role) {
    return role < EG_ROLE_COUNT ? roles[role].meaning : "";
}
