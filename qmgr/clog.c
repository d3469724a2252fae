#include "clog.h"

#include "active.h"

#include "log/log.h"

/* With less than this part of all it is not the only one, and may be sent on its own way. */
enum { ALONE_PERCENT = 80 };

/* The lines are those of Postfix: administrators and log analysers know them. */
static void advise(const struct delivery *delivery, bool alone)
{
    const char *transport = delivery->transport_name;
    int limit;

    if (!alone) {
        log_warn("this may slow down other mail deliveries");
        log_warn("you may need a separate master.cf transport for %s", delivery->nexthop);
    } else if (destination_is_at_limit(delivery->destination, &limit)) {
        log_warn("you may need to increase the main.cf %s_destination_concurrency_limit from %d",
                 transport, limit);
    } else {
        log_warn("you may need to reduce %s connect and helo timeouts", transport);
        log_warn("so that Postfix quickly skips unavailable hosts");
        log_warn("you may need to increase the main.cf minimal_backoff_time and "
                 "maximal_backoff_time");
        log_warn("so that Postfix wastes less time on undeliverable mail");
        log_warn("you may need to increase the master.cf %s process limit", transport);
    }
    log_warn("please avoid flushing the whole queue when you have");
    log_warn("lots of deferred mail, that is bad for performance");
}

void clog_warn(void *owner, const struct delivery *delivery)
{
    const struct qmgr *qmgr = owner;
    size_t load = destination_load(delivery->destination), all = hash_count(qmgr->messages);

    log_warn("mail for %s is using up %zu of %zu active queue entries", delivery->nexthop, load,
             all);
    advise(delivery, load * 100 >= all * ALONE_PERCENT);
    log_warn("to turn off these warnings specify: qmgr_clog_warn_time = 0");
}
