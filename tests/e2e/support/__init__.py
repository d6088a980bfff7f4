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

# Where the protocol of serial lines runs (llpdrv --engine): "kernel" in a machine with the module. Then LLP_PORTS
# may name two serial ports with a cable between them, llpdrv's first: lines without a kind of their own use these.
ENGINE = os.environ.get("LLP_ENGINE", "")
PORTS = tuple(os.environ.get("LLP_PORTS", "").split())
