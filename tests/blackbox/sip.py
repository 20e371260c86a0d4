"""SIP as the tests speak it: raw messages over real sockets, and nothing clever.

A test builds what it sends line by line, so that what is malformed is malformed on purpose.
"""
import itertools
import re
import select
import socket
import time

COMPACT = {"i": "call-id", "m": "contact", "e": "content-encoding", "l": "content-length",
           "c": "content-type", "f": "from", "s": "subject", "k": "supported", "t": "to",
           "v": "via", "o": "event", "u": "allow-events", "r": "refer-to", "b": "referred-by",
           "x": "session-expires", "a": "accept-contact", "j": "reject-contact",
           "d": "request-disposition", "y": "identity", "n": "identity-info"}
CALL_ID = re.compile(rb"(?im)^(?:call-id|i)[ \t]*:[ \t]*(\S+)")
_count = itertools.count(1)


def unique(prefix=""):
    """A token no other call of this run has had."""
    return f"{prefix}{time.monotonic_ns():x}{next(_count)}"


def full_name(name):
    name = name.strip().lower()
    return COMPACT.get(name, name)


class Msg:
    """A received message: start line, header fields in order, body."""

    def __init__(self, raw, addr=None):
        self.raw, self.addr = raw, addr
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n")
        self.start = lines[0].decode("utf-8", "surrogateescape")
        self.fields = []
        for line in lines[1:]:
            name, _, value = line.decode("utf-8", "surrogateescape").partition(":")
            self.fields.append((name.strip(), value.strip()))
        words = self.start.split(" ", 2)
        self.status = int(words[1]) if words[0] == "SIP/2.0" else None
        self.reason = words[2] if self.status and len(words) > 2 else None
        self.method = None if self.status else words[0]
        self.uri = None if self.status else words[1]

    def all(self, name):
        """The values of all fields of that name, in order, not split at commas."""
        return [v for n, v in self.fields if full_name(n) == full_name(name)]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None

    def values(self, name):
        """The elements of a list header, over all its fields."""
        out = []
        for v in self.all(name):
            out += [e.strip() for e in re.findall(r'(?:[^,"<]|"(?:[^"\\]|\\.)*"|<[^>]*>)+', v)]
        return out

    def names(self):
        return [full_name(n) for n, _ in self.fields]

    @property
    def branch(self):
        m = re.search(r";\s*branch\s*=\s*([^;,\s]+)", self.values("via")[0])
        return m and m.group(1)

    @property
    def to_tag(self):
        m = re.search(r">\s*.*;\s*tag\s*=\s*([^;\s]+)", self.get("to"))
        return m and m.group(1)

    def __repr__(self):
        return f"<{self.start}>"


def message(start, fields, body=b""):
    """Bytes of a message. @fields: (name, value) pairs or a dict; Content-Length is added unless
    it is given (None: left out)."""
    fields = list(fields.items()) if isinstance(fields, dict) else list(fields)
    body = body.encode() if isinstance(body, str) else body
    names = [full_name(n) for n, _ in fields]
    if "content-length" not in names:
        fields.append(("Content-Length", str(len(body))))
    lines = [start] + [f"{n}: {v}" for n, v in fields if v is not None]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


class Peer:
    """A user agent's socket: UDP, or TCP with one listening socket and any number of connections."""

    # Call-IDs of closed peers: what still comes for them is for somebody who had this port before.
    over = set()

    def __init__(self, server=None, transport="udp", host="127.0.0.1", port=0):
        self.transport, self.host = transport, host
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.sock = socket.socket(self.family, kind)
        self.sock.bind((host, port))
        if transport == "tcp":
            self.sock.listen(64)
        self.port = self.sock.getsockname()[1]
        self.server = server      # (host, port) of the server under test
        self.conns = {}           # socket -> bytes not yet made into a message
        self.out = None           # the connection requests are sent on
        self.kept = []            # messages that expect() passed over
        self.calls = set()        # Call-IDs it has sent

    # -- addresses
    @property
    def hostport(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def uri(self, user="ua"):
        extra = ";transport=tcp" if self.transport == "tcp" else ""
        return f"sip:{user}@{self.hostport}{extra}"

    def via(self, branch=None):
        return f"SIP/2.0/{self.transport.upper()} {self.hostport};branch=" + \
            (branch or unique("z9hG4bK")) + (";rport" if self.transport == "udp" else "")

    # -- sending
    def send(self, data, to=None):
        calls = set(CALL_ID.findall(data))
        self.calls |= calls
        Peer.over -= calls
        if self.transport == "udp":
            self.sock.sendto(data, to or self.server)
            return
        if self.out is None:
            self.connect()
        self.out.sendall(data)

    def connect(self):
        self.out = socket.create_connection(self.server[:2])
        self.conns[self.out] = b""
        return self.out

    def request(self, method, uri, fields=(), body=b"", **known):
        """Sends a request and returns it as a Msg; header fields given replace the usual ones."""
        data = self.build(method, uri, fields, body, **known)
        self.send(data)
        return Msg(data)

    def build(self, method, uri, fields=(), body=b"", *, to=None, from_=None, call_id=None, cseq=1,
              branch=None, contact=None):
        fields = list(fields.items()) if isinstance(fields, dict) else list(fields)
        usual = [("Via", self.via(branch)), ("Max-Forwards", "70"),
                 ("From", from_ or f"<sip:caller@elsewhere.test>;tag={unique('f')}"),
                 ("To", to or f"<{uri}>"), ("Call-ID", call_id or unique("call")),
                 ("CSeq", f"{cseq} {method}")]
        if method in ("INVITE", "SUBSCRIBE", "REFER", "UPDATE") or contact:
            usual.append(("Contact", contact or f"<{self.uri('caller')}>"))
        given = {full_name(n) for n, _ in fields}
        usual = [(n, v) for n, v in usual if full_name(n) not in given]
        if body and "content-type" not in given:
            fields.append(("Content-Type", "application/sdp"))
        return message(f"{method} {uri} SIP/2.0", usual + fields, body)

    def reply(self, req, status, reason="Whatever", fields=(), body=b"", tag=None, record_route=True):
        """Answers a request as RFC 3261 8.2.6 says, where it came from."""
        fields = list(fields.items()) if isinstance(fields, dict) else list(fields)
        copied = [("Via", v) for v in req.all("via")]
        if record_route and 100 < status < 300:
            copied += [("Record-Route", v) for v in req.all("record-route")]
        to = req.get("to")
        if status > 100 and "tag=" not in to:
            to += f";tag={tag or self.tag(req)}"
        copied += [("From", req.get("from")), ("To", to), ("Call-ID", req.get("call-id")),
                   ("CSeq", req.get("cseq"))]
        if status // 100 == 2 and req.method in ("INVITE", "SUBSCRIBE"):
            copied.append(("Contact", f"<{self.uri('callee')}>"))
        if body:
            fields.append(("Content-Type", "application/sdp"))
        data = message(f"SIP/2.0 {status} {reason}", copied + fields, body)
        if self.transport == "udp":
            self.sock.sendto(data, req.addr)
        else:
            req.addr.sendall(data)
        return Msg(data)

    def tag(self, req):
        return f"t{self.port}{abs(hash(req.get('call-id'))) % 10 ** 8}"

    def ack(self, invite, final):
        """ACK to a final response: of the same transaction for a non-2xx, else its own."""
        if final.status // 100 == 2:
            uri = re.search(r"<([^>]*)>", final.get("contact")).group(1)
            route = [("Route", v) for v in reversed(final.values("record-route"))]
            via = self.via()
        else:
            uri, via = invite.uri, invite.get("via")
            route = [("Route", v) for v in invite.all("route")]
        number = invite.get("cseq").split()[0]
        self.send(message(f"ACK {uri} SIP/2.0", [("Via", via), *route, ("Max-Forwards", "70"),
                                                 ("From", invite.get("from")),
                                                 ("To", final.get("to")),
                                                 ("Call-ID", invite.get("call-id")),
                                                 ("CSeq", f"{number} ACK")]))

    def cancel(self, invite):
        number = invite.get("cseq").split()[0]
        route = [("Route", v) for v in invite.all("route")]
        data = message(f"CANCEL {invite.uri} SIP/2.0",
                       [("Via", invite.get("via")), *route, ("Max-Forwards", "70"),
                        ("From", invite.get("from")), ("To", invite.get("to")),
                        ("Call-ID", invite.get("call-id")), ("CSeq", f"{number} CANCEL")])
        self.send(data)
        return Msg(data)

    def in_dialog(self, method, invite, ok, cseq=2, fields=(), body=b""):
        """A request of the caller's inside the dialog that @ok (a 2xx) made."""
        uri = re.search(r"<([^>]*)>", ok.get("contact")).group(1)
        route = [("Route", v) for v in reversed(ok.values("record-route"))]
        return self.request(method, uri, route + list(fields), body, to=ok.get("to"),
                            from_=invite.get("from"), call_id=invite.get("call-id"), cseq=cseq)

    # -- receiving
    def recv(self, timeout=5.0):
        """The next message, kept ones first; None when none comes in time."""
        if self.kept:
            return self.kept.pop(0)
        return self._recv(timeout)

    def _recv(self, timeout):
        end = time.monotonic() + timeout
        while True:
            msg = self._framed()
            if msg:
                return msg
            left = end - time.monotonic()
            if left <= 0:
                return None
            ready, _, _ = select.select([self.sock, *self.conns], [], [], left)
            for s in ready:
                if s is self.sock and self.transport == "udp":
                    data, addr = s.recvfrom(65535)
                    if data.strip(b"\r\n\0") and not Peer.over.intersection(CALL_ID.findall(data)):
                        return Msg(data, addr)
                elif s is self.sock:
                    conn, _ = s.accept()
                    self.conns[conn] = b""
                else:
                    self._read(s)

    def _read(self, conn):
        try:
            data = conn.recv(65536)
        except OSError:
            data = b""
        if data:
            self.conns[conn] += data
        else:
            conn.close()
            del self.conns[conn]
            if conn is self.out:
                self.out = None

    def _framed(self):
        for conn, data in self.conns.items():
            data = data.lstrip(b"\r\n")
            head, end, _ = data.partition(b"\r\n\r\n")
            if not end:
                continue
            m = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", head)
            size = len(head) + 4 + (int(m.group(1)) if m else 0)
            if len(data) >= size:
                self.conns[conn] = data[size:]
                return Msg(data[:size], conn)
        return None

    def expect(self, what, timeout=5.0, keep=False):
        """The next message that is @what: a status, a status class (1 means 1xx), or a method.
        Others are passed over, or kept for later with @keep."""
        end = time.monotonic() + timeout
        seen, queue = [], self.kept
        self.kept = []
        while True:
            msg = queue.pop(0) if queue else self._recv(max(0, end - time.monotonic()))
            if msg is None:
                if keep:
                    self.kept = seen + self.kept
                raise AssertionError(f"expected {what}, got {seen or 'nothing'}")
            hit = msg.method == what if isinstance(what, str) else \
                msg.status is not None and what in (msg.status, msg.status // 100)
            if hit:
                self.kept = (seen if keep else []) + queue
                return msg
            seen.append(msg)

    def quiet(self, timeout=0.3, but=()):
        """Nothing comes for so long, except messages that are one of @but."""
        end = time.monotonic() + timeout
        while True:
            msg = self.recv(max(0, end - time.monotonic()))
            if msg is None:
                return
            if msg.status not in but and msg.method not in but:
                raise AssertionError(f"expected nothing, got {msg}:\n{msg.raw!r}")

    def close(self):
        Peer.over |= self.calls
        for s in [self.sock, *self.conns]:
            s.close()
