/* SPDX-License-Identifier: Apache-2.0
 * How the records of a template become rows: a list of steps, one a field that is used, in the order
 * in which they are done. Made once, when a template is defined.
 *
 * element_roles.def says what each element becomes and which of several wins; here that is settled
 * for one template. Fields that lose, or that nothing is known of, become steps of `extra`. */
#ifndef EG_WIRE_ROW_PLAN_H
#define EG_WIRE_ROW_PLAN_H

#include "wire/template.h"

/* In the order of doing: what others ask for comes first. */
enum eg_step_what {
    EG_STEP_TEST, /* counters of the other direction: a record without any gives no reverse row */
    EG_STEP_PROTO,
    EG_STEP_IP_VERSION,
    EG_STEP_ADDRESS, /* of both families: the one that ip_version says, or is not zero */
    EG_STEP_HOP,     /* an address of which zero is none: the first that is not */
    EG_STEP_MASK,    /* of both families: as the row's address */
    EG_STEP_PORT,
    EG_STEP_ICMP,      /* type, or code */
    EG_STEP_ICMP_BOTH, /* type * 256 + code */
    EG_STEP_TCP_FLAGS,
    EG_STEP_TCP_FLAGS_PART,
    EG_STEP_INT,
    EG_STEP_INT_NONZERO, /* zero is null */
    EG_STEP_TTL,         /* min and max */
    EG_STEP_PACKETS,
    EG_STEP_START, /* absolute */
    EG_STEP_END,
    EG_STEP_BOOT,
    EG_STEP_START_UPTIME,
    EG_STEP_END_UPTIME,
    EG_STEP_START_DELTA,
    EG_STEP_END_DELTA,
    EG_STEP_OBSERVED,
    EG_STEP_DURATION_MS,
    EG_STEP_DURATION_US,
    EG_STEP_REVERSE_DELAY,
    EG_STEP_RECEIVED,
    EG_STEP_SAMPLING_INTERVAL,
    EG_STEP_SAMPLING_TAKEN,
    EG_STEP_SAMPLING_SPACE,
    EG_STEP_SAMPLING_SIZE,
    EG_STEP_SAMPLING_POPULATION,
    EG_STEP_SAMPLING_PROBABILITY,
    EG_STEP_SELECTOR,
    EG_STEP_VRF_NAME,
    EG_STEP_VRF,
    EG_STEP_APPLICATION_NAME,
    EG_STEP_APPLICATION,
    EG_STEP_SEGMENT,
    EG_STEP_OUTER_PROTO, /* what the outer of two packets carries: the kind of tunnel */
    EG_STEP_BIFLOW_DIRECTION,
    EG_STEP_EXPORTER,
    /* from here on row by row */
    EG_STEP_LABEL,
    EG_STEP_FRAME_TYPE,
    EG_STEP_FRAME_SIZE,
    EG_STEP_FRAME,
    EG_STEP_PACKET,
    EG_STEP_EXTRA,
};

enum eg_step_flag {
    EG_STEP_FIRST = 1, /* of the steps that give one column */
    EG_STEP_LAST = 2,
};

struct eg_step {
    uint8_t what;    /* enum eg_step_what */
    uint8_t column;  /* of flows */
    uint8_t type;    /* enum eg_element_type */
    uint8_t flags;   /* enum eg_step_flag; of EXTRA: how many of its name stand before it */
    uint16_t field;  /* of the template */
    uint16_t length; /* EG_FIELD_VARIABLE: the record says */
    uint32_t offset;
};

struct eg_row_plan {
    uint64_t has;          /* bit `what`: such a step is there */
    uint64_t columns;      /* of flows, that steps give */
    uint16_t count;        /* of steps */
    uint16_t row_steps;    /* the first that is done row by row; `count`: none */
    int16_t in_if, out_if; /* the step that gives it; -1: none */
    bool responder;        /* Cisco's initiator and responder: the source began it */
    bool reversed;         /* of the row in the other direction */
    struct eg_step steps[];
};
static inline bool eg_row_plan_has(const struct eg_row_plan *p, enum eg_step_what what) {
    return p->has >> what & 1;
}

/* Makes both plans of a template of flows; false: no memory. */
bool eg_row_plans_make(struct eg_template *);
uint32_t eg_row_plan_bytes(const struct eg_row_plan *); /* NULL: 0 */

#endif
