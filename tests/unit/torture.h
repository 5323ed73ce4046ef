/* SPDX-License-Identifier: Apache-2.0
 * Makes the n-th request for memory fail: torture_fail_after(n) lets n requests through and fails
 * the next one (and only it); torture_off() ends it and answers whether one was failed. */
#ifndef EG_TORTURE_H
#define EG_TORTURE_H

#include <stdbool.h>

void torture_fail_after(long requests);
bool torture_off(void);

#endif
