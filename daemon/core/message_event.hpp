// SPDX-License-Identifier: BSD-3-Clause
// What became of one message, for who tells people while it happens; the audit
// log is for afterwards. Never a byte of the message.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

namespace llp::core {

// Valid during the call only.
struct MessageEvent {
  std::string_view line;
  bool to_instrument = false;
  // One of the audit log's words; or cut, possible-duplicate, attempt-failed,
  // reply-unsent, late-reply, stray-acknowledgement, unclaimed-reply, late-answer.
  std::string_view outcome;
  std::size_t size = 0;  // of the message, or the request; of one that was cut, what came of it, if known
  std::size_t reply_size = 0;
  std::string_view peer;   // the application; empty: none had to do with it
  std::string_view cause;  // in words
};

using OnMessage = std::function<void(const MessageEvent&)>;

}  // namespace llp::core
