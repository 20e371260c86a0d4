"""RFC 3050 3, 4, 5.3, 5.4, 6.1: which script runs, when, how often, and where."""
import os
import shutil
import subprocess

import pytest

from cgicalls import OURS, ask, final, outcome, proxy, script_children
from daemon import Daemon, Dump, until


def status_script(daemon, name, status):
    path = daemon.script(name, f"#!/bin/sh\nprintf 'SIP/2.0 {status} {name}\\n\\n'\n")
    return f'script "{name}" {{ path = "{path}" }}\n'


# -- C-001: any executable is a script

def elf(directory):
    source = directory / "answer.c"
    source.write_text('#include <unistd.h>\n'
                      'int main(void) { return write(1, "SIP/2.0 299 ELF\\n\\n", 17) != 17; }\n')
    binary = directory / "answer"
    subprocess.run(["cc", "-o", binary, source], check=True)
    return binary.read_bytes()


@pytest.mark.parametrize("kind,text", [
    ("sh", "#!/bin/sh\necho 'SIP/2.0 299 OK'\necho\n"),
    ("python", "#!/usr/bin/python3 -S\nprint('SIP/2.0 299 OK\\n')\n"),
    ("perl", "#!/usr/bin/perl\nprint \"SIP/2.0 299 OK\\n\\n\";\n"),
    ("elf", None)])
def test_c001_any_executable_file_is_a_script(start, peer, tmp_path, kind, text):
    d = start('script "s" { path = "{dir}/scripts/s" }\nroute { script = "s" }\n', start=False)
    d.script("s", text or elf(tmp_path))
    d.start()
    p = peer(d)
    assert final(p, p.request("OPTIONS", OURS)).status == 299


# -- C-002: which script, by what

ROUTES = [
    ("method", 'methods = { "PUBLISH", "INFO" }', 281),
    ("user", 'request-uri = "sip:by-user@*"', 282),
    ("domain", 'request-uri = "sip:*@other.test"', 283),
    ("from", 'from = "sip:by-from@*"', 284),
    ("to", 'to = "sip:by-to@*"', 285),
    ("source", 'source = { "::1/128" }', 286),
    ("transport", 'transport = { "tcp" }', 287),
    ("rest", "", 288)]


@pytest.fixture(scope="module")
def routed(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("routed") / "d", start=False, listen="""
listen "udp:127.0.0.1:0" {}
listen "tcp:127.0.0.1:0" {}
listen "udp:[::1]:0" {}
""")
    d.configure("".join(status_script(d, n, s) for n, _, s in ROUTES) +
                "".join(f'route {{ {rule} script = "{n}" }}\n' for n, rule, _ in ROUTES))
    d.start()
    yield d
    d.stop()


@pytest.mark.parametrize("row", [
    (281, "PUBLISH", OURS, {}, {}), (281, "INFO", OURS, {}, {}),
    (282, "MESSAGE", "sip:by-user@example.test", {}, {}),
    (282, "MESSAGE", "sip:By-User@example.test:5060", {}, {}),
    (283, "MESSAGE", "sip:who@other.test", {}, {}),
    (284, "MESSAGE", OURS, {"from_": '"x" <sip:by-from@there.test>;tag=1'}, {}),
    (285, "MESSAGE", OURS, {"to": "<sip:by-to@there.test>"}, {}),
    (286, "MESSAGE", OURS, {}, {"ipv6": True}),
    (287, "MESSAGE", OURS, {}, {"transport": "tcp"}),
    (288, "MESSAGE", OURS, {}, {})], ids=lambda r: f"{r[0]}-{r[1]}-{r[2]}")
def test_c002_routes_choose_the_script_by_what_the_message_is(routed, peer, row):
    status, method, uri, known, how = row
    p = peer(routed, **how)
    assert final(p, p.request(method, uri, **known)).status == status


def test_c002_the_first_route_that_matches_wins(routed, peer):
    p = peer(routed)
    assert final(p, p.request("INFO", "sip:by-user@other.test")).status == 281


# -- C-003 to C-006, C-011, C-012: when a script runs

def test_c003_no_script_process_stays(stage, peer):
    p = peer(stage.daemon)
    for _ in range(10):
        assert outcome(p, stage, "SIP/2.0 299 OK\n\n")[0].status == 299
    until(lambda: not script_children(stage.daemon), what="the end of all scripts")


def test_c004_a_whole_call_runs_the_script_once(stage, peer):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy(bob.uri("b")))
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    for status in (180, 183, 200):
        bob.reply(got, status)
        response = alice.expect(status)
    alice.ack(invite, response)
    bob.expect("ACK")
    alice.in_dialog("BYE", invite, response)
    bob.reply(bob.expect("BYE"), 200)
    alice.expect(200)
    assert runs.count == 1


def test_c005_retransmissions_are_not_new_transactions(stage, peer):
    alice = peer(stage.daemon)
    runs = stage.call("SIP/2.0 486 Busy\n\n")
    held = runs.hold()
    invite = ask(alice, runs)
    runs.seen()
    for _ in range(4):
        alice.send(invite.raw)
    alice.expect(100)
    runs.release(held)
    busy = alice.expect(486)
    alice.send(invite.raw)
    assert alice.expect(486).raw == busy.raw
    alice.ack(invite, busy)
    assert runs.count == 1


@pytest.fixture(scope="module")
def dialogs(tmp_path_factory):
    """A daemon whose script runs inside dialogs too."""
    d = Daemon(tmp_path_factory.mktemp("dialogs") / "d", start=False)
    dump = Dump(d, by_call=True)
    d.configure(dump.config + dump.route("in-dialog = true"))
    d.start()
    yield d, dump
    d.stop()


def test_c006_c012_the_next_transaction_of_the_call_has_no_cookie(dialogs, peer):
    d, dump = dialogs
    alice, bob = peer(d), peer(d)
    runs = dump.call()
    runs.out("CGI-SET-COOKIE secret SIP/2.0\n\n" + proxy(bob.uri("b")), 1)
    invite = ask(alice, runs)
    bob.reply(bob.expect("INVITE"), 200)
    ok = alice.expect(200)
    alice.ack(invite, ok)
    bob.expect("ACK")
    again = alice.in_dialog("INVITE", invite, ok, cseq=2, fields=[("Contact", f"<{alice.uri()}>")])
    bob.reply(bob.expect("INVITE"), 200)
    alice.ack(again, alice.expect(200))
    bob.expect("ACK")
    alice.in_dialog("BYE", invite, ok, cseq=3)
    bob.reply(bob.expect("BYE"), 200)
    alice.expect(200)
    # The same Call-ID once more, in a transaction that has nothing to do with that call.
    runs.out("SIP/2.0 299 OK\n\n", 4)
    assert final(alice, ask(alice, runs, "MESSAGE")).status == 299
    assert [runs.env(n)["REQUEST_METHOD"] for n in (1, 2, 3, 4)] == \
        ["INVITE", "INVITE", "BYE", "MESSAGE"]
    assert all("SCRIPT_COOKIE" not in runs.env(n) for n in (1, 2, 3, 4))


def test_c004_requests_that_follow_a_route_set_run_no_script_unless_a_route_says_so(stage, peer):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call()
    runs.out(proxy(bob.uri("b")), 1)
    invite = ask(alice, runs)
    bob.reply(bob.expect("INVITE"), 200)
    ok = alice.expect(200)
    alice.ack(invite, ok)
    alice.in_dialog("INFO", invite, ok)
    bob.reply(bob.expect("INFO"), 200)
    alice.expect(200)
    assert runs.count == 1


def test_c009_an_ack_for_a_failure_is_taken_while_the_script_still_runs(stage, peer):
    alice = peer(stage.daemon)
    runs = stage.call("SIP/2.0 486 Busy\n\n")
    stay = runs.stay()
    invite = ask(alice, runs)
    alice.ack(invite, alice.expect(486))
    alice.quiet(0.8)          # timer G would have sent it again after 500 ms
    runs.release(stay)
    assert runs.count == 1


def test_c009_an_ack_for_a_proxied_2xx_is_forwarded_while_the_script_still_runs(stage, peer):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call("CGI-FORWARD-RESPONSE this SIP/2.0\n\n")
    runs.out("CGI-AGAIN yes SIP/2.0\n\n" + proxy(bob.uri("b")), 1)
    stay = runs.stay(2)
    invite = ask(alice, runs)
    bob.reply(bob.expect("INVITE"), 200)
    alice.ack(invite, alice.expect(200))
    bob.expect("ACK")
    assert runs.count == 2
    runs.release(stay)


def test_c010_a_held_script_holds_no_other_transaction(stage, peer):
    alice, other = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call("SIP/2.0 299 Late\n\n")
    held = runs.hold()
    first = ask(alice, runs, "MESSAGE")
    runs.seen()
    for _ in range(30):
        assert outcome(other, stage, "SIP/2.0 298 OK\n\n")[0].status == 298
    alice.quiet(0.05)
    runs.release(held)
    assert final(alice, first).status == 299


def test_c011_methods_a_route_does_not_name_get_the_default_action(dumped, peer):
    d, dump = dumped('methods = { "INVITE" }')
    dump.out("SIP/2.0 299 OK\n\n")
    alice = peer(d)
    assert final(alice, alice.request("OPTIONS", "sip:example.test")).status == 200
    assert final(alice, alice.request("MESSAGE", "sip:none@example.test")).status == 404
    assert dump.count == 0
    assert final(alice, alice.request("INVITE", OURS)).status == 299
    assert dump.count == 1


def test_c011_cancel_never_starts_a_script_of_its_own(stage, peer):
    alice = peer(stage.daemon)
    runs = stage.call()
    cancel = ask(alice, runs, "CANCEL")
    assert final(alice, cancel).status == 481
    assert runs.count == 0


# -- C-013 to C-015: arguments, directory, environment

@pytest.mark.parametrize("uri", ["sip:a+b@example.test", "sip:a=b@example.test",
                                 "sip:a@example.test?x=y+z", "sip:a@example.test;p=1?Subject=a+b"])
def test_c013_there_are_no_command_line_arguments(stage, peer, uri):
    got, runs = outcome(peer(stage.daemon), stage, "SIP/2.0 299 OK\n\n", uri=uri)
    assert got.status == 299
    assert runs.seen()["argc"] == 1
    assert runs.env()["REQUEST_URI"] == uri


def test_c014_the_working_directory_is_the_scripts(start, peer):
    d = start(start=False)
    dump = Dump(d)
    scripts = d.dir / "scripts"
    (scripts / "deep").mkdir()
    shutil.copy(scripts / "dump", scripts / "deep/real")
    (scripts / "link").symlink_to("deep/real")
    text = dump.config.replace(f'{scripts}/dump"', "%s\"")
    d.configure(text.replace('"dump"', '"real"') % (scripts / "deep/real") +
                text.replace('"dump"', '"link"') % (scripts / "link") +
                'route { request-uri = "sip:real@*" script = "real" }\n'
                'route { script = "link" }\n')
    d.start()
    dump.out("SIP/2.0 299 OK\n\n")
    p = peer(d)
    for n, (user, where) in enumerate([("real", scripts / "deep"), ("link", scripts)], 1):
        assert final(p, p.request("MESSAGE", f"sip:{user}@example.test")).status == 299
        assert dump.seen(n)["cwd"] == os.fspath(where)


def test_c015_metadata_is_in_the_environment_and_each_name_is_there_once(stage, peer):
    _, runs = outcome(peer(stage.daemon), stage, "SIP/2.0 299 OK\n\n")
    names = runs.seen()["names"]
    assert "GATEWAY_INTERFACE" in names and "REQUEST_METHOD" in names
    assert len(names) == len(set(names))


@pytest.mark.parametrize("user", ["plain-nobody", "nobody"])
def test_c017_the_default_action_is_the_same_without_a_script_and_with_a_silent_one(stage, peer,
                                                                                    user):
    alice = peer(stage.daemon)
    runs = stage.call()
    got = final(alice, ask(alice, runs, uri=f"sip:{user}@example.test"))
    assert got.status == 404
    assert runs.count == (user == "nobody")
