/* SPDX-License-Identifier: Apache-2.0
 * Frames of any link type, any bytes, anonymized in an exact-size copy: nothing grows, mapping is the
 * same every time, and where payload is cut no address of the headers is left as it was.
 *
 * Byte 0 chooses the link type, bit 0 of byte 1 whether payload is kept. */
#include "wire/anonymize.h"
#include "wire/capture.h"
#include "wire/dissect.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const uint32_t links[] = {
    EG_LINK_ETHERNET,
    EG_LINK_RAW,
    EG_LINK_SLL,
    EG_LINK_SLL2,
    EG_LINK_NULL,
    EG_LINK_PPP,
    EG_LINK_MPLS,
    105,
    127,
    107,
    8,
    195,
    EG_LINK_MFR,
    EG_LINK_DSA,
    EG_LINK_EDSA,
    EG_LINK_BRCM,
    EG_LINK_BRCM_PREPENDED,
    EG_LINK_NFLOG,
    EG_LINK_PPI,
    EG_LINK_PKTAP,
    EG_LINK_IPOIB,
    EG_LINK_ARCNET_LINUX,
    EG_LINK_JUNIPER_ETHER,
    EG_LINK_PRISM,
    EG_LINK_PFLOG,
};

static uint8_t *anonymized(const struct eg_anonymizer *by, uint32_t link_type, struct eg_span frame,
                           uint32_t *left) {
    struct eg_tally tally = {0};
    uint8_t *copy = malloc(frame.size ? frame.size : 1);
    if (!copy) abort();
    if (frame.size) memcpy(copy, frame.at, frame.size);
    *left = eg_anonymize(by, link_type, copy, (uint32_t)frame.size, (uint32_t)frame.size, &tally);
    if (*left > frame.size) abort();
    eg_tally_reset(&tally);
    return copy;
}

/* Behind MPLS the first four bits tell what follows: where that is an Ethernet frame they are those of
 * an address, and the mapped one may read as another kind. */
static bool told_by_address(const struct eg_trail *trail) {
    for (uint32_t i = 0; i + 1 < trail->count; i++)
        if (trail->at[i].header == EG_HEADER_MPLS && trail->at[i + 1].header == EG_HEADER_ETHERNET)
            return true;
    return false;
}

static void source_check(const struct eg_anonymizer *by, uint32_t link_type, struct eg_span was,
                         struct eg_span is) {
    struct eg_layers before, after;
    struct eg_trail trail;
    eg_dissect_as(EG_VIEW_INNERMOST, link_type, was, (uint32_t)was.size, &trail, &before);
    if (told_by_address(&trail)) return;
    eg_dissect(link_type, is, (uint32_t)was.size, &after);
    if (!(before.has & after.has & EG_HAS_SRC) || before.tunnel != after.tunnel) return;
    struct eg_addr want = eg_address_map_ip(by->map, before.src);
    if (memcmp(&want, &after.src, sizeof want) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const uint8_t key[EG_ADDRESS_KEY_BYTES] = {2, 7, 1, 8, 2, 8};
    if (size < 2 || size > 4096) return 0;
    uint32_t link_type = links[bytes[0] % (sizeof links / sizeof *links)];
    static struct eg_anonymizer by; /* kept from run to run: its map is large */
    if (!by.map) by.map = eg_address_map_new(key, true);
    if (!by.before) by.before = malloc(EG_FRAME_BYTES_MAX);
    by.keep_payload = bytes[1] & 1;
    if (!by.map || !by.before) abort();
    struct eg_span frame = eg_span(bytes + 2, size - 2);
    uint32_t one_left, two_left;
    uint8_t *one = anonymized(&by, link_type, frame, &one_left);
    uint8_t *two = anonymized(&by, link_type, frame, &two_left);
    if (one_left != two_left || memcmp(one, two, one_left) != 0) abort();
    source_check(&by, link_type, frame, eg_span(one, one_left));
    free(one);
    free(two);
    return 0;
}
