/*
 * Bytes that belong to somebody else.
 *
 * data may be NULL only while length is 0; there is no NUL behind the bytes,
 * and there may be NULs among them.  All comparisons and classes are ASCII,
 * whatever the locale.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *data;
    size_t length;
};

/* For printf: printf("%.*s", SLICE_ARGS(slice)). */
#define SLICE_ARGS(slice) (int)(slice).length, (slice).data ? (slice).data : ""

#define SLICE_LITERAL(text) ((struct slice){ (text), sizeof(text) - 1 })

static inline struct slice slice_of(const char *text)
{
    return (struct slice){ text, text ? strlen(text) : 0 };
}

static inline struct slice slice_bytes(const void *data, size_t length)
{
    return (struct slice){ data, length };
}

/* The part from byte start on, of at most length bytes; both are clipped. */
static inline struct slice slice_part(struct slice slice, size_t start, size_t length)
{
    if (start > slice.length)
        start = slice.length;
    if (length > slice.length - start)
        length = slice.length - start;
    return (struct slice){ start ? slice.data + start : slice.data, length };
}

/* The part from byte start on. */
static inline struct slice slice_from(struct slice slice, size_t start)
{
    return slice_part(slice, start, slice.length);
}

bool slice_equal(struct slice a, struct slice b);
bool slice_equal_nocase(struct slice a, struct slice b);
bool slice_is(struct slice slice, const char *text);
bool slice_is_nocase(struct slice slice, const char *text);
bool slice_starts(struct slice slice, const char *prefix);
bool slice_starts_nocase(struct slice slice, const char *prefix);
bool slice_ends(struct slice slice, const char *suffix);
bool slice_ends_nocase(struct slice slice, const char *suffix);

/* Index of the first (last) byte that is c, or slice.length when there is none. */
size_t slice_find(struct slice slice, char c);
size_t slice_find_last(struct slice slice, char c);

/* Index of the first byte that is one of the set, or slice.length. */
size_t slice_find_any(struct slice slice, const char *set);

/* Without white space (blank, tab, CR, LF, VT, FF) at the start, at the end, at both. */
struct slice slice_trim_start(struct slice slice);
struct slice slice_trim_end(struct slice slice);
struct slice slice_trim(struct slice slice);

/*
 * Take what stands before the first byte of set off the front; the byte itself
 * goes too.  Without such a byte everything is taken and the rest is empty.
 */
struct slice slice_take_until(struct slice *rest, const char *set);

/*
 * Take the next word of the list: bytes of separators before it are passed
 * over.  False when only separators were left.
 */
bool slice_take_token(struct slice *rest, const char *separators, struct slice *token);

/* A list of names, between commas and white space, has this one, in upper or lower case. */
bool slice_list_has(struct slice list, const char *name);

/* Take a white-space delimited word; empty at the end. */
struct slice slice_take_word(struct slice *rest);

/*
 * A decimal number that fills the slice, at most limit.  False, and *number
 * untouched, when there is anything else in it or it is too large.
 */
bool slice_number(struct slice slice, uint64_t limit, uint64_t *number);

/* As slice_number, with an optional minus sign, between low and high. */
bool slice_integer(struct slice slice, int64_t low, int64_t high, int64_t *number);

static inline bool byte_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool byte_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool byte_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool byte_is_alnum(char c)
{
    return byte_is_alpha(c) || byte_is_digit(c);
}

static inline char byte_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline char byte_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}
