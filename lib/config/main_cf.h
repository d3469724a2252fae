/*
 * main.cf as it was read: names and their text, not expanded.
 *
 * Settings of -o come on top: they win, and the file's own text stays known.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct main_cf;

struct main_cf_entry {
    const char *name;
    const char *value;      /* without white space at its ends */
    int line;               /* in the file; 0: set by -o */
};

/*
 * Something in the file that is wrong but does not stop a program, in Postfix's words:
 * "FILE, line 2: overriding earlier entry: name=value".
 */
typedef void main_cf_warn(void *argument, const char *text);

/*
 * Read DIRECTORY/main.cf, or the descriptor copy in its place unless that is 0.  Warnings go to
 * warn, which may be NULL.
 */
bool main_cf_read(const char *directory, int copy, main_cf_warn *warn, void *argument,
                  struct main_cf **main_cf, struct error *error) MUST_USE;

/* The same from memory; path is for messages, and the directory is its folder. */
bool main_cf_parse(struct slice text, const char *path, main_cf_warn *warn, void *argument,
                   struct main_cf **main_cf, struct error *error) MUST_USE;

void main_cf_free(struct main_cf *main_cf);

/* The directory and the file's path, as they were given. */
const char *main_cf_directory(const struct main_cf *main_cf);
const char *main_cf_path(const struct main_cf *main_cf);

/* Set a name; the text is copied. */
void main_cf_set(struct main_cf *main_cf, const char *name, struct slice value);

/* The entry that counts for name; NULL when nobody set it. */
const struct main_cf_entry *main_cf_get(const struct main_cf *main_cf, struct slice name);

/* All entries of the file, each name once, in the order of first appearance; -o behind them. */
size_t main_cf_count(const struct main_cf *main_cf);
const struct main_cf_entry *main_cf_at(const struct main_cf *main_cf, size_t index);
