"""The daemon as a process: command line, --check, reload, draining, log, rights."""
import json
import os
import pwd
import shutil
import signal
import subprocess

import pytest

from daemon import SIPCGID, Daemon, until
from test_calls import register


def sipcgid(*args, **kw):
    return subprocess.run([SIPCGID, *args], capture_output=True, text=True, timeout=30, **kw)


def test_version_and_help_end_well_and_nonsense_does_not():
    assert sipcgid("--version").stdout.startswith("sipcgid ")
    assert "--config" in sipcgid("--help").stdout
    bad = sipcgid("--colour")
    assert bad.returncode == 2
    assert bad.stderr.startswith('sipcgid: unknown argument "--colour"\nusage: ')


def test_check_tells_every_fault_with_file_and_line(tmp_path):
    conf = tmp_path / "a.conf"
    conf.write_text('drain = soon\n\nroute { script = "none" }\n')
    bad = sipcgid("--check", str(conf))
    assert bad.returncode == 1
    assert bad.stdout == ""
    lines = bad.stderr.splitlines()
    assert lines[0].startswith(f'{conf}:1: drain is "soon", expected a time')
    assert lines[1] == f'{conf}:3: script is "none", expected the name of a script section'
    assert len(lines) == 2
    conf.write_text('listen "udp:127.0.0.1:0" {}\n')
    good = sipcgid("--check", str(conf))
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout == f"{conf}: 1 listeners, 0 scripts, 0 routes\n"
    missing = sipcgid("--check", str(tmp_path / "none"))
    assert missing.returncode == 1
    assert "No such file or directory" in missing.stderr


def test_a_faulty_file_keeps_the_daemon_from_starting(tmp_path):
    conf = tmp_path / "a.conf"
    conf.write_text("colour = red\n")
    p = sipcgid("--config", str(conf))
    assert p.returncode == 1
    assert "configuration refused" in p.stderr
    assert f"{conf}:1: unknown option" in p.stderr


def test_a_port_in_use_keeps_the_daemon_from_starting(start, tmp_path):
    host, port = start().addr("udp")
    conf = tmp_path / "a.conf"
    conf.write_text(f'database = ""\nlisten "udp:{host}:{port}" {{}}\n')
    p = sipcgid("--config", str(conf))
    assert p.returncode == 1
    assert "cannot start" in p.stderr and str(port) in p.stderr


def ringing(d, peer, user="bob"):
    """A call that rings: caller, callee, the INVITE as sent and as received."""
    alice, bob = peer(d), peer(d)
    register(bob, user)
    invite = alice.request("INVITE", f"sip:{user}@example.test")
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    alice.expect(180)
    return alice, bob, invite, got


def test_a_reload_changes_what_comes_and_not_what_is_under_way(start, peer):
    d = start()
    alice, bob, invite, got = ringing(d, peer)
    d.configure('redirect-domains = { "example.test" }\n')
    d.reload()
    assert d.log_lines("configuration reloaded")
    carol = peer(d)
    moved = carol.request("INVITE", "sip:bob@example.test")
    final = carol.expect(302)
    assert bob.uri("bob") in final.get("contact")
    carol.ack(moved, final)
    bob.reply(got, 200)
    ok = alice.expect(200)
    alice.ack(invite, ok)
    bob.expect("ACK")


def test_a_faulty_file_changes_nothing_on_reload(start, peer):
    d = start()
    alice, bob = peer(d), peer(d)
    register(bob, "bob")
    d.configure('redirect-domains = { "example.test" }\nproxy {\n  mtu = tiny\n}\n')
    d.reload()
    line = d.conf.read_text().split("\n").index("  mtu = tiny") + 1
    d.wait_log(f'{d.conf}:{line}: mtu is \\"tiny\\", expected a size')
    assert not d.log_lines("configuration reloaded")
    alice.request("OPTIONS", "sip:bob@example.test")
    bob.reply(bob.expect("OPTIONS"), 200)
    alice.expect(200)


def test_listeners_stay_on_reload_and_that_is_logged(start, peer):
    d = start()
    d.conf.write_text(d.conf.read_text().replace('"tcp:127.0.0.1:0"', '"tcp:127.0.0.2:0"'))
    d.reload()
    assert d.log_lines("listeners change with a restart only")
    assert d.log_lines("configuration reloaded")
    alice = peer(d, "tcp")
    alice.request("OPTIONS", "sip:example.test")
    alice.expect(200)


def test_sigterm_lets_a_ringing_call_be_answered_and_refuses_new_ones(start, peer):
    d = start("drain = 20\n")
    alice, bob, invite, got = ringing(d, peer)
    process = d.process
    process.send_signal(signal.SIGTERM)
    d.wait_log('msg="draining"')
    carol = peer(d)
    refused = carol.request("INVITE", "sip:bob@example.test")
    final = carol.expect(503)
    assert final.get("retry-after")
    carol.ack(refused, final)
    assert process.poll() is None
    bob.reply(got, 200)
    alice.ack(invite, alice.expect(200))
    assert process.wait(30) == 0


def test_sigterm_ends_within_the_drain_time(start, peer):
    d = start("drain = 300ms\n")
    ringing(d, peer)
    d.process.send_signal(signal.SIGTERM)
    assert d.process.wait(30) == 0


def test_a_second_sigterm_ends_at_once(start, peer):
    d = start("drain = 1h\n")
    ringing(d, peer)
    d.process.send_signal(signal.SIGTERM)
    d.wait_log('msg="draining"')
    d.process.send_signal(signal.SIGTERM)
    assert d.process.wait(30) == 0


def test_every_line_of_a_json_log_is_json_with_time_level_and_text(tmp_path):
    d = Daemon(tmp_path, base='database = ""\nlog {{ format = json level = debug }}\n', start=False)
    d.logfile.write_text("")
    process = subprocess.Popen([SIPCGID, "-c", str(d.conf)], stderr=open(d.logfile, "ab"),
                               stdin=subprocess.DEVNULL)
    try:
        until(lambda: '"msg":"ready"' in d.log() or process.poll() is not None)
        process.send_signal(signal.SIGHUP)
        until(lambda: '"msg":"configuration reloaded"' in d.log())
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    lines = [json.loads(line) for line in d.log().splitlines()]
    assert len(lines) >= 5
    for line in lines:
        assert line["level"] in ("error", "warn", "info", "debug")
        assert line["msg"]
        assert line["time"][10] == "T" and line["time"].endswith("Z")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_becomes_the_configured_user_with_no_rights_left(tmp_path):
    d = Daemon(tmp_path, base='database = ""\nuser = nobody\n')
    try:
        with open(f"/proc/{d.process.pid}/status", encoding="ascii") as f:
            status = dict(line.rstrip().split(":\t", 1) for line in f if ":\t" in line)
        uid = str(pwd.getpwnam("nobody").pw_uid)
        assert status["Uid"].split("\t") == [uid] * 4
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
        assert status["NoNewPrivs"] == "1"
    finally:
        d.stop()


def has_namespaces():
    return shutil.which("unshare") and subprocess.run(
        ["unshare", "-n", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.skipif(not has_namespaces(), reason="needs a network namespace, for port 5060")
@pytest.mark.skipif(os.path.exists("/etc/sipcgid/sipcgid.conf"), reason="there is a file")
def test_without_any_file_udp_and_tcp_are_served_on_5060(tmp_path):
    log = tmp_path / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen(["unshare", "-n", SIPCGID], stderr=out,
                                   stdin=subprocess.DEVNULL)
    try:
        until(lambda: 'msg="ready"' in log.read_text() or process.poll() is not None)
        assert "transport=udp address=0.0.0.0:5060" in log.read_text()
        assert "transport=tcp address=0.0.0.0:5060" in log.read_text()
        process.send_signal(signal.SIGHUP)
        until(lambda: "there is no configuration file" in log.read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
