/* User agents: what they know and how their halves call each other. Private to the simulator. */
#ifndef SIPCGID_TESTS_SIM_AGENT_H
#define SIPCGID_TESTS_SIM_AGENT_H

#include "sim.h"

struct agent {
	struct sim *w;
	unsigned index;
	char label[16]; /* for the log: "a3 sends" */
	enum rt_transport transport;
	struct net_addr addr;        /* what it thinks its address is: stands in Via */
	struct net_addr public_addr; /* where it is: another one behind a NAT */
	const struct rt_listener *core;
	struct slice user, domain, password;
	struct slice contact; /* URI */
	struct slice via;     /* "host:port;rport" */
	bool foreign;         /* serves a domain that is not ours, registers nowhere */
	bool old;             /* RFC 2543: branches without the cookie */
	bool strict;          /* RFC 2543: the first Route becomes the Request-URI */
	bool gone;            /* nobody is there */
	bool rude;            /* forgets ACKs and answers, and the like */
	struct wheel_timer wake;
	unsigned calls_left;
	unsigned n_registers;
	struct slice reg_call_id;
	unsigned reg_cseq;
};

/* What all requests of one usage share: a call, a registration, a lone MESSAGE. */
struct call {
	struct agent *a;
	enum sip_method method;
	struct slice call_id, from_tag, from_uri, to_uri, uri;
	struct slice fields; /* "Name: value\r\n..." of its own */
	struct slice body;   /* with its Content-Type; empty: none */
	unsigned cseq, tries;
	struct list dialogs; /* struct dialog.link: one per 2xx of a fork */
	struct uac *invite;
	struct wheel_timer hang_up; /* when to CANCEL */
	bool wants_cancel;
};

/* One side of a dialog. RFC 3261 12. */
struct dialog {
	struct list link; /* call.dialogs; a callee's is in none */
	struct agent *a;
	struct call *call; /* NULL at the callee */
	struct slice call_id, local_tag, remote_tag, local_uri, remote_uri;
	struct slice target;  /* the peer's Contact */
	struct slice uri;     /* the Request-URI: the target, or a strict router's first Route */
	struct slice routes;  /* "Route: ...\r\n" lines, or empty */
	struct rt_target hop; /* the next one */
	unsigned cseq;        /* the last one sent */
	struct packet *ack;   /* sent again with each repeated 2xx */
	unsigned ack_cseq;    /* of its INVITE */
	struct uas *invite;   /* the last one received in it */
	struct wheel_timer next_step;
	unsigned id;
	bool confirmed, over;
};

/* A client transaction of an agent: RFC 3261 17.1. */
struct uac {
	struct agent *a;
	struct call *call;  /* NULL in a callee's dialog */
	struct dialog *dlg; /* NULL outside dialogs */
	enum sip_method method;
	unsigned cseq, id, interval, status;
	struct packet *packet;
	struct slice branch;
	struct rt_target hop;
	struct uac *cancel; /* of an INVITE */
	struct slice more;  /* credentials */
	struct wheel_timer retry, give_up;
	bool proceeding, done;
};

/* A server transaction of an agent: RFC 3261 17.2. */
struct uas {
	struct map_node node;
	struct agent *a;
	struct sip_msg *req; /* a reference until the end of the run */
	struct rt_flow flow;
	struct conn *conn;
	struct slice tag;    /* of our To */
	struct packet *resp; /* the last one */
	struct dialog *dlg;
	struct wheel_timer act; /* the next thing it does */
	struct wheel_timer retry, give_up;
	struct uas *older; /* the INVITE before it in its dialog */
	unsigned status, step, final_status, interval;
};

/* agent.c */
void agents_init(struct sim *w);
void agents_start(struct sim *w);
void agents_fini(struct sim *w);
void agent_receive(struct agent *a, struct packet *p, const struct rt_flow *flow,
		   struct conn *conn);
/* Where the next hop is: the core, or what @next_uri says. False: a name, agents know no DNS. */
bool agent_hop(const struct agent *a, struct slice next_uri, struct rt_target *ret);
void agent_send(struct agent *a, const struct rt_target *hop, struct packet *p);

/* uac.c */
void uac_begin(struct agent *a);
void uac_register(struct agent *a);
void uac_received(struct agent *a, struct sip_msg *resp);
/* A request within a dialog. */
void uac_in_dialog(struct dialog *d, enum sip_method method);

/* uas.c */
void uas_received(struct agent *a, struct sip_msg *req, const struct rt_flow *flow,
		  struct conn *conn);

/* dialog.c */
struct dialog *dialog_of_caller(struct call *c, const struct sip_msg *resp);
struct dialog *dialog_of_callee(struct uas *u);
struct dialog *dialog_find(struct agent *a, const struct sip_msg *req);
/* Talks so long, then does something. */
void dialog_live(struct dialog *d, unsigned ms);
/* The ACK for the 2xx to its INVITE @cseq, once more if it was sent before. */
void dialog_ack(struct dialog *d, unsigned cseq);

/* message.c */
/* Outside of dialogs. */
struct packet *message_request(struct uac *u, const struct call *c);
/* In a dialog; @branch its own. */
struct packet *message_in_dialog(struct dialog *d, enum sip_method method, unsigned cseq,
				 struct slice branch);
struct packet *message_hop_by_hop(const struct uac *invite, enum sip_method method,
				  const struct sip_msg *resp);
struct packet *message_response(struct uas *u, unsigned status, struct slice more,
				struct slice body);
struct slice message_branch(const struct agent *a, unsigned id);
/* Authorization or Proxy-Authorization line for the challenge in @resp; empty if there is none. */
struct slice message_credentials(struct agent *a, const struct sip_msg *resp, struct slice method,
				 struct slice uri, struct slice password);
/* A copy with random damage. */
struct packet *message_mutate(struct sim *w, struct packet *p);

#endif
