#include "message/pass.h"

#include "base/memory.h"
#include "message/header.h"
#include "message/quoted_printable.h"

#include <stdlib.h>

enum encoding { ENCODING_7BIT, ENCODING_8BIT, ENCODING_BINARY, ENCODING_OTHER };

struct pass {
    const struct pass_hooks *hooks;
    void *argument;
    unsigned options;
    struct mime mime;
    struct str header;          /* a logical header that may go on */
    size_t header_limit;
    enum encoding encoding;     /* of the place we are in */
    bool composite;             /* a multipart or a message: 7bit only (RFC 2045 6.4) */
    bool multipart;
    bool global;                /* message/global: RFC 6532 3.5 lets it be encoded */
    bool encoding_body;
    struct quoted_printable encoder;
    bool within_line;           /* the last piece had no end */
};

static void give_body(struct pass *pass, struct slice bytes, bool ends)
{
    pass->hooks->body(pass->argument, bytes, ends);
}

static void give_encoded(void *argument, struct slice line)
{
    give_body(argument, line, true);
}

struct pass *pass_new(const struct config *config, unsigned options,
                      const struct pass_hooks *hooks, void *argument)
{
    struct pass *pass = memory_new(1, sizeof(*pass));

    pass->hooks = hooks;
    pass->argument = argument;
    pass->options = options;
    pass->header = STR_EMPTY;
    pass->header_limit = (size_t)config->header_size_limit;
    mime_begin(&pass->mime, config);
    return pass;
}

void pass_free(struct pass *pass)
{
    if (!pass)
        return;
    mime_end(&pass->mime);
    str_free(&pass->header);
    if (pass->encoding_body)
        str_free(&pass->encoder.line);
    free(pass);
}

/* RFC 5322 3.2.2: comments may stand before a value. */
static struct slice skip_comments(struct slice value)
{
    value = slice_trim(value);
    while (slice_starts(value, "(")) {
        (void)slice_take_until(&value, ")");
        value = slice_trim(value);
    }
    return value;
}

static enum encoding find_encoding(struct slice value)
{
    static const struct { const char *name; enum encoding encoding; } names[] = {
        { "7bit", ENCODING_7BIT }, { "8bit", ENCODING_8BIT }, { "binary", ENCODING_BINARY },
    };
    struct slice rest = skip_comments(value);
    struct slice word = slice_part(rest, 0, slice_find_any(rest, " \t\r\n;("));

    for (size_t i = 0; i < COUNT(names); i++)
        if (slice_is_nocase(word, names[i].name))
            return names[i].encoding;
    return ENCODING_OTHER;
}

static void note_type(struct pass *pass, struct slice value)
{
    struct slice type = slice_trim(slice_take_until(&value, ";"));

    if (!mime_type_is_known(type))
        return;
    pass->multipart = slice_starts_nocase(type, "multipart/");
    pass->global = slice_is_nocase(type, "message/global");
    pass->composite = pass->multipart
                      || (slice_starts_nocase(type, "message/") && !pass->global);
}

static bool needs_encoding(const struct pass *pass)
{
    return pass->options & PASS_DOWNGRADE
           && (pass->encoding == ENCODING_8BIT || pass->encoding == ENCODING_BINARY);
}

/* True when the header is not to come out: another one takes its place. */
static bool note_header(struct pass *pass, struct slice line)
{
    struct header header;

    if (pass->options & PASS_FLAT || !header_parse(line, &header))
        return false;
    if (header.id == HEADER_CONTENT_TYPE) {
        mime_content_type(&pass->mime, header.value);
        note_type(pass, header.value);
    }
    if (header.id != HEADER_CONTENT_TRANSFER_ENCODING)
        return false;
    pass->encoding = find_encoding(header.value);
    return needs_encoding(pass);
}

static void end_header(struct pass *pass)
{
    struct slice line = str_slice(&pass->header);

    if (line.length > 0 && !note_header(pass, line))
        pass->hooks->header(pass->argument, pass->mime.place, line);
    str_clear(&pass->header);
}

static void begin_place(struct pass *pass)
{
    pass->encoding = ENCODING_7BIT;
    pass->composite = pass->mime.nested_next;   /* a part of a multipart/digest */
    pass->multipart = pass->global = false;
}

static void announce_encoding(struct pass *pass)
{
    if (!needs_encoding(pass))
        return;
    pass->hooks->header(pass->argument, pass->mime.place, pass->composite
                        ? SLICE_LITERAL("Content-Transfer-Encoding: 7bit")
                        : SLICE_LITERAL("Content-Transfer-Encoding: quoted-printable"));
}

/* As Postfix does, also a message/... that is no whole message, although it says 7bit. */
static void begin_body(struct pass *pass)
{
    pass->encoding_body = needs_encoding(pass) && !pass->multipart;
    if (pass->encoding_body)
        quoted_printable_begin(&pass->encoder, give_encoded, pass);
}

static void end_headers(struct pass *pass)
{
    end_header(pass);
    announce_encoding(pass);
    pass->hooks->headers_end(pass->argument, pass->mime.place);
    if (pass->global && needs_encoding(pass))
        pass->mime.nested_next = false;
    mime_headers_end(&pass->mime);
    if (pass->mime.place == MIME_BODY)
        begin_body(pass);
    else
        begin_place(pass);
}

static void end_body(struct pass *pass)
{
    if (pass->encoding_body)
        quoted_printable_end(&pass->encoder);
    pass->encoding_body = false;
}

/* What is above the limit of a header is dropped, as Postfix does. */
static void add_to_header(struct pass *pass, struct slice text)
{
    if (pass->header.length < pass->header_limit)
        str_add(&pass->header, slice_part(text, 0, pass->header_limit - pass->header.length));
}

/* A piece where headers are expected.  False when it is none: the headers have ended. */
static bool take_header(struct pass *pass, struct slice bytes, bool starts)
{
    if (!starts && pass->header.length > 0) {
        add_to_header(pass, bytes);
        return true;
    }
    if (pass->header.length > 0 && header_continues(bytes)) {
        add_to_header(pass, SLICE_LITERAL("\n"));
        add_to_header(pass, bytes);
        return true;
    }
    if (!header_begins(bytes))
        return false;
    end_header(pass);
    add_to_header(pass, bytes);
    return true;
}

static void take_body(struct pass *pass, struct slice bytes, bool starts, bool ends)
{
    if (starts && !(pass->options & PASS_FLAT) && mime_body_line(&pass->mime, bytes)) {
        end_body(pass);
        begin_place(pass);
        give_body(pass, bytes, ends);
        return;
    }
    if (pass->encoding_body)
        quoted_printable_add(&pass->encoder, bytes, ends);
    else
        give_body(pass, bytes, ends);
}

void pass_add(struct pass *pass, struct slice bytes, bool ends)
{
    bool starts = !pass->within_line;

    pass->within_line = !ends;
    if (pass->mime.place == MIME_BODY) {
        take_body(pass, bytes, starts, ends);
        return;
    }
    if (take_header(pass, bytes, starts))
        return;

    bool primary = pass->mime.place == MIME_PRIMARY;

    end_headers(pass);
    if (bytes.length == 0 && ends) {
        give_body(pass, bytes, ends);
        return;
    }
    if (primary)
        give_body(pass, SLICE_LITERAL(""), true);
    take_body(pass, bytes, starts, ends);
}

void pass_end(struct pass *pass)
{
    if (pass->mime.place != MIME_BODY)
        end_headers(pass);
    end_body(pass);
}
