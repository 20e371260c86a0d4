"""Fixtures: a daemon of one's own or a shared one, peers that are closed, a dump script."""
import pytest

from daemon import Daemon, Dump
from sip import Peer


@pytest.fixture
def start(tmp_path):
    """start(config, ...) gives a running Daemon; all of them are stopped, and must end well."""
    daemons = []

    def make(config="", **kw):
        d = Daemon(tmp_path / f"d{len(daemons)}", config, **kw)
        daemons.append(d)
        return d

    tmp_path.chmod(0o755)
    yield make
    for d in daemons:
        d.stop()


@pytest.fixture
def peer():
    """peer(daemon, transport="udp", ipv6=False) gives a Peer that talks to it."""
    peers = []

    def make(daemon, transport="udp", ipv6=False, port=0):
        p = Peer(daemon.addr(transport, ipv6) if daemon else None, transport,
                 "::1" if ipv6 else "127.0.0.1", port)
        peers.append(p)
        return p

    yield make
    for p in peers:
        p.close()


@pytest.fixture
def dumped(tmp_path):
    """dumped(rule, options, config) gives a daemon whose INVITEs run the dump script."""

    def make(rule='methods = { "INVITE" }', options="", config="", **kw):
        d = Daemon(tmp_path / "dumped", start=False, **kw)
        dump = Dump(d, options=options)
        d.configure(config + dump.config + dump.route(rule))
        d.start()
        made.append(d)
        return d, dump

    made = []
    yield make
    for d in made:
        d.stop()


class Stage:
    """A daemon for many tests: every request runs the dump script, each call with files of its
    own; but for sip:plain... there is no script, and the default action."""

    def __init__(self, directory, options="", config=""):
        self.daemon = Daemon(directory, start=False)
        self.dump = Dump(self.daemon, options=options, by_call=True)
        self.daemon.configure(config + self.dump.config + 'route { request-uri = "sip:plain*" }\n'
                              + self.dump.route(""))
        self.daemon.start()

    def call(self, out=None):
        return self.dump.call(out)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    directory = tmp_path_factory.mktemp("stage")
    for d in (directory, directory.parent):
        d.chmod(0o755)
    s = Stage(directory / "daemon")
    yield s
    s.daemon.stop()


def pytest_make_parametrize_id(config, val, argname):
    """Long values are named by their length: a test's name stays readable, and the same each time."""
    del config
    if isinstance(val, (bytes, str)) and len(val) > 60:
        return f"{argname}{len(val)}"
    return None
