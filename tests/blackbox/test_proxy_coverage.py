"""The half of docs/rfc-coverage.md about RFC 3261: what it names exists, and no test is missing."""
import re

from daemon import HERE, ROOT

TEXT = (ROOT / "docs/rfc-coverage.md").read_text(encoding="utf-8").partition("## RFC 3261")[2]
TEXT = TEXT.partition("\n## ")[0]
FILES = ("test_proxy_*.py", "test_transport_*.py", "test_registrar*.py", "test_auth*.py",
         "test_torture.py", "test_config_*.py", "test_durability.py")


def defined():
    return {(p.name, name) for pattern in FILES for p in HERE.glob(pattern)
            if p.name != "test_proxy_coverage.py"
            for name in re.findall(r"(?m)^def (test_\w+)", p.read_text(encoding="utf-8"))}


def named():
    """(file, test) pairs of the last column."""
    for cell in re.findall(r"\| ([^|]*) \|\n", TEXT):
        file = None
        for word in re.findall(r"`(test_[\w.]+)`", cell):
            if word.endswith(".py"):
                file = word
            else:
                yield file, word


def test_the_tables_and_the_tests_name_each_other():
    assert set(named()) == defined()


def test_every_source_file_the_tables_name_exists():
    for path in re.findall(r"src/[\w/]+\.[ch]", TEXT):
        assert (ROOT / path).exists(), path
