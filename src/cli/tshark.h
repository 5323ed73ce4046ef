/* SPDX-License-Identifier: Apache-2.0
 * tshark as a child with bounds: a capture goes in, what it prints comes out. No shell; it ends with us,
 * and is killed by its number where it takes too long, prints too much, or we are interrupted. */
#ifndef EG_CLI_TSHARK_H
#define EG_CLI_TSHARK_H

#include "table/stage.h"

#include <pthread.h>
#include <sys/types.h>

#define EG_TSHARK_MEMORY (UINT64_C(4) << 30) /* of address space */
#define EG_TSHARK_SECONDS 600
#define EG_TSHARK_OUTPUT (UINT64_C(4) << 30) /* bytes */

struct eg_tshark {
    const struct eg_env *env;
    pid_t pid;
    int in, out, told; /* its standard input, output, and what it complained of */
    pthread_t reader;
    bool reading;
    enum eg_status (*take)(void *to, const char *bytes, size_t size, struct eg_error *);
    void *to;
    bool enough;   /* `take` wants no more */
    int64_t until; /* of the monotonic clock, s */
    uint64_t printed;
    enum eg_status status; /* of the reader */
    struct eg_error error;
};

/* Starts it with these words (the first is not its name), NULL at the end. `take` gets what it prints,
 * from a thread of its own; EG_END: that is enough. Errors: EG_E_NOENT with the remedy where there is no tshark. */
EG_MUST_CHECK enum eg_status
eg_tshark_start(struct eg_tshark *, const struct eg_env *, const char *const *words,
                enum eg_status (*take)(void *, const char *, size_t, struct eg_error *), void *to,
                struct eg_error *err);
/* Closes its input and waits for its end. `given`: how giving it the capture went; where that failed, it
 * is killed, and that is the answer (unless it had ended before, and says why). */
EG_MUST_CHECK enum eg_status eg_tshark_finish(struct eg_tshark *, enum eg_status given,
                                              struct eg_error *err);

#endif
