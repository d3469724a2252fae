#include "tables.h"

#include "base/compiler.h"

static const char *const ldap[] = {
    "bind", "bind_dn", "bind_pw", "cache", "cache_expiry", "cache_size", "chase_referrals",
    "debuglevel", "dereference", "domain", "expansion_limit", "leaf_result_attribute",
    "query_filter", "recursion_limit", "result_attribute", "result_filter", "result_format",
    "sasl_authz_id", "sasl_mechs", "sasl_minssf", "sasl_realm", "scope", "search_base",
    "server_host", "server_port", "size_limit", "special_result_attribute", "start_tls",
    "terminal_result_attribute", "timeout", "tls_ca_cert_dir", "tls_ca_cert_file", "tls_cert",
    "tls_cipher_suite", "tls_key", "tls_random_file", "tls_require_cert", "version", NULL,
};

static const char *const mysql[] = {
    "additional_conditions", "dbname", "domain", "expansion_limit", "hosts", "option_file",
    "option_group", "password", "query", "require_result_set", "result_format", "select_field",
    "table", "tls_CAfile", "tls_CApath", "tls_cert_file", "tls_ciphers", "tls_key_file",
    "tls_verify_cert", "user", "where_field", NULL,
};

static const char *const pgsql[] = {
    "additional_conditions", "dbname", "domain", "expansion_limit", "hosts", "password", "query",
    "result_format", "select_field", "select_function", "table", "user", "where_field", NULL,
};

static const char *const sqlite[] = {
    "additional_conditions", "dbpath", "domain", "expansion_limit", "query", "result_format",
    "select_field", "table", "where_field", NULL,
};

static const char *const memcache[] = {
    "backup", "data_size_limit", "domain", "flags", "key_format", "line_size_limit", "max_try",
    "memcache", "retry_pause", "timeout", "ttl", NULL,
};

static const struct { const char *type; const char *const *settings; } types[] = {
    { "ldap:", ldap }, { "mysql:", mysql }, { "pgsql:", pgsql }, { "sqlite:", sqlite },
    { "memcache:", memcache },
};

const char *const *table_settings(struct slice *table)
{
    struct slice name = *table;

    while (slice_starts(name, "proxy:"))
        name = slice_from(name, 6);
    for (size_t i = 0; i < COUNT(types); i++) {
        if (!slice_starts(name, types[i].type))
            continue;
        *table = slice_from(name, strlen(types[i].type));
        if (table->length == 0 || table->data[0] == '/' || table->data[0] == '.')
            return NULL;
        return types[i].settings;
    }
    return NULL;
}
