// SPDX-License-Identifier: BSD-3-Clause
//
// A run, told as a ladder: what happened, station A on the left, B on the right.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "model.hpp"

namespace llp::model {

// @rest: if the run ends at rest, whether a new message passes is told too.
std::vector<std::string> ladder(const Model& model, std::span<const Action> path, bool rest);
std::string words(const Finding& f);

}  // namespace llp::model
