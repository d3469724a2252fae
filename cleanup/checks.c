#include "checks.h"

#include "base/scope.h"
#include "log/log.h"
#include "message/header.h"

/* What the caller does with the line. */
enum verdict { LINE_STAYS, LINE_GOES, LINE_REPLACED };

struct check {
    struct intake *intake;
    const char *parameter;      /* "header_checks": for warnings */
    const char *class;          /* "header" or "body": for the log */
    struct slice line;
    struct str *replaced;       /* for LINE_REPLACED; and PREPEND writes before the line */
};

static void log_action(const struct check *check, const char *verb, struct slice text)
{
    const struct envelope *envelope = &check->intake->submission->envelope;
    const char *origin = envelope_attribute(envelope, "log_message_origin");
    const char *protocol = envelope_attribute(envelope, "log_protocol_name");
    const char *helo = envelope_attribute(envelope, "log_helo_name");
    AUTO_STR struct str line = STR_EMPTY;

    str_format(&line, "%s: %s: %s %.200s from %s; from=<%s>", envelope->queue_id, verb,
               check->class, arena_text(check->intake->arena, check->line),
               *origin ? origin : "local", envelope->sender);
    if (envelope->recipients.count > 0) {
        const struct recipient *first = &envelope->recipients.items[0];

        str_format(&line, " to=<%s>", *first->original ? first->original : first->address);
    }
    if (*protocol)
        str_format(&line, " proto=%s", protocol);
    if (*helo)
        str_format(&line, " helo=<%s>", helo);
    if (text.length > 0)
        str_format(&line, ": %.*s", SLICE_ARGS(text));
    log_info("%s", line.data);
}

static enum verdict act_reject(struct check *check, struct slice text)
{
    bool has_code = text.length > 4 && (text.data[0] == '4' || text.data[0] == '5')
                    && text.data[1] == '.' && byte_is_digit(text.data[2]);
    const char *reason = text.length == 0 ? "5.7.1 message content rejected"
        : arena_format(check->intake->arena, "%s%.*s", has_code ? "" : "5.7.1 ",
                       SLICE_ARGS(text));

    log_action(check, "reject", slice_of(reason));
    intake_return(check->intake, SUBMISSION_REJECTED, reason);
    return LINE_STAYS;
}

static enum verdict act_warn(struct check *check, struct slice text)
{
    log_action(check, "warning", text);
    return LINE_STAYS;
}

static enum verdict act_info(struct check *check, struct slice text)
{
    log_action(check, "info", text);
    return LINE_STAYS;
}

static enum verdict act_hold(struct check *check, struct slice text)
{
    if (!check->intake->hold)
        log_action(check, "hold", text);
    check->intake->hold = true;
    return LINE_STAYS;
}

static enum verdict act_discard(struct check *check, struct slice text)
{
    log_action(check, "discard", text);
    check->intake->discard = true;
    return LINE_STAYS;
}

static enum verdict act_ignore(UNUSED struct check *check, UNUSED struct slice text)
{
    return LINE_GOES;
}

static enum verdict act_strip(struct check *check, struct slice text)
{
    log_action(check, "strip", text);
    return LINE_GOES;
}

static enum verdict act_dunno(UNUSED struct check *check, UNUSED struct slice text)
{
    return LINE_STAYS;
}

static enum verdict complain(struct check *check, const char *what)
{
    log_warn("%s in %s map", what, check->parameter);
    return LINE_STAYS;
}

static enum verdict act_prepend(struct check *check, struct slice text)
{
    if (text.length == 0)
        return complain(check, "PREPEND action without text");
    log_action(check, "prepend", text);
    intake_write(check->intake, text);
    intake_write(check->intake, SLICE_LITERAL("\n"));
    return LINE_STAYS;
}

static enum verdict act_replace(struct check *check, struct slice text)
{
    if (text.length == 0)
        return complain(check, "REPLACE action without text");
    log_action(check, "replace", text);
    str_set(check->replaced, text);
    return LINE_REPLACED;
}

static enum verdict act_redirect(struct check *check, struct slice text)
{
    if (slice_find(text, '@') == text.length)
        return complain(check, "bad REDIRECT target");
    log_action(check, "redirect", text);
    check->intake->redirect = arena_text(check->intake->arena, text);
    return LINE_STAYS;
}

static enum verdict act_filter(struct check *check, struct slice text)
{
    if (slice_find(text, ':') == text.length)
        return complain(check, "bad FILTER command");
    log_action(check, "filter", text);
    check->intake->filter = arena_text(check->intake->arena, text);
    return LINE_STAYS;
}

static enum verdict act_bcc(struct check *check, struct slice text)
{
    if (slice_find(text, '@') == text.length)
        return complain(check, "bad BCC address");
    log_action(check, "bcc", text);
    VECTOR_PUSH(&check->intake->more_recipients,
                slice_of(arena_text(check->intake->arena, text)));
    return LINE_STAYS;
}

static enum verdict obey(struct check *check, struct slice value)
{
    static const struct { const char *name; enum verdict (*act)(struct check *, struct slice); }
        actions[] = {
            { "REJECT", act_reject }, { "WARN", act_warn }, { "INFO", act_info },
            { "HOLD", act_hold }, { "DISCARD", act_discard }, { "IGNORE", act_ignore },
            { "STRIP", act_strip }, { "DUNNO", act_dunno }, { "OK", act_dunno },
            { "PREPEND", act_prepend }, { "REPLACE", act_replace },
            { "REDIRECT", act_redirect }, { "FILTER", act_filter }, { "BCC", act_bcc },
        };
    struct slice text = value;
    struct slice word = slice_take_word(&text);

    for (size_t i = 0; i < COUNT(actions); i++)
        if (slice_is_nocase(word, actions[i].name))
            return actions[i].act(check, slice_trim(text));
    log_warn("unknown command in %s map: %.*s", check->parameter, SLICE_ARGS(value));
    return LINE_STAYS;
}

static enum verdict run_check(struct check *check, struct table_list *tables)
{
    AUTO_STR struct str value = STR_EMPTY;
    struct error error;

    if (table_list_is_empty(tables) || check->intake->discard
        || check->intake->status != SUBMISSION_QUEUED)
        return LINE_STAYS;
    switch (table_list_get(tables, check->line, &value, NULL, &error)) {
    case TABLE_ABSENT:
        return LINE_STAYS;
    case TABLE_FOUND:
        return obey(check, str_slice(&value));
    case TABLE_TROUBLE:
        break;
    }
    log_warn("%s: %s map lookup problem -- message not accepted, try again later",
             check->intake->submission->envelope.queue_id, check->parameter);
    intake_refuse(check->intake, SUBMISSION_DEFER, "4.3.0 internal software error");
    return LINE_STAYS;
}

bool checks_want_body(const struct cleanup *cleanup)
{
    return !table_list_is_empty(cleanup->body_checks)
           || (!cleanup->config->disable_mime_input_processing
               && (!table_list_is_empty(cleanup->mime_header_checks)
                   || !table_list_is_empty(cleanup->nested_header_checks)));
}

static enum verdict check_header(struct intake *intake, struct slice line, struct str *replaced)
{
    const struct cleanup *cleanup = intake->cleanup;
    struct check check = { intake, "header_checks", "header", line, replaced };
    struct table_list *tables = cleanup->header_checks;
    struct header header;

    if (intake->mime.place == MIME_NESTED) {
        check.parameter = "nested_header_checks";
        tables = cleanup->nested_header_checks;
    } else if (header_parse(line, &header) && header.flags & HEADER_MIME
               && !cleanup->config->disable_mime_input_processing) {
        check.parameter = "mime_header_checks";
        tables = cleanup->mime_header_checks;
    }
    return run_check(&check, tables);
}

bool checks_header_line(struct intake *intake, struct slice line, struct str *replaced)
{
    return !(intake->submission->flags & SUBMIT_FILTER)
           || check_header(intake, line, replaced) != LINE_GOES;
}

/* The headers of a part were gathered in intake->header; they go out as they came. */
static void end_part_header(struct intake *intake)
{
    AUTO_STR struct str replaced = STR_EMPTY;
    struct slice line = str_slice(&intake->header);
    struct header header;

    if (line.length == 0)
        return;

    enum verdict verdict = check_header(intake, line, &replaced);

    if (verdict == LINE_REPLACED)
        line = str_slice(&replaced);
    if (header_parse(line, &header) && header.id == HEADER_CONTENT_TYPE)
        mime_content_type(&intake->mime, header.value);
    if (verdict != LINE_GOES) {
        intake_write(intake, line);
        intake_write(intake, SLICE_LITERAL("\n"));
    }
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
    end_part_header(intake);
    if (line.length > 0 && header_begins(line)) {
        str_set(&intake->header, line);
        return true;
    }
    mime_headers_end(&intake->mime);
    intake->body_checked = 0;
    return false;
}

static bool check_body(struct intake *intake, struct slice line)
{
    AUTO_STR struct str replaced = STR_EMPTY;
    struct check check = { intake, "body_checks", "body", line, &replaced };
    enum verdict verdict = LINE_STAYS;

    if (line.length > 0 && intake->body_checked < intake->cleanup->config->body_checks_size_limit)
        verdict = run_check(&check, intake->cleanup->body_checks);
    intake->body_checked += (int64_t)line.length;
    if (verdict == LINE_REPLACED) {
        intake_write(intake, str_slice(&replaced));
        intake_write(intake, SLICE_LITERAL("\n"));
    }
    return verdict == LINE_STAYS;
}

bool checks_body_line(struct intake *intake, struct slice line)
{
    if (!(intake->submission->flags & SUBMIT_FILTER) || !checks_want_body(intake->cleanup))
        return true;
    if (mime_body_line(&intake->mime, line)) {
        end_part_header(intake);
        intake->body_checked = 0;
        return true;
    }
    if (intake->mime.place != MIME_BODY && take_part_header(intake, line))
        return false;
    return check_body(intake, line);
}
