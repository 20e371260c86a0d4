"""RFC 3261 16.7 to 16.9: which responses go up, and when; forking in parallel and one by one."""
import time

import pytest

from cgicalls import final
from sip import message, unique
from sipcalls import SHORT, aor, bind, ring, running, self_uri


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory) as d:
        yield d


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Transactions time out after 3.2 s, ringing after 1 s."""
    with running(tmp_path_factory, SHORT.replace("}", 'timer-c = "1s" }')) as d:
        yield d


def fork(server, peer, n, qs=None, transport="udp", method="INVITE"):
    """A caller, n callees, the request; in parallel also what each callee got."""
    alice = peer(server)
    callees = [peer(server, transport) for _ in range(n)]
    req = alice.request(method, ring(alice, *callees, qs=qs))
    return alice, callees, req


def invited(callees):
    return [(c, c.expect("INVITE")) for c in callees]


# -- step 2: no branch of ours, no forwarding

def test_16_7_responses_that_match_nothing_are_dropped(server, peer):
    alice, bob = peer(server), peer(server)
    host, port = server.addr()
    for via in (f"SIP/2.0/UDP {host}:{port};branch=z9hG4bKnobody", "SIP/2.0/UDP elsewhere.test"):
        bob.send(message("SIP/2.0 200 OK", [
            ("Via", via), ("Via", alice.via()), ("From", "<sip:a@b.test>;tag=1"),
            ("To", "<sip:b@c.test>;tag=2"), ("Call-ID", unique()), ("CSeq", "1 INVITE")]))
    alice.quiet(0.2)


# -- step 3 and 4: Via, 1xx

def test_16_7_3_our_via_is_taken_off_and_nothing_else(server, peer):
    alice, (bob,), _ = fork(server, peer, 1, method="MESSAGE")
    got = bob.expect("MESSAGE")
    fields = [("X-Odd", "  a"), ("Server", "bob/1"), ("x-odd", '"b')]
    sent = bob.reply(got, 299, "My own phrase", fields)
    back = alice.expect(299)
    assert back.reason == "My own phrase"
    assert [f for f in back.fields if f[0] != "Via"] == [f for f in sent.fields if f[0] != "Via"]
    assert back.values("via") == sent.values("via")[1:]


@pytest.mark.parametrize("status", [180, 181, 182, 183, 199, 101])
def test_16_7_5_provisional_responses_go_up_at_once(server, peer, status):
    alice, callees, _ = fork(server, peer, 1)
    (bob, got), = invited(callees)
    bob.reply(got, status, body=b"v=0\r\n")
    assert alice.expect(status).body == b"v=0\r\n"


def test_16_7_5_a_100_of_the_callee_stays_here(server, peer):
    alice, callees, _ = fork(server, peer, 1)
    (bob, got), = invited(callees)
    bob.reply(got, 100, "Mine")
    bob.reply(got, 180)
    assert alice.expect(1).status == 180


def test_16_7_5_provisional_responses_of_all_branches_go_up(server, peer):
    alice, callees, _ = fork(server, peer, 3)
    for n, (p, got) in enumerate(invited(callees)):
        p.reply(got, 180 + n)
        alice.expect(180 + n)


# -- step 5: 2xx

def test_16_7_5_a_2xx_goes_up_at_once_and_the_others_are_cancelled(server, peer):
    alice, callees, invite = fork(server, peer, 3)
    branches = invited(callees)
    for p, got in branches:
        p.reply(got, 180)
        alice.expect(180)
    (bob, got), *losers = branches
    bob.reply(got, 200)
    alice.ack(invite, alice.expect(200))
    bob.expect("ACK")
    for p, got in losers:
        cancel = p.expect("CANCEL")
        assert cancel.branch == got.branch
        p.reply(cancel, 200)
        p.reply(got, 487)
        p.expect("ACK")
    bob.quiet(0.1)
    alice.quiet(0.1)


def test_16_7_5_every_2xx_goes_up(server, peer):
    """Two callees that answer at the same time: the caller decides."""
    alice, callees, invite = fork(server, peer, 2)
    branches = invited(callees)
    for p, got in branches:
        p.reply(got, 200)
    tags = set()
    for _ in range(2):
        ok = alice.expect(200)
        alice.ack(invite, ok)
        tags.add(ok.to_tag)
    assert tags == {p.tag(got) for p, got in branches}
    for p, _ in branches:
        p.expect("ACK")


def test_16_7_a_late_2xx_goes_up_after_another_one(server, peer):
    alice, callees, invite = fork(server, peer, 2)
    (bob, a), (carol, b) = invited(callees)
    carol.reply(b, 180)
    alice.expect(180)
    bob.reply(a, 200)
    alice.ack(invite, alice.expect(200))
    carol.expect("CANCEL")
    carol.reply(b, 200)
    late = alice.expect(200)
    assert late.to_tag == carol.tag(b)


def test_16_7_a_repeated_2xx_goes_up_each_time_until_it_is_acknowledged(server, peer):
    alice, callees, invite = fork(server, peer, 1)
    (bob, got), = invited(callees)
    for _ in range(3):
        bob.reply(got, 200)
        ok = alice.expect(200)
    for _ in range(2):
        alice.ack(invite, ok)
        bob.expect("ACK")
    alice.quiet(0.7)      # the server repeats no 2xx by itself


def test_16_7_5_only_the_first_final_of_another_method_goes_up(server, peer):
    alice, callees, _ = fork(server, peer, 2, method="MESSAGE")
    for p in callees:
        p.reply(p.expect("MESSAGE"), 200)
    alice.expect(200)
    alice.quiet(0.2)


# -- step 5: 6xx

def test_16_7_5_a_6xx_cancels_the_others_and_goes_up_when_they_ended(server, peer):
    alice, callees, invite = fork(server, peer, 2)
    (bob, a), (carol, b) = invited(callees)
    carol.reply(b, 180)
    alice.expect(180)
    bob.reply(a, 603)
    bob.expect("ACK")
    cancel = carol.expect("CANCEL")
    alice.quiet(0.1)
    carol.reply(cancel, 200)
    carol.reply(b, 487)
    carol.expect("ACK")
    got = alice.expect(6)
    assert got.status == 603
    alice.ack(invite, got)


def test_16_7_5_a_2xx_after_a_6xx_wins(server, peer):
    alice, callees, invite = fork(server, peer, 2)
    (bob, a), (carol, b) = invited(callees)
    carol.reply(b, 180)
    alice.expect(180)
    bob.reply(a, 600)
    carol.expect("CANCEL")
    carol.reply(b, 200)
    alice.ack(invite, alice.expect(200))
    carol.expect("ACK")
    alice.quiet(0.2)


def test_16_7_5_a_6xx_stops_what_would_have_been_tried_next(server, peer):
    alice, (bob, carol), invite = fork(server, peer, 2, ["1.0", "0.5"])
    bob.reply(bob.expect("INVITE"), 606)
    alice.ack(invite, alice.expect(606))
    carol.quiet(0.2)


# -- step 6: the best response

BEST = [
    ([486, 404], {486, 404}), ([404, 503], {404}), ([500, 486], {486}), ([302, 404], {302}),
    ([302, 500], {302}), ([486, 603], {603}), ([302, 603], {603}), ([401, 486], {401}),
    ([486, 407], {407}), ([404, 415], {415}), ([486, 420], {420}), ([404, 484], {484}),
    ([503, 500], {500}), ([503, 501], {501}), ([503], {500}), ([503, 503], {500}),
    ([408, 486], {486}), ([487, 480], {480}), ([599, 499], {499}), ([699, 600], {699, 600}),
    ([404], {404}), ([500], {500}), ([300], {300}), ([399, 400, 500], {399})]


@pytest.mark.parametrize("statuses,best", BEST, ids=lambda v: "-".join(map(str, v)))
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_16_7_6_the_best_response_goes_up_once_all_branches_ended(server, peer, method, statuses,
                                                                   best):
    alice, callees, req = fork(server, peer, len(statuses), method=method)
    branches = [(c, c.expect(method)) for c in callees]
    for n, (p, got) in enumerate(branches):
        p.reply(got, statuses[n])
        if method == "INVITE":
            p.expect("ACK")
        if n + 1 < len(branches) and statuses[n] < 600:
            alice.quiet(0.02, (100,))
    got = final(alice, req)
    assert got.status in best
    alice.quiet(0.02)


def test_16_7_6_the_response_chosen_is_the_callees_own(server, peer):
    alice, callees, invite = fork(server, peer, 2)
    (bob, a), (carol, b) = invited(callees)
    bob.reply(a, 486, "Busy", [("X-From", "bob")])
    carol.reply(b, 302, "Moved", [("Contact", "<sip:c@d.test>"), ("X-From", "carol")])
    got = final(alice, invite)
    assert got.get("x-from") == "carol" and got.get("contact") == "<sip:c@d.test>"
    assert got.to_tag == carol.tag(b)


# -- step 7: challenges

def test_16_7_7_challenges_of_all_branches_are_put_together(server, peer):
    alice, callees, invite = fork(server, peer, 3)
    (bob, a), (carol, b), (dave, c) = invited(callees)
    bob.reply(a, 401, fields=[("WWW-Authenticate", 'Digest realm="bob", nonce="1"')])
    carol.reply(b, 407, fields=[("Proxy-Authenticate", 'Digest realm="carol", nonce="2"'),
                                ("Proxy-Authenticate", 'Digest realm="carol", nonce="3"')])
    dave.reply(c, 486)
    got = final(alice, invite)
    assert got.status in (401, 407)
    assert got.all("www-authenticate") == ['Digest realm="bob", nonce="1"']
    assert got.all("proxy-authenticate") == ['Digest realm="carol", nonce="2"',
                                             'Digest realm="carol", nonce="3"']


# -- step 9, 10: forwarding once; 16.9

def test_16_7_9_a_second_final_is_not_forwarded(server, peer):
    alice, callees, invite = fork(server, peer, 1)
    (bob, got), = invited(callees)
    bob.reply(got, 486)
    bob.expect("ACK")
    alice.ack(invite, alice.expect(486))
    bob.reply(got, 404)
    bob.reply(got, 486)
    bob.expect("ACK")
    alice.quiet(0.2)


def test_16_9_a_connection_that_is_refused_is_like_a_503(server, peer):
    alice, nobody = peer(server), peer(server, "tcp")
    uri = nobody.uri("b")
    nobody.close()
    for method in ("INVITE", "MESSAGE"):
        assert final(alice, alice.request(method, uri)).status == 500


def test_16_9_a_name_that_cannot_be_resolved_is_like_a_503(server, peer):
    alice = peer(server)
    assert final(alice, alice.request("INVITE", "sip:b@nowhere.invalid"), 15).status in (404, 480,
                                                                                         500)


def test_16_9_the_other_branches_go_on(server, peer):
    alice, bob, nobody = peer(server), peer(server), peer(server, "tcp")
    uri = ring(alice, nobody, bob)
    nobody.close()
    invite = alice.request("INVITE", uri)
    bob.reply(bob.expect("INVITE"), 486)
    assert final(alice, invite).status == 486


# -- forking one by one

def test_16_6_lower_q_is_tried_when_all_higher_ones_failed(server, peer):
    alice, (bob, carol, dave), invite = fork(server, peer, 3, ["0.3", "0.7", "0.7"])
    (carol, b), (dave, c) = invited([carol, dave])
    carol.reply(b, 486)
    carol.expect("ACK")
    bob.quiet(0.1)
    dave.reply(c, 486)
    a = bob.expect("INVITE")
    bob.reply(a, 200)
    alice.ack(invite, alice.expect(200))
    bob.expect("ACK")


def test_16_6_what_has_no_q_comes_first(server, peer):
    alice, bob, carol = peer(server), peer(server), peer(server)
    user = unique("user")
    bind(alice, user, [f"<{bob.uri()}>;q=0.9", f"<{carol.uri()}>"])
    alice.request("INVITE", aor(user))
    carol.expect("INVITE")
    bob.quiet(0.1)


def test_16_6_after_an_answer_nobody_else_is_tried(server, peer):
    alice, (bob, carol), invite = fork(server, peer, 2, ["1", "0.1"])
    got = bob.expect("INVITE")
    bob.reply(got, 200)
    alice.ack(invite, alice.expect(200))
    carol.quiet(0.2)


def test_16_6_a_caller_who_gives_up_ends_the_search(server, peer):
    alice, (bob, carol), invite = fork(server, peer, 2, ["1", "0.1"])
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    alice.expect(180)
    alice.cancel(invite)
    bob.expect("CANCEL")
    bob.reply(got, 487)
    assert final(alice, invite).status == 487
    carol.quiet(0.2)


def test_16_7_one_who_does_not_answer_is_passed_over(short, peer):
    alice, (bob, carol), invite = fork(short, peer, 2, ["1", "0.1"])
    bob.expect("INVITE")
    got = carol.expect("INVITE", 10)
    carol.reply(got, 200)
    alice.ack(invite, alice.expect(200))
    carol.expect("ACK")


# -- 16.8 and time-outs

def test_16_7_nobody_answers_an_invite_408(short, peer):
    alice, _, invite = fork(short, peer, 1)
    assert final(alice, invite, 10).status == 408


def test_rfc4320_nobody_answers_another_request_and_the_caller_hears_nothing(short, peer):
    alice, (bob,), _ = fork(short, peer, 1, method="MESSAGE")
    bob.expect("MESSAGE")
    alice.quiet(4.0, (100,))


def test_16_8_timer_c_cancels_what_rings_too_long(short, peer):
    alice, callees, invite = fork(short, peer, 1)
    (bob, got), = invited(callees)
    bob.reply(got, 180)
    alice.expect(180)
    cancel = bob.expect("CANCEL")
    bob.reply(cancel, 200)
    bob.reply(got, 487)
    bob.expect("ACK")
    assert final(alice, invite).status in (487, 408)


def test_16_8_timer_c_starts_anew_with_each_provisional_response(short, peer):
    alice, callees, _ = fork(short, peer, 1)
    (bob, got), = invited(callees)
    begin = time.monotonic()
    for _ in range(3):
        bob.reply(got, 180)
        alice.expect(180)
        bob.quiet(0.6, ("INVITE",))
    last = time.monotonic()
    bob.expect("CANCEL")
    assert last - begin > 1.2


def test_16_8_timer_c_lets_the_next_be_tried(short, peer):
    alice, (bob, carol), invite = fork(short, peer, 2, ["1", "0.1"])
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    bob.reply(bob.expect("CANCEL"), 200)
    bob.reply(got, 487)
    got = carol.expect("INVITE")
    carol.reply(got, 200)
    alice.ack(invite, alice.expect(200))


# -- RFC 4320

def test_rfc4320_a_callees_100_for_another_method_stays_here(server, peer):
    alice, (bob,), _ = fork(server, peer, 1, method="MESSAGE")
    got = bob.expect("MESSAGE")
    bob.reply(got, 100)
    alice.quiet(0.3)
    bob.reply(got, 200)
    alice.expect(200)


def test_rfc4320_an_answer_is_repeated_for_a_repeated_request(server, peer):
    alice, (bob,), req = fork(server, peer, 1, method="MESSAGE")
    bob.reply(bob.expect("MESSAGE"), 404)
    first = alice.expect(404)
    alice.send(req.raw)
    assert alice.expect(404).raw == first.raw
    bob.quiet(0.1)


def test_a_call_over_two_users_of_this_server_tells_the_best_response_once(server, peer):
    """A spiral: the inner context chooses, then the outer."""
    alice, bob, carol = peer(server), peer(server), peer(server)
    inner, outer = unique("inner"), unique("outer")
    bind(alice, inner, [f"<{bob.uri()}>", f"<{carol.uri()}>"])
    bind(alice, outer, [f"<{self_uri(server, inner)}>"])
    invite = alice.request("INVITE", aor(outer))
    bob.reply(bob.expect("INVITE"), 486)
    carol.reply(carol.expect("INVITE"), 302)
    assert final(alice, invite).status == 302
    alice.quiet(0.1)
