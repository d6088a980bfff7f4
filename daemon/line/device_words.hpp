// SPDX-License-Identifier: BSD-3-Clause
// What the kernel's message device says of a message that was written, for
// people; llp(4).
#pragma once

#include <cstdint>
#include <string>

namespace llp::line {

// An errno of write(2) or of LLP_IOC_RESULT: "the other station did not answer in time"
[[nodiscard]] std::string write_words(int error);

// LLP_OUTCOME_*: "not sent", "delivered", "refused", "outcome unknown", "transmitted"
[[nodiscard]] std::string outcome_words(std::uint32_t outcome);

}  // namespace llp::line
