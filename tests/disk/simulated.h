/*
 * A disk in memory that forgets at a crash what was not flushed.
 *
 * What happens is seen at once by who looks at the disk, and kept as a list of
 * effects.  A flush makes effects durable; a crash keeps any selection of the others
 * that the semantics allow:
 *
 * DISK_JOURNALED, like ext4: names, modes and times become durable in the order in which
 *   they happened, all of them up to now with the fsync of any file; a file's data grows
 *   from its start, and may be behind its name and mode.
 * DISK_PESSIMISTIC, what POSIX allows at worst: each page of data, each name (of a rename,
 *   either half), each mode is kept or lost for itself; fsync of a file makes its data and
 *   mode durable, fsync of a folder the names in it.
 */
#pragma once

#include "queue/disk.h"

enum disk_semantics { DISK_JOURNALED, DISK_PESSIMISTIC };

struct simulated;

struct simulated *simulated_new(enum disk_semantics semantics);
void simulated_free(struct simulated *simulated);

/* Valid as long as the simulated disk. */
const struct disk *simulated_disk(struct simulated *simulated);

/* Calls that were made so far; looks (status, lists, close) are not counted. */
int simulated_calls(const struct simulated *simulated);

/* From call number on (the first is 1), every call fails with EIO and does nothing. 0: never. */
void simulated_crash_at(struct simulated *simulated, int number);

/* Call number fails with errno code; a flush that fails loses what it should have flushed. */
void simulated_fail_at(struct simulated *simulated, int number, int code);

/* True when the crash or the failure has come. */
bool simulated_has_failed(const struct simulated *simulated);

/* What the last call that failed was, for messages of tests. */
const char *simulated_failed_call(const struct simulated *simulated);

/* How many effects are not durable. */
int simulated_pending(const struct simulated *simulated);

/*
 * The disk as it is found after a crash: keep(argument, i) says of each effect that is
 * not durable whether it is kept, as far as the semantics leave that open.
 */
struct simulated *simulated_after_crash(const struct simulated *simulated,
                                        bool (*keep)(void *argument, int effect),
                                        void *argument);

/* Everything becomes durable; the counter of calls starts again. */
void simulated_settle(struct simulated *simulated);
