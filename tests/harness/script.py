# SPDX-License-Identifier: BSD-3-Clause
"""Programs without a suffix, as modules: for tests of what is in them."""

import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType


def load(path: Path) -> ModuleType:
    """Runs the program's text, but not its main(); leaves no bytecode beside it."""
    sys.dont_write_bytecode = True
    loader = SourceFileLoader(f"llp_{path.parent.name}_{path.name}", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    sys.modules[loader.name] = module  # dataclasses look there
    loader.exec_module(module)
    return module
