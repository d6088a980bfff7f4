// SPDX-License-Identifier: BSD-3-Clause
#include "cases.hpp"

#include <array>

namespace llp::model {

namespace {

bool x328(const Config& c) { return c.proto == LLP_PROTO_X328; }
bool hllp(const Config& c) { return c.proto == LLP_PROTO_HLLP; }
bool disturbed(const World& w) { return w.faults + w.events > 0; }

bool mllp_damage(const Config& c, const World& w, const Finding& /*f*/) {
  return !c.checked && w.ghost.damage > 0;
}
bool lockstep(const Config& c, const World& w, const Finding& /*f*/) {
  return !c.acknowledged && (w.ghost.silence >= 2 || w.events > 0 || (hllp(c) && disturbed(w)));
}

bool mllp2_late(const Config& c, const World& w, const Finding& /*f*/) {
  return c.proto == LLP_PROTO_MLLP && c.acknowledged && w.ghost.silence > 0 && w.faults + w.events >= 2;
}

constexpr std::array kCases = {
    Case{"check-misses-damage", Rule::kText,
         "Several damaged bytes of one block whose exclusive-or is the old one pass an 8-bit longitudinal "
         "check.",
         [](const Config& c, const World& w, const Finding&) { return c.checked && w.ghost.damage >= 2; }},
    Case{"check-misses-damage", Rule::kNotDelivered, nullptr,
         [](const Config& c, const World& w, const Finding&) { return x328(c) && w.ghost.damage >= 2; }},
    Case{"x328-repeat", Rule::kMarkedRepeat,
         "The last acknowledgement was lost or came too late, and its transmission ended: the message is "
         "sent in "
         "another, and marked as a repeat.",
         [](const Config& c, const World& w, const Finding&) { return x328(c) && disturbed(w); }},
    Case{"x328-foreign-acknowledgement", Rule::kNotDelivered,
         "Noise made an acknowledgement (control sequences carry no check), or a late one of a transmission "
         "that was "
         "broken off by a hang-up is taken for that of the next. One fault alone does not do it.",
         [](const Config& c, const World& w, const Finding&) {
           return x328(c) && w.faults + w.events >= 2 && (w.ghost.forged > 0 || w.events > 0);
         }},
    Case{"x328-ambiguous-interrupt", Rule::kDelivered,
         "EOT tells the master that its last block was refused. A slave also sends it when its own timer ran "
         "out, and "
         "noise can make one. If the acknowledgement was lost or late as well, a message is reported refused "
         "that was "
         "accepted. One fault alone does not do it.",
         [](const Config& c, const World& w, const Finding&) { return x328(c) && w.faults + w.events >= 2; }},
    Case{"x328-equal-roles", Rule::kLost,
         "Two stations of the same role that bid at the same moment can do so again after every pause, until "
         "both give "
         "up: one of them must be the primary.",
         [](const Config& c, const World&, const Finding&) {
           return x328(c) && c.station[0].params.role == c.station[1].params.role;
         }},
    Case{"hllp-repeat", Rule::kMarkedRepeat,
         "The reply was damaged or lost and the request sent again (options bad_response and on_timeout): "
         "the other "
         "station serves it twice, and marks it as a repeat.",
         [](const Config& c, const World& w, const Finding&) { return hllp(c) && disturbed(w); }},
    Case{"hllp-auto-scope", Rule::kText,
         "With xor_scope=auto either checksum is accepted: a byte damaged by just the difference of the two "
         "passes.",
         [](const Config& c, const World& w, const Finding&) {
           return hllp(c) && w.ghost.damage > 0 && c.station[0].params.xor_scope == LLP_SCOPE_AUTO;
         }},
    Case{"mllp2-late-commit", Rule::kNotDelivered,
         "A commit reply that comes later than T_c and the pause after it is taken for the next block's: "
         "MLLP has no "
         "numbers.",
         mllp2_late},
    Case{"mllp2-late-commit", Rule::kDelivered, nullptr, mllp2_late},
    Case{"mllp-cut-end", Rule::kDelivered,
         "The transmitter stuck before the last byte of a block, and the other station took the end "
         "character alone for "
         "the end (eb=auto).",
         [](const Config& c, const World& w, const Finding&) {
           return !c.checked && w.faults + w.events >= 2;
         }},
    Case{"lockstep", Rule::kWrongReply,
         "With match=lockstep a reply is known by its place alone. It is taken for another request's if it "
         "comes later "
         "than time-out and guard, or (HLLP, whose NAK names no block) if noise or a NAK that crossed a "
         "request brings "
         "a request or a reply once more. match=msa_id, the default for HL7, is free of this.",
         lockstep},
    Case{"lockstep", Rule::kNotDelivered, nullptr, lockstep},
    Case{"lockstep", Rule::kNoReply, nullptr, lockstep},
    Case{"mllp-damage", Rule::kText, "MLLP has no check characters: damage passes.", mllp_damage},
    Case{"mllp-damage", Rule::kNotDelivered, nullptr, mllp_damage},
    Case{"mllp-damage", Rule::kDelivered, nullptr, mllp_damage},
    Case{"mllp-damage", Rule::kNoReply, nullptr, mllp_damage},
    Case{"mllp-damage", Rule::kRepeat, nullptr, mllp_damage},
    Case{"mllp-damage", Rule::kWrongReply, nullptr, mllp_damage},
    Case{"mllp-damage", Rule::kOrder, nullptr, mllp_damage},
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
