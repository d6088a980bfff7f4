// SPDX-License-Identifier: BSD-3-Clause
// What -d shows: everything on the line, control bytes by name.
#pragma once

#include <span>
#include <string>

#include "base/log.hpp"
#include "line/line.hpp"

namespace llp::cmd {

// "<STX>[12]<CR><ETX>": control characters by name, runs of others by their
// length; with `content` as they are, bytes from 80 on as <E4>.
[[nodiscard]] std::string bytes_text(std::span<const std::uint8_t> bytes, bool content);

// "sent block 3, 233 bytes, last, again" or "received block 3, 233 bytes: bad check".
[[nodiscard]] std::string frame_text(const llp_event& event);

class DebugObserver : public line::Observer {
 public:
  DebugObserver(Logger log, bool content) : log_(std::move(log)), content_(content) {}
  void frame(const llp_event& event) override;
  void timer(const char* name) override;
  void state(const char* name) override;
  void lost(std::size_t bytes) override;
  void connection(bool up, const std::string& what) override;
  void raw(bool out, std::span<const std::uint8_t> bytes) override;

 private:
  Logger log_;
  bool content_;
};

}  // namespace llp::cmd
