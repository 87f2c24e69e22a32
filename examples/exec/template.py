#!/usr/bin/env python3
"""A template of an engine for Tanist: fill in every TODO, then `tanist engine check ./template.py --bed ./bed`.

One call, one step: the step's name is the last argument, the request is JSON on stdin, the answer one JSON object on stdout. What is for people
goes to stderr. docs/exec.md has every field, and what each step must guarantee.
"""

import json
import os
import signal
import subprocess
import sys


class Refused(Exception):
    """The step cannot be done, and nothing follows from it. `code`: one of those that docs/exec.md lists."""

    def __init__(self, text, code=""):
        super().__init__(text)
        self.code = code


def describe(request):
    # Without "tail" a crash loses what no replica had received. "checkpoint" and "release" may be left out.
    return {"name": "template", "protocol": 1, "capabilities": []}


def status(request):
    """Asked with every heartbeat: cheap, with a login of its own, and never from memory."""
    pids = find_processes(request)
    # TODO random, the same on all copies, replicated; also told of a server that is down, so keep it beside the data as well.
    data_id = ""
    if not pids:
        # TODO "stopped" only if it ended in order: for an administrator's stop nobody takes over for a while.
        return {"state": "crashed", "dataId": data_id}
    # TODO "changing" while it comes up or goes down and answers nobody: {"state": "changing", "processes": pids, "dataId": data_id}
    return {
        "state": "running",
        # The main process first, then every other one that could commit a write: they are what a fence kills.
        "processes": pids,
        "dataId": data_id,
        # TODO True only if no client can write: ask the server, not a file.
        "closed": True,
        # TODO True only if a start by anybody, after anything, finds it closed and receiving from nobody.
        "bootClosed": False,
        # TODO where request["input"]["mayWrite"] is true and the server is open: a small write, on this server's disk alone if possible.
        "wrote": False,
        # TODO received and durable; read in one moment. Numbers are texts.
        "position": {"dataId": data_id, "line": "unopened", "at": "0", "forks": [], "marks": []},
        # TODO {"from": "host:port", "streaming": True} of whom it is set to follow, whether it answers or not.
        "receives": None,
        # TODO the names of the members that receive from it.
        "followers": [],
        # TODO what is received and not applied, in the unit of "at".
        "backlog": 0,
    }


def find_processes(request):
    """Those that work in the data directory. TODO another way, where the store's do not."""
    place = os.stat(request["dataDir"])
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            here = os.stat(f"/proc/{name}/cwd")
        except OSError:
            continue
        if (here.st_dev, here.st_ino) == (place.st_dev, place.st_ino) and int(name) != os.getpid():
            found.append(int(name))
    return sorted(found)


def start(request):
    """Boot closed. In a session of its own: the process group of this call is killed when its time is up."""
    log = open(os.path.join(request["stateDir"], "server.log"), "ab")
    command = ["false"]  # TODO
    subprocess.Popen(
        command, cwd=request["dataDir"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    # TODO wait until status would name its process; not until it serves.
    return {}


def fence(request):
    """F2. What is not a process of the server is closed here; the processes are killed after this, whatever it answers."""
    for pid in find_processes(request):
        os.kill(pid, signal.SIGKILL)
    return {}


def seal(request):
    """S1. When this answers, no log arrives any more by any way, also after a restart; and nothing is under way."""
    raise Refused("TODO")


def promote(request):
    """S2, S3. Writes the mark {"epoch", "mark"} as the first write of the opening, while clients are kept out; answers which one stands."""
    raise Refused("TODO")


def open_(request):
    """Lets clients in; not durably: a start finds it closed again."""
    raise Refused("TODO")


def follow(request):
    """Points a closed server at request["input"]["leader"]: {"name", "host", "port"}."""
    raise Refused("TODO")


def tail(request):
    """Writes what this log holds beyond input["from"] into input["file"]; refuses where it does not hold that place. Capability "tail"."""
    raise Refused("TODO", "TAIL_UNAVAILABLE")


def apply(request):
    """Applies such a file to a sealed server. Capability "tail"."""
    raise Refused("TODO", "TAIL_UNAVAILABLE")


def probe(request):
    """Whether the server at input["host"], input["port"] answers a new client: the kernel accepts connections for one that stands still."""
    raise Refused("TODO")


STEPS = {
    **{"describe": describe, "status": status, "start": start, "fence": fence, "seal": seal},
    **{"promote": promote, "open": open_, "follow": follow, "tail": tail, "apply": apply, "probe": probe},
}


def main():
    try:
        answer = STEPS[sys.argv[-1]](json.load(sys.stdin))
    except Refused as refused:
        json.dump({"error": str(refused), "code": refused.code}, sys.stdout)
        sys.exit(1)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
