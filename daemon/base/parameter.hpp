// SPDX-License-Identifier: BSD-3-Clause
// A parameter of a protocol as people write it.
#pragma once

#include <string>

namespace llp {

struct Parameter {
  std::string name;   // "timer_a"
  std::string value;  // "6s"
  friend bool operator==(const Parameter&, const Parameter&) = default;
};

}  // namespace llp
