#include "submit.h"

#include "journal.h"

#include "address/header.h"
#include "base/encoding.h"
#include "base/scope.h"
#include "log/log.h"
#include "message/header.h"
#include "queue/record.h"

#include <errno.h>
#include <pwd.h>
#include <sysexits.h>

/* What the queue's trace_flags say: report what would happen; deliver, and report. */
enum { TRACE_VERIFY = 512, TRACE_RECORD = 1024 };

struct reading {
    const struct sendmail_options *options;
    const struct config *config;
    struct str *records, *sender;
    struct str extracted;       /* records of recipients that the headers name */
    struct str extracted_resent;
    struct str header;          /* a logical header that may go on */
    bool in_headers, resent, ended;
    bool too_long;              /* a header is above header_size_limit */
    bool strip_return;          /* a CR before the line end belongs to it */
    size_t lines;
    size_t recipients;
};

static void add(struct reading *reading, char type, const char *text)
{
    record_append(reading->records, type, slice_of(text));
}

static void add_attribute(struct str *records, const char *name, long value)
{
    AUTO_STR struct str text = STR_EMPTY;

    str_format(&text, "%s=%ld", name, value);
    record_append(records, RECORD_ATTRIBUTE, str_slice(&text));
}

/* Where the recipients of one list go. */
struct recipient_target {
    struct reading *reading;
    struct str *records;
};

static void add_recipient(void *argument, struct slice internal)
{
    struct recipient_target *target = argument;
    long notify = (long)target->reading->options->notify;

    if (notify)
        add_attribute(target->records, "notify_flags", notify);
    record_append(target->records, RECORD_RECIPIENT, internal);
    target->reading->recipients++;
}

struct sender {
    struct str address;         /* the first that was found */
    size_t count;
};

static void take_address(void *argument, struct slice internal)
{
    struct sender *sender = argument;

    if (sender->count++ == 0)
        str_set(&sender->address, internal);
}

/* What -f says, or who calls. */
static void find_sender(const struct sendmail_options *options, const struct passwd *user,
                        struct str *address)
{
    struct sender sender = { STR_EMPTY, 0 };

    if (!options->sender) {
        str_text(address, user->pw_name);
        return;
    }
    header_find_addresses(slice_of(options->sender), take_address, &sender);
    if (sender.count > 1) {
        journal_open(options->config, true);
        log_warn("-f option specified malformed sender: %s", options->sender);
    }
    str_add(address, str_slice(&sender.address));
    str_free(&sender.address);
}

/* The caller's name in gecos: up to the comma, & stands for the login name (finger(1)). */
static void full_name_of(const struct passwd *user, struct str *name)
{
    struct slice gecos = slice_of(user->pw_gecos);

    gecos = slice_part(gecos, 0, slice_find_any(gecos, ",;%"));
    for (size_t i = 0; i < gecos.length; i++) {
        if (gecos.data[i] != '&') {
            str_byte(name, gecos.data[i]);
            continue;
        }
        size_t start = name->length;

        str_text(name, user->pw_name);
        name->data[start] = byte_upper(name->data[start]);
    }
}

static void add_sender(struct reading *reading)
{
    const struct sendmail_options *options = reading->options;
    AUTO_STR struct str name = STR_EMPTY;
    const char *from_environment = getenv("NAME");
    const struct passwd *user = getpwuid(getuid());

    if (!user && (!options->sender || !options->full_name))
        log_fatal_status(EX_TEMPFAIL, "no login name found for user ID %ld", (long)getuid());
    bool named = options->full_name || from_environment;

    if (options->full_name)
        str_text(&name, options->full_name);
    else if (from_environment)
        str_text(&name, from_environment);
    else
        full_name_of(user, &name);
    find_sender(options, user, reading->sender);
    if (named || name.length > 0)
        add(reading, RECORD_FULL_NAME, name.data);
    add(reading, RECORD_SENDER, reading->sender->data);
}

static void add_envelope(struct reading *reading)
{
    const struct sendmail_options *options = reading->options;
    AUTO_STR struct str text = STR_EMPTY;

    if (options->envelope_id) {
        str_format(&text, "envelope_id=%s", options->envelope_id);
        add(reading, RECORD_ATTRIBUTE, text.data);
    }
    if (options->return_flags)
        add_attribute(reading->records, "ret_flags", (long)options->return_flags);
    add(reading, RECORD_ATTRIBUTE,
        options->gateway ? "rewrite_context=remote" : "rewrite_context=local");
    add_sender(reading);
    if (*options->encoding) {
        str_clear(&text);
        str_format(&text, "encoding=%s", options->encoding);
        add(reading, RECORD_ATTRIBUTE, text.data);
    }
    if (options->mode == SENDMAIL_VERIFY)
        add_attribute(reading->records, "trace_flags", TRACE_VERIFY);
    else if (options->verbose == 1)
        add_attribute(reading->records, "trace_flags", TRACE_RECORD);
    if (options->verp_delimiters)
        add(reading, RECORD_VERP, *options->verp_delimiters
                                      ? options->verp_delimiters
                                      : reading->config->default_verp_delimiters);

    struct recipient_target target = { reading, reading->records };

    for (char **recipient = options->recipients; *recipient; recipient++) {
        size_t before = reading->recipients;

        header_find_addresses(slice_of(*recipient), add_recipient, &target);
        if (reading->recipients > before)
            continue;
        record_append(reading->records, RECORD_RECIPIENT, SLICE_LITERAL(""));
        reading->recipients++;
    }
}

static void end_header(struct reading *reading)
{
    struct header header;

    if (reading->header.length > (size_t)reading->config->header_size_limit)
        reading->too_long = true;
    if (reading->header.length > 0 && header_parse(str_slice(&reading->header), &header)) {
        bool resent = header.flags & HEADER_RESENT;
        struct recipient_target target = {
            reading, resent ? &reading->extracted_resent : &reading->extracted,
        };

        reading->resent |= resent && header.flags & HEADER_EXTRACT;
        if (header.flags & HEADER_EXTRACT)
            header_find_addresses(header.value, add_recipient, &target);
    }
    str_clear(&reading->header);
}

/* "To :" becomes "To:", into a text that lives as long as the header is read. */
static void tidy_name(struct reading *reading, struct slice line)
{
    size_t colon = slice_find(line, ':');

    str_set(&reading->header, slice_trim(slice_part(line, 0, colon)));
    str_add(&reading->header, slice_from(line, colon));
}

/*
 * Only -t cares for the headers.  Where they end without an empty line one is added.  True when
 * the line is another one now.
 */
static bool look_at_header(struct reading *reading, struct slice *line)
{
    if (header_continues(*line) && reading->header.length > 0) {
        str_byte(&reading->header, '\n');
        str_add(&reading->header, *line);
        return false;
    }
    end_header(reading);
    if (header_begins(*line)) {
        tidy_name(reading, *line);
        *line = str_slice(&reading->header);
        return true;
    }
    reading->in_headers = false;
    if (line->length > 0)
        add(reading, RECORD_LINE, "");
    return false;
}

static void strip(const struct reading *reading, struct slice *line, bool ended)
{
    while (reading->strip_return && ended && line->length > 0
           && line->data[line->length - 1] == '\r')
        line->length--;
}

static void take_line(struct reading *reading, struct slice line, bool ended)
{
    struct slice whole = line;
    size_t limit = (size_t)reading->config->line_length_limit;

    strip(reading, &line, ended);
    if (!reading->options->ignore_dots && slice_is(line, ".")) {
        reading->ended = true;
        return;
    }
    /* The envelope of a mailbox file is not part of the message. */
    if (reading->lines == 0 && (slice_starts(line, "From ") || slice_starts(line, ">From ")))
        return;
    reading->lines++;
    if (reading->in_headers && reading->options->extract_recipients) {
        bool shortened = look_at_header(reading, &line);

        ended |= reading->in_headers;
        whole = shortened ? line : whole;
    }
    while (whole.length >= limit) {
        record_append(reading->records, RECORD_PART, slice_part(whole, 0, limit));
        whole = slice_from(whole, limit);
        line = whole;
        strip(reading, &line, ended);
    }
    if (ended || line.length > 0)
        record_append(reading->records, ended ? RECORD_LINE : RECORD_PART, line);
}

static bool strips_return(const struct config *config, struct slice first_line)
{
    if (slice_is_nocase(slice_of(config->sendmail_fix_line_endings), "never"))
        return false;
    return slice_is_nocase(slice_of(config->sendmail_fix_line_endings), "always")
           || slice_ends(first_line, "\r");
}

static size_t read_more(struct str *input)
{
    enum { PIECE = 64 * 1024 };

    for (;;) {
        ssize_t count = read(STDIN_FILENO, str_reserve(input, PIECE), PIECE);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            log_fatal_status(EX_TEMPFAIL, "error reading input: %s", strerror(errno));
        str_added(input, (size_t)count);
        return (size_t)count;
    }
}

static const char *read_content(struct reading *reading)
{
    AUTO_STR struct str input = STR_EMPTY;
    int64_t limit = reading->config->message_size_limit;
    bool first = true;

    while (!reading->ended && read_more(&input) > 0) {
        struct slice rest = str_slice(&input);
        size_t end;

        while (!reading->ended && (end = slice_find(rest, '\n')) < rest.length) {
            struct slice line = slice_part(rest, 0, end);

            if (first)
                reading->strip_return = strips_return(reading->config, line);
            first = false;
            take_line(reading, line, true);
            rest = slice_from(rest, end + 1);
        }
        str_drop(&input, input.length - rest.length);
        if (limit > 0 && (int64_t)(reading->records->length + input.length) > limit)
            return "message file too big";
    }
    if (!reading->ended && input.length > 0) {
        take_line(reading, str_slice(&input), false);
        if (reading->options->extract_recipients && !reading->ended
            && !reading->in_headers)
            add(reading, RECORD_LINE, "");      /* as Postfix ends it then */
    }
    return NULL;
}

/* A message that nobody gets: what would happen to it is reported. */
static void make_probe(struct reading *reading)
{
    AUTO_STR struct str text = STR_EMPTY;

    str_format(&text, "From: %s", reading->sender->data);
    if (reading->sender->length > 0)
        add(reading, RECORD_LINE, text.data);
    add(reading, RECORD_LINE, "Subject: probe");
    add(reading, RECORD_PART, "To:");
    for (char **recipient = reading->options->recipients; *recipient; recipient++) {
        str_clear(&text);
        str_format(&text, "\t%s%s", *recipient, recipient[1] ? "," : "");
        add(reading, RECORD_LINE, text.data);
    }
}

const char *submit_read(const struct sendmail_options *options, const struct config *config,
                        struct str *records, struct str *sender)
{
    struct reading reading = {
        .options = options, .config = config, .records = records, .sender = sender,
        .extracted = STR_EMPTY, .extracted_resent = STR_EMPTY, .header = STR_EMPTY,
        .in_headers = true,
    };
    const char *wrong = NULL;

    add_envelope(&reading);
    if (options->verp_delimiters && sender->length == 0)
        return "-V option requires non-null sender address";
    if (reading.recipients == 0 && !options->extract_recipients)
        return "Recipient addresses must be specified on the command line or via the -t option";

    bool named = reading.recipients > 0;

    add(&reading, RECORD_CONTENT, "");
    if (options->mode == SENDMAIL_VERIFY)
        make_probe(&reading);
    else
        wrong = read_content(&reading);
    end_header(&reading);
    add(&reading, RECORD_EXTRACTED, "");

    struct str *extracted = reading.resent ? &reading.extracted_resent : &reading.extracted;

    if (!wrong && reading.too_long)
        wrong = "unable to extract recipients: message header length exceeds safety limit";
    if (!wrong && !named && extracted->length == 0)
        wrong = "No recipient addresses found in message header";
    str_add(records, str_slice(extracted));
    add(&reading, RECORD_END, "");
    str_free(&reading.extracted);
    str_free(&reading.extracted_resent);
    str_free(&reading.header);
    return wrong;
}
