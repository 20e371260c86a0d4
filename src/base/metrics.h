/* Counters of one worker: plain numbers, summed over the workers when read. */
#ifndef SIPCGID_BASE_METRICS_H
#define SIPCGID_BASE_METRICS_H

#include <stdint.h>

/* name in code, name outside, help. One line per counter; keep the groups together. */
#define METRICS(X)                                                                                 \
	X(RECV_UDP, "received_udp", "datagrams received")                                          \
	X(RECV_STREAM, "received_stream", "messages received on streams")                          \
	X(SENT, "sent", "messages sent")                                                           \
	X(SEND_FAILED, "send_failed", "messages that could not be sent")                           \
	X(SEND_QUEUE_FULL, "send_queue_full", "messages dropped at a full send queue")             \
	X(CONN_OPENED, "connections_opened", "stream connections opened or accepted")              \
	X(CONN_REFUSED, "connections_refused", "connections closed at a limit")                    \
	X(MALFORMED, "malformed", "messages that could not be parsed")                             \
	X(TXN_SERVER, "transactions_server", "server transactions created")                        \
	X(TXN_CLIENT, "transactions_client", "client transactions created")                        \
	X(TXN_RETRANSMIT_IN, "retransmissions_received", "requests received again")                \
	X(TXN_RETRANSMIT_OUT, "retransmissions_sent", "messages sent again by a timer")            \
	X(TXN_TIMEOUT, "transaction_timeouts", "timers B, F and H that ended")                     \
	X(TXN_IGNORED, "transaction_events_ignored", "events without a row in their table")        \
	X(STRAY_RESPONSE, "stray_responses", "responses that match no transaction")                \
	X(BRANCHES, "branches", "branches started")                                                \
	X(REFUSED, "requests_refused", "requests refused before any service")                      \
	X(AUTH_CHALLENGED, "auth_challenges", "challenges sent")                                   \
	X(AUTH_FAILED, "auth_failures", "credentials that did not verify")                         \
	X(REGISTER_OK, "registrations", "REGISTER requests acknowledged")                          \
	X(REGISTER_FAILED, "registrations_failed", "REGISTER requests whose commit failed")        \
	X(COMMITS, "store_commits", "groups of changes committed")                                 \
	X(SCRIPT_RUNS, "script_runs", "scripts started")                                           \
	X(SCRIPT_FAILED, "script_failures", "runs that ended in 500 or 504")                       \
	X(SCRIPT_QUEUED, "script_queued", "runs that waited for a free slot")                      \
	X(SCRIPT_REFUSED, "script_refused", "runs refused with 503 at a full queue")               \
	X(SCRIPT_UNSIGNED, "script_unsigned", "requests whose signed parts a script changed")

enum metric {
#define METRIC_ENUM(id, name, help) METRIC_##id,
	METRICS(METRIC_ENUM)
#undef METRIC_ENUM
		METRIC_COUNT
};

struct metrics {
	uint64_t count[METRIC_COUNT];
};

#define METRIC_INC(rt, id) ((rt)->metrics.count[METRIC_##id]++)

/* Name as shown outside, and one line of help; NULL past the last. */
const char *metric_name(enum metric m);
const char *metric_help(enum metric m);

#endif
