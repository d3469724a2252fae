#include "delivery.h"

#include "address/address.h"

struct outcome delivery_outcome(const char *relay, const char *dsn, const char *reason)
{
    static const enum outcome_action actions[] = {
        ['2'] = OUTCOME_DELIVERED, ['4'] = OUTCOME_DELAYED, ['5'] = OUTCOME_FAILED,
    };

    return (struct outcome){
        .action = actions[(unsigned char)*dsn], .dsn = dsn, .reason = reason, .relay = relay,
        .diagnostic_type = "", .diagnostic_text = "", .remote_mta = "",
    };
}

struct outcome delivery_outcome_of_program(const char *relay,
                                           const struct program_result *result)
{
    struct outcome outcome = delivery_outcome(relay, result->dsn, result->reason);

    outcome.diagnostic_type = "x-unix";
    outcome.diagnostic_text = *result->output ? result->output + strspn(result->output, " ")
                                              : result->reason;
    return outcome;
}

static void add(struct str *headers, const char *name, const char *address)
{
    str_format(headers, "%s: ", name);
    address_quote(headers, slice_of(address));
    str_byte(headers, '\n');
}

void delivery_headers(struct str *headers, const char *sender, const char *original,
                      const char *delivered)
{
    str_text(headers, "Return-Path: <");
    if (*sender)
        address_quote(headers, slice_of(sender));
    str_text(headers, ">\n");
    if (original)
        add(headers, "X-Original-To", original);
    if (delivered)
        add(headers, "Delivered-To", delivered);
}
