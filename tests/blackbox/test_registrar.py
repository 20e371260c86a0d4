"""RFC 3261 10.3 step by step, RFC 3327, and what a registration means for calls."""
import email.utils
import re
import time

import pytest

from cgicalls import final
from daemon import until
from sip import unique
from sipcalls import DOMAIN, aor, running

LIMITS = """
registrar { min-expires = "60s" max-expires = "1h" default-expires = "10m" max-contacts = 4 }
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory, LIMITS) as d:
        yield d


class Client:
    """One user and one Call-ID with a CSeq that counts."""

    def __init__(self, peer, user=None, call_id=None, cseq=0):
        self.peer, self.user = peer, user or unique("user")
        self.call_id, self.cseq = call_id or unique("reg"), cseq

    def register(self, contacts=(), fields=(), cseq=None, **known):
        self.cseq = cseq or self.cseq + 1
        req = self.peer.request(
            "REGISTER", known.pop("uri", f"sip:{DOMAIN}"),
            [*[("Contact", c) for c in contacts], *fields], call_id=self.call_id, cseq=self.cseq,
            from_=f"<{aor(self.user)}>;tag={self.call_id}", to=known.pop("to", f"<{aor(self.user)}>"),
            **known)
        return final(self.peer, req)

    def bindings(self):
        """URI to its parameters, as a query tells."""
        return contacts(Client(self.peer, self.user).register())


def contacts(ok):
    assert ok.status == 200, ok
    out = {}
    for value in ok.values("contact"):
        uri, _, params = value.partition(">")
        out[uri.split("<")[1]] = {k.lower(): v for k, v in
                                  re.findall(r";\s*([^=;]+)=((?:\"[^\"]*\"|[^;])*)", params)}
    return out


@pytest.fixture
def client(server, peer):
    return Client(peer(server))


# -- step 1: whose registrar

def test_10_3_1_another_domain_is_a_matter_of_the_proxy(server, peer):
    alice, other = peer(server), peer(server)
    alice.request("REGISTER", f"sip:{other.hostport}", to="<sip:x@foreign.test>")
    assert other.expect("REGISTER").get("to") == "<sip:x@foreign.test>"


def test_10_3_1_a_user_in_the_request_uri_is_tolerated(client):
    """10.2 forbids clients to put one there; the domain is what counts."""
    assert client.register([f"<{client.peer.uri()}>"], uri=f"sip:someone@{DOMAIN}").status == 200
    assert list(client.bindings()) == [client.peer.uri()]


# -- step 2: Require

@pytest.mark.parametrize("tags,bad", [("foo", ["foo"]), ("path, foo, bar", ["foo", "bar"])])
def test_10_3_2_unknown_extensions_are_420(client, tags, bad):
    got = client.register([f"<{client.peer.uri()}>"], [("Require", tags)])
    assert got.status == 420 and got.values("unsupported") == bad
    assert client.bindings() == {}


# -- step 5: To

@pytest.mark.parametrize("to", ["<sip:user@foreign.test>", "<sip:example.test>"])
def test_10_3_5_a_to_that_is_not_of_the_domain_is_404(client, to):
    assert client.register([f"<{client.peer.uri()}>"], to=to).status in (400, 404)


def test_10_3_5_a_to_that_is_no_sip_uri_is_refused(client):
    assert client.register([f"<{client.peer.uri()}>"], to="<mailto:a@example.test>").status in (400,
                                                                                            404)


def test_10_3_5_the_address_of_record_is_canonical(client):
    """No parameters, no escapes, no case in the host."""
    user = client.user
    uri = client.peer.uri()
    assert client.register([f"<{uri}>"],
                           to=f'"Somebody" <sip:%75{user[1:]}@EXAMPLE.test;transport=tcp>').status == 200
    assert list(client.bindings()) == [uri]


# -- step 6: no Contact, wildcard

def test_10_3_6_a_query_tells_all_bindings_and_changes_nothing(client):
    a, b = client.peer.uri("a"), client.peer.uri("b")
    client.register([f"<{a}>;q=0.7;expires=100", f"<{b}>"])
    for _ in range(2):
        found = client.bindings()
        assert set(found) == {a, b}
        assert found[a]["q"] == "0.7" and 95 <= int(found[a]["expires"]) <= 100


def test_10_3_6_a_query_of_nobody_is_an_empty_200(client):
    got = client.register()
    assert got.status == 200 and got.all("contact") == []


def test_10_3_6_a_wildcard_with_expires_0_removes_all(client):
    client.register([f"<{client.peer.uri('a')}>", f"<{client.peer.uri('b')}>"])
    got = client.register(["*"], [("Expires", "0")])
    assert contacts(got) == {}
    assert client.bindings() == {}


@pytest.mark.parametrize("values,fields", [
    (["*"], []), (["*"], [("Expires", "1")]), (["*"], [("Expires", "x")]),
    (["*", "<sip:a@b.test>"], [("Expires", "0")]), (["<sip:a@b.test>", "*"], [("Expires", "0")]),
    (["*;expires=0"], [])])
def test_10_3_6_any_other_wildcard_is_400_and_changes_nothing(client, values, fields):
    client.register([f"<{client.peer.uri()}>"])
    assert client.register(values, fields).status == 400
    assert list(client.bindings()) == [client.peer.uri()]


def test_10_3_6_a_wildcard_out_of_order_changes_nothing(client):
    client.register([f"<{client.peer.uri()}>"], cseq=10)
    assert client.register(["*"], [("Expires", "0")], cseq=9).status == 500
    assert list(client.bindings()) == [client.peer.uri()]


# -- step 7: expiry

@pytest.mark.parametrize("param,header,lasts", [
    (None, None, 600), (None, "300", 300), ("200", None, 200), ("200", "300", 200),
    ("99999", None, 3600), (None, "99999999999", 3600), ("60", None, 60), ("junk", None, 3600),
    (None, "junk", 3600)])
def test_10_3_7_how_long_a_binding_lasts(client, param, header, lasts):
    uri = client.peer.uri()
    got = client.register([f"<{uri}>" + (f";expires={param}" if param else "")],
                          [("Expires", header)] if header else [])
    assert lasts - 1 <= int(contacts(got)[uri]["expires"]) <= lasts


@pytest.mark.parametrize("seconds", [1, 59])
def test_10_3_7_too_short_is_423_with_min_expires(client, seconds):
    got = client.register([f"<{client.peer.uri()}>"], [("Expires", str(seconds))])
    assert got.status == 423 and got.get("min-expires") == "60"
    assert client.bindings() == {}


def test_10_3_7_one_too_short_refuses_all(client):
    got = client.register([f"<{client.peer.uri('a')}>", f"<{client.peer.uri('b')}>;expires=5"])
    assert got.status == 423
    assert client.bindings() == {}


def test_10_3_7_expires_0_removes_that_binding(client):
    a, b = client.peer.uri("a"), client.peer.uri("b")
    client.register([f"<{a}>", f"<{b}>"])
    assert set(contacts(client.register([f"<{a}>;expires=0"]))) == {b}
    assert contacts(client.register([f"<{b}>"], [("Expires", "0")])) == {}


def test_10_3_7_removing_what_is_not_there_is_a_200(client):
    assert client.register([f"<{client.peer.uri()}>"], [("Expires", "0")]).status == 200


# -- step 7: which binding, Call-ID and CSeq

def test_10_3_7_the_same_contact_is_refreshed_not_added(client):
    uri = f"sip:A@{client.peer.hostport};x=1"
    client.register([f"<{uri}>;q=0.3"])
    same = f"SIP:%41@{client.peer.hostport};X=1"
    found = contacts(client.register([f"<{same}>;q=0.5"]))
    assert len(found) == 1 and next(iter(found.values()))["q"] == "0.5"


@pytest.mark.parametrize("other", ["sip:a@127.0.0.1:5;x=2", "sip:A@127.0.0.1:5", "sip:a@127.0.0.1",
                                   "sips:a@127.0.0.1:5", "sip:a@127.0.0.1:5;transport=tcp"])
def test_10_3_7_another_contact_is_added(client, other):
    client.register(["<sip:a@127.0.0.1:5;x=1>" if "x=" in other else "<sip:a@127.0.0.1:5>"])
    assert len(contacts(client.register([f"<{other}>"]))) == 2


@pytest.mark.parametrize("cseq", [5, 4])
def test_10_3_7_an_old_cseq_of_the_same_call_id_changes_nothing(client, cseq):
    uri = client.peer.uri()
    client.register([f"<{uri}>;q=0.9"], cseq=5)
    assert client.register([f"<{uri}>;q=0.1"], cseq=cseq).status == 500
    assert client.register([f"<{uri}>"], [("Expires", "0")], cseq=cseq).status == 500
    assert client.bindings()[uri]["q"] == "0.9"


def test_10_3_7_an_old_cseq_may_add_another_contact(client):
    """It is out of order only for the binding that it would change."""
    client.register([f"<{client.peer.uri('a')}>"], cseq=5)
    assert len(contacts(client.register([f"<{client.peer.uri('b')}>"], cseq=4))) == 2


def test_10_3_7_all_or_nothing(client):
    a, b = client.peer.uri("a"), client.peer.uri("b")
    client.register([f"<{a}>"], cseq=5)
    assert client.register([f"<{b}>", f"<{a}>"], cseq=5).status == 500
    assert list(client.bindings()) == [a]


def test_10_3_7_another_call_id_replaces_whatever_its_cseq(client):
    uri = client.peer.uri()
    client.register([f"<{uri}>;q=0.9"], cseq=100)
    found = contacts(Client(client.peer, client.user).register([f"<{uri}>;q=0.1"]))
    assert found[uri]["q"] == "0.1"


def test_17_2_a_repeated_register_is_answered_again(client):
    uri = client.peer.uri()
    ok = client.register([f"<{uri}>"])
    req = client.peer.build("REGISTER", f"sip:{DOMAIN}", [("Contact", f"<{uri}>")], call_id=unique(),
                            to=f"<{aor(client.user)}>")
    client.peer.send(req)
    first = client.peer.expect(200)
    client.peer.send(req)
    assert client.peer.expect(200).raw == first.raw and ok.status == 200


def test_10_3_7_too_many_bindings_are_refused(client):
    four = [f"<{client.peer.uri(str(n))}>" for n in range(4)]
    client.register(four)
    assert client.register([f"<{client.peer.uri('5')}>"]).status == 403
    assert len(client.bindings()) == 4
    assert client.register(four[:1]).status == 200


@pytest.mark.parametrize("value", ["<sip:a@b.test>;q=2", "<sip:a@b.test>;q=x", "<sip:a@b.test", "sip:",
                                   "<sip:a@b.test>;reg-id=x", "", "junk"])
def test_a_malformed_contact_is_400_and_changes_nothing(client, value):
    client.register([f"<{client.peer.uri()}>"])
    assert client.register([value]).status == 400
    assert list(client.bindings()) == [client.peer.uri()]


# -- RFC 5626 6: the same device at another address

def test_a_new_contact_of_the_same_instance_replaces_the_old_one(client):
    instance = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'
    a, b, c = (client.peer.uri(u) for u in "abc")
    client.register([f"<{a}>;{instance}", f"<{c}>"])
    found = contacts(Client(client.peer, client.user).register([f"<{b}>;{instance}"]))
    assert set(found) == {b, c}
    assert "urn:uuid" in found[b]["+sip.instance"]


def test_rfc5626_two_flows_of_an_instance_are_two_bindings(client):
    instance = '+sip.instance="<urn:uuid:x>"'
    a, b = client.peer.uri("a"), client.peer.uri("b")
    client.register([f"<{a}>;{instance};reg-id=1"])
    assert set(contacts(client.register([f"<{b}>;{instance};reg-id=2"]))) == {a, b}


# -- step 8: the answer

def test_10_3_8_the_200_has_all_bindings_their_parameters_and_the_date(client):
    a, b = client.peer.uri("a"), client.peer.uri("b")
    client.register([f'"Ann" <{a}>;q=0.25;x-own="a;b";methods="INVITE,BYE"'])
    got = client.register([f"<{b}>"])
    found = contacts(got)
    assert set(found) == {a, b}
    assert found[a]["q"] == "0.25" and found[a]["x-own"] == '"a;b"'
    assert found[a]["methods"] == '"INVITE,BYE"'
    date = email.utils.parsedate_to_datetime(got.get("date")).timestamp()
    assert abs(date - time.time()) < 5 and got.get("date").endswith(" GMT")


# -- RFC 3327

def test_rfc3327_path_is_stored_and_copied_to_the_200(client):
    path = "<sip:edge.test;lr>, <sip:inner.test;lr>"
    got = client.register([f"<{client.peer.uri()}>"], [("Path", path), ("Supported", "path")])
    assert ", ".join(got.values("path")) == path
    assert got.get("path") is not None


def test_rfc3327_path_without_support_is_420(client):
    got = client.register([f"<{client.peer.uri()}>"], [("Path", "<sip:edge.test;lr>")])
    assert got.status == 420 and got.values("unsupported") == ["path"]


@pytest.mark.parametrize("path", ["<sip:edge", "nothing", "<tel:+1>", "sip:edge.test;lr"])
def test_rfc3327_a_malformed_path_is_400(client, path):
    got = client.register([f"<{client.peer.uri()}>"], [("Path", path), ("Supported", "path")])
    assert got.status == 400
    assert client.bindings() == {}


def test_rfc3327_a_new_registration_replaces_the_path(client):
    uri = client.peer.uri()
    edge = client.peer.uri() + ";lr"
    client.register(["<sip:x@192.0.2.1>"], [("Path", f"<{edge}>"), ("Supported", "path")])
    client.peer.request("MESSAGE", aor(client.user))
    assert client.peer.expect("MESSAGE").values("route") == [f"<{edge}>"]
    client.register(["<sip:x@192.0.2.1>;expires=0", f"<{uri}>"])
    client.peer.request("MESSAGE", aor(client.user))
    assert client.peer.expect("MESSAGE").get("route") is None


# -- what it means for calls, time and restarts

def test_a_binding_that_expired_is_gone(start, peer):
    d = start('registrar { min-expires = "1s" }\n')
    client = Client(peer(d))
    client.register([f"<{client.peer.uri()}>;expires=1"])
    alice = peer(d)
    alice.request("MESSAGE", aor(client.user))
    client.peer.expect("MESSAGE")
    until(lambda: client.bindings() == {}, what="no bindings")
    req = alice.request("MESSAGE", aor(client.user))
    while True:
        got = alice.expect(404)
        if got.get("call-id") == req.get("call-id"):
            break


def test_unregistering_ends_calls_to_it(server, peer, client):
    alice = peer(server)
    client.register([f"<{client.peer.uri()}>"])
    client.register(["*"], [("Expires", "0")])
    assert final(alice, alice.request("INVITE", aor(client.user))).status == 404


def test_bindings_survive_a_restart_with_all_they_have(start, peer):
    d = start()
    client = Client(peer(d))
    uri, edge = client.peer.uri("a"), client.peer.uri() + ";lr"
    client.register([f'"Ann" <{uri}>;q=0.5;expires=600;x=y'], [("Path", f"<{edge}>"), ("Supported",
                                                                                 "path")], cseq=7)
    before = client.bindings()
    d.stop()
    d.start()
    again = peer(d)
    client.peer.server = again.server
    found = client.bindings()
    assert set(found) == set(before) == {uri}
    assert found[uri]["q"] == "0.5" and found[uri]["x"] == "y"
    assert 590 <= int(found[uri]["expires"]) <= 600
    # Call-ID and CSeq too: what is old is still out of order.
    assert client.register([f"<{uri}>"], cseq=7).status == 500
    again.request("MESSAGE", aor(client.user))
    got = client.peer.expect("MESSAGE")
    assert got.uri == uri and got.values("route") == [f"<{edge}>"]


def test_a_refusal_is_logged_with_call_id_source_and_reason(server, client):
    client.register([f"<{client.peer.uri()}>;expires=1"])
    line = server.wait_log(client.call_id)
    assert f"source=127.0.0.1:{client.peer.port}" in line.replace('"', "")
    assert "status=423" in line and "reason=" in line


def test_without_a_database_bindings_live_in_memory(start, peer):
    d = start('domains = { "example.test" }\ndatabase = ""\nauthenticate = {}\n', base=None)
    client = Client(peer(d))
    assert client.register([f"<{client.peer.uri()}>"]).status == 200
    assert list(client.bindings()) == [client.peer.uri()]
