// SPDX-License-Identifier: BSD-3-Clause
#include "cases.hpp"

#include <array>

namespace llp::model {

namespace {

bool x328(const Config& c) { return c.proto == LLP_PROTO_X328; }
bool hllp(const Config& c) { return c.proto == LLP_PROTO_HLLP; }
bool disturbed(const World& w) { return w.faults + w.events > 0; }

constexpr std::array kCases = {
    Case{"check-misses-damage", Rule::kText,
         "Several damaged bytes of one block whose exclusive-or is the old one pass an 8-bit longitudinal "
         "check.",
         [](const Config& c, const World& w, const Finding&) { return c.checked && w.ghost.damage >= 2; }},
    Case{"x328-repeat", Rule::kMarkedRepeat,
         "The last acknowledgement was lost or came too late, and its transmission ended: the message is "
         "sent in "
         "another, and marked as a repeat.",
         [](const Config& c, const World& w, const Finding&) { return x328(c) && disturbed(w); }},
    Case{"x328-forged-acknowledgement", Rule::kNotDelivered,
         "Noise made an acknowledgement: control sequences carry no check.",
         [](const Config& c, const World& w, const Finding&) {
           return x328(c) && w.ghost.forged > 0 && w.faults + w.events >= 2;
         }},
    Case{"hllp-repeat", Rule::kMarkedRepeat,
         "The reply was damaged or lost and the request sent again (options bad_response and on_timeout): "
         "the other "
         "station serves it twice, and marks it as a repeat.",
         [](const Config& c, const World& w, const Finding&) { return hllp(c) && disturbed(w); }},
    Case{"mllp-damage", Rule::kText, "MLLP has no check characters: damage passes.",
         [](const Config& c, const World& w, const Finding&) { return !c.checked && w.ghost.damage > 0; }},
    Case{"mllp2-repeat", Rule::kMarkedRepeat,
         "A commit reply was lost, late or a NAK to gain time: the block is sent again, and marked as a "
         "repeat.",
         [](const Config& c, const World& w, const Finding&) {
           return !c.checked && c.acknowledged && disturbed(w);
         }},
};

}  // namespace

std::span<const Case> cases() { return kCases; }

const Case* excuse(const Config& c, const World& w, const Finding& f) {
  for (const Case& k : kCases)
    if (k.rule == f.rule && k.applies(c, w, f)) return &k;
  return nullptr;
}

}  // namespace llp::model
