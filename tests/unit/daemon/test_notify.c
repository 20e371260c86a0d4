/* What the service manager is told. */
#include "harness.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/notify.h"

static void a_state_is_one_datagram_to_an_abstract_socket(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(addr);
	char name[sizeof(addr.sun_path) + 1] = "@";
	char got[64];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)state;
	assert_true(fd >= 0);
	/* Bound without a name, the kernel chooses an abstract one. */
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	memcpy(name + 1, addr.sun_path + 1, len - sizeof(sa_family_t) - 1);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	notify_send("READY=1");
	assert_int_equal(recv(fd, got, sizeof(got), 0), 7);
	assert_memory_equal(got, "READY=1", 7);
	assert_int_equal(close(fd), 0);
}

static void without_a_usable_socket_nothing_happens(void **state)
{
	char longer[sizeof(((struct sockaddr_un *)0)->sun_path) + 2];

	(void)state;
	memset(longer, 'x', sizeof(longer));
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	notify_send("READY=1");
	assert_int_equal(setenv("NOTIFY_SOCKET", "", 1), 0);
	notify_send("READY=1");
	assert_int_equal(setenv("NOTIFY_SOCKET", "relative", 1), 0);
	notify_send("READY=1");
	assert_int_equal(setenv("NOTIFY_SOCKET", longer, 1), 0);
	notify_send("READY=1");
	assert_int_equal(setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1), 0);
	notify_send("READY=1");
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_state_is_one_datagram_to_an_abstract_socket),
		HARNESS_TEST(without_a_usable_socket_nothing_happens),
	};

	return harness_run("daemon/notify", tests, ARRAY_LEN(tests));
}
