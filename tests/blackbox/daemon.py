"""The daemon under test: its own directory, its own ports, its own log."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from sip import unique

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SIPCGID = os.environ.get("SIPCGID", str(ROOT / "build/src/daemon/sipcgid"))
SIPCGI = os.environ.get("SIPCGI", str(ROOT / "build/src/tool/sipcgi"))

LISTEN = """
listen "udp:127.0.0.1:0" {}
listen "tcp:127.0.0.1:0" {}
"""
BASE = """
domains = {{ "example.test" }}
server-name = "server.example.test"
database = "{dir}/sipcgid.db"
trusted = {{ "127.0.0.0/8", "::1" }}
authenticate = {{ }}
log {{ level = debug }}
"""


def until(condition, timeout=10.0, what="condition"):
    """Polls until it is true; its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what() if callable(what) else what} did not come true in {timeout} s")
        os.sched_yield()
        select_nothing()


def select_nothing():
    import select
    select.select([], [], [], 0.01)


def opened(fifo):
    """A descriptor to write, once somebody reads."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


class Daemon:
    """config: text after the base configuration; base=None leaves that out."""

    def __init__(self, directory, config="", base=BASE, listen=LISTEN, start=True, env=None):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True, mode=0o755)
        self.conf = self.dir / "sipcgid.conf"
        self.logfile = self.dir / "log"
        self.process = None
        self.env = env
        self.base = "" if base is None else base.format(dir=self.dir)
        self.listen = listen
        self.configure(config)
        if start:
            self.start()

    def configure(self, config):
        self.conf.write_text(self.base + self.listen + config.replace("{dir}", str(self.dir)))

    def start(self):
        self.logfile.write_text("")
        self.process = subprocess.Popen([SIPCGID, "--config", str(self.conf)],
                                        stderr=open(self.logfile, "ab"), env=self.env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            until(lambda: 'msg="ready"' in self.log() or self.process.poll() is not None, 20,
                  "the daemon's start")
        except AssertionError:
            self.kill()
            raise
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.log()}")
        self.ports = {}
        for line in self.log_lines("listening"):
            m = re.search(r'transport=(\w+) address="?(\[?[^\s"]*\]?):(\d+)', line)
            host = m.group(2).strip("[]")
            self.ports.setdefault((m.group(1), ":" in host), (host, int(m.group(3))))

    def addr(self, transport="udp", ipv6=False):
        return self.ports[transport, ipv6]

    # -- log
    def log(self):
        return self.logfile.read_text(errors="replace")

    def log_lines(self, msg):
        return [l for l in self.log().splitlines() if f'msg="{msg}"' in l]

    def wait_log(self, text, timeout=10.0):
        return until(lambda: next((l for l in self.log().splitlines() if text in l), None), timeout,
                     f"{text!r} in the log:\n{self.log()[-3000:]}\n")

    # -- scripts
    def script(self, name, text, mode=0o755):
        """An executable file; its path for the configuration."""
        directory = self.dir / "scripts"
        directory.mkdir(exist_ok=True, mode=0o755)
        path = directory / name
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text)
        path.chmod(mode)
        return path

    # -- process
    def reload(self):
        done = len(self.log_lines("configuration reloaded")) + len(
            self.log_lines("configuration not reloaded, the old one stays"))
        self.process.send_signal(signal.SIGHUP)
        until(lambda: len(self.log_lines("configuration reloaded")) + len(
            self.log_lines("configuration not reloaded, the old one stays")) > done)

    def stop(self, check=True):
        """SIGTERM; its exit status is 0 unless something is wrong, a sanitizer's report too."""
        if not self.process:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the daemon did not stop:\n" + self.log()[-3000:])
        code, self.process = self.process.returncode, None
        if check and code != 0:
            raise AssertionError(f"the daemon ended with {code}:\n{self.log()[-6000:]}")
        # UBSan only says so and goes on.
        if check and "runtime error:" in self.log():
            at = self.log().index("runtime error:")
            raise AssertionError(f"undefined behaviour:\n{self.log()[max(0, at - 200):at + 2000]}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def children(self):
        """Processes below the daemon, the spawner's own ones too."""
        pids = [self.process.pid]
        for p in pids:
            try:
                for t in os.listdir(f"/proc/{p}/task"):
                    pids += [int(c) for c in
                             pathlib.Path(f"/proc/{p}/task/{t}/children").read_text().split()]
            except OSError:
                pass
        return pids[1:]

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def user(self, *args, **kw):
        """sipcgi user ... on the daemon's database."""
        return subprocess.run([SIPCGI, "user", args[0], "--database", f"{self.dir}/sipcgid.db",
                               *args[1:]], check=True, capture_output=True, text=True, **kw)


class Runs:
    """What the runs of a dump script see and print: one directory."""

    def __init__(self, directory):
        self.dir = directory
        self.dir.mkdir()
        self.dir.chmod(0o777)     # whoever the script runs as
        self.call_id = directory.name

    def out(self, data, n=None):
        data = data if isinstance(data, bytes) else data.encode()
        (self.dir / ("out" if n is None else f"out.{n}")).write_bytes(data)

    def exit(self, code, n=None):
        (self.dir / ("exit" if n is None else f"exit.{n}")).write_text(str(code))

    def hold(self, n=None, kind="hold"):
        """The run waits at this FIFO before it prints; with kind="stay", after that."""
        path = self.dir / (kind if n is None else f"{kind}.{n}")
        os.mkfifo(path)
        path.chmod(0o666)
        return path

    def stay(self, n=None):
        return self.hold(n, "stay")

    def release(self, path):
        """Lets the run go on that waits at this FIFO."""
        os.close(until(lambda: opened(path), what=f"a run at {path}"))

    def release_all(self, path):
        """Lets all go on that wait there; no later run will."""
        fd = until(lambda: opened(path), what=f"a run at {path}")
        os.unlink(path)
        os.close(fd)

    @property
    def count(self):
        return len(list(self.dir.glob("*.json")))

    def seen(self, n=1, timeout=10.0):
        path = self.dir / f"{n}.json"
        until(path.exists, timeout, f"run {n} in {self.dir}")
        return json.loads(path.read_text(errors="surrogateescape"))

    def env(self, n=1):
        return self.seen(n)["env"]


class Dump(Runs):
    """The dump script with its directory; @by_call: every call has its own, made with call()."""

    def __init__(self, daemon, name="dump", options="", by_call=False):
        super().__init__(daemon.dir / f"{name}.d")
        path = daemon.script(name, (HERE / "scripts/dump").read_text())
        more = ' DUMP_BY_CALL = "yes"' if by_call else ""
        self.config = (f'script "{name}" {{ path = "{path}" {options}\n'
                       f'  environment {{ DUMP_DIR = "{self.dir}"{more} }} }}\n')
        self.name = name

    def route(self, rule='methods = { "INVITE" }'):
        return f'route {{ {rule} script = "{self.name}" }}\n'

    def call(self, out=None):
        runs = Runs(self.dir / unique("call"))
        if out is not None:
            runs.out(out)
        return runs
