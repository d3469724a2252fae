#include "address/header.h"

#include "address/address.h"
#include "address/external.h"
#include "base/scope.h"

/*
 * One address within a list, as it stands there: the address itself, with what is
 * before it (display name and <) and behind it (> and comments).
 */
struct element {
    struct slice before;
    struct slice address;
    struct slice behind;
};

/* Length of the element at the start, up to a comma or semicolon; < > protect. */
static size_t element_length(struct slice text)
{
    bool in_brackets = false, closed;
    size_t i = 0;

    while (i < text.length) {
        char c = text.data[i];

        if (c == '<')
            in_brackets = true;
        else if (c == '>')
            in_brackets = false;
        else if ((c == ',' || c == ';') && !in_brackets)
            return i;
        i += external_piece(slice_from(text, i), &closed);
    }
    return i;
}

/* "name:" at the start of a group, with the colon; 0 when there is none before a <. */
static size_t group_length(struct slice element)
{
    size_t colon = external_find(element, ':'), angle = external_find(element, '<');
    size_t at = external_find(element, '@');

    return colon < element.length && colon < angle && colon < at ? colon + 1 : 0;
}

/* A group ends in a semicolon; without one a colon belongs to an address. */
static bool is_closed_group(struct slice value)
{
    return external_find(value, ';') < value.length;
}

static bool is_blank(struct slice text)
{
    return slice_trim(text).length == 0;
}

/* Length of blanks and comments at the start. */
static size_t filler_length(struct slice text)
{
    size_t i = 0;
    bool closed;

    while (i < text.length && (byte_is_space(text.data[i]) || text.data[i] == '('))
        i += external_piece(slice_from(text, i), &closed);
    return i;
}

static bool is_joint(char c)
{
    return c == '.' || c == '@' || c == ':' || c == ',' || c == '%' || c == '!';
}

/* Two pieces without a joint are one word only when both are bytes of an atom. */
static bool is_one_word(char before, char after, bool filler)
{
    return !filler && before != '"' && before != '[' && after != '"' && after != '[';
}

/*
 * Length of the address at the start of text that has no < >: it ends where a word begins that
 * no dot or @ joins to what was before.
 */
static size_t bare_length(struct slice text)
{
    size_t end = 0, i = 0;
    char before = '.';
    bool closed;

    while (i < text.length) {
        size_t filler = filler_length(slice_from(text, i));

        i += filler;
        if (i == text.length)
            break;
        if (!is_joint(before) && !is_joint(text.data[i])
            && !is_one_word(before, text.data[i], filler > 0))
            break;
        before = text.data[i];
        i += external_piece(slice_from(text, i), &closed);
        end = i;
    }
    return end;
}

/* The element with < >: a route address is what stands within. */
static bool split_angle(struct slice text, struct element *element)
{
    size_t open = external_find(text, '<');

    if (open == text.length)
        return false;

    struct slice inside = slice_from(text, open + 1);
    size_t close = external_find(inside, '>');

    element->before = slice_part(text, 0, open + 1);
    element->address = slice_part(inside, 0, close);
    element->behind = slice_from(inside, close);
    return true;
}

/* Take the next address off the element; false when none is left. */
static bool take_bare(struct slice *text, struct element *element)
{
    size_t filler = filler_length(*text);
    struct slice rest = slice_from(*text, filler);
    size_t length = bare_length(rest);

    element->before = slice_part(*text, 0, filler);
    element->address = slice_part(rest, 0, length);
    *text = slice_from(rest, length);
    filler = filler_length(*text);
    element->behind = slice_part(*text, 0, filler);
    *text = slice_from(*text, filler);
    return element->address.length > 0;
}

typedef bool element_handler(void *argument, const struct element *element);

static void walk_element(struct slice text, element_handler *handle, void *argument)
{
    struct element element;

    if (split_angle(text, &element)) {
        handle(argument, &element);
        return;
    }
    while (!is_blank(text) && take_bare(&text, &element))
        if (!handle(argument, &element))
            return;
}

struct walk {
    header_rewrite *rewrite;
    void *argument;
    void (*found)(void *argument, struct slice internal);
    struct str *output;
    bool changed;
    bool needs_comma;
};

static void walk_list(struct slice value, element_handler *handle, struct walk *walk)
{
    while (value.length) {
        size_t length = element_length(value);
        struct slice text = slice_part(value, 0, length);
        size_t group = is_closed_group(value) ? group_length(text) : 0;

        if (group && walk->output) {
            if (walk->needs_comma)
                str_text(walk->output, ",\n\t");
            str_add(walk->output, slice_trim(slice_part(text, 0, group)));
            str_byte(walk->output, ' ');
            walk->needs_comma = false;
        }
        walk_element(slice_from(text, group), handle, walk);
        if (walk->output && length < value.length && value.data[length] == ';') {
            str_byte(walk->output, ';');
            walk->needs_comma = false;
        }
        value = slice_from(value, length + 1);
    }
}

/* As Postfix writes it: comments behind a bare address, and at once behind a >. */
static void add_element(struct str *output, struct slice before, struct slice address,
                        struct slice behind)
{
    bool has_angle = before.length && before.data[before.length - 1] == '<';

    if (has_angle)
        str_add(output, before);
    str_add(output, address);
    if (has_angle && behind.length) {
        str_byte(output, behind.data[0]);
        behind = slice_trim_start(slice_from(behind, 1));
    } else if (before.length) {
        str_byte(output, ' ');
        str_add(output, before);
    }
    if (behind.length && !has_angle)
        str_byte(output, ' ');
    str_add(output, behind);
}

static bool rewrite_element(void *argument, const struct element *element)
{
    struct walk *walk = argument;
    AUTO_STR struct str address = STR_EMPTY;
    AUTO_STR struct str plain = STR_EMPTY;
    struct slice before = slice_trim(element->before), behind = slice_trim(element->behind);

    external_strip_comments(&plain, element->address);
    if (walk->rewrite(walk->argument, slice_trim(str_slice(&plain)), &address)
        && !slice_equal(str_slice(&address), slice_trim(str_slice(&plain))))
        walk->changed = true;
    else
        str_set(&address, slice_trim(element->address));
    if (walk->needs_comma)
        str_text(walk->output, ",\n\t");
    add_element(walk->output, before, str_slice(&address), behind);
    walk->needs_comma = true;
    return true;
}

bool header_rewrite_addresses(struct slice value, header_rewrite *rewrite, void *argument,
                              struct str *output)
{
    AUTO_STR struct str made = STR_EMPTY;
    struct walk walk = { .rewrite = rewrite, .argument = argument, .output = &made };

    walk_list(value, rewrite_element, &walk);
    if (walk.changed)
        str_add(output, str_slice(&made));
    return walk.changed;
}

static bool report_element(void *argument, const struct element *element)
{
    struct walk *walk = argument;
    AUTO_STR struct str plain = STR_EMPTY;
    AUTO_STR struct str internal = STR_EMPTY;

    external_strip_comments(&plain, slice_trim(element->address));
    address_unquote(&internal, address_strip_route(str_slice(&plain)));
    walk->found(walk->argument, str_slice(&internal));
    return true;
}

void header_find_addresses(struct slice value, void (*found)(void *argument, struct slice internal),
                           void *argument)
{
    struct walk walk = { .argument = argument, .found = found };

    walk_list(value, report_element, &walk);
}
