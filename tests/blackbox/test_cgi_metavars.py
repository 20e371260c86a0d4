"""RFC 3050 5.5.1: what a script is told in its environment."""
import re

import pytest

from cgicalls import OURS, ask, challenges, credentials, final, outcome, register
from daemon import Daemon, Dump
from sip import Msg, message, unique

OK = "SIP/2.0 299 OK\n\n"
STANDARD = {"AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "GATEWAY_INTERFACE", "REGISTRATIONS",
            "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_IDENT", "REMOTE_USER", "REQUEST_METHOD",
            "REQUEST_TOKEN", "REQUEST_URI", "RESPONSE_STATUS", "RESPONSE_REASON",
            "RESPONSE_TOKEN", "SCRIPT_COOKIE", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL",
            "SERVER_SOFTWARE"}
CONFIGURED = {"PATH", "LANG", "DUMP_DIR", "DUMP_BY_CALL"}


@pytest.fixture
def env(stage, peer):
    """env(...) is the environment of the run for a request like that."""

    def make(method="MESSAGE", uri=OURS, fields=(), body=b"", transport="udp", **known):
        p = peer(stage.daemon, transport)
        got, runs = outcome(p, stage, OK, method, uri, fields, body, **known)
        assert got.status == 299
        return runs.env()

    return make


# -- B: rules for all of them

def test_c020_header_and_body_information_is_there(stage, peer):
    _, runs = outcome(peer(stage.daemon), stage, OK, body="hello")
    assert runs.env()["SIP_FROM"] and runs.seen()["stdin"] == "hello"


def test_c022_undefined_differs_from_null(env):
    assert env(fields=[("Subject", "")])["SIP_SUBJECT"] == ""
    assert "SIP_SUBJECT" not in env()


def test_c023_only_what_may_be_null_is_ever_null(env):
    for seen in (env(), env("INVITE", body="x"), env("FOO", "tel:+1234"),
                 env("OPTIONS", fields=[("Subject", ""), ("X-Empty", "")])):
        assert {n for n, v in seen.items() if v == ""} <= {"SIP_SUBJECT", "SIP_X_EMPTY"}


def test_c024_no_two_names_differ_in_case_only(env):
    seen = env(fields=[("Foo", "1"), ("fOO", "2"), ("FOO", "3")])
    assert seen["SIP_FOO"] == "1, 2, 3"
    assert len({n.upper() for n in seen}) == len(seen)


def test_c024_underscore_and_hyphen_do_not_collide(env):
    seen = env(fields=[("X_A", "1"), ("X-A", "2"), ("X.B", "3")])
    assert seen["SIP_X_A"] == "2"
    assert not any("X.B" in n or "X_B" in n for n in seen)


def test_c025_values_keep_their_case(env):
    assert env(fields=[("Subject", "MiXeD")])["SIP_SUBJECT"] == "MiXeD"


def test_c026_names_outside_the_rfc_begin_with_sipcgi(env):
    seen = env("INVITE", body="x")
    assert all(n in STANDARD | CONFIGURED | {"SCRIPT_FILENAME", "SCRIPT_NAME"} or
               n.startswith(("SIP_", "SIPCGI_")) for n in seen), sorted(seen)


def test_c026_our_own_metavariables(env):
    seen = env(transport="tcp")
    assert seen["SIPCGI_EVENT"] == "request"
    assert seen["SIPCGI_TRANSPORT"] == "tcp"
    assert int(seen["SIPCGI_REMOTE_PORT"])
    assert seen["SCRIPT_FILENAME"].endswith("/scripts/dump")
    assert seen["SCRIPT_NAME"] == "dump"
    assert seen["SIPCGI_TRANSACTION"] != env()["SIPCGI_TRANSACTION"]


def test_c027_every_header_is_sip_and_its_name_in_upper_case(env):
    fields = [(f"X-Header-{n}", f"value {n}") for n in range(30)]
    seen = env(fields=fields)
    assert {n: v for n, v in seen.items() if n.startswith("SIP_X_")} == \
        {f"SIP_X_HEADER_{n}": f"value {n}" for n in range(30)}
    assert seen["SIP_MAX_FORWARDS"] == "70"
    assert seen["SIP_CSEQ"] == "1 MESSAGE"


@pytest.mark.parametrize("compact,name,value", [
    ("i", "CALL_ID", None), ("m", "CONTACT", "<sip:me@here.test>"),
    ("e", "CONTENT_ENCODING", "identity"), ("l", "CONTENT_LENGTH", None),
    ("c", "CONTENT_TYPE", "text/plain"), ("f", "FROM", None), ("s", "SUBJECT", "x y"),
    ("k", "SUPPORTED", "path"), ("t", "TO", None), ("v", "VIA", None), ("o", "EVENT", "presence"),
    ("u", "ALLOW_EVENTS", "dialog"), ("r", "REFER_TO", "<sip:you@there.test>"),
    ("b", "REFERRED_BY", "<sip:he@there.test>"), ("x", "SESSION_EXPIRES", "1800"),
    ("y", "IDENTITY", "abc"), ("j", "REJECT_CONTACT", "*;audio"),
    ("d", "REQUEST_DISPOSITION", "proxy"), ("a", "ACCEPT_CONTACT", "*;audio"),
    ("n", "IDENTITY_INFO", "<https://there.test/>")])
def test_c028_compact_forms_give_the_same_variable(stage, peer, compact, name, value):
    p = peer(stage.daemon)
    runs = stage.call(OK)
    header = name.replace("_", "-")
    data = p.build("MESSAGE", OURS, [(header, value)] if value else [], b"body",
                   call_id=runs.call_id)
    line = re.compile(rb"(?im)^" + header.encode() + rb":")
    assert line.search(data)
    expected = Msg(data).get(header)
    p.send(line.sub(compact.encode() + b":", data))
    p.expect(299)
    seen = runs.env()
    assert seen[f"SIP_{name}"] == expected
    assert f"SIP_{compact.upper()}" not in seen


def test_c029_fields_of_one_name_become_one_in_order(env):
    seen = env(fields=[("Route", "<sip:server.example.test;lr>"),
                       ("Route", "<sip:two@127.0.0.1;lr>, <sip:three@127.0.0.1;lr>"),
                       ("Supported", "a"), ("k", "b, c"), ("Supported", "d")])
    assert seen["SIP_ROUTE"] == "<sip:server.example.test;lr>, <sip:two@127.0.0.1;lr>, " \
        "<sip:three@127.0.0.1;lr>"
    assert seen["SIP_SUPPORTED"] == "a, b, c, d"


def test_c029_several_vias_become_one(stage, peer):
    p = peer(stage.daemon)
    runs = stage.call(OK)
    second = "SIP/2.0/TCP there.test;branch=z9hG4bKx"
    data = p.build("MESSAGE", OURS, [("Via", p.via()), ("v", second)], call_id=runs.call_id)
    p.send(data)
    p.expect(299)
    assert runs.env()["SIP_VIA"] == f"{Msg(data).get('via')}, {second}"


@pytest.mark.parametrize("fold", ["\r\n ", "\r\n\t", " \r\n \t ", "\r\n  "])
def test_c030_folded_fields_are_one_line(env, fold):
    assert env(fields=[("Subject", f"one{fold}two")])["SIP_SUBJECT"] == "one two"


def test_c031_utf8_passes(env):
    name = '"Jürgen ☎ 日本" <sip:j@there.test>;tag=1'
    assert env(from_=name)["SIP_FROM"] == name


def test_c031_a_nul_in_a_header_is_400_and_no_script_runs(stage, peer):
    p = peer(stage.daemon)
    runs = stage.call(OK)
    req = ask(p, runs, "MESSAGE", fields=[("Subject", "a\0b")])
    assert final(p, req).status == 400
    assert runs.count == 0


def test_c032_values_are_as_received(env):
    value = '"a,b"   ;x=  1 , "c\\"d" <sip:x@y>'
    assert env(fields=[("X-Raw", value)])["SIP_X_RAW"] == value


def test_c033_c034_all_fields_but_credentials_are_given(env):
    fields = [("X-Foo", "1"), ("P-Asserted-Identity", "<sip:a@b.test>"), ("Authorization", "Basic x"),
              ("Proxy-Authorization", "Basic y"), ("Identity", "z"), ("Privacy", "none")]
    seen = env(fields=fields)
    expected = {"X_FOO", "P_ASSERTED_IDENTITY", "IDENTITY", "PRIVACY", "VIA", "FROM", "TO",
                "CALL_ID", "CSEQ", "MAX_FORWARDS", "CONTENT_LENGTH"}
    assert {n[4:] for n in seen if n.startswith("SIP_")} == expected


def test_c034_c186_credentials_are_given_only_when_configured(start, peer):
    d = start(start=False)
    one, two = Dump(d, "closed"), Dump(d, "open", "pass-authorization = true")
    d.configure(one.config + two.config + 'route { request-uri = "sip:open@*" script = "open" }\n'
                'route { script = "closed" }\n')
    d.start()
    p = peer(d)
    for dump, user in ((one, "closed"), (two, "open")):
        dump.out(OK)
        p.request("MESSAGE", f"sip:{user}@example.test",
                  [("Authorization", "Basic c2VjcmV0"), ("Proxy-Authorization", "Basic c2VjcmV1")])
        p.expect(299)
    assert two.env()["SIP_AUTHORIZATION"] == "Basic c2VjcmV0"
    assert two.env()["SIP_PROXY_AUTHORIZATION"] == "Basic c2VjcmV1"
    assert not any("c2VjcmV" in v for v in one.env().values())
    assert "c2VjcmV" not in d.log()


def test_c035_content_length_synthesized_differs_from_received(env):
    seen = env(fields=[("Content-Length", None), ("Content-Type", "text/plain")], body="12345")
    assert seen["CONTENT_LENGTH"] == "5" and "SIP_CONTENT_LENGTH" not in seen
    seen = env(fields=[("Content-Type", "text/plain")], body="12345")
    assert seen["CONTENT_LENGTH"] == seen["SIP_CONTENT_LENGTH"] == "5"
    assert seen["CONTENT_TYPE"] == seen["SIP_CONTENT_TYPE"] == "text/plain"


def test_c036_c051_c071_protocol_and_interface(env):
    seen = env()
    assert seen["SERVER_PROTOCOL"] == "SIP/2.0"
    assert seen["GATEWAY_INTERFACE"] == "SIP-CGI/1.1"


# -- C-040 to C-047, C-059: credentials

@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A daemon that asks everybody for credentials; every request runs the dump script."""
    d = Daemon(tmp_path_factory.mktemp("guarded") / "d", start=False)
    d.base = d.base.replace('trusted = { "127.0.0.0/8", "::1" }', "").replace(
        "authenticate = { }", 'authenticate = { "register", "calls" }')
    dump = Dump(d, by_call=True)
    d.configure(dump.config + dump.route(""))
    for user, password in (("alice", "secret"), ("jörg", "tür")):
        d.user("add", f"{user}@example.test", password)
    d.start()
    yield d, dump
    d.stop()


class Guest:
    """Somebody with a user name and a password."""

    def __init__(self, peer, dump, user="alice", password="secret", escaped=None):
        self.peer, self.dump, self.user, self.password = peer, dump, user, password
        self.from_ = f"<sip:{escaped or user}@example.test>;tag={unique()}"

    def ask(self, runs, method="MESSAGE", uri=OURS, fields=(), **known):
        known.setdefault("from_", self.from_)
        return final(self.peer, ask(self.peer, runs, method, uri, fields, **known))

    def challenged(self, runs, method="MESSAGE", uri=OURS, status=407):
        got = self.ask(runs, method, uri)
        assert got.status == status
        assert runs.count == 0
        return challenges(got, "Proxy-Authenticate" if status == 407 else "WWW-Authenticate")

    def proof(self, challenge, method="MESSAGE", uri=OURS, password=None, **kw):
        return credentials(challenge, method, uri, self.user, password or self.password, **kw)


@pytest.fixture
def guest(guarded, peer):
    return lambda *args: Guest(peer(guarded[0]), guarded[1], *args)


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
@pytest.mark.parametrize("scheme", ["Digest", "digest", "DIGEST"])
def test_c040_c047_c059_auth_type_and_user_after_the_server_verified(guest, guarded, algorithm,
                                                                     scheme):
    g, runs = guest(), guarded[1].call(OK)
    offered = g.challenged(runs)
    assert [c["algorithm"] for c in offered] == ["SHA-256", "MD5"]
    challenge = next(c for c in offered if c["algorithm"] == algorithm)
    proof = g.proof(challenge, scheme=scheme)
    assert g.ask(runs, fields=[("Proxy-Authorization", proof)], cseq=2).status == 299
    assert runs.env()["AUTH_TYPE"] == "Digest"
    assert runs.env()["REMOTE_USER"] == "alice"
    assert "SIP_PROXY_AUTHORIZATION" not in runs.env()


def test_c059_remote_user_is_bytes_as_given(guest, guarded):
    g, runs = guest("jörg", "tür", "j%C3%B6rg"), guarded[1].call(OK)
    proof = g.proof(g.challenged(runs)[0])
    assert g.ask(runs, fields=[("Proxy-Authorization", proof)], cseq=2).status == 299
    assert runs.env()["REMOTE_USER"] == "jörg"


def test_c041_undefined_when_nobody_was_asked(env):
    seen = env()
    assert "AUTH_TYPE" not in seen and "REMOTE_USER" not in seen


def test_c042_wrong_password_is_answered_by_the_server(guest, guarded):
    g, runs = guest(), guarded[1].call(OK)
    proof = g.proof(g.challenged(runs)[0], password="guess")
    assert g.ask(runs, fields=[("Proxy-Authorization", proof)], cseq=2).status == 407
    assert runs.count == 0


def test_c043_failed_authentication_that_nobody_asked_for_sets_nothing(guest, guarded):
    g, runs = guest(), guarded[1].call(OK)
    offered = g.challenged(runs)
    stranger = f"<sip:alice@elsewhere.test>;tag={unique()}"
    bad = g.proof(offered[0], password="guess")
    got = g.ask(runs, fields=[("Proxy-Authorization", bad)], cseq=2, from_=stranger)
    assert got.status == 299
    assert "AUTH_TYPE" not in runs.env() and "REMOTE_USER" not in runs.env()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_c044_the_strongest_of_several_credentials_counts(guest, guarded, order):
    g, runs = guest(), guarded[1].call(OK)
    offered = g.challenged(runs)
    proofs = [g.proof(offered[0]), g.proof(offered[1])]
    fields = [("Proxy-Authorization", proofs[i]) for i in order]
    assert g.ask(runs, fields=fields, cseq=2).status == 299
    assert (runs.env()["AUTH_TYPE"], runs.env()["REMOTE_USER"]) == ("Digest", "alice")


def test_c045_credentials_for_another_realm_pass_untouched(guest, guarded, peer):
    g, runs, bob = guest(), guarded[1].call(), peer(guarded[0])
    offered = g.challenged(runs)
    foreign = 'Digest username="x", realm="elsewhere.test", nonce="n", uri="sip:y", response="00"'
    runs.out(f"CGI-PROXY-REQUEST {bob.uri('b')} SIP/2.0\n\n", 1)
    ask(g.peer, runs, "MESSAGE", cseq=2, from_=g.from_,
        fields=[("Proxy-Authorization", foreign), ("Proxy-Authorization", g.proof(offered[0]))])
    got = bob.expect("MESSAGE")
    bob.reply(got, 200)
    g.peer.expect(200)
    assert got.all("Proxy-Authorization") == [foreign]
    only = guarded[1].call(OK)
    stranger = f"<sip:x@elsewhere.test>;tag={unique()}"
    assert g.ask(only, fields=[("Proxy-Authorization", foreign)], from_=stranger).status == 299
    assert "AUTH_TYPE" not in only.env()


def test_c046_register_is_asked_as_registrar_the_rest_as_proxy(guest, guarded):
    g = guest()
    aor = "<sip:alice@example.test>"
    for method, status, uri, right, wrong in (
            ("REGISTER", 401, "sip:example.test", "Authorization", "Proxy-Authorization"),
            ("INVITE", 407, OURS, "Proxy-Authorization", "Authorization")):
        runs = guarded[1].call(OK)
        known = {"to": aor} if method == "REGISTER" else {}
        challenge = g.challenged(runs, method, uri, status)[0]
        proof = g.proof(challenge, method, uri)
        assert g.ask(runs, method, uri, [(wrong, proof)], cseq=2, **known).status == status
        assert runs.count == 0
        assert g.ask(runs, method, uri, [(right, proof)], cseq=3, **known).status == 299
        assert runs.env()["REMOTE_USER"] == "alice"


# -- C-048 to C-064: the request

@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("body", [b"x", b"0123456789" * 30, b"\0\r\n\r\n\xff"])
def test_c048_content_length_is_the_octets_of_the_body(env, transport, body):
    assert env(body=body, transport=transport)["CONTENT_LENGTH"] == str(len(body))


def test_c049_without_a_body_it_is_undefined(env):
    seen = env(fields=[("Content-Length", "0")])
    assert "CONTENT_LENGTH" not in seen and "CONTENT_TYPE" not in seen
    assert seen["SIP_CONTENT_LENGTH"] == "0"


@pytest.mark.parametrize("value", ["application/sdp", 'multipart/mixed;boundary="a;b"',
                                   "text/plain ; charset=UTF-8", "application/pkcs7-mime"])
def test_c050_content_type_keeps_its_parameters(env, value):
    assert env(fields=[("Content-Type", value)], body=b"x")["CONTENT_TYPE"] == value


def test_c050_a_body_without_content_type_is_400(stage, peer):
    p, runs = peer(stage.daemon), stage.call(OK)
    data = p.build("MESSAGE", OURS, call_id=runs.call_id)
    data = data.replace(b"Content-Length: 0", b"Content-Length: 4") + b"body"
    p.send(data)
    assert final(p, Msg(data)).status == 400
    assert runs.count == 0


def test_c052_registrations_are_the_contacts_of_a_302(start, peer):
    d = start(start=False)
    dump = Dump(d)
    dump.out(OK)
    d.configure('redirect-domains = { "example.test" }\n' + dump.config +
                dump.route('methods = { "MESSAGE" }'))
    d.start()
    p = peer(d)
    register(p, "pair", contact='"One, \\"1\\"" <sip:one@127.0.0.1:5999;x=y>;q=0.3;expires=200')
    register(p, "pair", contact='<sip:two@127.0.0.1:5998>;q=0.9;+sip.instance="<urn:uuid:'
                                '00000000-0000-1000-8000-000A95A0E128>"')
    moved = final(p, p.request("INVITE", "sip:pair@example.test"))
    assert moved.status == 302
    p.request("MESSAGE", "sip:pair@example.test")
    p.expect(299)
    seen = dump.env()["REGISTRATIONS"]
    listed = Msg(message("SIP/2.0 300 x", [("Contact", seen)])).values("contact")

    def steady(values):
        return [re.sub(r"expires=\d+", "expires=?", v) for v in values]

    assert len(listed) == 2
    assert steady(listed) == steady(moved.values("contact"))
    both = " ".join(listed)
    for part in ("<sip:one@127.0.0.1:5999;x=y>", "q=0.3", "q=0.9", "+sip.instance=", "expires=",
                 '"One, \\"1\\""'):
        assert part in both


@pytest.mark.parametrize("uri", ["sip:unknown@example.test", "sip:someone@elsewhere.test",
                                 "sip:example.test", "tel:+1234"])
def test_c053_nobody_of_ours_has_no_registrations(env, uri):
    assert "REGISTRATIONS" not in env(uri=uri)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_c055_remote_addr_is_the_peers_not_the_vias(stage, peer, transport):
    p = peer(stage.daemon, transport)
    via = p.via().replace(p.hostport, "192.0.2.7:5060")
    got, runs = outcome(p, stage, OK, fields=[("Via", via)])
    assert got.status == 299
    assert runs.env()["REMOTE_ADDR"] == "127.0.0.1"


def test_c055_c070_remote_addr_of_ipv6_has_no_brackets_and_the_port_is_that_listeners(start, peer):
    d = start(start=False, listen='listen "udp:127.0.0.1:0" {}\nlisten "udp:[::1]:0" {}\n')
    dump = Dump(d)
    dump.out(OK)
    d.configure(dump.config + dump.route(""))
    d.start()
    for n, (ipv6, address) in enumerate([(False, "127.0.0.1"), (True, "::1")], 1):
        p = peer(d, ipv6=ipv6)
        p.request("MESSAGE", OURS)
        p.expect(299)
        assert dump.env(n)["REMOTE_ADDR"] == address
        assert dump.env(n)["SERVER_PORT"] == str(d.addr("udp", ipv6)[1])
        assert dump.env(n)["SIPCGI_REMOTE_PORT"] == str(p.port)


def test_c057_c058_remote_host_and_ident_are_off(env):
    seen = env()
    assert "REMOTE_HOST" not in seen and "REMOTE_IDENT" not in seen


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER", "SUBSCRIBE", "BYE", "FOO",
                                    "foo", "X-9.!%*_+`'~"])
def test_c060_c061_request_method_is_the_method(env, method):
    seen = env(method)
    assert seen["REQUEST_METHOD"] == method
    assert not any(n.startswith("RESPONSE_") for n in seen)


@pytest.mark.parametrize("uri", [
    "sip:someone@example.test", "sips:someone@example.test", "tel:+1-201-555-0123",
    "urn:service:sos", "sip:%61lice;x=1@example.test:5070;transport=tcp?Subject=hi",
    "sip:[::1]:5060", "SIP:U@EXAMPLE.test"])
def test_c064_request_uri_is_that_of_the_request_line(env, uri):
    assert env(uri=uri)["REQUEST_URI"] == uri


@pytest.mark.parametrize("uri,name", [
    ("sip:u@example.test", "example.test"), ("sip:u@elsewhere.test", "server.example.test"),
    ("tel:+123", "server.example.test"), ("sip:example.test", "example.test")])
def test_c069_server_name_is_our_domain_or_host_name(env, uri, name):
    assert env(uri=uri)["SERVER_NAME"] == name


def test_c070_server_port_is_the_one_the_message_came_to(stage, env):
    for transport in ("udp", "tcp"):
        assert env(transport=transport)["SERVER_PORT"] == str(stage.daemon.addr(transport)[1])


def test_c072_server_software_is_a_product_with_version(env):
    assert re.fullmatch(r"sipcgid/[0-9]\S*", env()["SERVER_SOFTWARE"])
