/*
 * What the right-hand sides of access tables ask for (access(5)).
 */
#include "check.h"

#include "address/address.h"
#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"

/* What an action is given. */
struct action {
    struct evaluation *evaluation;
    const struct check *check;
    struct subject subject;
    const char *key;
    struct slice text;      /* behind the action's name */
    const char *word;       /* the action's name as it stands there */
};

typedef struct verdict action_function(const struct action *action);

static struct verdict refuse(const struct action *action, int code, const char *status,
                             const char *otherwise)
{
    char own[STATUS_SIZE];
    struct slice text = action->text;

    if (status_take(&text, own))
        status = own;
    if (!text.length)
        text = slice_of(otherwise);
    return verdict_reject(action->evaluation, action->subject, code, status, "%.*s",
                          SLICE_ARGS(text));
}

static struct verdict action_reject(const struct action *action)
{
    return refuse(action, action->evaluation->policy->server->config->access_map_reject_code,
                  "5.7.1", "Access denied");
}

static struct verdict action_defer(const struct action *action)
{
    return refuse(action, action->evaluation->policy->server->config->access_map_defer_code,
                  "4.7.1", "Access denied");
}

static struct verdict action_defer_if_permit(const struct action *action)
{
    return verdict_defer_if_permit(action->evaluation,
                                   refuse(action, 450, "4.7.1", "Service unavailable"));
}

static struct verdict action_defer_if_reject(const struct action *action)
{
    return verdict_defer_if_reject(action->evaluation,
                                   refuse(action, 450, "4.7.1", "Service unavailable"));
}

static struct verdict action_permit(const struct action *action)
{
    permit_log(action->evaluation, action->word, action->subject, action->check->argument);
    return verdict_permit();
}

static struct verdict action_dunno(UNUSED const struct action *action)
{
    return verdict_next();
}

static struct verdict action_hangup(const struct action *action)
{
    return (struct verdict){ .result = VERDICT_REJECT, .code = 421, .status = "4.0.0",
                             .text = arena_text(action->evaluation->arena, action->text),
                             .hangup = true };
}

static struct verdict action_warn(const struct action *action)
{
    facts_log(action->evaluation->facts, "warn", action->text);
    return verdict_next();
}

static struct verdict action_info(const struct action *action)
{
    facts_log(action->evaluation->facts, "info", action->text);
    return verdict_next();
}

/* "<x>: Sender address triggers HOLD action". */
static void log_trigger(const struct action *action, const char *verb, const char *word,
                        struct slice text, bool shows_argument)
{
    AUTO_STR struct str line = STR_EMPTY;

    str_format(&line, "<%s>: %s ", action->subject.name, action->subject.class);
    if (shows_argument)
        str_format(&line, "triggers %s %.*s", word, SLICE_ARGS(text));
    else if (text.length)
        str_add(&line, text);
    else
        str_format(&line, "triggers %s action", word);
    facts_log(action->evaluation->facts, verb, str_slice(&line));
}

static void warn_entry(const struct action *action, const char *wanted)
{
    log_warn("access table %s entry \"%s\" requires %s", action->check->argument, action->key,
             wanted);
}

/*
 * ETRN brings no mail that something could be done with; before MAIL there is none yet; and what
 * goes through a filter is not ours.
 */
static bool is_for_mail(const struct action *action, bool header)
{
    const struct config *config = action->evaluation->policy->server->config;

    const struct facts *facts = action->evaluation->facts;
    const char *table = action->check->argument, *word = action->word;

    if (facts->etrn_domain)
        log_warn("access table %s: action %s is unavailable in smtpd_etrn_restrictions", table,
                 word);
    else if (!facts->sender)
        log_warn("access table %s: with smtpd_delay_reject=no, action %s is always skipped in "
                 "Client host or Helo command restrictions", table, word);
    else if (*config->smtpd_proxy_filter && !header)
        log_warn("access table %s: with smtpd_proxy_filter specified, action %s is unavailable",
                 table, word);
    else
        return true;
    return false;
}

static struct verdict action_hold(const struct action *action)
{
    struct effects *effects = action->evaluation->effects;

    /* Once is enough, whatever the number of recipients. */
    if (effects && effects->hold)
        return verdict_next();
    log_trigger(action, "hold", "HOLD", action->text, false);
    if (effects)
        effects->hold = true;
    return verdict_next();
}

static struct verdict action_discard(const struct action *action)
{
    log_trigger(action, "discard", "DISCARD", action->text, false);
    if (action->evaluation->effects)
        action->evaluation->effects->discard = true;
    permit_log(action->evaluation, action->word, action->subject, action->check->argument);
    return verdict_permit();
}

static struct verdict action_filter(const struct action *action)
{
    struct effects *effects = action->evaluation->effects;

    if (slice_find(action->text, ':') >= action->text.length) {
        warn_entry(action, "transport:destination");
        return verdict_next();
    }
    log_trigger(action, "filter", "FILTER", action->text, true);
    if (effects)
        effects->filter = arena_text(action->evaluation->arena, action->text);
    return verdict_next();
}

static struct verdict action_redirect(const struct action *action)
{
    struct effects *effects = action->evaluation->effects;

    if (slice_find(action->text, '@') >= action->text.length) {
        warn_entry(action, "user@domain target");
        return verdict_next();
    }
    log_trigger(action, "redirect", "REDIRECT", action->text, true);
    if (effects)
        effects->redirect = arena_text(action->evaluation->arena, action->text);
    return verdict_next();
}

static struct verdict action_bcc(const struct action *action)
{
    struct effects *effects = action->evaluation->effects;

    if (slice_find(action->text, '@') >= action->text.length) {
        warn_entry(action, "user@domain target");
        return verdict_next();
    }
    log_trigger(action, "bcc", "BCC", action->text, true);
    if (effects) {
        const char *address = arena_text(action->evaluation->arena, action->text);

        /* A list that runs for each recipient asks for one copy all the same. */
        for (const struct bcc *known = effects->bcc; known; known = known->next)
            if (!strcmp(known->address, address))
                return verdict_next();

        struct bcc *bcc = arena_take(action->evaluation->arena, sizeof(*bcc));

        bcc->address = address;
        bcc->next = effects->bcc;
        effects->bcc = bcc;
    }
    return verdict_next();
}

static struct verdict action_prepend(const struct action *action)
{
    struct effects *effects = action->evaluation->effects;
    size_t colon = slice_find(action->text, ':');

    if (colon == 0 || colon >= action->text.length ||
        slice_find_any(slice_part(action->text, 0, colon), " \t") < colon) {
        warn_entry(action, "header: text");
        return verdict_next();
    }
    if (action->evaluation->list == LIST_END_OF_DATA) {
        log_warn("access table %s: action PREPEND must be used before "
                 "smtpd_end_of_data_restrictions", action->check->argument);
        return verdict_next();
    }
    if (effects)
        effects->prepend = arena_format(action->evaluation->arena, "%s%.*s\n",
                                        effects->prepend ? effects->prepend : "",
                                        SLICE_ARGS(action->text));
    return verdict_next();
}

static const struct {
    const char *name;
    action_function *run;
    bool needs_mail;
} actions[] = {
    { "REJECT", action_reject, false },
    { "DEFER", action_defer, false },
    { "DEFER_IF_PERMIT", action_defer_if_permit, false },
    { "DEFER_IF_REJECT", action_defer_if_reject, false },
    { "OK", action_permit, false },
    { "RELAY", action_permit, false },
    { "DUNNO", action_dunno, false },
    { "HANGUP", action_hangup, false },
    { "WARN", action_warn, false },
    { "INFO", action_info, false },
    { "HOLD", action_hold, true },
    { "DISCARD", action_discard, true },
    { "FILTER", action_filter, true },
    { "REDIRECT", action_redirect, true },
    { "BCC", action_bcc, true },
    { "PREPEND", action_prepend, true },
};

static bool is_all_digits(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!byte_is_digit(text.data[i]))
            return false;
    return text.length > 0;
}

/* "450 text" and "550 5.1.1 text". */
static bool is_reply(struct slice word, uint64_t *code)
{
    return word.length == 3 && (word.data[0] == '4' || word.data[0] == '5') &&
           slice_number(word, 599, code);
}

/* The right-hand side is a list of restrictions, for this once. */
static struct verdict run_restrictions(const struct action *action, struct slice value)
{
    struct evaluation *evaluation = action->evaluation;
    const struct subject *before = evaluation->subject;
    struct program program = { 0 };
    struct error error = ERROR_NONE;
    struct verdict verdict;

    evaluation->subject = &action->subject;

    if (program_compile(evaluation->policy, value, evaluation->list, false, evaluation->arena,
                        &program, &error))
        verdict = program_run(evaluation, &program);
    else {
        log_warn("access table %s entry \"%s\": %s", action->check->argument, action->key,
                 error.text);
        verdict = verdict_bad_config();
    }
    evaluation->subject = before;
    free(program.items);
    return verdict;
}

struct verdict access_obey(struct evaluation *evaluation, const struct check *check,
                           struct subject subject, const char *key, struct slice value)
{
    struct slice rest = slice_trim(value);
    struct slice word = slice_take_word(&rest);
    struct action action = { evaluation, check, subject, key, slice_trim(rest),
                             arena_text(evaluation->arena, word) };
    uint64_t code;

    if (!word.length) {
        log_warn("access table %s entry %s has empty value", check->argument, key);
        return verdict_next();
    }
    if (is_all_digits(slice_trim(value)))
        return action_permit(&action);
    if (is_reply(word, &code))
        return refuse(&action, (int)code, code / 100 == 4 ? "4.7.1" : "5.7.1", "Access denied");
    for (size_t i = 0; i < COUNT(actions); i++)
        if (slice_is_nocase(word, actions[i].name))
            return actions[i].needs_mail &&
                   !is_for_mail(&action, actions[i].run == action_prepend)
                       ? verdict_next() : actions[i].run(&action);
    return run_restrictions(&action, value);
}
