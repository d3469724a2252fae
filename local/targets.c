#include "targets.h"

#include "address/address.h"
#include "address/header.h"
#include "base/scope.h"

struct reader {
    struct arena *arena;
    const struct target **end;      /* where the next goes */
};

static const struct {
    const char *prefix;
    enum target_kind kind;
    size_t skip;                    /* bytes of the prefix that are not part of the text */
} kinds[] = {
    { ":include:", TARGET_INCLUDE, 9 }, { "|", TARGET_COMMAND, 1 }, { "/", TARGET_FILE, 0 },
};

static void add(struct reader *reader, struct slice internal, bool escaped)
{
    struct target *target = arena_take(reader->arena, sizeof(*target));

    *target = (struct target){ .kind = TARGET_ADDRESS, .escaped = escaped };
    for (size_t i = 0; i < COUNT(kinds) && !escaped; i++)
        if (slice_starts(internal, kinds[i].prefix)) {
            target->kind = kinds[i].kind;
            internal = slice_from(internal, kinds[i].skip);
            break;
        }

    char *text = arena_text(reader->arena, internal);

    target->text = text;
    for (char *c = text; *c; c++)
        if (*c == '\n')
            *c = ' ';
    *reader->end = target;
    reader->end = &target->next;
}

/* What begins with a backslash still when it is unquoted is "\\user": no .forward. */
static bool take(void *argument, struct slice external, UNUSED struct str *output)
{
    AUTO_STR struct str internal = STR_EMPTY;

    (void)!address_unquote(&internal, address_strip_route(external));

    bool escaped = slice_starts(str_slice(&internal), "\\");

    if (internal.length > escaped)
        add(argument, slice_from(str_slice(&internal), escaped), escaped);
    return false;
}

static void read_list(struct reader *reader, struct slice list)
{
    AUTO_STR struct str unused = STR_EMPTY;

    (void)!header_rewrite_addresses(list, SIZE_MAX, take, reader, &unused);
}

const struct target *targets_read(struct slice list, struct arena *arena)
{
    const struct target *first = NULL;
    struct reader reader = { arena, &first };

    read_list(&reader, list);
    return first;
}

const struct target *targets_read_file(struct slice text, size_t limit, struct arena *arena)
{
    const struct target *first = NULL;
    struct reader reader = { arena, &first };

    while (text.length > 0) {
        size_t length = slice_find(text, '\n');
        bool whole = length <= limit;
        /* Its end stays: within a quote that is not closed it counts. */
        struct slice line = slice_part(text, 0, whole ? length + 1 : limit);

        if (!slice_starts(line, "#"))
            read_list(&reader, line);
        text = slice_from(text, line.length);
    }
    return first;
}
