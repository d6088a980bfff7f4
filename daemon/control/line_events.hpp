// SPDX-License-Identifier: BSD-3-Clause
// What happens on a line, for those who look on over the control socket, and
// what went wrong on it lately. Never a byte of a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "core/message_event.hpp"
#include "line/engine_api.hpp"

namespace llp::control {

struct LineEvent {
  enum class Kind : std::uint8_t {
    received,     // a message, whole
    sent,         // a message: the other station has it
    failed,       // a message to the other station: error, outcome
    cancelled,    // a message that will not be completed: error
    frame,        // one came that was not taken as it is
    again,        // one was sent again
    timer,        // ran out
    lost,         // bytes that belong to no message
    disconnect,   // the protocol begins anew
    wire,         // it has gone: words tell why
    application,  // what came of a message, as an application sees it: words, cause, peer
  };
  // NOLINTBEGIN(readability-redundant-member-init): GCC asks for it
  Kind kind = Kind::received;
  std::uint64_t at = 0;        // CLOCK_MONOTONIC, ns
  std::uint32_t id = 0;        // of a message between us and the instrument
  std::uint32_t reply_to = 0;  // the message that it answers; 0: none
  std::uint8_t flags = 0;      // received: LLP_END_*
  std::size_t size = 0;        // bytes of the message, the frame, or that were lost
  int error = 0;               // errno that tells why; 0: none
  int outcome = -1;            // failed: LLP_OUT_*
  int verdict = -1;            // frame: LLP_FV_*
  std::string words{}, cause{}, peer{};
  // NOLINTEND(readability-redundant-member-init)

  // It should not happen often.
  [[nodiscard]] bool trouble() const;
};

// The event that tells of it: llpd-control(7), "happened".
[[nodiscard]] nlohmann::ordered_json happened_event(std::string_view line, const LineEvent& event);
// The same for "last_errors" of a line, with what it means.
[[nodiscard]] nlohmann::ordered_json error_report(const LineEvent& event);

// What one line tells.
class LineEvents {
 public:
  // So many are remembered.
  static constexpr std::size_t kRemembered = 16;
  // Called from within the line, which it must not call.
  using Tell = std::function<void(const LineEvent&)>;

  // `tell` may be empty.
  explicit LineEvents(Tell tell) : tell_(std::move(tell)) {}

  void frame(const llp_event& event);
  void timer(const char* name);
  void lost(std::size_t bytes);
  void message(const llp_event& event, std::size_t size);
  void wire_gone(const std::string& why);
  void application(const core::MessageEvent& event);

  // What went wrong, the oldest first.
  [[nodiscard]] const std::deque<LineEvent>& errors() const noexcept { return errors_; }

 private:
  void add(LineEvent event);

  Tell tell_;
  std::deque<LineEvent> errors_;
};

}  // namespace llp::control
