/* Files and accounts that the configuration names: what needs a look at the system. */
#ifndef SIPCGID_CONFIG_CHECK_H
#define SIPCGID_CONFIG_CHECK_H

#include <stdbool.h>
#include <sys/types.h>

#include "config/report.h"

/*
 * A script that may be run: a regular file, executable, and changeable by nobody but its owner and
 * root; the same of every directory on the way to it, of the link and of what it points to
 * (SIPCGI.md 6). @path is absolute. False: it was reported at @line why not.
 */
bool config_check_script(struct config_report *r, unsigned line, const char *path);

/*
 * Numbers of a user and a group by name; @user or @group may be NULL. Without @group the user's
 * own. False: it was reported. CONFIG_NO_ID in what is not given.
 */
bool config_check_account(struct config_report *r, unsigned line, const char *user,
			  const char *group, uid_t *ret_uid, gid_t *ret_gid);

#endif
