#include "marks.h"

#include "address/address.h"
#include "base/scope.h"
#include "log/log.h"
#include "queue/queue.h"

static const struct { char letter; unsigned mark; } letters[] = {
    { 'D', MARK_DELIVERED }, { 'O', MARK_ORIGINAL }, { 'R', MARK_RETURN_PATH },
    { 'X', MARK_FINAL },
};

static unsigned find_mark(char letter)
{
    for (size_t i = 0; i < COUNT(letters); i++)
        if (letters[i].letter == letter)
            return letters[i].mark;
    return 0;
}

bool marks_parse(char *const *words, int count, unsigned *marks, struct error *error)
{
    *marks = 0;
    for (int i = 0; i < count; i++) {
        if (strncmp(words[i], "flags=", 6) != 0)
            return error_set(error, "unknown attribute name: %s", words[i]);
        for (const char *letter = words[i] + 6; *letter; letter++) {
            unsigned mark = find_mark(*letter);

            if (!mark)
                return error_set(error, "unknown flags=%s value \"%c\" in \"%s\"", words[i] + 6,
                                 *letter, words[i] + 6);
            *marks |= mark;
        }
    }
    return true;
}

/* Whether a header of the message, in external form, names the address; case does not matter. */
static bool is_address(struct slice external, const char *address)
{
    AUTO_STR struct str internal = STR_EMPTY;

    (void)!address_unquote(&internal, external);
    return slice_is_nocase(str_slice(&internal), address);
}

static bool was_delivered(const struct delivery_request *request, int file)
{
    static const char header[] = "Delivered-To:";
    const struct envelope *envelope = &request->envelope;
    struct content *content = delivery_content(request, file);
    struct error error = ERROR_NONE;
    struct slice line;
    bool found = false;

    while (!found && content_next(content, &line, &error) == CONTENT_LINE && line.length > 0)
        found = slice_starts_nocase(line, header)
                && is_address(slice_trim(slice_from(line, sizeof(header) - 1)),
                              envelope->recipients.items[0].address);
    content_free(content);
    return found;
}

bool marks_permit(const struct agent *agent, const struct delivery_request *request, int file,
                  struct arena *arena, struct failure *failure)
{
    const struct recipient_list *recipients = &request->envelope.recipients;

    if ((agent->marks & (MARK_DELIVERED | MARK_ORIGINAL)) && recipients->count > 1) {
        log_warn("flag `%c' requires %s_destination_recipient_limit = 1",
                 agent->marks & MARK_DELIVERED ? 'D' : 'O', agent->service_name);
        *failure = failure_of(arena, "4.3.5", "mail system configuration error");
        failure->relay = agent->service_name;
        return false;
    }
    if ((agent->marks & MARK_DELIVERED) && recipients->count > 0 && was_delivered(request, file)) {
        *failure = failure_of(arena, "5.4.6", "mail forwarding loop for %s",
                              recipients->items[0].address);
        failure->relay = agent->service_name;
        return false;
    }
    return true;
}

static void write_mark(struct text *text, const char *name, const char *address, bool brackets)
{
    AUTO_STR struct str line = STR_EMPTY;

    str_format(&line, "%s: %s", name, brackets ? "<" : "");
    if (*address)
        address_quote(&line, slice_of(address));
    str_text(&line, brackets ? ">" : "");
    text_put(text, str_slice(&line), true);
}

void marks_write(unsigned marks, const struct delivery_request *request, struct text *text)
{
    const struct recipient *recipient = &request->envelope.recipients.items[0];

    if (marks & MARK_RETURN_PATH)
        write_mark(text, "Return-Path", request->envelope.sender, true);
    if (marks & MARK_ORIGINAL)
        write_mark(text, "X-Original-To", recipient->original, false);
    if (marks & MARK_DELIVERED)
        write_mark(text, "Delivered-To", recipient->address, false);
}
