/* SPDX-License-Identifier: Apache-2.0
 * Options data: records become facts. */
#include "wire/options.h"

#include "wire/element_value.h"
#include "wire/sampling.h"

#include <string.h>

/* What one record says; spans are empty, numbers 0, where it says nothing. */
struct said {
    bool has_interface, has_selector, has_vrf, has_application, has_rate, has_typing, has_boot;
    uint64_t interface, selector, vrf, application;
    uint64_t interval, taken, space, size, population;
    bool spaced;
    double probability;
    uint64_t typing_id, typing_pen, typing_type;
    int64_t boot_us;
    struct eg_span interface_name, interface_text, vrf_name, application_name, typing_name;
};

static struct eg_span text_of(struct eg_span value) {
    while (value.size && eg_u8(value, value.size - 1) == 0) value.size--;
    return value;
}

/* The first that says a thing counts. */
static void first(bool *has, uint64_t *to, uint64_t value) {
    if (!*has) *to = value;
    *has = true;
}

static void take_names(struct said *s, enum eg_element_role role, struct eg_span value) {
    switch (role) {
    case EG_ROLE_interface_name: s->interface_name = text_of(value); break;
    case EG_ROLE_interface_text: s->interface_text = text_of(value); break;
    case EG_ROLE_vrf_name: s->vrf_name = text_of(value); break;
    case EG_ROLE_application_name: s->application_name = text_of(value); break;
    case EG_ROLE_typing_name: s->typing_name = text_of(value); break;
    case EG_ROLE_application_id:
        first(&s->has_application, &s->application, eg_book_bytes_key(value));
        break;
    default: break;
    }
}

static void take(struct said *s, const struct eg_field *f, struct eg_span value) {
    if (!f->element || f->opaque || !eg_element_fits(f->element->type, value.size)) return;
    enum eg_element_role role = f->element->role;
    uint64_t number = eg_element_unsigned(value);
    switch (role) {
    case EG_ROLE_in_if:
    case EG_ROLE_out_if: first(&s->has_interface, &s->interface, number); break;
    case EG_ROLE_selector: first(&s->has_selector, &s->selector, number); break;
    case EG_ROLE_vrf_in:
    case EG_ROLE_vrf_out: first(&s->has_vrf, &s->vrf, number); break;
    case EG_ROLE_sampling_interval: first(&s->has_rate, &s->interval, number); break;
    case EG_ROLE_sampling_taken: s->has_rate = true, s->taken = number; break;
    case EG_ROLE_sampling_space: s->has_rate = s->spaced = true, s->space = number; break;
    case EG_ROLE_sampling_size: s->has_rate = true, s->size = number; break;
    case EG_ROLE_sampling_population: s->has_rate = true, s->population = number; break;
    case EG_ROLE_sampling_probability:
        s->has_rate = true, s->probability = eg_sampling_probability(value);
        break;
    case EG_ROLE_typing_id: first(&s->has_typing, &s->typing_id, number & 0x7fff); break;
    case EG_ROLE_typing_pen: s->typing_pen = number; break;
    case EG_ROLE_typing_type: s->typing_type = number; break;
    case EG_ROLE_boot:
        s->has_boot = true;
        s->boot_us = eg_element_time_us(f->element->type, value);
        break;
    default: take_names(s, role, value);
    }
}

static int64_t rate_of(const struct said *s) {
    struct eg_sampling sampling = {.interval = s->interval,
                                   .taken = s->taken,
                                   .space = s->space,
                                   .spaced = s->spaced,
                                   .size = s->size,
                                   .population = s->population,
                                   .probability = s->probability};
    return eg_sampling_rate(&sampling);
}

static void learn_number(struct eg_book *book, const struct eg_book_moment *b,
                         enum eg_fact_kind kind, uint64_t key, int64_t number) {
    eg_book_learn(book, b, kind, key, (struct eg_fact){.number = number});
}

static void learn_text(struct eg_book *book, const struct eg_book_moment *b, enum eg_fact_kind kind,
                       uint64_t key, struct eg_span text) {
    if (text.size) eg_book_learn(book, b, kind, key, (struct eg_fact){0, text});
}

/* The rate that all samplers have, for flows that do not say which one took them. */
static void learn_any(struct eg_book *book, const struct eg_book_moment *b, uint64_t selector,
                      int64_t rate) {
    uint64_t until;
    const struct eg_book_version *v =
        eg_book_find(book, &b->key, EG_FACT_ANY_SAMPLER, 0, b->place, &until);
    struct eg_fact now = v ? eg_book_fact(v) : (struct eg_fact){0};
    bool same =
        now.text.size == sizeof selector && memcmp(now.text.at, &selector, sizeof selector) == 0;
    struct eg_fact then = {rate, eg_span(&selector, sizeof selector)};
    if (v && !same) {
        if (now.number == rate) return;
        then = (struct eg_fact){0};
    }
    eg_book_learn(book, b, EG_FACT_ANY_SAMPLER, 0, then);
}

static void learn_rate(struct eg_book *book, const struct eg_book_moment *b, const struct said *s) {
    int64_t rate = rate_of(s);
    if (s->has_selector) {
        learn_number(book, b, EG_FACT_SAMPLER_RATE, s->selector, rate);
        learn_any(book, b, s->selector, rate);
    }
    if (s->has_interface) learn_number(book, b, EG_FACT_INTERFACE_RATE, s->interface, rate);
    if (!s->has_selector && !s->has_interface) learn_number(book, b, EG_FACT_RATE, 0, rate);
}

static void learn(struct eg_book *book, const struct eg_book_moment *b, const struct said *s) {
    if (s->has_rate) learn_rate(book, b, s);
    if (s->has_interface) {
        learn_text(book, b, EG_FACT_INTERFACE_NAME, s->interface, s->interface_name);
        learn_text(book, b, EG_FACT_INTERFACE_TEXT, s->interface, s->interface_text);
    }
    if (s->has_vrf) learn_text(book, b, EG_FACT_VRF, s->vrf, s->vrf_name);
    if (s->has_application)
        learn_text(book, b, EG_FACT_APPLICATION, s->application, s->application_name);
    if (s->has_boot) learn_number(book, b, EG_FACT_BOOT, 0, s->boot_us);
    if (s->has_typing && s->typing_name.size) {
        uint64_t key = eg_book_typing_key((uint32_t)s->typing_pen, (uint16_t)s->typing_id);
        eg_book_learn(book, b, EG_FACT_TYPING, key,
                      (struct eg_fact){(int64_t)s->typing_type, s->typing_name});
    }
}

/* The next record; false: there is no whole one. */
static bool record_take(const struct eg_template *t, struct eg_cursor *c, struct said *s) {
    *s = (struct said){0};
    for (uint32_t i = 0; i < t->field_count; i++) {
        size_t length = t->fields[i].length;
        if (length == EG_FIELD_VARIABLE) {
            length = eg_take_u8(c);
            if (length == 255) length = eg_take_be16(c);
        }
        take(s, &t->fields[i], eg_take(c, length));
    }
    return !c->cut;
}

void eg_options_learn(const struct eg_template *t, struct eg_span set, struct eg_book *book,
                      const struct eg_book_moment *b) {
    struct eg_cursor c = eg_cursor_of(set);
    struct said s;
    while (eg_cursor_left(&c) >= t->record_size && record_take(t, &c, &s)) learn(book, b, &s);
    eg_book_learned(book, b, t->id);
}
