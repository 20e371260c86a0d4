/*
 * A worker: a loop with its sockets, timers, calls and scripts, and everything of the core wired
 * together for it. Only the thread that runs the loop may use it.
 *
 *     worker_new        with the rights the process was started with: binds the listeners and
 *                       starts the spawner, but reads nothing and opens no file
 *     worker_start      with the rights it keeps: opens the database, begins to serve
 *     worker_reload     any number of times
 *     worker_drain      once, or not at all
 *     worker_free       then the loop runs until no handle is left
 */
#ifndef SIPCGID_DAEMON_WORKER_H
#define SIPCGID_DAEMON_WORKER_H

#include <uv.h>

#include "base/buf.h"
#include "config/snapshot.h"

struct worker;

/* Nothing is left to do after worker_drain(); the loop goes on until its owner stops it. */
typedef void worker_drained_fn(void *arg);

/*
 * Takes its own reference to @config. Logs one line "listening" with transport and address, the
 * real port, for each listener. On failure *ret is untouched and @reterr says what could not be
 * had: -EADDRINUSE, -EACCES, -EMFILE, -ENOMEM, or what the spawner's start said.
 */
int worker_new(uv_loop_t *loop, struct config *config, struct worker **ret, struct buf *reterr);
/* Fails like worker_new(); then only worker_free() may follow. */
int worker_start(struct worker *w, struct buf *reterr);
/*
 * New work is done by the new snapshot, work under way ends by the old one. Listeners, database
 * and user stay as they are. On -ENOMEM everything stays as it is.
 */
int worker_reload(struct worker *w, struct config *config);
/*
 * Stops accepting: new requests outside of a dialog get 503, connections are no longer accepted.
 * @drained is called once, from the loop, when the last transaction and commit has ended, or after
 * @ms.
 */
void worker_drain(struct worker *w, uint32_t ms, worker_drained_fn *drained, void *arg);
/* Ends what is left; NULL is fine. */
void worker_free(struct worker *w);

#endif
