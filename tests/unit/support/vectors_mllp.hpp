// SPDX-License-Identifier: BSD-3-Clause
//
// MLLP: blocks as they stand on the line, and the messages in them. The facts
// are those of the specification's worked examples.
#pragma once

#include <string>

#include "support/engine_harness.hpp"

namespace llp::test::mllp {

inline const std::string kM = "MSH|^~\\&|A\rPID|1\r";
inline const std::string kA = "MSH|^~\\&|B\rMSA|AA|1\r";

inline std::string block(std::string_view text) { return "\x0b" + std::string(text) + "\x1c\r"; }

inline const std::string kAck = block("\x06");
inline const std::string kNak = block("\x15");

inline const char kMHex[] = "0B 4D 53 48 7C 5E 7E 5C 26 7C 41 0D 50 49 44 7C 31 0D 1C 0D";
inline const char kAHex[] = "0B 4D 53 48 7C 5E 7E 5C 26 7C 42 0D 4D 53 41 7C 41 41 7C 31 0D 1C 0D";

}  // namespace llp::test::mllp
