/*
 * What the client and the spawner say to each other, over a SOCK_SEQPACKET pair: the same program
 * at both ends, so plain structs. Client to spawner: one struct exec_request, for EXEC_START
 * followed by path NUL dir NUL env, or with the EXEC_BLOB_FD flag in a memory file instead, since
 * a packet is limited. Descriptors (SCM_RIGHTS), in this order, each only if its flag is set:
 * standard input; always: output, error output; the blob. Spawner to client: packets of one or
 * more struct exec_report.
 */
#ifndef SIPCGID_RUNNER_EXEC_WIRE_H
#define SIPCGID_RUNNER_EXEC_WIRE_H

#include <stdint.h>

#include "runner/exec/exec.h"

#define EXEC_SPAWNER_FD 3
#define EXEC_INLINE_MAX 49152 /* bytes of path, dir and env in the packet */
#define EXEC_REPORTS_MAX 64   /* in one packet */
#define EXEC_FDS_MAX 4

enum exec_request_type {
	EXEC_START,
	EXEC_STOP, /* TERM, and KILL after grace_ms */
	EXEC_END,  /* the client is done with it: end what is left of the run at once */
};

enum { EXEC_HAS_STDIN = 1, EXEC_BLOB_FD = 2 };

struct exec_request {
	uint8_t type;
	uint8_t flags;
	uint32_t generation; /* a start for an earlier spawner is dropped */
	uint64_t id;
	uint32_t grace_ms;
	uint32_t uid, gid; /* UINT32_MAX: as the spawner */
	uint32_t path_len, dir_len,
		env_len; /* of the blob's parts; the NULs of path, dir not counted */
	uint32_t n_env;
	struct exec_limits limits;
};

enum exec_report_type {
	EXEC_STARTED,  /* value is the pid */
	EXEC_FAILED,   /* value is the errno */
	EXEC_EXITED,   /* value is the exit status */
	EXEC_SIGNALED, /* value is the signal */
	EXEC_LOST,     /* the spawner died, its runs are ended; value is the new generation */
};

/* With exited and signaled: nothing is left of the run, EXEC_END need not be sent. */
enum { EXEC_CLEAN = 1 };

struct exec_report {
	uint16_t type;
	uint16_t flags;
	int32_t value;
	uint64_t id;
};

#endif
