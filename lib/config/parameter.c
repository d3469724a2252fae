#include "config/parameter.h"

#include "base/compiler.h"
#include "config/config.h"

#include <stddef.h>

#define COMPUTED NULL
#define ROW(name, type, fallback, lowest, highest, used_by, meaning, origin)            \
    { #name, fallback, used_by, meaning, lowest, highest, offsetof(struct config, name), \
      PARAMETER_##type, origin },
#define PARAMETER(...) ROW(__VA_ARGS__, PARAMETER_POSTFIX)
#define NEWER(...) ROW(__VA_ARGS__, PARAMETER_NEWER)
#define OURS(...) ROW(__VA_ARGS__, PARAMETER_OURS)

static const struct parameter parameters[] = {
#include "config/parameters.def"
};

size_t parameter_count(void)
{
    return COUNT(parameters);
}

const struct parameter *parameter_at(size_t index)
{
    return &parameters[index];
}

const char *parameter_name(const struct parameter *parameter)
{
    const char *member = parameter->member;

    return member[0] == 'x' && byte_is_digit(member[1]) ? member + 1 : member;
}

static int compare_name(struct slice name, const char *other)
{
    size_t length = strlen(other);
    int order = memcmp(name.data, other, name.length < length ? name.length : length);

    return order ? order : (name.length > length) - (name.length < length);
}

const struct parameter *parameter_find(struct slice name)
{
    size_t low = 0, high = COUNT(parameters);

    if (name.length == 0)
        return NULL;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare_name(name, parameter_name(&parameters[middle]));

        if (order == 0)
            return &parameters[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *parameter_moot(const struct parameter *parameter)
{
    return parameter->used_by[0] == '-' ? parameter->used_by + 1 : NULL;
}

bool parameter_is_used_by(const struct parameter *parameter, const char *program)
{
    size_t length = strlen(program);

    if (parameter->used_by[0] == '*' || parameter_moot(parameter))
        return !parameter_moot(parameter);
    for (const char *at = parameter->used_by; *at; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, program, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}
