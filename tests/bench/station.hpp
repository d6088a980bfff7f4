// SPDX-License-Identifier: BSD-3-Clause
// The smallest shell around the engine: what a caller cannot do without.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

extern "C" {
#include "proto/llp_engine.h"
}

namespace bench {

class Station {
 public:
  Station(llp_protocol proto, const llp_params& params, std::size_t buffer) : rx_(buffer) {
    llp_engine_init(&engine_, proto, &params, 0);
    io_.rx_buf = rx_.data();
    io_.rx_cap = static_cast<u32>(rx_.size());
    io_.text = [](void* self, u32) { return static_cast<Station*>(self)->text_.data(); };
    io_.event = [](void* self, const llp_event* ev) { static_cast<Station*>(self)->on_event(*ev); };
    io_.ctx = this;
    llp_connected(&engine_, &io_);
    llp_set_ready(&engine_, &io_, LLP_READY_ALL);
    drain();
  }
  Station(const Station&) = delete;
  Station& operator=(const Station&) = delete;

  // Feeds all, accepting every message that ends.
  void feed(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      const std::size_t n = llp_rx(&engine_, &io_, bytes.data(), nullptr, bytes.size());
      bytes = bytes.subspan(n);
      if (ended_) {
        llp_verdict(&engine_, &io_, ended_, LLP_ACCEPT);
        ended_ = 0;
        ++received_;
      } else if (n == 0) {
        std::abort();  // the buffer was chosen large enough
      }
    }
  }

  // Everything there is to send now.
  std::span<const std::uint8_t> pull() {
    out_.resize(out_.capacity() < 4096 ? 4096 : out_.capacity());
    std::size_t n = 0;
    for (;;) {
      const std::size_t k = llp_tx(&engine_, &io_, out_.data() + n, out_.size() - n);
      n += k;
      if (k == 0) break;
      if (n == out_.size()) out_.resize(2 * n);
    }
    llp_tx_empty(&engine_, &io_);
    return {out_.data(), n};
  }
  void drain() { pull(); }

  void submit(std::span<const std::uint8_t> text) {
    text_ = text;
    done_ = false;
    if (llp_submit(&engine_, &io_, 1, static_cast<u32>(text.size()), LLP_SUBMIT_EXPECT_NONE)) std::abort();
  }
  bool done() const { return done_; }
  std::uint64_t received() const { return received_; }
  // Lets whatever timer runs run out.
  void pass_time() {
    const u64 deadline = llp_deadline(&engine_);
    if (deadline == LLP_NEVER) return;
    io_.now = deadline;
    llp_timeout(&engine_, &io_);
  }

 private:
  void on_event(const llp_event& ev) {
    if (ev.type == LLP_EV_END && !(ev.flags & LLP_END_EMPTY)) ended_ = ev.id;
    if (ev.type == LLP_EV_DONE) done_ = true;
  }

  llp_engine engine_{};
  llp_io io_{};
  std::vector<std::uint8_t> rx_;
  std::vector<std::uint8_t> out_;
  std::span<const std::uint8_t> text_;
  u32 ended_ = 0;
  std::uint64_t received_ = 0;
  bool done_ = false;
};

}  // namespace bench
