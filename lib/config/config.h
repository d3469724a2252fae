/*
 * The configuration of a process: main.cf, the -o settings of its master.cf
 * line, and the defaults of the one table of parameters (parameters.def).
 *
 * struct config has a member for each parameter, named as in main.cf, so a
 * misspelled one does not compile.  Only the members whose row names the
 * program are set; reading another one is a bug that the tests find.
 * A config never changes: a changed main.cf means a new generation of processes,
 * so it is shared between threads without locks.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

#define CONFIG_TYPE_TEXT    const char *    /* expanded text, "" when empty, never NULL */
#define CONFIG_TYPE_RAW     const char *    /* text that is expanded later, by its user */
#define CONFIG_TYPE_BOOL    bool
#define CONFIG_TYPE_NUMBER  int
#define CONFIG_TYPE_SIZE    int64_t         /* bytes */
#define CONFIG_TYPE_SECONDS int             /* a span; s m h d w behind the number */

struct main_cf;     /* main.cf as it was read: names and raw values */

struct config {
#define PARAMETER(name, type, ...) CONFIG_TYPE_##type name;
#include "config/parameters.def"
#undef PARAMETER
    const struct main_cf *source;
    const struct config *rewriter;      /* what trivial-rewrite would read; NULL: the same */
};

/* The settings that addresses are rewritten and resolved by. */
static inline const struct config *config_of_rewriter(const struct config *config)
{
    return config->rewriter ? config->rewriter : config;
}

struct config_override {
    const char *name;
    const char *value;
};

struct config_request {
    const char *directory;  /* of main.cf; NULL: $MAIL_CONFIG, else the built-in one */
    const char *program;    /* whose parameters are wanted, as in the used-by column; NULL: none */
    const char *service;    /* service_name of the master.cf line; NULL: the program */
    const struct config_override *overrides;    /* of -o, the later wins */
    size_t override_count;
    const struct config *rewriter;  /* for the member of that name; lives as long */
    int copy;               /* a descriptor that is read in place of main.cf; 0: none */
};

/*
 * Read and evaluate.  False with a text in Postfix's words when main.cf cannot
 * be read or a value is wrong ("bad boolean configuration: x = maybe").
 * *config lives until config_free; the process normally keeps it for good.
 */
bool config_load(const struct config_request *request, const struct config **config,
                 struct error *error) MUST_USE;
void config_free(const struct config *config);

/*
 * Evaluate without loading: everything that is wrong goes to complain, in Postfix's words; what
 * is no error is not spoken of.  False when there was a complaint.
 */
typedef void config_complain(void *argument, const char *text);
bool config_check(const struct config_request *request, config_complain *complain,
                  void *argument);

/*
 * The same for the members of a family that main.cf sets for request->service, a line of master.cf
 * with that command: slow_destination_concurrency_limit.
 */
bool config_check_family(const struct config_request *request, const char *command,
                         config_complain *complain, void *argument);

/*
 * config_load has failed: log its error as fatal and exit.  Where the log is main.cf says, as far
 * as it can be told: a wrong value elsewhere is no reason to be silent.  Daemons do not speak
 * to standard error once they serve.
 */
void config_fatal(const struct config_request *request, bool standard_error,
                  const struct error *error) NO_RETURN;

/*
 * Where log_settings.postlog_socket is when maillog_file is set, below the queue directory:
 * appended to path, whose bytes are returned; NULL without a maillog_file.
 */
const char *config_log_socket(const struct config *config, struct str *path);

/* The same as an absolute path, for commands that are elsewhere. */
const char *config_log_socket_path(const struct config *config, struct str *path);

/* maillog_format = json: what log_settings.json wants to know. */
bool config_log_is_json(const struct config *config);

/*
 * The expanded value of any name: a parameter, whatever its type and whoever
 * uses it, a name the user made up, or a member of a family that main.cf sets
 * (smtp_destination_concurrency_limit).  False when nobody defined it.
 */
bool config_lookup(const struct config *config, const char *name, struct str *value,
                   struct error *error);

/*
 * A member of a family, <prefix><suffix>, or fallback when it is not set:
 * config_family_number(config, "relay", "_destination_concurrency_limit", 20).
 * A wrong value is fatal, as for any parameter.
 */
int config_family_number(const struct config *config, const char *prefix, const char *suffix,
                         int fallback);
int config_family_seconds(const struct config *config, const char *prefix, const char *suffix,
                          int fallback);

/* Expand $name, ${name?text} and the rest of main.cf's expressions in text. */
bool config_expand(const struct config *config, struct slice text, struct str *output,
                   struct error *error) MUST_USE;

/* Is the value of that name "yes"?  For a setting that no member holds, since nothing serves it. */
bool config_is_yes(const struct config *config, const char *name);

/* A span such as "30", "5m", "1h"; unit ('s','m','h','d','w') counts when none is given. */
bool config_parse_seconds(struct slice text, char unit, int *seconds) MUST_USE;

/*
 * Set a -o value on the way: take "name=value" or "{ name = value }" apart.
 * Both parts are allocated and owned by the caller.
 */
bool config_parse_override(struct slice text, struct config_override *override,
                           struct error *error) MUST_USE;

/*
 * The member of the comma or white-space separated list that comes next; text in
 * { } counts as one member, without its braces when strip is set.  False at the end.
 */
bool config_list_next(struct slice *rest, bool strip, struct slice *member);

/* What config_check_unserved finds about a name. */
enum config_finding {
    CONFIG_UNSERVED,    /* a parameter that no program here reads yet */
    CONFIG_MOOT,        /* one that no program here needs; detail is why */
    CONFIG_UNKNOWN,     /* nobody knows the name, and nothing refers to it; detail is the
                           parameter that is spelled most alike, or NULL */
};

/* file and line are where it is set: in main.cf, or the master.cf entry that has the -o. */
typedef void config_report(void *argument, enum config_finding finding, const char *file,
                           int line, const char *name, const char *detail);

/*
 * Report each parameter that main.cf, or -o in master.cf, sets although it has no effect here:
 * its row is served by no program, or the name is unknown.
 */
void config_check_unserved(const struct config *config, config_report *report, void *argument);

/* The known parameter that is spelled most like name; NULL when none is near. */
const char *config_nearest(const char *name);
