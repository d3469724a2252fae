/*
 * The queue as mailq shows it, in mail_queue_list_protocol: what public/showq answers.
 *
 * Attributes are name NUL value NUL; an empty name ends a group.  First comes a group with
 * the protocol's name, then one for each message (queue_name, queue_id, time, size,
 * forced_expire, sender, and for each recipient that is not done: recipient and, when the
 * defer log knows one, reason), then an empty group.
 */
#pragma once

#include "queue/queue.h"

struct listing_settings {
    const char *empty_address;      /* empty_address_recipient: stands for the null address */
    size_t duplicate_limit;         /* duplicate_filter_limit; 0: none */
};

/*
 * Give the answer in pieces to send(argument, bytes), until that returns false.
 * Messages that are not complete or not readable are left out.
 */
bool listing_write(struct queue *queue, const struct listing_settings *settings,
                   bool (*send)(void *argument, struct slice bytes), void *argument);
