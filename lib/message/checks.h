/*
 * header_checks(5) and body_checks(5): a table's answer for a logical header or a line of
 * the body, and what is done about it.
 *
 * DUNNO, OK, IGNORE, STRIP, WARN, INFO, PREPEND and REPLACE are the same for every program
 * that checks; what else there is a program brings along as actions of its own.
 */
#pragma once

#include "message/mime.h"
#include "table/table.h"

/* Tables, each with the parameter that names it; NULL for a parameter that is not there. */
struct checks {
    struct table_list *header, *mime_header, *nested_header, *body;
    const char *prefix;         /* of the parameters' names: "", "smtp_", "milter_" */
};

/* What the caller does with the line. */
enum check_verdict { CHECK_STAYS, CHECK_GOES, CHECK_REPLACED };

/* One line and what stands behind the action's name in the table's answer. */
struct check {
    const char *class;          /* "header" or "body": for the log */
    const char *parameter;      /* "header_checks": for warnings */
    struct slice line;
    struct slice text;
};

struct check_action {
    const char *name;
    enum check_verdict (*act)(void *argument, const struct check *check);
};

/* What the programs do in their own ways. */
struct check_hooks {
    void *argument;
    void (*log)(void *argument, const char *verb, const struct check *check);
    void (*prepend)(void *argument, const struct check *check);     /* text goes before the line */
    void (*trouble)(void *argument, const char *parameter);     /* a table cannot be asked */
    const struct check_action *actions;     /* the last one has no name */
};

/*
 * A logical header at a place of the message; *replaced is set for CHECK_REPLACED.  mime is false
 * where only the headers of the message itself are told apart (disable_mime_input_processing).
 */
enum check_verdict checks_header(const struct checks *checks, const struct check_hooks *hooks,
                                 enum mime_place place, bool mime, struct slice line,
                                 struct str *replaced);

/* A line of a body.  An empty one is never checked. */
enum check_verdict checks_body(const struct checks *checks, const struct check_hooks *hooks,
                               struct slice line, struct str *replaced);

/* A warning about an answer that cannot be obeyed: "WHAT in header_checks map". */
enum check_verdict check_complain(const struct check *check, const char *what);

void checks_close(struct checks *checks);
