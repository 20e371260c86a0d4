"""Whatever is sent at it, the server goes on serving, and passes nothing malformed on."""
import contextlib
import random
import re
import select
import socket
import time

import pytest

import protos
from cgicalls import final
from daemon import BASE, until
from sip import Msg, Peer, message, unique
from sipcalls import SHORT, alive, aor, bind, raw_request, running, self_uri

METHODS = ["INVITE", "REGISTER", "ACK", "CANCEL", "OPTIONS", "BYE"]
# Fields that an answer repeats as they were: RFC 3261 8.2.6.2.
ECHOED = {"via", "from", "to", "call-id", "cseq"}
UNTRUSTED = BASE.replace('trusted = {{ "127.0.0.0/8", "::1" }}', "trusted = {{ }}")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory, SHORT + 'transport { idle-timeout = "20s" }\n') as d:
        yield d


@pytest.fixture(scope="module")
def callee(server):
    """Registered as callee: what is forwarded arrives here."""
    p = Peer(server.addr())
    bind(p, "callee", [f"<{p.uri('callee')}>"], [("Expires", "7200")])
    p.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    yield p
    p.close()


def datagrams(sock):
    """All that has arrived."""
    while select.select([sock], [], [], 0)[0]:
        with contextlib.suppress(ConnectionRefusedError):
            yield sock.recv(65535)


def check_answers(raws, place):
    """Answers are well-formed but for what they repeat; requests never come here."""
    for raw in raws:
        assert raw.startswith(b"SIP/2.0 "), raw[:300]
        wrong = protos.complaints(raw, ECHOED | {"x-smuggled"})
        assert not wrong, (place, wrong, raw)


def check_forwarded(raws, place):
    for raw in raws:
        wrong = protos.complaints(raw, {"x-smuggled"})
        assert not wrong, (place, wrong, raw)


# -- every place with every anomaly

def cases(method):
    """INVITE gets all; the others a part that is the same in every run."""
    some = random.Random(method)
    for place in protos.places():
        chosen = [a for _, a in protos.ANOMALIES if method == "INVITE" or some.random() < 0.2]
        yield place, chosen


@pytest.mark.parametrize("method", METHODS)
def test_malformed_requests_over_udp_hurt_nobody(server, callee, peer, method):
    sane = peer(server)
    for place, anomalies in cases(method):
        with contextlib.closing(Peer(server.addr())) as p:
            known = {"method": method, "host": p.host, "port": p.port}
            for a in anomalies:
                data = protos.build(place, a, body=method == "INVITE", **known)
                if len(data) < 65000:
                    p.send(data)
            alive(server, sane)
            check_answers(datagrams(p.sock), place)
            check_forwarded(datagrams(callee.sock), place)


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "BYE"])
def test_malformed_requests_over_tcp_hurt_nobody(server, callee, peer, method):
    sane = peer(server)
    for place, anomalies in cases("tcp" + method):
        conns = []
        for a in anomalies:
            s = socket.create_connection(server.addr("tcp"))
            s.sendall(protos.build(place, a, method=method, host="127.0.0.1", transport="tcp",
                                   port=s.getsockname()[1], body=method == "INVITE"))
            conns.append(s)
        alive(server, sane)
        check_forwarded(datagrams(callee.sock), place)
        for s in conns:
            s.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_malformed_responses_hurt_nobody(server, callee, peer, transport):
    """To branches that are waiting, to others, and to none; over either transport."""
    sane, caller = peer(server), peer(server)
    invite = caller.request("INVITE", aor("callee"))
    waiting = callee.expect("INVITE")
    some = random.Random(transport)
    stream = None
    for place in protos.places(response=True):
        for _, a in protos.ANOMALIES:
            if some.random() > 0.25:
                continue
            via = waiting.values("via")[0]
            data = protos.build(place, a, response=True, method="INVITE", host="127.0.0.1",
                                port=server.addr()[1], branch=waiting.branch,
                                call_id=waiting.get("call-id"), tag="x").replace(b";rport;", b";")
            assert via.startswith("SIP/2.0/UDP 127.0.0.1:")
            if len(data) > 65000:
                continue
            if transport == "udp":
                callee.send(data)
                continue
            with contextlib.suppress(OSError):
                stream = stream or socket.create_connection(server.addr("tcp"))
                stream.sendall(data)
                continue
            stream = None
        alive(server, sane)
        check_answers(datagrams(caller.sock), place)
        list(datagrams(callee.sock))
    if stream:
        stream.close()
    assert invite.get("call-id")


def test_random_bytes_in_good_messages_hurt_nobody(server, callee, peer):
    """3,000 INVITEs, REGISTERs and responses with bytes changed, cut out and doubled."""
    sane, p, some = peer(server), peer(server), random.Random(1)
    for n in range(3000):
        data = bytearray(protos.build("", b"", response=n % 5 == 0,
                                      method=some.choice(METHODS), host=p.host, port=p.port))
        for _ in range(some.randrange(1, 8)):
            at, size = some.randrange(len(data)), some.randrange(1, 9)
            kind = some.randrange(4)
            if kind == 0:
                data[at] = some.randrange(256)
            elif kind == 1:
                del data[at:at + size]
            elif kind == 2:
                data[at:at] = data[at:at + size] * some.randrange(1, 50)
            else:
                data[at:at] = some.choice(protos.ANOMALIES)[1][:500]
        p.send(bytes(data[:60000]))
        if n % 100 == 99:
            alive(server, sane)
            check_answers(datagrams(p.sock), n)
            check_forwarded(datagrams(callee.sock), n)


# -- sizes

@pytest.mark.parametrize("field", ["Via", "Route", "Record-Route", "Contact", "Authorization",
                                   "X-Y", "Require", "Path", "Proxy-Require", "Supported"])
@pytest.mark.parametrize("n,joined", [(300, False), (1500, False), (600, True)])
def test_header_bombs_are_refused_or_dropped(server, callee, peer, field, n, joined):
    sane, p = peer(server), peer(server, "tcp")
    value = {"Via": "SIP/2.0/UDP a.test;branch=z9hG4bKx", "X-Y": "z" * 20, "Require": "a" * 20}.get(
        field, "<sip:a.test;lr>")
    more = [(field, ", ".join([value] * n))] if joined else [(field, value)] * n
    for method in ("INVITE", "REGISTER"):
        p.send(raw_request(p, method, aor("callee"), more))
        got = p.recv(2)
        assert got is None or got.status // 100 in (4, 5), got
        p.out = None
    alive(server, sane)
    check_forwarded(datagrams(callee.sock), field)


@pytest.mark.parametrize("size", [60000, 65000, 65535, 65536, 70000, 1 << 20, 16 << 20])
def test_oversized_messages_over_tcp_are_refused(server, peer, size):
    sane, p = peer(server), peer(server, "tcp")
    data = raw_request(p, "MESSAGE", aor("nobody"), [("Content-Type", "text/plain")],
                       body=b"x" * size)
    with contextlib.suppress(OSError):
        p.send(data)
        got = p.recv(5)
        assert got is None or got.status in (404, 413, 513), got
    alive(server, sane)


def test_a_head_without_an_end_is_given_up(server, peer):
    sane = peer(server)
    for filler in (b"X: " + b"y" * 1000 + b"\r\n", b"a", b"\0", b" ", b"\r\n x"):
        s = socket.create_connection(server.addr("tcp"))
        s.settimeout(10)
        with contextlib.suppress(OSError):
            s.sendall(b"INVITE sip:a@b SIP/2.0\r\n")
            for _ in range(20):
                s.sendall(filler * (100000 // len(filler)))
            while s.recv(65536):    # closed, whatever was said before
                pass
        s.close()
    alive(server, sane)


# -- streams

def test_a_slow_stream_holds_up_nobody_and_ends(start, peer):
    d = start('transport { idle-timeout = "2s" }\n')
    sane = peer(d)
    slow = [socket.create_connection(d.addr("tcp")) for _ in range(50)]
    data = protos.build("", b"", method="OPTIONS", host="127.0.0.1", port=1, transport="tcp")
    for i in range(0, 40):
        for s in slow:
            s.sendall(data[i:i + 1])
        if i % 10 == 0:
            alive(d, sane)
    before = d.fds()
    until(lambda: d.fds() <= before - 50, 20, "the end of idle streams")
    for s in slow:
        s.close()


def test_messages_in_any_pieces_are_messages(server, peer):
    sane = peer(server)
    s = socket.create_connection(server.addr("tcp"))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.settimeout(10)
    host, port = server.addr()
    one = message(f"OPTIONS sip:{host}:{port} SIP/2.0", {
        "Via": "SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK" + unique(), "From": "<sip:a@b.test>;tag=1",
        "To": f"<sip:{host}>", "Call-ID": unique(), "CSeq": "1 OPTIONS", "Max-Forwards": "1"})
    some = random.Random(7)
    data = b"".join(one.replace(b"z9hG4bK", b"z9hG4bK%d" % i) + b"\r\n" * (i % 3)
                    for i in range(20))
    at = 0
    while at < len(data):
        n = some.choice((1, 2, 3, 7, 50, 700))
        s.sendall(data[at:at + n])
        at += n
    got = b""
    while got.count(b"SIP/2.0 200 ") < 20:
        piece = s.recv(65536)
        assert piece
        got += piece
    s.close()
    alive(server, sane)


def test_connections_are_bounded(start, peer):
    """10,000 attempts at a server that allows 100: it keeps its descriptors and its manners."""
    d = start('transport { max-connections = 100 idle-timeout = "5s" }\n')
    sane = peer(d)
    before, held = d.fds(), []
    for n in range(10000):
        s = socket.socket()
        s.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            s.connect(d.addr("tcp"))
        held.append(s)
        if len(held) > 400:
            held.pop(0).close()
        if n % 1000 == 0:
            alive(d, sane)
            assert d.fds() <= before + 100 + 10
    alive(d, sane)
    assert d.fds() <= before + 100 + 10
    for s in held:
        s.close()
    until(lambda: d.fds() <= before + 5, 20, "the end of the connections")
    stream = peer(d, "tcp")
    host, port = d.addr()
    req = stream.request("OPTIONS", f"sip:{host}:{port};transport=tcp")
    assert final(stream, req).status == 200


# -- floods

def rss(d):
    """Resident memory of the daemon, KiB."""
    with open(f"/proc/{d.process.pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def test_a_flood_of_random_datagrams_leaves_no_memory(start, peer):
    d = start(base=BASE.replace("debug", "info"))
    sane, p, some = peer(d), peer(d), random.Random(3)

    def flood(n):
        for i in range(n):
            size = some.choice((0, 1, 4, 20, 100, 1000, 1400, 9000))
            with contextlib.suppress(ConnectionRefusedError):
                p.send(some.randbytes(size))
            if i % 200 == 199:
                alive(d, sane)

    flood(4000)
    first = rss(d)
    flood(16000)
    # A sanitizer keeps what was freed for a while: up to 256 MiB.
    limit = 300000 if "asan" in open(f"/proc/{d.process.pid}/maps", encoding="utf-8").read() \
        else 4096
    assert rss(d) - first < limit
    alive(d, sane)


def test_a_flood_of_requests_is_bounded_by_transactions(start, peer):
    """Past transaction { max } it is 503, statelessly; afterwards all is as before."""
    d = start('transaction { max = 200 t1 = "50ms" t2 = "200ms" t4 = "250ms" }\n',
              base=BASE.replace("debug", "info"))
    sane, p, hole = peer(d), peer(d), peer(d)
    p.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    statuses = set()
    for i in range(6000):
        with contextlib.suppress(ConnectionRefusedError):
            p.request("INVITE", hole.uri("x"))
        if i % 50 == 0:
            statuses |= {Msg(r).status for r in datagrams(p.sock)}
            list(datagrams(hole.sock))
    until(lambda: statuses.update(Msg(r).status for r in datagrams(p.sock)) or 503 in statuses,
          10, "a 503")
    assert statuses <= {100, 408, 503, 500}, statuses

    def serves():
        host, port = d.addr()
        return final(sane, sane.request("OPTIONS", f"sip:{host}:{port}")).status == 200
    until(serves, 30, "service after the flood")


def test_a_flood_of_registrations_needs_credentials(start, peer):
    d = start(base=UNTRUSTED.replace("authenticate = {{ }}", 'authenticate = {{ "register" }}'))
    p = peer(d)
    for i in range(500):
        user = unique("u")
        p.request("REGISTER", "sip:example.test", [("Contact", "<sip:a@192.0.2.9>")],
                  to=f"<{aor(user)}>", from_=f"<{aor(user)}>;tag=1")
        assert p.expect(401)
    assert "registration could not be stored" not in d.log()


# -- reflection, amplification, relaying

@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """Trusts nobody."""
    with running(tmp_path_factory, SHORT, base=UNTRUSTED) as d:
        yield d


def test_answers_over_udp_go_to_where_the_request_came_from(closed, peer):
    """With rport, to its address and port (RFC 3581 4), whatever address sent-by, received or rport
    name. (maddr is another matter: RFC 3261 18.2.2 has the answer sent there.)"""
    p, victim = peer(closed), peer(closed)
    host, port = self_uri(closed)[4:].rsplit(":", 1)
    for via in (f"127.0.0.9:{victim.port};rport", f"victim.test:{victim.port};rport",
                f"127.0.0.9:{victim.port};rport;received=127.0.0.1",
                f"127.0.0.9:{victim.port};received=127.0.0.1;rport={victim.port}",
                f"127.0.0.9;rport={victim.port}"):
        p.send(raw_request(p, "OPTIONS", f"sip:{host}:{port}",
                           via=f"SIP/2.0/UDP {via};branch={unique('z9hG4bK')}"))
        got = p.expect(200)
        assert "received=127.0.0.1" in got.get("via")
    victim.quiet(0.1)


def test_one_request_of_a_stranger_is_answered_with_about_as_much(closed, peer):
    """No amplification: the final answers to a non-INVITE together are one, and a 4xx to INVITE,
    which is repeated until its ACK (RFC 3261 17.2.1), is bounded."""
    p = peer(closed)
    req = raw_request(p, "OPTIONS", "sip:stranger@foreign.test")
    p.send(req)
    assert p.expect(403)
    p.quiet(0.3)
    req = raw_request(p, "INVITE", "sip:stranger@foreign.test")
    p.send(req)
    assert p.expect(403)
    end = time.monotonic() + 4.5
    size = 0
    while time.monotonic() < end:
        size += sum(len(r) for r in datagrams(p.sock))
        select.select([p.sock], [], [], 0.2)
    assert size < 25 * len(req)


def test_a_challenge_is_sent_once_and_its_ack_goes_no_further(start, peer):
    """RFC 3261 26.3.2.4: whoever forges a source address gains nothing from being challenged."""
    d = start(SHORT, base=UNTRUSTED.replace("authenticate = {{ }}", 'authenticate = {{ "calls" }}'))
    alice, bob = peer(d), peer(d)
    bind(bob, "bob", [f"<{bob.uri('bob')}>"])
    invite = alice.request("INVITE", aor("bob"), from_=f"<{aor('alice')}>;tag=1")
    refused = alice.expect(407)
    alice.quiet(0.5)
    alice.ack(invite, refused)
    alice.send(invite.raw)      # a copy is challenged anew
    assert alice.expect(407).to_tag == refused.to_tag
    bob.quiet(0.2)


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "REGISTER"])
@pytest.mark.parametrize("how", ["uri", "route", "routes", "maddr", "own maddr", "strict", "tel"])
def test_strangers_are_not_relayed_for(closed, peer, method, how):
    p, victim = peer(closed), peer(closed)
    own = self_uri(closed)
    uri, more = {
        "uri": (victim.uri("x"), []),
        "route": (victim.uri("x"), [("Route", f"<{own};lr>")]),
        "routes": (aor("callee"), [("Route", f"<{own};lr>"), ("Route", f"<{victim.uri()};lr>")]),
        "maddr": (f"sip:x@foreign.test:{victim.port};maddr=127.0.0.1", []),
        "own maddr": (f"{victim.uri('x')};maddr={own[4:].split(':')[0]}", []),
        "strict": (f"{own};lr", [("Route", f"<{victim.uri('x')}>")]),
        "tel": ("tel:+15550100", []),
    }[how]
    p.send(raw_request(p, method, uri, more))
    got = p.expect(4)
    assert got.status in (403, 404, 405, 416), got
    victim.quiet(0.1)


def test_responses_to_nobody_go_nowhere(closed, peer):
    p, victim = peer(closed), peer(closed)
    host, port = closed.addr()
    for own in (f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK0123456789abcdef.0123456789abcdef",
                f"SIP/2.0/UDP {host}:{port};branch=z9hG4bKx", f"SIP/2.0/UDP {host}:{port}"):
        for status in (100, 180, 200, 302, 404, 603):
            p.send(message(f"SIP/2.0 {status} OK", [
                ("Via", own), ("Via", f"SIP/2.0/UDP 127.0.0.1:{victim.port};branch=z9hG4bKy"),
                ("From", "<sip:a@b.test>;tag=1"), ("To", "<sip:c@d.test>;tag=2"),
                ("Call-ID", unique()), ("CSeq", "1 INVITE")]))
    victim.quiet(0.2)
    alive(closed, p)


def test_loops_through_our_own_address_end(server, peer):
    """Via fields of ours, requests to ourselves, a contact that is ourselves."""
    p, user = peer(server), unique("loop")
    own = self_uri(server)
    host, port = server.addr()
    bind(p, user, [f"<{own[:4]}{user}@{own[4:]}>"])
    bind(p, user + "b", [f"<{aor(user + 'c')}>"])
    bind(p, user + "c", [f"<{aor(user + 'b')}>", f"<{aor(user + 'b')};x=1>"])
    for target in (user, user + "b", user + "c"):
        for method in ("INVITE", "MESSAGE"):
            got = final(p, p.request(method, aor(target)), 15)
            assert got.status in (404, 408, 440, 480, 482, 483, 500), (target, got)
    p.send(raw_request(p, "MESSAGE", aor(user), [
        ("Via", f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{i}") for i in range(60)]))
    assert p.expect(4) or p.expect(5)
    p.send(raw_request(p, "OPTIONS", own, via=f"SIP/2.0/UDP {host}:{port};branch=z9hG4bKself"))
    alive(server, p)


# -- what is stored comes out again

@pytest.mark.parametrize("contact", [
    '"a\\"b" <sip:x@192.0.2.9>;q=0.1', '"%0d%0aX-Smuggled: 1" <sip:x@192.0.2.9>',
    '<sip:x@192.0.2.9?Via=%0d%0aX-Smuggled:1>', '<sip:x@192.0.2.9;a="b">;+sip.instance="<\'>"',
    "<sip:x%00y@192.0.2.9>", "<sip:'; DROP TABLE bindings; --@192.0.2.9>",
    "<sip:x@192.0.2.9>;a=\"\r\n b\"", "<sip:x@192.0.2.9>;q=0.5;x=\r\n y", "<mailto:a@b>", "<sip:>",
    '"a\\\0b" <sip:x@192.0.2.9>;y="\\\0"', "sip:x@192.0.2.9,,sip:y@192.0.2.9",
    "<sip:x@192.0.2.9>;expires=99999999999999999999"])
def test_registered_contacts_come_back_as_they_were_or_not_at_all(server, peer, contact):
    p, user = peer(server), unique("u")
    p.send(raw_request(p, "REGISTER", "sip:example.test",
                       [("Contact", contact), ("To", f"<{aor(user)}>")], drop=("to",)))
    got = p.recv(5)
    assert got.status in (200, 400, 403, 423), got
    assert not protos.complaints(got.raw), (protos.complaints(got.raw), got.raw)
    assert b"\r\nX-Smuggled" not in got.raw
    alive(server, p)
