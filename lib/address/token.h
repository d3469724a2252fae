/*
 * An address list as words and operators (RFC 5322 3.2, 3.4), for lib/address.
 */
#pragma once

#include "base/str.h"

/* Operators are their own character: , ; : < > @ . % ! ) ] */
enum {
    TOKEN_ATOM = 'A',           /* text without its backslashes */
    TOKEN_QUOTED = '"',         /* text without quotes and backslashes */
    TOKEN_LITERAL = '[',        /* text with both brackets, without backslashes */
    TOKEN_COMMENT = '(',        /* text as it stands, with its parentheses */
};

struct token {
    char kind;
    size_t offset, length;      /* of the text */
};

struct tokens {
    struct token *items;
    size_t count, capacity;
    struct str text;
};

#define TOKENS_EMPTY ((struct tokens){ NULL, 0, 0, STR_EMPTY })

/* Take text apart into at most limit tokens; what is more is left out. */
void tokens_read(struct tokens *tokens, struct slice text, size_t limit);
void tokens_free(struct tokens *tokens);

/* Append tokens [first, end) without comments: an address in external form. */
void tokens_write_address(const struct tokens *tokens, size_t first, size_t end,
                          struct str *output);

/* The same in internal form. */
void tokens_write_internal(const struct tokens *tokens, size_t first, size_t end,
                           struct str *output);

/* False when tokens [first, end) are comments only, or none at all. */
bool tokens_have_address(const struct tokens *tokens, size_t first, size_t end);

/* Append tokens [first, end) with a blank between words: a display name. */
void tokens_write_phrase(const struct tokens *tokens, size_t first, size_t end,
                         struct str *output);

/* Append the comments among tokens [first, end), each behind the separator. */
void tokens_write_comments(const struct tokens *tokens, size_t first, size_t end,
                           const char *separator, struct str *output);

static inline bool token_is_word(char kind)
{
    return kind == TOKEN_ATOM || kind == TOKEN_QUOTED || kind == TOKEN_LITERAL;
}
