"""RFC 3050 4, 5.3, 5.6.1.3 to 5.6.1.5, 5.7, 5.8: runs after the first, one for each CGI-AGAIN."""
import re
import time

import pytest

from cgicalls import ask, final, proxy
from sip import unique

AGAIN = "CGI-AGAIN yes SIP/2.0\n\n"
THIS = "CGI-FORWARD-RESPONSE this SIP/2.0\n\n"


def scripted(stage, *outs):
    """A call whose nth run prints @outs[n - 1]; what comes after says nothing."""
    runs = stage.call("")
    for n, out in enumerate(outs, 1):
        runs.out(out, n)
    return runs


def fork(*callees):
    return "".join(proxy(c.uri(f"b{n}"), f"CGI-Request-Token: t{n}")
                   for n, c in enumerate(callees, 1))


@pytest.fixture
def four(stage, peer):
    return [peer(stage.daemon) for _ in range(4)]


# -- C-107 to C-109: how many runs

def test_c107_again_yes_is_one_more_run_and_no_third(stage, four):
    alice, bob = four[:2]
    runs = scripted(stage, AGAIN + fork(bob))
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    for status in (180, 183, 181, 486):
        bob.reply(got, status)
        alice.expect(status)
    assert runs.count == 2
    assert runs.env(2)["RESPONSE_STATUS"] == "180"
    bob.expect("ACK")
    alice.send(invite.raw)     # and no later one
    assert runs.count == 2


@pytest.mark.parametrize("first,count", [
    (AGAIN + "CGI-AGAIN no SIP/2.0\n\n", 1), ("CGI-AGAIN no SIP/2.0\n\n" + AGAIN, 2),
    (AGAIN + AGAIN, 2)])
def test_c107_the_last_again_of_a_run_counts(stage, four, first, count):
    alice, bob = four[:2]
    runs = scripted(stage, first + fork(bob))
    invite = ask(alice, runs)
    bob.reply(bob.expect("INVITE"), 486)
    assert final(alice, invite).status == 486
    assert runs.count == count


def test_c109_again_in_every_run_is_a_run_for_every_response(stage, four):
    alice, bob = four[:2]
    runs = stage.call(AGAIN)
    runs.out(AGAIN + fork(bob), 1)
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    bob.reply(got, 100)
    for n, status in enumerate((180, 183, 180, 200), 2):
        bob.reply(got, status, fields=[("X-N", str(n))])
        ok = alice.expect(status)
        assert runs.env(n)["RESPONSE_STATUS"] == str(status)
    alice.ack(invite, ok)
    bob.expect("ACK")
    assert runs.count == 5


def test_c107_a_repeated_response_is_no_event(stage, four):
    alice, bob = four[:2]
    runs = stage.call(AGAIN)
    runs.out(AGAIN + fork(bob), 1)
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    for _ in range(3):
        bob.reply(got, 180)
        alice.expect(180)
    for _ in range(3):
        bob.reply(got, 200)
        ok = alice.expect(200)
    alice.ack(invite, ok)
    bob.expect("ACK")
    assert runs.count == 3


def test_c107_other_methods_too(stage, four):
    alice, bob = four[:2]
    runs = scripted(stage, AGAIN + fork(bob), "SIP/2.0 299 Mine\n\n")
    req = ask(alice, runs, "MESSAGE")
    bob.reply(bob.expect("MESSAGE"), 404)
    assert final(alice, req).status == 299
    assert runs.count == 2


# -- C-007, C-008, C-010: one at a time, in order

def test_c007_c008_events_wait_for_the_run_and_keep_their_order(stage, four):
    alice, *callees = four
    runs = stage.call(AGAIN)
    runs.out(AGAIN + fork(*callees), 1)
    held = runs.hold(2)
    invite = ask(alice, runs)
    got = [c.expect("INVITE") for c in callees]
    callees[0].reply(got[0], 180)
    runs.seen(2)
    order = [(1, 183), (2, 180), (0, 486), (2, 404), (1, 500)]
    for n, status in order:
        callees[n].reply(got[n], status)
        if status >= 300:
            callees[n].expect("ACK")
    alice.quiet(0.2, but=(100,))
    assert runs.count == 2
    runs.release(held)
    assert final(alice, invite).status == 486
    seen = [(runs.env(n)["REQUEST_TOKEN"], runs.env(n)["RESPONSE_STATUS"]) for n in range(2, 8)]
    assert seen == [("t1", "180")] + [(f"t{n + 1}", str(s)) for n, s in order]
    assert [runs.env(n)["SIPCGI_PENDING"] for n in range(2, 8)] == ["3", "3", "3", "2", "1", "0"]


def test_c008_without_another_again_the_rest_meets_the_default_action_in_order(stage, four):
    alice, bob, carol = four[:3]
    runs = scripted(stage, AGAIN + fork(bob, carol))
    held = runs.hold(2)
    invite = ask(alice, runs)
    at_bob, at_carol = bob.expect("INVITE"), carol.expect("INVITE")
    bob.reply(at_bob, 180)
    runs.seen(2)
    bob.reply(at_bob, 183)
    carol.reply(at_carol, 181)
    bob.reply(at_bob, 486)
    carol.reply(at_carol, 200)
    alice.quiet(0.2, but=(100,))
    runs.release(held)
    seen = []
    while not seen or seen[-1] != 200:
        msg = alice.recv()
        assert msg, seen
        seen.append(msg.status)
    alice.ack(invite, msg)
    assert seen[-4:] == [180, 183, 181, 200]
    assert runs.count == 2


# -- C-062 to C-068: what a run for a response is told

def test_c062_to_c068_a_run_for_a_response_is_told_what_it_is(stage, four):
    alice, bob = four[:2]
    uri = f"sip:{unique('u')}@example.test"
    runs = scripted(stage, AGAIN + "CGI-SET-COOKIE one SIP/2.0\n\n" + fork(bob),
                    AGAIN + "CGI-SET-COOKIE two SIP/2.0\n\n", AGAIN)
    ask(alice, runs, uri=uri, body=b"offer")
    got = bob.expect("INVITE")
    bob.reply(got, 183, "On its way", fields=[("X-Here", "yes")], body=b"v=0 early")
    first = runs.seen(2)
    env = first["env"]
    assert first["stdin"] == "v=0 early" and env["CONTENT_LENGTH"] == "9"
    assert env["CONTENT_TYPE"] == "application/sdp"
    assert (env["RESPONSE_STATUS"], env["RESPONSE_REASON"]) == ("183", "On its way")
    assert (env["REQUEST_TOKEN"], env["SCRIPT_COOKIE"]) == ("t1", "one")
    assert (env["SIPCGI_EVENT"], env["SIPCGI_RESPONSE_ORIGIN"]) == ("response", "network")
    assert (env["SIPCGI_BRANCH_URI"], env["SIPCGI_PENDING"]) == (bob.uri("b1"), "1")
    assert (env["SIP_X_HERE"], env["REMOTE_ADDR"]) == ("yes", "127.0.0.1")
    assert env["SIPCGI_REMOTE_PORT"] == str(bob.port)
    assert env["SERVER_PORT"] == str(stage.daemon.addr()[1])
    assert env["SERVER_PROTOCOL"] == "SIP/2.0"
    assert not {"REQUEST_METHOD", "REQUEST_URI", "SIPCGI_BEST", "REGISTRATIONS"} & set(env)
    assert re.fullmatch(r"[\w.!%*`'~+-]+", env["RESPONSE_TOKEN"])
    bob.reply(got, 180)
    second = runs.env(3)
    assert second["SCRIPT_COOKIE"] == "two" and "CONTENT_LENGTH" not in second
    bob.reply(got, 486)
    third = runs.env(4)
    assert third["SCRIPT_COOKIE"] == "two"
    assert (third["SIPCGI_BEST"], third["SIPCGI_PENDING"]) == (third["RESPONSE_TOKEN"], "0")
    tokens = {env["RESPONSE_TOKEN"], second["RESPONSE_TOKEN"], third["RESPONSE_TOKEN"]}
    assert len(tokens) == 3
    assert {e["SIPCGI_TRANSACTION"] for e in (runs.env(1), env, second, third)} == \
        {env["SIPCGI_TRANSACTION"]}


def test_c054_registrations_are_looked_up_afresh(stage, four):
    alice, bob = four[:2]
    user = unique("u")
    runs = scripted(stage, AGAIN + fork(bob), "")
    ask(alice, runs, uri=f"sip:{user}@example.test")
    got = bob.expect("INVITE")
    assert "REGISTRATIONS" not in runs.env(1)
    aor = f"<sip:{user}@example.test>"
    alice.request("REGISTER", "sip:example.test", [("Expires", "300")],
                  from_=aor + ";tag=1", to=aor, contact=f"<{alice.uri(user)}>")
    alice.expect(200)
    bob.reply(got, 180)
    assert alice.uri(user) in runs.env(2)["REGISTRATIONS"]


def test_c130_a_cookie_stays_until_another_one_is_set(stage, four):
    alice, bob = four[:2]
    long = "x" * 4096
    runs = scripted(stage, AGAIN + "CGI-SET-COOKIE a SIP/2.0\n\n" + fork(bob),
                    AGAIN + f"CGI-SET-COOKIE {long} SIP/2.0\n\n", AGAIN, AGAIN)
    ask(alice, runs)
    got = bob.expect("INVITE")
    for n, cookie in ((2, "a"), (3, long), (4, long)):
        bob.reply(got, 180, fields=[("X-N", str(n))])
        assert runs.env(n)["SCRIPT_COOKIE"] == cookie
    bob.reply(got, 486)
    alice.expect(486)
    assert runs.env(5)["SCRIPT_COOKIE"] == long


# -- C-114, C-127, C-128: what it may do

def test_c114_sequential_search_sends_the_initial_request_again(stage, four):
    alice, bob, carol = four[:3]
    runs = scripted(stage, AGAIN + fork(bob), AGAIN + proxy(carol.uri("c"), "X-Second: yes"))
    invite = ask(alice, runs, fields=[("X-Mine", "1")], body=b"v=0 offer")
    bob.reply(bob.expect("INVITE"), 486)
    got = carol.expect("INVITE")
    assert got.body == b"v=0 offer" and got.get("x-mine") == "1" and got.get("x-second") == "yes"
    assert got.get("call-id") == invite.get("call-id")
    carol.reply(got, 200)
    ok = alice.expect(200)
    alice.ack(invite, ok)
    carol.expect("ACK")
    assert runs.env(3)["SIPCGI_BRANCH_URI"] == carol.uri("c")
    assert "REQUEST_TOKEN" not in runs.env(3)


def test_c114_when_all_fail_the_best_stored_response_goes_up(stage, four):
    alice, bob, carol = four[:3]
    runs = scripted(stage, AGAIN + fork(bob), fork(carol))
    invite = ask(alice, runs)
    bob.reply(bob.expect("INVITE"), 302, fields=[("Contact", "<sip:x@y.test>")])
    carol.reply(carol.expect("INVITE"), 500)
    got = final(alice, invite)
    assert got.status == 302 and got.get("contact") == "<sip:x@y.test>"


def test_c127_this_forwards_the_response_with_edits(stage, four):
    alice, bob = four[:2]
    runs = scripted(stage, AGAIN + fork(bob),
                    "CGI-FORWARD-RESPONSE this SIP/2.0\nX-New: 1\nCGI-Remove: X-Gone\nSubject: z\n"
                    "Via: SIP/2.0/UDP 6.6.6.6;branch=z9hG4bKevil\nCall-ID: evil\nCSeq: 9 BYE\n"
                    "To: <sip:b@c>;tag=evil\nCGI-Foo: 1\n"
                    "Content-Type: text/plain\nContent-Length: 3\n\nabc")
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    was = bob.reply(got, 486, "Not now",
                    fields=[("X-Gone", "1"), ("Subject", "a"), ("X-Keep", "1")])
    busy = final(alice, invite)
    assert (busy.status, busy.reason) == (486, "Not now")
    assert (busy.get("x-new"), busy.get("x-keep"), busy.get("subject")) == ("1", "1", "z")
    assert busy.get("x-gone") is None and not [n for n in busy.names() if n.startswith("cgi")]
    assert busy.get("to") == was.get("to") and busy.get("cseq") == invite.get("cseq")
    assert busy.get("call-id") == invite.get("call-id")
    assert len(busy.all("via")) == 1 and str(alice.port) in busy.get("via")
    assert (busy.body, busy.get("content-type")) == (b"abc", "text/plain")


def test_c127_a_provisional_and_a_2xx_are_forwarded_and_repeated_alike(stage, four):
    alice, bob = four[:2]
    runs = scripted(stage, AGAIN + fork(bob),
                    AGAIN + "CGI-FORWARD-RESPONSE this SIP/2.0\nX-N: 1\n\n",
                    AGAIN + "CGI-FORWARD-RESPONSE this SIP/2.0\nX-N: 2\n\n")
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    for status, n in ((180, "1"), (200, "2")):
        for _ in range(2):
            bob.reply(got, status)
            ok = alice.expect(status)
            assert ok.get("x-n") == n
    alice.ack(invite, ok)
    bob.expect("ACK")
    assert runs.count == 3


def token_script(daemon, directory, uris):
    """Forwards the first response it was told of when the second one comes."""
    return daemon.script("tokens", f"""#!/bin/sh
echo "CGI-AGAIN yes SIP/2.0"; echo
case "$SIPCGI_EVENT$SCRIPT_COOKIE" in
request) {"".join(f'echo "CGI-PROXY-REQUEST {u} SIP/2.0"; echo;' for u in uris)} ;;
response) echo "CGI-SET-COOKIE $RESPONSE_TOKEN SIP/2.0"; echo ;;
response*) echo "CGI-FORWARD-RESPONSE $SCRIPT_COOKIE SIP/2.0"; echo "X-Chosen: yes"; echo ;;
esac
""")


def test_c128_an_earlier_response_is_forwarded_by_its_token(start, peer):
    d = start('script "tokens" { path = "{dir}/scripts/tokens" }\nroute { script = "tokens" }\n',
              start=False)
    alice, bob, carol, dan = peer(None), peer(None), peer(None), peer(None)
    token_script(d, d.dir, [bob.uri("b"), carol.uri("c"), dan.uri("d")])
    d.start()
    alice.server = d.addr()
    invite = alice.request("INVITE", "sip:x@example.test")
    at_dan = dan.expect("INVITE")
    dan.reply(at_dan, 100)
    bob.reply(bob.expect("INVITE"), 486)
    bob.expect("ACK")
    carol.reply(carol.expect("INVITE"), 404)
    got = final(alice, invite)
    assert got.status == 486 and got.get("x-chosen") == "yes"


@pytest.mark.parametrize("second,status", [
    ("SIP/2.0 480 Later\n\n", 480), (THIS, 486), ("", 486),
    ("SIP/2.0 180 Wait\n\n", 486),
    ("nonsense\n\n", 500), ("CGI-FORWARD-RESPONSE unknown SIP/2.0\n\n", 500)])
def test_c105_c110_c127_what_a_run_for_the_last_response_does(stage, four, second, status):
    alice, bob = four[:2]
    runs = scripted(stage, AGAIN + fork(bob), second)
    invite = ask(alice, runs)
    bob.reply(bob.expect("INVITE"), 486)
    assert final(alice, invite).status == status
    assert runs.count == 2


def test_c127_a_final_response_forwarded_cancels_what_is_pending(stage, four):
    alice, bob, carol = four[:3]
    runs = scripted(stage, AGAIN + fork(carol, bob), AGAIN, THIS)
    invite = ask(alice, runs)
    at_carol = carol.expect("INVITE")
    carol.reply(at_carol, 180)
    alice.expect(180)
    bob.reply(bob.expect("INVITE"), 404)
    assert final(alice, invite).status == 404
    carol.reply(carol.expect("CANCEL"), 200)
    carol.reply(at_carol, 487)
    carol.expect("ACK")
    assert runs.count == 3       # after a final response nothing triggers it


def test_c127_a_response_that_is_held_back_goes_nowhere(stage, four):
    alice, bob, carol = four[:3]
    runs = scripted(stage, AGAIN + fork(bob, carol), AGAIN + "SIP/2.0 183 Instead\n\n")
    invite = ask(alice, runs)
    at_bob, at_carol = bob.expect("INVITE"), carol.expect("INVITE")
    bob.reply(at_bob, 180)
    alice.expect(183)
    bob.reply(at_bob, 180)
    alice.quiet(0.2)
    carol.reply(at_carol, 486)
    bob.reply(at_bob, 404)
    assert final(alice, invite).status == 404


def test_c114_without_a_run_that_can_come_nobody_waits(stage, four):
    runs = scripted(stage, AGAIN + "SIP/2.0 180 Ringing\n\n")
    invite = ask(four[0], runs)
    assert final(four[0], invite).status == 500


# -- errors, limits

@pytest.mark.parametrize("bad", [
    "nonsense\n\n", "SIP/2.0 180 x\nContent-Type: a/b\nContent-Length: 9\n\nx"])
def test_c181_a_callees_2xx_goes_up_when_the_run_for_it_fails(stage, four, bad):
    alice, bob = four[:2]
    runs = scripted(stage, AGAIN + fork(bob), bad)
    invite = ask(alice, runs)
    bob.reply(bob.expect("INVITE"), 200)
    ok = alice.expect(200)
    alice.ack(invite, ok)
    bob.expect("ACK")
    assert runs.count == 2


def test_c180_c181_a_run_for_a_response_beyond_its_time_is_504(start, peer):
    d = start('script "slow" { path = "{dir}/scripts/slow" timeout = "500ms" }\n'
              'route { script = "slow" }\n', start=False)
    alice, bob = peer(None), peer(None)
    d.script("slow", f"""#!/bin/sh
if [ $SIPCGI_EVENT = response ]; then exec sleep 60; fi
printf 'CGI-AGAIN yes SIP/2.0\\n\\nCGI-PROXY-REQUEST {bob.uri("b")} SIP/2.0\\n\\n'
""")
    d.start()
    alice.server = d.addr()
    invite = alice.request("INVITE", "sip:x@example.test")
    bob.reply(bob.expect("INVITE"), 486)
    assert final(alice, invite).status == 504


def test_c182_128_runs_of_one_transaction_are_all(stage, four):
    alice, bob = four[:2]
    runs = stage.call(AGAIN)
    runs.out(AGAIN + fork(bob), 1)
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    for n in range(2, 132):
        bob.reply(got, 180, fields=[("X-N", str(n))])
        while alice.expect(180).get("x-n") != str(n):
            pass
    bob.reply(got, 486)
    assert final(alice, invite).status == 486
    assert runs.count == 128


# -- C-156: local responses

def test_c156_a_transport_failure_reaches_the_script_like_a_received_response(stage, four):
    alice, bob = four[:2]
    runs = scripted(stage,
                    AGAIN + proxy("sip:x@127.0.0.1:9;transport=tcp", "CGI-Request-Token: t9"),
                    fork(bob))
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    env = runs.env(2)
    assert (env["RESPONSE_STATUS"], env["SIPCGI_RESPONSE_ORIGIN"]) == ("503", "local")
    assert (env["REMOTE_ADDR"], env["REQUEST_TOKEN"]) == ("127.0.0.1", "t9")
    assert "SIPCGI_TRANSPORT" not in env
    bob.reply(got, 200)
    alice.ack(invite, alice.expect(200))


def test_c134_c156_an_unknown_name_is_a_503(stage, four):
    runs = scripted(stage, AGAIN + proxy("sip:x@nowhere.invalid"), "SIP/2.0 480 Alas\n\n")
    assert final(four[0], ask(four[0], runs), 15).status == 480
    assert runs.env(2)["RESPONSE_STATUS"] == "503"


# -- C-131 to C-134: Expires

def test_c131_to_c134_call_forward_no_answer(stage, four):
    alice, bob, carol = four[:3]
    runs = scripted(stage, AGAIN + proxy(bob.uri("b"), "Expires: 1", "CGI-Request-Token: home"),
                    AGAIN, fork(carol))
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    began = time.monotonic()
    assert got.get("expires") == "1"
    bob.reply(got, 180)
    alice.expect(180)
    cancel = bob.expect("CANCEL")
    assert 0.8 < time.monotonic() - began < 2
    bob.reply(cancel, 200)
    bob.reply(got, 487)
    at_carol = carol.expect("INVITE")
    env = runs.env(3)
    assert (env["RESPONSE_STATUS"], env["REQUEST_TOKEN"]) == ("408", "home")
    assert env["SIPCGI_RESPONSE_ORIGIN"] == "local"
    bob.expect("ACK")
    carol.reply(at_carol, 200)
    alice.ack(invite, alice.expect(200))
    carol.expect("ACK")
    assert runs.count == 3       # the 487 is no event


def test_c132_without_a_run_the_408_is_an_ordinary_candidate(stage, four):
    alice, bob = four[:2]
    invite = ask(alice, scripted(stage, proxy(bob.uri("b"), "Expires: 1")))
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    assert final(alice, invite).status == 408
    bob.expect("CANCEL")


def test_c133_no_cancel_before_a_provisional_response(stage, four):
    alice, bob = four[:2]
    invite = ask(alice, scripted(stage, proxy(bob.uri("b"), "Expires: 1")))
    got = bob.expect("INVITE")
    assert final(alice, invite).status == 408
    bob.quiet(0.3, but=("INVITE",))
    bob.reply(got, 180)
    bob.expect("CANCEL")


def test_c134_a_2xx_that_wins_the_race_is_still_forwarded(stage, four):
    alice, bob, carol = four[:3]
    runs = scripted(stage, AGAIN + proxy(bob.uri("b"), "Expires: 1"), fork(carol))
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    at_carol = carol.expect("INVITE")
    carol.reply(at_carol, 180)
    bob.reply(got, 200)
    alice.ack(invite, alice.expect(200))
    bob.expect("ACK")
    carol.expect("CANCEL")
