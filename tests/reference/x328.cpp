// SPDX-License-Identifier: BSD-3-Clause
#include "reference/x328.hpp"

#include <optional>

namespace llp::reference::x328 {

namespace {

constexpr std::uint8_t kSoh = 0x01, kStx = 0x02, kEtx = 0x03, kEot = 0x04, kEnq = 0x05, kAck = 0x06,
                       kCr = 0x0d, kDle = 0x10, kNak = 0x15, kEtb = 0x17;
constexpr std::size_t kMaxHeading = 64;

// The check as a number: exclusive or, above 7F as the peer has it (decision D-5).
unsigned check_value(const std::string& covered, const llp_params& p) {
  unsigned x = 0;
  for (char c : covered) x ^= static_cast<std::uint8_t>(c);
  if (p.bcc_high == LLP_BCC_MASK7) return x & 0x7f;
  if (p.bcc_high == LLP_BCC_VISTA00 && x >= 0x80) return 0;
  return x;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;  // decision D-6
  return -1;
}

bool all_digits(const std::string& s) {
  for (char c : s)
    if (c < '0' || c > '9') return false;
  return true;
}

// What stands between STX (or SOH) and TERM.
struct Block {
  std::optional<std::string> heading;  // after SOH
  bool has_stx = false;
  std::string body;  // BLK, TL, text
  std::uint8_t end = 0;
  std::string bcc;       // two characters, as they came
  bool flagged = false;  // a line error in any character, SOH to TERM
  bool spoiled = false;  // a control sequence without its CR was dropped from it
  bool term = false;

  char blk() const { return body[0]; }
  std::string tl() const { return body.substr(1, 5); }
  std::string text() const { return body.size() > 6 ? body.substr(6) : std::string(); }
};

// Row 6 and decision D-38: same number, length, text and end, and so the same
// check. Reading: a heading, which is discarded, makes no other block of it.
bool same_block(const Block& a, const Block& b) { return a.body == b.body && a.end == b.end; }

// Reading: a break or an overrun tells that something was on the line, not what.
bool no_character(const Character& c) { return c.flag == LLP_FLAG_BREAK || c.flag == LLP_FLAG_OVERRUN; }

enum class Ending { whole, enq, eot, timer_b, waiting };
enum class Term { came, missing, waiting };

class Slave {
 public:
  Slave(const Line& line, const llp_params& p, const Station& station)
      : in_(line.characters), at_end_(line.at_end), p_(p), ready_(station.ready) {}

  Transcript run() {
    while (at_ < in_.size()) {
      silence(in_[at_].before);
      one();
      if (waiting_) return t_;
    }
    silence(at_end_);
    return t_;
  }

 private:
  // ---- reading ----

  // Nothing came, outside a block: timer D.
  void silence(Silence s) {
    if (s == Silence::lasting && slave_) interrupt();
  }

  // The next character outside blocks, with what it begins. What begins
  // nothing is garbage and ignored; so is, outside a block, a damaged character
  // (reading: it may be anything).
  void one() {
    const Character c = in_[at_];
    const bool good = c.flag == LLP_FLAG_NONE;
    if (slave_ && (c.byte == kStx || c.byte == kSoh) && !no_character(c)) {
      block();
    } else if (good && c.byte == kDle) {
      dle();
    } else if (good && c.byte == kEnq) {
      at_++;
      if (sequence()) on_enq();
    } else if (good && c.byte == kEot) {
      at_++;
      if (sequence()) on_eot();
    } else if (good && c.byte == kNak) {
      at_++;
      if (sequence()) frame(LLP_FR_NAK);
    } else if (good && c.byte == kAck && p_.accept_plain_ack) {  // decision D-4
      at_++;
      if (sequence()) frame(LLP_FR_ACK);
    } else {
      at_++;
    }
  }

  // DLE and a digit 0 to 7, or "<".
  void dle() {
    at_++;
    while (at_ < in_.size() && no_character(in_[at_]) && in_[at_].before == Silence::none) at_++;
    if (at_ >= in_.size()) return;
    const Character c = in_[at_];
    const bool ack = c.byte >= '0' && c.byte <= '7';
    if (c.before != Silence::none || c.flag != LLP_FLAG_NONE || (!ack && c.byte != '<'))
      return;  // it begins something else
    at_++;
    if (!sequence()) return;
    frame(ack ? LLP_FR_ACK : LLP_FR_RINT, ack ? c.byte - '0' : 0);
  }

  // The CR after a sequence (decision D-2).
  Term term() {
    while (at_ < in_.size() && no_character(in_[at_]) && in_[at_].before == Silence::none) at_++;
    if (at_ >= in_.size()) return at_end_ == Silence::none ? Term::waiting : Term::missing;
    const Character c = in_[at_];
    if (c.before != Silence::none) return Term::missing;
    if (c.flag != LLP_FLAG_NONE) {  // reading: a damaged character in its place was the CR
      at_++;
      return Term::missing;
    }
    if (c.byte != kCr) return Term::missing;
    at_++;
    return Term::came;
  }

  // A sequence ends here. True: act on it.
  bool sequence() {
    const Term t = term();
    if (t == Term::waiting) waiting_ = true;
    return t == Term::came || (t == Term::missing && !p_.strict_term);
  }

  // From STX or SOH to TERM.
  Ending read(Block& b) {
    const Character first = in_[at_++];
    b.has_stx = first.byte == kStx;
    if (!b.has_stx) b.heading = "";
    b.flagged = first.flag != LLP_FLAG_NONE;
    while (b.bcc.size() < 2) {
      if (at_ >= in_.size()) return at_end_ == Silence::lasting ? Ending::timer_b : Ending::waiting;
      if (in_[at_].before == Silence::lasting) return Ending::timer_b;
      const Character c = in_[at_++];
      if (no_character(c)) {
        b.flagged = true;
        continue;
      }
      // Reading: the state table's rows for STX, EOT and ENQ hold until the
      // block is whole, so in the place of the check characters as well.
      if (c.byte == kStx) {
        if (b.has_stx || b.end != 0) {  // decision D-36
          frame(LLP_FR_BLOCK, 0, 0, LLP_FV_INCOMPLETE);
          b = Block();
        }
        b.has_stx = true;
        // Reading: a damaged STX, if it is one, is that of the block it begins.
        b.flagged = b.flagged || c.flag != LLP_FLAG_NONE;
        continue;
      }
      b.flagged = b.flagged || c.flag != LLP_FLAG_NONE;
      if (c.byte == kEnq || c.byte == kEot) {
        const Term t = term();
        if (t == Term::waiting) return Ending::waiting;
        if (t == Term::came || !p_.strict_term) return c.byte == kEnq ? Ending::enq : Ending::eot;
        b.spoiled = true;  // the sequence is dropped, and what it stood in is no good
        // Reading: it stands for the check character in whose place it came.
        if (b.end != 0) b.bcc += static_cast<char>(c.byte);
      } else if (b.end != 0) {
        b.bcc += static_cast<char>(c.byte);
      } else if (c.byte == kEtb || c.byte == kEtx) {
        b.end = c.byte;
      } else if (b.has_stx) {
        b.body += static_cast<char>(c.byte);
      } else {
        *b.heading += static_cast<char>(c.byte);
      }
    }
    if (at_ < in_.size() && no_character(in_[at_]))
      t_.unsettled = "whether a break before TERM is in the block";
    // Reading: TERM is part of the block, so that damage to it is damage to the block.
    if (at_ < in_.size() && in_[at_].flag != LLP_FLAG_NONE && in_[at_].before == Silence::none)
      b.flagged = true;
    const Term t = term();
    b.term = t == Term::came;
    return t == Term::waiting ? Ending::waiting : Ending::whole;
  }

  void block() {
    Block b;
    switch (read(b)) {
      case Ending::waiting: waiting_ = true; return;
      case Ending::timer_b:
        frame(LLP_FR_BLOCK, 0, 0, LLP_FV_INCOMPLETE);
        interrupt();
        return;
      case Ending::eot:
        frame(LLP_FR_BLOCK, 0, 0, LLP_FV_INCOMPLETE);
        on_eot();
        return;
      case Ending::enq:
        frame(LLP_FR_BLOCK_ABORT);
        send_nak();  // not one of decision D-35: an abort is a way to gain time
        return;
      case Ending::whole: judge(b); return;
    }
  }

  // ---- the slave's decision on a block ----

  bool check_matches(const Block& b) const {
    const int high = hex_digit(b.bcc[0]);
    const int low = hex_digit(b.bcc[1]);
    if (high < 0 || low < 0) return false;
    const unsigned came = static_cast<unsigned>(high) * 16 + static_cast<unsigned>(low);
    const std::string covered = b.body + static_cast<char>(b.end);
    if (came == check_value(covered, p_)) return true;
    // Decision D-33: or from the first byte of the heading on, with the STX.
    return b.heading && came == check_value(*b.heading + static_cast<char>(kStx) + covered, p_);
  }

  // Rows 2 to 5.
  llp_verdict_frame checks(const Block& b) const {
    if (b.flagged) return LLP_FV_FLAG;
    if (b.heading && (!b.has_stx || b.heading->size() > kMaxHeading)) return LLP_FV_FORMAT;
    if (b.spoiled || b.body.size() < 6) return LLP_FV_FORMAT;
    if (b.blk() < '0' || b.blk() > '7' || !all_digits(b.tl())) return LLP_FV_FORMAT;
    if (!check_matches(b)) return LLP_FV_CHECK;
    if (std::stoul(b.tl()) != b.text().size()) return LLP_FV_LENGTH;
    if (b.text().size() > p_.max_rx_text) return LLP_FV_TOO_LONG;
    // Reading: a block, too, needs its CR then; it is answered, or the master
    // would only find out by timer A.
    if (!b.term && p_.strict_term) return LLP_FV_INCOMPLETE;
    return LLP_FV_GOOD;
  }

  void judge(const Block& b) {
    const llp_verdict_frame v = checks(b);
    if (v != LLP_FV_GOOD) {
      frame(LLP_FR_BLOCK, 0, 0, v);
      nak();
      return;
    }
    const unsigned number = static_cast<unsigned>(b.blk() - '0');
    const std::string text = b.text();
    const bool restart = number == 1 && last_ && last_->end == kEtx;  // decision D-14
    if (last_ && same_block(*last_, b)) {                             // row 6, decision D-38
      frame(LLP_FR_BLOCK, number, text.size(), LLP_FV_DUPLICATE);
      answer(positive_);
      return;
    }
    // Reading: where D-38 says NAK for other content, that is row 8's answer,
    // which option gap changes.
    if (!restart && number != expected_) {  // rows 7 and 8
      frame(LLP_FR_BLOCK, 0, 0, LLP_FV_NUMBER);
      if (p_.gap == LLP_GAP_EOT)
        interrupt();
      else
        nak();
      return;
    }
    accept(b, number, text);
  }

  void accept(const Block& b, unsigned number, std::string text) {
    if (p_.join == LLP_JOIN_CR && !text.ends_with(static_cast<char>(kCr))) text += static_cast<char>(kCr);
    if (message_.size() + text.size() > p_.max_message) {  // decision D-12
      frame(LLP_FR_BLOCK, 0, 0, LLP_FV_TOO_LONG);
      interrupt();
      return;
    }
    frame(LLP_FR_BLOCK, number, b.text().size());
    message_ += text;
    begun_ = b.end == kEtb;
    if (b.end == kEtx) {
      t_.messages.push_back(message_);
      message_.clear();
    }
    last_ = b;
    expected_ = (number + 1) % 8;
    positive_ = std::string{static_cast<char>(kDle), static_cast<char>('0' + number), static_cast<char>(kCr)};
    answer(positive_);
  }

  // ---- answers ----

  void answer(const std::string& what) {
    t_.sent += what;
    last_answer_ = what;
    naks_ = 0;
  }

  void nak() {
    if (naks_ == 2 * (p_.retries_l + 1)) {  // decision D-35
      interrupt();
      return;
    }
    naks_++;
    send_nak();
  }

  void send_nak() {
    last_answer_ = p_.nak_term ? "\x15\x0d" : "\x15";  // decision D-3
    t_.sent += last_answer_;
  }

  void on_enq() {
    frame(LLP_FR_ENQ);
    if (slave_) {  // asked again, decision D-37
      t_.sent += last_answer_;
    } else if (ready_) {
      slave_ = true;
      expected_ = 1;
      last_.reset();
      positive_ = "\x10\x30\x0d";
      answer(positive_);
    } else {
      t_.sent += p_.nak_term ? "\x15\x0d" : "\x15";
    }
  }

  void on_eot() {
    frame(LLP_FR_EOT);
    over();
  }

  // We end the transmission.
  void interrupt() {
    t_.sent += "\x04\x0d";
    over();
  }

  void over() {
    if (slave_ && begun_) t_.cancelled++;
    slave_ = begun_ = false;
    message_.clear();
    naks_ = 0;
  }

  void frame(llp_frame kind, unsigned number = 0, std::size_t length = 0, llp_verdict_frame v = LLP_FV_GOOD) {
    t_.frames.push_back({kind, static_cast<std::uint8_t>(number), static_cast<std::uint32_t>(length), v});
  }

  Transcript t_;
  const std::vector<Character>& in_;
  std::size_t at_ = 0;
  Silence at_end_;
  bool waiting_ = false;  // the input ended before it was clear what came
  const llp_params& p_;
  bool ready_;

  bool slave_ = false;
  bool begun_ = false;         // a message has accepted blocks, but no end yet
  std::string message_;        // their text
  std::optional<Block> last_;  // accepted last in this transmission
  unsigned expected_ = 1;
  std::string last_answer_;  // to be repeated when asked
  std::string positive_;     // the last one that was not NAK
  unsigned naks_ = 0;        // in a row
};

}  // namespace

Transcript decode(const Line& line, const llp_params& p, const Station& station) {
  return Slave(line, p, station).run();
}

Transcript decode(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> flags,
                  const llp_params& p) {
  return decode(line_of(bytes, flags), p);
}

std::string check_digits(const std::string& covered, const llp_params& p) {
  const std::string digits = "0123456789ABCDEF";
  const unsigned x = check_value(covered, p);
  return {digits[x / 16], digits[x % 16]};
}

std::string block(unsigned number, const std::string& text, bool last, const llp_params& p) {
  std::string length = std::to_string(text.size());
  length.insert(0, 5 - length.size(), '0');
  const std::string covered = std::to_string(number) + length + text + static_cast<char>(last ? kEtx : kEtb);
  return static_cast<char>(kStx) + covered + check_digits(covered, p) + static_cast<char>(kCr);
}

}  // namespace llp::reference::x328
