#!/usr/bin/env python3
"""What `run` does without a network: with a cargo, an npm, a server and rounds that are scripts.

    python3 host/executor/benches/restate/test_run.py
"""

import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

RUN = pathlib.Path(__file__).resolve().parent / "run"

# Says where a program is, as cargo does after a build.
CARGO = """
import json, os, sys
folder = os.path.dirname(os.path.abspath(__file__))
if sys.argv[1] != "fetch":
    name = "executor" if sys.argv[1] == "bench" else "restate-rounds"
    program = os.path.join(folder, name)
    print(json.dumps({"reason": "compiler-artifact", "target": {"name": name}, "executable": program}))
"""
NPM = """
import os, shutil
folder = os.path.dirname(os.path.abspath(__file__))
program = "node_modules/@restatedev/restate-server-any-any/bin/restate-server"
os.makedirs(os.path.dirname(program), exist_ok=True)
shutil.copy(os.path.join(folder, "server"), program)
"""
# Is well, takes every deployment, and leaves its id and what it was told.
SERVER = """
import http.server, json, os, sys, threading
seen = {key: value for key, value in os.environ.items() if key.startswith("RESTATE_")}
with open(os.environ["SEEN"], "w") as file:
    json.dump({"pid": os.getpid(), "arguments": sys.argv, "settings": seen}, file)
class Well(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    do_POST = do_GET
def serve(key):
    host, port = os.environ[key].split(":")
    http.server.ThreadingHTTPServer((host, int(port)), Well).serve_forever()
threading.Thread(target=serve, args=("RESTATE_INGRESS__BIND_ADDRESS",), daemon=True).start()
serve("RESTATE_ADMIN__BIND_ADDRESS")
"""
# A step takes so many microseconds, whatever runs at once.
ROUNDS = """
import sys
print("http://127.0.0.1:1", flush=True)
for line in sys.stdin:
    runs, steps = map(int, line.split())
    print(runs * steps * {microseconds} / 1e6, flush=True)
"""


class Run(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.programs = self.folder / "programs"
        self.programs.mkdir()
        self.target = self.folder / "target"
        self.seen = self.folder / "seen.json"
        self.program("cargo", CARGO)
        self.program("npm", NPM)
        self.program("server", SERVER)
        self.program("restate-rounds", ROUNDS.format(microseconds=800))
        self.program("executor", ROUNDS.format(microseconds=200))

    def program(self, name, text):
        file = self.programs / name
        file.write_text(f"#!{sys.executable}\n{text}")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def fails(self, name, words):
        self.program(name, f"import sys\nprint({words!r}, file=sys.stderr)\nsys.exit(1)")

    def compare(self, *arguments):
        command = [sys.executable, RUN, "--target", self.target, "--rounds", "1", *arguments]
        # The user's own settings are for a server of theirs.
        environment = os.environ | {
            "PATH": str(self.programs),
            "SEEN": str(self.seen),
            "RESTATE_CONFIG": "theirs.toml",
        }
        return subprocess.run(
            command, env=environment, text=True, capture_output=True, timeout=60, check=False
        )

    def assert_skipped(self, done, why):
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertIn(f"skipped: {why}", done.stderr)
        self.assertFalse(self.seen.exists(), "a server was started")

    def assert_nothing_is_left(self):
        self.assertEqual(list(self.target.glob("data-*")), [])
        with self.assertRaises(ProcessLookupError):
            os.kill(json.loads(self.seen.read_text())["pid"], 0)

    def test_skips_without_npm(self):
        (self.programs / "npm").unlink()
        self.assert_skipped(self.compare(), "npm is not installed")

    def test_skips_where_npm_cannot_install(self):
        self.fails("npm", "npm error network is unreachable")
        done = self.compare()
        self.assert_skipped(done, "npm cannot install @restatedev/restate-server")
        self.assertIn("network is unreachable", done.stderr)

    def test_skips_where_there_is_no_server_for_the_platform(self):
        self.program("npm", "")
        self.assert_skipped(self.compare(), "@restatedev/restate-server has no program")

    def test_skips_where_the_crate_cannot_be_fetched(self):
        self.fails("cargo", "error: failed to download, network is unreachable")
        self.assert_skipped(self.compare(), "cargo cannot fetch restate-sdk")

    def test_a_stale_lock_file_is_an_error_and_no_reason_to_skip(self):
        self.fails("cargo", "cannot update the lock file because --locked was passed")
        done = self.compare()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("error: Cargo.lock does not fit", done.stderr)

    def test_tells_each_figure_and_leaves_nothing(self):
        done = self.compare()
        self.assertEqual(done.returncode, 0, done.stderr)
        step, rate = map(json.loads, done.stdout.splitlines())
        self.assertEqual(
            step,
            {
                "figure": "durable_step_beside_restate",
                "value": 200.0,
                "unit": "us",
                "reference": 800.0,
                "ratio": 0.25,
            },
        )
        self.assertEqual(
            rate,
            {
                "figure": "durable_rate_64_beside_restate",
                "value": 5000.0,
                "unit": "steps/s",
                "reference": 1250.0,
                "ratio": 4.0,
            },
        )
        self.assert_nothing_is_left()

    def test_the_server_is_told_to_sync_and_where_its_data_belong(self):
        done = self.compare("--restate-alone", "--partitions", "3")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        seen = json.loads(self.seen.read_text())
        settings, arguments = seen["settings"], seen["arguments"]
        self.assertEqual(settings["RESTATE_LOG_SERVER__ROCKSDB_DISABLE_WAL_FSYNC"], "false")
        self.assertEqual(settings["RESTATE_DEFAULT_NUM_PARTITIONS"], "3")
        self.assertNotIn("RESTATE_CONFIG", settings)
        base = pathlib.Path(arguments[arguments.index("--base-dir") + 1])
        self.assertTrue(base.is_relative_to(self.target.resolve()), base)

    def test_rounds_that_end_are_an_error_and_end_the_server(self):
        self.program("restate-rounds", "print('http://127.0.0.1:1', flush=True)")
        done = self.compare()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("error: restate-rounds ended", done.stderr)
        self.assert_nothing_is_left()


if __name__ == "__main__":
    unittest.main()
