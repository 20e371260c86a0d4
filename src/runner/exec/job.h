/* One job on the spawner's side: from a packet to a process. */
#ifndef SIPCGID_RUNNER_EXEC_JOB_H
#define SIPCGID_RUNNER_EXEC_JOB_H

#include <stddef.h>
#include <sys/types.h>

#include "runner/exec/wire.h"

/*
 * Starts the process of @req: its own session, the descriptors as 0, 1 and 2 and no others, clean
 * signal state, limits, user, directory. @tail is what followed the request in its packet; @fds
 * are closed by the caller. The program has been executed when this returns.
 *
 * 0 and *ret_pid, or a negative errno: of what was done before exec, or of exec itself. -EPROTO:
 * the packet makes no sense.
 */
int exec_job_start(const struct exec_request *req, char *tail, size_t n_tail, const int *fds,
		   size_t n_fds, uint32_t tag, pid_t *ret_pid);
/* Frees what exec_job_start() keeps between jobs. */
void exec_job_cleanup(void);

#endif
