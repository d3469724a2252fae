/*
 * sendmail(1), mailq(1), newaliases(1): what programs expect of a mail system.  Each mode ends
 * in the program that does the work, in this process.
 */
#include "journal.h"
#include "options.h"
#include "submit.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sysexits.h>

/* Descriptors 0 to 2 are open, so that no file of ours gets their numbers. */
static void tidy_descriptors(void)
{
    int fd;

    if (fcntl(STDERR_FILENO, F_GETFD) >= 0 && fcntl(STDIN_FILENO, F_GETFD) >= 0
        && fcntl(STDOUT_FILENO, F_GETFD) >= 0)
        return;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    if (fd > STDERR_FILENO)
        close(fd);
}

static const struct config *load(const struct sendmail_options *options)
{
    struct config_request request = {
        .directory = options->config_directory, .program = "sendmail",
    };
    const struct config *config;
    struct error error;

    /* The programs that follow are told by the environment, as Postfix's are. */
    if (options->config_directory && setenv("MAIL_CONFIG", options->config_directory, 1) < 0)
        log_fatal_status(EX_TEMPFAIL, "setenv: %s", strerror(errno));
    if (!config_load(&request, &config, &error))
        log_fatal_status(EX_TEMPFAIL, "%s", error.text);
    return config;
}

static void become(const char *folder, const char *name, char *const arguments[]) NO_RETURN;

static void become(const char *folder, const char *name, char *const arguments[])
{
    AUTO_STR struct str path = STR_EMPTY;

    str_format(&path, "%s/%s", folder, name);
    execv(path.data, arguments);
    log_fatal_status(EX_TEMPFAIL, "execute %s: %s", path.data, strerror(errno));
}

/* A program of ours with one option and its argument (both may be NULL). */
static void become_command(const struct config *config, const char *name, const char *option,
                           const char *argument) NO_RETURN;

static void become_command(const struct config *config, const char *name, const char *option,
                           const char *argument)
{
    char *arguments[] = {
        memory_copy(name), memory_copy(option), memory_copy(argument), NULL,
    };

    become(config->command_directory, name, arguments);
}

static void rebuild_aliases(const struct sendmail_options *options,
                            const struct config *config) NO_RETURN;

static void rebuild_aliases(const struct sendmail_options *options,
                            const struct config *config)
{
    struct { char **items; size_t count, capacity; } arguments = { NULL, 0, 0 };
    const char *list = options->alias_path ? options->alias_path : config->alias_database;
    struct slice rest = slice_of(list), member;

    VECTOR_PUSH(&arguments, memory_copy("postalias"));
    VECTOR_PUSH(&arguments, memory_copy("--"));
    while (config_list_next(&rest, false, &member))
        VECTOR_PUSH(&arguments, memory_text(member.data, member.length));
    if (arguments.count == 2)
        exit(EX_OK);
    VECTOR_PUSH(&arguments, NULL);
    become(config->command_directory, "postalias", arguments.items);
}

/* postdrop reads from memory: it starts when the whole message is there, and we are gone. */
static void hand_over(const struct config *config, const struct str *records) NO_RETURN;

static void hand_over(const struct config *config, const struct str *records)
{
    int fd = memfd_create("message", 0);
    size_t done = 0;

    while (fd >= 0 && done < records->length) {
        ssize_t count = write(fd, records->data + done, records->length - done);

        if (count < 0)
            break;
        done += (size_t)count;
    }
    if (fd < 0 || done < records->length || lseek(fd, 0, SEEK_SET) < 0
        || dup2(fd, STDIN_FILENO) < 0)
        log_fatal_status(EX_TEMPFAIL, "hand over to postdrop: %s", strerror(errno));
    if (fd != STDIN_FILENO)
        close(fd);
    become_command(config, "postdrop", NULL, NULL);
}

static void enqueue(const struct sendmail_options *options, const struct config *config) NO_RETURN;

static void enqueue(const struct sendmail_options *options, const struct config *config)
{
    AUTO_STR struct str records = STR_EMPTY, sender = STR_EMPTY;
    const char *wrong = submit_read(options, config, &records, &sender);

    if (wrong) {
        journal_open(config, true);
        log_fatal_status(EX_TEMPFAIL, "%s(%ld): %s", sender.data, (long)getuid(), wrong);
    }
    if (options->verbose == 1 || options->mode == SENDMAIL_VERIFY)
        printf("Mail Delivery Status Report will be mailed to <%s>.\n", sender.data);
    fflush(stdout);
    hand_over(config, &records);
}

int main(int argc, char **argv)
{
    struct sendmail_options options;

    tidy_descriptors();
    journal_open(NULL, false);
    options_scan(&options, argc, argv);

    const struct config *config = load(&options);

    journal_open(config, false);
    options_read(&options, config, argc, argv);
    switch (options.mode) {
    case SENDMAIL_ENQUEUE:
    case SENDMAIL_VERIFY:
        enqueue(&options, config);
    case SENDMAIL_DAEMON:
        become(config->command_directory, "postfix",
               (char *[]){ (char *)"postfix", (char *)"start", NULL });
    case SENDMAIL_USER_SMTP:
        become(config->daemon_directory, "smtpd",
               (char *[]){ (char *)"smtpd", (char *)"-S", NULL });
    case SENDMAIL_MAILQ:
        become_command(config, "postqueue", "-p", NULL);
    case SENDMAIL_NEWALIASES:
        rebuild_aliases(&options, config);
    case SENDMAIL_FLUSH:
        become_command(config, "postqueue", "-f", NULL);
    case SENDMAIL_FLUSH_ID:
        become_command(config, "postqueue", "-i", options.flush_argument);
    case SENDMAIL_FLUSH_SITE:
        become_command(config, "postqueue", "-s", options.flush_argument);
    case SENDMAIL_IGNORE:
        break;
    }
    return EX_OK;
}
