"""RFC 3261 16.3 and RFC 5393: what a proxy refuses, and that what it refuses goes nowhere."""
import pytest

from cgicalls import final
from daemon import BASE
from sip import Msg, message, unique
from sipcalls import aor, bind, raw_request, ring, running, self_uri

UNTRUSTED = BASE.replace('trusted = {{ "127.0.0.0/8", "::1" }}', "trusted = {{ }}")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory) as d:
        yield d


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A daemon that relays for nobody."""
    with running(tmp_path_factory, base=UNTRUSTED) as d:
        yield d


# -- 16.3 step 1: reasonable syntax

@pytest.mark.parametrize("drop,more", [
    (("from",), []), (("to",), []), (("call-id",), []), (("cseq",), []),
    (("from",), [("From", "<sip:a@b.test")]),
    (("to",), [("To", '"open <sip:a@b.test>')]),
    (("cseq",), [("CSeq", "1 OPTIONS")]),
    (("cseq",), [("CSeq", "4294967296 MESSAGE")]),
    (("max-forwards",), [("Max-Forwards", "many")]),
    ((), [("Call-ID", "another")]),
    ((), [("Content-Length", "x")]),
    ((), [("Content-Length", "4000")])])
def test_16_3_1_malformed_requests_are_400_with_a_reason(server, peer, drop, more):
    alice, bob = peer(server), peer(server)
    alice.send(raw_request(alice, "MESSAGE", bob.uri("b"), more, drop))
    got = alice.expect(400)
    assert got.values("via")[0].split(";")[0].endswith(str(alice.port))
    bob.quiet(0.1)


@pytest.mark.parametrize("uri", ["sip:bob@", "sip:@x.test", "sip:b b@x.test", "<sip:b@x.test>",
                                 "sip:bob@::1", "sip:bob@x.test:99999"])
def test_16_3_1_malformed_request_uris_are_400(server, peer, uri):
    alice = peer(server)
    alice.send(raw_request(alice, "MESSAGE", uri, [("To", "<sip:b@x.test>")], ("to",)))
    alice.expect(400)


def test_16_3_1_other_versions_are_505(server, peer):
    alice = peer(server)
    alice.send(raw_request(alice, "MESSAGE", "sip:b@x.test", version="SIP/3.0"))
    alice.expect(505)


def test_16_3_1_what_a_proxy_need_not_understand_may_be_wrong(server, peer):
    alice, bob = peer(server), peer(server)
    alice.request("MESSAGE", bob.uri("b"), [("Date", "yesterday"), ("Warning", "what?"),
                                            ("Contact", "not-a-uri"), ("X-Odd", '"')])
    got = bob.expect("MESSAGE")
    assert got.get("date") == "yesterday" and got.get("contact") == "not-a-uri"
    bob.reply(got, 200)
    alice.expect(200)


def test_16_3_1_methods_nobody_knows_are_forwarded(server, peer):
    alice, bob = peer(server), peer(server)
    alice.request("FROBNICATE", bob.uri("b"))
    bob.reply(bob.expect("FROBNICATE"), 299)
    alice.expect(299)


# -- step 2

@pytest.mark.parametrize("uri", ["nobody:knows@this", "http://www.example.test/", "mailto:a@b.test"])
def test_16_3_2_unknown_schemes_are_416(server, peer, uri):
    alice = peer(server)
    req = alice.request("MESSAGE", uri, to="<sip:b@x.test>")
    assert final(alice, req).status == 416


def test_16_3_2_a_telephone_number_without_a_gateway_is_416(server, peer):
    alice = peer(server)
    assert final(alice, alice.request("MESSAGE", "tel:+15550100")).status == 416


def test_16_3_2_a_telephone_number_goes_to_the_gateway_as_it_is(start, peer):
    gateway = peer(None)
    d = start(f'tel-gateway = "sip:{gateway.hostport}"\n')
    alice = peer(d)
    alice.request("MESSAGE", "tel:+15550100")
    got = gateway.expect("MESSAGE")
    assert got.uri == "tel:+15550100"
    gateway.reply(got, 200)
    alice.expect(200)


# -- step 3

@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS"])
def test_16_3_3_max_forwards_0_is_483(server, peer, method):
    alice, bob = peer(server), peer(server)
    req = alice.request(method, bob.uri("b"), [("Max-Forwards", "0")])
    assert final(alice, req).status == 483
    bob.quiet(0.1)


@pytest.mark.parametrize("method,uri", [("OPTIONS", "sip:example.test"),
                                        ("REGISTER", "sip:example.test")])
def test_16_3_3_max_forwards_0_reaches_the_server_itself(server, peer, method, uri):
    alice = peer(server)
    req = alice.request(method, uri, [("Max-Forwards", "0")], to=f"<{aor('mf')}>")
    assert final(alice, req).status == 200


def test_16_3_3_max_forwards_1_is_the_last_hop(server, peer):
    alice, bob = peer(server), peer(server)
    alice.request("MESSAGE", bob.uri("b"), [("Max-Forwards", "1")])
    got = bob.expect("MESSAGE")
    assert got.get("max-forwards") == "0"


# -- step 4, RFC 5393 4.2: a loop is what comes back unchanged

def test_16_3_4_a_loop_is_482(server, peer):
    alice = peer(server)
    user = unique("loop")
    bind(alice, user, [f"<{self_uri(server, user)}>"])
    assert final(alice, alice.request("INVITE", aor(user))).status == 482
    assert final(alice, alice.request("MESSAGE", aor(user))).status == 482


def test_16_3_4_a_loop_over_two_users_is_482(server, peer):
    alice = peer(server)
    one, two = unique("one"), unique("two")
    bind(alice, one, [f"<{self_uri(server, two)}>"])
    bind(alice, two, [f"<{self_uri(server, one)}>"])
    assert final(alice, alice.request("INVITE", aor(one))).status == 482


def test_rfc5393_a_spiral_is_no_loop(server, peer):
    alice, bob = peer(server), peer(server)
    one, two = unique("one"), unique("two")
    bind(alice, one, [f"<{self_uri(server, two)}>"])
    bind(bob, two, [f"<{bob.uri(two)}>"])
    invite = alice.request("INVITE", aor(one))
    got = bob.expect("INVITE")
    assert len(got.values("via")) == 3
    assert got.get("max-forwards") == "68"
    bob.reply(got, 200)
    ok = alice.expect(200)
    assert len(ok.values("via")) == 1
    assert len(ok.values("record-route")) == 2
    alice.ack(invite, ok)
    bob.expect("ACK")
    alice.in_dialog("BYE", invite, ok)
    bob.reply(bob.expect("BYE"), 200)
    alice.expect(200)


def test_rfc5393_a_request_that_was_changed_meanwhile_is_no_loop(server, peer):
    """Another server sends it back to another user here, below our Via."""
    alice, other = peer(server), peer(server)
    invite = alice.request("MESSAGE", other.uri("x"))
    got = other.expect("MESSAGE")
    uri = ring(alice, other)
    vias = [("Via", other.via())] + [("Via", v) for v in got.all("via")]
    rest = [(n, v) for n, v in got.fields if n.lower() not in ("via", "content-length")]
    other.send(message(f"MESSAGE {uri} SIP/2.0", vias + rest))
    again = other.expect("MESSAGE")
    assert again.uri == other.uri(uri[4:].split("@")[0])
    # ... and back to the same URI it is one.
    other.send(message(f"MESSAGE {got.uri} SIP/2.0", [("Via", other.via())] + vias[1:] + rest))
    other.expect(482)
    assert invite.get("call-id") == got.get("call-id")


def test_16_3_4_a_foreign_branch_that_looks_like_ours_is_no_loop(server, peer):
    alice, bob = peer(server), peer(server)
    host, port = server.addr()
    alice.request("MESSAGE", bob.uri("b"))
    got = bob.expect("MESSAGE")
    fake = got.branch[:-16] + "0" * 16
    req = Msg(raw_request(alice, "MESSAGE", bob.uri("b"),
                          [("Via", f"SIP/2.0/UDP {host}:{port};branch={fake}")]))
    alice.send(req.raw)
    bob.expect("MESSAGE")


# -- step 5

@pytest.mark.parametrize("values,listed", [(["foo"], ["foo"]), (["foo, bar"], ["foo", "bar"]),
                                           (["foo", "100rel"], ["foo", "100rel"])])
def test_16_3_5_proxy_require_is_420_with_the_tags_in_unsupported(server, peer, values, listed):
    alice, bob = peer(server), peer(server)
    req = alice.request("MESSAGE", bob.uri("b"), [("Proxy-Require", v) for v in values])
    got = final(alice, req)
    assert got.status == 420
    assert got.values("unsupported") == listed
    bob.quiet(0.1)


def test_16_3_5_require_is_for_the_other_side(server, peer):
    alice, bob = peer(server), peer(server)
    alice.request("MESSAGE", bob.uri("b"), [("Require", "foo")])
    assert bob.expect("MESSAGE").get("require") == "foo"


# -- RFC 5393 5: Max-Breadth

def test_rfc5393_max_breadth_is_added_and_divided(server, peer):
    alice, bob, carol = peer(server), peer(server), peer(server)
    uri = ring(alice, bob, carol)
    alice.request("MESSAGE", uri)
    assert bob.expect("MESSAGE").get("max-breadth") == "30"
    assert carol.expect("MESSAGE").get("max-breadth") == "30"
    alice.request("MESSAGE", uri, [("Max-Breadth", "5")])
    shares = [int(p.expect("MESSAGE").get("max-breadth")) for p in (bob, carol)]
    assert min(shares) >= 1 and sum(shares) <= 5


def test_rfc5393_no_breadth_at_all_is_440(server, peer):
    alice, bob = peer(server), peer(server)
    req = alice.request("INVITE", ring(alice, bob), [("Max-Breadth", "0")])
    assert final(alice, req).status == 440
    bob.quiet(0.1)


def test_rfc5393_too_little_breadth_for_all_branches(server, peer):
    alice, bob, carol = peer(server), peer(server), peer(server)
    invite = alice.request("INVITE", ring(alice, bob, carol), [("Max-Breadth", "1")])
    got = bob.expect("INVITE")
    assert got.get("max-breadth") == "1"
    carol.quiet(0.1)
    bob.reply(got, 200)
    alice.ack(invite, alice.expect(200))
    bob.expect("ACK")


# -- step 6 and 16.4: no open relay

def relay_attempts(server, other):
    route = f"<{self_uri(server)};lr>"
    yield other.uri("x"), []
    yield other.uri("x"), [("Route", route)]
    yield other.uri("x"), [("Route", f"{route}, <{other.uri()};lr>")]
    yield aor("somebody"), [("Route", f"<{other.uri()};lr>")]
    yield aor("somebody"), [("Route", route), ("Route", f"<{other.uri()};lr>")]
    yield self_uri(server) + ";lr", [("Route", f"<{other.uri('x')}>")]
    yield self_uri(server, "x") + f";maddr={other.host}", [("Route", f"<{other.uri('x')}>")]
    yield f"sip:x@foreign.test:{other.port};maddr={other.host}", []


@pytest.mark.parametrize("n", range(8))
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS", "REGISTER", "BYE"])
def test_16_3_6_strangers_are_not_relayed_for_whatever_the_route(closed, peer, method, n):
    alice, other = peer(closed), peer(closed)
    uri, fields = list(relay_attempts(closed, other))[n]
    assert final(alice, alice.request(method, uri, fields, to="<sip:x@foreign.test>")).status == 403
    other.quiet(0.05)


@pytest.mark.parametrize("n", range(8))
def test_16_11_an_ack_of_strangers_goes_nowhere(closed, peer, n):
    alice, other = peer(closed), peer(closed)
    uri, fields = list(relay_attempts(closed, other))[n]
    alice.request("ACK", uri, fields, to="<sip:x@foreign.test>")
    other.quiet(0.1)


def test_16_3_6_users_of_the_domain_are_reachable_for_strangers(closed, peer):
    alice, bob = peer(closed), peer(closed)
    uri = ring(bob, bob)
    alice.request("MESSAGE", uri)
    bob.reply(bob.expect("MESSAGE"), 200)
    alice.expect(200)


def test_16_3_6_a_dialog_goes_on_for_both_sides_of_it(closed, peer):
    alice, bob = peer(closed), peer(closed)
    invite = alice.request("INVITE", ring(bob, bob))
    got = bob.expect("INVITE")
    bob.reply(got, 200)
    ok = alice.expect(200)
    alice.ack(invite, ok)
    bob.expect("ACK")
    alice.in_dialog("INFO", invite, ok)
    bob.reply(bob.expect("INFO"), 200)
    alice.expect(200)
    # The other way: bob's route set is the Record-Route as he received it.
    bob.request("BYE", alice.uri("caller"), [("Route", v) for v in got.values("record-route")],
                from_=ok.get("to"), to=got.get("from"), call_id=got.get("call-id"))
    alice.reply(alice.expect("BYE"), 200)
    bob.expect(200)


def test_a_refusal_is_logged_with_call_id_and_source(closed, peer):
    alice, other = peer(closed), peer(closed)
    req = alice.request("MESSAGE", other.uri("x"))
    alice.expect(403)
    line = closed.wait_log(req.get("call-id"))
    assert f"source=127.0.0.1:{alice.port}" in line.replace('"', "") and "403" in line
