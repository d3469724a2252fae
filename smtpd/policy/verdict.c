#include "check.h"

#include "base/scope.h"
#include "deliver/postmaster.h"
#include "log/log.h"

#include <stdarg.h>

/* --- Subjects. -------------------------------------------------------------------- */

struct subject subject_client(struct evaluation *evaluation)
{
    const struct facts *facts = evaluation->facts;

    return (struct subject){ facts->client, "Client host" };
}

struct subject subject_helo(struct evaluation *evaluation)
{
    const char *helo = evaluation->facts->helo;

    return (struct subject){ helo ? helo : "", "Helo command" };
}

struct subject subject_sender(struct evaluation *evaluation)
{
    const char *sender = evaluation->facts->sender;

    return (struct subject){ sender ? sender : "", "Sender address" };
}

struct subject subject_recipient(struct evaluation *evaluation)
{
    const char *recipient = evaluation->facts->recipient;

    return (struct subject){ recipient ? recipient : "", "Recipient address" };
}

struct subject subject_list(struct evaluation *evaluation)
{
    const char *domain = evaluation->facts->etrn_domain;

    if (evaluation->subject)
        return *evaluation->subject;
    switch (evaluation->list) {
    case LIST_CLIENT:
        return subject_client(evaluation);
    case LIST_HELO:
        return subject_helo(evaluation);
    case LIST_SENDER:
        return subject_sender(evaluation);
    case LIST_DATA:
        return (struct subject){ "DATA", "Data command" };
    case LIST_END_OF_DATA:
        return (struct subject){ "END-OF-MESSAGE", "End-of-data" };
    case LIST_ETRN:
        return (struct subject){ domain ? domain : "", "Etrn command" };
    default:
        return subject_recipient(evaluation);
    }
}

void permit_log(struct evaluation *evaluation, const char *action, struct subject subject,
                const char *table)
{
    struct match_list *actions = evaluation->policy->server->permit_actions;
    AUTO_STR struct str text = STR_EMPTY;
    struct error error = ERROR_NONE;

    if (evaluation->quiet || evaluation->if_permit.result == VERDICT_REJECT ||
        match_list_get(actions, slice_of(action), &error) != MATCH_YES)
        return;
    str_format(&text, "action=%s for %s=%s %s%s", action, subject.class, subject.name,
               table ? "from " : "", table ? table : "");
    facts_log(evaluation->facts, "permit", str_slice(&text));
}

/* --- Verdicts. -------------------------------------------------------------------- */

struct verdict verdict_next(void)
{
    return (struct verdict){ .result = VERDICT_NEXT };
}

struct verdict verdict_permit(void)
{
    return (struct verdict){ .result = VERDICT_PERMIT };
}

struct verdict verdict_text(int code, const char *status, const char *text)
{
    struct verdict verdict = { .result = VERDICT_REJECT, .code = code, .text = text };

    strncpy(verdict.status, status, sizeof(verdict.status) - 1);
    verdict.status[0] = (char)('0' + code / 100);
    return verdict;
}

/* The detail of an address status: sender and recipient have numbers of their own. */
static int fitting_detail(const char *class, int detail)
{
    static const struct { const char *class; int from, to; } rows[] = {
        { "Sender address", 1, 7 }, { "Sender address", 2, 8 }, { "Sender address", 3, 7 },
        { "Sender address", 4, 7 }, { "Sender address", 5, 7 }, { "Sender address", 6, 7 },
        { "Recipient address", 7, 3 }, { "Recipient address", 8, 2 },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (!strcmp(rows[i].class, class) && rows[i].from == detail)
            return rows[i].to;
    return detail;
}

/* X.1.Y speaks of an address (RFC 3463 3.2), which must be the one the reply is about. */
static void fit_status(struct verdict *verdict, const char *class)
{
    char fitted[STATUS_SIZE];
    uint64_t detail;

    if (strncmp(verdict->status + 1, ".1.", 3) != 0 ||
        !slice_number(slice_of(verdict->status + 4), 999, &detail))
        return;
    memcpy(fitted, verdict->status, sizeof(fitted));
    if (!strcmp(class, "Sender address") || !strcmp(class, "Recipient address")) {
        int fit = fitting_detail(class, (int)detail);

        if (fit == (int)detail)
            return;
        fitted[4] = (char)('0' + fit);
        fitted[5] = '\0';
    } else
        memcpy(fitted + 1, ".0.0", 5);
    log_info("mapping DSN status %s into %s status %s", verdict->status, class, fitted);
    memcpy(verdict->status, fitted, sizeof(fitted));
}

struct verdict verdict_reject(struct evaluation *evaluation, struct subject subject, int code,
                              const char *status, const char *format, ...)
{
    struct str text = STR_EMPTY;
    va_list args;

    str_format(&text, "<%s>: %s rejected: ", subject.name, subject.class);
    va_start(args, format);
    str_vformat(&text, format, args);
    va_end(args);

    struct verdict verdict = verdict_text(code, status,
                                          arena_text(evaluation->arena, str_slice(&text)));

    str_free(&text);
    fit_status(&verdict, subject.class);
    return verdict;
}

struct verdict verdict_bad_config(void)
{
    struct verdict verdict = verdict_text(451, "4.3.5", "Server configuration error");

    verdict.blame = NOTIFY_SOFTWARE;
    return verdict;
}

struct verdict verdict_table_trouble(struct evaluation *evaluation, const char *name,
                                     const char *why)
{
    const char *text = arena_format(evaluation->arena, "<%s>: Temporary lookup failure", name);
    struct verdict verdict = verdict_text(451, "4.3.0", text);

    log_warn("%s", why);
    verdict.blame = NOTIFY_DATA;
    return verdict;
}

struct verdict verdict_defer_if_permit(struct evaluation *evaluation, struct verdict verdict)
{
    if (evaluation->warn)
        return verdict;
    if (evaluation->if_permit.result == VERDICT_NEXT)
        evaluation->if_permit = verdict;
    return verdict_next();
}

struct verdict verdict_defer_if_reject(struct evaluation *evaluation, struct verdict verdict)
{
    if (evaluation->warn)
        return verdict;
    if (evaluation->if_reject.result == VERDICT_NEXT)
        evaluation->if_reject = verdict;
    return verdict_next();
}
