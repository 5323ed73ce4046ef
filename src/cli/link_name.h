/* SPDX-License-Identifier: Apache-2.0
 * What a link type of a capture is called. */
#ifndef EG_CLI_LINK_NAME_H
#define EG_CLI_LINK_NAME_H

#include <stdint.h>

/* libpcap's names, which are those of its DLT numbers: where these are others than in captures, or say
 * little, a name of ours. NULL: neither knows it. Static. */
const char *eg_link_name(int32_t type);

#endif
