/*
 * What regexp: and pcre: tables share: the syntax of a rule and $number substitution; each
 * brings its own engine.
 */
#pragma once

#include "table/type.h"

enum { PATTERN_GROUPS = 100 };

/* Where a group matched, -1 when it did not. */
struct pattern_group {
    long start, end;
};

struct pattern_engine {
    const char *name;
    const char *words_for_ignored;  /* "skipping this rule" or "ignoring this rule" */
    const char *range_words;        /* "out of range" or "out-of-range", of $0 */
    unsigned start_options;
    /* Toggle the option of a flag letter.  False: unknown. */
    bool (*set_option)(char letter, unsigned *options);
    /* A flag letter that is known and has no effect any more; may be NULL. */
    bool (*is_obsolete)(char letter);
    /* The compiled expression, or NULL with the reason; groups is how many ( ) it has. */
    void *(*compile)(const char *expression, unsigned options, size_t *groups,
                     struct error *error);
    /* 1, 0, or -1 with error set.  groups has room for PATTERN_GROUPS. */
    int (*match)(const void *compiled, struct slice text, size_t wanted,
                 struct pattern_group *groups, struct error *error);
    void (*free)(void *compiled);
};

bool pattern_open(struct table *table, const struct table_context *context, const char *name,
                  const struct pattern_engine *engine, struct error *error);
enum table_result pattern_get(struct table *table, struct slice key, struct str *value,
                              struct error *error);
void pattern_close(struct table *table);
