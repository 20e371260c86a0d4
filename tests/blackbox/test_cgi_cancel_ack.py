"""RFC 3050 5.10, 5.11, 5.3: what a script hears of CANCEL and ACK."""
import pytest

from cgicalls import ask, final, proxy
from sip import message

AGAIN = "CGI-AGAIN yes SIP/2.0\n\n"
OK = AGAIN + "SIP/2.0 200 OK\nContent-Type: application/sdp\nContent-Length: 5\n\noffer"


@pytest.fixture
def pair(stage, peer):
    return peer(stage.daemon), peer(stage.daemon)


def hang_up(caller, invite):
    """CANCEL, its 200 and the 487."""
    caller.cancel(invite)
    got = {}
    while len(got) < 2:
        msg = caller.recv()
        assert msg, got
        if msg.status >= 200:
            got[msg.get("cseq").split()[1]] = msg
    assert (got["CANCEL"].status, got["INVITE"].status) == (200, 487)
    caller.ack(invite, got["INVITE"])


def cancelled(callee, got):
    """The callee hears CANCEL and answers it."""
    callee.reply(callee.expect("CANCEL"), 200)
    callee.reply(got, 487)
    callee.expect("ACK")


def test_c163_the_armed_script_is_run_for_cancel(stage, pair):
    alice, bob = pair
    runs = stage.call("")
    runs.out(AGAIN + "CGI-SET-COOKIE mine SIP/2.0\n\n" + proxy(bob.uri("b")), 1)
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    bob.reply(got, 100)
    alice.cancel(invite)
    cancelled(bob, got)
    alice.ack(invite, alice.expect(487))
    env = runs.env(2)
    assert (env["REQUEST_METHOD"], env["SIPCGI_EVENT"]) == ("CANCEL", "cancel")
    assert env["SCRIPT_COOKIE"] == "mine" and env["REQUEST_URI"] == invite.uri
    assert env["SIP_CSEQ"] == "1 CANCEL" and env["SIP_CALL_ID"] == invite.get("call-id")
    assert env["SIPCGI_TRANSACTION"] == runs.env(1)["SIPCGI_TRANSACTION"]
    assert not {"RESPONSE_STATUS", "RESPONSE_TOKEN", "SIPCGI_PENDING"} & set(env)


def test_c163_without_again_no_script_hears_of_cancel(stage, pair):
    alice, bob = pair
    runs = stage.call(proxy(bob.uri("b")))
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    alice.expect(180)
    alice.cancel(invite)
    cancelled(bob, got)
    alice.ack(invite, alice.expect(487))
    assert runs.count == 1


def test_c163_cancel_after_a_final_response_runs_nothing(stage, pair):
    alice, bob = pair
    runs = stage.call(AGAIN)
    runs.out(AGAIN + proxy(bob.uri("b")), 1)
    invite = ask(alice, runs)
    bob.reply(bob.expect("INVITE"), 200)
    ok = alice.expect(200)
    count = runs.count
    alice.cancel(invite)
    alice.expect(200)
    alice.ack(invite, ok)
    bob.expect("ACK")
    assert runs.count == count == 2


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_c164_cancel_does_not_wait_for_a_run_and_its_own_comes_after(stage, peer, transport):
    alice, bob = peer(stage.daemon, transport), peer(stage.daemon)
    runs = stage.call("")
    runs.out(AGAIN + proxy(bob.uri("b")), 1)
    runs.out(AGAIN + proxy(bob.uri("c")), 2)
    held = runs.hold(2)
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    runs.seen(2)
    alice.cancel(invite)
    cancelled(bob, got)
    alice.ack(invite, alice.expect(487))     # over TCP the transaction is gone now
    assert runs.count == 2
    runs.release(held)
    assert runs.env(3)["REQUEST_METHOD"] == "CANCEL"
    bob.quiet(0.2)


def test_c164_responses_that_wait_pass_the_queue_by(stage, peer):
    alice, bob, carol = (peer(stage.daemon) for _ in range(3))
    runs = stage.call("")
    runs.out(AGAIN + proxy(bob.uri("b")) + proxy(carol.uri("c")), 1)
    held = runs.hold(2)
    invite = ask(alice, runs)
    at_bob, at_carol = bob.expect("INVITE"), carol.expect("INVITE")
    bob.reply(at_bob, 180)
    runs.seen(2)
    bob.reply(at_bob, 486)
    bob.expect("ACK")
    carol.reply(at_carol, 180)
    alice.cancel(invite)
    cancelled(carol, at_carol)
    alice.ack(invite, alice.expect(487))
    runs.release(held)
    alice.quiet(0.2)
    assert runs.count == 2


@pytest.mark.parametrize("held", [True, False])
def test_c164_a_2xx_that_wins_the_race_goes_up(stage, pair, held):
    alice, bob = pair
    runs = stage.call("")
    runs.out(AGAIN + proxy(bob.uri("b")), 1)
    fifo = runs.hold(2)
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    if not held:
        bob.reply(got, 180)
        runs.seen(2)
    bob.reply(got, 200)
    runs.seen(2)
    alice.quiet(0.2, but=(100,))
    alice.cancel(invite)
    ok = final(alice, invite)
    assert ok.status == 200
    bob.expect("ACK")
    runs.release(fifo)
    assert runs.count == 2


@pytest.mark.parametrize("out", [
    "CGI-PROXY-REQUEST {uri} SIP/2.0\n\n", "SIP/2.0 200 OK\n\n",
    "CGI-FORWARD-RESPONSE this SIP/2.0\n\n", "nonsense\n\n",
    AGAIN + "CGI-SET-COOKIE x SIP/2.0\n\n"])
def test_c165_what_it_says_for_cancel_is_ignored(stage, pair, out):
    alice, bob = pair
    runs = stage.call(out.replace("{uri}", bob.uri("x")))
    runs.out(AGAIN + proxy(bob.uri("b")), 1)
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    bob.reply(got, 100)
    alice.cancel(invite)
    cancelled(bob, got)
    alice.ack(invite, alice.expect(487))
    runs.seen(2)
    bob.quiet(0.3)
    alice.quiet(0.05)
    assert runs.count == 2


# -- ACK

def ack_with_body(caller, invite, ok, body):
    caller.send(message(f"ACK {ok.get('contact').strip('<>')} SIP/2.0",
                        [("Via", caller.via()), ("Max-Forwards", "70"),
                         ("From", invite.get("from")), ("To", ok.get("to")),
                         ("Call-ID", invite.get("call-id")), ("CSeq", "1 ACK"),
                         ("Content-Type", "application/sdp")], body))


def test_c168_the_ack_of_the_scripts_own_2xx_runs_it_with_the_acks_body(stage, pair):
    alice = pair[0]
    runs = stage.call("")
    runs.out("CGI-SET-COOKIE mine SIP/2.0\n\n" + OK, 1)
    invite = ask(alice, runs)
    ok = alice.expect(200)
    assert ok.body == b"offer"
    for _ in range(2):
        ack_with_body(alice, invite, ok, b"the answer")
    second = runs.seen(2)
    env = second["env"]
    assert second["stdin"] == "the answer" and env["CONTENT_TYPE"] == "application/sdp"
    assert (env["REQUEST_METHOD"], env["SIPCGI_EVENT"]) == ("ACK", "ack")
    assert env["SCRIPT_COOKIE"] == "mine" and env["SIP_CSEQ"] == "1 ACK"
    alice.quiet(0.8)             # and the 2xx is not repeated
    assert runs.count == 2


def test_c168_without_again_the_ack_runs_nothing(stage, pair):
    alice = pair[0]
    runs = stage.call("SIP/2.0 200 OK\n\n")
    invite = ask(alice, runs)
    alice.ack(invite, alice.expect(200))
    alice.quiet(0.7)
    assert runs.count == 1


def test_c009_an_ack_stops_the_2xx_while_the_script_still_runs(stage, pair):
    alice = pair[0]
    runs = stage.call("")
    runs.out(OK, 1)
    stays = runs.stay(1)
    invite = ask(alice, runs)
    ok = alice.expect(200)
    ack_with_body(alice, invite, ok, b"the answer")
    alice.quiet(0.8, but=(200,))
    alice.quiet(0.8)
    runs.release(stays)
    assert runs.seen(2)["stdin"] == "the answer"


def test_c166_armed_the_ack_for_a_failure_or_a_proxied_2xx_runs_nothing(stage, pair):
    alice, bob = pair
    for status in (486, 200):
        runs = stage.call(AGAIN)
        runs.out(AGAIN + proxy(bob.uri("b")), 1)
        invite = ask(alice, runs)
        bob.reply(bob.expect("INVITE"), status)
        alice.ack(invite, alice.expect(status))
        bob.expect("ACK")
        assert runs.count == 2


def test_c168_a_2xx_of_the_scripts_own_from_a_run_for_a_response(stage, pair):
    alice, bob = pair
    runs = stage.call("")
    runs.out(AGAIN + proxy(bob.uri("b")), 1)
    runs.out(OK, 2)
    invite = ask(alice, runs)
    bob.reply(bob.expect("INVITE"), 486)
    ok = alice.expect(200)
    ack_with_body(alice, invite, ok, b"late")
    assert runs.seen(3)["stdin"] == "late"
