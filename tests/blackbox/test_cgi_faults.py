"""Scripts that go wrong in every way: the right answer, nothing downstream, nothing left behind."""
import os
import pathlib
import random
import select

import pytest

from cgicalls import OURS, ask, final, outcome, proxy, register, script_children
from daemon import Daemon, until


class Ground:
    """One daemon for all faulty scripts: sip:NAME@example.test runs the script NAME. Beside it a
    registered callee, to show that other calls are undisturbed."""

    FAULTS = {
        # name: (status, options, text)
        "hangs": (504, "timeout = 400ms", "#!/bin/sh\nexec sleep 60\n"),
        "spins": (504, "timeout = 400ms", "#!/bin/sh\nwhile :; do :; done\n"),
        "reads-for-ever": (504, "timeout = 400ms",
                           "#!/bin/sh\ncat >/dev/null\nexec 0</dev/zero\nexec cat >/dev/null\n"),
        "stops-itself": (504, "timeout = 400ms", "#!/bin/sh\nkill -STOP $$\n"),
        "drips": (504, "timeout = 400ms",
                  "#!/bin/sh\nwhile :; do printf '\\n'; sleep 0.05; done\n"),
        "says-half-and-hangs": (504, "timeout = 400ms",
                                "#!/bin/sh\nprintf 'CGI-PROXY-REQUEST @'\nexec sleep 60\n"),
        "killed": (500, "", "#!/bin/sh\nkill -KILL $$\n"),
        "terminated": (500, "", "#!/bin/sh\nkill -TERM $$\n"),
        "crashes": (500, "", "#!/bin/sh\nkill -SEGV $$\n"),
        "aborts-in-mid-line": (500, "", "#!/bin/sh\nprintf 'CGI-PROXY-REQUEST sip:x'\nkill -ABRT $$\n"),
        "kills-its-group": (500, "", "#!/bin/sh\nsleep 60 &\nkill -KILL 0\n"),
        "exits-1": (500, "", "#!/bin/sh\nexit 1\n"),
        "exits-255": (500, "", "#!/bin/sh\nexit 255\n"),
        "proxies-without-blank-line-and-fails":
            (500, "", "#!/bin/sh\nprintf 'CGI-PROXY-REQUEST @ SIP/2.0\\n'\nexit 3\n"),
        "no-interpreter": (500, "", "#!/no/such/interpreter\n"),
        "interpreter-not-executable": (500, "", "#!/etc/passwd\n"),
        "no-shebang": (500, "", "CGI-PROXY-REQUEST @ SIP/2.0\n\n"),
        "empty-file": (500, "", ""),
        "broken-elf": (500, "", b"\x7fELF\2\1\1" + bytes(60)),
        "interprets-itself": (500, "", "#!{path}\n"),
        "floods": (500, "", "#!/bin/sh\nexec head -c 100000000 /dev/zero\n"),
        "floods-lines": (500, "", "#!/bin/sh\nexec yes 'CGI-PROXY-REQUEST @ SIP/2.0'\n"),
        "floods-blank-lines": (500, "", "#!/bin/sh\nexec yes ''\n"),
        "floods-a-body": (500, "", "#!/bin/sh\nprintf 'SIP/2.0 200 OK\\nContent-Type: a/b\\n\\n'\n"
                          "exec head -c 100000000 /dev/zero\n"),
        "floods-a-counted-body":
            (500, "", "#!/bin/sh\nprintf 'SIP/2.0 200 OK\\nContent-Type: a/b\\n"
             "Content-Length: 100000000\\n\\n'\nexec head -c 100000000 /dev/zero\n"),
        "floods-standard-error": (404, "timeout = 5s",
                                  "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' '\\n' >&2\n"),
        "leaves-grandchildren": (404, "", "#!/bin/sh\nsleep 61 &\nsleep 62 >&- 2>&- &\nexit 0\n"),
        "leaves-daemons": (404, "", "#!/bin/sh\nfor i in 1 2 3; do\n"
                           "setsid sh -c 'trap \"\" TERM HUP; sleep 6$i' >/dev/null 2>&1 & done\n"),
        "leaves-orphans-of-orphans":
            (404, "", "#!/bin/sh\n( ( setsid sleep 64 & ) & )\nexit 0\n"),
        "closes-everything": (404, "", "#!/bin/sh\nexec 0<&- 1>&- 2>&-\nexit 0\n"),
        "does-not-read": (404, "", "#!/bin/sh\nexec 0<&-\nexit 0\n"),
        "does-not-read-and-answers":
            (486, "", "#!/bin/sh\nprintf 'SIP/2.0 486 Busy\\n\\n'\nexit 0\n"),
    }

    def __init__(self, directory):
        self.daemon = d = Daemon(directory, start=False)
        self.never = "sip:never@127.0.0.1:9"
        config = ""
        for name, (_, options, text) in self.FAULTS.items():
            where = d.dir / "scripts" / name
            if isinstance(text, str):
                text = text.replace("@", self.never).replace("{path}", str(where))
            d.script(name, text)
            config += f'script "{name}" {{ path = "{where}" {options} }}\n' \
                      f'route {{ request-uri = "sip:{name}@*" script = "{name}" }}\n'
        # There when the configuration is read, and not any more when it is run.
        for name in ("removed", "not-executable", "a-directory"):
            config += f'script "{name}" {{ path = "{d.script(name, "")}" }}\n' \
                      f'route {{ request-uri = "sip:{name}@*" script = "{name}" }}\n'
        d.configure(config)
        d.start()
        (d.dir / "scripts/removed").unlink()
        (d.dir / "scripts/not-executable").chmod(0o644)
        (d.dir / "scripts/a-directory").unlink()
        (d.dir / "scripts/a-directory").mkdir()


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    directory = tmp_path_factory.mktemp("faults")
    directory.chmod(0o755)
    g = Ground(directory / "d")
    yield g
    g.daemon.stop()


def state(d):
    """Descriptors of the daemon and of the processes below it, and what scripts left."""
    fds = {"daemon": d.fds()}
    for pid in d.children():
        try:
            name = pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
            fds[pid, name] = len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            pass
    return fds, script_children(d)


NAMES = [(n, s) for n, (s, _, _) in Ground.FAULTS.items()] + \
    [("removed", 500), ("not-executable", 500), ("a-directory", 500)]


@pytest.mark.parametrize("name,status", NAMES, ids=[n for n, _ in NAMES])
def test_a_faulty_script_gets_its_answer_and_leaves_nothing(ground, peer, name, status):
    d = ground.daemon
    alice, bob, carol = peer(d, "tcp"), peer(d), peer(d)
    user = f"bystander-{name}"
    register(bob, user)
    # One that is there before the comparison, as idle connections of others are.
    assert final(alice, alice.request("OPTIONS", "sip:example.test")).status == 200
    before = state(d)
    assert not before[1]
    faulty = alice.request("INVITE", f"sip:{name}@example.test", body=b"x" * 60 * 1024)
    # Another call goes through meanwhile.
    invite = carol.request("INVITE", f"sip:{user}@example.test")
    got = bob.expect("INVITE")
    bob.reply(got, 200)
    assert final(carol, invite).status == 200
    bob.expect("ACK")
    assert final(alice, faulty).status == status
    until(lambda: state(d) == before, 10,
          lambda: f"{before} again, it is {state(d)}")
    bob.quiet(0)


def test_50_faulty_scripts_at_once_leave_nothing_and_disturb_nobody(ground, peer):
    d = ground.daemon
    alice, bob, carol = peer(d), peer(d), peer(d)
    register(bob, "crowd")
    names = [n for n, s in NAMES if s != 404 and not n.startswith("floods")]
    assert final(alice, alice.request("OPTIONS", "sip:example.test")).status == 200
    until(lambda: not script_children(d))
    before = state(d)
    waiting = {}
    for n in range(50):
        name, status = names[n % len(names)], dict(NAMES)[names[n % len(names)]]
        req = alice.request("MESSAGE", f"sip:{name}@example.test", body=b"x" * 900)
        waiting[req.get("call-id")] = status
    for _ in range(5):
        req = carol.request("MESSAGE", "sip:crowd@example.test", body="hello")
        bob.reply(bob.expect("MESSAGE"), 200)
        assert final(carol, req).status == 200
    while waiting:
        got = alice.recv(20)
        assert got, f"no answer for {len(waiting)}"
        if got.status >= 200:
            assert got.status == waiting.pop(got.get("call-id"), got.status)
    until(lambda: state(d) == before, 15, lambda: f"{before} again, it is {state(d)}")


# -- garbage: none of it reaches a callee, and all of it is 500

B = "{bob}"
GARBAGE = [
    "SIP/2.0 486 Busy\nMax-Forwards: 1\nMax-Forwards: 2\n\n",
    # not a line of the language
    "hello\n\n", "\0\n\n", "\0" * 1000, b"\xff\xfe\xfd\n\n", "HTTP/1.1 200 OK\n\n", "{}\n\n",
    "<html></html>\n\n", "Traceback (most recent call last):\n", "\x1b[31mred\x1b[0m\n\n", "é\n\n",
    b"\x7fELF\2\1\1", ":\n\n", " SIP/2.0 200 OK\n\n", "\tSIP/2.0 200 OK\n\n", "\v\n\n", "-\n\n",
    # action lines that are nearly right
    "SIP/2.0\n\n", "SIP/2.0 \n\n", "SIP/2.0 20\n\n", "SIP/2.0 2000 OK\n\n", "SIP/2.0 099 x\n\n",
    "SIP/2.0 700 x\n\n", "SIP/2.0 abc\n\n", "SIP/3.0 200 OK\n\n", "SIP/2.0 -200 OK\n\n",
    "SIP/2.0 200 \0\n\n", "SIP/2.0 200 a\rb\n\n", b"SIP/2.0 200 \xff\xfe\n\n", "200 OK\n\n",
    f"CGI-PROXY-REQUEST {B}\n\n", "CGI-PROXY-REQUEST SIP/2.0\n\n", "CGI-PROXY-REQUEST\n\n",
    f"CGI-PROXY-REQUEST {B} {B} SIP/2.0\n\n", f"CGI-PROXY-REQUEST {B} SIP/1.0\n\n",
    f"CGI-PROXY-REQUEST {B} SIP/2.0 x\n\n", f"CGI-PROXY-REQUEST <{B}> SIP/2.0\n\n",
    f"CGI-PROXY-REQUEST\0{B} SIP/2.0\n\n", "CGI-PROXY-REQUEST http://x/ SIP/2.0\n\n",
    "CGI-PROXY-REQUEST sip:a@[::1 SIP/2.0\n\n", "CGI-PROXY-REQUEST sip:a@b:99999 SIP/2.0\n\n",
    f"CGI-PROXY {B} SIP/2.0\n\n", f"CGI-UNKNOWN {B} SIP/2.0\n\n", "CGI-AGAIN maybe SIP/2.0\n\n",
    "CGI-AGAIN SIP/2.0\n\n", "CGI-SET-COOKIE SIP/2.0\n\n", "CGI-SET-COOKIE a b SIP/2.0\n\n",
    "CGI-SET-COOKIE a@b SIP/2.0\n\n", "CGI-SET-COOKIE " + "x" * 5000 + " SIP/2.0\n\n",
    "CGI-FORWARD-RESPONSE this SIP/2.0\n\n", "CGI-FORWARD-RESPONSE abc SIP/2.0\n\n",
    # fields that are nearly right
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nno colon\n\n", f"CGI-PROXY-REQUEST {B} SIP/2.0\n: x\n\n",
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nA B: x\n\n", f"CGI-PROXY-REQUEST {B} SIP/2.0\nX: a\0b\n\n",
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nX: a\rVia: b\n\n",
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nX: a\n folded\n\n",
    f"CGI-PROXY-REQUEST {B} SIP/2.0\n" + "X: y\n" * 200 + "\n",
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nX: " + "y" * 9000 + "\n\n",
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nX(): y\n\n",
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nFrom: nonsense <\n\n",
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nTo: \"open <sip:a@b>\n\n",
    # bodies that are nearly right
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nContent-Length: 5\n\nhello",
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nContent-Type: a/b\nContent-Length: 50\n\nhello",
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nContent-Type: a/b\nContent-Length: -5\n\nhello",
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nContent-Type: a/b\nContent-Length: 0x5\n\nhello",
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nContent-Type: a/b\nContent-Length: 99999999999999999999\n\nx",
    f"CGI-PROXY-REQUEST {B} SIP/2.0\nContent-Type: a/b\nContent-Length: 3\nContent-Length: 4\n\nabcd",
]


@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_500_and_nobody_downstream_hears_of_it(stage, peer, text):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    if isinstance(text, str):
        text = text.replace(B, bob.uri("b")).encode()
    got, runs = outcome(alice, stage, text, "INVITE")
    assert got.status == 500
    assert runs.count == 1
    bob.quiet(0.02)
    assert f"call-id={runs.call_id} script=dump status=500" in stage.daemon.log()


# -- C-104: whatever a script prints, callees and callers receive SIP

SEEDS = [
    "CGI-PROXY-REQUEST @ SIP/2.0\nSubject: one\nX-A: b\nCGI-Remove: Organization, s\n\n",
    "CGI-PROXY-REQUEST @ SIP/2.0\nContent-Type: text/plain\nContent-Length: 6\n\nhello\n",
    "CGI-PROXY-REQUEST @ SIP/2.0\nFrom: \"A\" <sip:a@b.test>;tag=1\nTo: <sip:c@d.test>\n"
    "Contact: <sip:x@y.test>\nRoute: <sip:127.0.0.1:9;lr>\nMax-Forwards: 9\n\n",
    "CGI-PROXY-REQUEST @ SIP/2.0\nVia: SIP/2.0/UDP x;branch=y\nRecord-Route: <sip:z;lr>\n"
    "Call-ID: q\nCSeq: 5 BYE\nExpires: 60\nCGI-Request-Token: t\n\n",
    "SIP/2.0 180 Ringing\nX-A: b\n\nCGI-SET-COOKIE abc SIP/2.0\n\nCGI-AGAIN no SIP/2.0\n\n",
    "SIP/2.0 302 Moved\nContact: <sip:x@y.test>;q=0.5\nContent-Type: text/html\n\n<b>hi</b>\n",
    "SIP/2.0 486 Busy\nRetry-After: 5 (busy)\nTo: <sip:e@f.test>\n\n"]
BYTES = [b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b";", b",", b"<", b">", b'"', b"\\", b"@",
         b"\xff", b"\xc3\xa9", b"\n\n", b"\r\n\r\n", b"SIP/2.0", b"Via: x\n", b"Content-Length: 3\n",
         b"Content-Length: 0\n", b"CGI-", b"sip:", b"9999999999", b"%00", b"()", b"=", b"?", b"To: "]


def mutated(rng, target):
    data = rng.choice(SEEDS).replace("@", target, 1).encode()
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(400))
    if rng.random() < 0.3:
        data += rng.choice(SEEDS).replace("@", target, 1).encode()
    for _ in range(rng.choice([0, 1, 1, 2, 3, 8])):
        at, size = rng.randrange(len(data) + 1), rng.randrange(1, 12)
        what = rng.randrange(5)
        if what == 0:
            data = data[:at] + rng.choice(BYTES) + data[at:]
        elif what == 1:
            data = data[:at] + data[at + size:]
        elif what == 2:
            data = data[:at] + rng.randbytes(size) + data[at + size:]
        elif what == 3:
            data = data[:at] + data[at:at + size] * 3 + data[at + size:]
        else:
            data = data[:at]
    return data


def assert_is_sip(msg, req, upstream):
    """A message with a body of the right length whose fields are lines, and what identifies it."""
    head, end, body = msg.raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert end and not any(b"\r" in l or b"\n" in l or b"\0" in l for l in lines), msg.raw
    assert head.decode("utf-8") is not None
    for line in lines[1:]:
        name, colon, _ = line.partition(b":")
        assert colon and name.strip().replace(b"-", b"").replace(b".", b"").replace(
            b"_", b"").isalnum() or all(33 <= c < 127 and c not in b'()<>@,;:\\"/[]?={}'
                                        for c in name.strip()) and name.strip(), msg.raw
    assert msg.all("content-length") == [str(len(body))], msg.raw
    assert len(msg.all("from")) == len(msg.all("to")) == 1
    assert msg.all("call-id") == [req.get("call-id")]
    assert msg.all("cseq") in ([req.get("cseq")], [req.get("cseq").split()[0] + " CANCEL"])
    assert not any(n.startswith("cgi-") for n in msg.names())
    vias = msg.values("via")
    assert vias[-1].split(";")[0] == req.get("via").split(";")[0]
    assert len(vias) == (1 if upstream or msg.method == "CANCEL" else 2)
    if body:
        assert len(msg.all("content-type")) == 1


def exchange(alice, bob, sent, req):
    """Judges and answers what there is to receive; was the final response to @req among it?"""
    found, _, _ = select.select([alice.sock, bob.sock], [], [], 6)
    assert found, "no answer"
    done = False
    for p in (alice, bob):
        got = p.recv(1) if p.sock in found else None
        # What another test's callee has not answered may come to its port, which is ours now.
        if not got or got.get("call-id") not in sent:
            continue
        assert_is_sip(got, sent[got.get("call-id")], p is alice)
        if p is bob:
            bob.reply(got, 200)
        elif got.status >= 200 and got.get("call-id") == req.get("call-id"):
            done = True
    return done


@pytest.mark.parametrize("seed", range(8))
def test_c104_only_sip_leaves_the_server_whatever_a_script_prints(stage, peer, seed):
    rng = random.Random(seed)
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    sent = {}
    for n in range(50):
        text = mutated(rng, bob.uri("b"))
        runs = stage.call(text)
        req = ask(alice, runs, "MESSAGE", fields=[("Organization", "x"), ("Subject", "y")],
                  body="body")
        sent[runs.call_id] = req
        try:
            while not exchange(alice, bob, sent, req):
                pass
        except AssertionError as e:
            raise AssertionError(f"seed {seed}, number {n}: {text!r}") from e
    assert stage.daemon.process.poll() is None


def test_c104_the_server_still_serves_after_all_that(stage, peer):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy(bob.uri("b")))
    invite = ask(alice, runs, uri=OURS)
    bob.reply(bob.expect("INVITE"), 486)
    assert final(alice, invite).status == 486
