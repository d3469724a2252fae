#include "service/environment.h"

#include "config/config.h"

#include <stdlib.h>

void environment_set(struct environment *environment, const char *name, struct slice value)
{
    if (value.length > 0 && environment->count < ENVIRONMENT_LIMIT)
        environment->items[environment->count++] =
            arena_format(environment->arena, "%s=%.*s", name, SLICE_ARGS(value));
}

void environment_export(struct environment *environment, struct slice list)
{
    struct slice word;

    environment_set(environment, "PATH", SLICE_LITERAL("/usr/bin:/bin"));
    environment_set(environment, "LANG", SLICE_LITERAL("C"));
    while (config_list_next(&list, true, &word)) {
        size_t equals = slice_find(word, '=');
        struct slice name = slice_trim(slice_part(word, 0, equals));
        const char *text = arena_text(environment->arena, name), *value = getenv(text);

        if (equals < word.length)
            environment_set(environment, text, slice_trim(slice_from(word, equals + 1)));
        else if (value && !slice_is(name, "LANG"))
            environment_set(environment, text, slice_of(value));
    }
}
