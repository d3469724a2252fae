#include "verify_probe.h"

#include "base/memory.h"
#include "base/scope.h"
#include "deliver/own_mail.h"
#include "deliver/verify.h"
#include "log/log.h"

#include <time.h>

enum { IDLE_LANES = 4, IDLE_SECONDS = 100 };

/* As the queue's trace_flags say it: report to verify, deliver nothing. */
static const char probe_flags[] = "256";

struct prober {
    const struct config *config;
    struct lane_pool *cleanup;
    bool detect_utf8;           /* smtputf8_autodetect_classes names us */
    size_t pending;
};

struct probe {
    struct prober *prober;
    char *address;
};

static bool detects_utf8(struct slice classes)
{
    return slice_list_has(classes, "verify") || slice_list_has(classes, "all");
}

struct prober *prober_new(struct service_context *context)
{
    const struct config *config = context->config;
    struct prober *prober = memory_new(1, sizeof(*prober));

    prober->config = config;
    prober->detect_utf8 = detects_utf8(slice_of(config->smtputf8_autodetect_classes));
    prober->cleanup = lane_pool_new(service_socket(context, "public",
                                                   config->cleanup_service_name),
                                    IDLE_LANES, IDLE_SECONDS);
    return prober;
}

size_t prober_pending(const struct prober *prober)
{
    return prober->pending;
}

static const char *make_sender(const struct config *config, struct arena *arena, time_t now)
{
    AUTO_STR struct str sender = STR_EMPTY;

    verify_sender(&sender, config->address_verify_sender, config->address_verify_sender_ttl, now);
    if (sender.length > 0 && slice_find(str_slice(&sender), '@') == sender.length)
        str_format(&sender, "@%s", config->myorigin);
    return arena_text(arena, str_slice(&sender));
}

static void fill_envelope(const struct probe *probe, struct arena *arena,
                          struct submission *submission)
{
    const struct config *config = probe->prober->config;
    struct envelope *envelope = &submission->envelope;

    own_mail_begin(submission, config, make_sender(config, arena, time(NULL)), probe->address,
                   arena);
    envelope_set_attribute(envelope, arena, "log_message_origin", "local");
    envelope_set_attribute(envelope, arena, "trace_flags", probe_flags);
}

/* Out of the turn. */
static void submit(void *argument)
{
    const struct probe *probe = argument;
    const struct prober *prober = probe->prober;
    AUTO_ARENA struct arena *arena = arena_new();
    struct submission submission = {
        .flags = SUBMIT_LOCAL | SUBMIT_MAP | (prober->detect_utf8 ? SUBMIT_SMTPUTF8 : 0),
    };
    struct submission_reply reply = { .queue_id = "", .text = "" };
    struct error error = ERROR_NONE;

    fill_envelope(probe, arena, &submission);
    if (!submitter_end(submitter_new(prober->cleanup, &submission, prober->config->ipc_timeout),
                       arena, &reply, &error))
        log_warn("probe of %s: %s", probe->address, error.text);
    else if (reply.status != SUBMISSION_QUEUED)
        log_warn("probe of %s: cleanup: %s", probe->address, reply.text);
}

static void submitted(void *argument)
{
    struct probe *probe = argument;

    probe->prober->pending--;
    free(probe->address);
    free(probe);
}

void prober_send(struct prober *prober, struct events *events, const char *address)
{
    struct probe *probe = memory_new(1, sizeof(*probe));

    *probe = (struct probe){ prober, memory_copy(address) };
    prober->pending++;
    events_work(events, submit, submitted, probe);
}
