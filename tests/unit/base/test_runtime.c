/* Transport names, and the fake runtime that the other unit tests build on. */
#include "harness.h"

#include <errno.h>

static void transports_have_names_and_ports(void **state)
{
	static const struct {
		const char *in;
		int rc;
		enum rt_transport t;
		const char *name, *via;
		uint16_t port;
	} rows[] = {
		{ "udp", 0, RT_UDP, "udp", "UDP", 5060 }, { "TCP", 0, RT_TCP, "tcp", "TCP", 5060 },
		{ "Tls", 0, RT_TLS, "tls", "TLS", 5061 }, { "ws", 0, RT_WS, "ws", "WS", 80 },
		{ "wsS", 0, RT_WSS, "wss", "WSS", 443 },  { "sctp", -EINVAL, RT_UDP, 0, 0, 0 },
		{ "", -EINVAL, RT_UDP, 0, 0, 0 },         { "ud", -EINVAL, RT_UDP, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = exact(rows[i].in);
		enum rt_transport t = RT_TRANSPORTS;

		assert_int_equal(rt_transport_parse(in, &t), rows[i].rc);
		exact_free(in);
		if (rows[i].rc) {
			assert_int_equal(t, RT_TRANSPORTS);
			continue;
		}
		assert_int_equal(t, rows[i].t);
		assert_string_equal(rt_transport_name(t), rows[i].name);
		assert_string_equal(rt_transport_via(t), rows[i].via);
		assert_int_equal(rt_transport_port(t), rows[i].port);
		assert_int_equal(rt_is_reliable(t), t != RT_UDP);
	}
}

static void what_is_sent_is_kept_with_its_time(void **state)
{
	struct fake_runtime f;
	struct rt_flow to = { .transport = RT_TCP, .listener = 1, .conn = 4 };
	struct packet *p;
	struct fake_sent *s;
	uint64_t start;

	(void)state;
	fake_runtime_init(&f);
	start = f.rt.now;
	p = packet_from(SLICE("bytes"));
	assert_non_null(p);
	fake_runtime_advance(&f, 5);
	assert_int_equal(f.rt.ops->send(&f.rt, &to, p, 17), 0);
	f.send_error = -EPIPE;
	assert_int_equal(f.rt.ops->send(&f.rt, &to, p, 18), -EPIPE);
	assert_int_equal(fake_runtime_sent(&f), 1);
	packet_unref(p);
	s = fake_runtime_take(&f);
	assert_non_null(s);
	assert_int_equal(s->sender, 17);
	assert_int_equal(s->to.conn, 4);
	assert_true(s->at == start + 5);
	assert_true(slice_eq(packet_view(s->packet), SLICE("bytes")));
	fake_sent_free(s);
	assert_null(fake_runtime_take(&f));
	fake_runtime_fini(&f);
}

struct answer {
	unsigned count;
	int err;
	struct rt_targets targets;
};

static void resolved(void *arg, int err, const struct rt_targets *targets)
{
	struct answer *a = arg;

	a->count++;
	a->err = err;
	if (!err)
		a->targets = *targets;
}

static void names_resolve_by_table_at_once_or_later(void **state)
{
	struct fake_runtime f;
	struct rt_query q = { .host = SLICE("Example.com"), .transport = -1 };
	struct rt_resolve *query;
	struct rt_targets t;
	struct answer a = { 0 }, never = { 0 };

	(void)state;
	fake_runtime_init(&f);
	f.names[0].host = "example.com";
	f.names[0].targets = (struct rt_targets){ .n = 1, .v = { { .transport = RT_TLS } } };
	f.n_names = 1;
	assert_int_equal(f.rt.ops->resolve(&f.rt, &q, &t, resolved, &a, &query), 0);
	assert_int_equal(t.v[0].transport, RT_TLS);

	f.resolve_later = true;
	assert_int_equal(f.rt.ops->resolve(&f.rt, &q, &t, resolved, &a, &query), -EINPROGRESS);
	assert_int_equal(f.rt.ops->resolve(&f.rt, &q, &t, resolved, &never, &query), -EINPROGRESS);
	f.rt.ops->resolve_cancel(&f.rt, query);
	assert_int_equal(a.count, 0);
	fake_resolve_all(&f);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.err, 0);
	assert_int_equal(a.targets.n, 1);
	assert_int_equal(never.count, 0);

	q.host = SLICE("example.net");
	assert_int_equal(f.rt.ops->resolve(&f.rt, &q, &t, resolved, &a, &query), -EINPROGRESS);
	fake_resolve_all(&f);
	assert_int_equal(a.err, -ENOENT);

	q = (struct rt_query){ .host = SLICE("[2001:db8::7]"), .transport = -1, .secure = true };
	assert_int_equal(f.rt.ops->resolve(&f.rt, &q, &t, resolved, &a, &query), 0);
	assert_int_equal(t.v[0].transport, RT_TLS);
	assert_int_equal(net_addr_port(&t.v[0].addr), 5061);
	q = (struct rt_query){ .host = SLICE("192.0.2.7"), .port = 9, .transport = RT_TCP };
	assert_int_equal(f.rt.ops->resolve(&f.rt, &q, &t, resolved, &a, &query), 0);
	assert_int_equal(t.v[0].transport, RT_TCP);
	assert_int_equal(net_addr_port(&t.v[0].addr), 9);
	fake_runtime_fini(&f);
}

struct watched {
	struct buf out, err;
	unsigned ended;
	enum rt_run_end how;
	int status;
};

static void on_output(void *arg, struct slice bytes)
{
	buf_slice(&((struct watched *)arg)->out, bytes);
}

static void on_error_output(void *arg, struct slice bytes)
{
	buf_slice(&((struct watched *)arg)->err, bytes);
}

static void on_ended(void *arg, enum rt_run_end how, int status)
{
	struct watched *w = arg;

	w->ended++;
	w->how = how;
	w->status = status;
}

static void a_run_does_what_the_test_says(void **state)
{
	static const struct rt_run_events ev = { on_output, on_error_output, on_ended };
	struct rt_job job = { .path = SLICE("/bin/true"), .timeout_ms = 1 };
	struct watched w = { 0 };
	struct fake_runtime f;
	struct rt_run *run;

	(void)state;
	fake_runtime_init(&f);
	assert_null(fake_run_job(&f));
	f.run_error = -EAGAIN;
	assert_int_equal(f.rt.ops->run(&f.rt, &job, &ev, &w, &run), -EAGAIN);
	f.run_error = 0;
	assert_int_equal(f.rt.ops->run(&f.rt, &job, &ev, &w, &run), 0);
	assert_true(slice_eq(fake_run_job(&f)->path, job.path));
	fake_run_output(&f, SLICE("SIP/2.0 "));
	fake_run_error_output(&f, SLICE("hm"));
	fake_run_output(&f, SLICE("200 OK"));
	assert_false(fake_run_stopped(&f));
	f.rt.ops->run_stop(&f.rt, run);
	assert_true(fake_run_stopped(&f));
	assert_int_equal(w.ended, 0);
	fake_run_end(&f, RT_RUN_CANCELLED, 3);
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.how, RT_RUN_CANCELLED);
	assert_int_equal(w.status, 3);
	assert_true(slice_eq(buf_view(&w.out), SLICE("SIP/2.0 200 OK")));
	assert_true(slice_eq(buf_view(&w.err), SLICE("hm")));
	assert_null(fake_run_job(&f));
	buf_fini(&w.out);
	buf_fini(&w.err);
	fake_runtime_fini(&f);
}

static int commit_err;

static void committed(struct rt_commit *c UNUSED, int err)
{
	commit_err = err;
}

static void commits_wait_for_the_test(void **state)
{
	struct rt_commit one = { .done = committed }, two = { .done = committed };
	struct fake_runtime f;

	(void)state;
	fake_runtime_init(&f);
	commit_err = 1;
	assert_false(fake_commit_end(&f, 0));
	f.rt.ops->commit(&f.rt, &one);
	f.rt.ops->commit(&f.rt, &two);
	assert_int_equal(commit_err, 1);
	assert_true(fake_commit_end(&f, -EIO));
	assert_int_equal(commit_err, -EIO);
	assert_true(fake_commit_end(&f, 0));
	assert_int_equal(commit_err, 0);
	fake_runtime_fini(&f);
}

struct tick {
	struct wheel_timer timer;
	struct fake_runtime *f;
	uint64_t at;
};

static void on_tick(struct wheel_timer *t)
{
	struct tick *k = CONTAINER_OF(t, struct tick, timer);

	k->at = k->f->rt.now;
}

static void time_stands_at_each_timer_while_it_fires(void **state)
{
	struct fake_runtime f;
	struct tick k = { .timer = { .fire = on_tick }, .f = &f };
	uint64_t start;
	int64_t wall;

	(void)state;
	fake_runtime_init(&f);
	start = f.rt.now;
	wall = f.rt.wall;
	rt_timer_in(&f.rt, &k.timer, 32000);
	fake_runtime_advance(&f, 31999);
	assert_int_equal(k.at, 0);
	fake_runtime_advance(&f, 1000);
	assert_true(k.at == start + 32000);
	assert_true(f.rt.now == start + 32999);
	assert_true(f.rt.wall == wall + 32999);
	rt_timer_in(&f.rt, &k.timer, 5);
	rt_timer_stop(&f.rt, &k.timer);
	fake_runtime_fini(&f);
}

static void random_bytes_are_the_same_in_every_run(void **state)
{
	struct fake_runtime f, g;
	unsigned char a[21], b[21];

	(void)state;
	fake_runtime_init(&f);
	fake_runtime_init(&g);
	f.rt.ops->random(&f.rt, a, sizeof(a));
	g.rt.ops->random(&g.rt, b, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
	assert_true(rt_random64(&f.rt) != rt_random64(&f.rt));
	fake_runtime_fini(&f);
	fake_runtime_fini(&g);
}

static void listeners_are_udp_and_tcp_on_both_families(void **state)
{
	static const char *const want[] = { "192.0.2.1:5060", "192.0.2.1:5060",
					    "[2001:db8::1]:5060", "[2001:db8::1]:5060" };
	struct fake_runtime f;
	char text[NET_ADDR_TEXT];

	(void)state;
	fake_runtime_init(&f);
	assert_int_equal(f.rt.n_listeners, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_string_equal(net_addr_text(&f.rt.listeners[i].addr, text), want[i]);
		assert_int_equal(f.rt.listeners[i].transport, i % 2 ? RT_TCP : RT_UDP);
	}
	fake_runtime_fini(&f);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(transports_have_names_and_ports),
		HARNESS_TEST(what_is_sent_is_kept_with_its_time),
		HARNESS_TEST(names_resolve_by_table_at_once_or_later),
		HARNESS_TEST(a_run_does_what_the_test_says),
		HARNESS_TEST(commits_wait_for_the_test),
		HARNESS_TEST(time_stands_at_each_timer_while_it_fires),
		HARNESS_TEST(random_bytes_are_the_same_in_every_run),
		HARNESS_TEST(listeners_are_udp_and_tcp_on_both_families),
	};

	return harness_run("runtime", tests, ARRAY_LEN(tests));
}
