/*
 * Rewriting an address to standard form (trivial-rewrite(8), ADDRESS_REWRITING_README).
 *
 * Pure functions of address and settings: no tables, no waiting, any thread.
 */
#pragma once

#include "base/str.h"

struct config;

enum rewrite_context {
    REWRITE_LOCAL,      /* incomplete addresses get $myorigin, $mydomain */
    REWRITE_REMOTE,     /* ... $remote_header_rewrite_domain */
    REWRITE_NONE,       /* remote, and remote_header_rewrite_domain is empty: headers stay */
};

struct rewrite_settings {
    const char *myorigin;
    const char *mydomain;
    const char *remote_header_rewrite_domain;
    const char *recipient_delimiter;
    const char *empty_address_recipient;
    bool append_at_myorigin;
    bool append_dot_mydomain;
    bool swap_bangpath;
    bool allow_percent_hack;
    enum { COMPLETION_SILENT, COMPLETION_TOLD, COMPLETION_TOLD_LOCALHOST } completion;
};

/* The settings point into config. */
struct rewrite_settings rewrite_settings_of(const struct config *config);

/*
 * Have it logged when a name is completed only because append_dot_mydomain has the default of
 * an earlier compatibility_level: for whoever rewrites an address for good, and once.
 */
void rewrite_tell_completion(struct rewrite_settings *settings, const struct config *config);

/* "local" and "remote" as in queue files (rewrite_context=...), REWRITE_LOCAL for other words. */
enum rewrite_context rewrite_context_named(struct slice name);

/* Append the standard form of an address in internal form; the result is internal too. */
void rewrite_address(const struct rewrite_settings *settings, enum rewrite_context context,
                     struct slice internal, struct str *output);

/* The same, external form to external form (headers). */
void rewrite_external(const struct rewrite_settings *settings, enum rewrite_context context,
                      struct slice external, struct str *output);
