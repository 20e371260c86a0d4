"""Whole calls through the proxy, without a script: RFC 3261 16, the way of a call."""
import pytest


def register(peer, user, expires=300):
    peer.request("REGISTER", "sip:example.test", {"Expires": str(expires)},
                 from_=f"<sip:{user}@example.test>;tag=reg", to=f"<sip:{user}@example.test>",
                 contact=f"<{peer.uri(user)}>")
    return peer.expect(200)


def call(caller, callee, user="bob"):
    """INVITE, 180, 200, ACK; the INVITE as sent and the 200 as received."""
    invite = caller.request("INVITE", f"sip:{user}@example.test", body="v=0\r\n")
    got = callee.expect("INVITE")
    callee.reply(got, 180)
    caller.expect(180)
    callee.reply(got, 200, body="v=0\r\n")
    ok = caller.expect(200)
    caller.ack(invite, ok)
    callee.expect("ACK")
    return invite, got, ok


@pytest.mark.parametrize("a", ["udp", "tcp"])
@pytest.mark.parametrize("b", ["udp", "tcp"])
def test_a_call_to_a_registered_user_goes_through_and_ends(start, peer, a, b):
    d = start()
    alice, bob = peer(d, a), peer(d, b)
    register(bob, "bob")
    invite, got, ok = call(alice, bob)
    assert got.uri == bob.uri("bob")
    assert got.get("max-forwards") == "69"
    assert len(got.values("via")) == 2
    assert ok.body == b"v=0\r\n"
    bye = alice.in_dialog("BYE", invite, ok)
    end = bob.expect("BYE")
    assert end.get("route") is None
    bob.reply(end, 200)
    assert alice.expect(200).get("cseq") == bye.get("cseq")


def test_cancel_reaches_the_callee_and_487_the_caller(start, peer):
    d = start()
    alice, bob = peer(d), peer(d)
    register(bob, "bob")
    invite = alice.request("INVITE", "sip:bob@example.test")
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    alice.expect(180)
    alice.cancel(invite)
    assert alice.expect(200).get("cseq").endswith("CANCEL")
    cancel = bob.expect("CANCEL")
    assert cancel.branch == got.branch
    bob.reply(cancel, 200)
    bob.reply(got, 487)
    bob.expect("ACK")
    final = alice.expect(487)
    alice.ack(invite, final)


def test_unknown_user_is_404_and_foreign_domain_is_relayed_for_trusted(start, peer):
    d = start()
    alice, other = peer(d), peer(d)
    invite = alice.request("INVITE", "sip:nobody@example.test")
    alice.ack(invite, alice.expect(404))
    alice.request("MESSAGE", other.uri("x"), body="hi")
    other.reply(other.expect("MESSAGE"), 200)
    alice.expect(200)


def test_a_script_decides_where_the_call_goes(dumped, peer):
    d, dump = dumped()
    alice, bob = peer(d), peer(d)
    dump.out(f"CGI-PROXY-REQUEST {bob.uri('decided')} SIP/2.0\nX-Why: script\n\n")
    invite = alice.request("INVITE", "sip:anybody@example.test", body="v=0\r\n")
    got = bob.expect("INVITE")
    assert got.uri == bob.uri("decided")
    assert got.get("x-why") == "script"
    bob.reply(got, 200)
    alice.ack(invite, alice.expect(200))
    bob.expect("ACK")
    seen = dump.seen()
    assert seen["env"]["REQUEST_METHOD"] == "INVITE"
    assert seen["stdin"] == "v=0\r\n"
