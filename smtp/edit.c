#include "edit.h"

#include "address/address.h"
#include "address/header.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "message/header.h"
#include "message/pass.h"

#include <stdlib.h>

struct edit {
    const struct body_settings *settings;
    struct text *text;
    struct pass *pass;
    int64_t checked;            /* bytes of this segment that smtp_body_checks saw */
    bool trouble;
};

bool edit_is_wanted(const struct body_settings *settings)
{
    const struct tables *tables = &settings->agent->tables;

    return settings->downgrade || tables->has_checks || !table_list_is_empty(tables->generic);
}

/* A logical header, line by line. */
static void put_header(struct edit *edit, struct slice header)
{
    while (header.length > 0)
        text_put(edit->text, slice_take_until(&header, "\n"), true);
}

/* --- smtp_header_checks, smtp_body_checks. ---------------------------------------------- */

static void log_action(void *argument, const char *verb, const struct check *check)
{
    const struct edit *edit = argument;
    AUTO_STR struct str line = STR_EMPTY;

    printable_text(&line, slice_part(check->line, 0, 60));
    if (check->text.length > 0)
        log_info("%s: %s: %s %s: %.*s", edit->settings->queue_id, verb, check->class, line.data,
                 SLICE_ARGS(check->text));
    else
        log_info("%s: %s: %s %s", edit->settings->queue_id, verb, check->class, line.data);
}

static void prepend(void *argument, const struct check *check)
{
    struct edit *edit = argument;

    text_put(edit->text, check->text, true);
}

static void note_trouble(void *argument, UNUSED const char *parameter)
{
    struct edit *edit = argument;

    edit->trouble = true;
}

static struct check_hooks hooks_of(struct edit *edit)
{
    return (struct check_hooks){
        .argument = edit, .log = log_action, .prepend = prepend, .trouble = note_trouble,
    };
}

/* --- smtp_generic_maps. ------------------------------------------------------------------- */

static bool map_one(void *argument, struct slice external, struct str *output)
{
    struct edit *edit = argument;
    struct arena *arena = edit->settings->arena;
    AUTO_STR struct str internal = STR_EMPTY;
    const char *mapped;

    if (!address_unquote(&internal, external) || internal.length == 0)
        return false;

    const char *address = arena_text(arena, str_slice(&internal));

    if (!tables_generic(&edit->settings->agent->tables, address, arena, &mapped)) {
        edit->trouble = true;
        return false;
    }
    if (mapped == address)
        return false;
    address_quote(output, slice_of(mapped));
    return true;
}

/* True when the header holds addresses, and some of them are others now. */
static bool map_header(struct edit *edit, struct slice line, struct str *mapped)
{
    AUTO_STR struct str value = STR_EMPTY;
    size_t token_limit = (size_t)edit->settings->agent->config->header_address_token_limit;
    struct header header;

    if (table_list_is_empty(edit->settings->agent->tables.generic)
        || !header_parse(line, &header)
        || !(header.flags & (HEADER_SENDERS | HEADER_RECIPIENTS))
        || !header_rewrite_addresses(header.value, token_limit, map_one, edit, &value))
        return false;
    str_format(mapped, "%.*s: ", SLICE_ARGS(header.name));
    header_fill_lines(mapped, slice_trim_start(str_slice(&value)));
    return true;
}

/* --- What comes out of the pass. ------------------------------------------------------------ */

/*
 * "Name : value", which RFC 5322 4.5.3 calls obsolete, goes on without the blanks.  Postfix does
 * so where it has to look at a header, and so do we, to send the same bytes.
 */
static struct slice without_blanks(const struct edit *edit, enum mime_place place,
                                   struct slice line, struct str *changed)
{
    struct header header;

    if ((place != MIME_PRIMARY && !edit->settings->downgrade
         && !edit->settings->agent->tables.has_checks)
        || !header_parse(line, &header))
        return line;
    str_format(changed, "%.*s:", SLICE_ARGS(header.name));
    str_add(changed, header.value);
    return str_slice(changed);
}

static void take_header(void *argument, enum mime_place place, struct slice line)
{
    struct edit *edit = argument;
    AUTO_STR struct str plain = STR_EMPTY;
    AUTO_STR struct str replaced = STR_EMPTY;
    AUTO_STR struct str mapped = STR_EMPTY;
    struct check_hooks hooks = hooks_of(edit);

    line = without_blanks(edit, place, line, &plain);
    switch (checks_header(&edit->settings->agent->tables.checks, &hooks, place, true, line,
                          &replaced)) {
    case CHECK_GOES:
        return;
    case CHECK_REPLACED:
        line = str_slice(&replaced);
        break;
    case CHECK_STAYS:
        break;
    }
    if (place == MIME_PRIMARY && map_header(edit, line, &mapped))
        line = str_slice(&mapped);
    put_header(edit, line);
}

static void headers_end(void *argument, UNUSED enum mime_place place)
{
    struct edit *edit = argument;

    edit->checked = 0;
}

static void take_body(void *argument, struct slice bytes, bool ends)
{
    struct edit *edit = argument;
    AUTO_STR struct str replaced = STR_EMPTY;
    struct check_hooks hooks = hooks_of(edit);
    enum check_verdict verdict = CHECK_STAYS;

    if (edit->checked < edit->settings->agent->config->body_checks_size_limit)
        verdict = checks_body(&edit->settings->agent->tables.checks, &hooks, bytes, &replaced);
    edit->checked += (int64_t)bytes.length;
    if (verdict == CHECK_GOES)
        return;
    text_put(edit->text, verdict == CHECK_REPLACED ? str_slice(&replaced) : bytes, ends);
}

struct edit *edit_new(const struct body_settings *settings, struct text *text)
{
    static const struct pass_hooks hooks = { take_header, headers_end, take_body };
    struct edit *edit = memory_new(1, sizeof(*edit));

    edit->settings = settings;
    edit->text = text;
    edit->pass = pass_new(settings->agent->config, settings->downgrade ? PASS_DOWNGRADE : 0,
                          &hooks, edit);
    return edit;
}

void edit_free(struct edit *edit)
{
    pass_free(edit->pass);
    free(edit);
}

void edit_add(struct edit *edit, struct slice bytes, bool ends)
{
    pass_add(edit->pass, bytes, ends);
}

bool edit_end(struct edit *edit)
{
    pass_end(edit->pass);
    return !edit->trouble;
}
