#include "modes.h"

#include "log/log.h"

void show_bounce_templates(const struct options *options)
{
    log_fatal("-%c: bounce message templates cannot be shown yet by this version",
              option_is_given(options, 'b') ? 'b' : 't');
}
