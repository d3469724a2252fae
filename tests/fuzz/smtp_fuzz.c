/*
 * Whatever a server says, over SMTP or LMTP: every recipient gets an outcome, once.
 *
 * Bounce and defer cannot be asked, so that refused recipients stay.
 */
#include "base/scope.h"
#include "deliver/outcome.h"
#include "log/log.h"
#include "peer.h"
#include "queue/record.h"
#include "smtp/delivery.h"
#include "smtp/pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECIPIENTS = 3 };

struct client_side {
    struct agent smtp, lmtp;
    struct peer internet, local;
    char smtp_nexthop[120], lmtp_nexthop[120];
    struct str content;
};

static void ignore(enum log_severity severity, const char *text)
{
    (void)severity, (void)text;
}

static const char main_cf[] =
    "compatibility_level = 3.6\nmyhostname = client.example.test\nmydestination =\n"
    "inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\nalias_maps =\n"
    "smtp_connection_cache_on_demand = no\nlmtp_connection_cache_on_demand = no\n"
    "smtp_skip_quit_response = no\nlmtp_skip_quit_response = no\n";

static void open_agent(struct agent *agent, const char *folder, const char *program)
{
    static const struct table_context tables = { .queue_directory = "", .default_type = "hash" };
    static const struct reporter_settings nobody = {
        .bounce_socket = "/nonexistent", .defer_socket = "/nonexistent",
        .trace_socket = "/nonexistent", .timeout_seconds = 1,
    };
    struct config_request request = { .directory = folder, .program = program };
    struct error error = ERROR_NONE;

    agent->lmtp = strcmp(program, "lmtp") == 0;
    agent->service_name = program;
    agent->family = AF_INET;
    agent->dns = dns_new(&(struct dns_settings){ 0 }, &error);
    if (!agent->dns || !config_load(&request, &agent->config, &error)
        || !(agent->interfaces = interfaces_open(agent->config, &error))
        || !tables_open(&agent->tables, agent->config, agent->lmtp, &tables, &error)) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    agent->reporter = reporter_new(&nobody);
    agent->pool = pool_new(agent);
}

static struct client_side *open_side(void)
{
    struct client_side *side = calloc(1, sizeof(*side));
    char folder[] = "/tmp/smtp-fuzz-XXXXXX", path[100];
    AUTO_STR struct str name = STR_EMPTY;

    log_open(&(struct log_settings){ .tag = "fuzz", .sink = ignore });
    if (!side || !mkdtemp(folder))
        abort();
    str_format(&name, "%s/main.cf", folder);

    FILE *file = fopen(name.data, "w");

    if (!file)
        abort();
    fputs(main_cf, file);
    fclose(file);
    open_agent(&side->smtp, folder, "smtp");
    open_agent(&side->lmtp, folder, "lmtp");
    unlink(name.data);
    rmdir(folder);
    snprintf(side->smtp_nexthop, sizeof(side->smtp_nexthop), "[127.0.0.1]:%d",
             peer_start_inet(&side->internet));
    peer_start_unix(&side->local, path, sizeof(path));
    snprintf(side->lmtp_nexthop, sizeof(side->lmtp_nexthop), "unix:%s", path);
    record_append(&side->content, RECORD_LINE, SLICE_LITERAL("Subject: caf\xc3\xa9"));
    record_append(&side->content, RECORD_LINE, SLICE_LITERAL(""));
    record_append(&side->content, RECORD_LINE, SLICE_LITERAL(".a line"));
    record_append(&side->content, RECORD_EXTRACTED, SLICE_LITERAL(""));
    return side;
}

static void check_reports(const struct delivery *delivery)
{
    if (delivery->left || delivery->reports.count != RECIPIENTS)
        abort();
    for (size_t i = 0; i < RECIPIENTS; i++)
        for (size_t j = 0; j < i; j++)
            if (delivery->reports.items[i].handle == delivery->reports.items[j].handle)
                abort();
}

static void deliver(const struct client_side *side, const struct agent *agent)
{
    AUTO_ARENA struct arena *arena = arena_new();
    bool done[RECIPIENTS] = { false };
    const struct failure *own[RECIPIENTS] = { NULL };
    struct recipient_report reports[RECIPIENTS];
    struct recipient recipients[RECIPIENTS] = {
        { "a@b.test", "", "rfc822;o@b.test", NOTIFY_NEVER, 1 },
        { "c d@b.test", "", "", 0, 2 },
        { "e@f.test", "g@f.test", "", 0, 3 },
    };
    struct delivery_request request = {
        .envelope = {
            /* Fresh: with older mail a workaround waits for ten seconds, as some inputs ask. */
            .arrival = wall_now(), .queue_id = "FUZZ1", .sender = "s@b.test", .full_name = "",
            .envelope_id = "id",
            .encoding = "8bit", .verp_delimiters = "", .content_filter = "", .redirect = "",
            .return_flags = RET_HEADERS, .content_size = 40,
            .recipients = { recipients, RECIPIENTS, 0 },
        },
        .nexthop = agent->lmtp ? side->lmtp_nexthop : side->smtp_nexthop,
        .transport = agent->service_name, .content = str_slice(&side->content),
    };
    struct delivery delivery = {
        .agent = agent, .request = &request, .file = -1, .arena = arena, .done = done,
        .own = own, .left = RECIPIENTS, .reports = { .items = reports },
        .failure = failure_of(arena, "4.3.0", "unknown delivery problem"),
    };

    delivery_run(&delivery);
    check_reports(&delivery);
}

/* The first byte says who listens, the others are the server's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct client_side *side;

    if (!side)
        side = open_side();
    if (!size || (data[0] != 's' && data[0] != 'l'))
        return -1;

    bool lmtp = data[0] == 'l';
    struct peer *peer = lmtp ? &side->local : &side->internet;

    peer_say(peer, slice_bytes(data + 1, size - 1));
    deliver(side, lmtp ? &side->lmtp : &side->smtp);
    peer_say(peer, slice_of(""));
    return 0;
}
