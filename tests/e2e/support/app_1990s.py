# SPDX-License-Identifier: BSD-3-Clause
"""An application as they were written in the 1990s.

It forks for each connection, does not arm its sockets, does not take urgent
data inline: SIGURG calls a handler, which asks recv(MSG_OOB) what it was. STX
throws away what was read, CAN leaves the transaction. No ILLP library.

    app_1990s.py server PORT    answers each message with an HL7 acknowledgement
    app_1990s.py client PORT FILE    sends FILE; writes the reply to standard output
"""

import fcntl
import os
import signal
import socket
import sys


class Cancel(Exception):
    pass


buffer = bytearray()
connection = None


def urgent(_signum, _frame):
    """What the original did with longjmp."""
    try:
        byte = connection.recv(1, socket.MSG_OOB)
    except OSError:
        return
    if byte == b"\x02":
        buffer.clear()
    elif byte == b"\x18":
        raise Cancel


def owned(s):
    global connection
    connection = s
    signal.signal(signal.SIGURG, urgent)
    fcntl.fcntl(s.fileno(), fcntl.F_SETOWN, os.getpid())


def read_all(s):
    """Blocking reads to the end of file; the handler comes in between."""
    buffer.clear()
    while part := s.recv(512):
        buffer.extend(part)
    return bytes(buffer)


def acknowledgement(message):
    fields = message.split(b"\r", 1)[0].split(b"|")
    return b"MSH|^~\\&|OLD|LAB|||19960401||ACK|" + fields[9] + b"|P|2.2\rMSA|AA|" + fields[9] + b"\r"


def server(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(5)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    while True:
        s, _ = listener.accept()
        if os.fork():
            s.close()
            continue
        listener.close()
        owned(s)
        try:
            message = read_all(s)
            print(f"message {len(message)}", flush=True)
            s.sendall(acknowledgement(message))
            print("answered", flush=True)
        except Cancel:
            print("cancelled", flush=True)
        except OSError as e:
            print(f"broken {e.strerror}", flush=True)
        os._exit(0)  # the kernel closes the socket, as it did then


def client(port, file):
    s = socket.create_connection(("127.0.0.1", port))
    owned(s)
    try:
        with open(file, "rb") as f:
            s.sendall(f.read())
        s.shutdown(socket.SHUT_WR)
        reply = read_all(s)
    except Cancel:
        print("cancelled", flush=True)
        return
    sys.stdout.buffer.write(reply)


if __name__ == "__main__":
    if sys.argv[1] == "server":
        server(int(sys.argv[2]))
    else:
        client(int(sys.argv[2]), sys.argv[3])
