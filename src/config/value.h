/* Values as they are written in the file, and back into words for messages. */
#ifndef SIPCGID_CONFIG_VALUE_H
#define SIPCGID_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/net.h"
#include "base/runtime.h"
#include "base/slice.h"

/* "500ms", "5s", "10m", "2h", "1d", or whole seconds. -EBADMSG. */
int config_duration_parse(struct slice s, uint64_t *ret_ms);
/* "512", "256KiB", "1MiB", "1GiB". -EBADMSG. */
int config_size_parse(struct slice s, uint64_t *ret_bytes);
/* true, false, yes, no, on, off. -EBADMSG. */
int config_bool_parse(struct slice s, bool *ret);

/* In the largest unit that needs no fraction. Return @out. */
#define CONFIG_NUMBER 32
const char *config_duration_text(uint64_t ms, char out[CONFIG_NUMBER]);
const char *config_size_text(uint64_t bytes, char out[CONFIG_NUMBER]);

/*
 * "udp:192.0.2.1:5060", "tcp:[::1]": transport, numeric address, port (5060 when none is given, 0
 * for one that the system chooses). -EBADMSG with *reterr_expected, a constant.
 */
int config_listen_parse(struct slice s, enum rt_transport *ret_transport, struct net_addr *ret_addr,
			const char **reterr_expected);
/* "host", "host:port", "[2001:db8::1]:port"; port 0 when none is given. -EBADMSG. */
int config_hostport_parse(struct slice s, struct slice *ret_host, uint16_t *ret_port);

/* The name of an environment variable? */
bool config_is_env_name(struct slice s);
/* One that the server itself gives to scripts (SIPCGI.md 2)? */
bool config_is_metavariable(struct slice s);
/* A token of RFC 3261 25.1, as method names are? */
bool config_is_token(struct slice s);
/* Not empty, no blanks, no control characters: what a pattern may consist of. */
bool config_is_pattern(struct slice s);

#endif
