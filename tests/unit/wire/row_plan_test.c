/* SPDX-License-Identifier: Apache-2.0
 * Plans: which field of a template gives which column, and which goes to extra. */
#include "wire/row_plan.h"

#include "messages_make.h"
#include "wire/element_value.h"

static struct eg_template *made(const struct made_field *f, uint32_t count) {
    struct bytes b = {.size = 0};
    put_be(&b, 256, 2), put_be(&b, count, 2);
    put_fields(&b, f, count);
    struct eg_cursor c = eg_cursor(b.at, b.size);
    struct eg_template *t;
    uint16_t id;
    assert_int_equal(eg_template_take(&c, EG_DIALECT_IPFIX, false, &id, &t), EG_TEMPLATE_DEFINED);
    return t;
}

/* The field that the (first) step of a kind reads, or -1. */
static int field_of(const struct eg_row_plan *p, enum eg_step_what what, int column) {
    for (uint32_t i = 0; i < p->count; i++)
        if (p->steps[i].what == what && (column < 0 || p->steps[i].column == column))
            return p->steps[i].field;
    return -1;
}
static int extras(const struct eg_row_plan *p) {
    int count = 0;
    for (uint32_t i = 0; i < p->count; i++) count += p->steps[i].what == EG_STEP_EXTRA;
    return count;
}

static void the_better_element_wins_wherever_it_stands(void **state) {
    (void)state;
    const struct made_field f[] = {{85, 8, 0}, {23, 4, 0}, {1, 4, 0}, {86, 4, 0}};
    struct eg_template *t = made(f, COUNT(f));
    assert_int_equal(field_of(t->plan, EG_STEP_INT, EG_COL(FLOWS, bytes)), 2);
    assert_int_equal(field_of(t->plan, EG_STEP_PACKETS, -1), 3);
    assert_int_equal(extras(t->plan), 2);
    eg_template_free(t);
    const struct made_field out[] = {{23, 4, 0}, {24, 4, 0}};
    t = made(out, COUNT(out));
    assert_int_equal(field_of(t->plan, EG_STEP_INT, EG_COL(FLOWS, bytes)), 0);
    assert_int_equal(extras(t->plan), 0);
    eg_template_free(t);
}

static void steps_stand_in_the_order_of_doing(void **state) {
    (void)state;
    const struct made_field f[] = {{999, 2, 0}, {32, 2, 0}, {11, 2, 0}, {8, 4, 0}, {4, 1, 0}};
    struct eg_template *t = made(f, COUNT(f));
    for (uint32_t i = 1; i < t->plan->count; i++)
        assert_true(t->plan->steps[i - 1].what <= t->plan->steps[i].what);
    assert_int_equal(t->plan->steps[0].what, EG_STEP_PROTO);
    assert_int_equal(t->plan->row_steps, 4);
    eg_template_free(t);
}

static void finer_times_win(void **state) {
    (void)state;
    const struct made_field f[] = {{150, 4, 0}, {151, 4, 0}, {152, 8, 0}, {155, 8, 0}};
    struct eg_template *t = made(f, COUNT(f));
    assert_int_equal(field_of(t->plan, EG_STEP_START, -1), 2);
    assert_int_equal(field_of(t->plan, EG_STEP_END, -1), 3);
    assert_int_equal(extras(t->plan), 2);
    eg_template_free(t);
    const struct made_field seconds[] = {{22, 4, 0}, {150, 4, 0}};
    t = made(seconds, COUNT(seconds));
    assert_int_equal(field_of(t->plan, EG_STEP_START, -1), 1); /* absolute, all the same */
    eg_template_free(t);
}

static void the_packet_in_a_tunnel_gives_the_columns(void **state) {
    (void)state;
    const struct made_field f[] = {{27, 16, 0}, {28, 16, 0}, {7, 2, 0}, {4, 1, 0},
                                   {5, 1, 0},   {1, 4, 0},   {8, 4, 0}, {12, 4, 0},
                                   {7, 2, 0},   {4, 1, 0},   {5, 1, 0}};
    struct eg_template *t = made(f, COUNT(f));
    assert_int_equal(field_of(t->plan, EG_STEP_ADDRESS, EG_COL(FLOWS, src_ip)), 6);
    assert_int_equal(field_of(t->plan, EG_STEP_ADDRESS, EG_COL(FLOWS, dst_ip)), 7);
    assert_int_equal(field_of(t->plan, EG_STEP_HOP, EG_COL(FLOWS, outer_src_ip)), 0);
    assert_int_equal(field_of(t->plan, EG_STEP_HOP, EG_COL(FLOWS, outer_dst_ip)), 1);
    assert_int_equal(field_of(t->plan, EG_STEP_OUTER_PROTO, -1), 3);
    assert_int_equal(field_of(t->plan, EG_STEP_PORT, -1), 8);
    assert_int_equal(field_of(t->plan, EG_STEP_PROTO, -1), 9);
    assert_int_equal(field_of(t->plan, EG_STEP_INT, EG_COL(FLOWS, tos)), 10);
    assert_int_equal(extras(t->plan), 2); /* the tunnel's port and type of service */
    eg_template_free(t);
    /* two protocols and nothing between them, or one protocol and both families: no tunnel */
    const struct made_field twice[] = {{8, 4, 0}, {4, 1, 0}, {4, 1, 0}, {12, 4, 0}};
    t = made(twice, COUNT(twice));
    assert_int_equal(field_of(t->plan, EG_STEP_PROTO, -1), 1);
    assert_int_equal(field_of(t->plan, EG_STEP_OUTER_PROTO, -1), -1);
    eg_template_free(t);
    const struct made_field both[] = {{27, 16, 0}, {8, 4, 0}, {4, 1, 0}, {12, 4, 0}};
    t = made(both, COUNT(both));
    assert_int_equal(field_of(t->plan, EG_STEP_HOP, -1), -1);
    eg_template_free(t);
}

static void both_families_give_one_column(void **state) {
    (void)state;
    const struct made_field f[] = {{27, 16, 0}, {8, 4, 0}};
    struct eg_template *t = made(f, COUNT(f));
    assert_int_equal(t->plan->count, 2);
    assert_int_equal(t->plan->steps[0].flags, EG_STEP_FIRST);
    assert_int_equal(t->plan->steps[1].flags, EG_STEP_LAST);
    eg_template_free(t);
}

static void the_other_direction_has_a_plan_of_its_own(void **state) {
    (void)state;
    const struct made_field f[] = {{8, 4, 0},   {12, 4, 0},     {7, 2, 0}, {11, 2, 0},
                                   {2, 4, 0},   {2, 4, 29305},  {6, 1, 0}, {6, 1, 29305},
                                   {999, 4, 0}, {998, 4, 29305}};
    struct eg_template *t = made(f, COUNT(f));
    assert_non_null(t->reverse_plan);
    assert_int_equal(field_of(t->plan, EG_STEP_ADDRESS, EG_COL(FLOWS, src_ip)), 0);
    assert_int_equal(field_of(t->reverse_plan, EG_STEP_ADDRESS, EG_COL(FLOWS, src_ip)), 1);
    assert_int_equal(field_of(t->reverse_plan, EG_STEP_PORT, EG_COL(FLOWS, src_port)), 3);
    assert_int_equal(field_of(t->plan, EG_STEP_PACKETS, -1), 4);
    assert_int_equal(field_of(t->reverse_plan, EG_STEP_PACKETS, -1), 5);
    assert_int_equal(field_of(t->reverse_plan, EG_STEP_TEST, -1), 5);
    assert_int_equal(field_of(t->reverse_plan, EG_STEP_TCP_FLAGS, -1), 7);
    assert_int_equal(field_of(t->plan, EG_STEP_EXTRA, -1), 8);
    assert_int_equal(field_of(t->reverse_plan, EG_STEP_EXTRA, -1), 9);
    eg_template_free(t);
}

/* What both directions share, and what one was measured with for itself: that is the one's. */
static void a_direction_believes_its_own(void **state) {
    (void)state;
    const struct made_field f[] = {{8, 4, 0},   {12, 4, 0},      {2, 4, 0}, {2, 4, 29305},
                                   {136, 1, 0}, {136, 1, 29305}, {58, 2, 0}};
    struct eg_template *t = made(f, COUNT(f));
    assert_non_null(t->reverse_plan);
    assert_int_equal(field_of(t->plan, EG_STEP_INT, EG_COL(FLOWS, end_reason)), 4);
    assert_int_equal(field_of(t->reverse_plan, EG_STEP_INT, EG_COL(FLOWS, end_reason)), 5);
    assert_int_equal(field_of(t->reverse_plan, EG_STEP_INT_NONZERO, EG_COL(FLOWS, vlan)), 6);
    eg_template_free(t);
}

static void responders_are_the_other_direction_too(void **state) {
    (void)state;
    const struct made_field f[] = {{8, 4, 0}, {231, 4, 0}, {232, 4, 0}};
    struct eg_template *t = made(f, COUNT(f));
    assert_non_null(t->reverse_plan);
    assert_true(t->plan->responder && t->reverse_plan->responder);
    assert_int_equal(field_of(t->plan, EG_STEP_INT, EG_COL(FLOWS, bytes)), 1);
    assert_int_equal(field_of(t->reverse_plan, EG_STEP_INT, EG_COL(FLOWS, bytes)), 2);
    eg_template_free(t);
}

static void every_element_has_a_place(void **state) {
    (void)state;
    for (size_t i = 0; i < eg_element_count(); i++) {
        const struct eg_element *e = eg_element_at(i);
        if (e->id >= 0x8000) continue;
        uint16_t length = 1;
        while (length < 17 && !eg_element_fits(e->type, length)) length++;
        const struct made_field f = {e->id, length, e->pen};
        struct eg_template *t = made(&f, 1);
        bool nowhere = e->role == EG_ROLE_nothing;
        uint32_t steps = t->plan->count + (t->reverse_plan ? t->reverse_plan->count : 0u);
        if (nowhere != (steps == 0)) fail_msg("%s", e->name);
        eg_template_free(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_better_element_wins_wherever_it_stands),
        cmocka_unit_test(steps_stand_in_the_order_of_doing),
        cmocka_unit_test(finer_times_win),
        cmocka_unit_test(the_packet_in_a_tunnel_gives_the_columns),
        cmocka_unit_test(both_families_give_one_column),
        cmocka_unit_test(the_other_direction_has_a_plan_of_its_own),
        cmocka_unit_test(a_direction_believes_its_own),
        cmocka_unit_test(responders_are_the_other_direction_too),
        cmocka_unit_test(every_element_has_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
