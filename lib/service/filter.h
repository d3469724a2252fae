/*
 * The system call filter (seccomp(2), by libseccomp): what no right needs is not there
 * (ENOSYS), what only an attacker calls ends the process.
 */
#pragma once

enum filter_mode {
    FILTER_ENFORCE,
    FILTER_LOG,         /* let everything through and have the kernel log it */
};

/* Fatal when the kernel refuses; false when it has no such filters. */
_Bool filter_enforce(unsigned rights, enum filter_mode mode);
