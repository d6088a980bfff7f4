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
// A request was sent again, or the wait for late replies is over, or (HLLP) only one end lost the line.
bool lockstep(const Config& c, const World& w, const Finding& /*f*/) {
  return !c.acknowledged && !c.named &&
         ((w.ghost.flags & kOutwaited) || (hllp(c) && (w.ghost.flags & (kAgain | kHung))));
}

bool unchecked_answer(const Config& c, const World& w, const Finding& /*f*/) {
  return x328(c) && w.faults + w.events >= 2 && (w.ghost.forged > 0 || (w.ghost.flags & kHung));
}

bool mllp2_late(const Config& c, const World& w, const Finding& /*f*/) {
  return c.proto == LLP_PROTO_MLLP && c.acknowledged && (w.ghost.flags & kOutwaited) &&
         w.faults + w.events >= 2;
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
         "sent in another, and marked as a repeat.",
         [](const Config& c, const World& w, const Finding&) { return x328(c) && disturbed(w); }},
    Case{"x328-foreign-acknowledgement", Rule::kNotDelivered,
         "An acknowledgement carries a number of three bits and no check. Two faults, one of them outside "
         "a block, make one: noise, or a damaged answer, that is the number awaited. Or a station lost the "
         "line and the other did not notice: the answer to a block of before comes, and numbers begin at 1 "
         "in every transmission. One fault alone does not do it, and without either nothing does.",
         unchecked_answer},
    Case{"x328-ambiguous-interrupt", Rule::kDelivered,
         "EOT in place of an answer says that the block was refused, and carries neither number nor "
         "check. It is taken for that unless something before it was lost, late, damaged or without its "
         "CR (then the outcome is unknown). What remains: two faults, one of them outside what a block's "
         "check covers. They turn an acknowledgement into a whole EOT; or the acknowledgement is lost, "
         "and what stands for the block's CR begins another block, at whose end the slave's timer sends "
         "EOT. Or a station lost the line, the other did not notice, and its EOT ends what was before.",
         unchecked_answer},
    Case{"x328-equal-roles", Rule::kLost,
         "Two stations of the same role that bid at the same moment can do so again after every pause, "
         "until both give up: one of them must be the primary.",
         [](const Config& c, const World&, const Finding&) {
           return x328(c) && c.station[0].params.role == c.station[1].params.role;
         }},
    Case{"hllp-repeat", Rule::kMarkedRepeat,
         "The reply was damaged or lost and the request sent again (options bad_response and on_timeout): "
         "the other station serves it twice, and marks it as a repeat.",
         [](const Config& c, const World& w, const Finding&) { return hllp(c) && disturbed(w); }},
    Case{"hllp-auto-scope", Rule::kText,
         "With xor_scope=auto either checksum is accepted: a byte damaged by just the difference of the "
         "two passes.",
         [](const Config& c, const World& w, const Finding&) {
           return hllp(c) && w.ghost.damage > 0 && c.station[0].params.xor_scope == LLP_SCOPE_AUTO;
         }},
    Case{"mllp-damage", Rule::kText, "MLLP has no check characters: damage passes.", mllp_damage},
    Case{"mllp-damage", Rule::kNotDelivered, nullptr, mllp_damage},
    Case{"mllp-damage", Rule::kDelivered, nullptr, mllp_damage},
    Case{"mllp-damage", Rule::kNoReply, nullptr, mllp_damage},
    Case{"mllp-damage", Rule::kRepeat, nullptr, mllp_damage},
    Case{"mllp-damage", Rule::kWrongReply, nullptr, mllp_damage},
    Case{"mllp-damage", Rule::kOrder, nullptr, mllp_damage},
    Case{"mllp2-late-commit", Rule::kNotDelivered,
         "MLLP has no numbers. After a repeat, or a message that was taken back, two commit replies may "
         "come for one message. The source sends nothing for a pause p after the first (decision D-12: a "
         "tenth of T_c, at least settle_min, at most settle_max: 1 s unless set otherwise), and for T_c "
         "where nobody waited for the first; what comes meanwhile, or before its next block has left, is "
         "discarded. Counted from the end of the block that a reply answers, this excludes every delay up "
         "to p; up to T_c + p if the block was sent again after that, or given up; and up to T_c if the "
         "message was taken back and no try of it had timed out. A later reply is taken for the next "
         "block's. No pause would be long enough, since a line's delay has no bound; settle_min = "
         "settle_max = T_c makes p as long as a reply is waited for at all.",
         mllp2_late},
    Case{"lockstep", Rule::kWrongReply,
         "With match=lockstep a reply is known by its place alone. It is taken for another request's if "
         "it comes later than time-out and guard together; and with HLLP, whose blocks have no numbers "
         "and whose NAK names none, if a block was sent again (a NAK for noise, or one that crossed a "
         "request, brings a request or a reply once more), or if only one end noticed that the line was "
         "lost. Where replies name their requests, it does not happen: this case is none for the "
         "configurations hllp-named and mllp1-named, nor for the walk's messages of HL7 (match=msa_id, "
         "their default).",
         lockstep},
    Case{"lockstep", Rule::kNotDelivered, nullptr, lockstep},
    Case{"lockstep", Rule::kNoReply, nullptr, lockstep},
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
