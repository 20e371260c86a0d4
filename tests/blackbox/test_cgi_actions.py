"""RFC 3050 5.6.1.1, 5.6.1.2, 5.6.2: what a script's actions make of a request."""
import re

import pytest

from cgicalls import OURS, ask, final, outcome, proxy, register
from daemon import Dump
from sip import unique


@pytest.fixture
def through(stage, peer):
    """through(lines, ...) is the request a callee sees when the script proxies it with these
    header lines; the callee answers 200, or @answer."""

    def make(*lines, body="", method="MESSAGE", uri=OURS, fields=(), req_body=b"", transport="udp",
             target="b", answer=200, **known):
        alice, bob = peer(stage.daemon, transport), peer(stage.daemon, transport)
        runs = stage.call(proxy(bob.uri(target), *lines) + body)
        req = ask(alice, runs, method, uri, fields, req_body, **known)
        got = bob.expect(method)
        bob.reply(got, answer)
        assert final(alice, req).status == answer
        if method == "INVITE":
            bob.expect("ACK")
        got.sent, got.runs = req, runs
        return got

    return make


# -- C-110 to C-112: status

@pytest.mark.parametrize("status", [100, 180, 199])
def test_c110_provisional_responses_go_upstream(stage, peer, status):
    alice = peer(stage.daemon)
    runs = stage.call(f"SIP/2.0 {status} My own\n\n")
    stay = runs.stay()
    invite = ask(alice, runs)
    got = alice.expect(status)
    assert got.reason == "My own" or status == 100
    runs.release(stay)
    assert final(alice, invite).status == 500


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
@pytest.mark.parametrize("line,status,reason", [
    ("SIP/2.0 200 OK", 200, "OK"), ("SIP/2.0 299 Très bien ☎", 299, "Très bien ☎"),
    ("SIP/2.0 302 Elsewhere", 302, "Elsewhere"), ("SIP/2.0 486 Busy (again), 100%", 486,
                                                  "Busy (again), 100%"),
    ("SIP/2.0 599 Five", 599, "Five"), ("SIP/2.0 603 No", 603, "No"), ("sip/2.0 404 x", 404, "x")])
def test_c110_final_responses_of_every_class_go_upstream(stage, peer, method, line, status, reason):
    got, _ = outcome(peer(stage.daemon), stage, line + "\n\n", method)
    assert (got.status, got.reason) == (status, reason)


def test_c111_c112_what_is_normally_copied_is_copied(stage, peer):
    alice = peer(stage.daemon)
    runs = stage.call("SIP/2.0 180 Ringing\n\nSIP/2.0 200 OK\n\n")
    fields = [("Via", alice.via()), ("Via", "SIP/2.0/UDP there.test;branch=z9hG4bKb"),
              ("Record-Route", "<sip:one.test;lr>"), ("Record-Route", "<sip:two.test;lr>")]
    invite = ask(alice, runs, fields=fields)
    ringing, ok = alice.expect(180), alice.expect(200)
    alice.ack(invite, ok)
    for got in (ringing, ok):
        assert got.get("from") == invite.get("from")
        assert got.get("call-id") == invite.get("call-id")
        assert got.get("cseq") == invite.get("cseq")
        assert got.values("record-route") == invite.values("record-route")
        assert got.values("via")[1] == "SIP/2.0/UDP there.test;branch=z9hG4bKb"
        assert got.branch == invite.branch
        assert got.get("to").startswith(invite.get("to") + ";tag=")
    assert ringing.to_tag == ok.to_tag
    assert str(stage.daemon.addr()[1]) in ok.get("contact")


def test_c112_timestamp_is_copied_into_100(stage, peer):
    alice = peer(stage.daemon)
    runs = stage.call("SIP/2.0 100 Trying\n\nSIP/2.0 486 Busy\n\n")
    invite = ask(alice, runs, fields=[("Timestamp", "12.5")])
    assert alice.expect(100).get("timestamp").startswith("12.5")
    assert final(alice, invite).status == 486


def test_c111_to_and_from_given_by_the_script_keep_their_tags(stage, peer):
    got, runs = outcome(peer(stage.daemon), stage, 'SIP/2.0 299 OK\nTo: "Desk" <sip:desk@x.test>\n'
                        'From: <sip:anonymous@anonymous.invalid>\n\n', from_="<sip:a@b.test>;tag=77")
    assert got.get("to").startswith('"Desk" <sip:desk@x.test>;tag=')
    assert got.get("from") == "<sip:anonymous@anonymous.invalid>;tag=77"
    assert runs.count == 1


@pytest.mark.parametrize("line", ["Call-ID: forged", "CSeq: 99 MESSAGE", "CSeq: 1 INVITE",
                                  "Via: SIP/2.0/UDP forged.test", "From: <sip:a@b.test>;tag=forged",
                                  "To: <sip:a@b.test>;tag=forged", "i: forged",
                                  "v: SIP/2.0/UDP forged.test", "Content-Length: 0"])
def test_c111_what_ties_a_response_to_its_request_is_not_the_scripts(stage, peer, line):
    p, runs = peer(stage.daemon), stage.call(f"SIP/2.0 299 OK\n{line}\n\n")
    req = ask(p, runs, "MESSAGE")
    got = final(p, req)
    assert b"forged" not in got.raw
    assert got.values("via")[0].split(";")[0] == req.get("via").split(";")[0]
    assert got.get("cseq") == req.get("cseq") and got.get("call-id") == req.get("call-id")
    assert len(got.all("via")) == len(got.all("content-length")) == 1


def test_c110_a_response_has_the_scripts_fields_and_body(stage, peer):
    got, _ = outcome(peer(stage.daemon), stage, "SIP/2.0 299 OK\nSubject: a\nX-One: 1\nX-One: 2\n"
                     "Contact: <sip:c@d.test>\nContent-Type: text/plain\nContent-Length: 2\n\nhi")
    assert (got.get("subject"), got.all("x-one"), got.body) == ("a", ["1", "2"], b"hi")
    assert got.get("contact") == "<sip:c@d.test>"


def test_sipcgi3_a_redirect_without_contact_names_the_bindings(stage, peer):
    alice = peer(stage.daemon)
    register(alice, "moved", contact="<sip:m@127.0.0.1:5997>")
    got, _ = outcome(alice, stage, "SIP/2.0 302 Moved\n\n", uri="sip:moved@example.test")
    assert [v.split(";")[0] for v in got.values("contact")] == ["<sip:m@127.0.0.1:5997>"]
    got, _ = outcome(alice, stage, "SIP/2.0 302 Moved\n\n", uri="sip:nobody@example.test")
    assert got.status == 302 and not got.values("contact")


# -- C-113 to C-121: proxying

@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "FOO"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_c113_the_request_goes_to_the_uri_given(through, method, transport):
    got = through(method=method, transport=transport, target="new")
    assert got.uri.startswith("sip:new@127.0.0.1:")
    assert got.get("to") == got.sent.get("to")


def test_c113_tel_goes_to_the_gateway(start, peer):
    gateway = peer(None)
    d = start(start=False)
    dump = Dump(d)
    dump.out(proxy("tel:+15550123;phone-context=x"))
    d.configure(f'tel-gateway = "sip:{gateway.hostport}"\n' + dump.config + dump.route(""))
    d.start()
    alice = peer(d)
    req = alice.request("MESSAGE", OURS)
    got = gateway.expect("MESSAGE")
    assert "+15550123" in got.uri
    gateway.reply(got, 200)
    assert final(alice, req).status == 200


def test_c113_a_uri_of_ours_is_looked_up_without_another_run(stage, peer):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    register(bob, "looked")
    runs = stage.call(proxy("sip:looked@example.test"))
    req = ask(alice, runs, "MESSAGE")
    got = bob.expect("MESSAGE")
    assert got.uri == bob.uri("looked")
    bob.reply(got, 200)
    assert final(alice, req).status == 200
    assert runs.count == 1


@pytest.mark.parametrize("uri", ["http://x.test/", "mailto:a@b", "urn:service:sos", "foo",
                                 "sip:", "sip:a b@c.test", "<sip:a@b.test>"])
def test_c113_what_is_no_sip_or_tel_uri_is_a_script_error(stage, peer, uri):
    assert outcome(peer(stage.daemon), stage, proxy(uri))[0].status == 500


def test_c115_any_header_may_be_added(through):
    got = through("Subject: from the script", "Organization: Ours", "X-Private: ☎")
    assert (got.get("subject"), got.get("organization"), got.get("x-private")) == \
        ("from the script", "Ours", "☎")


@pytest.mark.parametrize("given,there", [("Subject", "Subject"), ("s", "Subject"),
                                         ("SUBJECT", "s"), ("X-Foo", "x-fOO")])
def test_c116_a_given_header_replaces_all_of_that_name(through, given, there):
    got = through(f"{given}: new", fields=[(there, "old"), ("X-Between", "1"), (there, "older")])
    assert got.all(given) == ["new"]
    assert got.get("x-between") == "1"


def test_c116_it_stands_where_the_first_one_stood(through):
    got = through("Subject: one", "X-B: 2", "Subject: three",
                  fields=[("X-A", "1"), ("Subject", "old"), ("X-B", "2"), ("Subject", "older")])
    tail = [(n, v) for n, v in got.fields if n in ("X-A", "Subject", "X-B")]
    assert tail == [("X-A", "1"), ("Subject", "one"), ("Subject", "three"), ("X-B", "2")]


def test_c116_route_given_by_the_script_is_followed_instead(stage, peer):
    alice, bob, wrong = peer(stage.daemon), peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy("sip:far@away.test", f"Route: <sip:{bob.hostport};lr>"))
    req = ask(alice, runs, "MESSAGE", fields=[("Route", f"<sip:{wrong.hostport};lr>"),
                                              ("Route", f"<sip:two@{wrong.hostport};lr>")])
    got = bob.expect("MESSAGE")
    assert got.uri == "sip:far@away.test"
    assert got.values("route") == [f"<sip:{bob.hostport};lr>"]
    bob.reply(got, 200)
    assert final(alice, req).status == 200
    wrong.quiet(0.05)


def test_c116_a_route_that_stays_is_followed_before_the_uri(stage, peer):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy("sip:far@away.test"))
    req = ask(alice, runs, "MESSAGE", fields=[("Route", f"<sip:{bob.hostport};lr>")])
    got = bob.expect("MESSAGE")
    assert got.uri == "sip:far@away.test"
    bob.reply(got, 200)
    assert final(alice, req).status == 200


def test_c117_new_headers_go_behind_the_vias_and_before_the_rest(through):
    got = through("X-One: 1", "Subject: s", "X-Two: 2", fields=[("X-Old", "0")])
    names = got.names()
    first = max(i for i, n in enumerate(names) if n == "via") + 1
    given = [n for n in names if n in ("x-one", "subject", "x-two")]
    assert given == ["x-one", "subject", "x-two"]
    others = [i for i, n in enumerate(names) if n in ("from", "to", "call-id", "x-old")]
    assert first <= names.index("x-one") and names.index("x-two") < min(others)
    assert names[:first] == ["via"] * first


def test_c118_headers_not_mentioned_are_copied_in_order(through):
    fields = [(f"X-H{n % 7}", f'v{n} ; "q,{n}"  x') for n in range(30)]
    got = through("Subject: s", fields=fields)
    assert [(n, v) for n, v in got.fields if n.startswith("X-H")] == fields
    for name in ("from", "to", "call-id", "cseq"):
        assert got.get(name) == got.sent.get(name)


@pytest.mark.parametrize("given,seen", [("70", "69"), ("1", "0"), ("255", "254"), (None, "70")])
def test_c119_our_via_is_on_top_and_max_forwards_is_one_less(stage, through, given, seen):
    got = through(fields=[("Max-Forwards", given)])
    assert got.all("max-forwards") == [seen]
    top, second = got.values("via")[:2]
    assert f"{stage.daemon.addr()[0]}:{stage.daemon.addr()[1]}" in top
    assert "branch=z9hG4bK" in top
    assert got.sent.branch in second


def test_c119_max_forwards_zero_is_483_and_no_script_runs(stage, peer):
    p, runs = peer(stage.daemon), stage.call("SIP/2.0 299 OK\n\n")
    assert final(p, ask(p, runs, "MESSAGE", fields=[("Max-Forwards", "0")])).status == 483
    assert runs.count == 0


def test_c120_record_route_is_added_to_what_makes_a_dialog(through):
    assert len(through(method="INVITE").values("record-route")) == 1
    assert not through(method="MESSAGE").values("record-route")


def test_c120_not_when_configured_so(start, peer):
    d = start(start=False)
    dump = Dump(d)
    d.configure("record-route = false\n" + dump.config + dump.route(""))
    d.start()
    alice, bob = peer(d), peer(d)
    dump.out(proxy(bob.uri("b")))
    invite = alice.request("INVITE", OURS)
    got = bob.expect("INVITE")
    assert not got.values("record-route")
    bob.reply(got, 486)
    assert final(alice, invite).status == 486


def test_c121_record_route_and_max_forwards_of_the_script_are_used(through):
    got = through("Record-Route: <sip:mine.test;lr>", "Max-Forwards: 5", method="INVITE",
                  answer=486)
    assert got.values("record-route") == ["<sip:mine.test;lr>"]
    assert got.all("max-forwards") == ["5"]


# -- what is not the script's to change

@pytest.mark.parametrize("line", [
    "Via: SIP/2.0/UDP forged.test;branch=z9hG4bKforged", "v: SIP/2.0/UDP forged.test",
    "Call-ID: forged", "i: forged", "CSeq: 99 MESSAGE", "CSeq: 1 FORGED", "Content-Length: 0",
    "From: <sip:x@y.test>;tag=forged", "To: <sip:x@y.test>;tag=forged", "CGI-Remove: Via",
    "CGI-Remove: From, To, Call-ID, CSeq, Max-Forwards, Content-Length", "CGI-Remove: v,f,t,i,l"])
def test_sipcgi3_what_identifies_the_request_is_not_the_scripts(through, line):
    got = through(line)
    assert b"forged" not in got.raw
    for name in ("from", "to", "call-id", "cseq"):
        assert got.all(name) == got.sent.all(name)
    assert len(got.values("via")) == 2 and got.all("max-forwards") == ["69"]
    assert len(got.all("content-length")) == 1


def test_sipcgi3_a_changed_from_is_put_back_in_the_responses(stage, peer):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy(bob.uri("b"), 'From: "Anonymous" <sip:anonymous@anonymous.invalid>',
                            "To: <sip:renamed@x.test>"))
    req = ask(alice, runs, "MESSAGE", from_="<sip:real@x.test>;tag=9")
    got = bob.expect("MESSAGE")
    assert got.get("from") == '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=9'
    assert got.get("to") == "<sip:renamed@x.test>"
    bob.reply(got, 200, tag="callee")
    ok = final(alice, req)
    assert ok.get("from") == req.get("from")
    assert ok.get("to").startswith(req.get("to")) and ok.to_tag == "callee"


# -- C-122: CGI-Remove, C-150 to C-155 as far as they are about it

@pytest.mark.parametrize("lines", [
    ["CGI-Remove: Subject, X-Foo"], ["CGI-Remove: s", "CGI-Remove: x-foo"],
    ["cgi-remove: SUBJECT,X-FOO"], ["cGi-ReMoVe:   subject ,  x-fOo "],
    ["CGI-Remove: Subject, X-Foo, X-Not-There, s"]])
def test_c122_c151_c154_removed_headers_are_gone(through, lines):
    got = through(*lines, fields=[("Subject", "1"), ("X-Foo", "2"), ("s", "3"), ("X-Bar", "4")])
    assert not got.all("subject") and not got.all("x-foo")
    assert got.get("x-bar") == "4"


def test_c155_given_and_removed_keeps_the_given_value(through):
    got = through("CGI-Remove: Subject", "Subject: new", fields=[("Subject", "old")])
    assert got.all("subject") == ["new"]


@pytest.mark.parametrize("line", ["CGI-Foo: x", "cgi-request-token: t", "CGI-REMOVE: Nothing",
                                  "CGI-: x"])
def test_c150_cgi_headers_never_leave_the_server(through, stage, peer, line):
    assert b"cgi-" not in through(line).raw.lower()
    got, _ = outcome(peer(stage.daemon), stage, f"SIP/2.0 299 OK\n{line}\n\n")
    assert got.status == 299 and b"cgi-" not in got.raw.lower()


@pytest.mark.parametrize("line", ["CGI-Request-Token:", "CGI-Request-Token: two words",
                                  "CGI-Request-Token: a@b"])
def test_c152_values_that_break_their_grammar_are_script_errors(stage, peer, line):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    assert outcome(alice, stage, proxy(bob.uri("b"), line))[0].status == 500
    bob.quiet(0.05)


# -- C-123 to C-125: bodies

BODY = b"v=0\r\ns=old\r\n"
TYPED = [("Content-Type", "application/sdp"), ("Content-Disposition", "session")]


def test_c123_without_a_body_the_original_is_sent(through):
    got = through("Subject: x", fields=TYPED, req_body=BODY)
    assert got.body == BODY
    assert got.get("content-type") == "application/sdp"


@pytest.mark.parametrize("line", ["Content-Length: 0", "l: 0"])
def test_c124_content_length_zero_deletes_the_body(through, line):
    got = through(line, fields=TYPED, req_body=BODY)
    assert got.body == b"" and got.all("content-length") == ["0"]
    assert not got.all("content-type") and not got.all("content-disposition")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("old", [b"", BODY])
def test_c125_a_new_body_replaces_the_old_one(through, transport, old):
    new = "v=0\r\ns=something quite new\r\n"
    got = through("Content-Type: application/x-new", f"Content-Length: {len(new)}", body=new,
                  req_body=old, transport=transport)
    assert got.body == new.encode()
    assert got.all("content-length") == [str(len(new))]
    assert got.all("content-type") == ["application/x-new"]


# -- C-126: forking

def test_c126_several_proxy_requests_are_a_parallel_fork(stage, peer):
    alice, callees = peer(stage.daemon), [peer(stage.daemon) for _ in range(3)]
    runs = stage.call("".join(proxy(c.uri("c"), f"X-N: {n}") for n, c in enumerate(callees)))
    invite = ask(alice, runs, body=BODY)
    got = [c.expect("INVITE") for c in callees]
    assert len({g.branch for g in got}) == 3
    assert [g.get("x-n") for g in got] == ["0", "1", "2"]
    assert all(g.body == BODY for g in got)
    for c, g in zip(callees, got):
        c.reply(g, 180, tag=unique("t"))
    assert len({alice.expect(180).to_tag for _ in callees}) == 3
    callees[1].reply(got[1], 200)
    ok = alice.expect(200)
    alice.ack(invite, ok)
    callees[1].expect("ACK")
    for n in (0, 2):
        callees[n].reply(callees[n].expect("CANCEL"), 200)
        callees[n].reply(got[n], 487)
        callees[n].expect("ACK")
    assert runs.count == 1


def test_c126_the_original_is_the_same_for_every_branch(stage, peer):
    alice, bob, carol = peer(stage.daemon), peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy(bob.uri("b"), "Subject: changed", "CGI-Remove: X-A") +
                      proxy(carol.uri("c")))
    req = ask(alice, runs, "MESSAGE", fields=[("Subject", "old"), ("X-A", "1")])
    one, two = bob.expect("MESSAGE"), carol.expect("MESSAGE")
    assert (one.get("subject"), one.get("x-a")) == ("changed", None)
    assert (two.get("subject"), two.get("x-a")) == ("old", "1")
    bob.reply(one, 200)
    assert final(alice, req).status == 200
    assert re.match(r"sip:c@", two.uri)
    carol.reply(two, 200)
