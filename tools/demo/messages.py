# SPDX-License-Identifier: BSD-3-Clause
"""HL7 v2 messages as an analyser and a laboratory system would send them.

Everything in them is invented.
"""

import base64
import random


def _segments(*segments):
    return "".join(s + "\r" for s in segments).encode("latin-1")


def control_id(message):
    """MSH-10."""
    return message.split(b"\r", 1)[0].split(message[3:4])[9]


def _msh(kind, ident, sender="COBALT8", receiver="LIS"):
    return f"MSH|^~\\&|{sender}|LAB|{receiver}|ST-ANNA|20261103081500||{kind}|{ident}|P|2.3"


def small(ident):
    """One glucose result."""
    return _segments(
        _msh("ORU^R01", ident),
        "PID|1||471108^^^ST-ANNA||PROBE^PETRA||19610803|F",
        "OBR|1|260311-17||GLU^Glucose",
        "OBX|1|NM|GLU^Glucose, plasma||5.4|mmol/L|3.9-5.8|N|||F")


def many_results(ident, count=180, seed=1):
    """A panel with `count` results, with the signs that tire a checksum: high bytes and repeats."""
    rng = random.Random(seed)
    rows = [
        _msh("ORU^R01", ident),
        "PID|1||471109^^^ST-ANNA||M\u00dcLLER^J\u00d6RG||19480221|M",
        "PV1|1|I|W3^12^1",
        "OBR|1|260311-18||PANEL^Complete panel",
    ]
    for i in range(1, count + 1):
        value = rng.uniform(0.1, 400.0)
        flag = rng.choice("NNNNNHL")
        rows.append(f"OBX|{i}|NM|{2000 + i}^Analyte {i:03d}||{value:.2f}|\u00b5mol/L|10-200|{flag}|||F")
    rows.append("NTE|1|L|Haemolysis index 0. Sample volume sufficient.")
    return _segments(*rows)


def document(ident, size=200_000, seed=2):
    """An MDM with an embedded document of `size` bytes, base64 as HL7 wants it."""
    rng = random.Random(seed)
    body = base64.b64encode(rng.randbytes(size * 3 // 4)).decode()
    return _segments(
        _msh("MDM^T02", ident),
        "EVN|T02|20261103081500",
        "PID|1||471110^^^ST-ANNA||BEISPIEL^BERTA||19790130|F",
        "PV1|1|O|LAB^1^1",
        "TXA|1|LR|application/pdf|20261103081400|||||||D-20261103-007||||||AU",
        f"OBX|1|ED|LR^Laboratory report||^application^pdf^Base64^{body}||||||F")


def order(ident):
    """What the laboratory system asks of the analyser."""
    return _segments(
        _msh("ORM^O01", ident, "LIS", "COBALT8"),
        "PID|1||471108^^^ST-ANNA||PROBE^PETRA||19610803|F",
        "ORC|NW|260311-19",
        "OBR|1|260311-19||CHEM^Chemistry panel|||20261103081000")


def acknowledgement(message, code="AA", text=""):
    """The reply to a message: sender and receiver change places, MSA-2 names it."""
    head = message.split(b"\r", 1)[0].split(message[3:4])
    sep = message[3:4]
    ident = head[9]
    msh = sep.join([b"MSH", head[1], head[4], head[5], head[2], head[3], head[6], b"", b"ACK",
                    b"R" + ident, b"P", head[11] if len(head) > 11 else b"2.3"])
    msa = sep.join([b"MSA", code.encode(), ident] + ([text.encode()] if text else []))
    return msh + b"\r" + msa + b"\r"
