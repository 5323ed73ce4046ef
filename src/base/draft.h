/* SPDX-License-Identifier: Apache-2.0
 * Files that are written under a hidden name beside their own, which tells whose they are; and what
 * writers that were killed left of such. */
#ifndef EG_BASE_DRAFT_H
#define EG_BASE_DRAFT_H

#include <stddef.h>

/* "a/b.pcap" -> "a/.b.pcap.earlgrey-PID.tmp", of this process alone: two may write the same name at
 * once. Freed with eg_free; NULL: no memory. */
char *eg_draft_name(const char *path);
/* Such a file, open: it is written to as long as it is (flock). What a file system without locks makes
 * of that is no error. */
void eg_draft_mark(int fd);
/* Removes the drafts in the directory of `path`, of whatever name, whose writers are no more: the process
 * is gone from this machine, and nobody has it marked. Answers how many that were. */
size_t eg_drafts_sweep(const char *path);

#endif
