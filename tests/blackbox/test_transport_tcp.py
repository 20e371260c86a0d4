"""RFC 3261 18 over TCP: framing, connections, keep-alives, limits."""
import resource
import select
import socket
import struct

import pytest

from cgicalls import final
from daemon import until
from sip import Peer, unique
from sipcalls import alive, raw_request, running, self_uri, talk


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory) as d:
        yield d


def tcp_uri(server):
    return self_uri(server, transport="tcp")


def closed_by_server(conn, timeout=5.0):
    """Reads until the end of the stream; what was read."""
    conn.settimeout(timeout)
    data = b""
    while True:
        got = conn.recv(65536)
        if not got:
            return data
        data += got


# -- 18.3, 7.5: framing

@pytest.mark.parametrize("size", [1, 7, 100])
def test_18_3_a_message_may_come_in_pieces(server, peer, size):
    alice, bob = peer(server, "tcp"), peer(server, "tcp")
    body = bytes(range(256))
    data = alice.build("MESSAGE", bob.uri("b"), body=body)
    alice.connect().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for i in range(0, len(data), size):
        alice.out.send(data[i:i + size])
    assert bob.expect("MESSAGE").body == body


def test_18_3_several_messages_may_come_at_once(server, peer):
    alice, bob = peer(server, "tcp"), peer(server, "tcp")
    data = [alice.build("MESSAGE", bob.uri("b"), body=b"%d" % n) for n in range(50)]
    alice.send(b"\r\n\r\n".join(data))
    assert sorted(int(bob.expect("MESSAGE").body) for _ in data) == list(range(50))


def test_18_3_one_and_a_half_and_the_rest(server, peer):
    alice, bob = peer(server, "tcp"), peer(server, "tcp")
    one, two = (alice.build("MESSAGE", bob.uri("b"), body=b"x" * 50) for _ in range(2))
    alice.send(one + two[:-20])
    bob.expect("MESSAGE")
    bob.quiet(0.05)
    alice.send(two[-20:])
    bob.expect("MESSAGE")


def test_18_3_line_ends_before_a_message_are_skipped(server, peer):
    alice = peer(server, "tcp")
    alice.send(b"\r\n" + alice.build("OPTIONS", tcp_uri(server)))
    alice.expect(200)


@pytest.mark.parametrize("length", ["x", "-1", "", "12 13", "99999999999999999999", "0x10"])
def test_18_3_a_bad_content_length_is_400_and_the_connection_closed(server, peer, length):
    alice = peer(server, "tcp")
    data = raw_request(alice, "OPTIONS", tcp_uri(server), [("Content-Length", length)])
    conn = alice.connect()
    conn.sendall(data)
    got = closed_by_server(conn)
    assert got.split()[1] in (b"400", b"513"), got
    alive(server, peer(server))


def test_18_3_no_content_length_is_400_and_the_connection_closed(server, peer):
    alice = peer(server, "tcp")
    conn = alice.connect()
    conn.sendall(raw_request(alice, "OPTIONS", tcp_uri(server)).replace(b"Content-Length: 0\r\n", b""))
    assert closed_by_server(conn).startswith(b"SIP/2.0 400 ")


def test_rfc4475_two_different_content_lengths_are_400_and_the_connection_closed(server, peer):
    alice = peer(server, "tcp")
    conn = alice.connect()
    conn.sendall(raw_request(alice, "OPTIONS", tcp_uri(server),
                             [("Content-Length", "0"), ("l", "5")]) + b"12345")
    assert closed_by_server(conn).startswith(b"SIP/2.0 400 ")


def test_a_message_beyond_64_kib_is_513_and_the_connection_closed(server, peer):
    alice = peer(server, "tcp")
    conn = alice.connect()
    conn.sendall(raw_request(alice, "OPTIONS", tcp_uri(server), [("Content-Length", "70000")]))
    assert closed_by_server(conn).startswith(b"SIP/2.0 513 ")


def test_a_header_without_end_is_given_up(server, peer):
    alice = peer(server, "tcp")
    conn = alice.connect()
    try:
        conn.sendall(b"OPTIONS sip:a@b SIP/2.0\r\nX: " + b"y" * 200000)
    except OSError:
        pass          # the server may have closed already
    try:
        closed_by_server(conn)
    except ConnectionResetError:
        pass
    alive(server, peer(server))


def test_garbage_on_one_connection_harms_no_other(server, peer):
    alice, mallory = peer(server, "tcp"), peer(server, "tcp")
    alice.request("OPTIONS", tcp_uri(server))
    alice.expect(200)
    mallory.connect().sendall(b"\x16\x03\x01\x02\0\x01\0\r\n\r\n" * 20)
    alice.request("OPTIONS", tcp_uri(server))
    alice.expect(200)


def test_a_fault_in_one_message_that_can_be_framed_leaves_the_connection(server, peer):
    alice = peer(server, "tcp")
    alice.send(raw_request(alice, "OPTIONS", tcp_uri(server), drop=("call-id",)))
    alice.expect(400)
    conn = alice.out
    alice.request("OPTIONS", tcp_uri(server))
    alice.expect(200)
    assert alice.out is conn


# -- RFC 5626 3.5.1: keep-alive

def test_rfc5626_a_double_line_end_is_answered_with_a_single_one(server, peer):
    conn = peer(server, "tcp").connect()
    for _ in range(3):
        conn.sendall(b"\r\n\r\n")
        conn.settimeout(5)
        assert conn.recv(10) == b"\r\n"


def test_rfc5626_half_a_ping_is_not_answered(server, peer):
    conn = peer(server, "tcp").connect()
    conn.sendall(b"\r\n")
    assert not select.select([conn], [], [], 0.1)[0]
    conn.sendall(b"\r\n")
    assert select.select([conn], [], [], 5)[0]


# -- 18.2.2, 18.1.1: which connection

def test_18_2_2_the_answer_comes_on_the_same_connection(server, peer):
    alice, bob = peer(server, "tcp"), peer(server, "tcp")
    alice.request("MESSAGE", bob.uri("b"))
    got = bob.expect("MESSAGE")
    bob.reply(got, 200)
    ok = alice.expect(200)
    assert ok.addr is alice.out and len(alice.conns) == 1


def hang_up(server, peer, hard=False):
    """Closes the connection of this peer; the server knows when this returns."""
    source = "%s:%d " % peer.out.getsockname()[:2]
    if hard:
        peer.out.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.out.close()
    peer.conns.clear()
    peer.out = None
    until(lambda: any(source in l and "state=open" in l for l in server.log_lines("connection")),
          what="the end of the connection")


@pytest.mark.parametrize("status", [180, 200, 486])
def test_18_2_2_answers_come_over_a_new_connection_when_that_has_ended(server, peer, status):
    alice, bob = peer(server, "tcp"), peer(server, "tcp")
    alice.request("INVITE", bob.uri("b"))
    got = bob.expect("INVITE")
    hang_up(server, alice)
    bob.reply(got, status)
    back = alice.expect(status)
    assert back.addr in alice.conns


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_18_2_2_answers_come_over_a_new_connection_when_that_is_gone(server, peer, method):
    alice, bob = peer(server, "tcp"), peer(server, "tcp")
    alice.request(method, bob.uri("b"))
    got = bob.expect(method)
    hang_up(server, alice, hard=True)
    bob.reply(got, 200)
    alice.expect(200)


def test_18_2_2_answers_to_a_half_closed_connection_arrive(server, peer):
    alice, bob = peer(server, "tcp"), peer(server, "tcp")
    alice.request("MESSAGE", bob.uri("b"))
    got = bob.expect("MESSAGE")
    alice.out.shutdown(socket.SHUT_WR)
    bob.reply(got, 200)
    alice.expect(200)


def test_18_1_1_requests_to_one_place_share_a_connection(server, peer):
    alice, bob = peer(server), peer(server, "tcp")
    conns = set()
    for _ in range(5):
        alice.request("MESSAGE", bob.uri("b"))
        got = bob.expect("MESSAGE")
        conns.add(got.addr)
        bob.reply(got, 200)
        alice.expect(200)
    assert len(conns) == 1


def test_a_registered_client_is_reached_over_the_connection_it_made(server, peer):
    """Its Contact is not reachable: a client behind a NAT."""
    alice, bob = peer(server), peer(server, "tcp")
    user = unique("user")
    aor = f"sip:{user}@example.test"
    bob.request("REGISTER", "sip:example.test", [("Contact", f"<sip:{user}@192.0.2.9;transport=tcp>")],
                from_=f"<{aor}>;tag=1", to=f"<{aor}>")
    bob.expect(200)
    alice.request("MESSAGE", aor)
    got = bob.expect("MESSAGE")
    assert got.addr is bob.out
    bob.reply(got, 200)
    alice.expect(200)


def test_a_registered_client_whose_connection_is_gone_is_called_at_its_contact(server, peer):
    alice, bob = peer(server), peer(server, "tcp")
    user = unique("user")
    aor = f"sip:{user}@example.test"
    bob.request("REGISTER", "sip:example.test", [("Contact", f"<{bob.uri(user)}>")],
                from_=f"<{aor}>;tag=1", to=f"<{aor}>")
    bob.expect(200)
    bob.out.close()
    bob.conns.clear()
    bob.out = None
    alice.request("MESSAGE", aor)
    got = bob.expect("MESSAGE")
    bob.reply(got, 200)
    alice.expect(200)


def test_a_whole_call_over_tcp_whose_caller_reconnects_in_between(server, peer):
    alice, bob = peer(server, "tcp"), peer(server, "tcp")
    invite, _, ok = talk(alice, bob, bob.uri("b"))
    alice.out.close()
    alice.conns.clear()
    alice.out = None
    alice.in_dialog("BYE", invite, ok)
    bob.reply(bob.expect("BYE"), 200)
    alice.expect(200)


def test_an_idle_connection_is_closed(start, peer):
    d = start('transport { idle-timeout = "300ms" }\n')
    conn = peer(d, "tcp").connect()
    assert closed_by_server(conn) == b""


# -- limits

def test_connections_beyond_the_limit_are_refused_and_the_others_live(start, peer):
    d = start("transport { max-connections = 20 }\n")
    alice = peer(d, "tcp")
    alice.request("OPTIONS", tcp_uri(d))
    alice.expect(200)
    more = [socket.create_connection(d.addr("tcp")) for _ in range(40)]
    gone = until(lambda: [c for c in more if is_closed(c)], what="connections closed")
    assert gone
    alice.request("OPTIONS", tcp_uri(d))
    alice.expect(200)
    for c in more:
        c.close()
    until(lambda: works(d), what="a new connection")


def is_closed(conn):
    """Has the server ended it?"""
    conn.setblocking(False)
    try:
        return conn.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def works(daemon):
    p = Peer(daemon.addr("tcp"), "tcp")
    try:
        p.request("OPTIONS", tcp_uri(daemon))
        return p.recv(1.0)
    except OSError:
        return False
    finally:
        p.close()


def test_300_connections_at_a_time(server):
    peers = [Peer(server.addr("tcp"), "tcp") for _ in range(300)]
    reqs = [p.request("OPTIONS", tcp_uri(server)) for p in peers]
    for p, req in zip(peers, reqs):
        assert p.expect(200).get("call-id") == req.get("call-id")
    for p in peers:
        p.close()


def test_running_out_of_descriptors_is_survived(start, peer):
    d = start()
    alice = peer(d)
    alive(d, alice)
    limit = d.fds() + 10
    resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    more = [socket.create_connection(d.addr("tcp")) for _ in range(60)]
    for _ in range(5):
        alive(d, alice)
    # A new connection out is not possible: the branch fails, nothing else.
    bob = peer(d, "tcp")
    assert final(alice, alice.request("MESSAGE", bob.uri("b"))).status in (500, 503, 200)
    for c in more:
        c.close()
    until(lambda: works(d), what="a new connection")
    alive(d, alice)


def test_connections_that_come_and_go_leave_no_descriptors(start, peer):
    d = start()
    before = d.fds()
    for _ in range(30):
        conns = [socket.create_connection(d.addr("tcp")) for _ in range(10)]
        for c in conns:
            c.send(b"OPTIONS")
            c.close()
    # A spare one is opened with the first.
    until(lambda: d.fds() <= before + 1, what="all descriptors closed")


def test_a_client_that_does_not_read_holds_nobody_up(start, peer):
    d = start('transport { send-queue = "64KiB" }\n')
    alice, other = peer(d, "tcp"), peer(d)
    conn = alice.connect()
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    data = b"".join(alice.build("OPTIONS", tcp_uri(d)) for _ in range(200))
    conn.settimeout(5)
    try:
        for _ in range(60):
            conn.sendall(data)
    except OSError:
        pass          # it was thrown out, or is not read any more
    for _ in range(5):
        alive(d, other)
