// SPDX-License-Identifier: BSD-3-Clause
//
// What is explored: protocol, options of both stations, what they have to say,
// and how much may go wrong.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

extern "C" {
#include "proto/llp_engine.h"
}

namespace llp::model {

inline constexpr std::uint64_t kMs = 1'000'000;

// Messages of one station: up to two of its own, one that is sent after the
// rest to see whether the line still works, and the answers to the other
// station's three.
inline constexpr int kOwn = 2;
inline constexpr int kProbe = kOwn;
inline constexpr int kAnswers = kOwn + 1;
inline constexpr int kItems = 2 * kAnswers;

struct Station {
  llp_params params{};
  std::vector<std::string> own;  // at most kOwn
  std::string probe;             // empty: it never begins an exchange
  bool answers = false;          // to each message of the other station
  std::array<std::string, kAnswers> answer;
  std::uint32_t submit = 0;  // LLP_SUBMIT_* of its own messages
};

struct Config {
  std::string name;
  std::string about;
  llp_protocol proto = LLP_PROTO_X328;
  std::array<Station, 2> station;
  int faults = 1;            // of the line, at most
  int events = 1;            // of the stations, at most: abort, not ready, late verdict, ...
  int resubmits = 0;         // a message that failed is submitted again so often
  bool acknowledged = true;  // X3.28, MLLP 2: a report means something
  bool checked = true;       // X3.28, HLLP: damage is seen
  bool line_damage = true;   // false: bytes are lost and late only
  bool named = false;        // replies name their requests (match=msa_id)

  // The text of message @item of station @s; empty: there is none.
  const std::string& text(int s, int item) const;
  // Which message of station @s this text is; -1: none.
  int find(int s, std::string_view wanted) const;
  // Both stations come to rest within this time.
  std::uint64_t rest_bound() const;
};

enum class Profile { kCheck, kSoak };

// Every configuration of a profile.
std::vector<Config> configs(Profile profile);

}  // namespace llp::model
