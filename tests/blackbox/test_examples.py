"""Every script of examples/, in each language, decides a real call."""
import os
import pathlib

import pytest

from daemon import ROOT

EXAMPLES = ROOT / "examples"
LANGUAGES = ("sh", "python", "perl")


@pytest.fixture(params=LANGUAGES)
def serve(request, start):
    """serve(name, VARIABLE=value, ...) gives a daemon that routes every INVITE to the example."""

    def make(name, **variables):
        env = " ".join(f'{k} = "{v}"' for k, v in variables.items())
        return start(f'script "{name}" {{ path = "{EXAMPLES}/{request.param}/{name}"\n'
                     f'  environment {{ {env} }} }}\n'
                     f'route {{ methods = {{ "INVITE" }} script = "{name}" }}\n')

    return make


def rings(caller, callee, uri, **known):
    """Calls; the INVITE that reaches the callee, which is then turned down and acknowledged."""
    invite = caller.request("INVITE", uri, body="v=0\r\n", **known)
    got = callee.expect("INVITE")
    callee.reply(got, 486)
    callee.expect("ACK")
    caller.ack(invite, caller.expect(486))
    return got


def refused(caller, uri, status, **known):
    invite = caller.request("INVITE", uri, **known)
    final = caller.expect(status)
    caller.ack(invite, final)
    return final


def test_forward_rings_at_the_configured_place(serve, peer):
    target = peer(None)
    d = serve("forward", FORWARD_TO=target.uri("elsewhere"))
    assert rings(peer(d), target, "sip:anybody@example.test").uri == target.uri("elsewhere")


def test_screen_declines_a_blocked_caller_and_lets_the_others_through(serve, peer, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("# comment\n\nsip:*@spam.test\nsip:mallory@example.test\n")
    d = serve("screen", BLOCKED=blocked)
    caller, carol = peer(d), peer(d)
    carol.request("REGISTER", "sip:example.test", to="<sip:carol@example.test>",
                  from_="<sip:carol@example.test>;tag=1", contact=f"<{carol.uri('carol')}>")
    carol.expect(200)
    for sender in ('"S" <sip:x@spam.test>;tag=1', "sip:mallory@example.test;tag=1",
                   "<sip:mallory@example.test>;tag=1"):
        final = refused(caller, "sip:carol@example.test", 603, from_=sender)
        assert final.get("warning")
    for sender in ("<sip:x@spam.test.example>;tag=1", '"x@spam.test" <sip:y@good.test>;tag=1'):
        rings(caller, carol, "sip:carol@example.test", from_=sender)


@pytest.mark.parametrize("now, open_", [("1 09", True), ("5 16", True), ("1 08", False),
                                        ("5 17", False), ("6 12", False)])
def test_hours_sends_to_the_office_only_when_it_is_open(serve, peer, now, open_):
    office, night = peer(None), peer(None)
    d = serve("hours", NOW=now, OFFICE=office.uri("office"), NIGHT=night.uri("night"))
    rings(peer(d), office if open_ else night, "sip:office@example.test")
    (night if open_ else office).quiet(0.1)


def test_group_rings_all_and_the_first_answer_has_the_call(serve, peer):
    members = [peer(None) for _ in range(3)]
    d = serve("group", MEMBERS=" ".join(m.uri(f"m{i}") for i, m in enumerate(members)))
    caller = peer(d)
    invite = caller.request("INVITE", "sip:team@example.test", body="v=0\r\n")
    got = [m.expect("INVITE") for m in members]
    assert all(g.get("alert-info") == "<urn:alert:source:internal>" for g in got)
    for m, g in zip(members, got):
        m.reply(g, 180)
    members[1].reply(got[1], 200)
    caller.ack(invite, caller.expect(200))
    for i in (0, 2):
        cancel = members[i].expect("CANCEL")
        members[i].reply(cancel, 200)
        members[i].reply(got[i], 487)
        members[i].expect("ACK")
    members[1].expect("ACK")


def test_prefix_takes_the_longest_prefix_and_then_the_cheapest(serve, peer, tmp_path):
    dear, cheap, short = peer(None), peer(None), peer(None)
    rates = tmp_path / "rates"
    rates.write_text(f"# prefix,price,gateway\n44,0.001,sip:{short.hostport}\n"
                     f"4420,0.020,sip:{dear.hostport}\n4420,0.010,sip:{cheap.hostport}\n")
    d = serve("prefix", RATES=rates)
    caller = peer(d)
    got = rings(caller, cheap, "sip:+442079460000@example.test")
    assert got.uri == f"sip:442079460000@{cheap.hostport}"
    rings(caller, short, "sip:44161@example.test")
    refused(caller, "sip:33@example.test", 404)


def test_numbers_finds_the_extension_in_the_list(serve, peer, tmp_path):
    desk = peer(None)
    numbers = tmp_path / "numbers"
    numbers.write_text(f"# number,target\n1001,{desk.uri('desk')}\n")
    d = serve("numbers", NUMBERS=numbers)
    caller = peer(d)
    assert rings(caller, desk, "sip:1001@example.test").uri == desk.uri("desk")
    refused(caller, "sip:1002@example.test", 404)


@pytest.mark.parametrize("path", sorted(p for lang in LANGUAGES
                                        for p in (EXAMPLES / lang).iterdir()),
                         ids=lambda p: f"{p.parent.name}-{p.name}")
def test_an_example_is_executable_and_under_thirty_lines(path):
    assert os.access(path, os.X_OK)
    assert len(pathlib.Path(path).read_text().splitlines()) < 30
