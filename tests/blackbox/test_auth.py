"""RFC 3261 22, RFC 7616, RFC 8760: digest as registrar and as proxy, and the users behind it."""
import re

import pytest

from cgicalls import challenges, credentials, final
from daemon import BASE, until
from sip import unique
from sipcalls import DOMAIN, aor, running

SECURE = BASE.replace('trusted = {{ "127.0.0.0/8", "::1" }}\n', "").replace(
    "authenticate = {{ }}\n", "")


def make_users(d):
    for name in ("alice", "bob", "carol"):
        d.user("add", f"{name}@{DOMAIN}", f"secret of {name}")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory, base=SECURE, start=False) as d:
        make_users(d)
        d.start()
        yield d


def register(peer, user, fields=(), contact=None, expires="300", **known):
    req = peer.request("REGISTER", f"sip:{DOMAIN}",
                       [("Contact", contact or f"<{peer.uri(user)}>"), ("Expires", expires), *fields],
                       from_=f"<{aor(user)}>;tag={unique()}", to=f"<{aor(user)}>", **known)
    return final(peer, req)


def challenged(peer, user="alice", algorithm="SHA-256"):
    """The registrar's challenge of that algorithm."""
    got = register(peer, user)
    assert got.status == 401, got
    return next(c for c in challenges(got, "www-authenticate") if c["algorithm"] == algorithm)


def answer(challenge, user="alice", password=None, method="REGISTER", uri=f"sip:{DOMAIN}", **more):
    return credentials(challenge, method, uri, user, password or f"secret of {user}", **more)


def login(peer, user="alice", **more):
    """A registration with good credentials."""
    c = challenged(peer, user)
    return register(peer, user, [("Authorization", answer(c, user))], **more)


def call(peer, uri, fields=(), user="alice", method="MESSAGE", **known):
    req = peer.request(method, uri, fields, from_=f"<{aor(user)}>;tag={unique()}", **known)
    return final(peer, req)


def proxy_challenge(peer, uri, user="alice", algorithm="SHA-256"):
    got = call(peer, uri, user=user)
    assert got.status == 407, got
    return next(c for c in challenges(got, "proxy-authenticate") if c["algorithm"] == algorithm)


# -- the challenge

def test_22_2_the_challenge_offers_sha_256_then_md5_with_qop_auth(server, peer):
    got = register(peer(server), "alice")
    assert got.status == 401
    both = challenges(got, "www-authenticate")
    assert [c["algorithm"] for c in both] == ["SHA-256", "MD5"]
    for c in both:
        assert c["realm"] == DOMAIN and c["qop"] == "auth" and len(c["nonce"]) >= 16
        assert "stale" not in c or c["stale"] == "false"
    assert got.get("proxy-authenticate") is None


def test_every_challenge_has_a_new_nonce(server, peer):
    p = peer(server)
    assert len({challenged(p)["nonce"] for _ in range(10)}) == 10


@pytest.mark.parametrize("algorithms,offered", [('"MD5"', ["MD5"]), ('"SHA-256"', ["SHA-256"]),
                                                ('"MD5", "SHA-256"', ["SHA-256", "MD5"])])
def test_the_algorithms_can_be_chosen(start, peer, algorithms, offered):
    d = start(f"auth {{ algorithms = {{ {algorithms} }} }}\n", base=SECURE, start=False)
    make_users(d)
    d.start()
    p = peer(d)
    both = challenges(register(p, "alice"), "www-authenticate")
    assert [c["algorithm"] for c in both] == offered
    assert register(p, "alice", [("Authorization", answer(both[0]))]).status == 200


def test_the_realm_can_be_chosen(start, peer):
    d = start('realm = "the realm"\n', base=SECURE)
    assert challenged(peer(d))["realm"] == "the realm"


# -- as registrar

@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_22_2_good_credentials_register(server, peer, transport, algorithm):
    p = peer(server, transport)
    c = challenged(p, algorithm=algorithm)
    assert register(p, "alice", [("Authorization", answer(c))]).status == 200


def test_rfc7616_no_algorithm_means_md5(server, peer):
    p = peer(server)
    c = challenged(p, algorithm="MD5")
    text = answer(c).replace("algorithm=MD5, ", "")
    assert register(p, "alice", [("Authorization", text)]).status == 200


def test_of_several_credentials_those_for_our_realm_count(server, peer):
    p = peer(server)
    other = 'Digest username="x", realm="other.test", nonce="1", uri="sip:x", response="0"'
    c = challenged(p)
    fields = [("Authorization", other), ("Authorization", answer(c)), ("Authorization", other)]
    assert register(p, "alice", fields).status == 200
    assert register(p, "alice", [("Authorization", other)]).status == 401


@pytest.mark.parametrize("wrong", [
    {"password": "guess"}, {"user": "nobody", "password": "x"}, {"method": "INVITE"},
    {"uri": "sip:elsewhere.test"}])
def test_22_2_wrong_credentials_are_challenged_again_and_logged(server, peer, wrong):
    p = peer(server)
    c = challenged(p)
    call_id = unique("wrong")
    got = register(p, "alice", [("Authorization", answer(c, **wrong))], call_id=call_id)
    # Credentials for another Request-URI may be refused as malformed: RFC 7616 3.4.6.
    assert got.status in ((401, 400) if "uri" in wrong else (401,))
    if got.status == 401:
        assert challenges(got, "www-authenticate")[0].get("stale", "false") == "false"
    line = server.wait_log(call_id)
    assert f"source=127.0.0.1:{p.port}" in line.replace('"', "")


@pytest.mark.parametrize("edit", [
    (r'response="\w+"', 'response="00"'), (r"cnonce", "cnonce2"), (r"nc=\w+", "nc=00000002"),
    (r'nonce="', 'nonce="x'), (r"qop=auth", "qop=auth-int"), (r"SHA-256", "SHA-512"),
    (r", response=.*", ""), (r"Digest", "Basic"), (r'realm="[^"]*"', 'realm="other"')])
def test_22_2_credentials_that_were_changed_do_not_register(server, peer, edit):
    p = peer(server)
    text = re.sub(*edit, answer(challenged(p)), count=1)
    assert register(p, "alice", [("Authorization", text)]).status in (400, 401)


def test_22_2_a_bad_attempt_does_not_use_up_the_nonce(server, peer):
    p = peer(server)
    c = challenged(p)
    assert register(p, "alice", [("Authorization", answer(c, password="guess"))]).status == 401
    assert register(p, "alice", [("Authorization", answer(c))]).status == 200


def test_rfc7616_a_nonce_may_be_used_again_with_a_higher_count(server, peer):
    p = peer(server)
    c = challenged(p)
    for nc in (1, 2, 5, 255):
        assert register(p, "alice", [("Authorization", answer(c, nc=nc))]).status == 200


def test_rfc7616_a_count_used_before_is_stale(server, peer):
    p = peer(server)
    c = challenged(p)
    text = answer(c)
    assert register(p, "alice", [("Authorization", text)]).status == 200
    got = register(p, "alice", [("Authorization", text)])
    assert got.status == 401
    again = challenges(got, "www-authenticate")[0]
    assert again["stale"].lower() == "true"
    assert register(p, "alice", [("Authorization", answer(again))]).status == 200


def test_rfc7616_an_old_nonce_is_stale_and_the_new_one_good(start, peer):
    d = start('auth { nonce-age = "1s" }\n', base=SECURE, start=False)
    make_users(d)
    d.start()
    p = peer(d)
    c = challenged(p)
    nc = iter(range(1, 10 ** 6))
    got = until(lambda: next((g for g in [register(p, "alice", [
        ("Authorization", answer(c, nc=next(nc)))])] if g.status == 401), None), what="a stale nonce")
    again = challenges(got, "www-authenticate")[0]
    assert again["stale"].lower() == "true" and again["nonce"] != c["nonce"]
    assert register(p, "alice", [("Authorization", answer(again))]).status == 200


def test_a_nonce_of_another_realm_or_made_up_is_stale_at_best(server, peer):
    p = peer(server)
    c = dict(challenged(p), nonce="0" * 40)
    got = register(p, "alice", [("Authorization", answer(c))])
    assert got.status == 401


def test_10_3_4_a_third_party_may_not_register_for_others(server, peer):
    p = peer(server)
    c = challenged(p)
    call_id = unique("third")
    got = register(p, "bob", [("Authorization", answer(c, "alice"))], call_id=call_id)
    assert got.status == 403
    assert "403" in server.wait_log(call_id)


def test_10_3_5_an_address_of_record_nobody_has_is_never_registered(server, peer):
    assert register(peer(server), "nobody").status in (401, 404)


def test_a_refused_registration_changes_nothing(server, peer):
    p = peer(server)
    login(p, "carol")
    register(p, "carol", [("Contact", "<sip:thief@192.0.2.66>")])
    c = challenged(p, "carol")
    got = register(p, "carol", [("Authorization", answer(c, "carol"))])
    assert [v.split(">")[0] for v in got.values("contact")] == [f"<{p.uri('carol')}"]


# -- as proxy

@pytest.fixture
def bob(server, peer):
    p = peer(server)
    assert login(p, "bob").status == 200
    return p


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_22_3_a_call_of_our_user_is_407_and_goes_through_with_credentials(server, peer, bob,
                                                                          algorithm):
    p = peer(server)
    uri = aor("bob")
    c = proxy_challenge(p, uri, algorithm=algorithm)
    text = answer(c, method="MESSAGE", uri=uri)
    p.request("MESSAGE", uri, [("Proxy-Authorization", text)], from_=f"<{aor('alice')}>;tag=1")
    got = bob.expect("MESSAGE")
    assert got.get("proxy-authorization") is None
    bob.reply(got, 200)
    p.expect(200)


def test_22_3_only_our_own_credentials_are_taken_out(server, peer, bob):
    p = peer(server)
    uri = aor("bob")
    other = 'Digest username="x", realm="other.test", nonce="1", uri="sip:x", response="0"'
    mine = answer(proxy_challenge(p, uri), method="MESSAGE", uri=uri)
    p.request("MESSAGE", uri, [("Proxy-Authorization", other), ("Proxy-Authorization", mine),
                               ("Authorization", other)], from_=f"<{aor('alice')}>;tag=1")
    got = bob.expect("MESSAGE")
    assert got.all("proxy-authorization") == [other] and got.get("authorization") == other


def test_22_3_an_invite_is_challenged_acknowledged_and_sent_again(server, peer, bob):
    p = peer(server)
    uri = aor("bob")
    got = call(p, uri, method="INVITE")      # final() acknowledges the 407
    assert got.status == 407
    c = challenges(got, "proxy-authenticate")[0]
    invite = p.request("INVITE", uri, [("Proxy-Authorization", answer(c, method="INVITE", uri=uri))],
                       from_=f"<{aor('alice')}>;tag=1", cseq=2)
    got = bob.expect("INVITE")
    bob.reply(got, 200)
    ok = p.expect(200)
    p.ack(invite, ok)
    bob.expect("ACK")
    # Inside the dialog nobody is asked again.
    p.in_dialog("BYE", invite, ok, cseq=3)
    bob.reply(bob.expect("BYE"), 200)
    p.expect(200)


def test_22_3_a_caller_may_only_be_who_it_is(server, peer, bob):
    p = peer(server)
    uri = aor("bob")
    c = proxy_challenge(p, uri, user="carol")
    got = call(p, uri, [("Proxy-Authorization", answer(c, "alice", method="MESSAGE", uri=uri))],
               user="carol")
    assert got.status == 403
    bob.quiet(0.1)


@pytest.mark.parametrize("where", ["foreign", "own"])
def test_16_3_6_a_user_with_credentials_may_call_elsewhere(server, peer, bob, where):
    p, other = peer(server), peer(server)
    uri = other.uri("x") if where == "foreign" else aor("bob")
    target = other if where == "foreign" else bob
    c = proxy_challenge(p, uri)
    p.request("MESSAGE", uri, [("Proxy-Authorization", answer(c, method="MESSAGE", uri=uri))],
              from_=f"<{aor('alice')}>;tag=1")
    target.reply(target.expect("MESSAGE"), 200)
    p.expect(200)


def test_16_3_6_strangers_reach_our_users_and_nobody_else(server, peer, bob):
    p, other = peer(server), peer(server)
    p.request("MESSAGE", aor("bob"), from_="<sip:x@foreign.test>;tag=1")
    bob.reply(bob.expect("MESSAGE"), 200)
    p.expect(200)
    req = p.request("MESSAGE", other.uri(), from_="<sip:x@foreign.test>;tag=1")
    assert final(p, req).status == 403


def test_22_1_ack_and_cancel_are_never_challenged(server, peer):
    p = peer(server)
    for method in ("ACK", "CANCEL"):
        p.request(method, aor("bob"), from_=f"<{aor('alice')}>;tag=1")
    assert p.expect(481).get("cseq") == "1 CANCEL"
    p.quiet(0.1)


def test_options_to_the_server_need_no_credentials(server, peer):
    p = peer(server)
    assert call(p, f"sip:{DOMAIN}", method="OPTIONS").status == 200


@pytest.mark.parametrize("value", ["Digest", "Digest username", 'Digest username="alice', "Digest " + "a=b," * 200,
                                   "", "\x01", 'Digest realm="example.test"'])
def test_malformed_credentials_are_answered_and_nothing_breaks(server, peer, value):
    p = peer(server)
    assert register(p, "alice", [("Authorization", value)]).status in (400, 401)
    assert call(p, aor("bob"), [("Proxy-Authorization", value)]).status in (400, 407)


# -- users

def test_users_added_changed_and_removed_count_in_a_running_daemon(start, peer):
    d = start(base=SECURE)
    p = peer(d)
    assert register(p, "dave").status in (401, 404)
    d.user("add", f"dave@{DOMAIN}", "one")
    until(lambda: try_login(p, "dave", "one") == 200, what="the new user")
    d.user("passwd", f"dave@{DOMAIN}", "two")
    until(lambda: try_login(p, "dave", "two") == 200, what="the new password")
    assert try_login(p, "dave", "one") == 401
    d.user("del", f"dave@{DOMAIN}")
    until(lambda: try_login(p, "dave", "two") != 200, what="the end of the user")


def try_login(peer, user, password):
    got = register(peer, user)
    if got.status != 401:
        return got.status
    c = challenges(got, "www-authenticate")[0]
    return register(peer, user, [("Authorization", answer(c, user, password))]).status


def test_no_password_is_in_the_database(server):
    data = b"".join(f.read_bytes() for f in server.dir.glob("sipcgid.db*"))
    assert b"alice" in data and b"secret of" not in data


def test_what_is_authenticated_can_be_chosen(start, peer):
    d = start(base=SECURE + 'authenticate = {{ "register" }}\n', start=False)
    make_users(d)
    d.start()
    p = peer(d)
    assert login(p, "alice").status == 200
    p.request("MESSAGE", aor("alice"), from_=f"<{aor('bob')}>;tag=1")
    p.expect("MESSAGE")


def test_trusted_sources_need_no_credentials(start, peer):
    d = start(base=SECURE + 'trusted = {{ "127.0.0.1" }}\n', start=False)
    make_users(d)
    d.start()
    p, other = peer(d), peer(d)
    assert register(p, "alice").status == 200
    p.request("MESSAGE", other.uri(), from_=f"<{aor('bob')}>;tag=1")
    other.expect("MESSAGE")
