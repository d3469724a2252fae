/*
 * A small daemon for the tests of master and the skeleton: its first master.cf word says
 * which pattern it serves by, and a client's line what it does.
 */
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "service/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

enum { LINE_LIMIT = 1000, WAIT_SECONDS = 600 };

/* What follows "read " in the words: a file that prepare needs. */
static bool prepare(struct service_context *context, struct error *error)
{
    for (int i = 0; i + 1 < context->word_count; i++) {
        if (strcmp(context->words[i], "read") != 0)
            continue;
        service_reads(context, context->words[i + 1]);

        FILE *file = fopen(context->words[i + 1], "r");
        char text[LINE_LIMIT] = "";

        if (!file || !fgets(text, sizeof(text), file))
            return error_system(error, "open %s", context->words[i + 1]);
        fclose(file);
        if (strncmp(text, "broken", 6) == 0)
            return error_set(error, "%s: bad content", context->words[i + 1]);
        text[strcspn(text, "\n")] = '\0';
        context->state = memory_copy(text);
    }
    return true;
}

static void answer(struct client *client, const char *text)
{
    stream_format(client->stream, "%s\r\n", text);
    stream_set_deadline(client->stream, moment_after(WAIT_SECONDS));
    stream_flush(client->stream);
}

static enum turn greet(struct client *client)
{
    char text[LINE_LIMIT];

    snprintf(text, sizeof(text), "220 %lu pid %d stress %d state %s", client->number,
             (int)getpid(), client->context->stress,
             client->context->state ? (char *)client->context->state : "-");
    answer(client, text);
    client->deadline = moment_after(WAIT_SECONDS);
    return TURN_STAY;
}

static void stay_for_ever(void)
{
    for (;;)
        pause();
}

/* What a sanitizer has to find; without one nothing happens. */
static void do_wrong(struct slice how)
{
    volatile int places = 40;
    volatile int one = 1;
    char *volatile bytes = memory_new(1, 8);

    if (slice_is(how, "shift"))
        one = one << places;
    if (slice_is(how, "read"))
        one = bytes[places];
    free(bytes);
}

static enum turn obey(struct client *client, struct slice line)
{
    uint64_t seconds;

    if (slice_is(line, "quit"))
        return TURN_LEAVE;
    if (slice_is(line, "crash"))
        raise(SIGSEGV);
    if (slice_is(line, "stuck"))
        stay_for_ever();
    if (slice_is(line, "exit"))
        _exit(7);
    if (slice_starts(line, "sleep ") && slice_number(slice_from(line, 6), 100, &seconds))
        sleep((unsigned)seconds);
    if (slice_starts(line, "wait ") && slice_number(slice_from(line, 5), 100, &seconds))
        client->deadline = moment_after((int64_t)seconds);
    if (slice_starts(line, "wrong "))
        do_wrong(slice_from(line, 6));
    if (slice_is(line, "log"))
        log_info("a line of client %lu", client->number);
    answer(client, "250 ok");
    return TURN_STAY;
}

static enum turn turn(struct client *client)
{
    struct slice line;

    stream_set_deadline(client->stream, moment_after(WAIT_SECONDS));
    do {
        if (stream_line(client->stream, LINE_LIMIT, &line, NULL) != STREAM_OK ||
            obey(client, line) == TURN_LEAVE)
            return TURN_LEAVE;
    } while (stream_has_line(client->stream));
    return TURN_STAY;
}

static void expired(struct client *client)
{
    answer(client, "421 time is up");
}

static void closing(struct client *client)
{
    answer(client, "421 closing");
}

/* --- Lanes: a frame comes back as it was sent. ------------------------------------------ */

static enum turn echo(struct client *client)
{
    struct error error = ERROR_NONE;
    struct slice frame;
    AUTO_STR struct str output = STR_EMPTY;

    if (!lane_receive(client->lane, &frame, NULL, moment_after(WAIT_SECONDS), &error))
        return TURN_LEAVE;
    if (slice_ends(frame, "stuck"))
        stay_for_ever();
    str_bytes(&output, frame.data - 4, frame.length + 4);
    return lane_send(client->lane, &output, -1, moment_after(WAIT_SECONDS), &error)
               ? TURN_STAY : TURN_LEAVE;
}

/* --- An event loop: trigger bytes are logged. -------------------------------------------- */

static void triggered(UNUSED struct service_context *context, UNUSED struct events *events,
                      struct slice bytes)
{
    log_info("triggered by %.*s", SLICE_ARGS(bytes));
    if (slice_is(bytes, "stuck"))
        stay_for_ever();
}

static void stop(UNUSED struct service_context *context, UNUSED struct events *events)
{
    log_info("stopped");
}

static const struct service patterns[] = {
    { .name = "testd", .pattern = SERVICE_SESSIONS, .prepare = prepare, .greet = greet,
      .turn = turn, .expired = expired, .closing = closing },
    { .name = "testd", .pattern = SERVICE_LANES, .prepare = prepare, .turn = echo },
    { .name = "testd", .pattern = SERVICE_SINGLE, .prepare = prepare, .turn = echo },
    { .name = "testd", .pattern = SERVICE_EVENTS, .prepare = prepare, .triggered = triggered,
      .stop = stop },
};

int main(int argc, char **argv)
{
    static const char *const names[] = { "sessions", "lanes", "single", "events" };

    for (int i = 1; i < argc; i++)
        for (size_t j = 0; j < COUNT(names); j++)
            if (strcmp(argv[i], names[j]) == 0)
                return service_main(&patterns[j], argc, argv);
    return service_main(&patterns[0], argc, argv);
}
