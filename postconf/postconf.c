/* postconf(1): show and edit the configuration. */
#include "log/log.h"
#include "modes.h"

#include <stddef.h>

static void run(const struct options *options)
{
    if (option_is_given(options, 'a'))
        show_server_sasl();
    else if (option_is_given(options, 'A'))
        show_client_sasl();
    else if (option_is_given(options, 'l'))
        show_lock_types();
    else if (option_is_given(options, 'm'))
        show_table_types();
    else if (option_is_given(options, 'T'))
        show_tls(options->tls_mode);
    else if (option_is_given(options, 'b') || option_is_given(options, 't'))
        show_bounce_templates(options);
    else if (option_is_given(options, 'p') && options_edit(options))
        edit_main(options);
    else if (option_is_given(options, 'p'))
        show_main(options);
    else if (options_edit(options))
        edit_services(options);
    else
        show_services(options);
}

int main(int argc, char **argv)
{
    log_open(&(struct log_settings){ .tag = "postfix/postconf", .program = argv[0],
                                     .standard_error = true });

    struct options options = options_read(argc, argv);

    run(&options);
    options_free(&options);
    return 0;
}
