"""What several tests of the proxy, the registrar and the transports need."""
import contextlib
import ctypes
import fcntl
import os
import socket
import struct

from cgicalls import final
from daemon import Daemon
from sip import message, unique

DOMAIN = "example.test"
# Transactions that time out after 3.2 s instead of 32.
SHORT = 'transaction { t1 = "50ms" t2 = "200ms" t4 = "250ms" }\n'
IPV6 = """
listen "udp:127.0.0.1:0" {}
listen "tcp:127.0.0.1:0" {}
listen "udp:[::1]:0" {}
listen "tcp:[::1]:0" {}
"""


@contextlib.contextmanager
def running(factory, config="", **kw):
    """A daemon for a whole module: @factory is pytest's tmp_path_factory."""
    directory = factory.mktemp("daemon")
    for d in (directory, directory.parent):
        d.chmod(0o755)
    # Tests leave calls behind: nobody waits for those.
    daemon = Daemon(directory / "d", 'drain = "200ms"\n' + config, **kw)
    try:
        yield daemon
    finally:
        daemon.stop()


def aor(user):
    return f"sip:{user}@{DOMAIN}"


def bind(peer, user, contacts, fields=()):
    """Registers these Contact values, "<sip:..>;q=0.5", in one request; its 200."""
    req = peer.request("REGISTER", f"sip:{DOMAIN}",
                       [*[("Contact", c) for c in contacts], ("Expires", "300"), *fields],
                       from_=f"<{aor(user)}>;tag={unique()}", to=f"<{aor(user)}>")
    ok = final(peer, req)
    assert ok.status == 200, ok
    return ok


def ring(registrant, *callees, qs=None):
    """A new user whose bindings are these peers, with these q values; its URI."""
    user = unique("user")
    bind(registrant, user, [f"<{c.uri(user)}>" + (f";q={qs[i]}" if qs else "")
                            for i, c in enumerate(callees)])
    return aor(user)


def talk(caller, callee, uri, fields=(), body=b"", **known):
    """INVITE, 200, ACK: the INVITE as sent and as received, the 200 as received."""
    invite = caller.request("INVITE", uri, fields, body, **known)
    got = callee.expect("INVITE")
    callee.reply(got, 200)
    ok = caller.expect(200)
    caller.ack(invite, ok)
    callee.expect("ACK")
    return invite, got, ok


def alive(daemon, peer):
    """The server still answers OPTIONS."""
    host, port = daemon.addr()
    req = peer.request("OPTIONS", f"sip:{host}:{port}")
    assert final(peer, req).status == 200


def self_uri(daemon, user=None, transport="udp", ipv6=False):
    """The server's own address as a URI; as a route, with ;lr behind it."""
    host, port = daemon.addr(transport, ipv6)
    host = f"[{host}]" if ":" in host else host
    return "sip:" + (f"{user}@" if user else "") + f"{host}:{port}"


def raw_request(peer, method, uri, more=(), drop=(), body=b"", via=None, version="SIP/2.0"):
    """Bytes of a request with exactly these fields: the usual ones without @drop, then @more."""
    usual = [("Via", via or peer.via()), ("Max-Forwards", "70"),
             ("From", f"<sip:caller@elsewhere.test>;tag={unique('f')}"), ("To", f"<{uri}>"),
             ("Call-ID", unique("call")), ("CSeq", f"1 {method}")]
    return message(f"{method} {uri} {version}",
                   [f for f in usual if f[0].lower() not in drop] + list(more), body)


CLONE_NEWNET = 0x40000000


def loopback_up():
    """ifconfig lo up, in a network of one's own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        flags = struct.pack("16sH14x", b"lo", 1 | 64)      # IFF_UP | IFF_RUNNING
        fcntl.ioctl(s, 0x8914, flags)                      # SIOCSIFFLAGS


@contextlib.contextmanager
def own_network():
    """What is started and opened in here sees a loopback of its own, where every port is free.
    True; False where the system does not allow it, and nothing has changed."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            yield False
            return
        try:
            loopback_up()
            yield True
        finally:
            if libc.setns(before, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "cannot go back to the old network")
    finally:
        os.close(before)
