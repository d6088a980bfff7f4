// SPDX-License-Identifier: BSD-3-Clause
//
// A call into an engine of the model: lends it buffers, and takes its events.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model.hpp"

namespace llp::model {

struct Model::Call {
 public:
  Call(const Model& m, World& w, int s, Step& step);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  llp_io* io();
  bool ended() const { return ended_; }  // a message came to its end
  void log(std::string text) const;
  void log_bytes(const char* what, std::span<const std::uint8_t> bytes,
                 const std::uint8_t* flags = nullptr) const;

 private:
  void event(const llp_event& ev);
  void received(const llp_event& ev);
  void reported(const llp_event& ev);
  void framed(const llp_event& ev);
  void find(Rule rule, int item, const char* what);

  const Model& m_;
  World& w_;
  int s_;
  Step& step_;
  llp_io io_{};
  bool ended_ = false;
};

// The engine's name of a message: unique among those it may still know.
inline std::uint32_t next_id(std::uint32_t last, int item) {
  return ((last >> 4) + 1) << 4 | static_cast<std::uint32_t>(item + 1);
}
inline int item_of(std::uint32_t id) { return static_cast<int>(id & 15) - 1; }

// The message that station @s is sending; kItems: none.
inline std::uint8_t outgoing(const World& w, int s) {
  if (w.e[s].tx.active)
    for (std::uint8_t i = 0; i < kItems; i++)
      if (w.tx_id[s][i] == w.e[s].tx.id) return i;
  for (std::uint8_t i = 0; i < kItems; i++)
    if (w.app[s].item[i].phase == Phase::kTaken) return i;
  return kItems;
}

std::string printable(std::string_view text);

inline bool any(const App& app, Stage stage) {
  for (const Letter& l : app.inbox)
    if (l.stage == stage) return true;
  return false;
}

}  // namespace llp::model
