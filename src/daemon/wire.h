/* From the configuration's words to those of the core's modules. */
#ifndef SIPCGID_DAEMON_WIRE_H
#define SIPCGID_DAEMON_WIRE_H

#include "cgi/service.h"
#include "config/snapshot.h"
#include "runner/exec/exec.h"
#include "transport/transport.h"

/* One reference for the caller; keeps @config until the last session begun under it has ended.
 * -ENOMEM. */
int wire_service(struct config *config, struct service_config **ret);
struct transport_config wire_transport(const struct config *config);
struct exec_config wire_exec(const struct config *config);

#endif
