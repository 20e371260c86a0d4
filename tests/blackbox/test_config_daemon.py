"""The daemon as a process: configuration, reload, signals, draining, logs."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

from cgicalls import final
from daemon import SIPCGID, until
from sip import Peer, unique
from sipcalls import alive, aor, own_network, ring, talk


def sipcgid(*args, **kw):
    return subprocess.run([SIPCGID, *map(str, args)], capture_output=True, text=True, timeout=30, **kw)


# -- the command line and --check

def test_version_and_help():
    assert sipcgid("--version").stdout.startswith("sipcgid ")
    got = sipcgid("--help")
    assert got.returncode == 0 and "--check" in got.stdout


@pytest.mark.parametrize("args", [["--nonsense"], ["--config"], ["extra"]])
def test_a_wrong_command_line_is_2_with_the_usage(args):
    got = sipcgid(*args)
    assert got.returncode == 2 and "--config" in got.stderr


@pytest.mark.parametrize("text", [
    "", 'domains = { "example.test" }\n', 'listen "udp:127.0.0.1:0" {}\n# comment\n',
    'transaction { t1 = "100ms" }\n', 'listen "tcp:[::1]:5062" { advertise = "x.test:5070" }\n'])
def test_check_accepts_what_is_right_and_starts_nothing(tmp_path, text):
    path = tmp_path / "c.conf"
    path.write_text(text)
    got = sipcgid("--check", path)
    assert got.returncode == 0 and got.stderr == ""


@pytest.mark.parametrize("text,line,words", [
    ('domain = { "x" }\n', 1, ["domain", "domains"]),
    ('\n\nlisten "udp:nowhere:5060" {}\n', 3, ["nowhere"]),
    ('listen "sctp:127.0.0.1:5060" {}\n', 1, ["sctp", "udp"]),
    ('log { level = loud }\n', 1, ["loud", "debug"]),
    ('drain = "soon"\n', 1, ["soon"]),
    ('domains = { "a" }\ndomains = { "b" }\n', 2, ["twice"]),
    ('transaction { t1 = "100s" }\n', 1, ["t1"]),
    ('route { script = "none" }\n', 1, ["none"]),
    ('listen "udp:127.0.0.1:0" {\n', 2, []),
    ('trusted = { "10.0.0.0/40" }\n', 1, ["10.0.0.0/40"])])
def test_check_tells_file_line_what_was_found_and_what_was_expected(tmp_path, text, line, words):
    path = tmp_path / "c.conf"
    path.write_text(text)
    got = sipcgid("--check", path)
    assert got.returncode == 1
    told = got.stderr
    assert f"{path}:" in told and any(f"c.conf:{n}:" in told for n in (line, line - 1)), told
    assert all(w in told for w in words), told


def test_check_of_a_file_that_is_not_there(tmp_path):
    got = sipcgid("--check", tmp_path / "none.conf")
    assert got.returncode == 1 and "none.conf" in got.stderr


def test_a_bad_file_does_not_start(tmp_path):
    path = tmp_path / "c.conf"
    path.write_text("nonsense = 1\n")
    got = sipcgid("--config", path)
    assert got.returncode == 1 and "c.conf:1" in got.stderr and 'msg="ready"' not in got.stderr


def test_an_address_in_use_does_not_start(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        path = tmp_path / "c.conf"
        path.write_text(f'database = ""\nlisten "tcp:127.0.0.1:{s.getsockname()[1]}" {{}}\n')
        got = sipcgid("--config", path)
    assert got.returncode == 1 and "cannot listen" in got.stderr


def test_a_database_that_cannot_be_used_does_not_start(tmp_path):
    (tmp_path / "db").write_text("this is no database at all, and long enough to tell" * 20)
    path = tmp_path / "c.conf"
    path.write_text(f'database = "{tmp_path}/db"\nlisten "udp:127.0.0.1:0" {{}}\n')
    got = sipcgid("--config", path)
    assert got.returncode == 1 and "database" in got.stderr


# -- without a file

@pytest.mark.skipif(os.path.exists("/etc/sipcgid/sipcgid.conf"), reason="this host has a file")
def test_without_a_file_it_serves_on_5060_with_the_default_action(tmp_path):
    with own_network() as alone:
        if not alone or os.geteuid() != 0:
            # No network of our own here: what would hold is at least a valid configuration.
            (tmp_path / "empty.conf").write_text("")
            got = sipcgid("--check", tmp_path / "empty.conf")
            assert got.returncode == 0 and "2 listeners, 0 scripts, 0 routes" in got.stdout
            return
        log = tmp_path / "log"
        with open(log, "wb") as err:
            p = subprocess.Popen([SIPCGID], stderr=err, stdin=subprocess.DEVNULL, cwd=tmp_path)
        try:
            until(lambda: 'msg="ready"' in log.read_text() or p.poll() is not None, what="the start")
            assert p.poll() is None, log.read_text()
            for transport in ("udp", "tcp"):
                peer = Peer(("127.0.0.1", 5060), transport)
                req = peer.request("OPTIONS", "sip:127.0.0.1")
                assert final(peer, req).status == 200
                peer.close()
        finally:
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        assert p.wait(30) == 0


# -- SIGHUP

def test_reload_takes_the_new_configuration(start, peer):
    d = start()
    p = peer(d)
    assert final(p, p.request("MESSAGE", aor("x"))).status == 404
    path = d.script("s", "#!/bin/sh\necho 'SIP/2.0 299 New'\necho\n")
    d.configure(f'script "s" {{ path = "{path}" }}\nroute {{ script = "s" }}\n')
    d.reload()
    assert d.log_lines("configuration reloaded")
    assert final(p, p.request("MESSAGE", aor("x"))).status == 299
    d.configure("")
    d.reload()
    assert final(p, p.request("MESSAGE", aor("x"))).status == 404


@pytest.mark.parametrize("text", ["nonsense\n", 'listen "udp:x:1" {}\n', 'route { script = "none" }\n',
                                  "drain = 1\ndrain = 2\n", "domains = {"])
def test_reload_of_a_bad_file_keeps_the_old_configuration_and_tells_the_line(start, peer, text):
    d = start(start=False)
    path = d.script("s", "#!/bin/sh\necho 'SIP/2.0 299 Old'\necho\n")
    d.configure(f'script "s" {{ path = "{path}" }}\nroute {{ script = "s" }}\n')
    d.start()
    p = peer(d)
    d.configure(text)
    d.reload()
    assert d.log_lines("configuration not reloaded, the old one stays")
    assert "sipcgid.conf:" in "".join(d.log_lines("configuration refused"))
    assert final(p, p.request("MESSAGE", aor("x"))).status == 299


def test_reload_of_a_file_that_is_gone_keeps_the_old_configuration(start, peer):
    d = start()
    d.conf.unlink()
    d.reload()
    assert d.log_lines("configuration not reloaded, the old one stays")
    alive(d, peer(d))


def test_reload_drops_no_call_and_no_binding_and_no_connection(start, peer):
    d = start()
    alice, bob, carol = peer(d, "tcp"), peer(d, "tcp"), peer(d)
    uri = ring(bob, bob)
    invite, _, ok = talk(alice, bob, uri)
    second = carol.request("INVITE", uri)
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    carol.expect(180)
    d.configure('drain = "200ms"\nregistrar { max-expires = "10m" }\n')
    for _ in range(5):
        d.reload()
    bob.reply(got, 200)
    carol.ack(second, carol.expect(200))
    bob.expect("ACK")
    conn = alice.out
    alice.in_dialog("BYE", invite, ok)
    bob.reply(bob.expect("BYE"), 200)
    alice.expect(200)
    assert alice.out is conn
    alice.request("MESSAGE", uri)
    bob.expect("MESSAGE")


def test_reload_says_what_only_a_restart_changes(start, peer):
    d = start()
    d.listen = 'listen "udp:127.0.0.1:1" {}\n'
    d.configure("")
    d.reload()
    assert d.log_lines("listeners change with a restart only")
    assert d.log_lines("configuration reloaded")
    alive(d, peer(d))


def test_reload_changes_the_log(start, peer):
    d = start()
    d.base = d.base.replace("level = debug", "level = info")
    d.configure("")
    d.reload()
    before = len(d.log().splitlines())
    p = peer(d)
    assert final(p, p.request("MESSAGE", aor("x"))).status == 404
    more = d.log().splitlines()[before:]
    assert len(more) == 1 and "level=info" in more[0]


def test_many_reloads_leak_no_descriptors(start, peer):
    d = start()
    d.reload()
    before = d.fds()
    for _ in range(20):
        d.reload()
    assert d.fds() <= before
    alive(d, peer(d))


# -- SIGTERM

@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_daemon_stops_at_once_with_0(start, sig):
    d = start()
    begin = time.monotonic()
    d.process.send_signal(sig)
    assert d.process.wait(10) == 0
    assert time.monotonic() - begin < 5
    assert d.log_lines("stopped")


def test_sigterm_lets_a_call_being_set_up_be_answered(start, peer):
    d = start('drain = "20s"\n')
    alice, bob = peer(d), peer(d)
    invite = alice.request("INVITE", ring(alice, bob))
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    alice.expect(180)
    d.process.send_signal(signal.SIGTERM)
    d.wait_log('msg="draining"')
    # New ones are sent elsewhere, and told when to come back.
    req = alice.request("INVITE", aor("somebody"))
    no = final(alice, req)
    assert no.status == 503 and no.get("retry-after")
    bob.reply(got, 200)
    ok = alice.expect(200)
    alice.ack(invite, ok)
    bob.expect("ACK")
    alice.in_dialog("BYE", invite, ok)
    bob.reply(bob.expect("BYE"), 200)
    alice.expect(200)


def test_sigterm_refuses_new_connections(start, peer):
    d = start('drain = "20s"\n')
    alice, bob = peer(d, "tcp"), peer(d)
    alice.request("INVITE", ring(bob, bob))
    bob.expect("INVITE")
    d.process.send_signal(signal.SIGTERM)
    d.wait_log('msg="draining"')
    with pytest.raises(OSError):
        with socket.create_connection(d.addr("tcp"), 5) as s:
            s.settimeout(5)
            if s.recv(1) == b"":
                raise ConnectionResetError
    d.process.send_signal(signal.SIGTERM)
    assert d.process.wait(10) == 0


def test_sigterm_waits_no_longer_than_drain_says_and_exits_0(start, peer):
    d = start('drain = "500ms"\n')
    alice, bob = peer(d), peer(d)
    alice.request("INVITE", ring(alice, bob))
    bob.reply(bob.expect("INVITE"), 180)
    alice.expect(180)
    begin = time.monotonic()
    d.process.send_signal(signal.SIGTERM)
    assert d.process.wait(15) == 0
    assert 0.4 < time.monotonic() - begin < 10


def test_a_second_sigterm_stops_at_once(start, peer):
    d = start('drain = "10m"\n')
    alice, bob = peer(d), peer(d)
    alice.request("INVITE", ring(alice, bob))
    bob.reply(bob.expect("INVITE"), 180)
    alice.expect(180)
    d.process.send_signal(signal.SIGTERM)
    d.wait_log('msg="draining"')
    d.process.send_signal(signal.SIGTERM)
    assert d.process.wait(10) == 0


def test_no_process_is_left_behind(start):
    d = start()
    children = d.children()
    d.stop()
    until(lambda: not [p for p in children if running(p)], what="the end of all processes")


def running(pid):
    try:
        return "Z" not in pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


# -- logs

def refusals(peer):
    """Requests that are refused, with the status: each is logged."""
    yield peer.request("MESSAGE", aor(unique("none"))), 404
    yield peer.request("MESSAGE", aor("x"), {"Max-Forwards": "0"}), 483
    yield peer.request("MESSAGE", "nobody:knows", to="<sip:a@b.test>"), 416
    yield peer.request("MESSAGE", aor("x"), {"Proxy-Require": "foo"}), 420
    yield peer.request("MESSAGE", aor("x"), {"CSeq": "1 INFO"}), 400
    yield peer.request("REGISTER", "sip:example.test", {"Require": "foo", "To": f"<{aor('x')}>"}), 420
    yield peer.request("REGISTER", "sip:example.test", {"Contact": "*", "To": f"<{aor('x')}>"}), 400


@pytest.mark.parametrize("fmt", ["text", "json"])
def test_every_refusal_is_one_line_with_call_id_source_status_and_reason(start, peer, fmt):
    d = start(start=False)
    d.base = d.base.replace("level = debug", f"level = debug format = {fmt}")
    d.configure("")
    start_any_log(d, fmt)
    p = peer(d)
    for req, status in refusals(p):
        assert p.expect(status)
        line = d.wait_log(req.get("call-id") if fmt == "text" else json.dumps(req.get("call-id")))
        lines = [l for l in d.log().splitlines() if req.get("call-id") in l and str(status) in l]
        assert len(lines) == 1, lines
        if fmt == "json":
            fields = json.loads(lines[0])
            assert fields["call-id"] == req.get("call-id")
            assert fields["source"] == f"127.0.0.1:{p.port}" and fields["reason"]
            assert fields["level"] and fields["msg"] and fields["time"].endswith("Z")
        else:
            assert f"source=127.0.0.1:{p.port}" in line.replace('"', "") and "reason=" in line


def start_any_log(daemon, fmt):
    """The harness finds ports in text lines: JSON lines are read here."""
    if fmt == "text":
        daemon.start()
        return
    with open(daemon.logfile, "wb") as err:
        daemon.process = subprocess.Popen([SIPCGID, "--config", str(daemon.conf)], stderr=err,
                                          stdin=subprocess.DEVNULL)
    until(lambda: '"msg":"ready"' in daemon.log().replace('": "', '":"'), what="the start")
    daemon.ports = {}
    for line in daemon.log().splitlines():
        fields = json.loads(line)
        if fields["msg"] == "listening":
            host, _, port = fields["address"].rpartition(":")
            daemon.ports.setdefault((fields["transport"], False), (host, int(port)))


def test_every_json_line_is_json_whatever_foreign_text_it_has(start, peer):
    d = start(start=False)
    d.base = d.base.replace("level = debug", "level = debug format = json")
    d.configure("")
    start_any_log(d, "json")
    p = peer(d)
    for call_id in ('quo"ted', "back\\slash", "tab\there", "\x7f\udcff\udcfe", "ünïcode", "{}[],:", "%n%s"):
        p.request("MESSAGE", aor("x"), call_id=call_id)
        p.expect(4)
    for line in d.log().splitlines():
        json.loads(line)


def test_foreign_text_cannot_make_log_lines_or_fields(start, peer):
    d = start()
    p = peer(d)
    p.request("MESSAGE", aor("x"), call_id='x"level=error"msg="forged"')
    p.expect(4)
    p.request("MESSAGE", aor("x") + ";a=%0d%0aforged", call_id="a\x1b[31mred")
    p.expect(4)
    lines = d.log().splitlines()
    assert all(re.match(r'[-0-9T:.]+Z level=(debug|info|warn) msg="', l) for l in lines)
    assert "\x1b" not in d.log()
    assert any(r'call-id="x\"level=error\"msg=\"forged\""' in l for l in lines)
