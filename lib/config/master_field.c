#include "config/master_field.h"

#include "base/compiler.h"

#include <limits.h>

static const struct { const char *name, *title; } fields[MASTER_FIELDS] = {
    [MASTER_NAME] = { "service", "service name" },
    [MASTER_TYPE] = { "type", "transport type" },
    [MASTER_PRIVATE] = { "private", "private" },
    [MASTER_UNPRIVILEGED] = { "unprivileged", "unprivileged" },
    [MASTER_CHROOT] = { "chroot", "chroot" },
    [MASTER_WAKEUP] = { "wakeup", "wakeup_time" },
    [MASTER_PROCESS_LIMIT] = { "process_limit", "max_proc" },
    [MASTER_COMMAND] = { "command", "command" },
};

static const char *const types[] = {
    [MASTER_INET] = "inet",
    [MASTER_UNIX] = "unix",
    [MASTER_DATAGRAM] = "unix-dgram",
    [MASTER_FIFO] = "fifo",
    [MASTER_PASS] = "pass",
};

const char *master_field_name(enum master_field field)
{
    return fields[field].name;
}

const char *master_field_title(enum master_field field)
{
    return fields[field].title;
}

const char *master_type_name(enum master_type type)
{
    return types[type];
}

static bool bad_value(enum master_field field, const char *text, struct error *error)
{
    return error_set(error, "field \"%s\": bad value: \"%s\"", fields[field].title, text);
}

static bool set_type(struct master_service *service, const char *text, struct error *error)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(types[i], text) == 0) {
            service->type = (enum master_type)i;
            return true;
        }
    return error_set(error, "bad transport type: %s", text);
}

static bool set_choice(enum master_choice *choice, enum master_field field, const char *text,
                       struct error *error)
{
    if (strcmp(text, "-") == 0)
        *choice = MASTER_DEFAULT;
    else if (strcmp(text, "y") == 0)
        *choice = MASTER_YES;
    else if (strcmp(text, "n") == 0)
        *choice = MASTER_NO;
    else
        return bad_value(field, text, error);
    return true;
}

/* Counts beyond the largest int are as good as the largest. */
static bool parse_count(struct slice text, int *count)
{
    uint64_t number;

    if (!slice_number(text, UINT64_MAX, &number))
        return false;
    *count = number > INT_MAX ? INT_MAX : (int)number;
    return true;
}

static bool set_wakeup(struct master_service *service, const char *text, struct error *error)
{
    struct slice rest = slice_of(text);

    if (strcmp(text, "-") == 0)
        return true;
    if (slice_ends(rest, "?")) {
        service->wakeup_conditional = true;
        rest = slice_part(rest, 0, rest.length - 1);
    }
    return parse_count(rest, &service->wakeup_seconds) || bad_value(MASTER_WAKEUP, text, error);
}

static bool set_process_limit(struct master_service *service, const char *text,
                              struct error *error)
{
    service->process_limit = -1;
    return strcmp(text, "-") == 0 || parse_count(slice_of(text), &service->process_limit) ||
           bad_value(MASTER_PROCESS_LIMIT, text, error);
}

bool master_field_set(struct master_service *service, enum master_field field,
                      struct error *error)
{
    const char *text = service->fields[field];

    switch (field) {
    case MASTER_NAME:
        service->name = text;
        return true;
    case MASTER_TYPE:
        return set_type(service, text, error);
    case MASTER_PRIVATE:
        return set_choice(&service->private, field, text, error);
    case MASTER_UNPRIVILEGED:
        return set_choice(&service->unprivileged, field, text, error);
    case MASTER_CHROOT:
        return set_choice(&service->chroot, field, text, error);
    case MASTER_WAKEUP:
        return set_wakeup(service, text, error);
    case MASTER_PROCESS_LIMIT:
        return set_process_limit(service, text, error);
    case MASTER_COMMAND:
        service->command = text;
        return true;
    case MASTER_FIELDS:
        break;
    }
    return false;
}

bool master_take_token(struct slice *rest, struct slice *token)
{
    int depth = 0;
    size_t length = 0;

    *rest = slice_trim_start(*rest);
    if (rest->length == 0)
        return false;
    for (; length < rest->length; length++) {
        char c = rest->data[length];

        if (c == '{')
            depth++;
        else if (c == '}' && depth > 0)
            depth--;
        else if (depth == 0 && byte_is_space(c))
            break;
    }
    *token = slice_part(*rest, 0, length);
    *rest = slice_from(*rest, length);
    return true;
}

/* The index of the brace that closes the one at the front, or the length. */
static size_t find_closing(struct slice text)
{
    int depth = 0;

    for (size_t i = 0; i < text.length; i++) {
        depth += (text.data[i] == '{') - (text.data[i] == '}');
        if (depth == 0)
            return i;
    }
    return text.length;
}

bool master_braces_open(struct slice *text, struct error *error)
{
    struct slice whole = *text;
    size_t closing = find_closing(whole);

    *text = slice_trim(slice_part(whole, 1, closing - 1));
    if (closing == whole.length)
        return error_set(error, "missing '}' in \"%.*s\"", SLICE_ARGS(whole));
    if (closing + 1 < whole.length)
        return error_set(error, "syntax error after '}' in \"%.*s\"", SLICE_ARGS(whole));
    return true;
}
