// SPDX-License-Identifier: BSD-3-Clause
// What every test of the store says: a time, a place, a message.
#pragma once

#include <chrono>
#include <string_view>

#include "store/files.hpp"
#include "store/message_file.hpp"

namespace llp::store::test {

inline const Time kNow{std::chrono::seconds(1767225600)};
inline const Path kDir = "/spool";

[[nodiscard]] inline Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace llp::store::test
