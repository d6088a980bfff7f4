// SPDX-License-Identifier: BSD-3-Clause
#include "walk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <utility>

namespace llp::walk {

namespace {

constexpr std::uint64_t kCharTime = 86'806;  // ns, 115,200 baud 8N1
constexpr double kBytesPerSecond = 1e9 / kCharTime;
// Bytes that arrive at once; more of a long block, to be quick.
constexpr std::size_t kPiece = 64, kLongPiece = 512;
// What is shorter than any block of X3.28 and HLLP is an answer.
constexpr std::size_t kAnswerMax = 8;
// MLLP's commit reply; its second byte is in no text.
constexpr std::size_t kCommit = 4;
constexpr std::uint8_t kAck = 0x06, kNak = 0x15;
// With HL7, one answer in so many comes when the time for it has been over for so long (ns).
constexpr std::uint64_t kSlow = 1000, kTooLate = 5'000'000'000;
// Segments of HL7, about as long as a block of X3.28.
constexpr std::size_t kSegment = 200;
// Events after which a station that is not at rest never will be.
constexpr unsigned kRepeats = 8;
constexpr std::uint64_t kPatience = 4'000'000;
constexpr std::size_t kShort = 4096, kLong = 90'000, kShortest = 200;

enum class Fault : std::uint8_t { replaced, lost, doubled, inserted, flagged };

// One direction of the line.
struct Link {
  Bytes queue;
  std::size_t at = 0;
  std::uint64_t next_at = LLP_NEVER;  // the piece under way arrives
  std::uint64_t until_fault = 0;      // bytes
  // the transmission under way
  std::size_t sent = 0;
  unsigned faults = 0, flags = 0;
  int longer = 0;  // bytes
  // since the message began
  bool answers_hit = false, blocks_hit = false;
};

class Walk {
 public:
  explicit Walk(const Setup& setup)
      : setup_(setup),
        random_(setup.seed),
        gap_(setup.rate),
        a_(setup.protocol, params(LLP_PRIMARY), now_,
           [this](const auto& e, auto t) { return arrived(0, e, t); }),
        b_(setup.protocol, params(LLP_SECONDARY), now_,
           [this](const auto& e, auto t) { return arrived(1, e, t); }) {
    for (Link& link : links_) link.until_fault = gap_(random_);
  }

  Tally run() {
    const std::uint64_t begin = now_;
    while (tally_.messages < setup_.messages && tally_.violation.empty()) exchange();
    for (const Station* s : {&a_, &b_}) {
      tally_.retransmissions += s->count(LLP_C_RETRANSMISSIONS);
      tally_.naks += s->count(LLP_C_NAKS_SENT);
    }
    tally_.seconds = static_cast<double>(now_ - begin) / 1e9;
    return tally_;
  }

 private:
  llp_params params(std::uint32_t role) const {
    llp_params p{};
    llp_params_default(&p, setup_.protocol);
    if (setup_.protocol == LLP_PROTO_X328) p.role = role;
    if (setup_.protocol == LLP_PROTO_MLLP) p.release = setup_.release;
    p.char_time = kCharTime;
    if (setup_.named) return p;
    // Without numbers, a repeated reply passes for that of the next request unless repeats are dropped.
    if (setup_.release == 2) p.dedup = 1;
    p.match = LLP_MATCH_LOCKSTEP;
    return p;
  }
  [[nodiscard]] bool checked() const { return setup_.protocol != LLP_PROTO_MLLP; }
  [[nodiscard]] Station& station(unsigned side) { return side == 0 ? a_ : b_; }

  // Log-uniform to 4 KB, one in a hundred to 90 KB; short ones where faults are dense.
  std::size_t size() {
    const double most =
        setup_.rate > 5e-3 ? kShortest : static_cast<double>(random_() % 100 == 0 ? kLong : kShort);
    return static_cast<std::size_t>(std::exp(std::uniform_real_distribution<>(0, std::log(most))(random_)));
  }
  // Begins with its number, or as much of it as there is room for: no two that follow each other are alike.
  Bytes text(bool reply, std::uint64_t number, std::size_t size) {
    std::string head;
    if (setup_.named) {
      // MSH-10 of a request, MSA-2 of its reply. There is no shorter one.
      head = fmt::format("{}{:08}|", reply ? "MSH|\rMSA||" : "MSH|||||||||", number);
    } else if (size == 1) {
      head = static_cast<char>((reply ? 'a' : 'A') + number % 26);
    } else {
      const std::string digits = fmt::format("{:08}", number);
      head = (reply ? 'R' : 'Q') + digits.substr(digits.size() - std::min(size - 1, digits.size()));
      if (head.size() < size) head += '|';
    }
    Bytes t(head.begin(), head.end());
    while (t.size() < size) {
      const bool segment = setup_.named && t.size() % kSegment == 0;
      t.push_back(segment ? '\r' : static_cast<std::uint8_t>(' ' + random_() % 95));
    }
    return t;
  }

  void exchange();
  void judge(const Station& sender);
  bool step();
  void piece(unsigned from);
  [[nodiscard]] bool is_answer(const Link& link) const;
  void transmission_over(Link& link);
  llp_decision arrived(unsigned side, const llp_event& event, std::span<const std::uint8_t> t);
  void violated(const std::string& what) {
    if (tally_.violation.empty()) {
      tally_.violation = fmt::format("message {} (seed {}): {}", tally_.messages, setup_.seed, what);
    }
  }
  static bool same(std::span<const std::uint8_t> t, const Bytes& wanted) {
    return std::ranges::equal(t, wanted);
  }

  Setup setup_;
  std::mt19937_64 random_;
  std::geometric_distribution<std::uint64_t> gap_;
  std::uint64_t now_ = 1'000'000'000;
  Tally tally_;
  Station a_, b_;
  std::array<Link, 2> links_;
  // the exchange under way
  unsigned sender_ = 0;
  bool stay_ = false;        // it sends the next one, too
  std::uint64_t delay_ = 0;  // of the reply, ns
  Bytes request_, reply_, last_request_, last_reply_;
  std::uint64_t whole_ = 0;    // times the request arrived as it was sent
  std::uint64_t changed_ = 0;  // times something else did
  std::uint64_t replies_ = 0, replies_changed_ = 0;
  std::uint64_t unheard_before_ = 0;
  unsigned hit_before_ = 0;

  // A block of this exchange was changed so that it may have passed for another.
  [[nodiscard]] bool hit_now() const { return links_[0].blocks_hit || links_[1].blocks_hit; }
};

llp_decision Walk::arrived(unsigned side, const llp_event& event, std::span<const std::uint8_t> t) {
  if (t.empty()) {
    // Nothing is left of it: what was a reply still counts as one.
    tally_.undetected += checked() ? 0 : 1;
    (side == sender_ ? replies_changed_ : changed_) += checked() ? 0 : 1;
    return LLP_FORGET;
  }
  if (side == sender_) {
    if ((event.flags & LLP_END_REPLY) == 0) {
      // No longer awaited, or not known as one.
      ++tally_.late;
    } else if (same(t, reply_)) {
      ++replies_;
      tally_.good_bytes += t.size();
    } else if (same(t, last_reply_)) {
      // What the check does not see may be anything, a repeat or part of one, too.
      ++replies_changed_;
      // HLLP numbers nothing: a NAK for noise brings the last block once more, and that it came before is
      // marked.
      const bool marked =
          !setup_.named && setup_.protocol == LLP_PROTO_HLLP && (event.flags & LLP_END_REPEAT) != 0;
      if (marked) ++tally_.lockstep;
      if (!marked && (checked() || !(hit_before_ > 0 || hit_now())))
        violated("the reply of the message before was taken for its reply");
    } else {
      ++replies_changed_;
      ++tally_.undetected;
    }
    return LLP_ACCEPT;
  }
  if (same(t, request_)) {
    tally_.good_bytes += whole_ == 0 ? t.size() : 0;
    if (whole_++ > 0) {
      ++tally_.repeats;
      const bool known = (event.flags & LLP_END_REPEAT) != 0 || station(side).unheard() > unheard_before_;
      // Without acknowledgements, a request is repeated only for what the line did to the answer.
      if (checked() && !known && setup_.protocol == LLP_PROTO_X328) violated("a repeat that is not marked");
    }
  } else if (same(t, last_request_)) {
    ++tally_.repeats;
    station(side).answer(last_reply_, now_);
    return LLP_ACCEPT_ANSWER;
  } else if (same(t, last_reply_)) {
    // To what this station sent before: nobody awaits it any more.
    ++tally_.late;
    return LLP_ACCEPT;
  } else {
    ++changed_;
    ++tally_.undetected;
  }
  station(side).answer(reply_, now_ + delay_);
  return LLP_ACCEPT_ANSWER;
}

// What was told must be so.
void Walk::judge(const Station& sender) {
  const bool there = whole_ + changed_ > 0;
  // Answers carry no check: where bytes of one were changed, it may have said something else.
  const bool excused = links_[0].answers_hit || links_[1].answers_hit || hit_now() || hit_before_ > 0;
  ++tally_.messages;
  switch (sender.outcome()) {
    case LLP_OUT_DELIVERED:
    case LLP_OUT_TRANSMITTED:
      if (sender.cause() == LLP_OK) {
        ++tally_.delivered;
        if (!there || replies_ + replies_changed_ == 0) {
          excused ? void(++tally_.unchecked) : violated("told delivered and answered, but it was not");
        }
      } else {
        ++tally_.failed;
        if (!there && sender.outcome() == LLP_OUT_DELIVERED) {
          excused ? void(++tally_.unchecked) : violated("told delivered, but it is not there");
        }
      }
      break;
    case LLP_OUT_UNKNOWN: ++tally_.unknown; break;
    default:
      ++tally_.failed;
      if (there && excused) ++tally_.unchecked;
      if (there && !excused)
        violated(fmt::format("told not delivered ({}, {}), but it is there", llp_cause_name(sender.cause()),
                             llp_outcome_name(sender.outcome())));
      break;
  }
}

void Walk::exchange() {
  if (!stay_) sender_ = static_cast<unsigned>(random_() % 3 == 0);
  delay_ =
      setup_.named && !stay_ && random_() % kSlow == 0 ? params(0).reply_timeout * 1000ULL + kTooLate : 0;
  last_request_ = std::exchange(request_, text(false, tally_.messages, size()));
  last_reply_ = std::exchange(reply_, text(true, tally_.messages, size()));
  whole_ = changed_ = replies_ = replies_changed_ = 0;
  // Parts of a damaged reply may come as long as its repeats do.
  hit_before_ = hit_now() ? kRepeats : hit_before_ - (hit_before_ > 0);
  for (Link& link : links_) link.answers_hit = link.blocks_hit = false;
  Station& sender = station(sender_);
  unheard_before_ = station(1 - sender_).unheard();
  std::uint64_t steps = 0;
  while (!sender.submit(now_, request_, 0)) {
    // A guard after a lost reply: it ends by itself.
    if (!step() || ++steps > kPatience) return violated("a station takes no message any more");
  }
  while (!sender.done()) {
    if (!step() || ++steps > kPatience) return violated("an exchange does not end");
  }
  // After a failure to rest, so that what belongs to this message comes before the next.
  const bool good = sender.cause() == LLP_OK;
  const bool unanswered = sender.cause() == LLP_CAUSE_REPLY_TIMEOUT;
  const auto over = [&] {
    // Named, a reply that comes once more is known from the next one's.
    if (setup_.named && (good || unanswered)) return true;
    const bool silent = links_[0].at == links_[0].queue.size() && links_[1].at == links_[1].queue.size();
    return !a_.answers() && !b_.answers() && (good ? silent : a_.idle() && b_.idle());
  };
  while (!over()) {
    if (!step()) break;
    if (++steps > kPatience) return violated("the stations do not come to rest");
  }
  judge(sender);
  // The reply that is late comes while the same station waits for another.
  stay_ = setup_.named && unanswered;
}

// The next thing that happens. False: nothing ever will.
bool Walk::step() {
  for (unsigned side = 0; side < 2; ++side) {
    Link& link = links_.at(side);
    if (link.at == link.queue.size()) {
      transmission_over(link);
      link.queue.clear();
      link.at = 0;
    }
    station(side).tx(now_, link.queue);
    if (link.next_at == LLP_NEVER && link.at < link.queue.size()) {
      const std::size_t left = link.queue.size() - link.at;
      link.next_at = now_ + std::min(left, left > kShort ? kLongPiece : kPiece) * kCharTime;
    }
  }
  const std::array<std::uint64_t, 4> times{links_[0].next_at, links_[1].next_at, a_.deadline(now_),
                                           b_.deadline(now_)};
  const auto first = std::ranges::min_element(times);
  if (*first == LLP_NEVER) return false;
  now_ = std::max(now_, *first);
  switch (first - times.begin()) {
    case 0: piece(0); break;
    case 1: piece(1); break;
    case 2: a_.timeout(now_); break;
    default: b_.timeout(now_); break;
  }
  return true;
}

// What was sent, before the line had it, was no block.
bool Walk::is_answer(const Link& link) const {
  if (setup_.protocol != LLP_PROTO_MLLP) return link.sent <= kAnswerMax;
  if (link.sent > link.queue.size()) return false;
  const auto sent = std::span(link.queue).last(link.sent);
  for (std::size_t i = 0; i + kCommit <= sent.size(); i += kCommit)
    if (sent[i + 1] != kAck && sent[i + 1] != kNak) return false;
  return sent.size() % kCommit == 0;
}

void Walk::transmission_over(Link& link) {
  const bool answer = is_answer(link);
  if (link.faults > 0) {
    if (answer) link.answers_hit = true;
    // One fault is always seen by the check; of more it misses one in 256.
    if (!answer) link.blocks_hit |= !checked() || link.faults > 1;
    if (!answer) ++tally_.damaged;
    // Neither a line error nor the length tells: only the check characters do.
    if (!answer && link.faults > 1 && link.flags == 0 && link.longer == 0) ++tally_.multiple;
  }
  link.sent = 0;
  link.faults = link.flags = 0;
  link.longer = 0;
}

// Some bytes of `from` arrive at the other side, as the line made them.
void Walk::piece(unsigned from) {
  Link& link = links_.at(from);
  const std::size_t left = link.queue.size() - link.at;
  const std::size_t n = std::min(left, left > kShort ? kLongPiece : kPiece);
  Bytes bytes, flags;
  bool flagged = false;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint8_t byte = link.queue[link.at + i];
    if (link.until_fault-- > 0) {
      bytes.push_back(byte);
      flags.push_back(LLP_FLAG_NONE);
      continue;
    }
    link.until_fault = gap_(random_);
    ++tally_.faults;
    const std::uint64_t dice = random_();
    const auto other = static_cast<std::uint8_t>(byte ^ (1 + dice / 16 % 255));
    // Half of all faults change a byte, the others are as likely as each other.
    const auto fault = static_cast<Fault>(dice % 8 < 4 ? 0 : dice % 8 - 3);
    ++link.faults;
    link.flags += fault == Fault::flagged;
    link.longer += fault == Fault::doubled || fault == Fault::inserted;
    link.longer -= fault == Fault::lost;
    if (fault == Fault::lost) continue;
    bytes.push_back(fault == Fault::replaced || fault == Fault::flagged ? other : byte);
    flags.push_back(fault == Fault::flagged ? LLP_FLAG_PARITY : LLP_FLAG_NONE);
    flagged |= fault == Fault::flagged;
    if (fault == Fault::doubled || fault == Fault::inserted) {
      bytes.push_back(fault == Fault::doubled ? byte : other);
      flags.push_back(LLP_FLAG_NONE);
    }
  }
  link.at += n;
  link.sent += n;
  link.next_at = LLP_NEVER;
  // The transmitter is empty before the other side has thought about it.
  if (link.at == link.queue.size() && station(from).tx_wait()) station(from).tx_empty(now_);
  if (!bytes.empty()) station(1 - from).rx(now_, bytes, flagged ? flags.data() : nullptr);
}

}  // namespace

Tally& Tally::operator+=(const Tally& o) {
  messages += o.messages, delivered += o.delivered, failed += o.failed, unknown += o.unknown;
  faults += o.faults, retransmissions += o.retransmissions, naks += o.naks, repeats += o.repeats;
  undetected += o.undetected, damaged += o.damaged, multiple += o.multiple, unchecked += o.unchecked;
  late += o.late, lockstep += o.lockstep, good_bytes += o.good_bytes, seconds += o.seconds;
  if (violation.empty()) violation = o.violation;
  return *this;
}

Tally walk(const Setup& setup) { return Walk(setup).run(); }

}  // namespace llp::walk
