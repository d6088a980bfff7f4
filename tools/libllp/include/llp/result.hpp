// SPDX-License-Identifier: BSD-3-Clause
// Errors as values. `make install` puts daemon/base/result.hpp in this place.
#pragma once

#include "base/result.hpp"
