"""RFC 3050 5.6, 5.6.1: how what a script prints is cut into messages, and what is not one."""
import pytest

from cgicalls import OURS, ask, final, outcome, proxy
from daemon import Dump

LATER = "SIP/2.0 299 second\n\n"


def test_c090_standard_output_is_obeyed(stage, peer):
    got, _ = outcome(peer(stage.daemon), stage, "SIP/2.0 299 Fine\n\n")
    assert (got.status, got.reason) == (299, "Fine")


def test_c091_any_number_of_messages(stage, peer):
    alice, bob, carol = peer(stage.daemon), peer(stage.daemon), peer(stage.daemon)
    runs = stage.call("CGI-SET-COOKIE abc SIP/2.0\n\nCGI-AGAIN no SIP/2.0\n\n" +
                      proxy(bob.uri("b")) + "SIP/2.0 180 Ringing\n\n" + proxy(carol.uri("c")))
    invite = ask(alice, runs)
    at_bob, at_carol = bob.expect("INVITE"), carol.expect("INVITE")
    alice.expect(180)
    bob.reply(at_bob, 486)
    carol.reply(at_carol, 486)
    assert final(alice, invite).status == 486


def test_c091_none_at_all_is_the_default_action(stage, peer):
    assert outcome(peer(stage.daemon), stage, "")[0].status == 404


# -- where a message ends. In each row the script's answer is the one that must come.

@pytest.mark.parametrize("status,out", [
    # C-092: one action line per message
    (500, "CGI-AGAIN yes SIP/2.0\nCGI-SET-COOKIE x SIP/2.0\n\n"),
    (500, "SIP/2.0 299 one\nSIP/2.0 298 two\n\n"),
    (299, "CGI-SET-COOKIE x SIP/2.0\n\n" + LATER),
    # C-093: no continuation lines
    (500, "SIP/2.0 299 OK\nSubject: one\n two\n\n"),
    (500, "SIP/2.0 299 OK\nSubject: one\n\ttwo\n\n"),
    (500, "SIP/2.0 299 OK\n Subject: one\n\n"),
    # C-094: an action line comes first, blank lines before it are nothing
    (500, "hello\n\n"),
    (500, "Subject: hello\n\n" + LATER),
    (299, "\n\n\r\n\n" + LATER),
    (299, LATER + "\n\n\n"),
    # C-095: without a body a message ends at the blank line
    (299, "CGI-SET-COOKIE x SIP/2.0\nContent-Type: text/plain\nContent-Length: 0\n\n" + LATER),
    (299, "CGI-AGAIN no SIP/2.0\nContent-Length: 0\n\n" + LATER),
    # C-096: the body is skipped by its length, whatever it says
    (299, "CGI-SET-COOKIE x SIP/2.0\nContent-Type: text/plain\nContent-Length: 22\n\n"
          "SIP/2.0 487 not that\n\n" + LATER),
    (299, "CGI-SET-COOKIE x SIP/2.0\nl: 5\nc: text/plain\n\n12345\n\n\n" + LATER),
    (299, "CGI-SET-COOKIE x SIP/2.0\nContent-Type: text/plain\nContent-Length: 5\n\n12345" + LATER),
    # C-097: output ends before Content-Length
    (500, "SIP/2.0 299 OK\nContent-Type: text/plain\nContent-Length: 100\n\n1234567890"),
    (500, "SIP/2.0 299 OK\nContent-Type: text/plain\nContent-Length: 1\n\n"),
    # C-098: without Content-Length the body goes to the end
    (299, "SIP/2.0 299 OK\nContent-Type: text/plain\n\nSIP/2.0 487 body\n\n"),
    # C-099: Content-Length without Content-Type
    (500, "SIP/2.0 299 OK\nContent-Length: 5\n\n12345"),
    # C-100: LF and CR LF
    (299, "SIP/2.0 299 OK\r\n\r\n"),
    (299, "CGI-SET-COOKIE x SIP/2.0\r\n\nSIP/2.0 299 OK\nSubject: x\r\n\n"),
    (299, "CGI-SET-COOKIE x SIP/2.0\n\r\nSIP/2.0 299 OK\r\nSubject: x\n\r\n"),
    # C-101: the last line without its end, the last message without its blank line
    (299, "SIP/2.0 299 OK"),
    (299, "SIP/2.0 299 OK\n"),
    (299, "SIP/2.0 299 OK\nSubject: x"),
    (404, "CGI-AGAIN yes SIP/2.0"),
    # C-102: a header block alone is a 200 only where that is configured
    (500, "Content-Type: text/plain\n\nhello")])
def test_c092_to_c102_messages_end_where_the_rules_say(stage, peer, status, out):
    got, runs = outcome(peer(stage.daemon), stage, out)
    assert got.status == status
    assert runs.count == 1


def test_c092_the_log_names_the_line(stage, peer):
    _, runs = outcome(peer(stage.daemon), stage, "CGI-AGAIN no SIP/2.0\n\nSIP/2.0 299 OK\nnonsense\n\n")
    line = stage.daemon.wait_log(f'call-id={runs.call_id} script=dump status=500')
    assert "line=4" in line, line


def test_c095_messages_one_behind_the_other(stage, peer):
    alice = peer(stage.daemon)
    invite = ask(alice, stage.call("SIP/2.0 180 A\n\nSIP/2.0 183 B\n\n\nSIP/2.0 299 C\n\n"))
    assert [alice.expect(s).reason for s in (180, 183, 299)] == ["A", "B", "C"]
    assert invite


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("body", [b"one\ntwo\r\n\r\n\n\0\xff", b"SIP/2.0 487 x\r\n\r\n"])
@pytest.mark.parametrize("counted", [True, False])
def test_c096_c098_c100_a_body_arrives_byte_for_byte(stage, peer, end, body, counted):
    head = ["SIP/2.0 299 OK", "Content-Type: text/plain"]
    head += [f"Content-Length: {len(body)}"] * counted
    got, _ = outcome(peer(stage.daemon), stage, (end.join(head) + end + end).encode() + body)
    assert got.body == body
    assert got.all("Content-Length") == [str(len(body))]
    assert got.all("Content-Type") == ["text/plain"]


def test_c098_the_server_inserts_content_length_into_a_proxied_request(stage, peer):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy(bob.uri("b"), "Content-Type: text/plain") + "a new body\n")
    req = ask(alice, runs, "MESSAGE", body="old")
    got = bob.expect("MESSAGE")
    bob.reply(got, 200)
    assert final(alice, req).status == 200
    assert got.body == b"a new body\n"
    assert got.all("Content-Length") == ["11"]


@pytest.mark.parametrize("out", [b"CGI-AGAIN yes SIP/2.0\n\nSIP/2.0 299 OK\nSubject: x\n\n",
                                 b"\r\n\r\nSIP/2.0 299 OK\r\nContent-Type: a/b\r\n"
                                 b"Content-Length: 4\r\n\r\nbody\r\n\r\n"])
def test_c096_output_may_come_in_pieces(start, peer, out):
    d = start('script "s" { path = "{dir}/scripts/s" }\nroute { script = "s" }\n', start=False)
    d.script("s", "#!/usr/bin/python3 -S\nimport os\n"
             f"for b in {out!r}:\n    os.write(1, bytes([b]))\n    os.sched_yield()\n")
    d.start()
    p = peer(d)
    assert final(p, p.request("MESSAGE", OURS)).status == 299


def test_c091_actions_take_effect_before_the_script_ends(stage, peer):
    alice = peer(stage.daemon)
    runs = stage.call("SIP/2.0 183 Wait\n\n")
    stay = runs.stay()
    invite = ask(alice, runs)
    alice.expect(183)
    runs.release(stay)
    # It said only 183 and nothing is pending: nobody is left waiting.
    assert final(alice, invite).status == 500


def test_c102_http_compat_takes_a_header_block_for_a_200(dumped, peer):
    d, dump = dumped("", "http-compat = true")
    dump.out("Content-Type: text/plain\nX-More: yes\n\nhello")
    p = peer(d)
    got = final(p, p.request("MESSAGE", OURS))
    assert (got.status, got.body, got.get("x-more")) == (200, b"hello", "yes")


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_c103_only_the_first_final_response_is_sent(stage, peer, method):
    p = peer(stage.daemon)
    got, runs = outcome(p, stage, "SIP/2.0 486 Busy\n\nSIP/2.0 200 OK\n\nSIP/2.0 180 Late\n\n", method)
    assert got.status == 486
    p.quiet(0.2)
    line = stage.daemon.wait_log(f'msg="script\'s action refused" call-id={runs.call_id}')
    assert "line=3" in line, line


def test_c103_no_proxying_after_a_final_response(stage, peer):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    got, _ = outcome(alice, stage, "SIP/2.0 486 Busy\n\n" + proxy(bob.uri("b")))
    assert got.status == 486
    bob.quiet(0.2)


def test_sipcgi3_what_came_before_an_error_has_taken_effect_and_is_cancelled(stage, peer):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(proxy(bob.uri("b")) + "nonsense\n\n")
    held = runs.hold()
    invite = ask(alice, runs)
    runs.release(held)
    assert final(alice, invite).status == 500
    got = bob.expect("INVITE")
    bob.reply(got, 180)
    cancel = bob.expect("CANCEL")
    bob.reply(cancel, 200)
    bob.reply(got, 487)
    bob.expect("ACK")


@pytest.mark.parametrize("code", [1, 2, 255])
@pytest.mark.parametrize("out,status", [("", 500), ("CGI-AGAIN no SIP/2.0\n\n", 500),
                                        ("SIP/2.0 299 OK\n\n", 299), ("SIP/2.0 299 OK\n", 500)])
def test_sipcgi3_a_bad_exit_is_500_unless_the_script_acted(stage, peer, code, out, status):
    p, runs = peer(stage.daemon), stage.call(out)
    runs.exit(code)
    assert final(p, ask(p, runs, "MESSAGE")).status == status


def test_sipcgi3_fail_open_takes_the_default_action_after_nonsense(start, peer):
    d = start(start=False)
    dump = Dump(d, options='on-error = "default-action"')
    dump.out("nonsense\n\n")
    d.configure(dump.config + dump.route(""))
    d.start()
    p = peer(d)
    assert final(p, p.request("MESSAGE", "sip:none@example.test")).status == 404


# -- tokens and cookies, as far as one run goes

@pytest.mark.parametrize("out", ["CGI-FORWARD-RESPONSE this SIP/2.0\n\n",
                                 "cgi-forward-response THIS sip/2.0\n\n"])
def test_c129_this_is_an_error_where_no_response_is(stage, peer, out):
    assert outcome(peer(stage.daemon), stage, out)[0].status == 500


def test_c105_an_unknown_token_is_a_script_error(stage, peer):
    got, runs = outcome(peer(stage.daemon), stage, "CGI-FORWARD-RESPONSE abc SIP/2.0\n\n")
    assert got.status == 500
    assert runs.call_id in stage.daemon.wait_log("no response has this token")


@pytest.mark.parametrize("cookie", ["x", "x" * 4096, "aZ09-.!%*_+`'~"])
def test_c106_a_cookie_is_any_token_of_4_kib(stage, peer, cookie):
    assert outcome(peer(stage.daemon), stage, f"CGI-SET-COOKIE {cookie} SIP/2.0\n\n")[0].status == 404


@pytest.mark.parametrize("cookie", ["x" * 4097, "a@b", "a b", "a;b", '"a"', "é", "a/b"])
def test_c106_what_is_no_such_token_is_a_script_error(stage, peer, cookie):
    assert outcome(peer(stage.daemon), stage, f"CGI-SET-COOKIE {cookie} SIP/2.0\n\n")[0].status == 500


@pytest.mark.parametrize("more", ["", "CGI-AGAIN no SIP/2.0\n\n", "cgi-again NO sip/2.0\n\n",
                                  "CGI-AGAIN yes SIP/2.0\n\nCGI-AGAIN no SIP/2.0\n\n"])
def test_c108_without_again_or_with_no_there_is_one_run(stage, peer, more):
    alice, bob = peer(stage.daemon), peer(stage.daemon)
    runs = stage.call(more + proxy(bob.uri("b")))
    invite = ask(alice, runs)
    got = bob.expect("INVITE")
    for status in (180, 183, 486):
        bob.reply(got, status)
        response = alice.expect(status)
    alice.ack(invite, response)
    assert runs.count == 1


@pytest.mark.parametrize("change,status", [
    (("CSeq: 1 MESSAGE", "CSeq: 1 INVITE"), 400), (("Max-Forwards: 70", "Max-Forwards: x"), 400),
    (("SIP/2.0\r\n", "SIP/7.0\r\n"), 505), (("sip:someone", "http:someone"), 416),
    (("Max-Forwards: 70", "Max-Forwards: 70\r\nProxy-Require: magic"), 420)])
def test_c157_no_script_hears_of_a_message_the_server_refuses(stage, peer, change, status):
    p, runs = peer(stage.daemon), stage.call("SIP/2.0 299 OK\n\n")
    p.send(p.build("MESSAGE", OURS, call_id=runs.call_id).decode().replace(*change, 1).encode())
    p.expect(status)
    assert runs.count == 0
