#include "options.h"

#include "base/slice.h"
#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static void warn_later(struct sendmail_options *options, char *text)
{
    VECTOR_PUSH(&options->warnings, text);
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
    log_fatal_status(EX_TEMPFAIL, "unsupported: -b%s", letters);
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

    while (slice_take_token(&rest, ", \t", bad)) {
        size_t i = 0;

        while (i < COUNT(words) && !slice_is_nocase(*bad, words[i].name))
            i++;
        if (i == COUNT(words))
            return false;
        bits |= words[i].bit;
    }
    if (bits == 0 || (bits & NOTIFY_NEVER && bits != NOTIFY_NEVER))
        return false;
    *notify = bits;
    return true;
}

static void set_notify(struct sendmail_options *options, const char *text)
{
    struct slice bad = { NULL, 0 };
    char *warning;

    if (read_notify(text, &options->notify, &bad))
        return;
    if (asprintf(&warning, "unknown DSN NOTIFY command value \"%.*s\" in \"%s\"", SLICE_ARGS(bad),
                 text) < 0)
        memory_exhausted();
    warn_later(options, warning);
    warn_later(options, memory_copy("bad -N option value -- ignored"));
}

static void set_return(struct sendmail_options *options, const char *text)
{
    if (slice_is_nocase(slice_of(text), "full"))
        options->return_flags = RET_FULL;
    else if (slice_is_nocase(slice_of(text), "hdrs"))
        options->return_flags = RET_HEADERS;
    else
        warn_later(options, memory_copy("bad -R option value -- ignored"));
}

static void set_encoding(struct sendmail_options *options, const char *text)
{
    if (slice_is_nocase(slice_of(text), "8BITMIME"))
        options->encoding = "8bit";
    else if (slice_is_nocase(slice_of(text), "7BIT"))
        options->encoding = "7bit";
    else
        log_fatal_status(EX_TEMPFAIL, "-B option needs 8BITMIME or 7BIT");
}

static void set_flush(struct sendmail_options *options, const char *text)
{
    if (byte_is_digit(text[0])) {
        /* An interval for a daemon of Sendmail's; alone it asks for nothing. */
        if (options->mode == SENDMAIL_ENQUEUE)
            options->mode = SENDMAIL_IGNORE;
        return;
    }
    if (text[0] == '\0') {
        options->mode = SENDMAIL_FLUSH;
        return;
    }
    if ((text[0] != 'I' && text[0] != 'R') || text[1] == '\0')
        log_fatal_status(EX_TEMPFAIL, "-q%c is not implemented", text[0]);
    options->mode = text[0] == 'I' ? SENDMAIL_FLUSH_ID : SENDMAIL_FLUSH_SITE;
    options->flush_argument = text + 1;
}

/* -oX: only i means something; -o7, -o8 are encodings. */
static void set_old(struct sendmail_options *options, const char *text)
{
    switch (text[0]) {
    case '8':
        options->encoding = "8bit";
        return;
    case '7':
        options->encoding = "7bit";
        return;
    case 'i':
        options->ignore_dots = true;
        return;
    case 'm':
        return;
    }
}

/* -XV with delimiters is Postfix's old spelling of -V; -V with "+=" alone asks for VERP. */
static void set_envelope_id(struct sendmail_options *options, const char *text)
{
    if (strlen(text) > 2 || byte_is_alnum(text[0]))
        options->envelope_id = text;
    else
        options->verp_delimiters = text;
}

static void set_extended(struct sendmail_options *options, const char *text)
{
    if (text[0] != 'V')
        log_fatal_status(EX_TEMPFAIL, "usage: sendmail [options]");
    options->verp_delimiters = text + 1;
}

/* -C names a main.cf or the folder it is in. */
static void set_config(struct sendmail_options *options, const char *path)
{
    struct stat status;

    if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode)) {
        struct slice folder = slice_part(slice_of(path), 0, slice_find_last(slice_of(path), '/'));

        options->config_directory = folder.length == strlen(path)
                                        ? "." : memory_text(folder.data, folder.length);
    } else {
        options->config_directory = path;
    }
}

static void set_option(struct sendmail_options *options, int letter, const char *value)
{
    switch (letter) {
    case 'B': set_encoding(options, value); return;
    case 'C': set_config(options, value); return;
    case 'F': options->full_name = value; return;
    case 'G': options->gateway = true; return;
    case 'I': options->mode = SENDMAIL_NEWALIASES; return;
    case 'N': set_notify(options, value); return;
    case 'R': set_return(options, value); return;
    case 'V': set_envelope_id(options, value); return;
    case 'X': set_extended(options, value); return;
    case 'b': set_mode(options, value); return;
    case 'f': case 'r': options->sender = value; return;
    case 'i': options->ignore_dots = true; return;
    case 'n': log_fatal_status(EX_TEMPFAIL, "-n option not supported");
    case 'o': set_old(options, value); return;
    case 'q': set_flush(options, value); return;
    case 't': options->extract_recipients = true; return;
    case 'v': options->verbose++; return;
    case '?': log_fatal_status(EX_TEMPFAIL, "usage: sendmail [options]");
    }
    /* Options of Sendmail's that mean nothing here: A L O U c e h m p. */
}

static enum sendmail_mode mode_of_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    if (strcmp(name, "mailq") == 0)
        return SENDMAIL_MAILQ;
    return strcmp(name, "newaliases") == 0 ? SENDMAIL_NEWALIASES : SENDMAIL_ENQUEUE;
}

void options_read(struct sendmail_options *options, int argc, char **argv)
{
    int letter;

    *options = (struct sendmail_options){ .mode = mode_of_name(argv[0]), .encoding = "" };
    argv[0] = memory_copy("sendmail");      /* getopt(3) complains in its name */
    while ((letter = getopt(argc, argv,
                            "A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q::tvx")) > 0)
        set_option(options, letter, optarg ? optarg : "");
    options->recipients = argv + optind;
}
