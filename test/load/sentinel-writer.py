"""Writes through the leader that Sentinels name, by redis-py, and says on stdout what became of each write and where it went.

sentinel-writer.py MASTER HOST:PORT,HOST:PORT... KEY

Number n is appended to the list KEY: {"wrote": n}, or {"failed": why}; then the same server is asked where it is: {"port": p}.
"""

import json
import signal
import sys
import time

from redis.sentinel import Sentinel

MASTER, DOORS, KEY = sys.argv[1], sys.argv[2].split(","), sys.argv[3]
PAUSE_S = 0.05

sentinel = Sentinel(
    [(host, int(port)) for host, port in (door.rsplit(":", 1) for door in DOORS)],
    socket_timeout=1,
)
client = sentinel.master_for(MASTER, socket_timeout=1)


def say(**said):
    print(json.dumps(said), flush=True)


ended = False


def end(*_):
    global ended
    ended = True


signal.signal(signal.SIGTERM, end)
number = 0
while not ended:
    number += 1
    try:
        client.rpush(KEY, number)
    except Exception as error:  # whatever it is: it is told, and the next one is tried
        say(failed=f"{type(error).__name__}: {error}")
    else:
        say(wrote=number)
        try:
            say(port=client.info("server")["tcp_port"])
        except Exception:  # its session has ended since, which is no failure of the write
            pass
    time.sleep(PAUSE_S)
