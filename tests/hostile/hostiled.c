/*
 * A daemon that was taken over: it has the rights of a real one (a number, the first word of
 * its master.cf line) and does whatever its client says, "ATTEMPT [ARGUMENT]".  The
 * answer is "done" when the attempt succeeded, else the name of the error; no answer when
 * the kernel ended the process.
 */
#include "attempts.h"

#include "base/scope.h"
#include "service/service.h"

enum { LINE_LIMIT = 1000, WAIT_SECONDS = 60 };

static unsigned rights_of_words(const struct service_context *context, unsigned rights)
{
    uint64_t number;

    if (context->word_count < 1 ||
        !slice_number(slice_of(context->words[0]), UINT32_MAX, &number))
        return rights;
    return (unsigned)number;
}

static void answer(struct client *client, const char *text)
{
    stream_set_deadline(client->stream, moment_after(WAIT_SECONDS));
    stream_format(client->stream, "%s\n", text);
    stream_flush(client->stream);
}

static enum turn greet(struct client *client)
{
    answer(client, "ready");
    client->deadline = moment_after(WAIT_SECONDS);
    return TURN_STAY;
}

static enum turn turn(struct client *client)
{
    struct slice line;

    stream_set_deadline(client->stream, moment_after(WAIT_SECONDS));
    if (stream_line(client->stream, LINE_LIMIT, &line, NULL) != STREAM_OK)
        return TURN_LEAVE;

    struct slice word = slice_take_word(&line);
    AUTO_FREE char *argument = NULL;
    struct str copy = STR_EMPTY;

    str_add(&copy, slice_trim(line));
    argument = str_take(&copy);
    answer(client, attempt(word, argument));
    return TURN_STAY;
}

int main(int argc, char **argv)
{
    static const struct service hostile = {
        .name = "hostiled",
        .pattern = SERVICE_SESSIONS,
        .adjust_rights = rights_of_words,
        .greet = greet,
        .turn = turn,
    };

    return service_main(&hostile, argc, argv);
}
