#include "table/rules.h"

#include "base/vector.h"
#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>

bool rules_begin_if(struct rules *rules, const struct rule *rule)
{
    if (rules->depth == COUNT(rules->open_ifs))
        return false;
    rules->open_ifs[rules->depth++] = rules->count;
    VECTOR_PUSH(rules, *rule);
    return true;
}

bool rules_end_if(struct rules *rules)
{
    if (!rules->depth)
        return false;
    rules->items[rules->open_ifs[--rules->depth]].end = rules->count;
    return true;
}

void rules_finish(struct rules *rules, const char *map, const char *name)
{
    while (rules->depth) {
        log_warn("%s map %s, line %d: IF has no matching ENDIF", map, name,
                 rules->items[rules->open_ifs[rules->depth - 1]].line);
        rules_end_if(rules);
    }
}

const struct rule *rules_find(const struct rules *rules,
                              int (*matches)(void *argument, const struct rule *rule),
                              void *argument, bool *trouble)
{
    size_t i = 0;

    *trouble = false;
    while (i < rules->count) {
        const struct rule *rule = &rules->items[i];
        int matched = matches(argument, rule);

        if (matched < 0) {
            *trouble = true;
            return NULL;
        }

        bool decides = (matched != 0) != rule->negated;

        if (decides && !rule->is_if)
            return rule;
        i = decides || !rule->is_if ? i + 1 : rule->end;
    }
    return NULL;
}

void rules_free(struct rules *rules, void (*free_pattern)(void *pattern))
{
    for (size_t i = 0; i < rules->count; i++) {
        free_pattern(rules->items[i].pattern);
        free(rules->items[i].result);
    }
    VECTOR_FREE(rules);
}

bool rules_read(struct source *source, struct table *table, const struct table_context *context,
                const char *name, struct error *error)
{
    struct stat seen;

    if (name[0] == '{') {
        char what[32];

        snprintf(what, sizeof(what), "%s map", table->type->name);
        return source_parse_inline(source, slice_of(name), what, error);
    }
    if (!source_read(source, name, &seen, error))
        return false;
    table_watch(table, context, name, &seen);
    return true;
}
