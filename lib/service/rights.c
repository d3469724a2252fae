#include "service/rights.h"

#include "service/service.h"

#include <linux/capability.h>

#define CAPABILITY(name) (UINT64_C(1) << (name))

static const struct right rows[] = {
    { RIGHT_READ_TABLES, "read-tables",
      { { "$config_directory", FOLDER_READ }, { "$tables", FOLDER_READ } },
      0, false, false, 0, "lookup tables are opened anew when they are rebuilt" },
    { RIGHT_CONNECT_UNIX, "connect-unix", { { NULL, 0 } },
      NETWORK_UNIX, false, false, 0, "asks other services of the suite" },
    { RIGHT_CONNECT_TCP, "connect-tcp", { { NULL, 0 } },
      NETWORK_TCP, false, false, 0, "speaks to servers of the network" },
    { RIGHT_RESOLVE, "resolve",
      { { "/etc", FOLDER_READ }, { "/run/systemd/resolve", FOLDER_READ },
        { "/run/resolvconf", FOLDER_READ }, { "/run/NetworkManager", FOLDER_READ } },
      NETWORK_DNS, false, false, 0, "asks name servers; reads hosts and resolv.conf" },
    { RIGHT_WRITE_QUEUE, "write-queue",
      { { "incoming", FOLDER_READ | FOLDER_WRITE }, { "active", FOLDER_READ | FOLDER_WRITE },
        { "deferred", FOLDER_READ | FOLDER_WRITE }, { "hold", FOLDER_READ | FOLDER_WRITE },
        { "corrupt", FOLDER_READ | FOLDER_WRITE }, { "saved", FOLDER_READ | FOLDER_WRITE },
        { "intake", FOLDER_READ | FOLDER_WRITE } },
      0, true, false, 0, "makes, moves and removes messages" },
    { RIGHT_READ_QUEUE, "read-queue",
      { { "incoming", FOLDER_READ }, { "active", FOLDER_READ }, { "deferred", FOLDER_READ },
        { "hold", FOLDER_READ }, { "corrupt", FOLDER_READ }, { "maildrop", FOLDER_READ },
        { "bounce", FOLDER_READ }, { "defer", FOLDER_READ }, { "trace", FOLDER_READ },
        { "intake", FOLDER_READ } },
      0, false, false, 0, "reads messages and their delivery logs" },
    { RIGHT_WRITE_LOGS, "write-logs",
      { { "bounce", FOLDER_READ | FOLDER_WRITE }, { "defer", FOLDER_READ | FOLDER_WRITE },
        { "trace", FOLDER_READ | FOLDER_WRITE } },
      0, true, false, 0, "records what happened to recipients" },
    { RIGHT_WRITE_DATA, "write-data", { { "$data_directory", FOLDER_READ | FOLDER_WRITE } },
      0, true, false, 0, "keeps a cache in data_directory" },
    { RIGHT_NSS, "nss",
      { { "/etc", FOLDER_READ }, { "/usr", FOLDER_READ }, { "/lib", FOLDER_READ },
        { "/lib64", FOLDER_READ }, { "/run", FOLDER_READ }, { "/var/lib", FOLDER_READ } },
      NETWORK_UNIX | NETWORK_TCP | NETWORK_DNS, false, false, 0,
      "looks users up by whatever nsswitch.conf names" },
    { RIGHT_BECOME_USERS, "become-users", { { NULL, 0 } }, 0, true, false,
      CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID) | CAPABILITY(CAP_DAC_OVERRIDE) |
      CAPABILITY(CAP_DAC_READ_SEARCH) | CAPABILITY(CAP_CHOWN) | CAPABILITY(CAP_FOWNER) |
      CAPABILITY(CAP_KILL), "acts as the recipient" },
    { RIGHT_EXECUTE, "execute", { { NULL, 0 } }, 0, true, true, 0,
      "runs commands of users that may be set-gid, which no_new_privs would break" },
    { RIGHT_WRITE_MAILBOXES, "write-mailboxes", { { NULL, 0 } }, 0, true, false, 0,
      "writes mailboxes wherever their owners may" },
    { RIGHT_WRITE_MAILLOG, "write-maillog", { { "$maillog", FOLDER_READ | FOLDER_WRITE } },
      0, true, false, 0, "writes maillog_file" },
    /* A move may not widen what Landlock allows: these folders need the same. */
    { RIGHT_READ_MAILDROP, "read-maildrop",
      { { "maildrop", FOLDER_READ | FOLDER_WRITE }, { "corrupt", FOLDER_READ | FOLDER_WRITE },
        { "saved", FOLDER_READ | FOLDER_WRITE } },
      0, true, false, 0, "takes over what local programs submitted" },
    { RIGHT_WRITE_FLUSH, "write-flush", { { "flush", FOLDER_READ | FOLDER_WRITE } },
      0, true, false, 0, "keeps lists of deferred mail for each domain" },
    { RIGHT_MEMORY_FILE, "memory-file", { { NULL, 0 } }, 0, false, false, 0,
      "makes the input of a program" },
};

const struct right *right_at(unsigned index)
{
    return index < COUNT(rows) ? &rows[index] : NULL;
}

void rights_text(struct str *output, unsigned rights)
{
    const char *separator = "";

    for (size_t i = 0; i < COUNT(rows); i++)
        if (rights & rows[i].bit) {
            str_format(output, "%s%s", separator, rows[i].name);
            separator = " ";
        }
    if (!*separator)
        str_text(output, "nothing");
}

unsigned rights_network(unsigned rights)
{
    unsigned network = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        network |= rights & rows[i].bit ? rows[i].network : 0;
    return network;
}

bool rights_change_files(unsigned rights)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rights & rows[i].bit && rows[i].changes_files)
            return true;
    return false;
}

bool rights_are_trusted(unsigned rights)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rights & rows[i].bit && rows[i].trusted)
            return true;
    return false;
}

uint64_t rights_capabilities(unsigned rights)
{
    uint64_t capabilities = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        capabilities |= rights & rows[i].bit ? rows[i].capabilities : 0;
    return capabilities;
}
