"""RFC 3050 5.9, 5.11: REGISTER and ACK with a script; CANCEL as far as one run goes."""
import pytest

from cgicalls import ask, final, outcome, proxy
from sip import unique


def registration(peer, stage, out, user):
    aor = f"<sip:{user}@example.test>"
    runs = stage.call(out)
    req = ask(peer, runs, "REGISTER", "sip:example.test", [("Expires", "300")],
              to=aor, from_=aor + ";tag=1", contact=f"<{peer.uri(user)}>")
    return req, runs


def reachable(peer, stage, user):
    """Would a call reach somebody? As the next script run, and the default action, see it."""
    _, runs = outcome(peer, stage, "SIP/2.0 299 OK\n\n", uri=f"sip:{user}@example.test")
    known = "REGISTRATIONS" in runs.env()
    got, _ = outcome(peer, stage, "SIP/2.0 302 x\n\n", uri=f"sip:{user}@example.test")
    assert bool(got.all("contact")) == known
    return known


@pytest.mark.parametrize("out,status", [
    ("SIP/2.0 200 OK\n\n", 200), ("SIP/2.0 200 OK\nContact: <sip:x@y.test>\n\n", 200),
    ("SIP/2.0 202 Later\n\n", 202), ("SIP/2.0 302 Moved\n\n", 302), ("SIP/2.0 403 No\n\n", 403),
    ("SIP/2.0 500 x\n\n", 500), ("SIP/2.0 603 x\n\n", 603), ("nonsense\n\n", 500)])
def test_c160_c162_what_a_script_answers_is_not_stored(stage, peer, out, status):
    p, user = peer(stage.daemon), unique("u")
    req, runs = registration(p, stage, out, user)
    assert final(p, req).status == status
    assert runs.env()["REQUEST_METHOD"] == "REGISTER"
    assert not reachable(p, stage, user)


@pytest.mark.parametrize("out", ["", "CGI-SET-COOKIE abc SIP/2.0\n\n", "CGI-AGAIN no SIP/2.0\n\n"])
def test_c161_the_default_action_stores(stage, peer, out):
    p, user = peer(stage.daemon), unique("u")
    req, runs = registration(p, stage, out, user)
    ok = final(p, req)
    assert ok.status == 200 and p.uri(user) in ok.get("contact")
    assert runs.count == 1
    alice = peer(stage.daemon)
    req = ask(alice, stage.call(""), "MESSAGE", f"sip:{user}@example.test")
    got = p.expect("MESSAGE")
    assert got.uri == p.uri(user)
    p.reply(got, 200)
    assert final(alice, req).status == 200


def test_c162_a_proxied_registration_is_not_stored_here(stage, peer):
    p, other, user = peer(stage.daemon), peer(stage.daemon), unique("u")
    req, _ = registration(p, stage, proxy(other.uri().replace("ua@", "")), user)
    got = other.expect("REGISTER")
    other.reply(got, 200, fields=[("Contact", got.get("contact"))])
    assert final(p, req).status == 200
    assert not reachable(p, stage, user)


# -- ACK

def test_c166_c167_c169_the_ack_for_a_failure_is_the_servers_own_on_both_sides(stage, peer):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy(bob.uri("b")))
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    busy = bob.reply(got, 486)
    ack = bob.expect("ACK")
    assert ack.branch == got.branch and ack.get("to") == busy.get("to")
    alice.ack(invite, alice.expect(486))
    alice.quiet(0.8)             # no retransmission
    bob.quiet(0.05)              # and the caller's ACK went no further
    assert runs.count == 1


def test_c167_without_an_ack_the_failure_is_repeated(stage, peer):
    alice = peer(stage.daemon)
    runs = stage.call("SIP/2.0 486 Busy\n\n")
    invite = ask(alice, runs)
    first = alice.expect(486)
    second = alice.expect(486, 2)
    assert first.raw == second.raw
    alice.ack(invite, second)


def test_c166_c167_the_ack_for_a_proxied_2xx_is_proxied_and_runs_nothing(stage, peer):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy(bob.uri("b")))
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    bob.reply(got, 200)
    ok = alice.expect(200)
    alice.ack(invite, ok)
    ack = bob.expect("ACK")
    assert ack.get("cseq") == "1 ACK" and ack.branch != got.branch
    assert ack.get("route") is None and ack.get("max-forwards") == "69"
    assert runs.count == 1


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_c168_the_scripts_own_2xx_is_repeated_until_the_ack(stage, peer, transport):
    alice = peer(stage.daemon, transport)
    runs = stage.call("SIP/2.0 200 OK\n\n")
    invite = ask(alice, runs)
    first, second = alice.expect(200), alice.expect(200, 2)
    assert first.raw == second.raw
    alice.ack(invite, second)
    alice.quiet(1.3)
    assert runs.count == 1


@pytest.mark.parametrize("old,new", [("CSeq: 1 ", "CSeq: 2 "), (";tag=", ";tag=x"),
                                     ("Call-ID: ", "Call-ID: x")])
def test_c168_an_ack_for_something_else_does_not_end_that(stage, peer, old, new):
    alice = peer(stage.daemon)
    invite = ask(alice, stage.call("SIP/2.0 200 OK\n\n"))
    ok = alice.expect(200)
    wrong = type(invite)(invite.raw.replace(old.encode(), new.encode()))
    alice.ack(wrong, ok)
    alice.ack(invite, alice.expect(200, 2))
    alice.quiet(0.6)


@pytest.mark.parametrize("status", [302, 401, 404, 486, 500, 603])
def test_c169_the_server_acknowledges_failures_whatever_the_script_does(stage, peer, status):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy(bob.uri("b")))
    stay = runs.stay()
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    bob.reply(got, status)
    assert bob.expect("ACK").branch == got.branch
    runs.release(stay)
    assert final(alice, invite).status == status


# -- CANCEL: what RFC 3050 5.10 says whatever the script does

def test_c164_cancel_while_the_script_runs_is_answered_at_once(stage, peer):
    alice = peer(stage.daemon)
    runs = stage.call("SIP/2.0 200 Too late\n\n")
    held = runs.hold()
    invite = ask(alice, runs)
    runs.seen()
    alice.cancel(invite)
    assert alice.expect(200).get("cseq").endswith("CANCEL")
    alice.ack(invite, alice.expect(487))
    runs.release(held)
    alice.quiet(0.3)


def test_c164_cancel_while_the_script_runs_cancels_its_branches(stage, peer):
    alice, bob, carol = peer(stage.daemon), peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy(bob.uri("b")) + proxy(carol.uri("c")))
    stay = runs.stay()
    invite = ask(alice, runs)
    calls = [(p, p.expect("INVITE")) for p in (bob, carol)]
    for p, got in calls:
        p.reply(got, 180)
    alice.cancel(invite)
    assert alice.expect(200).get("cseq").endswith("CANCEL")
    for p, got in calls:
        p.reply(p.expect("CANCEL"), 200)
        p.reply(got, 487)
        p.expect("ACK")
    alice.ack(invite, alice.expect(487))
    runs.release(stay)
    assert runs.count == 1
