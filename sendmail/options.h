/*
 * The command line of sendmail(1), as far as it means something to us.
 */
#pragma once

#include "config/config.h"
#include "queue/envelope.h"

#include <stdbool.h>

enum sendmail_mode {
    SENDMAIL_ENQUEUE, SENDMAIL_DAEMON, SENDMAIL_USER_SMTP, SENDMAIL_MAILQ, SENDMAIL_NEWALIASES,
    SENDMAIL_VERIFY, SENDMAIL_FLUSH, SENDMAIL_FLUSH_ID, SENDMAIL_FLUSH_SITE, SENDMAIL_IGNORE,
};

struct sendmail_options {
    enum sendmail_mode mode;
    const char *config_directory;   /* NULL: the default */
    const char *sender;             /* NULL: who calls */
    const char *full_name;          /* NULL: the caller's */
    const char *envelope_id;        /* NULL: none */
    const char *encoding;           /* "8bit", "7bit" or "" */
    const char *verp_delimiters;    /* NULL: no VERP; "": the default ones */
    const char *flush_argument;
    const char *alias_path;         /* -oA: what newaliases builds; NULL: alias_database */
    int64_t notify, return_flags;
    bool extract_recipients, ignore_dots, gateway;
    bool asks_nothing;              /* -q15m: whatever else is there */
    int verbose;
    char **recipients;              /* NULL at the end */
    const struct config *config;
};

/*
 * Find -C, by which the configuration is found that options_read needs.  As in Postfix getopt(3)
 * complains here of what it does not know, and again in options_read.
 */
void options_scan(struct sendmail_options *options, int argc, char **argv);

/* Wrong use ends the process with a fatal line and status 75, as Postfix's does. */
void options_read(struct sendmail_options *options, const struct config *config, int argc,
                  char **argv);
