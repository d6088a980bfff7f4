# SPDX-License-Identifier: BSD-3-Clause
"""An application in Python: takes requests over ILLP on the port given, and acknowledges each. Nothing but sockets."""
import socket
import sys

server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = server.accept()
    with connection, connection.makefile("rb") as stream:
        request = stream.read()  # to its end: the other side half-closes
        msh = request.split(b"\r")[0].split(b"|")
        if msh[0] == b"MSH" and len(msh) > 11:
            connection.sendall(b"MSH|^~\\&|||||||ACK|%b|P|%b\rMSA|AA|%b\r" % (msh[9], msh[11], msh[9]))
        else:
            connection.send(b"\x18", socket.MSG_OOB)  # CAN: the transaction is dead
