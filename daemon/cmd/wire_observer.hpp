// SPDX-License-Identifier: BSD-3-Clause
// Tells that a line's wire came or went, and hands everything on to another.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "line/line.hpp"

namespace llp::cmd {

class WireObserver final : public line::Observer {
 public:
  // `changed` is called from within the line, which it must not call. `inner`
  // may be empty.
  WireObserver(std::function<void()> changed, std::shared_ptr<line::Observer> inner)
      : changed_(std::move(changed)), inner_(std::move(inner)) {}
  void frame(const llp_event& event) override {
    if (inner_) inner_->frame(event);
  }
  void timer(const char* name) override {
    if (inner_) inner_->timer(name);
  }
  void state(const char* name) override {
    if (inner_) inner_->state(name);
  }
  void lost(std::size_t bytes) override {
    if (inner_) inner_->lost(bytes);
  }
  void connection(bool up, const std::string& what) override {
    if (inner_) inner_->connection(up, what);
    changed_();
  }
  void raw(bool out, std::span<const std::uint8_t> bytes) override {
    if (inner_) inner_->raw(out, bytes);
  }

 private:
  std::function<void()> changed_;
  std::shared_ptr<line::Observer> inner_;
};

}  // namespace llp::cmd
