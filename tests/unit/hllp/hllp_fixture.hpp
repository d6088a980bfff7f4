// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <utility>

#include "support/engine_harness.hpp"
#include "support/splits.hpp"
#include "support/vectors_hllp.hpp"

namespace llp::test::hllp {

using Options = std::initializer_list<std::pair<const char*, const char*>>;

inline const std::string kSb = "\x0b", kEb = "\x1c";  // the marks, unless set

// kM's block with a wrong checksum.
inline const std::string kBad = raw('D', 23, kM, kBadXorTrailer);

inline llp_params with(Options options, std::uint32_t char_time = 0) {
  llp_params p = default_params(LLP_PROTO_HLLP);
  p.char_time = char_time;
  for (const auto& [name, value] : options)
    EXPECT_EQ(llp_params_set(&p, LLP_PROTO_HLLP, name, value), 0) << name << "=" << value;
  EXPECT_EQ(llp_params_check(&p, LLP_PROTO_HLLP), nullptr);
  return p;
}

inline std::unique_ptr<Station> station(Options options = {}, std::uint32_t char_time = 0) {
  return std::make_unique<Station>(LLP_PROTO_HLLP, with(options, char_time));
}

// An initiator that sent kM and waits; what it sent is taken.
inline std::unique_ptr<Station> waiting(Options options = {}, std::uint32_t char_time = 0) {
  auto s = station(options, char_time);
  EXPECT_EQ(s->submit(1, kM, 0), 0);
  EXPECT_EQ(s->take(), D(kM));
  return s;
}

// A responder that serves kM and was told that an answer will come.
inline std::unique_ptr<Station> serving(Options options = {}, std::uint32_t char_time = 0) {
  auto s = station(options, char_time);
  s->verdict_policy = LLP_ACCEPT_ANSWER;
  s->feed(D(kM));
  EXPECT_EQ(s->take(), "");
  return s;
}

}  // namespace llp::test::hllp
