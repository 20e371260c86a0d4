"""Malformed messages, systematically: every place of a message with every anomaly.

A message is a list of pieces; a piece with a name is a place. A case puts one anomaly into one
place and leaves the rest as it should be. What comes back, or is passed on, is read by the strict
reader at the end of this file, which shares nothing with the server's parser.
"""
import re

from sip import unique


def _repeated():
    for n in (1, 2, 64, 255, 256, 257, 1024, 2049, 4096, 8193, 20000):
        yield f"a*{n}", b"a" * n
    for text in (b"%00", b"\xc3\xa9", b" ", b"\t", b",", b";", b":", b"<", b">", b"@", b'"', b"\\",
                 b"(", b"=", b"/", b"[", b"a.", b"a,", b";a=b", b"a:", b"%s", b"%n", b"\r\n "):
        yield f"{text!r}*300", text * 300


def _numbers():
    for n in ("", "0", "00000000000000000001", "-1", "-0", "+1", "65535", "65536", "2147483647",
              "2147483648", "-2147483648", "4294967295", "4294967296", "18446744073709551615",
              "18446744073709551616", "9" * 100, "9" * 5000, "0x10", "1e9", "1.5", "1 1", "NaN"):
        yield f"number {n[:24]}", n.encode()


def _texts():
    for name, text in {
            "format": b"%s%s%s%n%n%x%p", "format wide": b"%.99999999d%99999999s%2147483647$n",
            "nul": b"a\0b", "nul alone": b"\0", "controls": bytes(range(1, 9)), "del": b"a\x7fb",
            "cr": b"a\rb", "lf": b"a\nb", "crlf": b"a\r\nb", "crlfcrlf": b"a\r\n\r\nb",
            "fold": b"a\r\n b", "fold of nothing": b"\r\n \r\n ", "lf lf": b"a\n\nb",
            "smuggled field": b"a\r\nX-Smuggled: yes", "smuggled by lf": b"a\nX-Smuggled: yes",
            "smuggled by cr": b"a\rX-Smuggled: yes",
            "utf-8": "é漢😀".encode(), "overlong": b"\xc0\x80\xc1\xbf\xe0\x80\x80",
            "surrogate": b"\xed\xa0\x80", "beyond unicode": b"\xf5\x80\x80\x80\xf4\x90\x80\x80",
            "lone continuation": b"\x80\xbf", "cut character": b"\xe2\x82", "bom": b"\xef\xbb\xbfa",
            "ff": b"\xff\xfe\xff", "utf-16": "sip".encode("utf-16"),
            "escaped nul": b"%00", "escaped crlf": b"%0d%0aX-Smuggled:%20yes", "bad escape": b"%zz",
            "cut escape": b"%", "cut escape 2": b"%4", "escaped percent": b"%2500",
            "open quote": b'"a', "open quote escape": b'"a\\', "quoted crlf": b'"a\r\nb"',
            "quoted nul": b'"a\\\0b"', "two quotes": b'"a" "b"', "comment": b"a (b", "angle": b"<a",
            "angles": b"<<a>>", "wrong angles": b">a<", "colon": b":", "star": b"*",
            "slashes": b"//../../etc/passwd", "shell": b"`id`;$(id)|id&", "sql": b"' OR 1=1; --",
            "html": b"<script>alert(1)</script>", "environment": b"A=B\nLD_PRELOAD=/x",
            "brackets": b"[", "ipv6": b"[::1]", "open ipv6": b"[::1",
            "long ipv6": b"[" + b"1:" * 40,
            "zone": b"[fe80::1%25lo]", "no ipv4": b"999.999.999.999", "short ipv4": b"1.2.3",
            "octal": b"010.000.000.001", "broadcast": b"255.255.255.255", "any": b"0.0.0.0",
            "uri": b"sip:x@y.test", "nested uri": b"sip:x@y.test?Via=a%0d%0ab", "sips": b"sips:",
            "long scheme": b"sip" * 100 + b":a", "http": b"http://127.0.0.1/"}.items():
        yield name, text


ANOMALIES = [*_repeated(), *_numbers(), *_texts()]

# Pieces: text, or (place, what belongs there). {...} is filled in for each message.
VIA = ["SIP/", ("via.version", "2.0"), "/", ("via.transport", "{TRANSPORT}"), " ",
       ("via.host", "{host}"), ":", ("via.port", "{port}"), ("via.params", ";rport"),
       ";branch=", ("via.branch", "{branch}")]
COMMON = [
    ("field.name", "X-Name"), ": x\r\n",
    "Via: ", *VIA, "\r\n",
    "Max-Forwards: ", ("max-forwards", "70"), "\r\n",
    "From: ", ("from.name", '"Caller"'), " <", ("from.scheme", "sip"), ":",
    ("from.user", "caller"), "@", ("from.host", "elsewhere.test"), ("from.uri-params", ""), ">",
    ("from.params", ""), ";tag=", ("from.tag", "{tag}"), "\r\n",
    "To: ", ("to.name", "Callee"), " <sip:", ("to.user", "{user}"), "@",
    ("to.host", "example.test"), ">", ("to.params", ""), "\r\n",
    "Call-ID: ", ("call-id", "{call_id}"), "\r\n",
    "CSeq: ", ("cseq.number", "1"), " ", ("cseq.method", "{cseq_method}"), "\r\n",
    "Contact: ", ("contact.name", ""), "<sip:", ("contact.user", "caller"), "@",
    ("contact.host", "{host}"), ":", ("contact.port", "{port}"), ("contact.uri-params", ""), ">",
    ("contact.params", ""), "\r\n"]
BODY = ["v=", ("sdp.v", "0"), "\r\no=", ("sdp.o", "u 1 1 IN IP4 192.0.2.9"), "\r\ns=",
        ("sdp.s", "-"), "\r\nc=", ("sdp.c", "IN IP4 192.0.2.9"), "\r\nt=0 0\r\nm=",
        ("sdp.m", "audio 9 RTP/AVP 0"),
        "\r\n"]
# Whole field values of fields a request may have or not: (name, a good value).
FIELDS = [("Expires", "60"), ("Content-Type", "application/sdp"), ("Content-Encoding", "identity"),
          ("Content-Disposition", "session"), ("Accept", "application/sdp"), ("Allow", "INVITE"),
          ("Supported", "100rel"), ("Require", "100rel"), ("Proxy-Require", ""), ("Route", ""),
          ("Record-Route", "<sip:r.test;lr>"), ("Path", "<sip:p.test;lr>"), ("Via", ""),
          ("Authorization", 'Digest username="a"'), ("Proxy-Authorization", "Basic eDp5"),
          ("Date", "Sat, 13 Nov 2010 23:29:00 GMT"), ("Max-Breadth", "60"), ("Subject", "x"),
          ("Content-Length", ""), ("Timestamp", "54"), ("Warning", '399 h "t"'), ("Event", "x"),
          ("Replaces", "a;to-tag=b;from-tag=c"), ("Refer-To", "<sip:x@y.test>"), ("Reason", "SIP"),
          ("P-Asserted-Identity", "<sip:a@b.test>"), ("Identity", "x"), ("Session-Expires", "90"),
          ("Call-ID", ""), ("CSeq", ""), ("From", ""), ("To", ""), ("Contact", ""), ("v", ""),
          ("Max-Forwards", ""), ("l", ""), ("MIME-Version", "1.0"), ("User-Agent", "x")]
START = [("method", "{method}"), " ", ("uri.scheme", "sip"), ":", ("uri.user", "{user}"), "@",
         ("uri.host", "example.test"), ("uri.port", ""), ("uri.params", ""), ("uri.headers", ""),
         " ", ("version", "SIP/2.0"), "\r\n"]
STATUS = [("status.version", "SIP/2.0"), " ", ("status.code", "200"), " ", ("reason", "OK"), "\r\n"]


def places(response=False):
    """Names of all places, of a request or a response."""
    pieces = (STATUS if response else START) + COMMON + BODY
    return [p[0] for p in pieces if isinstance(p, tuple)] + \
        ["+" + name for name, _ in FIELDS] + ["length", "content-length"]


def fill(pieces, place, anomaly, known):
    out = []
    for piece in pieces:
        if isinstance(piece, str):
            out.append(piece.encode())
        elif piece[0] == place:
            out.append(anomaly)
        else:
            out.append(piece[1].format_map(known).encode())
    return b"".join(out)


def build(place, anomaly, response=False, body=True, **known):
    """One message with @anomaly at @place."""
    known = {"TRANSPORT": known.get("transport", "udp").upper(), "tag": unique("f"),
             "branch": unique("z9hG4bK"), "call_id": unique("call"), **known}
    # What is registered meanwhile is not who the others call.
    known.setdefault("user", "somebody" if known.get("method") == "REGISTER" else "callee")
    known.setdefault("cseq_method", known.get("method"))
    sdp = fill(BODY, place, anomaly, known) if body else b""
    head = fill(STATUS if response else START, place, anomaly, known)
    head += fill(COMMON, place, anomaly, known)
    if place.startswith("+"):
        head += place[1:].encode() + b": " + anomaly + b"\r\n"
    elif body:
        head += b"Content-Type: application/sdp\r\n"
    length = str(len(sdp)).encode()
    if place == "content-length":
        length = anomaly
    if place not in ("+Content-Length", "+l"):
        head += b"Content-Length: " + length + b"\r\n"
    return head + b"\r\n" + (anomaly if place == "length" else sdp)


# -- the strict reader

TOKEN = r"[A-Za-z0-9.!%*_+`'~-]+"
QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\x00-\x09\x0b\x0c\x0e-\x7f])*"'
HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
# A value may have more than a token has: RFC 5118 4.5, and what phones write.
PARAMS = rf"(?:\s*;\s*{TOKEN}(?:\s*=\s*(?:[A-Za-z0-9.!%*_+`'~$&()/:=@\[\]-]+|{QUOTED}))?)*"
SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*"
ADDR = (rf"(?:(?:{QUOTED}\s*|(?:{TOKEN}\s+)*{TOKEN}\s*|)<{SCHEME}:[^<>\s\x00-\x1f\"]+>|"
        rf"{SCHEME}:[^<>\s;?,\x00-\x1f\"]+)(?:{PARAMS})")
ONE = {
    "from": ADDR, "to": ADDR, "call-id": r"[^\s\x00-\x1f\x7f]+",
    "cseq": rf"\d+\s+{TOKEN}", "max-forwards": r"\d+", "content-length": r"\d+"}
VIA_ONE = rf"SIP\s*/\s*2\.0\s*/\s*{TOKEN}\s+{HOST}(?:\s*:\s*\d+)?{PARAMS}"
START_LINE = (rf"(?:{TOKEN} {SCHEME}:[^\s\x00-\x1f<>\"]+ SIP/2\.0|"
              r"SIP/2\.0 [1-6]\d\d [^\x00-\x08\x0a-\x1f\x7f]*)")


def split_list(value):
    """The elements of a comma-separated value."""
    return [e.strip() for e in re.findall(rf'((?:{QUOTED}|<[^>]*>|[^,"<])+)', value)]


def complaints(raw, lenient=(), vias=2):
    """What is wrong with a message the server sent. @lenient: names of fields, lower case, that may
    look as the request's did. Only the first @vias elements of Via are somebody's business here:
    what a proxy need not look at it leaves as it is (RFC 3261 16.3)."""
    head, end, body = raw.partition(b"\r\n\r\n")
    if not end:
        return ["no end of the head"]
    if re.search(rb"(?<!\\)\0|\r(?!\n)|(?<!\r)\n", head):
        return [f"control characters: {head[:200]!r}"]
    text = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape"))
    lines = text.split("\r\n")
    wrong = [] if re.fullmatch(START_LINE, lines[0]) else [f"start line {lines[0][:200]!r}"]
    seen = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(TOKEN, name.rstrip(" \t")):
            wrong.append(f"field line {line[:200]!r}")
        name = {"v": "via", "f": "from", "t": "to", "i": "call-id", "l": "content-length"}.get(
            name.strip().lower(), name.strip().lower())
        seen.setdefault(name, []).append(value.strip(" \t"))
    response = lines[0].startswith("SIP/")
    for name, pattern in ONE.items():
        values = seen.get(name, [])
        if name in lenient:
            continue
        if len(values) > 1 or (not values and not (name == "max-forwards" and response)):
            wrong.append(f"{len(values)} {name}")
        wrong += [f"{name}: {v[:200]!r}" for v in values if not re.fullmatch(pattern, v)]
    if "content-length" in seen and int("0" + seen["content-length"][0]) != len(body):
        wrong.append(f"Content-Length {seen['content-length'][0]} of {len(body)}")
    if "via" not in seen:
        wrong.append("no Via")
    if "via" not in lenient:
        elements = [e for v in seen.get("via", []) for e in split_list(v)]
        wrong += [f"via: {e[:200]!r}" for e in elements[:vias] if not re.fullmatch(VIA_ONE, e)]
    if "x-smuggled" in seen and "x-smuggled" not in lenient:
        wrong.append("a smuggled field")
    return wrong
