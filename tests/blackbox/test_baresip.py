"""Two real phones: baresip, headless, registers with digest and calls. UDP and TCP."""
import re
import signal
import subprocess

import pytest

from daemon import ROOT, until

CONFIG = """
domains = {{ "example.test", "127.0.0.1" }}
database = "{dir}/sipcgid.db"
"""
FORWARD = 'route { methods = { "INVITE" } request-uri = "sip:forward@*" script = "forward" }\n'


class Phone:
    """One baresip; what it says is in its log, what it is told goes to its standard input."""

    def __init__(self, daemon, user, transport, answer):
        self.log = daemon.dir / f"{user}.log"
        self.out = open(self.log, "wb")
        self.process = subprocess.Popen(
            [ROOT / "tools/demo-phone", user, str(daemon.addr(transport)[1]), "-", transport,
             answer], stdin=subprocess.PIPE, stdout=self.out, stderr=subprocess.STDOUT)
        self.read = 0
        self.wait("200 OK")

    def wait(self, pattern, timeout=20):
        """The next place in the log that matches; what came before is not looked at again."""
        def found():
            text = self.log.read_text(errors="replace")
            m = re.compile(pattern).search(text, self.read)
            if m:
                self.read = m.end()
            return m
        try:
            return until(found, timeout, pattern)
        except AssertionError:
            raise AssertionError(f"{pattern!r} not in\n"
                                 f"{self.log.read_text(errors='replace')[-3000:]}") from None

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.out.close()


@pytest.fixture(params=["udp", "tcp"])
def phones(request, start):
    """phones("alice", "bob") are registered; bob answers by hand."""
    d = start(f'script "forward" {{ path = "{ROOT}/examples/sh/forward" }}\n{FORWARD}', base=CONFIG)
    for user in ("alice", "bob"):
        d.user("add", "--password-stdin", f"{user}@example.test", input=f"{user}-secret\n")
    d.wait_log('msg="users reloaded"')
    made = []

    def make(answer="auto"):
        made.append(Phone(d, "bob", request.param, answer))
        made.append(Phone(d, "alice", request.param, "auto"))
        return made[1], made[0]

    yield make
    for p in reversed(made):
        p.stop()


def test_a_call_is_answered_and_the_caller_hangs_up(phones):
    alice, bob = phones()
    alice.type("/dial sip:bob@example.test\n")
    alice.wait("Call established")
    bob.wait("Call established: sip:alice@example.test")
    alice.type("b")
    bob.wait("session closed")


def test_a_call_through_a_script_is_answered_and_the_callee_hangs_up(phones):
    alice, bob = phones()
    alice.type("/dial sip:forward@example.test\n")
    bob.wait("Call established: sip:alice@example.test")
    alice.wait("Call established")
    bob.type("b")
    alice.wait("session closed")


def test_a_call_that_rings_is_cancelled(phones):
    alice, bob = phones("manual")
    alice.type("/dial sip:bob@example.test\n")
    bob.wait("Incoming call from")
    alice.wait("180 Ringing")
    alice.type("b")
    bob.wait("session closed")


def test_a_call_that_rings_is_rejected(phones):
    alice, bob = phones("manual")
    alice.type("/dial sip:bob@example.test\n")
    bob.wait("Incoming call from")
    bob.type("b")
    alice.wait("session closed: (486|480|603)")
