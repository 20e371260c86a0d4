"""RFC 3050 5.5.2, 7.2, 7.5: the body on standard input."""
import os

import pytest

from cgicalls import OURS, ask, final, outcome
from sip import Msg

OK = "SIP/2.0 299 OK\n\n"
SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"


@pytest.mark.parametrize("transport,body,kind", [
    ("udp", SDP, "application/sdp"),
    ("tcp", SDP, "application/sdp"),
    ("udp", bytes(range(256)) + b"\r\n\0\n\n", "application/octet-stream"),
    ("tcp", bytes(range(256)) * 234, "application/octet-stream"),
    ("udp", b"a" * 20000, "text/plain"),
    ("udp", b"\x30\x80" + os.urandom(200), "application/pkcs7-mime;smime-type=enveloped-data")])
def test_c080_c081_c083_c084_standard_input_is_exactly_the_body(stage, peer, transport, body, kind):
    got, runs = outcome(peer(stage.daemon, transport), stage, OK, body=body,
                        fields=[("Content-Type", kind)])
    assert got.status == 299
    assert runs.seen()["stdin"].encode("latin-1") == body
    assert runs.env()["CONTENT_LENGTH"] == str(len(body))


@pytest.mark.parametrize("fields", [[("Content-Length", "0")], [("Content-Length", None)]])
def test_c083_without_a_body_there_is_end_of_file_at_once(stage, peer, fields):
    got, runs = outcome(peer(stage.daemon), stage, OK, fields=fields)
    assert got.status == 299
    assert runs.seen()["stdin"] == ""


def test_c080_bytes_beyond_content_length_are_not_the_body(stage, peer):
    p, runs = peer(stage.daemon), stage.call(OK)
    data = p.build("MESSAGE", OURS, [("Content-Type", "text/plain")], b"body", call_id=runs.call_id)
    p.send(data + b"and more")
    assert final(p, Msg(data)).status == 299
    assert runs.seen()["stdin"] == "body"


def test_c082_a_script_need_not_read_its_input(start, peer):
    d = start('script "s" { path = "{dir}/scripts/s" }\nroute { script = "s" }\n', start=False)
    d.script("s", "#!/bin/sh\nexec 0<&-\necho 'SIP/2.0 299 OK'\necho\n")
    d.start()
    p = peer(d, "tcp")
    for _ in range(5):
        req = p.request("MESSAGE", OURS, body=b"x" * 60 * 1024)
        assert final(p, req).status == 299


def test_c085_a_body_above_the_servers_limit_is_513_and_no_script_runs(stage, peer):
    p, runs = peer(stage.daemon, "tcp"), stage.call(OK)
    assert final(p, ask(p, runs, "MESSAGE", body=b"x" * 66000)).status == 513
    assert runs.count == 0
