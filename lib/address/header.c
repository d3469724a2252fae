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

/*
 * Length of the address at the start of text that has no < >: it ends at a blank or comment
 * unless a dot or @ joins it to what follows.
 */
static size_t bare_length(struct slice text)
{
    size_t end = 0, i = 0;
    bool joined = true, closed;

    while (i < text.length) {
        size_t filler = filler_length(slice_from(text, i));

        i += filler;
        if (i == text.length)
            break;
        if (filler && !joined && !is_joint(text.data[i]))
            break;
        joined = is_joint(text.data[i]);
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
        size_t group = group_length(text);

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

static bool rewrite_element(void *argument, const struct element *element)
{
    struct walk *walk = argument;
    AUTO_STR struct str address = STR_EMPTY;
    struct slice before = slice_trim(element->before), behind = slice_trim(element->behind);

    if (walk->rewrite(walk->argument, slice_trim(element->address), &address)
        && !slice_equal(str_slice(&address), slice_trim(element->address)))
        walk->changed = true;
    else
        str_set(&address, slice_trim(element->address));
    if (walk->needs_comma)
        str_text(walk->output, ",\n\t");
    str_add(walk->output, before);
    if (before.length && before.data[before.length - 1] != '<')
        str_byte(walk->output, ' ');
    str_add(walk->output, str_slice(&address));
    if (behind.length && behind.data[0] != '>')
        str_byte(walk->output, ' ');
    str_add(walk->output, behind);
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
    AUTO_STR struct str internal = STR_EMPTY;

    address_unquote(&internal, address_strip_route(slice_trim(element->address)));
    walk->found(walk->argument, str_slice(&internal));
    return true;
}

void header_find_addresses(struct slice value, void (*found)(void *argument, struct slice internal),
                           void *argument)
{
    struct walk walk = { .argument = argument, .found = found };

    walk_list(value, report_element, &walk);
}
