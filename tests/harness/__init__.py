# SPDX-License-Identifier: BSD-3-Clause
"""What tests/run is made of: suites, how their results are read, and their order."""
