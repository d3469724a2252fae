#include "checks.h"

#include "base/scope.h"
#include "log/log.h"
#include "message/header.h"
#include "strict.h"

static void log_action(void *argument, const char *verb, const struct check *check)
{
    struct intake *intake = argument;
    const struct envelope *envelope = &intake->submission->envelope;
    const char *origin = envelope_attribute(envelope, "log_message_origin");
    const char *protocol = envelope_attribute(envelope, "log_protocol_name");
    const char *helo = envelope_attribute(envelope, "log_helo_name");
    AUTO_STR struct str line = STR_EMPTY;

    str_format(&line, "%s: %s: %s %.200s from %s; from=<%s>", envelope->queue_id, verb,
               check->class, arena_text(intake->arena, check->line),
               *origin ? origin : "local", envelope->sender);
    if (envelope->recipients.count > 0) {
        const struct recipient *first = &envelope->recipients.items[0];

        str_format(&line, " to=<%s>", *first->original ? first->original : first->address);
    }
    if (*protocol)
        str_format(&line, " proto=%s", protocol);
    if (*helo)
        str_format(&line, " helo=<%s>", helo);
    if (check->text.length > 0)
        str_format(&line, ": %.*s", SLICE_ARGS(check->text));
    log_info("%s", line.data);
}

static enum check_verdict act_reject(void *argument, const struct check *check)
{
    struct intake *intake = argument;
    struct slice text = check->text;
    bool has_code = text.length > 4 && (text.data[0] == '4' || text.data[0] == '5')
                    && text.data[1] == '.' && byte_is_digit(text.data[2]);
    const char *reason = text.length == 0 ? "5.7.1 message content rejected"
        : arena_format(intake->arena, "%s%.*s", has_code ? "" : "5.7.1 ", SLICE_ARGS(text));
    struct check logged = *check;

    logged.text = slice_of(reason);
    log_action(intake, "reject", &logged);
    intake_return(intake, SUBMISSION_REJECTED, reason);
    return CHECK_STAYS;
}

static enum check_verdict act_hold(void *argument, const struct check *check)
{
    struct intake *intake = argument;

    if (!intake->hold)
        log_action(intake, "hold", check);
    intake->hold = true;
    return CHECK_STAYS;
}

static enum check_verdict act_discard(void *argument, const struct check *check)
{
    struct intake *intake = argument;

    log_action(intake, "discard", check);
    intake->discard = true;
    return CHECK_STAYS;
}

static enum check_verdict act_redirect(void *argument, const struct check *check)
{
    struct intake *intake = argument;

    if (slice_find(check->text, '@') == check->text.length)
        return check_complain(check, "bad REDIRECT target");
    log_action(intake, "redirect", check);
    intake->redirect = arena_text(intake->arena, check->text);
    return CHECK_STAYS;
}

static enum check_verdict act_filter(void *argument, const struct check *check)
{
    struct intake *intake = argument;

    if (slice_find(check->text, ':') == check->text.length)
        return check_complain(check, "bad FILTER command");
    log_action(intake, "filter", check);
    intake->filter = arena_text(intake->arena, check->text);
    return CHECK_STAYS;
}

static enum check_verdict act_bcc(void *argument, const struct check *check)
{
    struct intake *intake = argument;

    if (slice_find(check->text, '@') == check->text.length)
        return check_complain(check, "bad BCC address");
    log_action(intake, "bcc", check);
    VECTOR_PUSH(&intake->more_recipients, slice_of(arena_text(intake->arena, check->text)));
    return CHECK_STAYS;
}

static void prepend(void *argument, const struct check *check)
{
    intake_write(argument, check->text);
    intake_write(argument, SLICE_LITERAL("\n"));
}

static void refuse(void *argument, const char *parameter)
{
    struct intake *intake = argument;

    log_warn("%s: %s map lookup problem -- message not accepted, try again later",
             intake->submission->envelope.queue_id, parameter);
    intake_refuse(intake, SUBMISSION_DEFER, "4.3.0 internal software error");
}

static struct check_hooks hooks_of(struct intake *intake)
{
    static const struct check_action actions[] = {
        { "REJECT", act_reject }, { "HOLD", act_hold }, { "DISCARD", act_discard },
        { "REDIRECT", act_redirect }, { "FILTER", act_filter }, { "BCC", act_bcc },
        { NULL, NULL },
    };

    return (struct check_hooks){
        .argument = intake, .log = log_action, .prepend = prepend, .trouble = refuse,
        .actions = actions,
    };
}

/* Once the message is given up nothing more is asked. */
static bool is_over(const struct intake *intake)
{
    return intake->discard || intake->status != SUBMISSION_QUEUED;
}

bool checks_want_body(const struct cleanup *cleanup)
{
    return !table_list_is_empty(cleanup->checks.body)
           || (!cleanup->config->disable_mime_input_processing
               && (!table_list_is_empty(cleanup->checks.mime_header)
                   || !table_list_is_empty(cleanup->checks.nested_header)));
}

static enum check_verdict check_header(struct intake *intake, struct slice line,
                                       struct str *replaced)
{
    const struct cleanup *cleanup = intake->cleanup;
    struct check_hooks hooks = hooks_of(intake);

    if (is_over(intake) || !(intake->submission->flags & SUBMIT_FILTER))
        return CHECK_STAYS;
    return checks_header(&cleanup->checks, &hooks, intake->mime.place,
                         !cleanup->config->disable_mime_input_processing, line, replaced);
}

bool checks_header_line(struct intake *intake, struct slice line, struct str *replaced)
{
    return check_header(intake, line, replaced) != CHECK_GOES;
}

/* As it came, but for blanks before the colon. */
static void write_part_header(struct intake *intake, struct slice line)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct header header;

    if (header_parse(line, &header)) {
        strict_header(intake, &header, line);
        str_format(&text, "%.*s:%.*s\n", SLICE_ARGS(header.name), SLICE_ARGS(header.value));
    } else {
        str_format(&text, "%.*s\n", SLICE_ARGS(line));
    }
    intake_note_utf8(intake, str_slice(&text));
    intake_write(intake, str_slice(&text));
}

void checks_end_part_header(struct intake *intake)
{
    AUTO_STR struct str replaced = STR_EMPTY;
    struct slice line = str_slice(&intake->header);

    if (line.length == 0)
        return;

    enum check_verdict verdict = check_header(intake, line, &replaced);

    if (verdict != CHECK_GOES)
        write_part_header(intake, verdict == CHECK_REPLACED ? str_slice(&replaced) : line);
    str_clear(&intake->header);
}

/* A line where a part's headers are expected; true when it was one of them. */
static bool take_part_header(struct intake *intake, struct slice line)
{
    size_t limit = (size_t)intake->cleanup->config->header_size_limit;

    if (header_continues(line) && intake->header.length > 0
        && intake->header.length + line.length < limit) {
        str_byte(&intake->header, '\n');
        str_add(&intake->header, line);
        return true;
    }
    checks_end_part_header(intake);
    if (line.length > 0 && header_begins(line)) {
        str_set(&intake->header, line);
        return true;
    }
    strict_headers_end(intake);
    intake->body_checked = 0;
    return false;
}

static bool check_body(struct intake *intake, struct slice line)
{
    AUTO_STR struct str replaced = STR_EMPTY;
    struct check_hooks hooks = hooks_of(intake);
    enum check_verdict verdict = CHECK_STAYS;

    if (!is_over(intake)
        && intake->body_checked < intake->cleanup->config->body_checks_size_limit)
        verdict = checks_body(&intake->cleanup->checks, &hooks, line, &replaced);
    intake->body_checked += (int64_t)line.length;
    if (verdict == CHECK_REPLACED) {
        intake_write(intake, str_slice(&replaced));
        intake_write(intake, SLICE_LITERAL("\n"));
    }
    return verdict == CHECK_STAYS;
}

bool checks_body_line(struct intake *intake, struct slice line)
{
    bool follow = !intake->cleanup->config->disable_mime_input_processing;

    if (follow && mime_body_line(&intake->mime, line)) {
        checks_end_part_header(intake);
        strict_part_begins(intake);
        intake->body_checked = 0;
        return true;
    }
    if (follow && intake->mime.place != MIME_BODY && take_part_header(intake, line))
        return false;
    strict_body_line(intake, line);
    return !(intake->submission->flags & SUBMIT_FILTER) || check_body(intake, line);
}
