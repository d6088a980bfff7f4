// SPDX-License-Identifier: BSD-3-Clause
// Tells that a line's wire came or went, what passes on it and what was cut off
// there, and what else happens, and hands everything on to another.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "control/line_events.hpp"
#include "control/wire_feed.hpp"
#include "line/line.hpp"

namespace llp::cmd {

class WireObserver final : public line::Observer {
 public:
  using Passed = std::function<void(const control::WirePiece&)>;

  // All are called from within the line, which they must not call. `passed`,
  // `inner`, `cut` and `events` may be empty.
  WireObserver(std::string name, std::function<void()> changed, Passed passed,
               std::shared_ptr<line::Observer> inner, std::function<void(llp_cause)> cut = {},
               std::shared_ptr<control::LineEvents> events = nullptr)
      : name_(std::move(name)),
        changed_(std::move(changed)),
        passed_(std::move(passed)),
        inner_(std::move(inner)),
        cut_(std::move(cut)),
        events_(std::move(events)) {}
  void cut(llp_cause cause) override {
    if (inner_) inner_->cut(cause);
    if (cut_) cut_(cause);
  }
  void frame(const llp_event& event) override {
    if (inner_) inner_->frame(event);
    if (events_) events_->frame(event);
  }
  void timer(const char* name) override {
    if (inner_) inner_->timer(name);
    if (events_) events_->timer(name);
  }
  void state(const char* name) override {
    if (inner_) inner_->state(name);
  }
  void lost(std::size_t bytes) override {
    if (inner_) inner_->lost(bytes);
    if (events_) events_->lost(bytes);
  }
  void connection(bool up, const std::string& what) override {
    if (inner_) inner_->connection(up, what);
    if (events_ && !up) events_->wire_gone(what);
    const auto* words = reinterpret_cast<const std::uint8_t*>(what.data());
    tell({.kind = up ? control::WirePiece::Kind::up : control::WirePiece::Kind::down,
          .octets = std::span(words, what.size())});
    changed_();
  }
  void raw(bool out, std::span<const std::uint8_t> bytes) override {
    if (inner_) inner_->raw(out, bytes);
  }
  void octets(bool out, std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> flags) override {
    if (inner_) inner_->octets(out, bytes, flags);
    tell({.kind = control::WirePiece::Kind::bytes, .out = out, .octets = bytes, .flags = flags});
  }
  void happened(const llp_event& event, std::size_t size) override {
    if (inner_) inner_->happened(event, size);
    if (events_) events_->message(event, size);
  }
  void message(bool out, std::span<const std::uint8_t> text, std::uint64_t at) override {
    if (inner_) inner_->message(out, text, at);
    tell({.kind = control::WirePiece::Kind::message, .out = out, .octets = text, .at = at});
  }
  void lost_bytes(std::span<const std::uint8_t> bytes) override {
    if (inner_) inner_->lost_bytes(bytes);
  }

 private:
  void tell(control::WirePiece piece) const {
    if (!passed_) return;
    piece.line = name_;
    if (piece.at == 0) {
      const auto now = std::chrono::steady_clock::now().time_since_epoch();
      piece.at = static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count());
    }
    passed_(piece);
  }

  std::string name_;
  std::function<void()> changed_;
  Passed passed_;
  std::shared_ptr<line::Observer> inner_;
  std::function<void(llp_cause)> cut_;
  std::shared_ptr<control::LineEvents> events_;
};

}  // namespace llp::cmd
