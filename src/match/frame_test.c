/* SPDX-License-Identifier: Apache-2.0
 * The room's face: which of the three kinds a question is, the bytes it is about, and the count of
 * frames without an answer. */
#include "match/frame_test.h"

#include "base/alloc.h"
#include "base/option.h"
#include "filter/tree.h"
#include "match/bpf.h"
#include "match/byte_pattern.h"
#include "match/stellar.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* A pcap file of one packet: 24 bytes of file header, 16 of the packet's. */
#define STORED_HEAD 40

struct eg_frame_test {
    enum eg_match_on on;
    enum eg_view view;
    /* one of these */
    struct eg_byte_pattern *pattern;
    struct eg_stellar *stellar;
    struct eg_bpf *bpf;
    struct eg_arena arena;
    atomic_ullong unanswered;
    atomic_bool answered;
    pthread_mutex_t lock; /* of `why`, which is written once */
    char why[EG_STELLAR_WHY + 100];
};

static const char *const on_names[] = {"frame", "payload", "stored"};

bool eg_match_on_parse(enum eg_match_on *out, const char *word) {
    for (int i = 0; i < 3; i++) {
        if (strcmp(word, on_names[i]) != 0) continue;
        *out = (enum eg_match_on)i;
        return true;
    }
    return false;
}

static struct eg_frame_test *test_new(enum eg_match_on on, struct eg_error *err) {
    struct eg_frame_test *test = eg_calloc(1, sizeof *test);
    if (!test) {
        eg_fail(err, EG_E_NOMEM, "no memory for a question about frames");
        return NULL;
    }
    test->on = on;
    pthread_mutex_init(&test->lock, NULL);
    return test;
}

static enum eg_status finish(struct eg_frame_test **out, struct eg_frame_test *test,
                             enum eg_status status) {
    if (status >= 0)
        *out = test;
    else
        eg_frame_test_free(test);
    return status;
}

enum eg_status eg_frame_test_bytes(struct eg_frame_test **out, const char *text,
                                   enum eg_match_on on, struct eg_error *err) {
    struct eg_frame_test *test = test_new(on, err);
    if (!test) return EG_E_NOMEM;
    return finish(out, test,
                  eg_byte_pattern_parse(&test->pattern, text, strlen(text), &test->arena, err));
}

enum eg_status eg_frame_test_bpf(struct eg_frame_test **out, const char *text,
                                 struct eg_error *err) {
    struct eg_frame_test *test = test_new(EG_MATCH_FRAME, err);
    if (!test) return EG_E_NOMEM;
    return finish(out, test, eg_bpf_parse(&test->bpf, text, err));
}

enum eg_status eg_frame_test_stellar(struct eg_frame_test **out, const char *text,
                                     enum eg_match_on on,
                                     const struct eg_stellar_databases *databases,
                                     struct eg_error *err) {
    struct eg_frame_test *test = test_new(on, err);
    if (!test) return EG_E_NOMEM;
    return finish(out, test, eg_stellar_parse(&test->stellar, text, databases, &test->arena, err));
}

void eg_frame_test_free(struct eg_frame_test *test) {
    if (!test) return;
    eg_bpf_free(test->bpf);
    eg_arena_reset(&test->arena);
    pthread_mutex_destroy(&test->lock);
    eg_free(test);
}

void eg_frame_test_view(struct eg_frame_test *test, enum eg_view view) { test->view = view; }

bool eg_frame_test_reads_layers(const struct eg_frame_test *test) {
    if (test->bpf) return false;
    return test->on == EG_MATCH_PAYLOAD ||
           (test->stellar && eg_stellar_reads_layers(test->stellar));
}

/* What stands before a frame that is stored as a file of its own: magic number, version 2.4, no
 * zone, no accuracy, 65535 bytes at most, link type; seconds, microseconds, and the captured length
 * twice, since that is all Metron keeps. */
static void stored_head(const struct eg_frame *frame, uint8_t head[STORED_HEAD]) {
    int64_t us = frame->time_ns == EG_FRAME_NO_TIME ? 0 : frame->time_ns / 1000;
    uint32_t size = (uint32_t)frame->payload.size;
    uint32_t words[STORED_HEAD / 4] = {0xa1b2c3d4,
                                       4u << 16 | 2,
                                       0,
                                       0,
                                       65535,
                                       (uint32_t)frame->link_type,
                                       (uint32_t)(us / 1000000),
                                       (uint32_t)(us % 1000000),
                                       size,
                                       size};
    memcpy(head, words, STORED_HEAD);
}

static void unanswered(struct eg_frame_test *test, const char *why) {
    if (atomic_fetch_add_explicit(&test->unanswered, 1, memory_order_relaxed) > 0) return;
    pthread_mutex_lock(&test->lock);
    snprintf(test->why, sizeof test->why, "%s", why);
    pthread_mutex_unlock(&test->lock);
}

/* Written once, so that threads do not take it from each other. */
static bool answered(struct eg_frame_test *test, enum eg_truth truth) {
    if (truth != EG_UNANSWERED && !atomic_load_explicit(&test->answered, memory_order_relaxed))
        atomic_store_explicit(&test->answered, true, memory_order_relaxed);
    return truth == EG_TRUE;
}

bool eg_frame_test_answered(const struct eg_frame_test *test) {
    return test->pattern || atomic_load_explicit(&test->answered, memory_order_relaxed);
}

static bool bpf_holds(struct eg_frame_test *test, const struct eg_frame *frame) {
    const char *libpcaps = "";
    char why[EG_STELLAR_WHY + 100];
    enum eg_truth truth = eg_bpf_ask(test->bpf, frame, &libpcaps);
    if (truth == EG_UNANSWERED) {
        snprintf(why, sizeof why, "bpf on link type %d: %s", frame->link_type, libpcaps);
        unanswered(test, why);
    }
    return answered(test, truth);
}

static bool stellar_holds(struct eg_frame_test *test, const struct eg_stellar_facts *facts) {
    char why[EG_STELLAR_WHY];
    enum eg_truth truth = eg_stellar_ask(test->stellar, facts, why);
    if (truth == EG_UNANSWERED) unanswered(test, why);
    return answered(test, truth);
}

bool eg_frame_test_holds(struct eg_frame_test *test, const struct eg_frame *frame,
                         const struct eg_layers *layers) {
    struct eg_stellar_facts facts = {.packet = frame->payload};
    struct eg_layers own;
    uint8_t head[STORED_HEAD];
    if (test->bpf) return bpf_holds(test, frame);
    if (!layers && eg_frame_test_reads_layers(test)) {
        uint32_t length = frame->length > UINT32_MAX ? UINT32_MAX : (uint32_t)frame->length;
        eg_dissect_as(test->view, (uint32_t)frame->link_type, frame->payload, length, NULL, &own);
        layers = &own;
    }
    facts.layers = layers;
    if (test->on == EG_MATCH_PAYLOAD) {
        facts.packet = layers->payload;
    } else if (test->on == EG_MATCH_STORED) {
        stored_head(frame, head);
        facts.front = eg_span(head, sizeof head);
    }
    if (test->stellar) return stellar_holds(test, &facts);
    if (facts.front.size == 0) return eg_byte_pattern_found(test->pattern, facts.packet);
    return eg_byte_pattern_found_behind(test->pattern, facts.front, facts.packet);
}

uint64_t eg_frame_test_unanswered(struct eg_frame_test *test, struct eg_strbuf *why) {
    uint64_t count = atomic_load_explicit(&test->unanswered, memory_order_relaxed);
    if (count == 0 || !why) return count;
    pthread_mutex_lock(&test->lock);
    eg_strbuf_text(why, test->why);
    pthread_mutex_unlock(&test->lock);
    return count;
}
