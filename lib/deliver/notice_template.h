/*
 * The texts of notifications (bounce(5)): built in (conf/bounce.cf.default, as
 * `postconf -t` prints it), and what bounce_template_file says instead.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct config;

enum notice_kind { NOTICE_FAILURE, NOTICE_DELAY, NOTICE_SUCCESS, NOTICE_VERIFY, NOTICE_COUNT };

struct notice_template {
    const char *kind;                   /* "failure" */
    const char *path;                   /* of the file it comes from; "" when it is built in */
    const char *charset;
    const char *from;
    const char *subject;
    const char *postmaster_subject;     /* "" for those that no postmaster gets */
    struct slice text;                  /* with $name in it */
};

struct notice_templates {
    struct notice_template kinds[NOTICE_COUNT];
};

/* The whole built-in text. */
struct slice notice_builtin_text(void);

/*
 * The built-in templates, then those of the file over them; path "" means no file.  A template
 * that is wrong is ignored with a warning; false when the file cannot be read or understood.
 */
bool notice_templates_load(const char *path, struct arena *arena,
                           struct notice_templates *templates, struct error *error) MUST_USE;

/*
 * The text of a template with its $names expanded, the spans in their units too.  False when a
 * name is not defined.
 */
bool notice_expand(const struct config *config, const struct notice_template *notice,
                   struct str *output, struct error *error) MUST_USE;
