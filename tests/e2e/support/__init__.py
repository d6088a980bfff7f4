# SPDX-License-Identifier: BSD-3-Clause
"""What the end-to-end tests stand on. Nothing in here uses the engine."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "demo"))

SOAK = os.environ.get("LLP_SOAK", "0") not in ("", "0")

# A bound that only a hang reaches: generous, since the machine is shared and
# the programs may be built with sanitizers. Never a measure of speed.
PATIENCE = 60.0

# Where the protocol of serial lines runs (llpdrv --engine): "kernel" in a machine with the module. Lines without a
# kind of their own are then serial: pseudo terminals, or the pairs of ports with a cable between them that LLP_PORTS
# names, llpdrv's first ("ttyA ttyB ttyC ttyD": two pairs).
ENGINE = os.environ.get("LLP_ENGINE", "")
PORTS = tuple(zip(*[iter(os.environ.get("LLP_PORTS", "").split())] * 2))
