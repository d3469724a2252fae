#include "message/mime.h"

#include "base/memory.h"

#include <stdlib.h>

struct mime_boundary {
    struct mime_boundary *outer;
    char *text;
    size_t length;
    bool digest;            /* RFC 2046 5.1.5: parts are messages when nothing else is said */
};

void mime_begin(struct mime *mime, const struct config *config)
{
    *mime = (struct mime){
        .place = MIME_PRIMARY,
        .nesting_limit = config->mime_nesting_limit,
        .boundary_limit = (size_t)config->mime_boundary_length_limit,
    };
}

static void drop_boundary(struct mime *mime)
{
    struct mime_boundary *inner = mime->boundaries;

    mime->boundaries = inner->outer;
    mime->depth--;
    free(inner->text);
    free(inner);
}

void mime_end(struct mime *mime)
{
    while (mime->boundaries)
        drop_boundary(mime);
}

/* The value of a parameter: a token, or a quoted string with its quotes taken off. */
static void read_value(struct slice text, struct str *value)
{
    if (text.length == 0 || text.data[0] != '"') {
        str_add(value, slice_part(text, 0, slice_find_any(text, "; \t\r\n(")));
        return;
    }
    for (size_t i = 1; i < text.length && text.data[i] != '"'; i++) {
        if (text.data[i] == '\\' && i + 1 < text.length)
            i++;
        if (text.data[i] != '\n' && text.data[i] != '\r')
            str_byte(value, text.data[i]);
    }
}

static void add_boundary(struct mime *mime, struct slice parameters, bool digest)
{
    struct str value = STR_EMPTY;

    while (parameters.length > 0) {
        struct slice parameter = slice_trim_start(parameters);
        size_t equals = slice_find(parameter, '=');
        struct slice name = slice_trim(slice_part(parameter, 0, equals));

        if (equals < parameter.length && slice_is_nocase(name, "boundary")) {
            read_value(slice_trim_start(slice_from(parameter, equals + 1)), &value);
            break;
        }
        (void)slice_take_until(&parameters, ";");
    }
    if (value.length > 0 && mime->depth < mime->nesting_limit) {
        struct mime_boundary *inner = memory_new(1, sizeof(*inner));

        inner->outer = mime->boundaries;
        inner->digest = digest;
        inner->length = value.length < mime->boundary_limit ? value.length : mime->boundary_limit;
        inner->text = memory_text(value.data, inner->length);
        mime->boundaries = inner;
        mime->depth++;
    }
    str_free(&value);
}

bool mime_type_is_known(struct slice type)
{
    return slice_starts_nocase(type, "text/") || slice_starts_nocase(type, "multipart/")
           || slice_starts_nocase(type, "message/");
}

void mime_content_type(struct mime *mime, struct slice value)
{
    struct slice type = slice_trim(slice_take_until(&value, ";"));

    if (!mime_type_is_known(type))
        return;
    mime->nested_next = slice_is_nocase(type, "message/rfc822")
                        || slice_is_nocase(type, "message/global");
    if (slice_starts_nocase(type, "multipart/"))
        add_boundary(mime, value, slice_is_nocase(type, "multipart/digest"));
}

void mime_headers_end(struct mime *mime)
{
    mime->place = mime->nested_next ? MIME_NESTED : MIME_BODY;
    mime->nested_next = false;
}

bool mime_body_line(struct mime *mime, struct slice line)
{
    if (!mime->boundaries || !slice_starts(line, "--"))
        return false;

    struct slice rest = slice_from(line, 2);
    struct mime_boundary *boundary = mime->boundaries;

    while (boundary && !(rest.length >= boundary->length
                         && memcmp(rest.data, boundary->text, boundary->length) == 0))
        boundary = boundary->outer;
    if (!boundary)
        return false;
    while (mime->boundaries != boundary)
        drop_boundary(mime);
    mime->nested_next = boundary->digest;
    mime->place = MIME_PART_HEADERS;
    if (slice_starts(slice_from(rest, boundary->length), "--")) {
        mime->place = MIME_BODY;
        mime->nested_next = false;
        drop_boundary(mime);
    }
    return true;
}
