/* SPDX-License-Identifier: Apache-2.0
 * Giving up what only opening a device needed: for good, and only as a whole. */
#ifndef EG_BASE_PRIVILEGES_H
#define EG_BASE_PRIVILEGES_H

#include "base/status.h"

bool eg_privileges_root(void); /* whether this program runs as root */
/* What gives this program, where it stands, the right that opening a packet socket needs: "run as root,
 * or give the program the right, once: setcap cap_net_raw+ep PATH". */
#define EG_RAW_REMEDY 600
const char *eg_privileges_raw_remedy(char text[EG_RAW_REMEDY]);

/* Becomes `user`: its groups, group and user id, no capability, and no way to get any back (also
 * not through programs it runs). Call it from the main thread, before others are made: of what is
 * given up, capabilities and the ban on new ones belong to a thread and those it makes.
 * Errors: EG_E_USAGE for an unknown user, or root; EG_E_ACCESS where this process may not. It then
 * may have given up a part: the caller ends. */
EG_MUST_CHECK enum eg_status eg_privileges_drop(const char *user, struct eg_error *err);

#endif
