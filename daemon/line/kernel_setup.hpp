// SPDX-License-Identifier: BSD-3-Clause
// A line in the kernel set to a protocol and its parameters, and the words of
// its interface in the engine's. Not for use outside daemon/line.
#pragma once

#include <uapi/llp.h>

#include <array>
#include <cstdint>
#include <string>

#include "line/line.hpp"
#include "line/message_device.hpp"

namespace llp::line {

// control() with the structure or number that the request takes.
template <class T>
[[nodiscard]] int control(MessageFile& file, unsigned long request, T& argument) noexcept {
  return file.control(request, &argument);
}

// Puts the line to work as `protocol` and `params` say, unless it works like
// that already. `name` is for messages.
[[nodiscard]] Result<void> set_up_line(MessageFile& file, llp_protocol protocol, const llp_params& params,
                                       const std::string& name);

// Takes the receiving role with the policy "commit", and the notifications.
[[nodiscard]] Result<void> take_receiver(MessageFile& file, bool ready, const std::string& name);

// What a result of the kernel means.
[[nodiscard]] SendResult send_result(const llp_ioc_result& result) noexcept;
[[nodiscard]] llp_cause cause_of_errno(std::uint32_t error) noexcept;

// The line's counters in the engine's order; 0 for what it does not have.
void read_counters(MessageFile& file, std::array<std::uint64_t, LLP_C__N>& counters) noexcept;
// Stays as it was where the kernel does not tell.
void read_turnaround(MessageFile& file, Turnaround& turnaround) noexcept;

}  // namespace llp::line
