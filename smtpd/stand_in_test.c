#include "stand_in.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/test.h"
#include "log/log.h"

#include <stdio.h>
#include <unistd.h>

static void *submit(void *argument, struct submission *submission)
{
    struct stand_in *in = argument;

    str_clear(&in->content);
    str_clear(&in->recipients);
    for (size_t i = 0; i < submission->envelope.recipients.count; i++)
        str_format(&in->recipients, "%s ", submission->envelope.recipients.items[i].address);
    str_set(&in->received, slice_of(submission->received));
    str_set(&in->queue_id, slice_of(submission->envelope.queue_id));
    in->flags = submission->flags;
    return in;
}

static bool submit_add(void *submitter, struct slice content, UNUSED struct error *error)
{
    str_add(&((struct stand_in *)submitter)->content, content);
    return true;
}

static bool submit_end(void *submitter, UNUSED struct arena *arena,
                       struct submission_reply *answer, UNUSED struct error *error)
{
    struct stand_in *in = submitter;

    in->submitted++;
    answer->status = in->status;
    answer->text = in->text;
    return true;
}

static void submit_abandon(void *submitter)
{
    ((struct stand_in *)submitter)->abandoned++;
}

static int64_t queue_free(void *argument)
{
    return ((struct stand_in *)argument)->room;
}

/* What is listed has an address; of the clients alone it says why. */
static void query(void *argument, const char *name, enum dns_type type, struct arena *arena,
                  struct dns_answer *answer)
{
    struct stand_in *in = argument;
    bool listed = in->listed && strstr(in->listed, name);

    answer->status = in->dns;
    if (!listed || (type == DNS_TXT && *name != '7') || (type != DNS_A && type != DNS_TXT))
        return;
    answer->status = DNS_FOUND;
    answer->count = 1;
    answer->records = arena_take(arena, sizeof(*answer->records));
    answer->records[0].type = type;
    answer->records[0].data = slice_of("why not");

    struct sockaddr_in *address = (struct sockaddr_in *)&answer->records[0].address;

    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(0x7f000004);
}

static enum flush_answer flush_site(void *argument, struct slice site)
{
    struct stand_in *in = argument;

    str_set(&in->site, site);
    return in->flush;
}

static void addresses(UNUSED void *argument, UNUSED const char *host, UNUSED struct arena *arena,
                      struct dns_answer *answer)
{
    answer->status = DNS_NO_DOMAIN;
}

static void wait_seconds(UNUSED void *argument, UNUSED int seconds)
{
}

static const char main_cf[] =
    "compatibility_level = 3.6\n"
    "myhostname = mx.example.test\n"
    "mydomain = example.test\n"
    "myorigin = example.test\n"
    "mydestination = example.test, localhost\n"
    "inet_interfaces = 127.0.0.1\n"
    "inet_protocols = ipv4\n"
    "mynetworks = 127.0.0.0/8\n"
    "alias_maps =\n"
    "local_recipient_maps = inline:{alice=x, bob=x}\n"
    "relay_domains = relay.test\n"
    "virtual_alias_domains = virt.test\n"
    "virtual_alias_maps = inline:{ {ok@virt.test = alice} }\n"
    "virtual_mailbox_domains = vbox.test\n"
    "virtual_mailbox_maps = inline:{ {ok@vbox.test = ok/} }\n"
    "message_size_limit = 1000\n"
    "smtpd_error_sleep_time = 0\n";

const struct config *stand_in_config(const char *more)
{
    char folder[] = "/tmp/smtpd-test-XXXXXX";
    const struct config *config;
    AUTO_STR struct str path = STR_EMPTY;
    struct error error = ERROR_NONE;

    CHECK(mkdtemp(folder) != NULL);
    str_format(&path, "%s/main.cf", folder);

    FILE *file = fopen(path.data, "w");

    CHECK(file != NULL);
    fprintf(file, "%s%s", main_cf, more);
    fclose(file);
    if (!config_load(&(struct config_request){ .directory = folder, .program = "smtpd" }, &config,
                     &error))
        fail_msg("%s", error.text);
    unlink(path.data);
    rmdir(folder);
    return config;
}

struct stand_in *stand_in_new(const char *more)
{
    struct stand_in *in = memory_new(1, sizeof(*in));
    struct error error = ERROR_NONE;
    struct table_context tables = { .queue_directory = "", .default_type = "hash" };

    in->config = stand_in_config(more);
    in->site = STR_EMPTY;
    in->content = in->recipients = in->received = in->queue_id = STR_EMPTY;
    in->room = INT64_MAX;
    in->text = "";
    in->dns = DNS_NO_DOMAIN;
    in->server.calls = (struct server_calls){ in, submit, submit_add, submit_end, submit_abandon,
                                              queue_free, query, addresses, wait_seconds, NULL,
                                              flush_site, NULL, NULL };
    if (!server_open(&in->server, in->config, &tables, &error))
        fail_msg("%s", error.text);
    return in;
}

void stand_in_free(struct stand_in *in)
{
    server_close(&in->server);
    config_free(in->config);
    str_free(&in->content);
    str_free(&in->recipients);
    str_free(&in->received);
    str_free(&in->queue_id);
    str_free(&in->site);
    free(in);
}

struct talk *talk_new(struct stand_in *in, const char *address)
{
    struct talk *talk = memory_new(1, sizeof(*talk));
    struct session_client client = {
        .name = "unknown", .reverse_name = "unknown", .address = address, .port = "12345",
        .server_address = "127.0.0.1", .server_port = "25",
        .name_status = DNS_NO_DOMAIN, .reverse_status = DNS_NO_DOMAIN,
        .peer = { .ss_family = AF_INET },
    };

    talk->in = in;
    talk->output = talk->answer = STR_EMPTY;
    talk->session = session_new(&in->server, &client, &talk->output);
    session_greet(talk->session, slice_of(""));
    return talk;
}

void talk_free(struct talk *talk)
{
    session_free(talk->session);
    str_free(&talk->output);
    str_free(&talk->answer);
    free(talk);
}

void say(struct talk *talk, const char *text)
{
    struct slice rest = slice_of(text);

    while (rest.length) {
        struct slice line = slice_take_until(&rest, "|");
        bool bare = slice_ends(line, "\n");

        if (bare)
            line.length--;
        switch (session_mode(talk->session)) {
        case SESSION_COMMAND:
            session_obey(talk->session, line, slice_of(""), false);
            break;
        case SESSION_CONTENT:
            session_content(talk->session, line, true, !bare);
            break;
        case SESSION_CHUNK:
            session_chunk(talk->session, line);
            break;
        default:
            return;
        }
    }
}

const char *last_answer(struct talk *talk)
{
    char *text = talk->output.data;
    size_t length = talk->output.length;

    if (length < 2)
        return text;
    text[length - 2] = '\0';

    char *start = strrchr(text, '\n');

    text[length - 2] = '\r';
    str_set(&talk->answer, slice_of(start ? start + 1 : text));
    str_cut(&talk->answer, talk->answer.length - 2);
    return talk->answer.data;
}

void check_answer(const char *settings, const char *address, const char *lines,
                         const char *wanted)
{
    struct stand_in *in = stand_in_new(settings);
    struct talk *talk = talk_new(in, address);

    say(talk, lines);
    CHECK_TEXT(last_answer(talk), wanted);
    talk_free(talk);
    stand_in_free(in);
}
