/*
 * Mail addresses (RFC 5321 4.1.2, RFC 5322 3.4, RFC 6531).
 *
 * An address has two forms.  The external form is what stands in SMTP commands and in
 * headers: a local part that needs it is quoted ("a b"@example.com).  The internal form is what
 * a program works with: without quotes (a b@example.com); its domain is what follows the last @.
 * Queue files and everything behind cleanup hold the internal form.
 */
#pragma once

#include "base/compiler.h"
#include "base/str.h"

struct address_parts {
    struct slice local;
    struct slice domain;    /* without the @ */
    bool has_domain;        /* false: there is no @ at all */
};

/* Split the internal form at its last @. */
struct address_parts address_split(struct slice internal);

/* Append the external form: the local part is quoted when it is no dot-atom, a route stays. */
void address_quote(struct str *output, struct slice internal);

/* Length of the source route at the front, "@a,@b:"; 0 without one. */
size_t address_route_length(struct slice internal);

/* Append the external form of a local part alone; an empty one becomes "". */
void address_quote_local(struct str *output, struct slice local);

/*
 * Append the internal form: quotes, backslashes and comments go.  False when a quoted
 * string or a domain literal is not closed; what could be read is appended all the same.
 */
bool address_unquote(struct str *output, struct slice external);

/*
 * Split user+extension at the first of the delimiters (recipient_delimiter).  False, and nothing
 * set, without one, for mailer-daemon and double-bounce, and for owner-x and x-request when
 * '-' is a delimiter.  *extension is without, *tail (may be NULL) with the delimiter.
 */
bool address_split_extension(struct slice local, const char *delimiters, struct slice *user,
                             struct slice *extension, struct slice *tail);

/* Case folding for lookups: ASCII, and UTF-8 letters too when text is well-formed UTF-8. */
void address_fold(struct str *output, struct slice text);

/* What a MAIL FROM or RCPT TO path turned out to be. */
enum path_result {
    PATH_GOOD,
    PATH_BAD,       /* "501 5.1.7 Bad sender address syntax", "501 5.1.3 Bad recipient..." */
};

enum {
    PATH_STRICT = 1,    /* strict_rfc821_envelopes: <> are required, nothing else is taken */
    PATH_EMPTY = 2,     /* the null address is allowed (MAIL FROM) */
    PATH_UTF8 = 4,      /* SMTPUTF8 was asked for: bytes above 127 are allowed when UTF-8 */
    PATH_NO_ASCII_CHECK = 8,    /* strict_smtputf8=no: bytes above 127 are allowed in any case */
    PATH_WHOLE = 16,            /* all that is there, open brackets and quotes too (VRFY) */
};

/*
 * Take the path off the front of *rest, after "FROM:" or "TO:"; ESMTP parameters stay in
 * *rest.  The internal form, without a source route, replaces what is in internal.  Without
 * PATH_STRICT the forms that clients really send are taken as Postfix does:
 * "user@dom", "Full Name <user@dom>", blanks before <.
 */
enum path_result address_parse_path(struct slice *rest, unsigned flags, struct str *internal)
    MUST_USE;

/* "@a,@b:user@c" without its source route: "user@c". */
struct slice address_strip_route(struct slice external);

/* True for a domain in brackets, [1.2.3.4] or [IPv6:...]; host is what is inside, tag removed. */
bool address_domain_is_literal(struct slice domain, struct slice *host);

/*
 * A host name by RFC 1123 as Postfix checks it: labels of letters, digits, -, _ up to 63
 * bytes, at most 255 in all, not all numeric.  A UTF-8 name counts by its A-labels.
 */
bool address_is_host_name(struct slice text);

/* An IPv4 or IPv6 address in text form; *family (may be NULL) is AF_INET or AF_INET6. */
bool address_is_ip(struct slice text, int *family);
