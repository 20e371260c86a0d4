/*
 * Who else could change what we execute? Looked at when the configuration is loaded: a fault is
 * then told to the operator who made it, not to a caller. It is no guard against a race, and need
 * not be: who wins it owns the file or its directory already.
 */
#include "config/check.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config/snapshot.h"

#define WRITABLE_BY_OTHERS (S_IWGRP | S_IWOTH)

/* Each directory from the file's own up to the root. */
static bool check_directories(struct config_report *r, unsigned line, const char *path)
{
	char dir[PATH_MAX];
	char quoted[CONFIG_QUOTE];
	struct stat st;
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	while ((slash = strrchr(dir, '/')) != NULL) {
		slash[slash == dir] = '\0'; /* the root keeps its slash */
		(void)config_quote(slice_str(dir), quoted);
		if (stat(dir, &st) == -1) {
			config_error(r, line, "cannot look at directory \"%s\": %s", quoted,
				     strerror(errno));
			return false;
		}
		/* In a sticky directory of root's, like /tmp, others cannot replace the file. */
		if ((st.st_mode & WRITABLE_BY_OTHERS) &&
		    !((st.st_mode & S_ISVTX) && st.st_uid == 0)) {
			config_error(r, line,
				     "directory \"%s\" of the script can be written by others than "
				     "its owner (mode %04o), expected: chmod go-w",
				     quoted, (unsigned)st.st_mode & 07777);
			return false;
		}
		if (slash == dir)
			break;
	}
	return true;
}

bool config_check_script(struct config_report *r, unsigned line, const char *path)
{
	AUTO_FREE char *real = NULL;
	char quoted[CONFIG_QUOTE];
	struct stat st;

	(void)config_quote(slice_str(path), quoted);
	if (strlen(path) >= PATH_MAX) {
		config_error(r, line, "path of the script is too long, expected less than %d bytes",
			     PATH_MAX);
		return false;
	}
	real = realpath(path, NULL);
	if (!real || stat(real, &st) == -1) {
		config_error(r, line, "script \"%s\": %s, expected an executable file", quoted,
			     strerror(errno));
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		config_error(r, line, "script \"%s\" is not a regular file", quoted);
		return false;
	}
	if (!(st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH))) {
		config_error(r, line, "script \"%s\" is not executable, expected: chmod +x",
			     quoted);
		return false;
	}
	if (st.st_mode & WRITABLE_BY_OTHERS) {
		config_error(r, line,
			     "script \"%s\" can be written by others than its owner (mode %04o), "
			     "expected: chmod go-w",
			     quoted, (unsigned)st.st_mode & 07777);
		return false;
	}
	return check_directories(r, line, path) && check_directories(r, line, real);
}

bool config_check_account(struct config_report *r, unsigned line, const char *user,
			  const char *group, uid_t *ret_uid, gid_t *ret_gid)
{
	char quoted[CONFIG_QUOTE];
	uid_t uid = CONFIG_NO_ID;
	gid_t gid = CONFIG_NO_ID;

	if (user) {
		const struct passwd *pw = getpwnam(user);

		if (!pw) {
			config_error(r, line,
				     "user is \"%s\", expected the name of an account of this host",
				     config_quote(slice_str(user), quoted));
			return false;
		}
		uid = pw->pw_uid;
		gid = pw->pw_gid;
	}
	if (group) {
		const struct group *gr = getgrnam(group);

		if (!gr) {
			config_error(r, line,
				     "group is \"%s\", expected the name of a group of this host",
				     config_quote(slice_str(group), quoted));
			return false;
		}
		gid = gr->gr_gid;
	}
	*ret_uid = uid;
	*ret_gid = gid;
	return true;
}
