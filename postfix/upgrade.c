/*
 * postfix upgrade-configuration: what main.cf and master.cf of an older release lack.
 *
 * The same as Debian's Postfix 3.7 adds, under the same conditions, so that a configuration
 * may go on being used by either suite.
 */
#include "command.h"

#include "base/scope.h"
#include "config/edit_file.h"
#include "config/main_cf.h"
#include "log/log.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <sys/wait.h>

/* Added behind the others when no line matches; a comment may say that it is not wanted. */
static const struct entry {
    const char *name, *pattern, *line;
} entries[] = {
    { "relay service", "^relay", "relay\t  unix\t-\t-\tn\t-\t-\tsmtp" },
    { "flush service", "^flush.*flush",
      "flush     unix  -       -       n       1000?   0       flush" },     /* repaired below */
    { "trace service", "trace.*bounce", "trace\t  unix\t-\t-\tn\t-\t0\tbounce" },
    { "verify service", "^verify.*verify", "verify\t  unix\t-\t-\tn\t-\t1\tverify" },
    { "proxymap service", "^proxymap.*proxymap", "proxymap  unix\t-\t-\tn\t-\t-\tproxymap" },
    { "anvil service", "^anvil.*anvil", "anvil\t  unix\t-\t-\tn\t-\t1\tanvil" },
    { "scache service", "^scache.*scache", "scache\t  unix\t-\t-\tn\t-\t1\tscache" },
    { "discard service", "^discard.*discard", "discard\t  unix\t-\t-\tn\t-\t-\tdiscard" },
    { "tlsmgr service", "^tlsmgr.*tlsmgr",
      "tlsmgr    unix  -       -       n       1000?   1       tlsmgr" },
    { "retry service", "^retry.*error",
      "retry     unix  -       -       n       -       -       error" },
    { "proxywrite service", "^proxywrite.*proxymap",
      "proxywrite unix -       -       n       -       1       proxymap" },
    { "postscreen TCP service", "^#*smtp.*postscreen",
      "#smtp      inet  n       -       n       -       1       postscreen" },
    { "smtpd unix-domain service", "^#*smtpd.*smtpd",
      "#smtpd     pass  -       -       n       -       -       smtpd" },
    { "dnsblog unix-domain service", "^#*dnsblog.*dnsblog",
      "#dnsblog   unix  -       -       n       -       0       dnsblog" },
    { "tlsproxy unix-domain service", "^#*tlsproxy.*tlsproxy",
      "#tlsproxy  unix  -       -       n       -       0       tlsproxy" },
    { "postlog unix-domain datagram service", "^postlog",
      "postlog   unix-dgram n  -       n       -       1       postlogd" },
};

/* In the first line that matches, group 1 and group 2 become these texts. */
static const struct repair {
    const char *what, *pattern, *texts[2];
} repairs[] = {
    { "making the cleanup service public", "^cleanup[ \t]+unix[ \t]+([-y])()[ \t]", { "n", "" } },
    { "making the flush service public", "^flush[ \t]+unix[ \t]+([-y])()[ \t]", { "n", "" } },
    { "updating the tlsmgr from fifo to unix service",
      "^tlsmgr[ \t]+(fifo)[ \t]+[^ \t]+[ \t]+[^ \t]+[ \t]+[^ \t]+[ \t]+[0-9]+()[ \t]",
      { "unix", "?" } },
};

enum { GROUPS = 3 };    /* the whole match is the first */

/* Where the pattern, whose ^ is the start of any line, matches first; false when nowhere. */
static bool find(const struct str *text, const char *pattern, regmatch_t *groups)
{
    regex_t compiled;

    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NEWLINE) != 0)
        log_panic("upgrade-configuration: bad pattern %s", pattern);

    bool found = regexec(&compiled, text->data, GROUPS, groups, 0) == 0;

    regfree(&compiled);
    return found;
}

static void add(const struct edit_file *edit, struct str *text, const struct entry *entry)
{
    regmatch_t groups[GROUPS];

    if (find(text, entry->pattern, groups))
        return;
    printf("Editing %s, adding missing entry for %s\n", edit->path, entry->name);
    if (text->length && text->data[text->length - 1] != '\n')
        str_text(text, "\n");
    str_format(text, "%s\n", entry->line);
}

static void repair(const struct edit_file *edit, struct str *text, const struct repair *repair)
{
    AUTO_STR struct str repaired = STR_EMPTY;
    regmatch_t groups[GROUPS];
    size_t done = 0;

    if (!find(text, repair->pattern, groups))
        return;
    printf("Editing %s, %s\n", edit->path, repair->what);
    for (size_t i = 1; i < GROUPS; i++) {
        str_add(&repaired, slice_bytes(text->data + done, (size_t)groups[i].rm_so - done));
        str_text(&repaired, repair->texts[i - 1]);
        done = (size_t)groups[i].rm_eo;
    }
    str_add(&repaired, slice_from(str_slice(text), done));
    str_cut(text, 0);
    str_add(text, str_slice(&repaired));
}

static void upgrade_services(const struct command_context *context)
{
    AUTO_STR struct str path = STR_EMPTY, text = STR_EMPTY;
    struct edit_file edit;

    str_format(&path, "%s/master.cf", context->directory);
    edit_file_open(&edit, path.data);
    str_add(&text, str_slice(&edit.text));
    for (size_t i = 0; i < COUNT(entries); i++)
        add(&edit, &text, &entries[i]);
    for (size_t i = 0; i < COUNT(repairs); i++)
        repair(&edit, &text, &repairs[i]);
    if (slice_equal(str_slice(&text), str_slice(&edit.text)))
        edit_file_abandon(&edit);
    else
        edit_file_commit(&edit, &text);
}

static void set_parameter(const struct command_context *context, const char *name,
                          const char *value)
{
    AUTO_STR struct str program = STR_EMPTY, setting = STR_EMPTY;
    int status = 1;

    str_format(&program, "%s/postconf", context->config->command_directory);
    str_format(&setting, "%s = %s", name, value);
    printf("Editing %s/main.cf, setting %s\n", context->directory, setting.data);
    fflush(stdout);

    pid_t child = fork();

    if (child == 0) {
        execl(program.data, program.data, "-c", context->directory, "-e", setting.data,
              (char *)NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status != 0)
        log_fatal("cannot set %s in %s/main.cf", name, context->directory);
}

/* Both may become large.  As with Postfix, who has deferred is not given defer. */
static void upgrade_hashed_queues(const struct command_context *context)
{
    static const char *const needed[] = { "defer", "deferred" };
    const char *now = context->config->hash_queue_names;
    AUTO_STR struct str names = STR_EMPTY;

    str_text(&names, now);
    for (size_t i = 0; i < COUNT(needed); i++)
        if (!strstr(now, needed[i]))
            str_format(&names, "%s%s", names.length ? " " : "", needed[i]);
    if (strcmp(names.data, now) != 0)
        set_parameter(context, "hash_queue_names", names.data);
}

int upgrade_configuration(const struct command_context *context)
{
    folders_check(context);
    upgrade_services(context);
    upgrade_hashed_queues(context);
    /* Who never asked for IPv6 goes on without it. */
    if (!main_cf_get(context->config->source, slice_of("inet_protocols")))
        set_parameter(context, "inet_protocols", "ipv4");
    return 0;
}
