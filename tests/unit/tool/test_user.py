#!/usr/bin/python3
"""sipcgi user, as a person uses it: what it prints, how it ends, what is in the database.

usage: test_user.py PATH_OF_SIPCGI
"""
import hashlib
import os
import pty
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import unittest

SIPCGI = None


def ha1(name, domain, password, algorithm):
    return hashlib.new(algorithm, f"{name}:{domain}:{password}".encode()).hexdigest()


class UserTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.db = os.path.join(self.dir.name, "db")

    def run_user(self, *args, stdin="", status=0):
        done = subprocess.run([SIPCGI, "user", *args, "--database", self.db], input=stdin,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def rows(self):
        with sqlite3.connect(self.db) as db:
            return db.execute("SELECT name, domain, ha1_md5, ha1_sha256 FROM users"
                              " ORDER BY domain, name").fetchall()

    def test_add_stores_hashes_and_never_the_password(self):
        self.run_user("add", "alice@Example.COM", "secret")
        self.assertEqual(self.rows(), [("alice", "example.com",
                                        ha1("alice", "example.com", "secret", "md5"),
                                        ha1("alice", "example.com", "secret", "sha256"))])
        with open(self.db, "rb") as f:
            self.assertNotIn(b"secret", f.read())
        self.assertEqual(stat.S_IMODE(os.stat(self.db).st_mode), 0o600)

    def test_adding_twice_is_an_error_and_changes_nothing(self):
        self.run_user("add", "alice@example.com", "secret")
        before = self.rows()
        error = self.run_user("add", "alice@example.com", "other", status=1)
        self.assertIn("there is such a user already", error)
        self.assertEqual(self.rows(), before)

    def test_passwd_reads_standard_input(self):
        self.run_user("passwd", "alice@example.com", "--password-stdin", stdin="x\n", status=1)
        self.run_user("add", "alice@example.com", "secret")
        self.run_user("passwd", "alice@example.com", "--password-stdin", stdin="new one\nx\n")
        self.assertEqual(self.rows()[0][2], ha1("alice", "example.com", "new one", "md5"))
        self.run_user("passwd", "alice@example.com", "--password-stdin", status=1)

    def test_without_a_password_and_a_terminal_it_says_so(self):
        done = subprocess.run(["setsid", SIPCGI, "user", "add", "a@b", "-d", self.db],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--password-stdin", done.stderr)

    def ask(self, first, second):
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(SIPCGI, [SIPCGI, "user", "add", "alice@example.com", "-d", self.db])
        seen = b""
        for prompt, answer in ((b"alice@example.com: ", first), (b"Again: ", second)):
            while not seen.endswith(prompt):
                seen += os.read(fd, 1)
            os.write(fd, answer)
        try:
            while chunk := os.read(fd, 4096):
                seen += chunk
        except OSError:
            pass
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen

    def test_a_terminal_is_asked_twice_without_echo(self):
        status, seen = self.ask(b"hidden\n", b"hidden\n")
        self.assertEqual(status, 0, seen)
        self.assertNotIn(b"hidden", seen)
        self.assertEqual(self.rows()[0][2], ha1("alice", "example.com", "hidden", "md5"))

    def test_two_different_answers_are_refused(self):
        status, seen = self.ask(b"hidden\n", b"other\n")
        self.assertEqual(status, 1)
        self.assertIn(b"differ", seen)
        self.assertEqual(self.rows(), [])

    def test_del_removes_and_list_shows(self):
        for name in ("zoe@a.example", "amy@a.example", "bob@b.example"):
            self.run_user("add", name, "x")
        day = time.strftime("%Y-%m-%d", time.gmtime())
        self.assertEqual([line.split("\t")[0] for line in self.run_user("list").splitlines()],
                         ["amy@a.example", "zoe@a.example", "bob@b.example"])
        self.assertIn(self.run_user("list", "B.example"),
                      (f"bob@b.example\tSHA-256,MD5\t{day}\n",
                       f"bob@b.example\tSHA-256,MD5\t{time.strftime('%Y-%m-%d', time.gmtime())}\n"))
        self.run_user("del", "bob@B.EXAMPLE")
        self.assertEqual(self.run_user("list", "b.example"), "")
        self.assertIn("no such user", self.run_user("del", "bob@b.example", status=1))

    def test_import_is_all_or_nothing(self):
        good = "alice@example.com,a\nbob@example.com,b\n"
        self.assertIn("standard input:3:",
                      self.run_user("import", "-", stdin=good + "carol\n", status=1))
        self.assertEqual(self.run_user("list"), "")
        self.assertEqual(self.run_user("import", "-", stdin=good), "2 users imported\n")
        self.assertIn("standard input:1: there is such a user",
                      self.run_user("import", "-", stdin=good, status=1))
        self.run_user("import", "--replace", "-", stdin="alice@example.com,new\n")
        self.assertEqual(self.rows()[0][2], ha1("alice", "example.com", "new", "md5"))
        self.run_user("import", os.path.join(self.dir.name, "missing"), status=1)

    def test_an_import_that_is_being_typed_does_not_lock_the_database(self):
        self.run_user("list")
        slow = subprocess.Popen([SIPCGI, "user", "import", "-", "-d", self.db], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        slow.stdin.write("alice@example.com,a\n")
        slow.stdin.flush()
        with sqlite3.connect(self.db, timeout=0) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
        self.assertEqual(slow.communicate("bob@example.com,b\n", 60)[0], "2 users imported\n")

    def test_an_empty_list_imports_nobody(self):
        self.assertEqual(self.run_user("import", "-"), "0 users imported\n")

    def test_the_configuration_says_where_the_database_is(self):
        conf = os.path.join(self.dir.name, "conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write('domains = { "example.com" }\ndatabase = "db"\n')
        subprocess.run([SIPCGI, "user", "add", "-c", conf, "alice@example.com", "x"], check=True,
                       timeout=60)
        self.assertEqual(len(self.rows()), 1)
        done = subprocess.run([SIPCGI, "user", "list", "-c", conf + "x"], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("conf", done.stderr)

    def test_what_is_not_understood_ends_with_2_and_the_usage(self):
        for args in ([], ["frob"], ["add"], ["add", "a@b", "c", "d"], ["del"], ["list", "a", "b"],
                     ["import"], ["--frob"], ["add", "a@b", "c", "--password-stdin"]):
            self.assertIn("usage:", self.run_user(*args, status=2), args)

    def test_what_is_no_database_is_told(self):
        with open(self.db, "w", encoding="utf-8") as f:
            f.write("this is not a database, but it is long enough to be read as one\n" * 20)
        self.assertIn("not a database", self.run_user("list", status=1))


if __name__ == "__main__":
    SIPCGI = os.path.abspath(sys.argv.pop(1))
    unittest.main()
