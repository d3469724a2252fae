#include "style.h"

#include <time.h>

enum { REASON_COLUMN = 76 };

/* A JSON string (RFC 8259 section 7); bytes above 127 go through as they are. */
static void print_json_text(FILE *file, struct slice text)
{
    putc('"', file);
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];

        switch (c) {
        case '"': fputs("\\\"", file); break;
        case '\\': fputs("\\\\", file); break;
        case '\b': fputs("\\b", file); break;
        case '\f': fputs("\\f", file); break;
        case '\n': fputs("\\n", file); break;
        case '\r': fputs("\\r", file); break;
        case '\t': fputs("\\t", file); break;
        default:
            if (c < ' ' || c == 0x7f)
                fprintf(file, "\\u%04X", c);
            else
                putc(c, file);
        }
    }
    putc('"', file);
}

static void print_json_member(FILE *file, const char *name, struct slice value)
{
    fprintf(file, "\"%s\": ", name);
    print_json_text(file, value);
}

static void message_json(FILE *file, const struct report_message *message)
{
    putc('{', file);
    print_json_member(file, "queue_name", str_slice(&message->queue));
    fputs(", ", file);
    print_json_member(file, "queue_id", str_slice(&message->id));
    fprintf(file, ", \"arrival_time\": %lld, \"message_size\": %lld, \"forced_expire\": %s, ",
            (long long)message->arrival, (long long)message->size,
            message->forced_expire ? "true" : "false");
    print_json_member(file, "sender", str_slice(&message->sender));
    fputs(", \"recipients\": [", file);
}

static const char *place_mark(const struct report_message *message)
{
    if (slice_is(str_slice(&message->queue), "active"))
        return "*";
    return slice_is(str_slice(&message->queue), "hold") ? "!" : "";
}

/* The columns of Postfix: the id with its marks, the size, ctime(3) without the year. */
static void message_line(const struct report_output *output, const struct report_message *message)
{
    bool wide = output->style == REPORT_LONG;
    char id[160], when[64] = "";
    time_t moment = (time_t)message->arrival;
    struct tm local;

    if (localtime_r(&moment, &local))
        (void)strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &local);
    snprintf(id, sizeof(id), "%s%s%s", message->id.data, place_mark(message),
             message->forced_expire ? "#" : "");
    fprintf(output->file, wide ? "%-17s %8lld %19.19s %s\n" : "%-11s %7lld %20.20s %s\n", id,
            (long long)message->size, when, message->sender.data);
}

static void print_heading(const struct report_output *output)
{
    if (output->style == REPORT_LONG)
        fprintf(output->file, "%-17s %8s %-19s %s\n", "----Queue ID-----", "--Size--",
                "---Arrival Time----", "--Sender/Recipient------");
    else
        fprintf(output->file, "%-11s %7s %-20s %s\n", "-Queue ID-", "--Size--",
                "----Arrival Time----", "-Sender/Recipient-------");
}

void report_message(struct report_output *output, const struct report_message *message)
{
    output->recipients = 0;
    str_clear(&output->last_reason);
    if (output->style == REPORT_JSON) {
        message_json(output->file, message);
    } else {
        if (output->messages == 0)
            print_heading(output);
        message_line(output, message);
    }
    output->messages++;
    output->bytes += message->size;
}

static void recipient_json(struct report_output *output, struct slice address,
                           struct slice reason)
{
    fputs(output->recipients > 0 ? ", {" : "{", output->file);
    print_json_member(output->file, "address", address);
    if (reason.length > 0) {
        fputs(", ", output->file);
        print_json_member(output->file, "delay_reason", reason);
    }
    putc('}', output->file);
}

/* A reason stands before the first of the recipients that share it, ending at a column. */
static void print_reason(struct report_output *output, struct slice reason)
{
    if (reason.length == 0 && output->last_reason.length > 0)
        reason = SLICE_LITERAL("reason unavailable");
    if (reason.length == 0 || slice_equal(reason, str_slice(&output->last_reason)))
        return;

    int blanks = reason.length < REASON_COLUMN ? REASON_COLUMN - (int)reason.length : 0;

    fprintf(output->file, "%*s(%.*s)\n", blanks, "", SLICE_ARGS(reason));
    str_set(&output->last_reason, reason);
}

void report_recipient(struct report_output *output, struct slice address, struct slice reason)
{
    if (output->style == REPORT_JSON) {
        recipient_json(output, address, reason);
    } else {
        print_reason(output, reason);
        fprintf(output->file, output->style == REPORT_LONG ? "%-17s %8s %-19s %.*s\n"
                                                           : "%-11s %7s %-20s %.*s\n",
                "", "", "", SLICE_ARGS(address));
    }
    output->recipients++;
}

void report_message_end(struct report_output *output)
{
    fputs(output->style == REPORT_JSON ? "]}\n" : "\n", output->file);
}

void report_total(struct report_output *output)
{
    if (output->style == REPORT_JSON)
        return;
    if (output->messages == 0)
        fputs("Mail queue is empty\n", output->file);
    else
        fprintf(output->file, "-- %lld Kbytes in %lld Request%s.\n",
                (long long)(output->bytes / 1024), (long long)output->messages,
                output->messages == 1 ? "" : "s");
}
