"""RFC 3261 18 over UDP, RFC 3581, and requests too large for a datagram."""
import pytest

from cgicalls import final
from sip import Peer, unique
from sipcalls import IPV6, alive, aor, bind, raw_request, ring, running, self_uri


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory, listen=IPV6) as d:
        yield d


def via_of(response):
    return response.values("via")[0]


# -- 18.2.1, RFC 3581: received and rport

@pytest.mark.parametrize("ipv6", [False, True])
def test_rfc3581_rport_is_filled_in_and_received_added(server, peer, ipv6):
    alice = peer(server, ipv6=ipv6)
    req = alice.request("OPTIONS", self_uri(server, ipv6=ipv6))
    via = via_of(final(alice, req))
    assert f";rport={alice.port}" in via
    host = via.split("received=")[1].split(";")[0].strip("[]")
    assert host == alice.host


@pytest.mark.parametrize("ipv6", [False, True])
def test_rfc3581_the_answer_goes_to_the_port_it_came_from(server, peer, ipv6):
    """A client behind a NAT: its Via tells another address."""
    alice = peer(server, ipv6=ipv6)
    top = f"SIP/2.0/UDP 192.0.2.7:5062;branch={unique('z9hG4bK')};rport"
    alice.send(raw_request(alice, "OPTIONS", self_uri(server, ipv6=ipv6), via=top))
    via = via_of(alice.expect(200))
    assert via.startswith(top)
    assert f"rport={alice.port}" in via and f"received={alice.host}" in via.replace("[", "").replace(
        "]", "")


def test_18_2_1_received_is_added_when_the_via_tells_another_address(server, peer):
    alice = peer(server)
    alice.send(raw_request(alice, "OPTIONS", self_uri(server),
                           via=f"SIP/2.0/UDP alice.example.net:{alice.port};branch=z9hG4bKname"))
    via = via_of(alice.expect(200))
    assert ";received=127.0.0.1" in via and "rport" not in via


def test_18_2_1_received_is_not_needed_when_the_via_is_right(server, peer):
    alice = peer(server)
    alice.send(raw_request(alice, "OPTIONS", self_uri(server),
                           via=f"SIP/2.0/UDP {alice.hostport};branch=z9hG4bKright"))
    assert via_of(alice.expect(200)) == f"SIP/2.0/UDP {alice.hostport};branch=z9hG4bKright"


def test_18_2_2_without_rport_the_answer_goes_to_the_port_of_the_via(server, peer):
    alice, other = peer(server), peer(server)
    alice.send(raw_request(alice, "OPTIONS", self_uri(server),
                           via=f"SIP/2.0/UDP {other.hostport};branch={unique('z9hG4bK')}"))
    other.expect(200)
    alice.quiet(0.1)


def test_18_2_2_maddr_of_the_via_is_where_the_answer_goes(server, peer):
    alice, other = peer(server), peer(server)
    alice.send(raw_request(alice, "OPTIONS", self_uri(server), via="SIP/2.0/UDP 192.0.2.1:"
                           f"{other.port};branch={unique('z9hG4bK')};maddr=127.0.0.1"))
    other.expect(200)


def test_18_2_1_what_the_client_claims_is_not_believed(server, peer):
    """received and rport that come from outside are written anew: nobody else gets the answer."""
    alice, victim = peer(server), peer(server)
    alice.send(raw_request(alice, "OPTIONS", self_uri(server),
                           via=f"SIP/2.0/UDP {victim.hostport};branch=z9hG4bKlie;"
                           f"received=127.0.0.9;rport={victim.port}"))
    via = via_of(alice.expect(200))
    assert f"rport={alice.port}" in via and "127.0.0.9" not in via
    victim.quiet(0.1)


def test_16_6_the_via_goes_on_as_it_was_stamped(server, peer):
    alice, bob = peer(server), peer(server)
    alice.send(raw_request(alice, "MESSAGE", bob.uri("b"),
                           via="SIP/2.0/UDP nat.test:5062;branch=z9hG4bKa;rport, "
                               "SIP/2.0/UDP inner.test;branch=z9hG4bKb"))
    got = bob.expect("MESSAGE")
    vias = got.values("via")
    assert vias[1].startswith("SIP/2.0/UDP nat.test:5062;branch=z9hG4bKa")
    assert f"rport={alice.port}" in vias[1] and "received=127.0.0.1" in vias[1]
    assert vias[2] == "SIP/2.0/UDP inner.test;branch=z9hG4bKb"
    bob.reply(got, 200)
    alice.expect(200)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_between_ipv6_and_ipv4(server, peer, transport):
    alice, bob = peer(server, transport, ipv6=True), peer(server, transport)
    invite = alice.request("INVITE", bob.uri("b"))
    got = bob.expect("INVITE")
    assert "[::1]" not in got.values("via")[0] and "[::1]" in got.values("via")[1]
    bob.reply(got, 200)
    alice.ack(invite, alice.expect(200))
    bob.expect("ACK")
    alice.in_dialog("BYE", invite, bob_ok(alice, got, invite))
    bob.reply(bob.expect("BYE"), 200)
    alice.expect(200)


def bob_ok(alice, got, invite):
    """The 200 once more, as the caller sees it: the callee repeated it."""
    class Ok:
        def get(self, name):
            return {"contact": "<" + got.uri + ">", "to": invite.get("to") + ";tag=x"}[name]

        def values(self, name):
            assert name == "record-route"
            return got.values(name)
    return Ok()


# -- datagrams

@pytest.mark.parametrize("data", [b"\r\n\r\n", b"\0\0\0\0", b"", b"\r\n", b"\xff" * 1200, b"GET / HTTP/1.1\r\n\r\n",
                                  b"SIP/2.0", b"OPTIONS", b"INVITE sip:a@b SIP/2.0\r\n\r\n"])
def test_what_is_no_message_is_dropped(server, peer, data):
    alice = peer(server)
    alice.send(data)
    alice.quiet(0.05, (400,))
    alive(server, alice)


def test_18_3_a_datagram_shorter_than_its_content_is_400(server, peer):
    alice = peer(server)
    data = raw_request(alice, "OPTIONS", self_uri(server), [("Content-Type", "text/plain")],
                       body=b"x" * 100)
    alice.send(data[:-1])
    alice.expect(400)


def test_a_datagram_of_60_kb_is_taken(server, peer):
    alice, bob = peer(server), peer(server, "tcp")
    body = bytes(range(256)) * 230
    alice.request("MESSAGE", bob.uri("b"), body=body)
    assert bob.expect("MESSAGE").body == body


# -- 18.1.1: too large for UDP

BIG = b"v=0\r\n" + b"a=" + b"x" * 1500


@pytest.fixture
def both(peer):
    """A UDP and a TCP peer with the same port."""
    def make(server):
        while True:
            tcp = peer(server, "tcp")
            try:
                return peer(server, "udp", port=tcp.port), tcp
            except OSError:
                continue
    return make


@pytest.mark.parametrize("method", ["MESSAGE", "INVITE"])
def test_18_1_1_a_large_request_goes_by_tcp(server, peer, both, method):
    alice = peer(server)
    udp, tcp = both(server)
    req = alice.request(method, udp.uri("b"), body=BIG)
    got = tcp.expect(method)
    assert got.values("via")[0].startswith("SIP/2.0/TCP ")
    assert got.body == BIG
    tcp.reply(got, 200)
    assert alice.expect(200).get("cseq") == req.get("cseq")
    udp.quiet(0.1)


def test_18_1_1_a_small_request_goes_by_udp(server, peer, both):
    alice = peer(server)
    udp, tcp = both(server)
    alice.request("MESSAGE", udp.uri("b"), body=b"x" * 400)
    udp.expect("MESSAGE")
    tcp.quiet(0.1)


@pytest.mark.parametrize("method", ["MESSAGE", "INVITE"])
def test_18_1_1_udp_all_the_same_where_nobody_listens_on_tcp(server, peer, method):
    alice, bob = peer(server), peer(server)
    alice.request(method, bob.uri("b"), body=BIG)
    got = bob.expect(method)
    assert got.values("via")[0].startswith("SIP/2.0/UDP ")
    assert got.body == BIG
    bob.reply(got, 200)
    alice.expect(200)


def test_18_1_1_a_transport_that_the_uri_names_is_kept_up_to_the_mtu_rule(server, peer, both):
    """RFC 3261 18.1.1 says MUST for large requests, even if the URI names UDP."""
    alice = peer(server)
    udp, tcp = both(server)
    alice.request("MESSAGE", udp.uri("b") + ";transport=udp", body=BIG)
    tcp.expect("MESSAGE")


def test_18_1_1_responses_stay_on_the_transport_of_their_request(server, peer, both):
    alice = peer(server)
    udp, tcp = both(server)
    alice.request("MESSAGE", udp.uri("b"))
    got = udp.expect("MESSAGE")
    udp.reply(got, 200, body=BIG)
    assert alice.expect(200).body == BIG
    tcp.quiet(0.05)


def test_the_mtu_can_be_configured(start, peer):
    d = start("proxy { mtu = 3000 }\n")
    alice, bob = peer(d), peer(d, "tcp")
    udp = peer(d, "udp", port=0)
    alice.request("MESSAGE", udp.uri("b"), body=BIG)
    udp.expect("MESSAGE")
    bob.quiet(0.05)


# -- somebody who is not there

def test_an_icmp_error_ends_the_branch_before_the_timeout(server, peer):
    alice, bob, gone = peer(server), peer(server), peer(server)
    user = unique("user")
    bind(alice, user, [f"<{gone.uri()}>;q=1", f"<{bob.uri()}>;q=0.1"])
    gone.close()
    alice.request("MESSAGE", aor(user))
    bob.reply(bob.expect("MESSAGE", 10), 200)
    alice.expect(200)


def test_many_clients_each_get_their_own_answer(server, peer):
    uri = ring(peer(server), peer(server))
    assert uri
    peers = [Peer(server.addr()) for _ in range(200)]
    reqs = [p.request("OPTIONS", self_uri(server)) for p in peers]
    for p, req in zip(peers, reqs):
        assert p.expect(200).get("call-id") == req.get("call-id")
        p.close()
