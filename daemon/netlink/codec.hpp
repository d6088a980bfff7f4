// SPDX-License-Identifier: BSD-3-Clause
// The family's messages: requests into libnl's messages, what the kernel sends
// out of them. Whatever the bytes are, reading them is safe. Not for use
// outside daemon/netlink.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "netlink/kernel_control.hpp"

struct nl_msg;
struct nlmsghdr;

namespace llp::netlink {

struct FreeMessage {
  void operator()(nl_msg* message) const noexcept;
};
using Message = std::unique_ptr<nl_msg, FreeMessage>;

// A request of the family with this number. `flags`: NLM_F_*; sequence and
// sender are libnl's.
[[nodiscard]] Message request(int family, unsigned char command, int flags);

// Adds to a request: false if it does not fit.
[[nodiscard]] bool put(nl_msg& message, const LineRef& which);
// `by_number`: the line is named by number, so that the name is its new one.
[[nodiscard]] bool put(nl_msg& message, const LineChange& change, bool by_number);

// What a message says; nothing if it is none of that kind.
[[nodiscard]] std::optional<LineStatus> line_of(const nlmsghdr& header);
[[nodiscard]] std::optional<LineStats> stats_of(const nlmsghdr& header);
[[nodiscard]] std::optional<Event> event_of(const nlmsghdr& header);

// The sentence of an extended acknowledgement (NLMSG_ERROR); empty: none.
[[nodiscard]] std::string sentence_of(const nlmsghdr& header);

}  // namespace llp::netlink
