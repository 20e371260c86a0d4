"""RFC 3050 5.6.1.6: the default action, for the request and for the responses that follow."""
import pytest

from cgicalls import ask, final, proxy, register
from daemon import Dump

SILENT = ["", "CGI-AGAIN no SIP/2.0\n\n", "CGI-SET-COOKIE x SIP/2.0\n\n",
          "CGI-SET-COOKIE x SIP/2.0\n\nCGI-AGAIN no SIP/2.0\n\n", "\n\n\n"]


@pytest.mark.parametrize("out", SILENT)
def test_c140_c141_a_script_that_decides_nothing_gets_the_default_action(stage, peer, out):
    alice, foreign = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(out)
    req = ask(alice, runs, "MESSAGE", foreign.uri("x"), body=b"hello")
    got = foreign.expect("MESSAGE")
    assert got.uri == foreign.uri("x") and got.body == b"hello"
    foreign.reply(got, 200)
    assert final(alice, req).status == 200
    assert runs.count == 1


def test_c141_relaying_is_for_those_who_may(start, peer):
    d = start(start=False)
    d.base = d.base.replace('trusted = { "127.0.0.0/8", "::1" }', "")
    dump = Dump(d)
    d.configure(dump.config + dump.route(""))
    d.start()
    alice, foreign = peer(d), peer(d)
    assert final(alice, alice.request("MESSAGE", foreign.uri("x"))).status == 403
    foreign.quiet(0.1)
    assert dump.count == 1


@pytest.mark.parametrize("user", ["plain-many", "many"])
def test_c142_own_domain_is_looked_up_and_proxied_by_q(stage, peer, user):
    alice, first, second = peer(stage.daemon), peer(stage.daemon), peer(stage.daemon)
    register(first, user, contact=f"<{first.uri('1')}>;q=0.9")
    register(second, user, contact=f"<{second.uri('2')}>;q=0.2")
    invite = ask(alice, stage.call(""), uri=f"sip:{user}@example.test")
    got = first.expect("INVITE")
    second.quiet(0.1)
    first.reply(got, 486)
    first.expect("ACK")
    got = second.expect("INVITE")
    second.reply(got, 200)
    assert final(alice, invite).status == 200
    second.expect("ACK")


def test_c142_equal_q_in_parallel(stage, peer):
    alice, callees = peer(stage.daemon), [peer(stage.daemon) for _ in range(2)]
    for n, c in enumerate(callees):
        register(c, "equal", contact=f"<{c.uri(str(n))}>;q=0.5")
    invite = ask(alice, stage.call(""), uri="sip:equal@example.test")
    got = [c.expect("INVITE") for c in callees]
    for c, g in zip(callees, got):
        c.reply(g, 486)
    assert final(alice, invite).status == 486


def test_c142_a_binding_may_ask_for_redirection(stage, peer):
    alice = peer(stage.daemon)
    register(alice, "away", contact="<sip:a@127.0.0.1:5996>;action=redirect")
    got = final(alice, ask(alice, stage.call(""), uri="sip:away@example.test"))
    assert got.status == 302
    assert got.get("contact").startswith("<sip:a@127.0.0.1:5996>")


def test_c142_unknown_user_is_404_and_known_one_without_bindings_480(start, peer):
    d = start(start=False)
    d.base = d.base.replace("authenticate = { }", 'authenticate = { "register" }')
    dump = Dump(d)
    d.configure(dump.config + dump.route(""))
    d.user("add", "known@example.test", "pw")
    d.start()
    alice = peer(d)
    assert final(alice, alice.request("MESSAGE", "sip:known@example.test")).status == 480
    assert final(alice, alice.request("MESSAGE", "sip:unknown@example.test")).status == 404


@pytest.fixture
def forked(stage, peer):
    """A call forked by its script to n callees: caller, INVITE, callees, what they got."""

    def make(n):
        alice, callees = peer(stage.daemon), [peer(stage.daemon) for _ in range(n)]
        invite = ask(alice, stage.call("".join(proxy(c.uri("c")) for c in callees)))
        return alice, invite, callees, [c.expect("INVITE") for c in callees]

    return make


def cancelled(callee, invite):
    cancel = callee.expect("CANCEL")
    assert cancel.branch == invite.branch
    callee.reply(cancel, 200)
    callee.reply(invite, 487)
    callee.expect("ACK")


def test_c143_a_2xx_is_forwarded_and_the_other_branches_cancelled(forked):
    alice, invite, (bob, carol), (at_bob, at_carol) = forked(2)
    carol.reply(at_carol, 180)
    alice.expect(180)
    bob.reply(at_bob, 200)
    assert final(alice, invite).status == 200
    bob.expect("ACK")
    cancelled(carol, at_carol)
    alice.quiet(0.2)


def test_c144_a_6xx_cancels_the_others_and_goes_up_once_they_ended(forked):
    alice, invite, (bob, carol), (at_bob, at_carol) = forked(2)
    carol.reply(at_carol, 180)
    alice.expect(180)
    bob.reply(at_bob, 603)
    bob.expect("ACK")
    cancel = carol.expect("CANCEL")
    carol.reply(cancel, 200)
    alice.quiet(0.2)
    carol.reply(at_carol, 487)
    assert final(alice, invite).status == 603
    alice.quiet(0.1)


def test_c144_never_603_and_then_200(forked):
    alice, invite, (bob, carol), (at_bob, at_carol) = forked(2)
    carol.reply(at_carol, 180)
    alice.expect(180)
    bob.reply(at_bob, 603)
    bob.expect("ACK")
    carol.reply(carol.expect("CANCEL"), 200)
    carol.reply(at_carol, 200)
    assert final(alice, invite).status == 200
    carol.expect("ACK")
    alice.quiet(0.2)


def test_c145_1xx_are_forwarded_but_100_is_not(forked):
    alice, invite, (bob,), (at_bob,) = forked(1)
    bob.reply(at_bob, 100, "From below")
    for status in (180, 183, 181, 199):
        bob.reply(at_bob, status)
        got = alice.recv()
        while got.status == 100:
            assert got.reason != "From below"
            got = alice.recv()
        assert got.status == status
    bob.reply(at_bob, 486)
    assert final(alice, invite).status == 486


@pytest.mark.parametrize("answers,best", [
    ((404, 486, 503), 404), ((503, 486, 404), 486), ((503, 500, 302), 302), ((408, 401, 302), 302),
    ((503, 486, 486), 486)])
def test_c146_c147_the_best_answer_goes_up_when_all_have_ended(forked, answers, best):
    alice, invite, callees, got = forked(3)
    for n, (c, g, status) in enumerate(zip(callees, got, answers)):
        if n:
            alice.quiet(0.05, but=(100,))
        c.reply(g, status)
        c.expect("ACK")         # at once, whatever the others do
    final_status = final(alice, invite).status
    if best // 100 == 4:
        assert final_status // 100 == 4
    else:
        assert final_status == best


def test_c146_a_lone_503_does_not_say_that_we_are_overloaded(forked):
    alice, invite, (bob,), (at_bob,) = forked(1)
    bob.reply(at_bob, 503)
    assert final(alice, invite).status == 500


def test_c147_nothing_goes_up_before_the_last_branch_ended(forked):
    alice, invite, (bob, carol), (at_bob, at_carol) = forked(2)
    bob.reply(at_bob, 404)
    bob.expect("ACK")
    carol.reply(at_carol, 180)
    alice.expect(180)
    alice.quiet(0.3)
    carol.reply(at_carol, 404)
    assert final(alice, invite).status == 404
