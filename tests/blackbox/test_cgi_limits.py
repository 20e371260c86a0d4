"""RFC 3050 5.6, 7: limits of a script, who it runs as, and what it can reach."""
import os
import pwd
import re
import subprocess
import time

import pytest

from cgicalls import OURS, ask, final, proxy, script_children
from daemon import SIPCGID, Dump, until


@pytest.fixture
def scripted(start):
    """scripted(text, options) gives a daemon whose every request but sip:plain... runs it."""

    def make(text, options="", config="", **kw):
        d = start('script "s" { path = "{dir}/scripts/s" %s }\n'
                  'route { request-uri = "sip:plain*" }\n'
                  'route { script = "s" }\n%s' % (options, config), start=False, **kw)
        d.script("s", text)
        d.start()
        return d

    return make


# -- C-180, C-181, C-183: time

def gone(d):
    return until(lambda: not script_children(d), 10, "the end of all the script's processes")


@pytest.mark.parametrize("text", [
    "#!/bin/sh\nexec sleep 60\n",
    "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 60; done\n",
    "#!/bin/sh\nsleep 60 &\nsleep 60 &\nwait\n",
    "#!/bin/sh\nsetsid sleep 60 &\nsetsid sh -c \"trap '' TERM; sleep 61\" &\nwait\n",
    "#!/bin/sh\nexec 1>&- 2>&-\nsleep 60\n"],
    ids=["sleeps", "ignores TERM", "grandchildren", "other sessions", "closed output"])
def test_c180_c181_c183_a_run_beyond_its_time_is_504_and_all_its_processes_end(scripted, peer, text):
    d = scripted(text, "timeout = 500ms")
    p = peer(d)
    before = d.fds()
    sent = time.monotonic()
    got = final(p, p.request("INVITE", OURS))
    took = time.monotonic() - sent
    assert got.status == 504
    assert 0.45 < took < 0.9
    gone(d)
    until(lambda: d.fds() == before, what="closed descriptors")


def test_c181_after_it_acted_a_timeout_cancels_what_is_pending(scripted, peer):
    bob = peer(None)
    d = scripted(f"#!/bin/sh\nprintf 'CGI-PROXY-REQUEST {bob.uri('b')} SIP/2.0\\n\\n'\n"
                 "exec sleep 60\n", "timeout = 500ms")
    alice = peer(d)
    invite = alice.request("INVITE", OURS)
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    assert final(alice, invite).status == 504
    bob.reply(bob.expect("CANCEL"), 200)
    bob.reply(got, 487)
    bob.expect("ACK")


# -- C-182 and other limits

@pytest.mark.parametrize("options,out,status", [
    ("max-actions = 4", "CGI-SET-COOKIE x SIP/2.0\n\n" * 3 + "SIP/2.0 299 OK\n\n", 299),
    ("max-actions = 4", "CGI-SET-COOKIE x SIP/2.0\n\n" * 4 + "SIP/2.0 299 OK\n\n", 500),
    ("max-output = 1024", "SIP/2.0 299 OK\nContent-Type: a/b\n\n" + "x" * 900, 299),
    ("max-output = 1024", "SIP/2.0 299 OK\nContent-Type: a/b\n\n" + "x" * 1100, 500)])
def test_c182_limits_of_a_run_are_500_when_passed(dumped, peer, options, out, status):
    d, dump = dumped("", options)
    dump.out(out)
    p = peer(d)
    assert final(p, p.request("MESSAGE", OURS)).status == status


def test_c182_too_many_branches_are_500_and_all_are_cancelled(dumped, peer):
    d, dump = dumped("", "max-branches = 2")
    alice, callees = peer(d), [peer(d) for _ in range(3)]
    dump.out("".join(proxy(c.uri("c")) for c in callees))
    invite = alice.request("INVITE", OURS)
    assert final(alice, invite).status == 500
    callees[2].quiet(0.1)


def test_c182_100_branches_against_the_default_limits(stage, peer):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy(bob.uri("b")) * 100)
    assert final(alice, ask(alice, runs)).status == 500


# -- C-184: who may write the script

def check(d):
    return subprocess.run([SIPCGID, "--check", str(d.conf)], capture_output=True, text=True)


@pytest.mark.parametrize("mode,directory,fine", [
    (0o755, 0o755, True), (0o700, 0o755, True), (0o555, 0o555, True), (0o777, 0o755, False),
    (0o757, 0o755, False), (0o775, 0o755, False), (0o755, 0o777, False), (0o755, 0o775, False),
    (0o644, 0o755, False)], ids=lambda v: oct(v) if isinstance(v, int) else str(v))
def test_c184_a_script_others_can_write_is_refused_with_the_reason(start, mode, directory, fine):
    d = start('script "s" { path = "{dir}/scripts/s" }\nroute { script = "s" }\n', start=False)
    path = d.script("s", "#!/bin/sh\n", mode)
    path.parent.chmod(directory)
    result = check(d)
    assert (result.returncode == 0) == fine, result.stderr
    if not fine:
        assert str(path.parent) in result.stderr
        assert re.search(r"sipcgid\.conf:\d+: ", result.stderr)


@pytest.mark.parametrize("path", ["scripts/none", "scripts", "scripts/none/s"])
def test_c184_what_is_no_program_is_refused(start, path):
    d = start('script "s" { path = "{dir}/%s" }\nroute { script = "s" }\n' % path, start=False)
    d.script("s", "#!/bin/sh\n")
    assert check(d).returncode != 0


# -- C-187: what a script has and has not

def test_c187_a_script_has_three_descriptors_and_no_core(stage, peer):
    p = peer(stage.daemon)
    runs = stage.call("SIP/2.0 299 OK\n\n")
    tcp = peer(stage.daemon, "tcp")
    tcp.connect()
    assert final(p, ask(p, runs, "MESSAGE", body="x")).status == 299
    assert runs.seen()["fds"] == [0, 1, 2]
    assert runs.seen()["pgid"] == runs.seen()["pid"]


def test_c187_nothing_of_the_daemons_environment_reaches_a_script(start, peer):
    d = start(start=False, env={**os.environ, "SECRET_OF_THE_DAEMON": "x", "LD_LIBRARY_PATH": "/x",
                                "HOME": "/root", "PATH": "/nowhere:" + os.environ["PATH"]})
    dump = Dump(d)
    dump.out("SIP/2.0 299 OK\n\n")
    d.configure('environment { WHERE = "file" }\n' +
                dump.config.replace("environment {", 'environment { WHERE = "script" ') +
                dump.route(""))
    d.start()
    p = peer(d)
    assert final(p, p.request("MESSAGE", OURS)).status == 299
    seen = dump.env()
    for name in ("SECRET_OF_THE_DAEMON", "LD_LIBRARY_PATH", "HOME", "USER", "ASAN_OPTIONS"):
        assert name not in seen
    assert "/nowhere" not in seen["PATH"] and seen["LANG"]
    assert seen["WHERE"] == "script"


@pytest.mark.parametrize("name", ["REMOTE_USER", "AUTH_TYPE", "SIP_FROM", "SIPCGI_EVENT"])
def test_c187_configuration_cannot_forge_a_metavariable(start, name):
    d = start('environment { %s = "x" }\n' % name, start=False)
    result = check(d)
    assert result.returncode != 0 and name in result.stderr


HOSTILE = """#!/usr/bin/python3 -S
import os, signal
found = []
def attempt(what, how):
    try:
        how()
        found.append(what)
    except OSError:
        pass
def status(pid):
    return dict(l.strip().split(":", 1) for l in open(f"/proc/{pid}/status"))
pids = []
pid = os.getppid()
while status(pid)["Name"].strip().startswith("sipcgid"):
    pids.append(pid)
    pid = int(status(pid)["PPid"])
assert len(pids) > 1
for pid in pids:
    attempt("signal", lambda: os.kill(pid, 0))
    attempt("memory", lambda: open(f"/proc/{pid}/mem", "rb").close())
    attempt("descriptors", lambda: os.listdir(f"/proc/{pid}/fd"))
    attempt("environment", lambda: open(f"/proc/{pid}/environ", "rb").read())
for path in ("@conf", "@database", "@script"):
    attempt("write " + path, lambda: open(path, "ab").close())
attempt("read database", lambda: open("@database", "rb").close())
attempt("setuid", lambda: os.setuid(0))
attempt("setgid", lambda: os.setgid(0))
attempt("groups", lambda: os.setgroups([0]))
me = status("self")
if int(me["NoNewPrivs"]) != 1: found.append("new privileges")
if int(me["CapEff"], 16): found.append("capabilities")
# Python itself ignores SIGPIPE and SIGXFSZ.
if int(me["SigBlk"], 16) or int(me["SigIgn"], 16) & ~(1 << 12 | 1 << 24): found.append("signals")
print("SIP/2.0 299", ",".join(found) or "nothing", end="\\n\\n")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to run scripts as another user")
@pytest.mark.parametrize("by", ["script", "server"])
def test_c187_another_user_is_who_the_script_runs_as_and_it_reaches_nothing(start, peer, by):
    nobody = pwd.getpwnam("nobody")
    d = start(start=False)
    for directory in list(d.dir.parents)[:4]:
        if os.fspath(directory) != "/tmp":
            directory.chmod(directory.stat().st_mode | 0o055)
    user = 'user = "nobody"'
    dump = Dump(d, options=user if by == "script" else "")
    text = HOSTILE
    for name, path in (("conf", d.conf), ("database", d.dir / "sipcgid.db"),
                       ("script", d.dir / "scripts/hostile")):
        text = text.replace("@" + name, str(path))
    hostile = d.script("hostile", text)
    d.configure(dump.config + (user + "\n" if by == "server" else "") +
                f'script "hostile" {{ path = "{hostile}" {user} }}\n'
                'route { request-uri = "sip:hostile@*" script = "hostile" }\n' + dump.route(""))
    if by == "server":
        os.chown(d.dir, nobody.pw_uid, nobody.pw_gid)
    d.start()
    p = peer(d)
    dump.out("SIP/2.0 299 OK\n\n")
    assert final(p, p.request("MESSAGE", OURS)).status == 299
    assert (dump.seen()["uid"], dump.seen()["gid"]) == (nobody.pw_uid, nobody.pw_gid)
    if by == "script":
        got = final(p, p.request("MESSAGE", "sip:hostile@example.test"))
        assert (got.status, got.reason) == (299, "nothing")


# -- C-189: many at once

def test_c189_beyond_the_queue_new_requests_are_503_with_retry_after(dumped, peer):
    d, dump = dumped('methods = { "MESSAGE" }', "concurrency = 2 queue = 3 queue-age = 30s")
    held = dump.hold()
    dump.out("SIP/2.0 299 OK\n\n")
    peers = [peer(d) for _ in range(12)]
    for p in peers:
        p.request("MESSAGE", OURS)
    refused = {}
    until(lambda: len(d.log_lines("script run refused")) == 7, what="seven refusals")
    for p in peers:
        got = p.recv(0.05)
        if got:
            refused[p] = got
    assert len(refused) == 7
    assert all(m.status == 503 and int(m.get("retry-after")) for m in refused.values())
    # Others are not concerned: what runs no script is answered at once.
    other = peer(d)
    assert final(other, other.request("OPTIONS", "sip:example.test")).status == 200
    # All those that were taken are answered, first come first served.
    until(lambda: dump.count == 2)
    dump.release_all(held)
    assert [p.expect(299).status for p in peers if p not in refused] == [299] * 5
    assert dump.count == 5


def test_c189_who_waited_too_long_is_answered_503(dumped, peer):
    d, dump = dumped("", "concurrency = 1 queue = 10 queue-age = 300ms")
    held = dump.hold()
    dump.out("SIP/2.0 299 OK\n\n")
    first, second = peer(d), peer(d)
    one = first.request("MESSAGE", OURS)
    dump.seen()
    two = second.request("MESSAGE", OURS)
    got = final(second, two)
    assert got.status == 503 and got.get("retry-after")
    dump.release(held)
    assert final(first, one).status == 299
    assert dump.count == 1


def test_c189_one_script_that_hangs_does_not_hold_another(start, peer):
    d = start(start=False)
    slow, quick = Dump(d, "slow", "concurrency = 1"), Dump(d, "quick")
    d.configure(slow.config + quick.config +
                'route { request-uri = "sip:slow@*" script = "slow" }\n' + quick.route(""))
    d.start()
    held = slow.hold()
    for dump in (slow, quick):
        dump.out("SIP/2.0 299 OK\n\n")
    p = peer(d)
    hanging = [p.request("MESSAGE", "sip:slow@example.test") for _ in range(3)]
    slow.seen()
    other = peer(d)
    for _ in range(5):
        assert final(other, other.request("MESSAGE", OURS)).status == 299
    for n, req in enumerate(hanging, 1):
        until(lambda: slow.count >= n)
        slow.release(held)
        assert final(p, req).status == 299


def test_c189_a_burst_of_600_requests_is_answered_each_and_leaves_nothing(dumped, peer):
    d, dump = dumped('methods = { "MESSAGE" }', "concurrency = 4 queue = 16")
    dump.out("SIP/2.0 299 OK\n\n")
    p = peer(d)
    before = d.fds()
    for _ in range(6):
        ids = set()
        for _ in range(100):
            ids.add(p.request("MESSAGE", OURS).get("call-id"))
        while ids:
            got = p.recv(10)
            assert got and got.status in (299, 503), got
            ids.discard(got.get("call-id"))
    gone(d)
    until(lambda: d.fds() == before, what="closed descriptors")


# -- C-185: signatures

AUTH_INT = 'Digest username="a", realm="r", nonce="n", uri="sip:x", qop=auth-int, nc=00000001, ' \
    'cnonce="c", response="00"'


@pytest.mark.parametrize("field,line,changed", [
    ("Identity: x", "From: <sip:b@c.test>", "From"), ("y: x", "To: <sip:b@c.test>", "To"),
    ("Identity: x", "Date: Sat, 13 Nov 2010 23:29:00 GMT", "Date"),
    ("Identity: x", "CGI-Remove: Contact", "Contact"), ("Identity: x", "Content-Length: 0", "body"),
    ("Authorization: " + AUTH_INT, "Content-Length: 0", "body"),
    ("Proxy-Authorization: " + AUTH_INT, "Content-Type: text/plain", "body"),
    ("Identity: x", "Subject: new", None), ("Subject: x", "From: <sip:b@c.test>", None),
    ("Authorization: " + AUTH_INT.replace("auth-int", "auth"), "Content-Length: 0", None)])
def test_c185_a_script_that_changes_what_is_signed_is_warned_of(stage, peer, field, line, changed):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy(bob.uri("b"), line))
    req = ask(alice, runs, "MESSAGE", fields=[tuple(field.split(": ", 1))], body="body")
    bob.reply(bob.expect("MESSAGE"), 200)
    assert final(alice, req).status == 200
    warned = [l for l in stage.daemon.log_lines("script changes what is signed")
              if runs.call_id in l]
    assert len(warned) == (changed is not None)
    assert not changed or f"changed={changed}" in warned[0]
