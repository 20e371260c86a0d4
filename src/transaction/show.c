/* Live transactions in lines of text: for the operator and for tests that fail. */
#include "transaction/layer.h"

static void show_client(const struct txn *ct, struct buf *out)
{
	AUTO_MSG *msg = NULL;
	struct sip_error error;

	if (sip_msg_parse(ct->packet, &msg, &error) < 0)
		return;
	buf_slice(out, msg->method_name);
	buf_char(out, ' ');
	buf_slice(out, msg->call_id);
}

static void show(const struct txn *t, struct buf *out)
{
	buf_printf(out, "%016llx %s %s %llums ", (unsigned long long)txn_id(t),
		   txn_machine_name(t->machine), txn_state_name(t->state),
		   (unsigned long long)(t->layer->rt->now - t->born));
	if (txn_is_server(t)) {
		buf_slice(out, t->server.req->method_name);
		buf_char(out, ' ');
		buf_slice(out, t->server.req->call_id);
	} else {
		show_client(t, out);
	}
	buf_char(out, '\n');
}

void txn_layer_show(const struct txn_layer *l, struct buf *out)
{
	struct map_node *node = NULL;
	size_t pos = 0;

	while (map_walk(&l->ids, &pos, &node))
		show(CONTAINER_OF(node, struct txn, by_id), out);
}
