/* SPDX-License-Identifier: Apache-2.0
 * A question about one frame, compiled once and then answered frame by frame: a pattern of bytes
 * (docs/byte-patterns.md), a BPF expression (pcap-filter(7)), or a Stellar expression
 * (docs/stellar.md). */
#ifndef EG_MATCH_FRAME_TEST_H
#define EG_MATCH_FRAME_TEST_H

#include "base/strbuf.h"
#include "wire/capture.h"
#include "wire/dissect.h"

struct eg_frame_test;
struct eg_stellar_databases; /* match/stellar.h */

/* Which bytes of a frame a pattern, or Stellar's variable `packet`, is about. */
enum eg_match_on {
    EG_MATCH_FRAME,   /* what was captured of it */
    EG_MATCH_PAYLOAD, /* what is behind its transport header */
    EG_MATCH_STORED,  /* the frame behind the 40 bytes of a pcap file of one packet, as Metron
                         stores them: for patterns that were written against those */
};
/* "frame", "payload", "stored"; false: another word. */
bool eg_match_on_parse(enum eg_match_on *out, const char *word);

/* Each compiles `text`. An empty Stellar or BPF expression holds for every frame. Errors:
 * EG_E_USAGE, err->position a byte offset into `text` (-1 for BPF, whose message is libpcap's);
 * EG_E_NOMEM. Ownership: eg_frame_test_free. */
EG_MUST_CHECK enum eg_status eg_frame_test_bytes(struct eg_frame_test **out, const char *text,
                                                 enum eg_match_on, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_frame_test_bpf(struct eg_frame_test **out, const char *text,
                                               struct eg_error *err);
/* `databases`: as eg_stellar_parse has it. */
EG_MUST_CHECK enum eg_status eg_frame_test_stellar(struct eg_frame_test **out, const char *text,
                                                   enum eg_match_on,
                                                   const struct eg_stellar_databases *databases,
                                                   struct eg_error *err);
void eg_frame_test_free(struct eg_frame_test *);

/* Which packet of a tunnelled frame counts where a frame is taken apart here; EG_VIEW_INNERMOST,
 * unless this was called before anything was asked. */
void eg_frame_test_view(struct eg_frame_test *, enum eg_view);

/* Whether the answer depends on `layers`. */
bool eg_frame_test_reads_layers(const struct eg_frame_test *);

/* Whether it holds for the frame. `layers` is what the dissector found in it; NULL: it is taken
 * apart here if need be. Threads: any number at once. Errors: none. What cannot be answered for a
 * frame (a BPF expression that has no meaning for its link type; Stellar's "text" + null < 3; no
 * memory) does not hold, and is counted. */
bool eg_frame_test_holds(struct eg_frame_test *, const struct eg_frame *,
                         const struct eg_layers *layers);

/* Whether there was an answer for any frame so far. */
bool eg_frame_test_answered(const struct eg_frame_test *);
/* Frames so far for which there was no answer, and in *why, in one line, the reason for the first
 * of them; 0: none. */
uint64_t eg_frame_test_unanswered(struct eg_frame_test *, struct eg_strbuf *why);

#endif
