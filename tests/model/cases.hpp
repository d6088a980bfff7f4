// SPDX-License-Identifier: BSD-3-Clause
//
// What the protocols themselves cannot exclude, by name. Whatever breaks a
// rule and is none of these is a violation.
#pragma once

#include <span>

#include "model.hpp"

namespace llp::model {

struct Case {
  const char* name;
  Rule rule;
  const char* about;
  bool (*applies)(const Config& c, const World& w, const Finding& f);
};

std::span<const Case> cases();

// The case that a finding is one of; null: it is a violation.
const Case* excuse(const Config& c, const World& w, const Finding& f);

}  // namespace llp::model
