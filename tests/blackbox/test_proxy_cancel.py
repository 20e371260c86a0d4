"""RFC 3261 16.10, 9, 16.11, 17: CANCEL, ACK, repeated messages, 100, old clients."""
import time

import pytest

from cgicalls import final
from sip import Msg, message, unique
from sipcalls import SHORT, aor, ring, running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory) as d:
        yield d


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    with running(tmp_path_factory, SHORT) as d:
        yield d


def ringing(server, peer, transport="udp", n=1):
    """A caller, its INVITE, and (callee, what it got) pairs that ring."""
    alice = peer(server, transport)
    callees = [peer(server, transport) for _ in range(n)]
    invite = alice.request("INVITE", ring(peer(server), *callees))
    branches = [(c, c.expect("INVITE")) for c in callees]
    for c, got in branches:
        c.reply(got, 180)
        alice.expect(180)
    return alice, invite, branches


# -- 9.1, 9.2, 16.10

@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_16_10_cancel_is_200_at_once_and_goes_to_every_branch(server, peer, transport):
    alice, invite, branches = ringing(server, peer, transport, 3)
    alice.cancel(invite)
    ok = alice.expect(200)
    assert ok.get("cseq") == "1 CANCEL"
    for p, got in branches:
        cancel = p.expect("CANCEL")
        p.reply(cancel, 200)
        p.reply(got, 487)
        p.expect("ACK")
    got = alice.expect(487)
    assert got.get("cseq") == "1 INVITE"
    assert got.to_tag == ok.to_tag or got.to_tag in {p.tag(g) for p, g in branches}
    alice.ack(invite, got)
    alice.quiet(0.1)


def test_9_1_the_cancel_matches_the_invite_of_its_branch(server, peer):
    alice, bob = peer(server), peer(server)
    route = [("Route", f"<{bob.uri()};lr>")]
    invite = alice.request("INVITE", "sip:far@foreign.test", route)
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    alice.expect(180)
    alice.cancel(invite)
    cancel = bob.expect("CANCEL")
    assert cancel.uri == got.uri and cancel.branch == got.branch
    assert len(cancel.values("via")) == 1 and cancel.values("via")[0] == got.values("via")[0]
    for name in ("call-id", "from", "to", "route"):
        assert cancel.all(name) == got.all(name)
    assert cancel.get("cseq") == "1 CANCEL"
    assert cancel.get("max-forwards") == "70" and cancel.get("content-length") in (None, "0")


def test_9_1_no_cancel_before_a_provisional_response(server, peer):
    alice, bob = peer(server), peer(server)
    invite = alice.request("INVITE", ring(alice, bob))
    got = bob.expect("INVITE")
    alice.cancel(invite)
    assert alice.expect(200).get("cseq") == "1 CANCEL"
    bob.quiet(0.3, ("INVITE",))
    bob.reply(got, 180)
    bob.reply(bob.expect("CANCEL"), 200)
    bob.reply(got, 487)
    assert final(alice, invite).status == 487


def test_9_1_nobody_is_cancelled_who_has_answered(server, peer):
    alice, invite, ((bob, a), (carol, b)) = ringing(server, peer, n=2)
    bob.reply(a, 486)
    bob.expect("ACK")
    alice.cancel(invite)
    carol.reply(carol.expect("CANCEL"), 200)
    carol.reply(b, 487)
    assert final(alice, invite).status == 487
    bob.quiet(0.1)


def test_16_10_a_2xx_that_crosses_the_cancel_goes_up(server, peer):
    alice, invite, ((bob, got),) = ringing(server, peer)
    alice.cancel(invite)
    cancel = bob.expect("CANCEL")
    bob.reply(got, 200)
    bob.reply(cancel, 200)
    ok = alice.expect(200, keep=True)
    while not ok.get("cseq").endswith("INVITE"):
        ok = alice.expect(200)
    alice.ack(invite, ok)
    bob.expect("ACK")
    alice.quiet(0.2)


def test_9_1_a_callee_that_ignores_the_cancel_is_given_up(short, peer):
    alice, invite, ((bob, _),) = ringing(short, peer)
    alice.cancel(invite)
    bob.reply(bob.expect("CANCEL"), 200)
    assert final(alice, invite, 10).status == 487


def test_9_2_a_cancel_that_matches_nothing_is_481(server, peer):
    alice, bob = peer(server), peer(server)
    cancel = alice.request("CANCEL", bob.uri("b"))
    assert final(alice, cancel).status == 481
    bob.quiet(0.1)


def test_9_2_a_cancel_of_another_branch_is_481(server, peer):
    alice, invite, ((bob, _),) = ringing(server, peer)
    other = Msg(invite.raw.replace(invite.branch.encode(), b"z9hG4bKother"))
    assert final(alice, alice.cancel(other)).status == 481
    bob.quiet(0.1)


def test_9_2_a_cancel_after_the_final_response_changes_nothing(server, peer):
    alice, bob = peer(server), peer(server)
    invite = alice.request("INVITE", ring(alice, bob))
    bob.reply(bob.expect("INVITE"), 486)
    bob.expect("ACK")
    alice.expect(486)
    assert final(alice, alice.cancel(invite)).status == 200
    bob.quiet(0.1)


def test_9_1_other_methods_cannot_be_cancelled(server, peer):
    alice, bob = peer(server), peer(server)
    req = alice.request("MESSAGE", ring(alice, bob))
    got = bob.expect("MESSAGE")
    data = message(f"CANCEL {req.uri} SIP/2.0",
                   [("Via", req.get("via")), ("Max-Forwards", "70"), ("From", req.get("from")),
                    ("To", req.get("to")), ("Call-ID", req.get("call-id")), ("CSeq", "1 CANCEL")])
    alice.send(data)
    assert alice.expect(2).get("cseq") == "1 CANCEL"
    bob.quiet(0.1)
    bob.reply(got, 202)
    assert alice.expect(202).get("cseq") == "1 MESSAGE"


def test_a_cancel_repeated_is_answered_again_and_sent_on_once(server, peer):
    alice, invite, ((bob, _),) = ringing(server, peer)
    alice.cancel(invite)
    first = alice.expect(200)
    alice.cancel(invite)
    assert alice.expect(200).get("cseq") == first.get("cseq")
    bob.reply(bob.expect("CANCEL"), 200)
    bob.quiet(0.2)


# -- ACK

def test_16_11_ack_to_a_2xx_is_forwarded_like_a_request(server, peer):
    alice, bob = peer(server), peer(server)
    invite = alice.request("INVITE", ring(alice, bob))
    bob.reply(bob.expect("INVITE"), 200)
    alice.ack(invite, alice.expect(200))
    ack = bob.expect("ACK")
    assert len(ack.values("via")) == 2
    assert ack.get("max-forwards") == "69"
    assert ack.get("route") is None
    assert ack.uri == bob.uri("callee")


def test_17_1_1_3_ack_to_a_failure_is_each_hops_own(server, peer):
    alice, bob = peer(server), peer(server)
    invite = alice.request("INVITE", ring(alice, bob))
    got = bob.expect("INVITE")
    busy = bob.reply(got, 486)
    ack = bob.expect("ACK")
    assert ack.branch == got.branch and len(ack.values("via")) == 1
    assert ack.uri == got.uri and ack.get("to") == busy.get("to")
    assert ack.get("cseq") == "1 ACK" and ack.get("from") == got.get("from")
    back = alice.expect(486)
    alice.ack(invite, back)
    bob.quiet(0.2)
    alice.quiet(0.6)


def test_17_2_1_a_failure_is_repeated_until_the_ack_comes(short, peer):
    alice = peer(short)
    invite = alice.request("INVITE", aor(unique("none")))
    first = alice.expect(404)
    for _ in range(3):
        assert alice.expect(404).raw == first.raw
    alice.ack(invite, first)
    alice.recv(0.1)
    alice.quiet(0.5)


def test_17_2_1_a_failure_is_not_repeated_on_a_stream(short, peer):
    alice = peer(short, "tcp")
    alice.request("INVITE", aor(unique("none")))
    alice.expect(404)
    alice.quiet(0.5)


def test_17_1_1_2_an_invite_is_repeated_until_a_provisional_response(short, peer):
    alice, bob = peer(short), peer(short)
    alice.request("INVITE", ring(alice, bob))
    got = bob.expect("INVITE")
    for _ in range(3):
        assert bob.expect("INVITE").raw == got.raw
    bob.reply(got, 100)
    bob.recv(0.1)
    bob.quiet(0.6)


def test_17_1_2_2_another_request_is_repeated_until_the_final_response(short, peer):
    alice, bob = peer(short), peer(short)
    alice.request("MESSAGE", ring(alice, bob))
    got = bob.expect("MESSAGE")
    for _ in range(4):
        assert bob.expect("MESSAGE").raw == got.raw
    bob.reply(got, 200)
    bob.recv(0.1)
    bob.quiet(0.6)
    alice.expect(200)


def test_17_1_1_2_nothing_is_repeated_on_a_stream(short, peer):
    alice, bob = peer(short), peer(short, "tcp")
    alice.request("INVITE", ring(alice, bob))
    bob.expect("INVITE")
    bob.quiet(0.5)


def test_17_1_1_3_a_repeated_failure_is_acknowledged_again(server, peer):
    alice, bob = peer(server), peer(server)
    alice.request("INVITE", ring(alice, bob))
    got = bob.expect("INVITE")
    for _ in range(3):
        bob.reply(got, 486)
        bob.expect("ACK")
    alice.expect(486)
    assert not [m for m in drain(alice, 0.2) if m.status != 486]


def drain(peer, seconds):
    """Everything that comes in this time."""
    end, out = time.monotonic() + seconds, []
    while True:
        msg = peer.recv(max(0, end - time.monotonic()))
        if not msg:
            return out
        out.append(msg)


# -- repeated requests

def test_17_2_repeated_requests_are_absorbed(server, peer):
    alice, bob = peer(server), peer(server)
    invite = alice.request("INVITE", ring(alice, bob))
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    ringing_ = alice.expect(180)
    for _ in range(3):
        alice.send(invite.raw)
        assert alice.expect(180).raw == ringing_.raw
    bob.quiet(0.2)


def test_17_2_the_same_branch_with_another_method_or_from_another_is_another_request(server, peer):
    alice, bob, carol = peer(server), peer(server), peer(server)
    branch = unique("z9hG4bK")
    alice.request("MESSAGE", bob.uri("b"), branch=branch)
    alice.request("INFO", bob.uri("b"), branch=branch)
    carol.request("MESSAGE", bob.uri("b"), branch=branch)
    for method in ("MESSAGE", "INFO", "MESSAGE"):
        bob.expect(method)


# -- 100

def test_16_2_an_invite_gets_a_100_when_nothing_else_came_within_200_ms(server, peer):
    alice, bob = peer(server), peer(server)
    begin = time.monotonic()
    invite = alice.request("INVITE", ring(alice, bob))
    got = alice.expect(100)
    assert time.monotonic() - begin >= 0.19
    assert got.get("cseq") == "1 INVITE" and got.to_tag is None
    assert got.get("to") == invite.get("to")


def test_16_2_a_quick_answer_needs_no_100(server, peer):
    alice, bob = peer(server), peer(server)
    invite = alice.request("INVITE", ring(alice, bob))
    bob.reply(bob.expect("INVITE"), 180)
    assert alice.expect(1).status == 180
    alice.quiet(0.4)
    assert invite.method == "INVITE"


def test_8_2_6_1_the_100_has_the_timestamp_of_the_request(server, peer):
    alice, bob = peer(server), peer(server)
    alice.request("INVITE", ring(alice, bob), [("Timestamp", "54.21")])
    assert alice.expect(100).get("timestamp").split()[0] == "54.21"


def test_rfc4320_no_100_for_other_methods_before_timer_e_could_be_t2(short, peer):
    """T1 50 ms and T2 200 ms: at 50 + 100 ms."""
    alice, bob = peer(short), peer(short)
    uri = ring(alice, bob)
    begin = time.monotonic()
    alice.request("MESSAGE", uri)
    alice.expect(100)
    assert time.monotonic() - begin >= 0.14


# -- RFC 2543 clients

def old(peer, method, uri, call_id, cseq=1, to=None, via=None, more=()):
    return message(f"{method} {uri} SIP/2.0",
                   [("Via", via or f"SIP/2.0/UDP {peer.hostport}"),
                    ("From", "<sip:old@elsewhere.test>"), ("To", to or f"<{uri}>"),
                    ("Call-ID", call_id), ("CSeq", f"{cseq} {method}"), *more])


@pytest.mark.parametrize("param", ["", ";branch=1", ";branch=abc.def"])
def test_17_2_3_a_client_without_the_cookie_calls_cancels_and_acknowledges(server, peer, param):
    alice, bob = peer(server), peer(server)
    uri, call_id = ring(alice, bob), unique("call")
    via = f"SIP/2.0/UDP {alice.hostport}{param}"
    contact = [("Contact", f"<{alice.uri()}>")]
    invite = old(alice, "INVITE", uri, call_id, via=via, more=contact)
    alice.send(invite)
    got = bob.expect("INVITE")
    assert got.get("max-forwards") == "70" and got.branch.startswith("z9hG4bK")
    bob.reply(got, 180)
    alice.expect(180)
    alice.send(invite)
    alice.expect(180)
    bob.quiet(0.1)
    alice.send(old(alice, "CANCEL", uri, call_id, via=via))
    assert alice.expect(200).get("cseq") == "1 CANCEL"
    bob.reply(bob.expect("CANCEL"), 200)
    bob.reply(got, 487)
    back = alice.expect(487)
    alice.send(old(alice, "ACK", uri, call_id, to=back.get("to"), via=via))
    bob.expect("ACK")
    alice.quiet(0.7)


def test_17_2_3_two_calls_of_an_old_client_are_two(server, peer):
    alice, bob = peer(server), peer(server)
    uri = ring(alice, bob)
    for _ in range(2):
        alice.send(old(alice, "MESSAGE", uri, unique("call")))
        bob.reply(bob.expect("MESSAGE"), 200)
        alice.expect(200)


def test_17_2_3_an_old_client_acknowledges_a_2xx(server, peer):
    alice, bob = peer(server), peer(server)
    uri, call_id = ring(alice, bob), unique("call")
    alice.send(old(alice, "INVITE", uri, call_id, more=[("Contact", f"<{alice.uri()}>")]))
    bob.reply(bob.expect("INVITE"), 200)
    ok = alice.expect(200)
    route = [("Route", v) for v in reversed(ok.values("record-route"))]
    alice.send(old(alice, "ACK", bob.uri("callee"), call_id, to=ok.get("to"), more=route))
    bob.expect("ACK")
