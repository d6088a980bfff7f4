// SPDX-License-Identifier: BSD-3-Clause
//
// The engine's transcript of a line, through its public interface, to be held
// against a reference decoder's. Who includes this links the engine.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reference/transcript.hpp"

namespace llp::reference {

// How the engine is driven.
struct Drive {
  llp_protocol protocol = LLP_PROTO_X328;
  llp_params params{};
  bool ready = true;                  // takes messages
  llp_decision verdict = LLP_ACCEPT;  // on each message, at once
  std::optional<std::string> reply =
      std::nullopt;  // sent as the reply to each message; verdict is then LLP_ACCEPT_ANSWER
  // Bytes given to the engine in one call, at most. What it has to say goes out
  // between calls: where answers are not to pile up, 1.
  std::size_t part = 65536;
};

namespace detail {

class EngineRun {
 public:
  explicit EngineRun(Drive d) : d_(std::move(d)) {
    patient(d_.params);
    llp_engine_init(e_.get(), d_.protocol, &d_.params, now_);
    llp_io io = lend();
    llp_connected(e_.get(), &io);
    io = lend();
    llp_set_ready(e_.get(), &io, d_.ready ? LLP_READY_ALL : 0);
    after();
  }
  EngineRun(const EngineRun&) = delete;
  EngineRun& operator=(const EngineRun&) = delete;

  Transcript run(const Line& line) {
    std::vector<std::uint8_t> bytes;
    std::vector<std::uint8_t> flags;
    for (const Character& c : line.characters) {
      if (c.before != Silence::none || bytes.size() >= d_.part) {
        feed(bytes, flags);
        bytes.clear();
        flags.clear();
      }
      pass(c.before);
      bytes.push_back(c.byte);
      flags.push_back(c.flag);
    }
    feed(bytes, flags);
    pass(line.at_end);
    return std::move(t_);
  }

 private:
  static constexpr std::uint64_t kMs = 1'000'000;
  static constexpr std::uint64_t kBrief = 300 * kMs;
  static constexpr std::uint64_t kLasting = 7'200'000 * kMs;

  llp_io lend() {
    llp_io io{};
    io.now = now_;
    io.rx_buf = buffer_.data();
    io.rx_cap = static_cast<std::uint32_t>(buffer_.size());
    io.text = [](void* ctx, std::uint32_t) {
      return reinterpret_cast<const std::uint8_t*>(static_cast<EngineRun*>(ctx)->d_.reply->data());
    };
    io.event = [](void* ctx, const llp_event* ev) { static_cast<EngineRun*>(ctx)->take(*ev); };
    io.ctx = this;
    return io;
  }

  void take(const llp_event& ev) {
    switch (ev.type) {
      case LLP_EV_FRAME:
        if (!ev.out && ev.frame != LLP_FR_GARBAGE)
          t_.frames.push_back(
              {static_cast<llp_frame>(ev.frame), ev.num, ev.len, static_cast<llp_verdict_frame>(ev.verdict)});
        break;
      case LLP_EV_END:
        t_.messages.emplace_back(reinterpret_cast<const char*>(buffer_.data()), ev.len);
        if (!(ev.flags & LLP_END_EMPTY)) ended_.push_back(ev.id);
        break;
      case LLP_EV_CANCEL: t_.cancelled++; break;
      case LLP_EV_LOST: t_.lost.append(reinterpret_cast<const char*>(ev.bytes), ev.len); break;
      case LLP_EV_DISCONNECT: t_.dropped = true; break;
      default: break;
    }
  }

  // Verdicts, answers, output.
  void after() {
    while (!ended_.empty()) {
      const std::uint32_t id = ended_.front();
      ended_.pop_front();
      llp_io io = lend();
      llp_verdict(e_.get(), &io, id, d_.reply ? LLP_ACCEPT_ANSWER : d_.verdict);
      if (!d_.reply) continue;
      io = lend();
      const auto length = static_cast<std::uint32_t>(d_.reply->size());
      if (llp_submit(e_.get(), &io, ++submitted_, length, LLP_SUBMIT_REPLY))
        t_.sent += "(the reply was not taken)";
      pull();
    }
    pull();
  }

  void pull() {
    do {
      std::uint8_t out[256];
      llp_io io = lend();
      while (const std::size_t n = llp_tx(e_.get(), &io, out, sizeof out))
        t_.sent.append(reinterpret_cast<char*>(out), n);
      if (!llp_tx_wait(e_.get())) return;
      io = lend();
      llp_tx_empty(e_.get(), &io);
    } while (llp_tx_pending(e_.get()));
  }

  void feed(const std::vector<std::uint8_t>& bytes, const std::vector<std::uint8_t>& flags) {
    std::size_t done = 0;
    while (done < bytes.size() && !t_.dropped) {
      if (llp_rx_fill(e_.get()) == buffer_.size()) buffer_.resize(2 * buffer_.size());
      llp_io io = lend();
      const std::size_t messages = t_.messages.size();
      const std::size_t n = llp_rx(e_.get(), &io, &bytes[done], &flags[done], bytes.size() - done);
      if (n == 0 && messages == t_.messages.size()) buffer_.resize(2 * buffer_.size());
      if (buffer_.size() > (std::size_t{1} << 24)) fail("the engine takes nothing");
      done += n;
      after();
    }
  }

  void pass(Silence s) {
    if (s == Silence::none || t_.dropped) return;
    const std::uint64_t until = now_ + (s == Silence::brief ? kBrief : kLasting);
    unsigned guard = 0;
    while (llp_deadline(e_.get()) <= until) {
      now_ = std::max<std::uint64_t>(now_, llp_deadline(e_.get()));
      llp_io io = lend();
      llp_timeout(e_.get(), &io);
      after();
      if (++guard > 100000) fail("timers never come to rest");
    }
    now_ = until;
  }

  [[noreturn]] static void fail(const char* what) {
    (void)std::fprintf(stderr, "%s\n", what);
    std::abort();
  }

  // A brief silence ends nothing but the wait for a terminator, however many of them are in one block.
  static void patient(llp_params& p) {
    constexpr std::uint32_t kMinute = 60'000'000;
    p.timer_a = 40 * kMinute;
    p.timer_b = p.timer_d = p.t_in = 30 * kMinute;
  }

  Drive d_;
  std::unique_ptr<llp_engine> e_ = std::make_unique<llp_engine>();
  std::uint64_t now_ = 1'000'000 * kMs;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(64);
  std::deque<std::uint32_t> ended_;
  std::uint32_t submitted_ = 1000;
  Transcript t_;
};

}  // namespace detail

inline Transcript engine_transcript(const Line& line, const Drive& drive) {
  return detail::EngineRun(drive).run(line);
}

}  // namespace llp::reference
