#!/usr/bin/python3
"""Takes the torture messages out of the text of RFC 4475 or RFC 5118.

Both RFCs carry them in an appendix, as base64 of a gzipped tar. The result is committed in
tests/golden, so this is only run to check it or to make it anew:

    extract_torture.py rfc4475.txt tests/golden/rfc4475

Those of RFC 4475 are kept byte for byte; a 50th file that no section describes is left out. One
of them, baddn, lacks the blank line behind its head: it is also written with it, as the section
shows it, to baddn-ended. Those
of RFC 5118 come with bare line feeds, and three of them with a Content-Length that is right
neither so nor with CRLF: lines get a CRLF, and the length becomes that of the body.
"""

import base64
import io
import pathlib
import re
import sys
import tarfile


def archive(text):
    """The bytes between the archive's marks, without page breaks."""
    body = re.search(r"^\s*-- BEGIN MESSAGE ARCHIVE --\s*$(.*?)^\s*-- END MESSAGE ARCHIVE --\s*$",
                     text, re.M | re.S)
    if not body:
        sys.exit("no message archive in this text")
    # A line of the archive is one word; page headers and footers have several.
    lines = [line.strip() for line in body.group(1).splitlines()]
    return base64.b64decode("".join(line for line in lines if re.fullmatch(r"\S+", line)))


def with_crlf(message):
    """A message with CRLFs and the right Content-Length, of one with bare line feeds."""
    head, _, body = message.replace(b"\n", b"\r\n").partition(b"\r\n\r\n")
    head = re.sub(rb"(?m)^Content-Length: \d+", b"Content-Length: %d" % len(body), head)
    return head + b"\r\n\r\n" + body


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    text = pathlib.Path(sys.argv[1]).read_text(encoding="latin-1")
    out = pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    described = set(re.findall(r"Message Details ?: (\S+)", text))
    with tarfile.open(fileobj=io.BytesIO(archive(text)), mode="r:gz") as tar:
        for member in tar:
            name = pathlib.PurePosixPath(member.name).stem
            if not member.isfile() or name not in described:
                continue
            described.remove(name)
            message = tar.extractfile(member).read()
            if b"\r\n" not in message:
                message = with_crlf(message)
            (out / f"{name}.dat").write_bytes(message)
            if b"\r\n\r\n" not in message:
                (out / f"{name}-ended.dat").write_bytes(message + b"\r\n")
    if described:
        sys.exit(f"not in the archive: {sorted(described)}")


if __name__ == "__main__":
    main()
