/*
 * sipcgi user: the users in the server's database. The daemon notices changes by itself, within
 * seconds. Of a password only the hashes are stored that Digest needs (RFC 7616 3.4.2).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "auth/users_sqlite.h"
#include "config/snapshot.h"
#include "tool/import.h"
#include "tool/password.h"
#include "tool/tool.h"

static const char usage_text[] =
	"usage: sipcgi user add    [options] NAME@DOMAIN [PASSWORD]\n"
	"       sipcgi user passwd [options] NAME@DOMAIN [PASSWORD]\n"
	"       sipcgi user del    [options] NAME@DOMAIN\n"
	"       sipcgi user list   [options] [DOMAIN]\n"
	"       sipcgi user import [options] FILE|-\n"
	"\n"
	"  -d, --database FILE    the server's database (" CONFIG_DATABASE_DEFAULT ")\n"
	"  -c, --config FILE      take the database from this configuration\n"
	"      --password-stdin   read the password from the first line of standard input\n"
	"      --replace          import: change users that are there already\n"
	"\n"
	"Without a password on the command line or --password-stdin it is asked for.\n";

struct options {
	const char *database;
	const char *config;
	bool password_stdin;
	bool replace;
	bool help;
	char **args; /* what is left */
	int n_args;
};

static bool parse_options(int argc, char **argv, struct options *ret)
{
	enum { OPT_STDIN = 256, OPT_REPLACE };
	static const struct option longs[] = {
		{ "database", required_argument, NULL, 'd' },
		{ "config", required_argument, NULL, 'c' },
		{ "password-stdin", no_argument, NULL, OPT_STDIN },
		{ "replace", no_argument, NULL, OPT_REPLACE },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct options o = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "d:c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'd':
			o.database = optarg;
			break;
		case 'c':
			o.config = optarg;
			break;
		case OPT_STDIN:
			o.password_stdin = true;
			break;
		case OPT_REPLACE:
			o.replace = true;
			break;
		case 'h':
			o.help = true;
			break;
		default:
			return false;
		}
	}
	if (o.database && o.config) {
		tool_error("--database and --config exclude each other");
		return false;
	}
	o.args = argv + optind;
	o.n_args = argc - optind;
	*ret = o;
	return true;
}

/* Made by root in a directory of the server's user, the database belongs to that user: the daemon
 * could not write it otherwise. */
static void give_to_directory_owner(const char *path)
{
	AUTO_FREE char *dir = strdup(path);
	AUTO_CLOSE int fd = -1;
	struct stat st;
	char *slash;

	if (geteuid() != 0 || !dir)
		return;
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	if (stat(slash ? dir : ".", &st) < 0 || st.st_uid == 0)
		return;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && fchown(fd, st.st_uid, st.st_gid) < 0)
		tool_error("%s: cannot give it to the owner of its directory: %s", path,
			   strerror(errno));
}

static struct users_sqlite *open_database(const struct options *o)
{
	AUTO_CONFIG *config = NULL;
	AUTO_FREE char *why = NULL;
	AUTO_BUF errors = BUF_INIT;
	const char *path = o->database, *file = o->config;
	struct users_sqlite *db;
	int err;

	if (!path && !file && access(CONFIG_FILE_DEFAULT, R_OK) == 0)
		file = CONFIG_FILE_DEFAULT;
	if (!path && file) {
		err = config_load(file, &config, &errors);
		if (err) {
			if (errors.len)
				fprintf(stderr, "%.*s", SLICE_FMT(buf_view(&errors)));
			else
				tool_error("%s: %s", file, strerror(-err));
			return NULL;
		}
		if (config->database.n == 0) {
			tool_error("%s: no database is configured", file);
			return NULL;
		}
		path = config->database.p;
	}
	if (!path)
		path = CONFIG_DATABASE_DEFAULT;
	give_to_directory_owner(path);
	err = users_sqlite_open(path, &db, &why);
	if (err) {
		tool_error("%s: %s", path, why ? why : strerror(-err));
		return NULL;
	}
	return db;
}

/* NAME@DOMAIN into @user, the domain in lower case in @text. */
static bool parse_name(char *text, struct user *user)
{
	const char *wrong = import_name(slice_str(text), user);

	if (wrong) {
		tool_error("%s: %s", text, wrong);
		return false;
	}
	for (char *p = text + (user->domain.p - text); *p; p++)
		*p = slice_lower(*p);
	return true;
}

static bool get_password(const struct options *o, struct user *user)
{
	char buf[PASSWORD_MAX + 1];
	struct slice password;
	bool ok = true;

	if (o->n_args == 2)
		password = slice_str(o->args[1]);
	else if (o->password_stdin)
		ok = password_read(stdin, buf, &password);
	else
		ok = password_ask(o->args[0], buf, &password);
	if (ok && password.n == 0) {
		tool_error("the password is empty");
		ok = false;
	}
	if (ok && user_set_password(user, password) < 0) {
		tool_error("cannot compute the hashes");
		ok = false;
	}
	OPENSSL_cleanse(buf, sizeof(buf));
	return ok;
}

static int failed(struct users_sqlite *db, const char *who, int err)
{
	if (err == -EEXIST)
		tool_error("%s: there is such a user already (sipcgi user passwd changes it)", who);
	else if (err == -ENOENT)
		tool_error("%s: no such user", who);
	else
		tool_error("%s: %s", who, users_sqlite_error(db));
	return TOOL_FAILED;
}

static int set_password(const struct options *o, bool replace)
{
	struct user user = { 0 };
	struct users_sqlite *db;
	int err, status = TOOL_OK;

	if (o->n_args < 1 || o->n_args > 2 || (o->n_args == 2 && o->password_stdin))
		return TOOL_USAGE;
	if (!parse_name(o->args[0], &user))
		return TOOL_FAILED;
	db = open_database(o);
	if (!db)
		return TOOL_FAILED;
	if (!get_password(o, &user)) {
		users_sqlite_close(db);
		return TOOL_FAILED;
	}
	err = users_sqlite_put(db, &user, time(NULL), replace);
	if (err)
		status = failed(db, o->args[0], err);
	users_sqlite_close(db);
	return status;
}

static int run_add(const struct options *o)
{
	return set_password(o, false);
}

static int run_passwd(const struct options *o)
{
	return set_password(o, true);
}

static int run_del(const struct options *o)
{
	struct user user = { 0 };
	struct users_sqlite *db;
	int err, status = TOOL_OK;

	if (o->n_args != 1)
		return TOOL_USAGE;
	if (!parse_name(o->args[0], &user))
		return TOOL_FAILED;
	db = open_database(o);
	if (!db)
		return TOOL_FAILED;
	err = users_sqlite_del(db, user.name, user.domain);
	if (err)
		status = failed(db, o->args[0], err);
	users_sqlite_close(db);
	return status;
}

static int print_user(void *arg, const struct user *u, int64_t created)
{
	time_t t = (time_t)created;
	char date[32] = "-";
	struct tm tm;

	(void)arg;
	if (gmtime_r(&t, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	printf("%.*s@%.*s\t%s%s%s\t%s\n", SLICE_FMT(u->name), SLICE_FMT(u->domain),
	       u->has_sha256 ? "SHA-256" : "", u->has_sha256 && u->has_md5 ? "," : "",
	       u->has_md5 ? "MD5" : "", date);
	return 0;
}

static int run_list(const struct options *o)
{
	struct slice domain = SLICE_EMPTY;
	struct users_sqlite *db;
	int err, status = TOOL_OK;

	if (o->n_args > 1)
		return TOOL_USAGE;
	if (o->n_args == 1) {
		for (char *p = o->args[0]; *p; p++)
			*p = slice_lower(*p);
		domain = slice_str(o->args[0]);
	}
	db = open_database(o);
	if (!db)
		return TOOL_FAILED;
	err = users_sqlite_each(db, domain, print_user, NULL);
	if (err)
		status = failed(db, "list", err);
	users_sqlite_close(db);
	if (fflush(stdout) != 0) {
		tool_error("standard output: %s", strerror(errno));
		status = TOOL_FAILED;
	}
	return status;
}

struct importing {
	struct users_sqlite *db;
	int64_t now;
	bool replace;
};

static const char *import_user(void *arg, const struct user *user)
{
	struct importing *i = arg;
	int err = users_sqlite_put(i->db, user, i->now, false);

	if (err == -EEXIST && i->replace)
		err = users_sqlite_put(i->db, user, i->now, true);
	if (err == -EEXIST)
		return "there is such a user already (--replace changes it)";
	return err ? users_sqlite_error(i->db) : NULL;
}

/* All of it, before the transaction is begun: while one is open the daemon cannot write, and the
 * list may come from somebody's keyboard. */
static bool read_all(FILE *in, const char *file, struct buf *out)
{
	size_t n;

	do {
		char *p = buf_reserve(out, 65536);

		n = p ? fread(p, 1, 65536, in) : 0;
		buf_commit(out, n);
	} while (n);
	if (ferror(in) || out->err) {
		tool_error("%s: %s", file, strerror(out->err ? -out->err : errno));
		return false;
	}
	return true;
}

static int import_all(struct importing *i, struct slice list, const char *file)
{
	/* Not NULL but for want of memory: an empty list is one empty line. */
	FILE *in = fmemopen((void *)(list.n ? list.p : "\n"), list.n ? list.n : 1, "r");
	size_t n = 0;
	int err;

	if (!in) {
		tool_error("%s: %s", file, strerror(errno));
		return TOOL_FAILED;
	}
	err = users_sqlite_begin(i->db);
	if (err) {
		(void)fclose(in);
		return failed(i->db, "import", err);
	}
	err = import_read(in, file, import_user, i, &n);
	(void)fclose(in);
	if (err) {
		(void)users_sqlite_end(i->db, false);
		tool_error("nothing was imported");
		return TOOL_FAILED;
	}
	err = users_sqlite_end(i->db, true);
	if (err)
		return failed(i->db, "import", err);
	printf("%zu users imported\n", n);
	return TOOL_OK;
}

static int run_import(const struct options *o)
{
	struct importing i = { .now = time(NULL), .replace = o->replace };
	AUTO_BUF list = BUF_INIT;
	const char *file = o->n_args == 1 ? o->args[0] : "";
	bool from_stdin = strcmp(file, "-") == 0;
	int status = TOOL_FAILED;
	FILE *in;

	if (o->n_args != 1)
		return TOOL_USAGE;
	in = from_stdin ? stdin : fopen(file, "re");
	if (!in) {
		tool_error("%s: %s", file, strerror(errno));
		return TOOL_FAILED;
	}
	if (from_stdin)
		file = "standard input";
	if (read_all(in, file, &list)) {
		i.db = open_database(o);
		if (i.db)
			status = import_all(&i, buf_view(&list), file);
		users_sqlite_close(i.db);
	}
	if (list.data)
		OPENSSL_cleanse(list.data, list.len);
	if (!from_stdin)
		(void)fclose(in);
	return status;
}

int tool_user(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct options *o);
	} commands[] = {
		{ "add", run_add },   { "passwd", run_passwd }, { "del", run_del },
		{ "list", run_list }, { "import", run_import },
	};
	struct options o;
	int status = TOOL_USAGE;

	if (!parse_options(argc, argv, &o)) {
		fputs(usage_text, stderr);
		return TOOL_USAGE;
	}
	if (o.help) {
		fputs(usage_text, stdout);
		return TOOL_OK;
	}
	for (size_t i = 0; o.n_args && i < ARRAY_LEN(commands); i++) {
		const char *name = o.args[0];

		if (strcmp(name, commands[i].name) != 0)
			continue;
		o.args++;
		o.n_args--;
		status = commands[i].run(&o);
		break;
	}
	if (status == TOOL_USAGE)
		fputs(usage_text, stderr);
	return status;
}
