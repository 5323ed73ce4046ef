/* SPDX-License-Identifier: Apache-2.0
 * A survey is the exports extract again, with a book of its own and without decoding. It is done
 * twice: first for templates alone; then for all, since options that stand before their template
 * are held only where it is known to be one of options. */
#include "wire/survey.h"

extern const struct eg_extract_type eg_extract_exports;

struct survey {
    struct eg_extract *x;
    struct eg_extract_unit *unit; /* NULL: between two of them */
    uint64_t number;
    struct eg_out out; /* without rows: nothing is decoded */
    bool lost;         /* memory did not suffice for something */
};

static enum eg_status unit_end(struct survey *s, struct eg_error *err) {
    if (!s->unit) return EG_OK;
    enum eg_status status = eg_extract_exports.join(s->x, s->unit, &s->out, err);
    enum eg_status finished = eg_extract_exports.finish(s->unit, &s->out, err);
    s->unit = NULL;
    s->lost |= s->out.tally.lost > 0;
    eg_tally_reset(&s->out.tally);
    return status < 0 ? status : finished;
}

static enum eg_status take(void *to, struct eg_batch *raw, struct eg_error *err) {
    struct survey *s = to;
    if (!raw) return unit_end(s, err);
    if (!s->unit) EG_TRY(eg_extract_exports.begin(s->x, s->number++, &s->unit, err));
    return eg_extract_exports.feed(s->unit, raw, NULL, &s->out, err);
}

/* A survey with what `ahead` knows of templates; without it nothing is held. */
static enum eg_status survey(struct eg_book *of, const struct eg_env *env,
                             const struct eg_extract_options *as, struct eg_book *book,
                             struct eg_book *ahead, struct eg_error *err) {
    EG_TRY(eg_book_survey(of, book, ahead != NULL, err));
    eg_book_look_ahead(of, ahead != NULL, ahead);
    struct eg_extract_options options = *as;
    options.book = of;
    options.again = NULL;
    options.state = NULL;
    struct survey s = {.number = 0};
    EG_TRY(eg_extract_exports.open(env, &options, &s.x, err));
    enum eg_status status = as->again->read(as->again->of, take, &s, err);
    enum eg_status ended = unit_end(&s, err);
    eg_extract_exports.close(s.x);
    eg_book_look_ahead(of, false, NULL);
    if (s.lost || status == EG_E_NOMEM || ended < 0)
        return eg_fail(err, EG_E_NOMEM, "no memory to look for templates");
    return EG_OK; /* what could not be read brings no templates */
}

static struct eg_book *surveyed(const struct eg_env *env, const struct eg_extract_options *as,
                                struct eg_book *book, struct eg_book *ahead) {
    struct eg_book *of = NULL;
    struct eg_error err = {0};
    if (eg_book_new(&of, &err) == EG_OK && survey(of, env, as, book, ahead, &err) == EG_OK)
        return of;
    eg_book_free(of);
    return NULL;
}

struct eg_book *eg_survey(const struct eg_env *env, const struct eg_extract_options *as,
                          struct eg_book *book) {
    struct eg_book *templates = surveyed(env, as, book, NULL);
    if (!templates) return NULL;
    struct eg_book *all = surveyed(env, as, book, templates);
    eg_book_free(templates);
    return all;
}
