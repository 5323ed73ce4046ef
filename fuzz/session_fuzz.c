/* SPDX-License-Identifier: Apache-2.0
 * A TCP session fed with the input in pieces: what comes out are the messages that stand in it, whole
 * and in order, up to the first bytes that are none. */
#include "source/session.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const struct eg_session_limits limits = {.message_max = 2000, .idle_us = 1000000};

/* How many bytes of whole messages the input begins with. */
static size_t messages_bytes(struct eg_span input) {
    size_t at = 0;
    for (;;) {
        struct eg_span rest = eg_span_from(input, at);
        unsigned length = eg_be16(rest, 2);
        if (rest.size < 4 || eg_be16(rest, 0) != 10 || length < 16 || length > 2000 ||
            rest.size < length)
            return at;
        at += length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size < 2 || size > 20000) return 0;
    size_t piece = (size_t)bytes[0] * 8 + 1;
    struct eg_span input = eg_span(bytes + 1, size - 1);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 0;
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    struct eg_intake *intake;
    struct eg_filler filler;
    struct eg_session session;
    static struct eg_session_traffic traffic;
    struct sockaddr_storage from = {.ss_family = AF_INET};
    char why[EG_SESSION_WHY];
    if (eg_intake_new(&intake, 1 << 20, NULL) != EG_OK) abort();
    eg_filler_init(&filler, intake);
    if (!eg_session_begin(&session, pair[0], NULL, &from, 1, &traffic, &limits)) abort();
    enum eg_session_state state = EG_SESSION_WAITS;
    for (size_t at = 0; at < input.size && state == EG_SESSION_WAITS; at += piece) {
        struct eg_span some = eg_span_sub(input, at, piece);
        if (write(pair[1], some.at, some.size) != (ssize_t)some.size) abort();
        state = eg_session_read(&session, &eg_env_plain, &filler, why);
    }
    if (state != EG_SESSION_WAITS && state != EG_SESSION_BROKEN) abort();
    eg_session_end(&session, state == EG_SESSION_BROKEN);
    eg_filler_finish(&filler, 0);
    struct eg_block block;
    size_t taken = 0;
    while (eg_intake_take(intake, &block, 0)) {
        struct eg_received r;
        size_t at = EG_BLOCK_HEAD;
        while (eg_block_next(eg_span(block.buffer->bytes, block.size), &at, &r)) {
            if (memcmp(r.payload.at, input.at + taken, r.payload.size) != 0) abort();
            taken += r.payload.size;
        }
        eg_buffer_unref(block.buffer);
    }
    if (taken != messages_bytes(input)) abort();
    eg_intake_free(intake);
    close(pair[1]);
    return 0;
}
