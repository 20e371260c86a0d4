"""What callers, callees and other servers get wrong: the proxy drops or answers it, and lives."""
import contextlib
import socket

import pytest

from cgicalls import final
from sip import message, unique
from sipcalls import SHORT, alive, aor, bind, raw_request, ring, running, self_uri, talk


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory, SHORT) as d:
        yield d


def response(req, status, edit=lambda fields: fields, tag=";tag=x"):
    """A response to @req with its fields edited."""
    fields = [("Via", v) for v in req.all("via")] + [
        ("From", req.get("from")), ("To", req.get("to") + tag), ("Call-ID", req.get("call-id")),
        ("CSeq", req.get("cseq")), ("Contact", "<sip:callee@127.0.0.1>")]
    return message(f"SIP/2.0 {status} Odd", edit(fields))


def without(name):
    return lambda fields: [f for f in fields if f[0] != name]


def changed(name, value):
    return lambda fields: [(n, value if n == name else v) for n, v in fields]


BAD_RESPONSES = [
    ("no Via", without("Via")), ("no To", without("To")), ("no From", without("From")),
    ("no Call-ID", without("Call-ID")), ("no CSeq", without("CSeq")),
    ("bad CSeq", changed("CSeq", "x MESSAGE")), ("other method", changed("CSeq", "1 INVITE")),
    ("bad To", changed("To", '"open <sip:a@b>')), ("bad Via", changed("Via", "SIP/2.0/UDP")),
    ("foreign Via", changed("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKno"))]


@pytest.mark.parametrize("what,edit", BAD_RESPONSES, ids=[b[0] for b in BAD_RESPONSES])
def test_a_bad_response_is_dropped_and_the_good_one_behind_it_goes_up(server, peer, what, edit):
    alice, bob = peer(server), peer(server)
    alice.request("MESSAGE", bob.uri("b"))
    got = bob.expect("MESSAGE")
    bob.send(response(got, 299, edit))
    assert what
    alice.quiet(0.05, (100,))
    bob.reply(got, 200)
    alice.expect(200)


def test_16_7_3_a_final_response_that_was_meant_for_us_is_not_forwarded(server, peer):
    """Only our Via is on it: the branch has failed."""
    alice, bob = peer(server), peer(server)
    alice.request("MESSAGE", bob.uri("b"))
    bob.send(response(bob.expect("MESSAGE"), 299,
                      lambda f: [f[0], *[x for x in f if x[0] != "Via"]]))
    alice.expect(500)


@pytest.mark.parametrize("status", ["99", "700", "999", "1000", "0", "-200", "2OO", "20"])
def test_a_response_of_no_class_is_dropped(server, peer, status):
    alice, bob = peer(server), peer(server)
    alice.request("MESSAGE", bob.uri("b"))
    got = bob.expect("MESSAGE")
    bob.send(response(got, status))
    alice.quiet(0.05, (100,))
    bob.reply(got, 200)
    alice.expect(200)


def test_a_response_without_to_tag_is_forwarded_as_it_is(server, peer):
    alice, bob = peer(server), peer(server)
    alice.request("MESSAGE", bob.uri("b"))
    bob.send(response(bob.expect("MESSAGE"), 200, tag=""))
    assert alice.expect(200).to_tag is None


def test_responses_from_somebody_else_need_the_branch_only(server, peer):
    """RFC 3261 17.1.3: the branch is what matches; a callee may answer from another port."""
    alice, bob, other = peer(server), peer(server), peer(server)
    alice.request("MESSAGE", bob.uri("b"))
    other.send(response(bob.expect("MESSAGE"), 200))
    alice.expect(200)


def test_a_callee_that_calls_back_inside_its_own_invite(server, peer):
    """Two calls through the same server, one in the middle of the other."""
    alice, bob = peer(server), peer(server)
    a, b = ring(alice, alice), ring(bob, bob)
    first = alice.request("INVITE", b)
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    alice.expect(180)
    talk(bob, alice, a)
    bob.reply(got, 200)
    alice.ack(first, alice.expect(200))
    bob.expect("ACK")


def test_a_caller_whose_connection_dies_leaves_nothing_broken(server, peer):
    alice, bob = peer(server, "tcp"), peer(server)
    alice.request("INVITE", ring(bob, bob))
    got = bob.expect("INVITE")
    alice.close()
    alice.conns.clear()
    for status in (180, 200):
        bob.reply(got, status)
    alive(server, bob)


def test_a_callee_whose_connection_dies_is_a_503_for_others_and_the_caller_hears(server, peer):
    alice, bob = peer(server), peer(server, "tcp")
    invite = alice.request("INVITE", bob.uri("b"))
    bob.expect("INVITE")
    bob.close()
    bob.conns.clear()
    assert final(alice, invite, 10).status in (408, 500)


def test_contacts_that_point_at_the_server_itself_end(server, peer):
    alice = peer(server)
    user = unique("user")
    bind(alice, user, [f"<{self_uri(server)}>", f"<{self_uri(server)};transport=tcp>",
                       f"<{self_uri(server, user)};x=1>", f"<{self_uri(server, user)};x=2>"])
    assert final(alice, alice.request("INVITE", aor(user)), 20).status >= 400


def test_many_users_that_fork_to_each_other_end(server, peer):
    """RFC 5393 3: without Max-Breadth or loop detection this is 2^70 requests."""
    alice = peer(server)
    users = [unique("bomb") for _ in range(2)]
    for u in users:
        bind(alice, u, [f"<{self_uri(server, v)};a={n}>" for v in users for n in range(2)])
    assert final(alice, alice.request("MESSAGE", aor(users[0])), 30).status >= 400
    alive(server, alice)


@pytest.mark.parametrize("count,status", [(100, 200), (2000, 400)])
def test_a_request_with_very_many_fields_is_answered(server, peer, count, status):
    alice = peer(server, "tcp")
    alice.send(raw_request(alice, "OPTIONS", self_uri(server, transport="tcp"),
                           [(f"X-{n}", "y") for n in range(count)]))
    assert alice.recv(10).status in (status, 513)


@pytest.mark.parametrize("size", [1000, 20000, 60000])
def test_a_very_long_uri_is_answered(server, peer, size):
    alice = peer(server, "tcp")
    req = alice.request("MESSAGE", f"sip:{'u' * size}@example.test", to="<sip:a@b.test>")
    assert final(alice, req).status in (404, 414, 513)


def test_a_client_that_never_reads_its_responses_does_no_harm(server, peer):
    p = peer(server)
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        for _ in range(2000):
            s.sendto(raw_request(p, "OPTIONS", self_uri(server),
                                 via=f"SIP/2.0/UDP 127.0.0.1:{port};branch={unique('z9hG4bK')}"),
                     server.addr())
    alive(server, p)


def test_a_binding_of_a_lost_connection_is_never_anothers(start, peer):
    """Connections are numbered: a restart must not give an old binding a new client's."""
    d = start()
    bob = peer(d, "tcp")
    user = unique("user")
    uri = aor(user)
    bob.request("REGISTER", "sip:example.test", [("Contact", f"<{bob.uri(user)}>")],
                from_=f"<{uri}>;tag=1", to=f"<{uri}>")
    bob.expect(200)
    d.stop()
    bob.conns.clear()
    bob.out = None
    d.start()
    others = [peer(d, "tcp") for _ in range(5)]
    for o in others:
        o.request("OPTIONS", self_uri(d, transport="tcp"))
        o.expect(200)
    others[0].request("MESSAGE", uri)
    got = bob.expect("MESSAGE")
    bob.reply(got, 200)
    others[0].expect(200)
