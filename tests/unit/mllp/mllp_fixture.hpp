// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <utility>

#include "support/engine_harness.hpp"
#include "support/splits.hpp"
#include "support/vectors_mllp.hpp"

namespace llp::test::mllp {

using Options = std::initializer_list<std::pair<const char*, const char*>>;

inline llp_params with(Options options) {
  llp_params p = default_params(LLP_PROTO_MLLP);
  for (const auto& [name, value] : options)
    EXPECT_EQ(llp_params_set(&p, LLP_PROTO_MLLP, name, value), 0) << name << "=" << value;
  EXPECT_EQ(llp_params_check(&p, LLP_PROTO_MLLP), nullptr);
  return p;
}

inline std::unique_ptr<Station> station(Options options = {}) {
  return std::make_unique<Station>(LLP_PROTO_MLLP, with(options));
}

inline std::unique_ptr<Station> r2(Options options = {}) {
  llp_params p = with(options);
  llp_params_set(&p, LLP_PROTO_MLLP, "release", "2");
  return std::make_unique<Station>(LLP_PROTO_MLLP, p);
}

}  // namespace llp::test::mllp
