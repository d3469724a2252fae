#include "service/landlock.h"

#include "base/scope.h"
#include "log/log.h"
#include "service/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>

/* What headers older than the kernel may lack. */
enum {
    ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_NETWORK = 4, ABI_SCOPES = 6,
    DNS_PORT = 53,
};

static const uint64_t truncate_right = UINT64_C(1) << 14;
static const uint64_t bind_tcp = UINT64_C(1) << 0, connect_tcp = UINT64_C(1) << 1;
static const uint64_t scope_abstract = UINT64_C(1) << 0, scope_signal = UINT64_C(1) << 1;
static const int rule_net_port = 2;

/* As struct landlock_ruleset_attr of a kernel with ABI 6. */
struct ruleset_rights {
    uint64_t folders;
    uint64_t network;
    uint64_t scopes;
};

struct port_rule {
    uint64_t access;
    uint64_t port;
};

static const uint64_t read_rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t remove_rights = LANDLOCK_ACCESS_FS_REMOVE_FILE;
static const uint64_t write_rights =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG;

static int abi_version(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static struct ruleset_rights handled(int abi, unsigned network)
{
    struct ruleset_rights all = {
        .folders = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
    };

    if (abi >= ABI_REFER)
        all.folders |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= ABI_TRUNCATE)
        all.folders |= truncate_right;
    if (abi >= ABI_NETWORK)
        all.network = bind_tcp | (network & NETWORK_TCP ? 0 : connect_tcp);
    if (abi >= ABI_SCOPES)
        all.scopes = scope_abstract | scope_signal;
    return all;
}

static size_t attribute_size(int abi)
{
    if (abi >= ABI_SCOPES)
        return sizeof(struct ruleset_rights);
    return abi >= ABI_NETWORK ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

static uint64_t folder_rights(unsigned access, uint64_t known)
{
    uint64_t rights = 0;

    if (access & FOLDER_READ)
        rights |= read_rights;
    if (access & FOLDER_WRITE)
        rights |= write_rights | LANDLOCK_ACCESS_FS_REFER | truncate_right;
    if (access & FOLDER_REMOVE)
        rights |= remove_rights;
    return rights & known;
}

static void allow_folder(int ruleset, const char *folder, uint64_t rights)
{
    AUTO_CLOSE int fd = open(folder, O_PATH | O_CLOEXEC | O_DIRECTORY);
    struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = fd };

    if (fd < 0)
        return;
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        log_fatal("Landlock rule for %s: %m", folder);
}

/* Folders that prepare named, each with a NUL behind. */
static void allow_folders(int ruleset, const struct str *folders, uint64_t rights)
{
    for (size_t at = 0; at < folders->length; at += strlen(folders->data + at) + 1)
        allow_folder(ruleset, folders->data + at, rights);
}

static void allow_data(int ruleset, const struct process *process, uint64_t rights)
{
    allow_folder(ruleset, process->settings.data_directory, rights);
    allow_folders(ruleset, &process->writes, rights);
}

static void allow_folder_of(int ruleset, const char *path, uint64_t rights)
{
    AUTO_STR struct str folder = STR_EMPTY;
    size_t slash = slice_find_last(slice_of(path), '/');

    if (!*path || slash == strlen(path))
        return;
    str_add(&folder, slice_part(slice_of(path), 0, slash));
    allow_folder(ruleset, folder.length ? folder.data : "/", rights);
}

static void allow_grant(int ruleset, const struct process *process,
                        const struct folder_grant *grant, uint64_t rights)
{
    if (strcmp(grant->folder, "$config_directory") == 0)
        allow_folder(ruleset, process->settings.config_directory, rights);
    else if (strcmp(grant->folder, "$data_directory") == 0)
        allow_data(ruleset, process, rights);
    else if (strcmp(grant->folder, "$maillog") == 0)
        allow_folder_of(ruleset, process->settings.maillog_file, rights);
    else if (strcmp(grant->folder, "$tables") == 0)
        allow_folders(ruleset, &process->reads, rights);
    else
        allow_folder(ruleset, grant->folder, rights);
}

static void allow_port(int ruleset, uint64_t access, uint64_t port)
{
    struct port_rule rule = { access, port };

    if (syscall(SYS_landlock_add_rule, ruleset, rule_net_port, &rule, 0) < 0)
        log_fatal("Landlock rule for port %d: %m", (int)port);
}

struct landlock landlock_prepare(const struct process *process, unsigned rights)
{
    int abi = abi_version();
    unsigned network = rights_network(rights);

    if (abi < 1)
        return (struct landlock){ -1 };

    struct ruleset_rights all = handled(abi, network);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, attribute_size(abi), 0);

    if (ruleset < 0)
        log_fatal("Landlock: %m");
    for (unsigned i = 0; right_at(i); i++)
        for (const struct folder_grant *grant = right_at(i)->folders;
             rights & right_at(i)->bit && grant->folder; grant++)
            allow_grant(ruleset, process, grant, folder_rights(grant->access, all.folders));
    /* Binding to a port that the kernel chooses is how a source address is set. */
    if (all.network & bind_tcp && network & NETWORK_TCP)
        allow_port(ruleset, bind_tcp, 0);
    if (all.network & connect_tcp && network & NETWORK_DNS)
        allow_port(ruleset, connect_tcp, DNS_PORT);
    return (struct landlock){ ruleset };
}

void landlock_enforce(struct landlock *landlock)
{
    if (landlock->ruleset < 0)
        return;
    if (syscall(SYS_landlock_restrict_self, landlock->ruleset, 0) < 0)
        log_fatal("Landlock: %m");
    close(take_fd(&landlock->ruleset));
}
