/* SPDX-License-Identifier: Apache-2.0
 * Times as a Java date pattern writes them (java.text.SimpleDateFormat): for options that others' scripts
 * give. */
#ifndef EG_CLI_DATE_PATTERN_H
#define EG_CLI_DATE_PATTERN_H

#include "base/status.h"

/* Reads all of `text` by `pattern`: y M d H k h K m s S a E z Z X, quoted text, other characters as they
 * are. Without a zone it is local time. Errors: EG_E_USAGE, naming what does not fit. */
EG_MUST_CHECK enum eg_status eg_date_pattern_read(int64_t *out_us, const char *pattern,
                                                  const char *text, struct eg_error *err);

#endif
