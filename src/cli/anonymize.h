/* SPDX-License-Identifier: Apache-2.0
 * What the verb `anonymize` asks of the file that rewrites captures. */
#ifndef EG_CLI_ANONYMIZE_H
#define EG_CLI_ANONYMIZE_H

#include "cli/verb.h"
#include "sink/packet_file.h"
#include "wire/anonymize.h"

struct eg_anonymize_account {
    uint64_t frames, bytes; /* read */
    uint64_t shortened;     /* frames that lost payload */
    uint64_t emptied;       /* frames of link types that are not rewritten … */
    struct eg_emptied_link {
        int32_t link_type;
        uint64_t frames;
    } links[8]; /* … by link type; those beyond are in the sum alone */
    size_t link_count;
    uint64_t options_blanked; /* frames in which options that are not known became zeros */
    uint64_t damaged;         /* places of the capture that could not be read */
    bool cut;                 /* the capture ends inside a record */
    /* Where it is cut or damaged, and how; or "". */
    char trouble[sizeof((struct eg_error *)0)->message];
};

/* Copies the capture at `from` as the options say; the file gets its name when it is complete. */
EG_MUST_CHECK enum eg_status eg_anonymize_capture(const struct eg_call *,
                                                  const struct eg_anonymizer *, const char *from,
                                                  const struct eg_packet_file_options *to,
                                                  struct eg_anonymize_account *,
                                                  struct eg_error *err);

#endif
