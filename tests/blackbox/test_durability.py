"""What was acknowledged is on disk: the daemon is killed while it registers, again and again.
DURABILITY_ROUNDS=50 for the long run."""
import os
import select
import socket

import pytest

from daemon import Daemon
from sip import Msg, message, unique

ROUNDS = int(os.environ.get("DURABILITY_ROUNDS", "5"))
REGISTRATIONS = 2000
WINDOW = 300        # outstanding at a time


def build(n, domain, port):
    return message(f"REGISTER sip:{domain} SIP/2.0",
                   [("Via", f"SIP/2.0/UDP 127.0.0.1:{port};branch={unique('z9hG4bK')};rport"),
                    ("Max-Forwards", "70"), ("From", f"<sip:u{n}@{domain}>;tag={n}"),
                    ("To", f"<sip:u{n}@{domain}>"), ("Call-ID", f"{n}-{unique()}"),
                    ("CSeq", "1 REGISTER"), ("Contact", f"<sip:u{n}@192.0.2.1:{n + 1024}>"),
                    ("Expires", "3600")])


class Storm:
    """Registers u0, u1, ... and remembers who got a 200."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.acknowledged = set()

    def drain(self, wait):
        while select.select([self.sock], [], [], wait)[0]:
            got = Msg(self.sock.recv(65535))
            assert got.status == 200, got
            self.acknowledged.add(int(got.get("call-id").split("-")[0]))
            wait = 0

    def run(self, kill_at):
        """Sends all of them; the daemon is killed when @kill_at have been acknowledged."""
        for n in range(REGISTRATIONS):
            self.sock.sendto(build(n, "example.test", self.port), self.daemon.addr())
            self.drain(0)
            while n - len(self.acknowledged) > WINDOW and len(self.acknowledged) < kill_at:
                before = len(self.acknowledged)
                self.drain(1.0)
                assert len(self.acknowledged) > before, "the daemon does not answer"
            if len(self.acknowledged) >= kill_at:
                break
        while len(self.acknowledged) < kill_at:
            before = len(self.acknowledged)
            self.drain(5.0)
            assert len(self.acknowledged) > before, "the daemon does not answer"
        self.daemon.kill()
        self.drain(0)      # what it had sent before it died counts

    def missing(self):
        """Of those acknowledged, who has no binding now."""
        lost = set()
        waiting = {}
        todo = sorted(self.acknowledged)
        while todo or waiting:
            while todo and len(waiting) < 100:
                n = todo.pop()
                data = message("REGISTER sip:example.test SIP/2.0",
                               [("Via", f"SIP/2.0/UDP 127.0.0.1:{self.port};"
                                        f"branch={unique('z9hG4bK')};rport"),
                                ("Max-Forwards", "70"), ("From", f"<sip:u{n}@example.test>;tag=q"),
                                ("To", f"<sip:u{n}@example.test>"), ("Call-ID", f"q{n}-{unique()}"),
                                ("CSeq", "1 REGISTER")])
                waiting[n] = data
                self.sock.sendto(data, self.daemon.addr())
            assert select.select([self.sock], [], [], 10.0)[0], "the daemon does not answer"
            got = Msg(self.sock.recv(65535))
            n = int(got.get("call-id").split("-")[0][1:])
            assert got.status == 200, got
            if waiting.pop(n, None) and f"sip:u{n}@192.0.2.1:{n + 1024}" not in (got.get("contact")
                                                                               or ""):
                lost.add(n)
        return lost


@pytest.mark.parametrize("n", range(ROUNDS))
def test_no_acknowledged_registration_is_lost_by_kill_9(tmp_path, n):
    tmp_path.chmod(0o755)
    d = Daemon(tmp_path / "d", base=QUIET)
    storm = Storm(d)
    try:
        # Somewhere else in each round: early, late, and nearly at the end.
        storm.run(1 + (n * 797 + 400) % (REGISTRATIONS - 1))
        d.start()
        assert storm.missing() == set()
        d.stop()
    finally:
        storm.sock.close()
        if d.process:
            d.kill()


QUIET = """
domains = {{ "example.test" }}
database = "{dir}/sipcgid.db"
authenticate = {{ }}
log {{ level = info }}
"""
