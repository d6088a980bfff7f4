// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "base/result.hpp"

namespace llp {

// All of a file, or of standard input where the name is "-". Errors name the
// file; a directory is one, and so is what ends in a read error.
[[nodiscard]] Result<std::string> read_file(const std::string& name);

}  // namespace llp
