#include "options.h"

#include "journal.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static void warn(const struct sendmail_options *options, const char *format, ...)
    PRINTF_LIKE(2, 3);
static void fail(const struct sendmail_options *options, const char *format, ...)
    PRINTF_LIKE(2, 3) NO_RETURN;

static void warn(const struct sendmail_options *options, const char *format, ...)
{
    AUTO_STR struct str text = STR_EMPTY;
    va_list arguments;

    va_start(arguments, format);
    str_vformat(&text, format, arguments);
    va_end(arguments);
    journal_open(options->config, true);
    log_warn("%s", text.data);
}

static void fail(const struct sendmail_options *options, const char *format, ...)
{
    AUTO_STR struct str text = STR_EMPTY;
    va_list arguments;

    va_start(arguments, format);
    str_vformat(&text, format, arguments);
    va_end(arguments);
    journal_open(options->config, true);
    log_fatal_status(EX_TEMPFAIL, "%s", text.data);
}

static void set_mode(struct sendmail_options *options, const char *letters)
{
    static const struct { char letter; enum sendmail_mode mode; } modes[] = {
        { 'm', SENDMAIL_ENQUEUE }, { 'd', SENDMAIL_DAEMON }, { 'l', SENDMAIL_DAEMON },
        { 's', SENDMAIL_USER_SMTP }, { 'p', SENDMAIL_MAILQ }, { 'i', SENDMAIL_NEWALIASES },
        { 'v', SENDMAIL_VERIFY }, { 'h', SENDMAIL_IGNORE }, { 'H', SENDMAIL_IGNORE },
    };

    for (size_t i = 0; i < COUNT(modes); i++) {
        if (modes[i].letter == letters[0]) {
            options->mode = modes[i].mode;
            return;
        }
    }
    fail(options, "unsupported: -b%.1s", letters);
}

/* RFC 3461 4.1: NEVER stands alone. */
static bool read_notify(const char *text, int64_t *notify, struct slice *bad)
{
    static const struct { const char *name; int64_t bit; } words[] = {
        { "never", NOTIFY_NEVER }, { "success", NOTIFY_SUCCESS }, { "failure", NOTIFY_FAILURE },
        { "delay", NOTIFY_DELAY },
    };
    struct slice rest = slice_of(text);
    int64_t bits = 0;

    for (struct slice word; slice_take_token(&rest, ", \t", &word);) {
        size_t i = 0;

        while (i < COUNT(words) && !slice_is_nocase(word, words[i].name))
            i++;
        if (i == COUNT(words)) {
            *bad = word;
            return false;
        }
        bits |= words[i].bit;
    }
    if (bits == 0 || (bits & NOTIFY_NEVER && bits != NOTIFY_NEVER))
        return false;
    *notify = bits;
    return true;
}

static void set_notify(struct sendmail_options *options, const char *text)
{
    options->notify = 0;

    struct slice bad = { NULL, 0 };

    if (read_notify(text, &options->notify, &bad))
        return;
    if (bad.length > 0)
        warn(options, "unknown DSN NOTIFY command value \"%.*s\" in \"%s\"",
                   SLICE_ARGS(bad), text);
    warn(options, "bad -N option value -- ignored");
}

static void set_return(struct sendmail_options *options, const char *text)
{
    options->return_flags = 0;
    if (slice_is_nocase(slice_of(text), "full"))
        options->return_flags = RET_FULL;
    else if (slice_is_nocase(slice_of(text), "hdrs"))
        options->return_flags = RET_HEADERS;
    else
        warn(options, "bad -R option value -- ignored");
}

static void set_encoding(struct sendmail_options *options, const char *text)
{
    if (strcmp(text, "8BITMIME") == 0)
        options->encoding = "8bit";
    else if (strcmp(text, "7BIT") == 0)
        options->encoding = "7bit";
    else
        fail(options, "-B option needs 8BITMIME or 7BIT");
}

static void set_flush(struct sendmail_options *options, const char *text)
{
    if (byte_is_digit(text[0])) {
        /* An interval for a daemon of Sendmail's; else it asks for nothing at all. */
        options->asks_nothing |= options->mode != SENDMAIL_DAEMON;
        return;
    }
    if (text[0] == '\0') {
        options->mode = SENDMAIL_FLUSH;
        return;
    }
    if (text[0] != 'I' && text[0] != 'R')
        fail(options, "-q%c is not implemented", text[0]);
    if (text[1] == '\0')
        fail(options, "specify: -q%s",
                         text[0] == 'I' ? "Iqueueid" : "Rsitename");
    options->mode = text[0] == 'I' ? SENDMAIL_FLUSH_ID : SENDMAIL_FLUSH_SITE;
    options->flush_argument = text + 1;
}

/* What Sendmail knows and nobody needs: with -v before it that is said. */
static void ignore(const struct sendmail_options *options, const char *option)
{
    if (!options->verbose)
        return;
    journal_open(options->config, true);
    log_info("-%s option ignored", option);
}

/* -oX: i is -i, A is the alias file; the rest means nothing here. */
static void set_old(struct sendmail_options *options, const char *text)
{
    if (text[0] == 'i')
        options->ignore_dots = true;
    else if (text[0] && !strchr("A78m", text[0]))
        ignore(options, (char[]){ 'o', text[0], '\0' });
    if (text[0] == 'A' && text[1] == '\0')
        fail(options, "-oA requires pathname");
    if (text[0] == 'A')
        options->alias_path = text + 1;
}

static void check_delimiters(const struct sendmail_options *options, const char *text)
{
    const char *allowed = options->config->verp_delimiter_filter;

    if (strlen(text) != 2 || strspn(text, allowed) != 2)
        fail(options, "-V requires two characters from %s", allowed);
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

/*
 * -V of two bytes is VERP, as before DSN gave the letter to the envelope id: -V+= with
 * delimiters, or -V alone, and then what follows is not its value.
 */
static void set_envelope_id(struct sendmail_options *options, const char *text, bool attached)
{
    if (strlen(text) == 2) {
        const char *delimiters = attached ? text : "";

        warn(options, "option -V%s is deprecated with Postfix 2.3; specify -XV%s instead",
                   delimiters, delimiters);
        if (attached)
            check_delimiters(options, text);
        options->verp_delimiters = delimiters;
        if (!attached)
            optind--;
    } else if (*text == '\0' || !is_printable(text)) {
        warn(options, "bad syntax in -V option value -- ignored");
    } else {
        options->envelope_id = text;
    }
}

static void set_extended(struct sendmail_options *options, const char *text, bool attached)
{
    if (text[0] != 'V')
        fail(options, "unsupported: -X%.1s", text);
    if (text[1] != '\0' || !attached)
        check_delimiters(options, text + 1);
    options->verp_delimiters = text + 1;
}

/* -C names a main.cf or the folder it is in; its last part tells which. */
static void set_config(struct sendmail_options *options, const char *path)
{
    struct slice whole = slice_of(path);

    options->config_directory = path;
    if (slice_is(whole, "main.cf"))
        options->config_directory = ".";
    else if (slice_is(whole, "/main.cf"))
        options->config_directory = "/";
    else if (slice_ends(whole, "/main.cf"))
        options->config_directory = memory_text(path, slice_find_last(whole, '/'));
}

static void set_option(struct sendmail_options *options, int letter, const char *value,
                       bool attached)
{
    switch (letter) {
    case 'B': set_encoding(options, value); return;
    case 'C': return;
    case 'F': options->full_name = value; return;
    case 'G': options->gateway = true; return;
    case 'I': options->mode = SENDMAIL_NEWALIASES; return;
    case 'N': set_notify(options, value); return;
    case 'R': set_return(options, value); return;
    case 'V': set_envelope_id(options, value, attached); return;
    case 'X': set_extended(options, value, attached); return;
    case 'b': set_mode(options, value); return;
    case 'f': case 'r': options->sender = value; return;
    case 'i': options->ignore_dots = true; return;
    case 'n': fail(options, "-n option not supported");
    case 'o': set_old(options, value); return;
    case 'q': set_flush(options, value); return;
    case 't': options->extract_recipients = true; return;
    case 'v': options->verbose++; return;
    case 'A': case 'L': case 'O': case 'U': case 'c': case 'e': case 'h': case 'm': case 'p':
    case 'x':
        ignore(options, (char[]){ (char)letter, '\0' });
        return;
    case '?': fail(options, "usage: sendmail [options]");
    }
}

/* What goes together, and what does not. */
static void check_mode(const struct sendmail_options *options)
{
    static const char *const names[] = {
        [SENDMAIL_DAEMON] = "daemon mode", [SENDMAIL_USER_SMTP] = "stand-alone mode",
        [SENDMAIL_MAILQ] = "display queue mode",
        [SENDMAIL_NEWALIASES] = "alias initialization mode", [SENDMAIL_FLUSH] = "flush queue mode",
        [SENDMAIL_FLUSH_ID] = "flush queue_id", [SENDMAIL_FLUSH_SITE] = "flush site",
        [SENDMAIL_IGNORE] = NULL,
    };

    if (options->extract_recipients && options->mode == SENDMAIL_VERIFY)
        fail(options, "-t option cannot be used with -bv");
    if (options->verbose && options->mode == SENDMAIL_VERIFY)
        fail(options, "-v option cannot be used with -bv");
    if (options->notify && options->mode == SENDMAIL_VERIFY)
        fail(options, "-N option cannot be used with -bv");
    if (options->return_flags && options->mode == SENDMAIL_VERIFY)
        fail(options, "-R option cannot be used with -bv");
    if (options->extract_recipients && options->mode != SENDMAIL_ENQUEUE)
        fail(options, "-t can be used only in delivery mode");
    if (*options->recipients && names[options->mode])
        fail(options, "%s requires no recipient", names[options->mode]);
}

/* Options of Sendmail's that mean nothing here are taken too: A L O U c e h m p. */
static const char letters[] = "+A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q::tvx";

static enum sendmail_mode mode_of_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    if (strcmp(name, "mailq") == 0)
        return SENDMAIL_MAILQ;
    return strcmp(name, "newaliases") == 0 ? SENDMAIL_NEWALIASES : SENDMAIL_ENQUEUE;
}

void options_scan(struct sendmail_options *options, int argc, char **argv)
{
    int letter;

    *options = (struct sendmail_options){ .mode = mode_of_name(argv[0]), .encoding = "" };
    argv[0] = memory_copy("sendmail");      /* getopt(3) complains in its name */
    while ((letter = getopt(argc, argv, letters)) > 0)
        if (letter == 'C')
            set_config(options, optarg);
    optind = 1;
}

void options_read(struct sendmail_options *options, const struct config *config, int argc,
                  char **argv)
{
    int letter;

    options->config = config;
    while ((letter = getopt(argc, argv, letters)) > 0)
        set_option(options, letter, optarg ? optarg : "", optarg != argv[optind - 1]);
    options->recipients = argv + optind;
    if (options->asks_nothing)
        options->mode = SENDMAIL_IGNORE;
    else
        check_mode(options);
}
