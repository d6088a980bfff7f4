# SPDX-License-Identifier: BSD-3-Clause
"""An ILLP program in a process of its own, to be killed or to break.

    app_process.py app ADDRESS [--armed|--unarmed] REPLY CUT HOW
    app_process.py client ADDRESS REQUEST CUT HOW

ADDRESS is a port on 127.0.0.1 or a path. The program sends the first CUT bytes
of the file REPLY or REQUEST, says "half" on its standard output and then waits
to be killed (HOW: wait), lets an exception destroy its socket (exception), or
goes on at a line on its standard input (go). CUT -1: everything, half-close,
"half", and then HOW.
"""

import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools" / "demo"))
import illp  # noqa: E402


def say(word):
    print(word, flush=True)


def send_part(s, data, cut, how):
    s.sendall(data if cut < 0 else data[:cut])
    if cut < 0:
        s.shutdown(socket.SHUT_WR)
    say("half")
    if how == "exception":
        raise RuntimeError("destroyed in mid message")
    sys.stdin.readline()
    if how == "go":
        if cut >= 0:
            s.sendall(data[cut:])
            s.shutdown(socket.SHUT_WR)
        return
    raise SystemExit(3)


def app(address, arming, data, cut, how):
    path = None if address.isdigit() else address
    if path:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
    else:
        listener = socket.create_server(("127.0.0.1", int(address)))
    listener.listen(8)
    say("ready")
    while True:
        s, _ = listener.accept()
        if arming == "--armed":
            illp.arm(s)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        try:
            request = illp.receive(s, request=True)
        except (illp.Reset, illp.Cancelled):
            say("cancelled")
            s.close()
            continue
        say(f"request {len(request)}")
        send_part(s, data, cut, how)
        illp.arm(s, False)
        s.close()


def client(address, arming, data, cut, how):
    s = illp.connect(address if not address.isdigit() else ("127.0.0.1", int(address)))
    if arming == "--unarmed":
        illp.arm(s, False)
    send_part(s, data, cut, how)
    reply = illp.receive(s)
    say(f"reply {len(reply)}")


if __name__ == "__main__":
    role, address, arming, file, cut, how = sys.argv[1:]
    {"app": app, "client": client}[role](address, arming, Path(file).read_bytes(), int(cut), how)
