#include "log/json.h"

#include <stdio.h>

enum { SHORTEST_ID = 6, SHORTEST_LONG_ID = 10 };

/* The text is printable already (log.c), so quotes and backslashes are all there is to escape. */
static void add_text(struct str *line, struct slice text)
{
    str_byte(line, '"');
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c == '"' || c == '\\')
            str_byte(line, '\\');
        if (c < ' ')
            str_format(line, "\\u%04x", c);
        else
            str_byte(line, (char)c);
    }
    str_byte(line, '"');
}

static void add_member(struct str *line, const char *name, struct slice value)
{
    str_format(line, ", \"%s\": ", name);
    add_text(line, value);
}

static void add_time(struct str *line, const struct timespec *time)
{
    struct tm parts;
    char text[32];

    gmtime_r(&time->tv_sec, &parts);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    str_format(line, "{\"time\": \"%s.%06ldZ\"", text, time->tv_nsec / 1000);
}

/* Either form of a queue id, or NOQUEUE; a word before a colon is neither. */
static bool is_queue_id(struct slice word)
{
    bool is_hex = true, has_digit = false;

    for (size_t i = 0; i < word.length; i++) {
        char c = word.data[i];

        if (!byte_is_alnum(c))
            return false;
        is_hex = is_hex && (byte_is_digit(c) || (c >= 'A' && c <= 'F'));
        has_digit = has_digit || byte_is_digit(c);
    }
    return slice_is(word, "NOQUEUE") || (is_hex && word.length >= SHORTEST_ID) ||
           (has_digit && word.length >= SHORTEST_LONG_ID);
}

static struct slice take_queue_id(struct str *line, struct slice text)
{
    size_t colon = slice_find(text, ':');

    if (colon + 1 >= text.length || text.data[colon + 1] != ' ' ||
        !is_queue_id(slice_part(text, 0, colon)))
        return text;
    add_member(line, "queue_id", slice_part(text, 0, colon));
    return slice_from(text, colon + 2);
}

static size_t name_length(struct slice text)
{
    size_t i = 0;

    while (i < text.length && (byte_is_alnum(text.data[i]) || text.data[i] == '_' ||
                               text.data[i] == '-'))
        i++;
    return i < text.length && text.data[i] == '=' ? i : 0;
}

/* <...> with what is quoted in it; else up to a separator. */
static size_t value_length(struct slice text)
{
    size_t i = 0;

    if (text.length > 0 && text.data[0] == '<') {
        size_t end = slice_find(text, '>');

        return end < text.length ? end + 1 : end;
    }
    while (i < text.length && text.data[i] != ' ' &&
           !(text.data[i] == ',' && i + 1 < text.length && text.data[i + 1] == ' '))
        i++;
    return i;
}

static bool take_field(struct str *line, struct slice *text, bool first)
{
    size_t name = name_length(*text);

    if (name == 0)
        return false;

    struct slice rest = slice_from(*text, name + 1);
    size_t length = value_length(rest);
    struct slice value = slice_part(rest, 0, length);

    if (value.length >= 2 && value.data[0] == '<' && value.data[value.length - 1] == '>')
        value = slice_part(value, 1, value.length - 2);
    str_text(line, first ? "" : ", ");
    add_text(line, slice_part(*text, 0, name));
    str_text(line, ": ");
    add_text(line, value);
    *text = slice_from(rest, length);
    if (slice_starts(*text, ", "))
        *text = slice_from(*text, 2);
    else if (slice_starts(*text, " ") && name_length(slice_from(*text, 1)) > 0)
        *text = slice_from(*text, 1);
    return true;
}

/* What a reject line says of the envelope stands behind the last "; ". */
static struct slice find_fields(struct slice text)
{
    if (name_length(text) > 0)
        return text;
    for (size_t i = text.length; i > 1; i--)
        if (text.data[i - 2] == ';' && text.data[i - 1] == ' ')
            return slice_from(text, i);
    return SLICE_LITERAL("");
}

static void add_fields(struct str *line, struct slice text)
{
    struct slice rest = find_fields(text);

    if (name_length(rest) == 0)
        return;
    str_text(line, ", \"fields\": {");
    for (bool first = true; take_field(line, &rest, first); first = false)
        continue;
    if (slice_starts(rest, " (") && slice_ends(rest, ")"))
        add_member(line, "detail", slice_part(rest, 2, rest.length - 3));
    str_byte(line, '}');
}

void json_line(struct str *line, const struct json_event *event)
{
    add_time(line, &event->time);
    add_member(line, "host", slice_of(event->host));
    add_member(line, "program", slice_of(event->program));
    str_format(line, ", \"session\": %lu", event->session);
    add_member(line, "severity", slice_of(event->severity));
    if (event->lost > 0)
        str_format(line, ", \"lost\": %lu", event->lost);
    add_fields(line, take_queue_id(line, event->text));
    add_member(line, "message", event->text);
    str_byte(line, '}');
}
