/* Rights are given up for good. Each test does it in a child of its own. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/privilege.h"

/* What @fn returns in a child. */
static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int become_nobody(void)
{
	const struct passwd *pw = getpwnam("nobody");

	if (!pw || privilege_drop("nobody", pw->pw_uid, pw->pw_gid) != 0)
		return 1;
	if (getuid() != pw->pw_uid || geteuid() != pw->pw_uid || getgid() != pw->pw_gid)
		return 2;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
		return 3;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 4;
	/* Once more is fine, somebody else is not. */
	if (privilege_drop("nobody", pw->pw_uid, pw->pw_gid) != 0)
		return 5;
	return privilege_drop("root", 0, 0) == -EPERM ? 0 : 6;
}

static int become_other(void)
{
	return privilege_drop("root", geteuid() + 1, getegid()) == -EPERM ? 0 : 1;
}

static void root_becomes_the_user_and_cannot_go_back(void **state)
{
	(void)state;
	if (geteuid() == 0)
		assert_int_equal(in_child(become_nobody), 0);
	else
		assert_int_equal(in_child(become_other), 0);
}

static int fill(void)
{
	(void)close(0);
	(void)close(2);
	if (privilege_fill_standard() != 0)
		return 1;
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) == -1)
			return 2;
	}
	return 0;
}

static void closed_standard_descriptors_are_filled(void **state)
{
	(void)state;
	assert_int_equal(in_child(fill), 0);
}

static int raise_files(void)
{
	struct rlimit limit = { 64, 128 }, after;

	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 1;
	if (privilege_raise_files() != 128 || getrlimit(RLIMIT_NOFILE, &after) == -1)
		return 2;
	return after.rlim_cur == 128 ? 0 : 3;
}

static void the_limit_of_files_is_raised_to_what_is_allowed(void **state)
{
	(void)state;
	assert_int_equal(in_child(raise_files), 0);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(root_becomes_the_user_and_cannot_go_back),
		HARNESS_TEST(closed_standard_descriptors_are_filled),
		HARNESS_TEST(the_limit_of_files_is_raised_to_what_is_allowed),
	};

	return harness_run("daemon/privilege", tests, ARRAY_LEN(tests));
}
