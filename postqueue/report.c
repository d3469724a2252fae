/*
 * The answer of showq taken apart: attributes, groups, messages.
 */
#include "base/memory.h"
#include "style.h"

enum state { WANT_PROTOCOL, IN_PROTOCOL, BETWEEN, IN_MESSAGE, ENDED };

struct report {
    struct report_output output;
    struct str pending;         /* bytes that are no whole attribute yet */
    enum state state;
    struct report_message message;
    bool opened;                /* the message's own line is printed */
    struct str recipient;       /* seen, and not printed: a reason may follow */
    struct str reason;
    bool has_recipient;
};

struct report *report_new(enum report_style style, FILE *output)
{
    struct report *report = memory_new(1, sizeof(*report));

    report->output = (struct report_output){ .style = style, .file = output,
                                             .last_reason = STR_EMPTY };
    report->pending = report->recipient = report->reason = STR_EMPTY;
    report->message.queue = report->message.id = report->message.sender = STR_EMPTY;
    return report;
}

void report_free(struct report *report)
{
    str_free(&report->pending);
    str_free(&report->recipient);
    str_free(&report->reason);
    str_free(&report->output.last_reason);
    str_free(&report->message.queue);
    str_free(&report->message.id);
    str_free(&report->message.sender);
    free(report);
}

static void print_recipient(struct report *report)
{
    if (!report->has_recipient)
        return;
    report_recipient(&report->output, str_slice(&report->recipient), str_slice(&report->reason));
    report->has_recipient = false;
    str_clear(&report->reason);
}

static void open_message(struct report *report)
{
    if (!report->opened)
        report_message(&report->output, &report->message);
    report->opened = true;
}

static bool take_number(struct slice value, int64_t *number, struct error *error)
{
    return slice_integer(value, INT64_MIN, INT64_MAX, number)
           || error_set(error, "malformed showq server response: \"%.*s\" is no number",
                        SLICE_ARGS(value));
}

static bool take_attribute(struct report *report, struct slice name, struct slice value,
                           struct error *error)
{
    struct report_message *message = &report->message;
    int64_t expire;

    if (slice_is(name, "queue_name")) {
        str_set(&message->queue, value);
    } else if (slice_is(name, "queue_id")) {
        str_set(&message->id, value);
    } else if (slice_is(name, "sender")) {
        str_set(&message->sender, value);
    } else if (slice_is(name, "time")) {
        return take_number(value, &message->arrival, error);
    } else if (slice_is(name, "size")) {
        return take_number(value, &message->size, error);
    } else if (slice_is(name, "forced_expire")) {
        if (!take_number(value, &expire, error))
            return false;
        message->forced_expire = expire != 0;
    } else if (slice_is(name, "recipient")) {
        open_message(report);
        print_recipient(report);
        str_set(&report->recipient, value);
        report->has_recipient = true;
    } else if (slice_is(name, "reason")) {
        str_set(&report->reason, value);
    } else {
        return error_set(error, "malformed showq server response: unexpected attribute %.*s",
                         SLICE_ARGS(name));
    }
    return true;
}

static bool take_pair(struct report *report, struct slice name, struct slice value,
                      struct error *error)
{
    switch (report->state) {
    case WANT_PROTOCOL:
        if (!slice_is(name, "protocol") || !slice_is(value, "mail_queue_list_protocol"))
            return error_set(error, "malformed showq server response: no protocol name");
        report->state = IN_PROTOCOL;
        return true;
    case BETWEEN:
        report->state = IN_MESSAGE;
        report->opened = false;
        return take_attribute(report, name, value, error);
    case IN_MESSAGE:
        return take_attribute(report, name, value, error);
    default:
        return error_set(error, "malformed showq server response: stray attribute %.*s",
                         SLICE_ARGS(name));
    }
}

static void end_group(struct report *report)
{
    switch (report->state) {
    case IN_MESSAGE:
        open_message(report);
        print_recipient(report);
        report_message_end(&report->output);
        report->state = BETWEEN;
        break;
    case IN_PROTOCOL:
        report->state = BETWEEN;
        break;
    case BETWEEN:
        report->state = ENDED;
        break;
    default:        /* a group before the protocol's name, or after the end */
        break;
    }
}

bool report_feed(struct report *report, struct slice bytes, struct error *error)
{
    str_add(&report->pending, bytes);

    struct slice rest = str_slice(&report->pending);
    bool good = true;

    while (good && rest.length > 0) {
        size_t name = slice_find(rest, '\0');

        if (name == 0) {
            end_group(report);
            rest = slice_from(rest, 1);
            continue;
        }

        struct slice behind = slice_from(rest, name + 1);
        size_t value = slice_find(behind, '\0');

        if (name == rest.length || value == behind.length)
            break;
        good = take_pair(report, slice_part(rest, 0, name), slice_part(behind, 0, value), error);
        rest = slice_from(behind, value + 1);
    }
    str_drop(&report->pending, report->pending.length - rest.length);
    return good;
}

bool report_end(struct report *report, struct error *error)
{
    report_total(&report->output);
    return report->state == ENDED || error_set(error, "malformed showq server response");
}
