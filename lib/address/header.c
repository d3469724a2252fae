#include "address/header.h"

#include "address/token.h"
#include "base/scope.h"
#include "base/vector.h"

#include <stdint.h>
#include <stdlib.h>

/*
 * The list is read from its end: only a semicolon there tells a group's colon from one within
 * an address, and only a > tells a display name from an address.
 */
enum item_kind {
    ITEM_COMMA = ',', ITEM_SEMICOLON = ';',
    ITEM_COLON = ':',           /* that is nobody's */
    ITEM_GROUP = 'g',           /* the colon behind a group's name */
    ITEM_ADDRESS = 'a',         /* with the comments around it */
    ITEM_ANGLE = '<',           /* what is within <>; the < may be missing */
    ITEM_PHRASE = 'p',
    ITEM_COMMENT = '(',
};

/* Tokens [first, end). */
struct item {
    enum item_kind kind;
    size_t first, end;
};

struct list {
    struct tokens tokens;
    struct { struct item *items; size_t count, capacity; } items;      /* the last one first */
    size_t left;                /* tokens that are still to be read */
    bool in_group;              /* a semicolon was there */
};

static char next_kind(const struct list *list)
{
    return list->left ? list->tokens.items[list->left - 1].kind : '\0';
}

static void add_item(struct list *list, enum item_kind kind, size_t first, size_t end)
{
    VECTOR_PUSH(&list->items, ((struct item){ kind, first, end }));
}

static void take_one(struct list *list, enum item_kind kind)
{
    list->left--;
    add_item(list, kind, list->left, list->left + 1);
}

/* Everything before one of the stops. */
static void take_phrase(struct list *list, const char *stops)
{
    size_t end = list->left;

    while (list->left && !strchr(stops, next_kind(list)))
        list->left--;
    if (list->left < end)
        add_item(list, ITEM_PHRASE, list->left, end);
}

static void take_group_name(struct list *list)
{
    take_one(list, ITEM_GROUP);
    take_phrase(list, ",");
}

static void take_angle(struct list *list)
{
    size_t end = --list->left;

    while (list->left && next_kind(list) != '<')
        list->left--;
    add_item(list, ITEM_ANGLE, list->left, end);
    if (list->left)
        list->left--;
    take_phrase(list, ",;:>");
    if (next_kind(list) == ':' && !list->in_group)
        take_one(list, ITEM_COLON);
}

static bool ends_bare(const struct list *list, char kind, char behind)
{
    if (kind == ',' || kind == ';' || kind == '>' || (kind == ':' && list->in_group))
        return true;
    return token_is_word(kind) && token_is_word(behind);
}

/* Words that operators join, and the comments between and before them. */
static void take_bare(struct list *list)
{
    size_t end = list->left;
    char behind = '\0';
    bool is_address = false;

    while (list->left && !ends_bare(list, next_kind(list), behind)) {
        if (next_kind(list) != TOKEN_COMMENT) {
            behind = next_kind(list);
            is_address = true;
        }
        list->left--;
    }
    add_item(list, is_address ? ITEM_ADDRESS : ITEM_COMMENT, list->left, end);
}

static void read_list(struct list *list, struct slice value, size_t limit)
{
    tokens_read(&list->tokens, value, limit);
    list->left = list->tokens.count;
    while (list->left) {
        char kind = next_kind(list);

        if (kind == ',') {
            take_one(list, ITEM_COMMA);
        } else if (kind == ';') {
            list->in_group = true;
            take_one(list, ITEM_SEMICOLON);
        } else if (kind == '>') {
            take_angle(list);
        } else if (kind == ':' && list->in_group) {
            take_group_name(list);
        } else {
            take_bare(list);
        }
    }
}

static void list_free(struct list *list)
{
    tokens_free(&list->tokens);
    free(list->items.items);
}

struct writing {
    const struct tokens *tokens;
    header_rewrite *rewrite;
    void *argument;
    struct str *output;
    bool changed;
};

/* The address itself, rewritten, and its comments behind it. */
static void write_address(struct writing *writing, const struct item *item)
{
    AUTO_STR struct str address = STR_EMPTY;
    AUTO_STR struct str made = STR_EMPTY;

    tokens_write_address(writing->tokens, item->first, item->end, &address);
    if (address.length && writing->rewrite(writing->argument, str_slice(&address), &made)
        && !slice_equal(str_slice(&made), str_slice(&address))) {
        writing->changed = true;
        str_set(&address, str_slice(&made));
    }
    str_add(writing->output, slice_trim(str_slice(&address)));
    tokens_write_comments(writing->tokens, item->first, item->end, address.length ? " " : "",
                          writing->output);
}

static bool needs_comma(enum item_kind before)
{
    return before != ITEM_COMMA && before != ITEM_GROUP;
}

static void write_angle(struct writing *writing, const struct item *item)
{
    struct slice made = str_slice(writing->output);
    bool open = item->first > 0;

    if (made.length && !byte_is_space(made.data[made.length - 1]))
        str_byte(writing->output, ' ');
    if (open)
        str_byte(writing->output, '<');
    write_address(writing, item);
    str_byte(writing->output, '>');
}

static void write_item(struct writing *writing, const struct item *item, const struct item *before)
{
    switch (item->kind) {
    case ITEM_COMMA:
        str_text(writing->output, ",\n\t");
        break;
    case ITEM_GROUP:
        str_text(writing->output, ": ");
        break;
    case ITEM_ADDRESS:
        if (before && needs_comma(before->kind))
            str_text(writing->output, ",\n\t");
        write_address(writing, item);
        break;
    case ITEM_ANGLE:
        write_angle(writing, item);
        break;
    case ITEM_PHRASE:
    case ITEM_COMMENT:
        tokens_write_phrase(writing->tokens, item->first, item->end, writing->output);
        break;
    default:
        str_byte(writing->output, (char)item->kind);
    }
}

bool header_rewrite_addresses(struct slice value, size_t token_limit, header_rewrite *rewrite,
                              void *argument, struct str *output)
{
    AUTO_STR struct str made = STR_EMPTY;
    struct list list = { .tokens = TOKENS_EMPTY };
    const struct item *before = NULL;

    read_list(&list, value, token_limit);

    struct writing writing = { &list.tokens, rewrite, argument, &made, false };

    for (size_t i = list.items.count; i-- > 0; ) {
        write_item(&writing, &list.items.items[i], before);
        before = &list.items.items[i];
    }
    list_free(&list);
    if (writing.changed)
        str_add(output, str_slice(&made));
    return writing.changed;
}

/* What is not the address itself; a comma that is missing is as good as there, < counts not. */
static size_t count_others(const struct list *list, const struct item *item,
                           const struct item *before)
{
    bool addressed = item->kind == ITEM_ADDRESS || item->kind == ITEM_ANGLE;
    size_t count = item->kind == ITEM_ADDRESS && before && needs_comma(before->kind);

    for (size_t i = item->first; i < item->end; i++) {
        char kind = list->tokens.items[i].kind;

        count += addressed ? kind == TOKEN_COMMENT : kind != '<';
    }
    return count;
}

static bool is_address(const struct list *list, const struct item *item)
{
    return (item->kind == ITEM_ADDRESS || item->kind == ITEM_ANGLE)
        && tokens_have_address(&list->tokens, item->first, item->end);
}

size_t header_find_addresses(struct slice value,
                             void (*found)(void *argument, struct slice internal),
                             void *argument)
{
    struct list list = { .tokens = TOKENS_EMPTY };
    const struct item *before = NULL;
    size_t others = 0;

    read_list(&list, value, SIZE_MAX);
    for (size_t i = list.items.count; i-- > 0; ) {
        const struct item *item = &list.items.items[i];
        AUTO_STR struct str internal = STR_EMPTY;

        others += count_others(&list, item, before);
        before = item;
        if (!is_address(&list, item))
            continue;
        tokens_write_internal(&list.tokens, item->first, item->end, &internal);
        found(argument, str_slice(&internal));
    }
    list_free(&list);
    return others;
}
