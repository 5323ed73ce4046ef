/* SPDX-License-Identifier: Apache-2.0
 * What the name of a capture that is to be written says of it. */
#ifndef EG_CLI_CAPTURE_NAME_H
#define EG_CLI_CAPTURE_NAME_H

#include "wire/capture_write.h"

/* By the option's word ("pcap", "pcapng"), else (NULL) as the path ends; else pcap. */
enum eg_capture_format eg_capture_format_of(const char *path, const char *word);
/* EG_E_USAGE for a path that ends as if it were compressed (.gz, .zst, …), which captures are not. */
EG_MUST_CHECK enum eg_status eg_capture_name_check(const char *path, struct eg_error *err);

#endif
