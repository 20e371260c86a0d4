/* Tells the service manager how far we are: sd_notify(3), without its library. */
#ifndef SIPCGID_DAEMON_NOTIFY_H
#define SIPCGID_DAEMON_NOTIFY_H

/* "READY=1", "STOPPING=1". Nothing happens without a service manager, and an error is ignored: it
 * will notice by its own time limit. */
void notify_send(const char *state);

#endif
