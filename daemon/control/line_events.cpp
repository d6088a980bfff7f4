// SPDX-License-Identifier: BSD-3-Clause
#include "control/line_events.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "control/meanings.hpp"
#include "control/wire_feed.hpp"

namespace llp::control {

namespace {

using EventJson = nlohmann::ordered_json;
using Kind = LineEvent::Kind;

constexpr std::array kKindNames{"received", "sent", "failed",     "cancelled", "frame",      "again",
                                "timer",    "lost", "disconnect", "wire",      "application"};

// Of what an application sees: all is well.
constexpr std::array<std::string_view, 6> kWell{"delivered", "delivered-late", "answered-again",
                                                "stored",    "sent",           "answered"};

std::uint64_t monotonic_now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count());
}

bool of_a_message(Kind kind) { return kind <= Kind::cancelled; }

// The counter that counts such events; empty: none does.
std::string_view counter_of(const LineEvent& event) {
  switch (event.kind) {
    case Kind::failed: return "tx_failed";
    case Kind::cancelled: return "rx_cancelled";
    case Kind::again: return "retransmissions";
    case Kind::timer: return "timeouts";
    case Kind::lost: return "lost_bytes";
    case Kind::wire: return "hangups";
    case Kind::frame: break;
    default: return {};
  }
  switch (event.verdict) {
    case LLP_FV_FLAG: return "nak_flag";
    case LLP_FV_FORMAT: return "nak_format";
    case LLP_FV_CHECK: return "nak_check";
    case LLP_FV_LENGTH: return "nak_length";
    case LLP_FV_TOO_LONG: return "nak_too_long";
    case LLP_FV_NUMBER: return "nak_number";
    case LLP_FV_BUSY: return "nak_busy";
    case LLP_FV_IGNORED: return "unexpected";
    default: return {};
  }
}

void put(EventJson& json, const LineEvent& event) {
  json["kind"] = kKindNames.at(static_cast<std::size_t>(event.kind));
  json["time_ns"] = time_of_day(event.at);
  json["monotonic_ns"] = event.at;
  if (of_a_message(event.kind)) {
    json["message"] = event.id;
    json["flags"] = event.flags;
    json["error"] = event.error;
  }
  const bool sized = event.kind != Kind::cancelled && event.kind != Kind::timer &&
                     event.kind != Kind::disconnect && event.kind != Kind::wire;
  if (sized) json["length"] = event.size;
  if (event.reply_to != 0) json["reply_to"] = event.reply_to;
  if (event.outcome >= 0) json["outcome"] = event.outcome;
  if (event.verdict >= 0) {
    json["verdict"] = llp_frame_verdict_name(static_cast<llp_verdict_frame>(event.verdict));
  }
  if (!event.words.empty()) json["words"] = event.words;
  if (!event.cause.empty()) json["cause"] = event.cause;
  if (!event.peer.empty()) json["peer"] = event.peer;
}

}  // namespace

bool LineEvent::trouble() const {
  switch (kind) {
    case Kind::received:
    case Kind::sent: return false;
    case Kind::application: return std::ranges::find(kWell, words) == kWell.end();
    default: return true;
  }
}

EventJson happened_event(std::string_view line, const LineEvent& event) {
  EventJson json{{"event", "happened"}, {"name", line}};
  put(json, event);
  return json;
}

EventJson error_report(const LineEvent& event) {
  EventJson json;
  put(json, event);
  if (const Meaning* means = meaning_of(counter_of(event))) {
    json["meaning"] = means->meaning;
    json["advice"] = means->advice;
  }
  return json;
}

void LineEvents::add(LineEvent event) {
  event.at = monotonic_now();
  if (tell_) tell_(event);
  if (!event.trouble()) return;
  errors_.push_back(std::move(event));
  if (errors_.size() > kRemembered) errors_.pop_front();
}

void LineEvents::frame(const llp_event& event) {
  const bool again = event.out != 0 && (event.flags & LLP_FRAME_AGAIN) != 0;
  // The usual course of things is nothing to tell.
  if (event.out != 0 ? !again : event.verdict == LLP_FV_GOOD) return;
  add({.kind = again ? Kind::again : Kind::frame,
       .size = event.len,
       .verdict = again ? -1 : event.verdict,
       .words = llp_frame_name(static_cast<llp_frame>(event.frame))});
}

void LineEvents::timer(const char* name) { add({.kind = Kind::timer, .words = name}); }

void LineEvents::lost(std::size_t bytes) { add({.kind = Kind::lost, .size = bytes}); }

void LineEvents::message(const llp_event& event, std::size_t size) {
  const auto cause = static_cast<llp_cause>(event.cause);
  const auto outcome = static_cast<llp_outcome>(event.outcome);
  const std::string why = cause == LLP_OK ? "" : llp_cause_name(cause);
  switch (event.type) {
    case LLP_EV_END:
      return add({.kind = Kind::received,
                  .id = event.id,
                  .reply_to = (event.flags & LLP_END_REPLY) != 0 ? event.reply_to : 0,
                  .flags = event.flags,
                  .size = size});
    case LLP_EV_SENT:
      return add({.kind = cause == LLP_OK ? Kind::sent : Kind::failed,
                  .id = event.id,
                  .size = size,
                  .error = llp_cause_errno(cause, outcome),
                  .outcome = event.outcome,
                  .cause = why});
    case LLP_EV_CANCEL:
      return add({.kind = Kind::cancelled,
                  .id = event.id,
                  .error = llp_cause_errno(cause, LLP_OUT_NOT_SENT),
                  .cause = why});
    case LLP_EV_DISCONNECT: return add({.kind = Kind::disconnect, .cause = why});
    default: return;
  }
}

void LineEvents::wire_gone(const std::string& why) { add({.kind = Kind::wire, .words = why}); }

void LineEvents::application(const core::MessageEvent& event) {
  add({.kind = Kind::application,
       .size = event.size,
       .words = std::string(event.outcome),
       .cause = std::string(event.cause),
       .peer = std::string(event.peer)});
}

}  // namespace llp::control
