"""The messages of RFC 4475 and RFC 5118 sent to the running daemon, byte for byte; what must happen
stands in tests/golden/expected.txt."""
import contextlib
import re

import pytest

from daemon import BASE, ROOT, until
from sip import Peer
from sipcalls import own_network, running, self_uri

GOLDEN = ROOT / "tests/golden"
# Everything a Request-URI of theirs names is ours: what is sent on is sent to an absent user.
DOMAINS = """domains = {{ "example.com", "example.net", "example.org", "registrar.example.com",
  "chair-dnrc.example.com", "services.example.com", "host.example.net", "company.com",
  "[2001:db8::10]", "[2001:db8::10:5070]", "[2001:db8::192.0.2.1]", "[2001:db8:::192.0.2.1]" }}
"""
HOST = "127.0.0.1"
# Answers go to the port of the Via: these are the ports that they name.
OURS, PORTS = "127.0.0.2", (5060, 5050, 5070, 6050, 19823)
CONFIG = """
transaction { t1 = "4ms" t2 = "16ms" t4 = "20ms" }
registrar { min-expires = "1s" }
"""


def table():
    for line in (GOLDEN / "expected.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, kind, _, element, _ = (c.strip() for c in line.split("|"))
            yield name, kind, element.split(",")


ROWS = list(table())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The daemon, peers at all ports of the Vias, and somebody where mpart01's Route leads."""
    listen = "".join(f'listen "{t}:{HOST}:{p}" {{}}\n' for p in (5060, 5070) for t in ("udp", "tcp"))
    base = BASE.replace('domains = {{ "example.test" }}\n', DOMAINS)
    with own_network(), running(tmp_path_factory, CONFIG, base=base, listen=listen) as d:
        peers = {p: Peer((HOST, 5060), "udp", OURS, p) for p in PORTS}
        routed = Peer((HOST, 5060), "udp", HOST, 5080)
        checker = Peer((HOST, 5060), "udp", "127.0.0.3")
        yield d, peers, routed, checker
        for p in (*peers.values(), routed, checker):
            p.close()


def via_port(data):
    """The port that the topmost Via names, as far as one can be made out."""
    head = re.sub(rb"\r?\n[ \t]+", b" ", data)
    m = re.search(rb"(?im)^v(?:ia)?\s*:\s*SIP\s*/\s*[\d.]+\s*/\s*\w+\s+"
                  rb"(\[[^\]]*\]|[^\s;,:]+)(?:\s*:\s*(\d+))?", head)
    return int(m.group(2)) if m and m.group(2) else 5060


def settled(daemon):
    """No server transaction is left whose branch the next message might have too."""
    lines = [l for l in daemon.log_lines("transaction") if "machine=nist" in l or "machine=ist" in l]
    return sum("state=new" in l for l in lines) == sum("to=terminated" in l for l in lines)


def check(outcome, got):
    if outcome == "drop":
        return got is None
    if outcome == "accept":
        return got is not None and got.status == 200
    if outcome == "forward":
        return got is not None and got.status in (200, 404, 480)
    return got is not None and got.status == int(outcome)


def answered(daemon, checker):
    checker.request("OPTIONS", self_uri(daemon))
    checker.expect(200)


def forget(peer, data):
    """Removes the bindings that a message has made: others have the same Call-ID."""
    m = re.search(rb"(?im)^t(?:o)?\s*:\s*<?(sip:[^>\s;]+)", data)
    if m and data.startswith(b"REGISTER"):
        uri = m.group(1).decode()
        peer.request("REGISTER", "sip:example.com", [("Contact", "*"), ("Expires", "0")],
                     to=f"<{uri}>")
        peer.expect(200)


def final_of(peer, data, timeout):
    """The final response to the message @data: one to INVITE is repeated, also of the last one."""
    while True:
        got = peer.recv(timeout)
        if got is None or (got.status != 100 and (got.get("call-id") or "").encode() in data):
            return got


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r[0])
def test_torture_messages_over_udp(place, row):
    daemon, peers, routed, checker = place
    name, _, outcomes = row
    data = (GOLDEN / f"{name}.dat").read_bytes()
    until(lambda: settled(daemon), what="the end of all transactions")
    peer = peers[via_port(data)]
    peer.send(data)
    if b"\r\nRoute: <sip:127.0.0.1:5080>" in data:
        assert outcomes == ["forward"]
        got = routed.expect("MESSAGE")
        assert got.body == data.partition(b"\r\n\r\n")[2]
        routed.reply(got, 200)
        assert peer.expect(200)
    else:
        got = final_of(peer, data, 0.1 if "drop" in outcomes else 5)
        assert any(check(o, got) for o in outcomes), (name, outcomes, got)
    # Nobody else hears anything, and the server is as before.
    answered(daemon, checker)
    forget(checker, data)
    routed.quiet(0)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r[0])
def test_torture_messages_over_tcp(place, row):
    """On a stream the length must be told, and what is behind a message is the next one."""
    daemon, _, routed, checker = place
    name, kind, outcomes = row
    data = (GOLDEN / f"{name}.dat").read_bytes()
    head, end, body = data.partition(b"\r\n\r\n")
    lengths = re.findall(rb"(?im)^(?:content-length|l)\s*:\s*([^\r\n]*)", head)
    # Over the other transport it would be the same transaction.
    until(lambda: settled(daemon), what="the end of all transactions")
    with contextlib.closing(Peer(daemon.addr("tcp"), "tcp", OURS)) as peer:
        peer.send(data)
        if not end:
            outcomes = ["drop"]
        elif kind == "request" and (len(lengths) != 1 or not lengths[0].strip().isdigit()):
            outcomes = ["400"]
        elif lengths and lengths[0].strip().isdigit() and len(body) < int(lengths[0]):
            outcomes = ["drop"]            # the rest may still come
        if b"\r\nRoute: <sip:127.0.0.1:5080>" in data:
            routed.reply(routed.expect("MESSAGE"), 200)
        if name == "rfc4475/dblreq":
            # Two messages here, and behind them what is none: the connection may be gone before
            # the binding is on disk.
            data, outcomes = data[data.index(b"INVITE sip:"):], ["forward"]
        got = final_of(peer, data, 0.1 if "drop" in outcomes else 5)
        assert any(check(o, got) for o in outcomes), (name, outcomes, got)
    answered(daemon, checker)
    forget(checker, data)


def test_every_message_stands_in_the_table():
    files = {f"{f.parent.name}/{f.stem}" for f in GOLDEN.glob("rfc*/*.dat")}
    assert files == {name for name, _, _ in ROWS}
