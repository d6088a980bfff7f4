// SPDX-License-Identifier: BSD-3-Clause
//
// Puts the engine in the place of one station of a capture: what the other
// station sends is fed, what the user does is done, and what the engine sends
// and tells must be what the capture says, byte for byte and in time.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <string>

#include "capture/capture.hpp"
#include "support/engine_harness.hpp"

namespace llp::test {

// The events of a station as captures write them.
struct PlayedEvent {
  std::uint64_t at = 0;
  capture::Expected what;
};

class EnginePlayer {
 public:
  struct Options {
    bool bytewise = false;  // feed one byte a call
  };
  // Says why this side of the capture cannot be set up.
  static std::expected<std::unique_ptr<EnginePlayer>, std::string> make(const capture::Capture& c,
                                                                        capture::Side side, Options options);

  // The first difference, with its line; nothing: played to its end.
  std::expected<void, std::string> play();

  Station& station() { return *station_; }

 private:
  using Outcome = std::expected<void, std::string>;
  EnginePlayer(const capture::Capture& c, capture::Side side, Options options)
      : capture_(c), side_(side), options_(options) {}

  Outcome step(const capture::Entry& e);
  Outcome send(const capture::Traffic& t, std::uint64_t at);
  Outcome arrive(const capture::Traffic& t, std::uint64_t at);
  Outcome act(const capture::Action& a, std::uint64_t at);
  Outcome expect(const capture::Expected& x, std::uint64_t at);
  Outcome check(const capture::Expected& x);
  Outcome quiet() const;
  Outcome advance(std::uint64_t at);
  Outcome judge(const std::string& verb);
  void wait(std::uint64_t at, bool (EnginePlayer::*enough)(std::size_t) const, std::size_t n);
  bool have_sent(std::size_t n) const { return out_.size() >= n; }
  bool have_told(std::size_t n) const { return told_.size() >= n; }
  bool timely(std::uint64_t when, std::uint64_t at) const;
  void collect();
  void pull();
  std::uint64_t clock() const { return station_->now - start_; }

  struct Sent {
    std::uint8_t value;
    std::uint64_t at;
  };
  const capture::Capture& capture_;
  capture::Side side_;
  Options options_;
  std::unique_ptr<Station> station_;
  std::uint64_t start_ = 0;
  std::deque<Sent> out_;          // sent and not yet compared
  std::deque<PlayedEvent> told_;  // likewise
  std::deque<std::uint32_t> unjudged_;
  std::vector<std::uint32_t> received_;  // every message, in order
  std::size_t credit_ = SIZE_MAX;        // bytes that the transmitter takes
  std::size_t lost_seen_ = 0;
};

}  // namespace llp::test
