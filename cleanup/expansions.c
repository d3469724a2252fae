#include "expansions.h"

#include "deliver/bounce.h"
#include "log/log.h"

static bool report(const struct intake *intake, const struct recipient *alias,
                   struct error *error)
{
    const struct bounce_append record = {
        .queue_id = intake->submission->envelope.queue_id, .recipient = alias->address,
        .original = alias->original, .dsn_original = alias->dsn_original,
        .notify = alias->notify, .action = "expanded", .dsn = "2.0.0",
        .reason = "alias expanded", .diagnostic_type = "", .diagnostic_text = "",
        .remote_mta_type = "", .remote_mta = "",
    };

    return bounce_append(intake->cleanup->trace, &record, intake->cleanup->config->ipc_timeout,
                         error);
}

bool expansions_report(struct intake *intake)
{
    struct error error;

    for (size_t i = 0; i < intake->expanded.count; i++)
        if (!report(intake, &intake->expanded.items[i], &error)) {
            log_warn("%s: trace service failure: %s", intake->submission->envelope.queue_id,
                     error.text);
            return false;
        }
    return true;
}
