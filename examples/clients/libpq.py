#!/usr/bin/python3
"""psycopg2, and with it libpq: the connection string alone finds the leader."""
import sys
import time

import psycopg2
from psycopg2 import errors

addresses, user, database = sys.argv[1:4]
pairs = [address.rsplit(":", 1) for address in addresses.split(",")]
connection_string = {
    "host": ",".join(host for host, _ in pairs),
    "port": ",".join(port for _, port in pairs),
    "user": user,
    "dbname": database,
    # Of several hosts the one that takes writes.
    "target_session_attrs": "read-write",
    "connect_timeout": "2",
    # A machine that is gone answers nothing: give its session up after two seconds.
    "tcp_user_timeout": "2000",
}

connection = None
number = 1
while True:
    try:
        if connection is None:
            connection = psycopg2.connect(**connection_string)
            connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("insert into client_log values (%s)", (number,))
    except errors.UniqueViolation:
        pass  # it was written by the attempt whose answer did not come
    except psycopg2.Error as error:
        print(f"lost: {str(error).strip()}", file=sys.stderr, flush=True)
        if connection is not None:
            connection.close()
            connection = None
        time.sleep(0.02)
        continue
    print(f"wrote {number}", flush=True)
    number += 1
    time.sleep(0.02)
