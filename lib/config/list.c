#include "config/config.h"

#include "base/memory.h"

static bool is_separator(char c)
{
    return c == ',' || byte_is_space(c);
}

/* The length of the text in { } at the front, with both; the whole when it has no end. */
static size_t braced_length(struct slice text)
{
    int depth = 0;

    for (size_t i = 0; i < text.length; i++) {
        depth += (text.data[i] == '{') - (text.data[i] == '}');
        if (depth == 0)
            return i + 1;
    }
    return text.length;
}

static size_t member_length(struct slice text)
{
    size_t length = 0;
    int depth = 0;

    if (text.data[0] == '{')
        return braced_length(text);
    for (; length < text.length; length++) {
        depth += (text.data[length] == '{') - (text.data[length] == '}');
        if (depth <= 0 && is_separator(text.data[length]))
            break;
    }
    return length;
}

bool config_list_next(struct slice *rest, bool strip, struct slice *member)
{
    while (rest->length > 0 && is_separator(rest->data[0]))
        *rest = slice_from(*rest, 1);
    if (rest->length == 0)
        return false;

    size_t length = member_length(*rest);

    *member = slice_part(*rest, 0, length);
    *rest = slice_from(*rest, length);
    if (strip && length > 1 && member->data[0] == '{' && member->data[length - 1] == '}')
        *member = slice_trim(slice_part(*member, 1, length - 2));
    return true;
}

bool config_parse_override(struct slice text, struct config_override *override,
                           struct error *error)
{
    struct slice setting = slice_trim(text);

    if (setting.length > 0 && setting.data[0] == '{') {
        if (setting.data[setting.length - 1] != '}')
            return error_set(error, "missing '}' in \"%.*s\"", SLICE_ARGS(text));
        setting = slice_trim(slice_part(setting, 1, setting.length - 2));
    }

    size_t equals = slice_find(setting, '=');
    struct slice name = slice_trim(slice_part(setting, 0, equals));
    struct slice value = slice_trim(slice_from(setting, equals + 1));

    if (equals == setting.length)
        return error_set(error, "missing '=' after attribute name: \"%.*s\"", SLICE_ARGS(setting));
    if (name.length == 0)
        return error_set(error, "missing attribute name: \"%.*s\"", SLICE_ARGS(setting));
    override->name = memory_text(name.data, name.length);
    override->value = memory_text(value.data ? value.data : "", value.length);
    return true;
}
