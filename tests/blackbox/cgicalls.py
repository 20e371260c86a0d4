"""What several tests of the script interface need."""
import hashlib
import re

from sip import unique

OURS = "sip:someone@example.test"


def ask(peer, runs, method="INVITE", uri=OURS, fields=(), body=b"", **known):
    """A request whose Call-ID makes it one of @runs."""
    return peer.request(method, uri, fields, body, call_id=runs.call_id, **known)


def outcome(peer, stage, out, method="MESSAGE", uri=OURS, fields=(), body=b"", **known):
    """A request whose script prints @out: its final response, and the runs."""
    runs = stage.call(out)
    req = ask(peer, runs, method, uri, fields, body, **known)
    return final(peer, req), runs


def final(peer, req, timeout=5.0):
    """The final response to @req; an INVITE's is acknowledged."""
    number = req.get("cseq")
    while True:
        msg = peer.recv(timeout)
        assert msg, f"no final response to {req}"
        if msg.status and msg.status >= 200 and msg.get("cseq") == number and \
                msg.get("call-id") == req.get("call-id"):
            if req.method == "INVITE":
                peer.ack(req, msg)
            return msg


def proxy(target, *more):
    """CGI-PROXY-REQUEST with header lines, and its blank line."""
    return "\n".join([f"CGI-PROXY-REQUEST {target} SIP/2.0", *more]) + "\n\n"


def register(peer, user, fields=(), contact=None, domain="example.test"):
    """A registration that no script hears of; its 200."""
    aor = f"<sip:{user}@{domain}>"
    req = peer.request("REGISTER", f"sip:{domain}", [("Expires", "300"), *fields],
                       from_=aor + f";tag={unique()}", to=aor,
                       contact=contact or f"<{peer.uri(user)}>")
    ok = final(peer, req)
    assert ok.status == 200, ok
    return ok


def script_children(daemon):
    """Processes below the daemon that are not the daemon itself: what scripts leave."""
    found = []
    for pid in daemon.children():
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as f:
                name = f.read().strip()
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                state = f.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if not name.startswith("sipcgid") or state == "Z":
            found.append((pid, name, state))
    return found


def challenges(response, name):
    """The Digest challenges of a 401 or 407, in order, as dictionaries."""
    out = []
    for value in response.all(name):
        scheme, _, rest = value.partition(" ")
        assert scheme == "Digest"
        out.append({k: q or t for k, q, t in
                    re.findall(r'([\w-]+)=(?:"([^"]*)"|([^,\s]+))', rest)})
    return out


def credentials(challenge, method, uri, user, password, scheme="Digest", nc=1):
    """A value for Authorization or Proxy-Authorization: RFC 7616 3.4, RFC 8760."""
    new = hashlib.sha256 if challenge.get("algorithm") == "SHA-256" else hashlib.md5

    def h(text):
        return new(text.encode()).hexdigest()

    realm, nonce, cnonce = challenge["realm"], challenge["nonce"], unique()
    ha1, ha2 = h(f"{user}:{realm}:{password}"), h(f"{method}:{uri}")
    response = h(f"{ha1}:{nonce}:{nc:08x}:{cnonce}:auth:{ha2}")
    quoted = user.replace("\\", "\\\\").replace('"', '\\"')
    return (f'{scheme} username="{quoted}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'algorithm={challenge.get("algorithm", "MD5")}, qop=auth, nc={nc:08x}, '
            f'cnonce="{cnonce}", response="{response}"')
