/* Configuration files, good ones and bad ones with exactly what is said about them. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/snapshot.h"

/* A directory of its own, the working directory of the tests, with scripts of all kinds. */
static char dir[256];

static void make_file(const char *name, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void make_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(dir, sizeof(dir), "%s/sipcgid-config-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir) || chdir(dir) == -1 || mkdir("open", 0700) == -1 ||
	    chmod("open", 0777) == -1 || mkdir("sub", 0700) == -1)
		abort();
	make_file("good.sh", 0755);
	make_file("sub/good.sh", 0700);
	make_file("plain.sh", 0644);
	make_file("group.sh", 0775);
	make_file("other.sh", 0757);
	make_file("open/good.sh", 0755);
	if (symlink("open/good.sh", "link.sh") == -1 || symlink("nowhere", "broken.sh") == -1)
		abort();
}

static void remove_dir(void)
{
	static const char *const files[] = { "good.sh",  "sub/good.sh", "plain.sh",
					     "group.sh", "other.sh",    "open/good.sh",
					     "link.sh",  "broken.sh",   "t.conf" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		(void)unlink(files[i]);
	(void)rmdir("open");
	(void)rmdir("sub");
	if (chdir("/") == 0)
		(void)rmdir(dir);
}

static int parse(const char *text, struct config **ret, struct buf *err)
{
	struct slice in = exact(text);
	int rc = config_parse(in, "t.conf", ret, err);

	exact_free(in);
	return rc;
}

/* "^" in an expected text stands for the directory. */
static void assert_said(const struct buf *err, const char *expected)
{
	AUTO_BUF want = BUF_INIT;

	for (const char *p = expected; *p; p++) {
		if (*p == '^')
			buf_str(&want, dir);
		else
			buf_char(&want, *p);
	}
	buf_char(&want, '\n');
	if (want.len != err->len || memcmp(want.data, err->data, err->len) != 0)
		fail_msg("said:\n%.*swant:\n%.*s", (int)err->len, err->data, (int)want.len,
			 want.data);
}

struct bad {
	const char *text, *said;
};

static void assert_bad(const struct bad *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct config *c = NULL;
		AUTO_BUF err = BUF_INIT;

		assert_int_equal(parse(rows[i].text, &c, &err), -EBADMSG);
		assert_null(c);
		assert_said(&err, rows[i].said);
	}
}

static void faults_of_syntax_are_told_with_their_line(void **state)
{
	static const struct bad rows[] = {
		{ "# x\n\nfoo = 1\n",
		  "t.conf:3: unknown option \"foo\" in the file, expected one of: domains, "
		  "server-name, database, trusted, authenticate, realm, record-route, "
		  "redirect-domains, tel-gateway, user, group, drain, log, registrar, auth, "
		  "transaction, proxy, transport, environment, listen, script, route" },
		{ "/* two\n lines */ log { colour = 1 }",
		  "t.conf:2: unknown option \"colour\" in log, expected one of: level, format" },
		{ "route { user-scripts = \"x\" }",
		  "t.conf:1: unknown option \"user-scripts\" in route, expected one of: methods, "
		  "request-uri, from, to, user, source, transport, in-dialog, script, default" },
		{ "domains \"x\"", "t.conf:1: \"domains\" without a value, expected \"=\"" },
		{ "realm += x", "t.conf:1: \"+=\" to \"realm\", which is no list, expected \"=\"" },
		{ "\nlog = debug", "t.conf:2: \"log\" is a section, expected \"{\" after it" },
		{ "script { }",
		  "t.conf:1: \"script\" without a name, expected a name in quotes and \"{\"" },
		{ "realm = { a }",
		  "t.conf:1: unexpected \"{\", expected NAME = VALUE or NAME { ... }" },
		{ "domains = { a b }",
		  "t.conf:1: unexpected \"b\", expected NAME = VALUE or NAME { ... }" },
		{ "log { level = debug", "t.conf:1: \"{\" without its \"}\"" },
		{ "realm = \"\\9\"", "t.conf:1: unknown escape \"\\9\" in a string" },
		{ "realm = a\n\"\" = 1\n",
		  "t.conf:1: something after this line is not understood, expected NAME = VALUE "
		  "or NAME { ... }" },
		{ "log|level = 1", "t.conf:1: unknown option \"log\"" },
	};

	(void)state;
	assert_bad(rows, ARRAY_LEN(rows));
}

static void what_is_given_twice_is_told(void **state)
{
	static const struct bad rows[] = {
		{ "realm = a\nrealm = b\n", "t.conf:2: realm is given twice, expected once" },
		{ "domains = { a }\ndomains = { b }\n",
		  "t.conf:2: domains is given twice, expected once" },
		{ "log { }\nlog { }\n", "t.conf:2: section log is given twice, expected once" },
		{ "environment { }\n\nenvironment { }\n",
		  "t.conf:3: section environment is given twice, expected once" },
		{ "script s { path = good.sh\n environment { }\n environment { } }",
		  "t.conf:3: section environment is given twice, expected once" },
		{ "script s { path = good.sh }\nscript s { path = good.sh }",
		  "t.conf:2: \"s\" is given twice, expected each name once" },
		{ "listen \"udp:127.0.0.1:5070\" {}\nlisten \"udp:127.0.0.1:5070\" {}",
		  "t.conf:2: \"udp:127.0.0.1:5070\" is given twice, expected each name once" },
		{ "listen \"udp:127.0.0.1\" {}\nlisten \"udp:127.0.0.1:5060\" {}",
		  "t.conf:2: listen is the same address as on line 1, expected each once" },
		{ "domains = { a.example,\n A.Example }",
		  "t.conf:2: domains is \"A.Example\", expected each domain once" },
	};

	(void)state;
	assert_bad(rows, ARRAY_LEN(rows));
}

static void faults_of_values_are_told_with_what_was_expected(void **state)
{
	static const struct bad rows[] = {
		{ "domains = { \"a b\" }",
		  "t.conf:1: domains is \"a b\", expected a domain name or an address, without a "
		  "port" },
		{ "domains = { \"a:5060\" }",
		  "t.conf:1: domains is \"a:5060\", expected a domain name or an address, without "
		  "a port" },
		{ "domains = { a }\nredirect-domains = { b }",
		  "t.conf:2: redirect-domains is \"b\", expected one of the domains" },
		{ "server-name = \"-\"",
		  "t.conf:1: server-name is \"-\", expected a host name or an address" },
		{ "realm = \"a\\x07\"",
		  "t.conf:1: realm is \"a\\x07\", expected text without control characters" },
		{ "tel-gateway = \"tel:1\"",
		  "t.conf:1: tel-gateway is \"tel:1\", expected a SIP URI without a user, such as "
		  "\"sip:gw.example.com\"" },
		{ "tel-gateway = \"sip:a@b\"",
		  "t.conf:1: tel-gateway is \"sip:a@b\", expected a SIP URI without a user, such "
		  "as \"sip:gw.example.com\"" },
		{ "trusted = { \"10.0.0.0/33\" }",
		  "t.conf:1: trusted is \"10.0.0.0/33\", expected an address or a prefix such as "
		  "\"10.0.0.0/8\" or \"2001:db8::/32\"" },
		{ "authenticate = { all }",
		  "t.conf:1: authenticate is \"all\", expected \"register\" or \"calls\"" },
		{ "record-route = maybe",
		  "t.conf:1: record-route is \"maybe\", expected true or false" },
		{ "drain = soon",
		  "t.conf:1: drain is \"soon\", expected a time such as \"500ms\", \"5s\" or "
		  "\"2h\" from 0ms to 1h" },
		{ "log { level = loud }",
		  "t.conf:1: level is \"loud\", expected \"error\", \"warn\", \"info\" or "
		  "\"debug\"" },
		{ "log { format = xml }",
		  "t.conf:1: format is \"xml\", expected \"text\" or \"json\"" },
		{ "registrar { min-expires = 500ms }",
		  "t.conf:1: min-expires is \"500ms\", expected a time such as \"5s\" or \"2h\" "
		  "from 1s to 1d" },
		{ "registrar {\n max-contacts = 0 }",
		  "t.conf:2: max-contacts is \"0\", expected a number from 1 to 1000" },
		{ "registrar {\n min-expires = 2h\n max-expires = 1h }",
		  "t.conf:2: min-expires is 7200s, expected at most max-expires, which is 3600s" },
		{ "registrar {\n default-expires = 10 }",
		  "t.conf:2: default-expires is 10s, expected from min-expires (60s) to "
		  "max-expires (7200s)" },
		{ "auth { algorithms = { SHA1 } }",
		  "t.conf:1: algorithms is \"SHA1\", expected \"SHA-256\" or \"MD5\"" },
		{ "auth { nonce-age = 0 }",
		  "t.conf:1: nonce-age is \"0\", expected a time such as \"5s\" or \"2h\" from 1s "
		  "to 1d" },
		{ "transaction { t1 = 11s }",
		  "t.conf:1: t1 is \"11s\", expected a time such as \"500ms\", \"5s\" or \"2h\" "
		  "from 1ms to 10s" },
		{ "proxy { mtu = 10 }",
		  "t.conf:1: mtu is \"10\", expected a size such as \"256KiB\" or \"1MiB\" from "
		  "500 to 65535" },
		{ "transport { send-queue = 1KB }",
		  "t.conf:1: send-queue is \"1KB\", expected a size such as \"256KiB\" or \"1MiB\" "
		  "from 64KiB to 1GiB" },
		{ "user = no-such-user",
		  "t.conf:1: user is \"no-such-user\", expected the name of an account of this "
		  "host" },
		{ "user = root\ngroup = no-such-group",
		  "t.conf:2: group is \"no-such-group\", expected the name of a group of this "
		  "host" },
		{ "group = root", "t.conf:1: group without user, expected user too" },
		{ "environment {\n A = 1\n \"B-C\" = 2\n}",
		  "t.conf:3: \"B-C\" in environment, expected a name of letters, digits and "
		  "underscores" },
		{ "environment {\n SIP_TO = 1\n}",
		  "t.conf:2: \"SIP_TO\" in environment is set by the server, expected another "
		  "name" },
		{ "listen \"tls:0.0.0.0:5061\" {}",
		  "t.conf:1: listen is \"tls:0.0.0.0:5061\", expected \"udp:ADDRESS:PORT\" or "
		  "\"tcp:ADDRESS:PORT\"" },
		{ "listen \"udp:localhost\" {}",
		  "t.conf:1: listen is \"udp:localhost\", expected a numeric address after the "
		  "transport, IPv6 in brackets" },
		{ "listen \"udp:0.0.0.0:x\" {}",
		  "t.conf:1: listen is \"udp:0.0.0.0:x\", expected a port from 0 to 65535" },
		{ "\nlisten \"udp:0.0.0.0\" {\n advertise = \"a b\" }",
		  "t.conf:3: advertise is \"a b\", expected \"HOST\" or \"HOST:PORT\"" },
	};

	(void)state;
	assert_bad(rows, ARRAY_LEN(rows));
}

static void faults_of_scripts_are_told_before_anybody_calls(void **state)
{
	static const struct bad rows[] = {
		{ "\nscript s {\n}",
		  "t.conf:2: script \"s\" without a path, expected path = \"FILE\"" },
		{ "script s { path = \"\" }", "t.conf:1: path is \"\", expected a file" },
		{ "script \"a b\" { path = good.sh }",
		  "t.conf:1: script name is \"a b\", expected letters, digits and -._~" },
		{ "script s {\n path = none.sh }",
		  "t.conf:2: script \"^/none.sh\": No such file or directory, expected an "
		  "executable file" },
		{ "script s { path = broken.sh }",
		  "t.conf:1: script \"^/broken.sh\": No such file or directory, expected an "
		  "executable file" },
		{ "script s { path = sub }", "t.conf:1: script \"^/sub\" is not a regular file" },
		{ "script s { path = plain.sh }",
		  "t.conf:1: script \"^/plain.sh\" is not executable, expected: chmod +x" },
		{ "script s { path = group.sh }",
		  "t.conf:1: script \"^/group.sh\" can be written by others than its owner (mode "
		  "0775), expected: chmod go-w" },
		{ "script s { path = other.sh }",
		  "t.conf:1: script \"^/other.sh\" can be written by others than its owner (mode "
		  "0757), expected: chmod go-w" },
		{ "script s { path = open/good.sh }",
		  "t.conf:1: directory \"^/open\" of the script can be written by others than its "
		  "owner (mode 0777), expected: chmod go-w" },
		{ "script s { path = link.sh }",
		  "t.conf:1: directory \"^/open\" of the script can be written by others than its "
		  "owner (mode 0777), expected: chmod go-w" },
		{ "script s { path = good.sh timeout = 0 }",
		  "t.conf:1: timeout is \"0\", expected a time such as \"500ms\", \"5s\" or \"2h\" "
		  "from 1ms to 1h" },
		{ "script s { path = good.sh on-error = ignore }",
		  "t.conf:1: on-error is \"ignore\", expected \"fail\" or \"default-action\"" },
		{ "script s { path = good.sh user = no-such-user }",
		  "t.conf:1: user is \"no-such-user\", expected the name of an account of this "
		  "host" },
		{ "script s { path = good.sh group = root }",
		  "t.conf:1: group without user, expected user too" },
		{ "script s { path = good.sh environment {\nSCRIPT_COOKIE = 1 } }",
		  "t.conf:2: \"SCRIPT_COOKIE\" in environment is set by the server, expected "
		  "another name" },
	};

	(void)state;
	assert_bad(rows, ARRAY_LEN(rows));
}

static void faults_of_routes_are_told(void **state)
{
	static const struct bad rows[] = {
		{ "script s { path = good.sh }\nroute {\n script = t }",
		  "t.conf:3: script is \"t\", expected the name of a script section" },
		{ "route { script = t }",
		  "t.conf:1: script is \"t\", expected the name of a script section" },
		{ "route { methods = { invite } }",
		  "t.conf:1: methods is \"invite\", expected a method in upper case, such as "
		  "\"INVITE\"" },
		{ "route { methods = { INVITE,\n \"A B\" } }",
		  "t.conf:2: methods is \"A B\", expected a method in upper case, such as "
		  "\"INVITE\"" },
		{ "route { methods = { ACK } }",
		  "t.conf:1: methods is \"ACK\", expected a method that begins a transaction of "
		  "its own" },
		{ "route { request-uri = \"\" }",
		  "t.conf:1: request-uri is \"\", expected a pattern without blanks, such as "
		  "\"sip:*@example.com\"" },
		{ "route { from = \"a b\" }",
		  "t.conf:1: from is \"a b\", expected a pattern without blanks, such as "
		  "\"sip:*@example.com\"" },
		{ "route { source = { x } }",
		  "t.conf:1: source is \"x\", expected an address or a prefix such as "
		  "\"10.0.0.0/8\" or \"2001:db8::/32\"" },
		{ "route { transport = { sctp } }",
		  "t.conf:1: transport is \"sctp\", expected \"udp\" or \"tcp\"" },
		{ "route { in-dialog = 2 }",
		  "t.conf:1: in-dialog is \"2\", expected true or false" },
		{ "route { default = 2 }", "t.conf:1: default is \"2\", expected true or false" },
		{ "route { default = no }",
		  "t.conf:1: route without a script, expected script = \"NAME\" or default = "
		  "true" },
		{ "script s { path = good.sh }\nroute { script = s\n default = yes }",
		  "t.conf:3: route with both script and default, expected one of them" },
	};

	(void)state;
	assert_bad(rows, ARRAY_LEN(rows));
}

static void all_faults_of_a_file_are_told_up_to_twenty(void **state)
{
	struct config *c = NULL;
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF err = BUF_INIT;
	size_t lines = 0;

	(void)state;
	assert_int_equal(parse("drain = x\nproxy {\n mtu = y\n}\n", &c, &err), -EBADMSG);
	assert_said(&err,
		    "t.conf:1: drain is \"x\", expected a time such as \"500ms\", \"5s\" or \"2h\" "
		    "from 0ms to 1h\n"
		    "t.conf:3: mtu is \"y\", expected a size such as \"256KiB\" or \"1MiB\" from "
		    "500 to 65535");

	buf_reset(&err);
	for (int i = 0; i < 50; i++)
		buf_printf(&text, "route { from = \"\" }\n");
	assert_int_equal(config_parse(buf_view(&text), "t.conf", &c, &err), -EBADMSG);
	for (size_t i = 0; i < err.len; i++)
		lines += err.data[i] == '\n';
	assert_int_equal(lines, CONFIG_ERRORS_MAX);
	assert_null(c);
}

static void foreign_text_in_messages_is_escaped_and_cut(void **state)
{
	struct config *c = NULL;
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF err = BUF_INIT;

	(void)state;
	buf_str(&text, "realm = a\ndrain = \"\\x1b[2J\\n");
	for (int i = 0; i < 1000; i++)
		buf_char(&text, 'x');
	buf_str(&text, "\"\n");
	assert_int_equal(config_parse(buf_view(&text), "t.conf", &c, &err), -EBADMSG);
	assert_true(slice_starts(buf_view(&err), SLICE("t.conf:2: drain is \"\\x1b[2J\\x0axxx")));
	assert_true(err.len < 300);
}

static void an_empty_file_means_the_defaults(void **state)
{
	struct config *c = NULL;
	AUTO_BUF err = BUF_INIT;
	int rc;

	(void)state;
	rc = parse("", &c, &err);
	if (rc == -ENOMEM && harness_alloc_failed())
		return;
	assert_int_equal(rc, 0);
	assert_int_equal(c->n_listens, 2);
	assert_int_equal(c->listens[0].transport, RT_UDP);
	assert_int_equal(c->listens[1].transport, RT_TCP);
	assert_int_equal(net_addr_port(&c->listens[1].addr), 5060);
	assert_true(net_addr_is_any(&c->listens[0].addr));
	assert_int_equal(c->domains.n, 0);
	assert_true(c->server_name.n > 0);
	assert_true(slice_eq(c->database, SLICE(CONFIG_DATABASE_DEFAULT)));
	assert_true(c->authenticate_register && c->authenticate_calls && c->record_route);
	assert_int_equal(c->uid, CONFIG_NO_ID);
	assert_int_equal(c->drain_ms, 10000);
	assert_int_equal(c->log.level, LOG_INFO);
	assert_int_equal(c->log.format, CONFIG_LOG_TEXT);
	assert_int_equal(c->registrar.min_expires, 60);
	assert_int_equal(c->registrar.max_expires, 7200);
	assert_int_equal(c->registrar.default_expires, 3600);
	assert_int_equal(c->registrar.max_contacts, 10);
	assert_int_equal(c->auth.nonce_age, 300);
	assert_true(c->auth.sha256 && c->auth.md5);
	assert_int_equal(c->transaction.t1, 500);
	assert_int_equal(c->transaction.t2, 4000);
	assert_int_equal(c->transaction.t4, 5000);
	assert_int_equal(c->transaction.timer_c, 181000);
	assert_int_equal(c->transaction.max, 1000000);
	assert_int_equal(c->proxy.max_breadth, 60);
	assert_int_equal(c->proxy.mtu, 1300);
	assert_int_equal(c->n_scripts, 0);
	assert_int_equal(c->n_routes, 0);
	config_unref(c);
}

static const char good[] =
	"# everything there is\n"
	"domains = { \"Example.COM\", example.net }\n"
	"domains += { \"[2001:db8::1]\" }\n"
	"server-name = \"SIP.example.com\"\n"
	"database = \"\"\n"
	"listen \"udp:192.0.2.1:5080\" { advertise = \"sip.example.com:5060\" }\n"
	"listen \"tcp:[::]:0\" {}\n"
	"trusted = { 127.0.0.1, \"10.0.0.0/8\" }\n"
	"authenticate = { }\n"
	"realm = \"the realm\"\n"
	"record-route = no\n"
	"redirect-domains = { example.NET }\n"
	"tel-gateway = \"sip:gw.example.com;transport=tcp\"\n"
	"user = root group = root drain = 0\n"
	"log { level = debug format = json }\n"
	"registrar { max-expires = 10m max-contacts = 3 }\n"
	"auth { algorithms = { MD5 } nonce-age = 10 }\n"
	"transaction { t1 = 10ms t2 = 40ms t4 = 50ms timer-c = 1s max = 9 }\n"
	"proxy { max-breadth = 7 max-branches = 8 mtu = 2KiB }\n"
	"transport { max-connections = 5 idle-timeout = 1m connect-timeout = 1s send-queue = 64KiB "
	"}\n"
	"environment { LANG = \"de_DE.UTF-8\" TZ = UTC }\n"
	"script \"a\" {\n"
	"  path = \"sub/good.sh\" timeout = 5 max-output = 1KiB max-actions = 1 max-branches = 2\n"
	"  concurrency = 3 queue = 0 queue-age = 100ms on-error = \"default-action\"\n"
	"  http-compat = yes pass-authorization = true\n"
	"  environment { TZ = \"CET\" X = '' }\n"
	"}\n"
	"script b { path = \"sub/../good.sh\" }\n"
	"route {\n"
	"  methods = { INVITE, MESSAGE } request-uri = \"sip:*@example.com\" from = \"*\" to = "
	"\"?\"\n"
	"  user = \"al*\" source = { 192.0.2.0/24 } transport = { tcp } in-dialog = true script = "
	"a\n"
	"}\n"
	"route { default = true }\n"
	"route { script = b }\n";

static void a_file_with_everything_is_read(void **state)
{
	static const char env_a[] =
		"PATH=/usr/local/bin:/usr/bin:/bin\0LANG=de_DE.UTF-8\0TZ=CET\0X=";
	static const char env_b[] = "PATH=/usr/local/bin:/usr/bin:/bin\0LANG=de_DE.UTF-8\0TZ=UTC";
	struct config *c = NULL;
	AUTO_BUF err = BUF_INIT;
	char path[512];
	int rc;

	(void)state;
	rc = parse(good, &c, &err);
	if (rc == -ENOMEM && harness_alloc_failed())
		return;
	if (rc)
		fail_msg("%.*s", (int)err.len, err.data);
	assert_true(slice_eq(c->file, SLICE("t.conf")));
	assert_int_equal(c->domains.n, 3);
	assert_true(slice_eq(c->domains.v[0], SLICE("example.com")));
	assert_true(slice_eq(c->domains.v[2], SLICE("[2001:db8::1]")));
	assert_true(slice_eq(c->server_name, SLICE("sip.example.com")));
	assert_int_equal(c->database.n, 0);
	assert_int_equal(c->n_listens, 2);
	assert_true(slice_eq(c->listens[0].advertise_host, SLICE("sip.example.com")));
	assert_int_equal(c->listens[0].advertise_port, 5060);
	assert_int_equal(c->listens[0].line, 6);
	assert_int_equal(net_addr_port(&c->listens[1].addr), 0);
	assert_int_equal(c->listens[1].advertise_host.n, 0);
	assert_int_equal(c->trusted.n, 2);
	assert_int_equal(c->trusted.v[1].bits, 8);
	assert_false(c->authenticate_register || c->authenticate_calls || c->record_route);
	assert_true(slice_eq(c->realm, SLICE("the realm")));
	assert_true(slice_eq(c->redirect_domains.v[0], SLICE("example.net")));
	assert_true(slice_eq(c->tel_gateway, SLICE("sip:gw.example.com;transport=tcp")));
	assert_int_equal(c->uid, 0);
	assert_int_equal(c->gid, 0);
	assert_int_equal(c->drain_ms, 0);
	assert_int_equal(c->log.level, LOG_DEBUG);
	assert_int_equal(c->log.format, CONFIG_LOG_JSON);
	assert_int_equal(c->registrar.default_expires, 600);
	assert_int_equal(c->registrar.max_contacts, 3);
	assert_true(c->auth.md5 && !c->auth.sha256);
	assert_int_equal(c->auth.nonce_age, 10);
	assert_int_equal(c->transaction.timer_c, 1000);
	assert_int_equal(c->transaction.max, 9);
	assert_int_equal(c->proxy.mtu, 2048);
	assert_int_equal(c->transport.max_connections, 5);
	assert_int_equal(c->transport.idle_timeout_ms, 60000);
	assert_int_equal(c->transport.connect_timeout_ms, 1000);
	assert_int_equal(c->transport.send_queue, 65536);

	assert_int_equal(c->n_scripts, 2);
	(void)snprintf(path, sizeof(path), "%s/sub/good.sh", dir);
	assert_string_equal(c->scripts[0].path.p, path);
	(void)snprintf(path, sizeof(path), "%s/sub", dir);
	assert_string_equal(c->scripts[0].dir.p, path);
	assert_int_equal(c->scripts[0].env.n, 4);
	assert_int_equal(c->scripts[0].env.text.n, sizeof(env_a));
	assert_memory_equal(c->scripts[0].env.text.p, env_a, sizeof(env_a));
	assert_int_equal(c->scripts[0].timeout_ms, 5000);
	assert_int_equal(c->scripts[0].max_output, 1024);
	assert_int_equal(c->scripts[0].max_actions, 1);
	assert_int_equal(c->scripts[0].max_branches, 2);
	assert_int_equal(c->scripts[0].concurrency, 3);
	assert_int_equal(c->scripts[0].queue, 0);
	assert_int_equal(c->scripts[0].queue_age_ms, 100);
	assert_int_equal(c->scripts[0].on_error, CONFIG_ON_ERROR_DEFAULT_ACTION);
	assert_true(c->scripts[0].http_compat && c->scripts[0].pass_authorization);
	assert_int_equal(c->scripts[0].uid, 0);
	assert_int_equal(c->scripts[0].line, 22);
	assert_int_equal(c->scripts[1].env.n, 3);
	assert_memory_equal(c->scripts[1].env.text.p, env_b, sizeof(env_b));
	assert_int_equal(c->scripts[1].timeout_ms, 10000);
	assert_int_equal(c->scripts[1].max_output, 262144);
	assert_int_equal(c->scripts[1].max_actions, 32);
	assert_int_equal(c->scripts[1].max_branches, 64);

	assert_int_equal(c->n_routes, 3);
	assert_int_equal(c->routes[0].methods.n, 2);
	assert_true(slice_eq(c->routes[0].methods.v[1], SLICE("MESSAGE")));
	assert_true(slice_eq(c->routes[0].request_uri, SLICE("sip:*@example.com")));
	assert_true(slice_eq(c->routes[0].user, SLICE("al*")));
	assert_int_equal(c->routes[0].source.n, 1);
	assert_int_equal(c->routes[0].transports, 1u << RT_TCP);
	assert_true(c->routes[0].in_dialog);
	assert_ptr_equal(c->routes[0].script, &c->scripts[0]);
	assert_int_equal(c->routes[0].line, 29);
	assert_null(c->routes[1].script);
	assert_null(c->routes[1].request_uri.p);
	assert_ptr_equal(c->routes[2].script, &c->scripts[1]);
	config_unref(c);
}

static void every_prefix_of_a_good_file_is_read_or_refused(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(good); n++) {
		struct slice in = exact_bytes(good, n);
		struct config *c = NULL;
		AUTO_BUF err = BUF_INIT;
		int rc = config_parse(in, "t.conf", &c, &err);

		assert_true(rc == 0 || rc == -EBADMSG);
		assert_int_equal(rc == 0, c != NULL);
		assert_int_equal(rc == 0, err.len == 0);
		config_unref(c);
		exact_free(in);
	}
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
	struct config *c = NULL;
	AUTO_BUF err = BUF_INIT;

	(void)state;
	assert_int_equal(config_load("none.conf", &c, &err), -ENOENT);
	assert_said(&err, "none.conf: No such file or directory, expected a configuration file");
	buf_reset(&err);
	assert_int_equal(config_load("sub", &c, &err), -EISDIR);
	assert_said(&err, "sub: Is a directory, expected a configuration file");
	assert_null(c);
}

static void paths_are_relative_to_the_file(void **state)
{
	static const char text[] = "database = db\nscript s { path = ../good.sh }\n";
	struct config *c = NULL;
	AUTO_BUF err = BUF_INIT;
	char path[512];

	(void)state;
	assert_int_equal(config_parse(slice_str(text), "sub/x.conf", &c, &err), 0);
	(void)snprintf(path, sizeof(path), "%s/sub/db", dir);
	assert_string_equal(c->database.p, path);
	(void)snprintf(path, sizeof(path), "%s/sub/../good.sh", dir);
	assert_string_equal(c->scripts[0].path.p, path);
	config_unref(c);
}

static void without_a_file_the_defaults_hold(void **state)
{
	struct config *c = NULL;
	AUTO_BUF err = BUF_INIT;

	(void)state;
	assert_int_equal(config_default(&c, &err), 0);
	assert_int_equal(c->file.n, 0);
	assert_int_equal(c->n_listens, 2);
	assert_ptr_equal(config_ref(c), c);
	config_unref(c);
	assert_int_equal(c->refs, 1);
	config_unref(c);
	config_unref(NULL);
	assert_null(config_ref(NULL));
}

static void a_broken_file_leaves_no_trace_in_the_next(void **state)
{
	struct config *c = NULL;
	AUTO_BUF err = BUF_INIT;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(parse("realm = \"\\9\n", &c, &err), -EBADMSG);
		assert_int_equal(parse("script x { foo = { a, b", &c, &err), -EBADMSG);
		assert_int_equal(parse("script x { path = \"\\9\" }", &c, &err), -EBADMSG);
		buf_reset(&err);
		assert_int_equal(parse(good, &c, &err), 0);
		config_unref(c);
		c = NULL;
	}
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(faults_of_syntax_are_told_with_their_line),
		HARNESS_TEST(what_is_given_twice_is_told),
		HARNESS_TEST(faults_of_values_are_told_with_what_was_expected),
		HARNESS_TEST(faults_of_scripts_are_told_before_anybody_calls),
		HARNESS_TEST(faults_of_routes_are_told),
		HARNESS_TEST(all_faults_of_a_file_are_told_up_to_twenty),
		HARNESS_TEST(foreign_text_in_messages_is_escaped_and_cut),
		HARNESS_ALLOC_TEST(an_empty_file_means_the_defaults),
		HARNESS_ALLOC_TEST(a_file_with_everything_is_read),
		HARNESS_TEST(every_prefix_of_a_good_file_is_read_or_refused),
		HARNESS_TEST(a_file_that_cannot_be_read_is_told),
		HARNESS_TEST(paths_are_relative_to_the_file),
		HARNESS_TEST(without_a_file_the_defaults_hold),
		HARNESS_TEST(a_broken_file_leaves_no_trace_in_the_next),
	};
	int rc;

	make_dir();
	rc = harness_run("config/load", tests, ARRAY_LEN(tests));
	remove_dir();
	return rc;
}
