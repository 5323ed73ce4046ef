/* SPDX-License-Identifier: Apache-2.0
 * Where the copy of a capture is put in the packet store. */
#ifndef EG_STORE_COPY_PLACE_H
#define EG_STORE_COPY_PLACE_H

#include "base/strbuf.h"
#include "source/file.h"

/* "captures/2026-01-02/STEM-1a2b3c4d.pcap[.zst]": the day of its first packet, what its name was in
 * characters that need no quoting, a mark that tells it from others of that name. */
void eg_copy_place(struct eg_strbuf *to, const struct eg_file_facts *, uint64_t mark, bool packed);

#endif
