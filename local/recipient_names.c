#include "recipient_names.h"

#include "address/address.h"
#include "config/expand.h"

struct request {
    const struct recipient_names *names;
    const char *filter;
};

static bool find(const struct recipient_names *names, struct slice name, struct slice *value)
{
    struct address_parts parts = address_split(names->recipient);
    const struct {
        const char *name;
        struct slice value;
    } known[] = {
        { "user", names->user },           { "home", names->home },
        { "shell", names->shell },         { "recipient", names->recipient },
        { "extension", names->extension }, { "recipient_delimiter", names->delimiter },
        { "local", names->local },          { "domain", parts.domain },
    };

    for (size_t i = 0; i < COUNT(known); i++)
        if (slice_is(name, known[i].name)) {
            *value = known[i].value;
            return true;
        }
    return false;
}

void names_filter(struct slice value, const char *filter, struct str *output)
{
    for (size_t i = 0; i < value.length; i++)
        str_byte(output, !filter || (value.data[i] && strchr(filter, value.data[i]))
                             ? value.data[i] : '_');
}

static enum expand_answer get(void *argument, struct slice name, struct str *value)
{
    const struct request *request = argument;
    struct slice found = { "", 0 };

    if (!find(request->names, name, &found) || found.length == 0)
        return EXPAND_UNKNOWN;
    names_filter(found, request->filter, value);
    return EXPAND_FINAL;
}

bool names_put(struct slice text, const struct recipient_names *names, const char *filter,
               struct str *output, struct error *error)
{
    struct request request = { names, filter };
    struct expand_names source = { get, &request };

    return expand_text(&source, text, output, error);
}
