// SPDX-License-Identifier: BSD-3-Clause
// The engine's C interface for C++.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {
#include "proto/llp_engine.h"
}
