/*
 * Where in the MIME structure of a message we are (RFC 2045, 2046), as far as header and
 * body checks need it: which lines of the body are headers of a part or of an attached
 * message, and where a part begins.
 */
#pragma once

#include "base/str.h"
#include "config/config.h"

enum mime_place {
    MIME_PRIMARY,       /* headers of the message: header_checks */
    MIME_PART_HEADERS,  /* headers of a part: mime_header_checks */
    MIME_NESTED,        /* headers of an attached message: nested_header_checks */
    MIME_BODY,
};

struct mime_boundary;

struct mime {
    enum mime_place place;
    struct mime_boundary *boundaries;   /* the innermost first */
    int depth;
    int nesting_limit;
    size_t boundary_limit;
    bool nested_next;                   /* message/rfc822: the body begins with headers */
};

void mime_begin(struct mime *mime, const struct config *config);
void mime_end(struct mime *mime);

/*
 * Text, a multipart, a message.  Any other type leaves a part what it is by default, which
 * makes a difference in a multipart/digest only.
 */
bool mime_type_is_known(struct slice type);

/* A Content-Type header of the place we are in. */
void mime_content_type(struct mime *mime, struct slice value);

/* Append "type/subtype" of a Content-Type, and the word of a Content-Transfer-Encoding. */
void mime_read_type(struct slice value, struct str *type);
void mime_read_encoding(struct slice value, struct str *encoding);

/* The headers of the place have ended: what follows is a body, or an attached message. */
void mime_headers_end(struct mime *mime);

/*
 * A line of a body.  True when it is a boundary: the place is then MIME_PART_HEADERS, or
 * MIME_BODY behind the last part.
 */
bool mime_body_line(struct mime *mime, struct slice line);
