/*
 * What tables of rules (regexp, pcre, cidr) share: rules one after the other, nested
 * if ... endif, the first match decides.
 */
#pragma once

#include "table/source.h"
#include "table/type.h"

struct rule {
    int line;
    bool is_if;
    bool negated;
    size_t end;             /* of an if: the rule behind its endif */
    void *pattern;          /* the type's own */
    char *result;           /* NULL for an if */
};

struct rules {
    struct rule *items;
    size_t count, capacity;
    size_t open_ifs[64];    /* while it is built */
    size_t depth;
};

/* An if came. Too deep a nesting is refused. */
bool rules_begin_if(struct rules *rules, const struct rule *rule);

/* An endif came; false when there is no if. */
bool rules_end_if(struct rules *rules);

/* At the end of the source: warn of each if without endif. */
void rules_finish(struct rules *rules, const char *map, const char *name);

/*
 * The first rule that decides, or NULL.  matches(argument, rule) is asked for each in turn and
 * has negation still before it; -1 stops with *trouble set.
 */
const struct rule *rules_find(const struct rules *rules,
                              int (*matches)(void *argument, const struct rule *rule),
                              void *argument, bool *trouble);

void rules_free(struct rules *rules, void (*free_pattern)(void *pattern));

/* Read the lines of "type:/file" or "type:{{rule}...}" and watch the file. */
bool rules_read(struct source *source, struct table *table, const struct table_context *context,
                const char *name, struct error *error) MUST_USE;
