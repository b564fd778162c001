"""A Redis server in Python.

python redis_server.py PORT
"""

import sys

from fakeredis import TcpFakeServer

TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_type="redis").serve_forever()
