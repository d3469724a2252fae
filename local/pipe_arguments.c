#include "pipe_arguments.h"

#include "address/address.h"
#include "base/scope.h"

struct expansion {
    const struct pipe_settings *settings;
    const char *delimiters;
    const struct delivery_request *request;
    const struct recipient *recipient;
    bool each;              /* some name spoke of the recipient */
};

struct arguments {
    const char **items;
    size_t count, capacity;
    struct arena *arena;
};

static void add_argument(struct arguments *arguments, const struct str *text)
{
    if (arguments->count + 1 >= arguments->capacity) {
        size_t capacity = arguments->capacity ? arguments->capacity * 2 : 16;
        const char **items = arena_take(arguments->arena, capacity * sizeof(*items));

        if (arguments->count > 0)
            memcpy(items, arguments->items, arguments->count * sizeof(*items));
        arguments->items = items;
        arguments->capacity = capacity;
    }
    if (text)
        arguments->items[arguments->count++] = arena_text(arguments->arena, str_slice(text));
}

/* --- What names stand for. --------------------------------------------------------------- */

static void add_folded(struct str *output, struct slice text, bool fold)
{
    if (fold)
        address_fold(output, text);
    else
        str_add(output, text);
}

/* An address as the flags want it; quoting is for the local part. */
static void add_address(const struct expansion *expansion, struct slice address,
                        struct str *output)
{
    unsigned flags = expansion->settings->flags;
    struct address_parts parts = address_split(address);
    AUTO_STR struct str folded = STR_EMPTY;

    add_folded(&folded, parts.local, flags & PIPE_FOLD_USER);
    if (parts.has_domain) {
        str_byte(&folded, '@');
        add_folded(&folded, parts.domain, flags & PIPE_FOLD_DOMAIN);
    }
    if (flags & PIPE_QUOTE)
        address_quote(output, str_slice(&folded));
    else
        str_add(output, str_slice(&folded));
}

static void add_sender(const struct expansion *expansion, struct str *output)
{
    const char *sender = expansion->request->envelope.sender;

    if (!*sender)
        sender = expansion->settings->null_sender;
    if (*sender && (expansion->settings->flags & PIPE_QUOTE))
        address_quote(output, slice_of(sender));
    else
        str_text(output, sender);
}

/* Parts of the recipient's address. */
static bool add_part(const struct expansion *expansion, struct slice name, struct str *output)
{
    struct address_parts parts = address_split(slice_of(expansion->recipient->address));
    struct slice user = parts.local, extension = { "", 0 };
    bool fold = expansion->settings->flags & PIPE_FOLD_USER;

    (void)address_split_extension(parts.local, expansion->delimiters, &user, &extension, NULL);
    if (slice_is(name, "user"))
        add_folded(output, user, fold);
    else if (slice_is(name, "extension"))
        add_folded(output, extension, fold);
    else if (slice_is(name, "mailbox"))
        add_folded(output, parts.local, fold);
    else if (slice_is(name, "domain"))
        add_folded(output, parts.domain, expansion->settings->flags & PIPE_FOLD_DOMAIN);
    else
        return false;
    return true;
}

static bool add_recipient(const struct expansion *expansion, struct slice name,
                          struct str *output)
{
    const struct recipient *recipient = expansion->recipient;

    if (slice_is(name, "recipient"))
        add_address(expansion, slice_of(recipient->address), output);
    else if (slice_is(name, "original_recipient"))
        add_address(expansion, slice_of(*recipient->original ? recipient->original
                                                             : recipient->address), output);
    else
        return add_part(expansion, name, output);
    return true;
}

/* What is known of where the message came from. */
static const char *attribute_of(struct slice name)
{
    static const struct {
        const char *name, *attribute;
    } rows[] = {
        { "client_address", "client_address" },   { "client_helo", "helo_name" },
        { "client_hostname", "client_name" },     { "client_port", "client_port" },
        { "client_protocol", "protocol_name" },   { "sasl_method", "sasl_method" },
        { "sasl_sender", "sasl_sender" },         { "sasl_username", "sasl_username" },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (slice_is(name, rows[i].name))
            return rows[i].attribute;
    return NULL;
}

static bool add_message(const struct expansion *expansion, struct slice name,
                        struct str *output)
{
    const struct delivery_request *request = expansion->request;
    const char *attribute = attribute_of(name);

    if (attribute)
        str_text(output, envelope_attribute(&request->envelope, attribute));
    else if (slice_is(name, "sender"))
        add_sender(expansion, output);
    else if (slice_is(name, "nexthop"))
        add_folded(output, slice_of(request->nexthop),
                   expansion->settings->flags & PIPE_FOLD_DOMAIN);
    else if (slice_is(name, "queue_id"))
        str_text(output, request->envelope.queue_id);
    else if (slice_is(name, "size"))
        str_format(output, "%lld", (long long)request->envelope.content_size);
    else
        return false;
    return true;
}

/* --- Arguments. ----------------------------------------------------------------------------- */

/* The name behind a dollar; rest is behind it then. */
static struct slice take_name(struct slice *rest)
{
    char open = rest->length > 0 ? rest->data[0] : '\0';
    size_t length = 0;

    if (open == '{' || open == '(') {
        size_t end = slice_find(*rest, open == '{' ? '}' : ')');
        struct slice name = slice_part(*rest, 1, end - 1);

        *rest = slice_from(*rest, end + 1);
        return name;
    }
    while (length < rest->length
           && (byte_is_alnum(rest->data[length]) || rest->data[length] == '_'))
        length++;

    struct slice name = slice_part(*rest, 0, length);

    *rest = slice_from(*rest, length);
    return name;
}

static bool expand_one(struct expansion *expansion, struct slice text, struct str *output,
                       struct error *error)
{
    while (text.length > 0) {
        size_t dollar = slice_find(text, '$');

        str_add(output, slice_part(text, 0, dollar));
        text = slice_from(text, dollar);
        if (text.length == 0)
            break;
        text = slice_from(text, 1);
        if (slice_starts(text, "$")) {
            str_byte(output, '$');
            text = slice_from(text, 1);
            continue;
        }

        struct slice name = take_name(&text);

        if (add_message(expansion, name, output))
            continue;
        if (!add_recipient(expansion, name, output))
            return error_set(error, "unknown macro name: \"%.*s\"", SLICE_ARGS(name));
        expansion->each = true;
    }
    return true;
}

static bool expand_argument(struct expansion *expansion, const char *argument,
                            struct arguments *arguments, struct error *error)
{
    const struct recipient_list *recipients = &expansion->request->envelope.recipients;

    expansion->each = false;
    for (size_t i = 0; i < recipients->count && (i == 0 || expansion->each); i++) {
        AUTO_STR struct str text = STR_EMPTY;

        expansion->recipient = &recipients->items[i];
        if (!expand_one(expansion, slice_of(argument), &text, error))
            return false;
        add_argument(arguments, &text);
    }
    return true;
}

bool pipe_arguments_expand(const struct pipe_settings *settings, const char *delimiters,
                           const struct delivery_request *request, struct arena *arena,
                           const char *const **arguments, struct error *error)
{
    struct expansion expansion = { settings, delimiters, request, NULL, false };
    struct arguments list = { .arena = arena };

    for (size_t i = 0; settings->arguments[i]; i++)
        if (!expand_argument(&expansion, settings->arguments[i], &list, error))
            return false;
    add_argument(&list, NULL);
    list.items[list.count] = NULL;
    *arguments = list.items;
    return true;
}
