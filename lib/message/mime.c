#include "message/mime.h"

#include "address/external.h"
#include "base/memory.h"
#include "base/scope.h"

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

/*
 * The next token of a structured header (RFC 2045 5.1), into text: a word, a quoted string
 * without its quotes, or one special character.  False at the end.
 */
static bool next_token(struct slice *rest, struct str *text)
{
    static const char specials[] = "()<>@,;:\\\"/[]?=";
    bool closed;

    str_clear(text);
    *rest = slice_trim_start(*rest);
    while (rest->length > 0 && rest->data[0] == '(') {
        *rest = slice_from(*rest, external_piece(*rest, &closed));
        *rest = slice_trim_start(*rest);
    }
    if (rest->length == 0)
        return false;
    if (rest->data[0] == '"') {
        size_t length = external_piece(*rest, &closed);

        for (size_t i = 1; i < length - closed; i++) {
            if (rest->data[i] == '\\' && i + 1 < length - closed)
                i++;
            if (rest->data[i] != '\n' && rest->data[i] != '\r')
                str_byte(text, rest->data[i]);
        }
        *rest = slice_from(*rest, length);
        return true;
    }

    size_t length = 0;

    while (length < rest->length && !byte_is_space(rest->data[length])
           && !(rest->data[length] && strchr(specials, rest->data[length])))
        length++;
    length += length == 0;
    str_set(text, slice_part(*rest, 0, length));
    *rest = slice_from(*rest, length);
    return true;
}

void mime_read_type(struct slice value, struct str *type)
{
    AUTO_STR struct str token = STR_EMPTY;

    while (next_token(&value, &token) && strcmp(token.data, ";") != 0)
        str_add(type, str_slice(&token));
}

void mime_read_encoding(struct slice value, struct str *encoding)
{
    struct slice rest = value;

    /* A quoted string is no token. */
    if (!next_token(&rest, encoding)
        || slice_find(slice_part(value, 0, value.length - rest.length), '"')
           < value.length - rest.length)
        str_clear(encoding);
}

/* The value of the parameter boundary; false when there is none. */
static bool find_boundary(struct slice value, struct str *text)
{
    AUTO_STR struct str name = STR_EMPTY;
    bool at_name = false;

    while (next_token(&value, text)) {
        if (strcmp(text->data, ";") == 0) {
            at_name = true;
        } else if (at_name) {
            at_name = false;
            str_set(&name, str_slice(text));
            if (next_token(&value, text) && strcmp(text->data, "=") == 0
                && slice_is_nocase(str_slice(&name), "boundary"))
                return next_token(&value, text);
        }
    }
    return false;
}

static void add_boundary(struct mime *mime, struct slice value, bool digest)
{
    AUTO_STR struct str text = STR_EMPTY;

    if (mime->depth >= mime->nesting_limit || !find_boundary(value, &text) || text.length == 0)
        return;

    struct mime_boundary *inner = memory_new(1, sizeof(*inner));

    inner->outer = mime->boundaries;
    inner->digest = digest;
    inner->length = text.length < mime->boundary_limit ? text.length : mime->boundary_limit;
    inner->text = memory_text(text.data, inner->length);
    mime->boundaries = inner;
    mime->depth++;
}

bool mime_type_is_known(struct slice type)
{
    return slice_starts_nocase(type, "text/") || slice_starts_nocase(type, "multipart/")
           || slice_starts_nocase(type, "message/");
}

void mime_content_type(struct mime *mime, struct slice value)
{
    AUTO_STR struct str type = STR_EMPTY;

    mime_read_type(value, &type);
    if (!mime_type_is_known(str_slice(&type)))
        return;
    mime->nested_next = slice_is_nocase(str_slice(&type), "message/rfc822")
                        || slice_is_nocase(str_slice(&type), "message/global");
    if (slice_starts_nocase(str_slice(&type), "multipart/"))
        add_boundary(mime, value, slice_is_nocase(str_slice(&type), "multipart/digest"));
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
