#include "deliver/verify.h"

#include "address/address.h"
#include "base/memory.h"
#include "base/scope.h"

enum { IDLE_LANES = 10, IDLE_SECONDS = 100 };

static const struct field verify_request_fields[] = {
    NUMBER_FIELD(verify_request, action),
    TEXT_FIELD(verify_request, address),
    NUMBER_FIELD(verify_request, wait_milliseconds),
    NUMBER_FIELD(verify_request, status),
    TEXT_FIELD(verify_request, text),
    LAST_FIELD,
};

static const struct field verify_reply_fields[] = {
    NUMBER_FIELD(verify_reply, good),
    NUMBER_FIELD(verify_reply, status),
    TEXT_FIELD(verify_reply, text),
    LAST_FIELD,
};

FRAME_TYPE(verify_request, "verify request", FRAME_VERIFY_REQUEST)
FRAME_TYPE(verify_reply, "verify reply", FRAME_VERIFY_REPLY)

struct verifier {
    struct lane_pool *lanes;
    int timeout_seconds;
};

struct verifier *verifier_new(const char *socket, int timeout_seconds)
{
    struct verifier *verifier = memory_new(1, sizeof(*verifier));

    verifier->lanes = lane_pool_new(socket, IDLE_LANES, IDLE_SECONDS);
    verifier->timeout_seconds = timeout_seconds;
    return verifier;
}

void verifier_free(struct verifier *verifier)
{
    if (!verifier)
        return;
    lane_pool_free(verifier->lanes);
    free(verifier);
}

static bool call(struct verifier *verifier, const struct verify_request *request,
                 struct arena *arena, struct verify_reply *reply, struct error *error)
{
    int64_t deadline = moment_after(verifier->timeout_seconds) + request->wait_milliseconds;

    if (!lane_pool_call(verifier->lanes, &verify_request_frame, request, &verify_reply_frame,
                        arena, reply, deadline, error))
        return false;
    if (!reply->good)
        return error_set(error, "%s", reply->text);
    if (reply->status < VERIFY_DELIVERABLE || reply->status > VERIFY_UNKNOWN)
        return error_set(error, "unknown status");
    return true;
}

bool verifier_query(struct verifier *verifier, const char *address, int64_t wait_milliseconds,
                    struct arena *arena, struct verify_reply *reply, struct error *error)
{
    const struct verify_request request = {
        .action = VERIFY_QUERY, .address = address, .wait_milliseconds = wait_milliseconds,
        .text = "",
    };

    return call(verifier, &request, arena, reply, error);
}

bool verifier_update(struct verifier *verifier, const char *address, enum verify_status status,
                     const char *text, struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct verify_reply reply = { .text = "" };
    const struct verify_request request = {
        .action = VERIFY_UPDATE, .address = address, .status = status, .text = text,
    };

    return call(verifier, &request, arena, &reply, error);
}

/* --- the sender of probes ---------------------------------------------------------- */

/* Digits without vowels, so that no words come out. */
static void add_stamp(struct str *output, uint64_t number)
{
    static const char digits[] = "0123456789BCDFGHJKLMNPQRSTVWXYZ";
    enum { BASE = sizeof(digits) - 1, LENGTH = 16 };
    char text[LENGTH];
    size_t start = LENGTH;

    do {
        text[--start] = digits[number % BASE];
        number /= BASE;
    } while (number > 0);
    str_bytes(output, text + start, LENGTH - start);
}

static bool is_null_sender(const char *sender)
{
    return !*sender || strcmp(sender, "<>") == 0;
}

void verify_sender(struct str *output, const char *sender, int ttl_seconds, int64_t now)
{
    struct address_parts parts = address_split(slice_of(sender));

    if (is_null_sender(sender))
        return;
    str_add(output, parts.local);
    if (ttl_seconds > 0)
        add_stamp(output, (uint64_t)(now / ttl_seconds));
    if (parts.domain.length > 0) {
        str_byte(output, '@');
        str_add(output, parts.domain);
    }
}

bool verify_sender_is(struct slice address, const char *sender, int ttl_seconds,
                      const char *origin, int64_t now)
{
    struct slice domain = address_split(slice_of(sender)).domain;
    struct address_parts parts = address_split(address);
    int steps = ttl_seconds > 0 ? 1 : 0;

    if (is_null_sender(sender) ||
        !slice_equal_nocase(parts.domain, domain.length > 0 ? domain : slice_of(origin)))
        return false;
    /* One that was made before its time ended may arrive after it; clocks differ. */
    for (int step = -steps; step <= steps; step++) {
        AUTO_STR struct str text = STR_EMPTY;

        verify_sender(&text, sender, ttl_seconds, now + (int64_t)step * ttl_seconds);
        if (slice_equal_nocase(parts.local, address_split(str_slice(&text)).local))
            return true;
    }
    return false;
}
