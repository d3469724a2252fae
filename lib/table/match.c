#include "table/match.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"
#include "table/braces.h"
#include "table/fold.h"
#include "table/network.h"
#include "table/source.h"
#include "table/type.h"

enum member_kind { MEMBER_TEXT, MEMBER_TABLE, MEMBER_NETWORK, MEMBER_WRONG };

struct member {
    enum member_kind kind;
    bool negated;
    char *text;             /* folded; of a wrong one the reason */
    size_t length;
    struct table *table;
    struct network network;
};

struct match_list {
    struct member *items;
    size_t count, capacity;
    char *title;
    enum match_kind kind;
    unsigned flags;
};

enum { INCLUDE_DEPTH = 10 };

static void add_text(struct match_list *list, enum member_kind kind, struct slice text,
                     bool negated)
{
    AUTO_STR struct str folded = STR_EMPTY;

    if (kind == MEMBER_TEXT)
        fold_text(&folded, text);
    else
        str_add(&folded, text);

    struct member *member = VECTOR_ADD(list);

    member->kind = kind;
    member->negated = negated;
    member->length = folded.length;
    member->text = str_take(&folded);
}

static void add_table(struct match_list *list, const struct table_context *context,
                      struct slice name, bool negated)
{
    add_text(list, MEMBER_TABLE, name, negated);
    list->items[list->count - 1].table = table_open_or_broken(context, name, TABLE_FOLD);
}

/* "[2001:db8::]/32" and "[::1]" without their brackets. */
static void strip_brackets(struct slice pattern, struct str *plain)
{
    size_t close = slice_find(pattern, ']');

    if (!slice_starts(pattern, "[") || close == pattern.length) {
        str_add(plain, pattern);
        return;
    }
    str_add(plain, slice_part(pattern, 1, close - 1));
    str_add(plain, slice_from(pattern, close + 1));
}

/* A pattern of address bytes only; others are names. */
static bool looks_like_network(struct slice pattern)
{
    if (slice_starts(pattern, "["))
        return true;
    if (!pattern.length || pattern.data[0] == '.')
        return false;
    for (size_t i = 0; i < pattern.length; i++)
        if (!byte_is_digit(pattern.data[i]) && pattern.data[i] != '.' && pattern.data[i] != '/')
            return false;
    return true;
}

static void add_network(struct match_list *list, struct slice pattern, bool negated)
{
    AUTO_STR struct str plain = STR_EMPTY;
    struct network network;
    struct error error = ERROR_NONE;

    strip_brackets(pattern, &plain);
    if (!network_parse(str_slice(&plain), &network, &error)) {
        log_warn("%s: %s", list->title, error.text);
        add_text(list, MEMBER_WRONG, slice_of(error.text), negated);
        return;
    }
    add_text(list, MEMBER_NETWORK, pattern, negated);
    list->items[list->count - 1].network = network;
}

static bool add_members(struct match_list *list, const struct table_context *context,
                        struct slice value, bool negated, int depth, struct error *error);

static bool add_file(struct match_list *list, const struct table_context *context,
                     struct slice name, bool negated, int depth, struct error *error)
{
    AUTO_FREE char *path = memory_text(name.data, name.length);
    struct source source = SOURCE_EMPTY;
    struct stat seen;
    bool good = true;

    if (depth >= INCLUDE_DEPTH)
        return error_set(error, "%s: too many nested files: %s", list->title, path);
    if (!source_read(&source, path, &seen, error)) {
        source_free(&source);
        return false;
    }
    if (context->file_read)
        context->file_read(context->argument, path);
    for (size_t i = 0; i < source.count && good; i++)
        good = add_members(list, context, source.items[i].text, negated, depth + 1, error);
    source_free(&source);
    return good;
}

/* "[host]:port": the next hop of debug_peer_list, and no network. */
static bool has_port(struct slice pattern)
{
    return slice_starts(slice_from(pattern, slice_find(pattern, ']')), "]:");
}

static bool add_member(struct match_list *list, const struct table_context *context,
                       struct slice text, bool negated, int depth, struct error *error)
{
    struct slice pattern = text;

    while (slice_starts(pattern, "!")) {
        negated = !negated;
        pattern = slice_from(pattern, 1);
    }
    if (!pattern.length)
        return error_set(error, "%s: no pattern after '!'", list->title);
    if (pattern.data[0] == '/')
        return add_file(list, context, pattern, negated, depth, error);
    if (pattern.data[0] != '[' && slice_find(pattern, ':') < pattern.length)
        add_table(list, context, pattern, negated);
    else if (list->kind == MATCH_HOST && looks_like_network(pattern) && !has_port(pattern))
        add_network(list, pattern, negated);
    else
        add_text(list, MEMBER_TEXT, pattern, negated);
    return true;
}

static bool add_members(struct match_list *list, const struct table_context *context,
                        struct slice value, bool negated, int depth, struct error *error)
{
    struct slice member;

    while (braces_next(&value, &member))
        if (!add_member(list, context, member, negated, depth, error))
            return false;
    return true;
}

struct match_list *match_list_open(const struct table_context *context, const char *title,
                                   const char *value, enum match_kind kind, unsigned flags,
                                   struct error *error)
{
    struct match_list *list = memory_new(1, sizeof(*list));

    list->title = memory_copy(title);
    list->kind = kind;
    list->flags = flags;
    if (add_members(list, context, slice_of(value), false, 0, error))
        return list;
    match_list_close(list);
    return NULL;
}

void match_list_close(struct match_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].text);
        table_close(list->items[i].table);
    }
    VECTOR_FREE(list);
    free(list->title);
    free(list);
}

static enum match_result ask_table(struct match_list *list, struct table *table, struct slice key,
                                   struct error *error)
{
    AUTO_STR struct str value = STR_EMPTY;

    switch (table_get(table, key, &value, error)) {
    case TABLE_FOUND: return MATCH_YES;
    case TABLE_ABSENT: return MATCH_NO;
    default:
        log_warn("%s: %s: table lookup problem", list->title, table_name(table));
        return MATCH_TROUBLE;
    }
}

/* The name and, unless the table is one of patterns, its parent domains. */
static enum match_result ask_table_parents(struct match_list *list, struct table *table,
                                           struct slice name, struct error *error)
{
    for (;;) {
        enum match_result result = ask_table(list, table, name, error);

        if (result != MATCH_NO || table_is_pattern(table) || name.length < 2)
            return result;

        size_t dot = slice_find(slice_from(name, 1), '.') + 1;

        if (dot == name.length)
            return MATCH_NO;
        name = slice_from(name, list->flags & MATCH_PARENT ? dot + 1 : dot);
        if (!name.length)
            return MATCH_NO;
    }
}

static bool ends_behind_label(struct slice name, struct slice parent)
{
    return name.length > parent.length
        && name.data[name.length - parent.length - 1] == '.'
        && slice_equal(slice_from(name, name.length - parent.length), parent);
}

static bool domain_matches(const struct match_list *list, const struct member *member,
                           struct slice name)
{
    struct slice pattern = { member->text, member->length };

    if (slice_equal(name, pattern))
        return true;
    if (list->flags & MATCH_PARENT)
        return ends_behind_label(name, pattern);
    return slice_starts(pattern, ".") && name.length > pattern.length
        && slice_equal(slice_from(name, name.length - pattern.length), pattern);
}

static enum match_result yes_or_no(bool yes)
{
    return yes ? MATCH_YES : MATCH_NO;
}

static enum match_result match_name(struct match_list *list, const struct member *member,
                                    struct slice name, struct error *error)
{
    if (member->kind == MEMBER_TABLE)
        return list->kind == MATCH_STRING ? ask_table(list, member->table, name, error)
                                          : ask_table_parents(list, member->table, name, error);
    if (member->kind != MEMBER_TEXT)
        return MATCH_NO;
    if (list->kind == MATCH_STRING)
        return yes_or_no(slice_equal(name, (struct slice){ member->text, member->length }));
    return yes_or_no(domain_matches(list, member, name));
}

enum match_result match_list_get(struct match_list *list, struct slice text, struct error *error)
{
    AUTO_STR struct str folded = STR_EMPTY;

    fold_text(&folded, text);
    for (size_t i = 0; i < list->count; i++) {
        enum match_result result = match_name(list, &list->items[i], str_slice(&folded), error);

        if (result == MATCH_TROUBLE)
            return result;
        if (result == MATCH_YES)
            return list->items[i].negated ? MATCH_NO : MATCH_YES;
    }
    return MATCH_NO;
}

struct host {
    struct slice name;
    struct slice address;
    struct network_address binary;
    bool has_binary;
};

static enum match_result match_host(struct match_list *list, const struct member *member,
                                    const struct host *host, struct error *error)
{
    if (member->kind == MEMBER_WRONG) {
        error_set(error, "%s: %s", list->title, member->text);
        return MATCH_TROUBLE;
    }
    if (member->kind == MEMBER_NETWORK)
        return yes_or_no(host->has_binary && network_has(&member->network, &host->binary));

    enum match_result result = MATCH_NO;

    if (host->name.length && !slice_is(host->name, "unknown"))
        result = match_name(list, member, host->name, error);
    if (result != MATCH_NO || !host->address.length)
        return result;
    if (member->kind == MEMBER_TABLE)
        return ask_table(list, member->table, host->address, error);
    return yes_or_no(slice_is_nocase(host->address, member->text));
}

enum match_result match_list_client(struct match_list *list, struct slice name,
                                    struct slice address, struct error *error)
{
    AUTO_STR struct str folded = STR_EMPTY;
    struct host host = { .address = address };

    fold_text(&folded, name);
    host.name = str_slice(&folded);
    host.has_binary = network_address_parse(address, &host.binary);
    for (size_t i = 0; i < list->count; i++) {
        enum match_result result = match_host(list, &list->items[i], &host, error);

        if (result == MATCH_TROUBLE)
            return result;
        if (result == MATCH_YES)
            return list->items[i].negated ? MATCH_NO : MATCH_YES;
    }
    return MATCH_NO;
}

unsigned match_parent_flag(const char *parent_domain_matches_subdomains, const char *parameter)
{
    return slice_list_has(slice_of(parent_domain_matches_subdomains), parameter) ? MATCH_PARENT
                                                                                 : 0;
}
