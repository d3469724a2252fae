/* What needs neither main.cf nor master.cf. */
#include "modes.h"

#include "base/scope.h"
#include "log/log.h"
#include "table/table.h"

#include <openssl/crypto.h>
#include <openssl/opensslv.h>
#include <stdio.h>

void write_output(const struct str *output)
{
    if (fwrite(output->data, 1, output->length, stdout) < output->length || fflush(stdout) != 0)
        log_fatal("write output: %m");
}

static void show_list(const char *const *names)
{
    AUTO_STR struct str output = STR_EMPTY;

    for (; *names; names++)
        str_format(&output, "%s\n", *names);
    write_output(&output);
}

void show_server_sasl(void)
{
    static const char *const types[] = { "cyrus", "dovecot", NULL };

    show_list(types);
}

void show_client_sasl(void)
{
    static const char *const types[] = { "cyrus", NULL };

    show_list(types);
}

void show_lock_types(void)
{
    static const char *const types[] = { "flock", "fcntl", "dotlock", NULL };

    show_list(types);
}

void show_table_types(void)
{
    show_list(table_types());
}

static void show_key_algorithms(void)
{
    static const char *const names[] = { "dsa", "ecdsa", "rsa", NULL };

    show_list(names);
}

void show_tls(const char *mode)
{
    AUTO_STR struct str output = STR_EMPTY;

    if (strcmp(mode, "compile-version") == 0)
        str_format(&output, "%s\n", OPENSSL_VERSION_TEXT);
    else if (strcmp(mode, "run-version") == 0)
        str_format(&output, "%s\n", OpenSSL_version(OPENSSL_VERSION));
    else if (strcmp(mode, "public-key-algorithms") != 0) {
        log_warn("unknown 'postconf -T' mode: %s", mode);
        exit(1);
    } else {
        show_key_algorithms();
        return;
    }
    write_output(&output);
}
