/*
 * What postconf can do; each ends the program with a message when it cannot.
 */
#pragma once

#include "options.h"

void show_main(const struct options *options);
void edit_main(const struct options *options);
void show_services(const struct options *options);  /* -M, -F, -P */
void edit_services(const struct options *options);
void show_server_sasl(void);
void show_client_sasl(void);
void show_lock_types(void);
void show_table_types(void);
void show_tls(const char *mode);
void show_bounce_templates(const struct options *options);

/* Write output to descriptor 1; ends the program when that fails. */
struct str;
void write_output(const struct str *output);
