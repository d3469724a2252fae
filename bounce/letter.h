/*
 * One notification on its way: its text, the message that it is about, and whom it goes to.
 */
#pragma once

#include "notice.h"
#include "queue/queue.h"
#include "send.h"

struct letter {
    const struct bouncer *bouncer;
    struct notice notice;
    const char *sender;
    const char *recipient;
    struct message *original;
};

/*
 * Hand it to cleanup; original is the envelope of the message as the queue has it.  False: it was
 * not taken.  Waits for cleanup.
 */
bool letter_post(const struct letter *letter, const struct envelope *original,
                 struct str *queue_id, struct error *error) MUST_USE;
