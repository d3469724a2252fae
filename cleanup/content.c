#include "content.h"

#include "checks.h"
#include "headers.h"
#include "message/header.h"
#include "strict.h"

static void end_header(struct intake *intake)
{
    if (intake->header.length == 0)
        return;
    headers_take(intake, str_slice(&intake->header));
    str_clear(&intake->header);
    intake->header_is_cut = false;
}

/* What is above the limit of a header is thrown away, as Postfix does. */
static void add_to_header(struct intake *intake, struct slice text)
{
    size_t limit = (size_t)intake->cleanup->config->header_size_limit;

    if (intake->header.length < limit)
        str_add(&intake->header, slice_part(text, 0, limit - intake->header.length));
}

/* A line that does not fit is left out, with all that follow. */
static void continue_header(struct intake *intake, struct slice line)
{
    size_t limit = (size_t)intake->cleanup->config->header_size_limit;

    if (intake->header.length + 1 + line.length > limit)
        intake->header_is_cut = true;
    if (intake->header_is_cut)
        return;
    str_byte(&intake->header, '\n');
    str_add(&intake->header, line);
}

static void end_headers(struct intake *intake)
{
    end_header(intake);
    headers_finish(intake);
    intake->stage = INTAKE_BODY;
}

static void start_body(struct intake *intake)
{
    end_headers(intake);
    intake_write(intake, SLICE_LITERAL("\n"));
}

/* "From sender date" of a mailbox file, from a client that should know better. */
static bool is_mailbox_line(const struct intake *intake, struct slice line)
{
    if (intake->has_header || intake->submission->flags & SUBMIT_LOCAL)
        return false;
    while (slice_starts(line, ">"))
        line = slice_from(line, 1);
    return slice_starts(line, "From ");
}

/* A whole line of the header section; false when it belongs to the body. */
static bool take_header_line(struct intake *intake, struct slice line)
{
    if (line.length == 0) {
        start_body(intake);
        return true;
    }
    if (header_continues(line) && intake->header.length > 0 && intake->has_header) {
        continue_header(intake, line);
        return true;
    }
    if (is_mailbox_line(intake, line)) {
        end_header(intake);
        add_to_header(intake, SLICE_LITERAL("X-Mailbox-Line: "));
        add_to_header(intake, line);
        return true;
    }
    if (!header_begins(line)) {
        start_body(intake);
        return false;
    }
    end_header(intake);
    add_to_header(intake, line);
    intake->has_header = true;
    return true;
}

/* Lines have a meaning only for checks; without them the body passes as it is. */
static bool body_is_read(const struct intake *intake)
{
    return (intake->submission->flags & SUBMIT_FILTER && checks_want_body(intake->cleanup))
           || strict_wants_body(intake);
}

static void take_body_line(struct intake *intake, struct slice line)
{
    if (!checks_body_line(intake, line))
        return;
    intake_write(intake, line);
    intake_write(intake, SLICE_LITERAL("\n"));
}

static void take_line(struct intake *intake, struct slice line)
{
    strict_line(intake, line);
    if (intake->stage == INTAKE_HEADERS && take_header_line(intake, line))
        return;
    take_body_line(intake, line);
}

/* A line that is longer than any header may be: what has come of it goes on its way. */
static void take_start_of_line(struct intake *intake, struct slice start)
{
    size_t limit = (size_t)intake->cleanup->config->header_size_limit;
    size_t room = limit > intake->line.length ? limit - intake->line.length : 0;

    if (intake->stage == INTAKE_BODY || room >= start.length) {
        str_add(&intake->line, start);
        return;
    }

    struct slice line = intake->line.length > 0 ? str_slice(&intake->line) : start;

    if (header_begins(line) || header_continues(line)) {
        str_add(&intake->line, slice_part(start, 0, room));
        return;
    }
    start_body(intake);
    str_add(&intake->line, start);
}

void content_take(struct intake *intake, struct slice content)
{
    while (content.length > 0 && intake->status == SUBMISSION_QUEUED) {
        if (intake->stage == INTAKE_BODY && !body_is_read(intake)) {
            intake_write(intake, str_slice(&intake->line));
            str_clear(&intake->line);
            intake_write(intake, content);
            return;
        }

        size_t end = slice_find(content, '\n');
        struct slice line = slice_part(content, 0, end);

        if (end == content.length) {
            take_start_of_line(intake, line);
            return;
        }
        content = slice_from(content, end + 1);
        if (intake->line.length == 0) {
            take_line(intake, line);
            continue;
        }
        take_start_of_line(intake, line);
        take_line(intake, str_slice(&intake->line));
        str_clear(&intake->line);
    }
}

void content_end(struct intake *intake)
{
    if (intake->line.length > 0)
        take_line(intake, str_slice(&intake->line));
    if (intake->stage == INTAKE_HEADERS)
        end_headers(intake);        /* without a body there is no empty line either */
    else
        checks_end_part_header(intake);
}
