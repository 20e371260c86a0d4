/*
 * The configuration as the rest of the daemon sees it: one validated, immutable block. Everything
 * in it lives in its own arena, every slice is followed by a NUL, and nothing changes between
 * config_load() and the last config_unref(). A reload makes a new snapshot; work begun under the
 * old one keeps a reference to it.
 */
#ifndef SIPCGID_CONFIG_SNAPSHOT_H
#define SIPCGID_CONFIG_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/net.h"
#include "base/runtime.h"
#include "base/slice.h"

#define CONFIG_FILE_DEFAULT "/etc/sipcgid/sipcgid.conf"
#define CONFIG_DATABASE_DEFAULT "/var/lib/sipcgid/sipcgid.db"
#define CONFIG_FILE_MAX (1024 * 1024) /* bytes of a configuration file */
#define CONFIG_ERRORS_MAX 20          /* errors told at once */
#define CONFIG_NO_ID UINT32_MAX       /* a uid or gid that is not given */

struct config_list {
	size_t n;
	const struct slice *v;
};

struct config_prefixes {
	size_t n;
	const struct net_prefix *v;
};

/* "NAME=value\0NAME=value\0...": what struct rt_job wants. */
struct config_env {
	size_t n;
	struct slice text;
};

struct config_listen {
	struct slice text; /* "udp:0.0.0.0:5060", as in the file */
	enum rt_transport transport;
	struct net_addr addr;        /* port 0: the system chooses one (tests) */
	struct slice advertise_host; /* IPv6 in brackets; empty: the bound address, server_name if
				      * it is a wildcard */
	uint16_t advertise_port;     /* 0: the bound port */
	unsigned line;
};

enum config_on_error {
	CONFIG_ON_ERROR_FAIL,           /* 500 */
	CONFIG_ON_ERROR_DEFAULT_ACTION, /* SIPCGI.md 3: fail open for malformed output */
};

struct config_script {
	struct slice name;
	struct slice path;     /* absolute */
	struct slice dir;      /* absolute: the working directory */
	struct config_env env; /* PATH, LANG, then environment {} of the file and of the script */
	uint32_t timeout_ms;
	uint32_t max_output; /* bytes of standard output */
	uint32_t max_actions;
	uint32_t max_branches;
	uint32_t concurrency; /* runs at a time */
	uint32_t queue;       /* runs that may wait for a place */
	uint32_t queue_age_ms;
	enum config_on_error on_error;
	bool http_compat;
	bool pass_authorization;
	uid_t uid; /* CONFIG_NO_ID: the spawner's default */
	gid_t gid;
	unsigned line;
};

/* What is not given matches everything. */
struct config_route {
	struct config_list methods; /* upper and lower case matter; n 0: any */
	struct slice request_uri;   /* patterns with * and ?; p NULL: any */
	struct slice from;          /* matched against the URI */
	struct slice to;
	struct slice user;                  /* the authenticated user */
	struct config_prefixes source;      /* n 0: any */
	uint32_t transports;                /* bits 1 << enum rt_transport; 0: any */
	bool in_dialog;                     /* also requests with a Route to this server */
	const struct config_script *script; /* NULL: the server's default action */
	unsigned line;
};

enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };

struct config {
	unsigned refs; /* held by each worker, by main, and by work begun under it; atomic */
	struct arena arena;
	struct slice file; /* path of the file; empty: there is none */

	struct config_list domains; /* ours, lower case; none: the listeners' own names are */
	struct slice server_name;
	struct slice database; /* absolute path; empty: memory only */
	const struct config_listen *listens;
	size_t n_listens;               /* at least one */
	struct config_prefixes trusted; /* may relay and need no digest */
	bool authenticate_register;     /* REGISTER for our domains needs digest */
	bool authenticate_calls;        /* so do other requests whose From is in our domains */
	struct slice realm;             /* empty: the domain of the request */
	bool record_route;
	struct config_list
		redirect_domains; /* ours that answer 302 instead of proxying; lower case */
	struct slice tel_gateway; /* a sip: URI that tel: URIs go to; empty: none */
	struct slice user;        /* name; empty: stay who we are */
	uid_t uid;                /* CONFIG_NO_ID when there is no user */
	gid_t gid;
	uint32_t drain_ms; /* SIGTERM: how long calls in progress may take */

	struct {
		enum log_level level;
		enum config_log_format format;
	} log;
	struct {
		uint32_t min_expires; /* seconds */
		uint32_t max_expires;
		uint32_t default_expires;
		uint32_t max_contacts; /* per address-of-record */
	} registrar;
	struct {
		uint32_t nonce_age; /* seconds */
		bool sha256, md5;   /* offered, SHA-256 first */
	} auth;
	struct {
		uint32_t t1, t2, t4; /* ms */
		uint32_t timer_c;    /* ms */
		uint32_t max;        /* server transactions at a time */
	} transaction;
	struct {
		uint32_t max_breadth;  /* RFC 5393: Max-Breadth of a request without one */
		uint32_t max_branches; /* of one request, without a script's own limit */
		uint32_t mtu;          /* bytes; a larger request goes by TCP: RFC 3261 18.1.1 */
	} proxy;
	struct {
		uint32_t max_connections;
		uint32_t idle_timeout_ms;
		uint32_t connect_timeout_ms;
		uint32_t send_queue; /* bytes waiting on one connection */
	} transport;

	const struct config_script *scripts;
	size_t n_scripts;
	const struct config_route *routes; /* in order: the first match wins */
	size_t n_routes;
};

/*
 * Reads and checks a file. 0 with one reference in *ret; or, *ret untouched, -EBADMSG with every
 * error in @reterr, one "file:line: found, expected" to a line, -ENOMEM, or what open said (also
 * told in @reterr). Relative paths in the file are relative to its directory. Never logs.
 */
int config_load(const char *path, struct config **ret, struct buf *reterr);
/* The same for a text; @path is only a name for messages and the base of relative paths. */
int config_parse(struct slice text, const char *path, struct config **ret, struct buf *reterr);
/* What holds when there is no file at all: UDP and TCP on 0.0.0.0:5060, the default action. */
int config_default(struct config **ret, struct buf *reterr);
struct config *config_ref(struct config *c);
void config_unref(struct config *c);

static inline void config_cleanup(struct config **c)
{
	config_unref(*c);
}
#define AUTO_CONFIG AUTO(config_cleanup) struct config

#endif
