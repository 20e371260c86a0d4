/* The rights the daemon keeps. */
#ifndef SIPCGID_DAEMON_PRIVILEGE_H
#define SIPCGID_DAEMON_PRIVILEGE_H

#include <sys/types.h>

/*
 * Becomes @user for good, with that user's groups, and can gain no rights any more, not by exec
 * either. -EPERM when the process is neither root nor that user already; any other error is of a
 * system call. After an error the process must end: it may have changed by half.
 */
int privilege_drop(const char *user, uid_t uid, gid_t gid);
/* As many descriptors as the system lets us have. Returns how many. */
unsigned long privilege_raise_files(void);
/* Opens /dev/null for each of descriptors 0 to 2 that is closed, so that no socket becomes one. */
int privilege_fill_standard(void);

#endif
