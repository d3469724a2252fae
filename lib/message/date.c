#include "message/date.h"

#include <stdlib.h>

/* The C locale's names, whatever the process's locale is. */
static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

void message_date(struct str *output, time_t when)
{
    struct tm local;

    localtime_r(&when, &local);

    long minutes = local.tm_gmtoff / 60;

    str_format(output, "%s, %d %s %d %02d:%02d:%02d %c%02ld%02ld", days[local.tm_wday],
               local.tm_mday, months[local.tm_mon], local.tm_year + 1900, local.tm_hour,
               local.tm_min, local.tm_sec, minutes < 0 ? '-' : '+', labs(minutes) / 60,
               labs(minutes) % 60);
    if (local.tm_zone && *local.tm_zone)
        str_format(output, " (%s)", local.tm_zone);
}

void message_stamp(struct str *output, time_t when)
{
    struct tm utc;

    gmtime_r(&when, &utc);
    str_format(output, "%04d%02d%02d%02d%02d%02d", utc.tm_year + 1900, utc.tm_mon + 1,
               utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}
