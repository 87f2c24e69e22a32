"""Writes through the leader that Sentinels name, by redis-py, and says after each write on stdout where it went, or why it did not.

sentinel-writer.py MASTER HOST:PORT,HOST:PORT...
"""

import json
import sys
import time

from redis.sentinel import Sentinel

MASTER, DOORS = sys.argv[1], sys.argv[2].split(",")
PAUSE_S = 0.05

sentinel = Sentinel(
    [(host, int(port)) for host, port in (door.rsplit(":", 1) for door in DOORS)],
    socket_timeout=1,
)
client = sentinel.master_for(MASTER, socket_timeout=1)
number = 0
while True:
    number += 1
    try:
        client.set("python3-redis", number)
        said = {"port": client.info("server")["tcp_port"]}
    except Exception as error:  # whatever it is: it is told, and the next one is tried
        said = {"failed": f"{type(error).__name__}: {error}"}
    print(json.dumps(said), flush=True)
    time.sleep(PAUSE_S)
