"""docs/rfc-coverage.md names tests and files that exist, and every clause test is in it."""
import re

from daemon import HERE, ROOT

TEXT = (ROOT / "docs/rfc-coverage.md").read_text(encoding="utf-8").partition("## RFC 3050")[2]
TEXT = TEXT.partition("\n## ")[0]


def defined():
    return {(p.name, name) for p in HERE.glob("test_cgi_*.py")
            for name in re.findall(r"(?m)^def (test_\w+)", p.read_text(encoding="utf-8"))}


def test_every_test_the_table_names_exists():
    names = {n for _, n in defined()}
    for name in re.findall(r"`(test_\w+)`", TEXT):
        assert name in names, name


def test_every_file_the_table_names_exists():
    for path in re.findall(r"src/[\w/]+\.c", TEXT):
        assert (ROOT / path).exists(), path


def test_every_clause_test_is_in_the_table():
    for file, name in defined():
        if re.match(r"test_c\d{3}_", name):
            assert f"`{name}`" in TEXT, f"{file}: {name}"
