# SPDX-License-Identifier: BSD-3-Clause
"""Messages to send: HL7 of any size, with a control id in each, and plain text."""

import random

import messages

acknowledgement = messages.acknowledgement
control_id = messages.control_id
small = messages.small


def hl7(ident, size, seed=0, high=True):
    """An HL7 message of exactly `size` bytes, or of the least size that it can have."""
    head = messages.small(ident)
    if len(head) >= size:
        return head
    rng = random.Random(f"{ident} {seed}")
    letters = bytes(range(0x20, 0x7f)) + (bytes(range(0xa0, 0x100)) if high else b"")
    out = bytearray(head)
    while size - len(out) > 0:
        room = size - len(out)
        length = room if room < 160 else rng.randint(12, 130)
        segment = b"NTE|1|L|" + bytes(rng.choices(letters, k=max(0, length - 9)))
        out += segment[:length - 1] + b"\r"
    return bytes(out)


def plain(size, seed=0):
    """Text that is not HL7, without any control character but CR; any size from 1."""
    rng = random.Random(f"plain {size} {seed}")
    letters = bytes(range(0x21, 0x7f)) + bytes(range(0xa0, 0x100))
    return bytes(rng.choices(letters, k=size - 1)) + b"\r" if size > 1 else b"R"


def reply_to(request, size=0):
    """An acknowledgement, made longer to `size` bytes; to plain text, other plain text."""
    if not request.startswith(b"MSH"):
        return plain(max(size, 2), seed="reply")
    reply = bytearray(acknowledgement(request))
    while len(reply) < size:
        room = min(size - len(reply), 150)
        reply += b"NTE|1|L|".ljust(room - 1, b"x")[:room - 1] + b"\r"
    return bytes(reply)
