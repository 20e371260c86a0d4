"""RFC 3261 16.4 to 16.6: where a request goes and what it looks like there."""
import re

import pytest

from cgicalls import final
from sip import Msg, full_name, message, unique
from sipcalls import IPV6, aor, bind, raw_request, ring, running, self_uri, talk


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory, listen=IPV6) as d:
        yield d


# -- 16.4: route information preprocessing

def test_16_4_a_strict_router_before_us(server, peer):
    """The Request-URI is what we put into Record-Route; the real one is the last Route."""
    alice, bob = peer(server), peer(server)
    alice.request("MESSAGE", self_uri(server) + ";lr", [("Route", f"<{bob.uri('b')};x=y>")],
                  to="<sip:b@foreign.test>")
    got = bob.expect("MESSAGE")
    assert got.uri == bob.uri("b") + ";x=y"
    assert got.get("route") is None


def test_16_4_a_strict_router_before_us_and_more_hops_behind(server, peer):
    alice, bob = peer(server), peer(server)
    alice.request("MESSAGE", self_uri(server) + ";lr",
                  [("Route", f"<{bob.uri()};lr>"), ("Route", "<sip:far@foreign.test>")],
                  to="<sip:far@foreign.test>")
    got = bob.expect("MESSAGE")
    assert got.uri == "sip:far@foreign.test"
    assert got.values("route") == [f"<{bob.uri()};lr>"]


def test_16_4_our_own_route_values_are_taken_off(server, peer):
    alice, bob = peer(server), peer(server)
    own = f"<{self_uri(server)};lr>"
    for fields in ([("Route", own)], [("Route", f"{own}, {own}")],
                   [("Route", own), ("Route", f"<{self_uri(server, transport='tcp')};lr>")]):
        alice.request("MESSAGE", bob.uri("b"), fields)
        assert bob.expect("MESSAGE").get("route") is None


def test_16_4_the_domain_as_a_route_is_ours_too(server, peer):
    alice, bob = peer(server), peer(server)
    alice.request("MESSAGE", bob.uri("b"), [("Route", "<sip:example.test;lr>")])
    assert bob.expect("MESSAGE").get("route") is None


def test_16_4_an_maddr_that_is_ours_is_stripped(server, peer):
    alice, bob = peer(server), peer(server)
    user = ring(alice, bob)[4:].split("@")[0]
    host, port = server.addr()
    alice.request("MESSAGE", f"sip:{user}@example.test:{port};maddr={host};transport=udp",
                  to=f"<{aor(user)}>")
    assert bob.expect("MESSAGE").uri == bob.uri(user)


def test_16_6_an_maddr_that_is_not_ours_is_the_next_hop(server, peer):
    alice, bob = peer(server), peer(server)
    uri = f"sip:b@foreign.test:{bob.port};maddr={bob.host}"
    alice.request("MESSAGE", uri)
    assert bob.expect("MESSAGE").uri == uri


@pytest.mark.parametrize("route", ["<sip:a", "sip:a b", "<sip:>", "<sip:x@127.0.0.1:99999;lr>"])
def test_16_4_a_first_route_that_cannot_be_read_is_400(server, peer, route):
    alice, bob = peer(server), peer(server)
    assert final(alice, alice.request("MESSAGE", bob.uri("b"), [("Route", route)])).status == 400


# -- 16.5: targets

def test_16_5_the_request_goes_to_every_binding(server, peer):
    alice, bob, carol = peer(server), peer(server), peer(server)
    uri = ring(alice, bob, carol)
    alice.request("MESSAGE", uri)
    for p in (bob, carol):
        got = p.expect("MESSAGE")
        assert got.uri == p.uri(uri[4:].split("@")[0])
        p.reply(got, 200)
    alice.expect(200)


def test_16_5_users_are_compared_exactly_and_hosts_without_case(server, peer):
    alice, bob = peer(server), peer(server)
    uri = ring(alice, bob)
    alice.request("MESSAGE", uri.replace("example.test", "EXAMPLE.Test"))
    bob.expect("MESSAGE")
    req = alice.request("MESSAGE", uri.replace("user", "USER"))
    assert final(alice, req).status == 404


def test_16_5_escapes_of_the_user_are_seen_through(server, peer):
    alice, bob = peer(server), peer(server)
    uri = ring(alice, bob)
    alice.request("MESSAGE", uri.replace("user", "%75ser"))
    bob.expect("MESSAGE")


def test_16_5_a_user_nobody_knows_is_404(server, peer):
    alice = peer(server)
    assert final(alice, alice.request("INVITE", aor(unique("none")))).status == 404


def test_16_5_a_known_user_who_is_away_is_480(start, peer):
    d = start(start=False)
    d.user("add", "away@example.test", "secret")
    d.start()
    alice = peer(d)
    assert final(alice, alice.request("INVITE", aor("away"))).status == 480


def test_16_5_redirect_domains_answer_302_with_the_bindings(start, peer):
    d = start('redirect-domains = { "example.test" }\n')
    alice, bob, carol = peer(d), peer(d), peer(d)
    uri = ring(alice, bob, carol, qs=["0.5", "0.9"])
    got = final(alice, alice.request("INVITE", uri))
    assert got.status == 302
    user = uri[4:].split("@")[0]
    contacts = got.values("contact")
    assert {c.split(">")[0][1:] for c in contacts} == {bob.uri(user), carol.uri(user)}
    assert any("q=0.9" in c for c in contacts)
    bob.quiet(0.1)


# -- 16.6 step 1 and 2: the copy and its Request-URI

ODD = (b"X-Odd:   two  blanks\tand a tab  \r\n"
       b"x-FOLDED: one\r\n \ttwo\r\n  three\r\n"
       b"Subject :  before the colon\r\n"
       b"s: compact\r\n"
       b"X-Empty:\r\n"
       b"X-Bytes: \xc3\xa4 \xf0\x9f\x93\x9e \"quo\\\"ted, <\" ;a=b, c\r\n"
       b"X-Odd: again\r\n")


def test_16_6_1_unknown_header_fields_pass_byte_for_byte_and_in_order(server, peer):
    alice, bob = peer(server), peer(server)
    head = raw_request(alice, "MESSAGE", bob.uri("b")).split(b"Content-Length")[0]
    body = bytes(range(256))
    alice.send(head + ODD + b"Content-Type: application/octet-stream\r\nl: 256\r\n\r\n" + body)
    got = bob.expect("MESSAGE")
    assert ODD in got.raw
    assert got.raw.endswith(b"\r\nl: 256\r\n\r\n" + body)
    assert got.body == body


def test_16_6_1_the_order_of_all_fields_stays(server, peer):
    alice, bob = peer(server), peer(server)
    more = [("Subject", "x"), ("User-Agent", "test/1"), ("X-A", "1"), ("Accept", "*/*"), ("X-B", "2"),
            ("Warning", "399 here \"x\""), ("P-Asserted-Identity", "<sip:x@y.test>")]
    req = alice.request("MESSAGE", bob.uri("b"), more, b"hello")
    got = bob.expect("MESSAGE")
    added = ("via", "max-breadth")
    assert [n for n in got.names() if n not in added] == [n for n in req.names() if n not in added]
    for name in ("from", "to", "call-id", "cseq", *[n for n, _ in more]):
        assert got.all(name) == req.all(name)
    assert got.names()[:2] == ["via", "via"]


def test_16_6_2_the_request_uri_is_the_contact_without_headers_and_method(server, peer):
    alice, bob = peer(server), peer(server)
    user = unique("user")
    bind(alice, user, [f"<{bob.uri('b')};method=MESSAGE;x=1?Subject=hi&X-Y=z>"])
    alice.request("MESSAGE", aor(user))
    got = bob.expect("MESSAGE")
    assert got.uri == bob.uri("b") + ";x=1"
    assert got.get("x-y") is None and got.get("subject") is None


# -- step 3

@pytest.mark.parametrize("has,want", [("70", "69"), ("1", "0"), ("255", "254"), (None, "70")])
def test_16_6_3_max_forwards_is_decremented_or_added(server, peer, has, want):
    alice, bob = peer(server), peer(server)
    alice.send(raw_request(alice, "MESSAGE", bob.uri("b"),
                           [("Max-Forwards", has)] if has else [], ("max-forwards",)))
    got = bob.expect("MESSAGE")
    assert got.all("max-forwards") == [want]


# -- step 4

def test_16_6_4_record_route_is_on_top_with_lr_and_leads_back(server, peer):
    alice, bob = peer(server), peer(server)
    before = "<sip:before.example.net;lr>"
    alice.request("INVITE", bob.uri("b"), [("Record-Route", before)])
    got = bob.expect("INVITE")
    assert got.values("record-route") == [f"<{self_uri(server)};lr>", before]


@pytest.mark.parametrize("method,there", [("INVITE", True), ("SUBSCRIBE", True), ("REFER", True),
                                          ("MESSAGE", False), ("OPTIONS", False)])
def test_16_6_4_record_route_is_on_requests_that_can_make_a_dialog(server, peer, method, there):
    alice, bob = peer(server), peer(server)
    alice.request(method, bob.uri("b"))
    assert bool(bob.expect(method).all("record-route")) == there


@pytest.mark.parametrize("a", ["udp", "tcp", "udp6", "tcp6"])
@pytest.mark.parametrize("b", ["udp", "tcp", "udp6", "tcp6"])
def test_16_6_4_each_side_gets_its_own_record_route_and_the_dialog_works_both_ways(server, peer,
                                                                                   a, b):
    """RFC 5658: two values where transport or address family differ."""
    alice = peer(server, a[:3], a.endswith("6"))
    bob = peer(server, b[:3], b.endswith("6"))
    invite, got, ok = talk(alice, bob, bob.uri("b"))
    sides = []
    for s in (b, a):
        uri = self_uri(server, None, s[:3], s.endswith("6"))
        sides.append(f"<{uri}{';transport=tcp' if s[:3] == 'tcp' else ''};lr>")
    assert got.values("record-route") == (sides if a != b else sides[:1])
    assert ok.values("record-route") == got.values("record-route")
    alice.in_dialog("INFO", invite, ok)
    info = bob.expect("INFO")
    assert info.get("route") is None and info.uri == bob.uri("callee")
    assert info.values("via")[0].startswith(f"SIP/2.0/{b[:3].upper()} ")
    bob.reply(info, 200)
    alice.expect(200)
    bob.request("BYE", alice.uri("caller"), [("Route", v) for v in got.values("record-route")],
                from_=ok.get("to"), to=got.get("from"), call_id=got.get("call-id"))
    bye = alice.expect("BYE")
    assert bye.get("route") is None
    alice.reply(bye, 200)
    bob.expect(200)


def test_16_6_4_without_record_route_the_dialog_goes_by_itself(start, peer):
    d = start("record-route = false\n")
    alice, bob = peer(d), peer(d)
    _, got, ok = talk_directly(alice, bob)
    assert got.get("record-route") is None and ok.get("record-route") is None


def talk_directly(alice, bob):
    invite = alice.request("INVITE", bob.uri("b"))
    got = bob.expect("INVITE")
    bob.reply(got, 200)
    return invite, got, alice.expect(200)


def test_16_6_4_the_advertised_name_stands_in_via_and_record_route(start, peer):
    d = start(listen='listen "udp:127.0.0.1:0" { advertise = "edge.example.test:5099" }\n')
    alice, bob = peer(d), peer(d)
    alice.request("INVITE", bob.uri("b"))
    got = bob.expect("INVITE")
    assert got.values("via")[0].startswith("SIP/2.0/UDP edge.example.test:5099;")
    assert got.get("record-route") == "<sip:edge.example.test:5099;lr>"
    bob.reply(got, 200)
    ok = alice.expect(200)
    # What comes back with that name in its Route is ours.
    alice.request("BYE", bob.uri("b"), [("Route", ok.get("record-route"))], to=ok.get("to"))
    assert bob.expect("BYE").get("route") is None


# -- step 6 and 7: where to

def test_16_6_6_a_strict_router_behind_us(server, peer):
    alice, bob = peer(server), peer(server)
    alice.request("MESSAGE", "sip:far@foreign.test",
                  [("Route", f"<{bob.uri('strict')}>, <sip:next.test;lr>")])
    got = bob.expect("MESSAGE")
    assert got.uri == bob.uri("strict")
    assert got.values("route") == ["<sip:next.test;lr>", "<sip:far@foreign.test>"]


def test_16_6_6_the_only_route_is_a_strict_router(server, peer):
    alice, bob = peer(server), peer(server)
    alice.request("MESSAGE", "sip:far@foreign.test;a=b",
                  [("Route", f"<{self_uri(server)};lr>"), ("Route", f"<{bob.uri('strict')}>")])
    got = bob.expect("MESSAGE")
    assert got.uri == bob.uri("strict")
    assert got.values("route") == ["<sip:far@foreign.test;a=b>"]


def test_16_6_7_a_loose_router_is_the_next_hop_and_nothing_changes(server, peer):
    alice, bob = peer(server), peer(server)
    route = f'"Name" <{bob.uri()};lr>;x=y'
    alice.request("MESSAGE", "sip:far@foreign.test", [("Route", route)])
    got = bob.expect("MESSAGE")
    assert got.uri == "sip:far@foreign.test"
    assert got.all("route") == [route]


def test_16_6_7_transport_of_the_uri_decides(server, peer):
    alice, bob = peer(server), peer(server, "tcp")
    alice.request("MESSAGE", bob.uri("b"))
    got = bob.expect("MESSAGE")
    assert got.values("via")[0].startswith("SIP/2.0/TCP ")


@pytest.mark.parametrize("transport", ["sctp", "tls", "pigeon"])
def test_16_6_7_a_transport_we_do_not_have_fails_that_branch(server, peer, transport):
    alice, bob = peer(server), peer(server)
    req = alice.request("MESSAGE", f"sip:b@{bob.hostport};transport={transport}")
    assert final(alice, req).status in (416, 500, 503)
    bob.quiet(0.1)


def test_rfc3327_path_becomes_route(server, peer):
    alice, edge = peer(server), peer(server)
    user = unique("user")
    bind(alice, user, ["<sip:deep@inside.test>"],
         [("Path", f"<{edge.uri()};lr>, <sip:inner.test;lr>"), ("Supported", "path")])
    alice.request("MESSAGE", aor(user))
    got = edge.expect("MESSAGE")
    assert got.uri == "sip:deep@inside.test"
    assert got.values("route") == [f"<{edge.uri()};lr>", "<sip:inner.test;lr>"]


# -- step 8 and 9

def test_16_6_8_our_via_is_on_top_with_a_branch_of_its_own(server, peer):
    alice, bob, carol = peer(server), peer(server), peer(server)
    req = alice.request("MESSAGE", ring(alice, bob, carol))
    seen = set()
    host, port = server.addr()
    for p in (bob, carol):
        got = p.expect("MESSAGE")
        assert got.values("via")[0].startswith(f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK")
        assert req.branch in got.values("via")[1]
        seen.add(got.branch)
    assert len(seen) == 2


def test_16_6_8_branches_are_never_used_again(server, peer):
    alice, bob = peer(server), peer(server)
    call_id = unique("call")
    seen = set()
    for n in range(20):
        alice.request("MESSAGE", bob.uri("b"), call_id=call_id, cseq=n + 1, from_="<sip:a@b.test>;tag=1")
        got = bob.expect("MESSAGE")
        bob.reply(got, 200)
        alice.expect(200)
        seen.add(got.branch)
    assert len(seen) == 20


def test_16_6_9_content_length_stays_and_is_never_doubled(server, peer):
    alice, bob = peer(server, "tcp"), peer(server, "tcp")
    alice.request("MESSAGE", bob.uri("b"), body=b"12345")
    got = bob.expect("MESSAGE")
    assert got.all("content-length") == ["5"] and got.body == b"12345"


def test_16_6_9_content_length_is_added_for_streams(server, peer):
    alice, bob = peer(server), peer(server, "tcp")
    head = raw_request(alice, "MESSAGE", bob.uri("b"), [("Content-Type", "text/plain")])
    head = head.replace(b"Content-Length: 0\r\n", b"")
    alice.send(head + b"to the end of the datagram")
    got = bob.expect("MESSAGE")
    assert got.all("content-length") == ["26"]
    assert got.body == b"to the end of the datagram"


def test_16_6_9_bytes_behind_the_content_are_not_forwarded(server, peer):
    alice, bob = peer(server), peer(server)
    alice.send(raw_request(alice, "MESSAGE", bob.uri("b"), [("Content-Type", "text/plain")],
                           body=b"abc") + b"TRAILING")
    got = bob.expect("MESSAGE")
    assert got.body == b"abc" and b"TRAILING" not in got.raw


def test_credentials_for_others_are_forwarded(server, peer):
    alice, bob = peer(server), peer(server)
    other = 'Digest username="a", realm="other.test", nonce="n", uri="sip:b", response="0"'
    alice.request("MESSAGE", bob.uri("b"), [("Proxy-Authorization", other),
                                            ("Authorization", other)])
    got = bob.expect("MESSAGE")
    assert got.get("proxy-authorization") == other and got.get("authorization") == other


def test_a_request_of_the_maximum_number_of_vias_is_still_forwarded(server, peer):
    alice, bob = peer(server, "tcp"), peer(server, "tcp")
    vias = [("Via", f"SIP/2.0/TCP hop{n}.test;branch=z9hG4bK{n}") for n in range(60)]
    data = message(f"MESSAGE {bob.uri('b')} SIP/2.0",
                   [("Via", alice.via()), *vias, ("From", "<sip:a@b.test>;tag=1"),
                    ("To", "<sip:b@c.test>"), ("Call-ID", unique()), ("CSeq", "1 MESSAGE")])
    alice.send(data)
    got = bob.expect("MESSAGE")
    assert len(got.values("via")) == 62
    bob.reply(got, 200)
    assert alice.expect(200).values("via") == Msg(data).values("via")
    assert re.match("via", full_name("v"))
