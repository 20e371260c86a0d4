/* Durations, sizes, addresses and names in the configuration file. */
#include "config/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "sip/uri.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Smallest first; the empty name is what a bare number means. */
static const struct unit durations[] = {
	{ "ms", 1 },        { "s", 1000 },        { "", 1000 },
	{ "m", 60 * 1000 }, { "h", 3600 * 1000 }, { "d", 86400 * 1000 },
};
static const struct unit sizes[] = {
	{ "", 1 },
	{ "KiB", 1024 },
	{ "MiB", 1024 * 1024 },
	{ "GiB", 1024 * 1024 * 1024 },
};

static int parse_units(struct slice s, const struct unit *units, size_t n_units, uint64_t *ret)
{
	size_t digits = 0;
	struct slice unit;
	uint64_t n;

	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	/* No unit is larger than 2^30, so that the product fits. */
	if (slice_u64(slice_head(s, digits), UINT32_MAX, &n) < 0)
		return -EBADMSG;
	unit = slice_skip(s, digits);
	for (size_t i = 0; i < n_units; i++) {
		if (!slice_ieq(unit, slice_str(units[i].name)))
			continue;
		*ret = n * units[i].factor;
		return 0;
	}
	return -EBADMSG;
}

int config_duration_parse(struct slice s, uint64_t *ret_ms)
{
	return parse_units(s, durations, ARRAY_LEN(durations), ret_ms);
}

int config_size_parse(struct slice s, uint64_t *ret_bytes)
{
	return parse_units(s, sizes, ARRAY_LEN(sizes), ret_bytes);
}

int config_bool_parse(struct slice s, bool *ret)
{
	static const char *const yes[] = { "true", "yes", "on" };
	static const char *const no[] = { "false", "no", "off" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (slice_ieq(s, slice_str(yes[i]))) {
			*ret = true;
			return 0;
		}
		if (slice_ieq(s, slice_str(no[i]))) {
			*ret = false;
			return 0;
		}
	}
	return -EBADMSG;
}

static const char *unit_text(uint64_t n, const struct unit *units, size_t n_units,
			     char out[CONFIG_NUMBER])
{
	const struct unit *best = &units[0];

	for (size_t i = 1; i < n_units; i++) {
		if (n && n % units[i].factor == 0 && units[i].name[0] != '\0')
			best = &units[i];
	}
	(void)snprintf(out, CONFIG_NUMBER, "%" PRIu64 "%s", n / best->factor, best->name);
	return out;
}

const char *config_duration_text(uint64_t ms, char out[CONFIG_NUMBER])
{
	return unit_text(ms, durations, ARRAY_LEN(durations), out);
}

const char *config_size_text(uint64_t bytes, char out[CONFIG_NUMBER])
{
	return unit_text(bytes, sizes, ARRAY_LEN(sizes), out);
}

/* Splits "host[:port]"; the brackets of an IPv6 address stay with the host. */
static int split_hostport(struct slice s, struct slice *ret_host, struct slice *ret_port)
{
	struct slice after;
	ptrdiff_t end;

	if (s.n && s.p[0] == '[') {
		end = slice_find(s, ']');
		if (end < 0)
			return -EBADMSG;
		end++;
	} else {
		end = slice_find(s, ':');
		if (end < 0)
			end = (ptrdiff_t)s.n;
	}
	after = slice_skip(s, (size_t)end);
	if (after.n && (after.p[0] != ':' || after.n == 1))
		return -EBADMSG;
	*ret_host = slice_head(s, (size_t)end);
	*ret_port = slice_skip(after, 1);
	return 0;
}

int config_listen_parse(struct slice s, enum rt_transport *ret_transport, struct net_addr *ret_addr,
			const char **reterr_expected)
{
	struct slice name, host, port_text;
	enum rt_transport transport;
	uint64_t port = 5060;
	struct net_addr addr;
	ptrdiff_t colon = slice_find(s, ':');

	*reterr_expected = "\"udp:ADDRESS:PORT\" or \"tcp:ADDRESS:PORT\"";
	if (colon < 0)
		return -EBADMSG;
	name = slice_head(s, (size_t)colon);
	if (rt_transport_parse(name, &transport) < 0 ||
	    (transport != RT_UDP && transport != RT_TCP))
		return -EBADMSG;
	*reterr_expected = "a numeric address after the transport, IPv6 in brackets";
	if (split_hostport(slice_skip(s, (size_t)colon + 1), &host, &port_text) < 0)
		return -EBADMSG;
	if (net_addr_parse(host, 0, &addr) < 0)
		return -EBADMSG;
	/* Without brackets the end of the address and the port could not be told apart. */
	if (addr.sa.sa_family == AF_INET6 && host.p[0] != '[')
		return -EBADMSG;
	*reterr_expected = "a port from 0 to 65535";
	if (port_text.n && slice_u64(port_text, UINT16_MAX, &port) < 0)
		return -EBADMSG;
	net_addr_set_port(&addr, (uint16_t)port);
	*ret_transport = transport;
	*ret_addr = addr;
	return 0;
}

int config_hostport_parse(struct slice s, struct slice *ret_host, uint16_t *ret_port)
{
	struct slice host, port_text;
	uint64_t port = 0;

	if (split_hostport(s, &host, &port_text) < 0 || !sip_is_host(host))
		return -EBADMSG;
	if (port_text.n && (slice_u64(port_text, UINT16_MAX, &port) < 0 || port == 0))
		return -EBADMSG;
	*ret_host = host;
	*ret_port = (uint16_t)port;
	return 0;
}

static bool is_alpha(char c)
{
	return slice_lower(c) >= 'a' && slice_lower(c) <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool config_is_env_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is_alpha(s.p[i]) && s.p[i] != '_' && !(i && is_digit(s.p[i])))
			return false;
	}
	return s.n > 0;
}

bool config_is_metavariable(struct slice s)
{
	static const char *const names[] = {
		"AUTH_TYPE",       "CONTENT_LENGTH",  "CONTENT_TYPE",   "GATEWAY_INTERFACE",
		"REGISTRATIONS",   "REMOTE_ADDR",     "REMOTE_HOST",    "REMOTE_IDENT",
		"REMOTE_USER",     "REQUEST_METHOD",  "REQUEST_TOKEN",  "REQUEST_URI",
		"RESPONSE_REASON", "RESPONSE_STATUS", "RESPONSE_TOKEN", "SCRIPT_COOKIE",
		"SCRIPT_FILENAME", "SCRIPT_NAME",     "SERVER_NAME",    "SERVER_PORT",
		"SERVER_PROTOCOL", "SERVER_SOFTWARE",
	};

	if (slice_starts(s, SLICE("SIP_")) || slice_starts(s, SLICE("SIPCGI_")))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (slice_eq(s, slice_str(names[i])))
			return true;
	}
	return false;
}

bool config_is_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) &&
		    (s.p[i] == '\0' || !strchr("-.!%*_+`'~", s.p[i])))
			return false;
	}
	return s.n > 0;
}

bool config_is_pattern(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f)
			return false;
	}
	return s.n > 0;
}
