/* regexp: tables (regexp_table(5)): POSIX regular expressions. */
#include "table/pattern.h"

#include "base/memory.h"

#include <regex.h>
#include <stdlib.h>

static bool regexp_set_option(char letter, unsigned *options)
{
    switch (letter) {
    case 'i': *options ^= REG_ICASE; return true;
    case 'm': *options ^= REG_NEWLINE; return true;
    case 'x': *options ^= REG_EXTENDED; return true;
    default: return false;
    }
}

static void *regexp_compile(const char *expression, unsigned options, size_t *groups,
                            struct error *error)
{
    regex_t *compiled = memory_new(1, sizeof(*compiled));
    int status = regcomp(compiled, expression, (int)options);

    if (status == 0) {
        *groups = compiled->re_nsub;
        return compiled;
    }

    char reason[256];

    regerror(status, compiled, reason, sizeof(reason));
    error_set(error, "%s", reason);
    free(compiled);
    return NULL;
}

/* The bounds are given with REG_STARTEND, so no copy with a NUL is needed. */
static int regexp_match(const void *compiled, struct slice text, size_t wanted,
                        struct pattern_group *groups, struct error *error)
{
    regmatch_t found[PATTERN_GROUPS];
    const char *data = text.data ? text.data : "";

    found[0].rm_so = 0;
    found[0].rm_eo = (regoff_t)text.length;

    int status = regexec(compiled, data, wanted + 1, found, REG_STARTEND);

    if (status == REG_NOMATCH)
        return 0;
    if (status != 0) {
        char reason[256];

        regerror(status, compiled, reason, sizeof(reason));
        error_set(error, "%s", reason);
        return -1;
    }
    for (size_t i = 0; i <= wanted; i++)
        groups[i] = (struct pattern_group){ found[i].rm_so, found[i].rm_eo };
    return 1;
}

static void regexp_free(void *compiled)
{
    regfree(compiled);
    free(compiled);
}

static bool regexp_open(struct table *table, const struct table_context *context, const char *name,
                        struct error *error)
{
    static const struct pattern_engine engine = {
        .name = "regexp",
        .words_for_ignored = "skipping this rule",
        .range_words = "out-of-range",
        .start_options = REG_EXTENDED | REG_ICASE,
        .set_option = regexp_set_option,
        .compile = regexp_compile,
        .match = regexp_match,
        .free = regexp_free,
    };

    return pattern_open(table, context, name, &engine, error);
}

const struct table_type table_type_regexp = {
    .name = "regexp", .pattern = true,
    .open = regexp_open, .get = pattern_get, .close = pattern_close,
};
