/* SPDX-License-Identifier: Apache-2.0
 * Status, error texts and the two macros around them.
 *
 * Three kinds of trouble, never mixed: a programmer's error is EG_ASSERT (on in release); an
 * operating error is a status with a text; bad input is neither: it is counted by cause
 * (table/tally.h), the record is skipped, and decoding goes on. */
#ifndef EG_BASE_STATUS_H
#define EG_BASE_STATUS_H

#include <earlgrey.h>

#define EG_PRINTF(text, first) __attribute__((format(printf, text, first)))

/* Returns from the calling function when `expr` is a failure; goes on otherwise. */
#define EG_TRY(expr)                                                                               \
    do {                                                                                           \
        enum eg_status eg_try_status_ = (expr);                                                    \
        if (eg_try_status_ < 0) return eg_try_status_;                                             \
    } while (0)

#define EG_ASSERT(cond)                                                                            \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0)) eg_assert_failed(#cond, __FILE__, __LINE__);             \
    } while (0)

_Noreturn void eg_assert_failed(const char *cond, const char *file, int line);

/* Fills *err (which may be NULL) and returns `status`, so that `return eg_fail(err, …)` reads well. */
enum eg_status eg_fail(struct eg_error *err, enum eg_status status, const char *format, ...)
    EG_PRINTF(3, 4);

/* As eg_fail for a failed system call: chooses the status from `errnum` (ENOENT, EACCES, ENOSPC and
 * EDQUOT, …) and ends the text with its meaning: "WHAT: No such file or directory". */
enum eg_status eg_fail_errno(struct eg_error *err, int errnum, const char *format, ...)
    EG_PRINTF(3, 4);

/* Puts "PREFIX: " before the text of an error that is being passed up. */
void eg_error_prefix(struct eg_error *err, const char *format, ...) EG_PRINTF(2, 3);

#endif
