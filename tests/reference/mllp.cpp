// SPDX-License-Identifier: BSD-3-Clause
#include "reference/mllp.hpp"

namespace llp::reference::mllp {

namespace {

constexpr std::uint8_t kCr = 0x0d, kLf = 0x0a;
constexpr char kAck = 0x06, kNak = 0x15;

// Release 2: 20 hex and above, and CR.
bool allowed(const std::string& data) {
  for (char c : data) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte < 0x20 && byte != kCr) return false;
  }
  return !data.empty();
}

class Destination {
 public:
  Destination(const Line& line, const llp_params& p, const Station& station)
      : in_(line.characters), at_end_(line.at_end), p_(p), station_(station) {}

  Transcript run() {
    while (at_ < in_.size() && !t_.dropped) {
      silence(in_[at_].before);
      if (t_.dropped) break;  // by the message that the silence ended
      one(in_[at_++]);
    }
    if (!t_.dropped) silence(at_end_);
    return t_;
  }

 private:
  enum class State { idle, data, skip, fs };

  bool is_sb(const Character& c) const { return c.byte == p_.sb_char; }
  bool is_eb(const Character& c) const { return c.byte == p_.eb_char; }

  void silence(Silence s) {
    if (s == Silence::none) return;
    if (state_ == State::fs && p_.eb == LLP_EB_AUTO) complete();  // T_fs
    if (s == Silence::brief) return;
    last_.reset();
    if (state_ == State::idle) return;
    frame(LLP_FV_INCOMPLETE);  // T_in
    state_ = State::idle;
  }

  void one(const Character& c) {
    if (c.flag == LLP_FLAG_BREAK || c.flag == LLP_FLAG_OVERRUN) {
      flagged_ = true;  // reading: it tells that something was on the line, not what
      if (state_ == State::fs) t_.unsettled = "whether a break ends the wait for CR";
      return;
    }
    if (state_ == State::idle) {
      idle(c);
      return;
    }
    if (c.flag != LLP_FLAG_NONE) {
      flagged_ = true;
      if (state_ == State::fs || is_sb(c) || is_eb(c)) t_.unsettled = "whether a damaged SB or EB is one";
    }
    switch (state_) {
      case State::data: data(c); break;
      case State::skip: skip(c); break;
      default: after_eb(c); break;
    }
  }

  // ---- the table ----

  void idle(const Character& c) {
    if (is_sb(c) && c.flag == LLP_FLAG_NONE) {
      begin();
    } else if (c.flag != LLP_FLAG_NONE || (c.byte != kCr && c.byte != kLf && c.byte != 0)) {
      if (c.flag != LLP_FLAG_NONE && p_.lost == LLP_LOST_REJECT)
        t_.unsettled = "whether a damaged character is a reason to drop the connection";
      t_.lost += static_cast<char>(c.byte);
      if (p_.lost == LLP_LOST_REJECT) t_.dropped = true;
    }
  }

  void begin() {
    text_.clear();
    flagged_ = false;
    too_long_ = false;
    state_ = State::data;
  }

  void data(const Character& c) {
    if (is_eb(c)) {
      if (p_.eb == LLP_EB_FS)
        complete();
      else
        state_ = State::fs;
    } else if (is_sb(c)) {
      nested();
    } else {
      append(c.byte);
    }
  }

  // SB inside a block.
  void nested() {
    switch (p_.vt) {
      case LLP_VT_DATA: append(static_cast<std::uint8_t>(p_.sb_char)); break;
      case LLP_VT_ERROR:
        drop(LLP_FV_FORMAT);  // reading: release 2 says so, as with other illegal characters
        break;
      default:
        frame(LLP_FV_INCOMPLETE);
        begin();
        break;
    }
  }

  void append(std::uint8_t byte) {
    state_ = State::data;
    text_ += static_cast<char>(byte);
    if (text_.size() <= p_.max_message) return;
    too_long_ = true;
    state_ = State::skip;
  }

  // Reading: the same ends a block that is too long and one that is not.
  void skip(const Character& c) {
    if (is_eb(c)) {
      if (p_.eb == LLP_EB_FS)
        complete();
      else
        state_ = State::fs;
    } else if (is_sb(c)) {
      nested();
    }
  }

  void after_eb(const Character& c) {
    if (c.byte == kCr) {
      complete();
      return;
    }
    if (is_sb(c)) {
      if (p_.eb == LLP_EB_AUTO) {
        complete();
        begin();
      } else if (p_.eb == LLP_EB_PAIR && p_.vt == LLP_VT_DATA) {
        put_eb();
        put(c.byte);
      } else {
        frame(LLP_FV_INCOMPLETE);
        begin();
      }
      return;
    }
    if (p_.eb == LLP_EB_STRICT) {
      drop(LLP_FV_FORMAT);
      idle(c);  // reading: the byte itself is one between blocks
      return;
    }
    if (is_eb(c)) {
      put_eb();
      state_ = State::fs;
    } else if (c.byte == kLf && p_.eb == LLP_EB_AUTO) {
      complete();
    } else {
      put_eb();
      put(c.byte);
    }
  }

  // EB that was data after all.
  void put_eb() { put(static_cast<std::uint8_t>(p_.eb_char)); }
  void put(std::uint8_t byte) {
    if (too_long_)
      state_ = State::skip;
    else
      append(byte);
  }

  // ---- a block that ended ----

  void drop(llp_verdict_frame v) {
    frame(v);
    state_ = State::idle;
    last_.reset();  // reading: a block that was refused is a block between, too
    if (p_.release == 2) commit(kNak);
  }

  void complete() {
    state_ = State::idle;
    if (flagged_) return drop(LLP_FV_FLAG);
    if (too_long_) return drop(LLP_FV_TOO_LONG);
    if (p_.release == 2 && (text_ == std::string{kAck} || text_ == std::string{kNak})) {
      // Decision D-6; nothing of ours is outstanding.
      t_.frames.push_back({text_[0] == kAck ? LLP_FR_CACK : LLP_FR_CNAK, 0, 0, LLP_FV_IGNORED});
      return;
    }
    if (p_.release == 2 && !allowed(text_)) return drop(LLP_FV_FORMAT);
    if (p_.release == 2 && p_.dedup && last_ == text_) {  // decision D-5
      t_.frames.push_back({LLP_FR_MSG, 0, static_cast<std::uint32_t>(text_.size()), LLP_FV_DUPLICATE});
      commit(kAck);
      return;
    }
    t_.frames.push_back({LLP_FR_MSG, 0, static_cast<std::uint32_t>(text_.size()), LLP_FV_GOOD});
    t_.messages.push_back(text_);
    if (p_.release == 2) {
      commit(station_.refuse ? kNak : kAck);
      last_.reset();
      if (!station_.refuse) last_ = text_;
    } else if (text_.empty()) {
      return;
    } else if (station_.refuse) {
      if (p_.on_fail == LLP_ON_FAIL_CLOSE) t_.dropped = true;  // decision D-11
    } else if (station_.reply) {
      t_.sent += block(*station_.reply, p_);
    }
  }

  void commit(char what) { t_.sent += block({what}, p_); }

  void frame(llp_verdict_frame v) { t_.frames.push_back({LLP_FR_MSG, 0, 0, v}); }

  Transcript t_;
  const std::vector<Character>& in_;
  std::size_t at_ = 0;
  Silence at_end_;
  const llp_params& p_;
  const Station& station_;

  State state_ = State::idle;
  std::string text_;
  bool flagged_ = false;
  bool too_long_ = false;
  std::optional<std::string> last_;  // committed last
};

}  // namespace

Transcript decode(const Line& line, const llp_params& p, const Station& station) {
  return Destination(line, p, station).run();
}

Transcript decode(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> flags,
                  const llp_params& p) {
  return decode(line_of(bytes, flags), p);
}

std::string block(const std::string& data, const llp_params& p) {
  return static_cast<char>(p.sb_char) + data + static_cast<char>(p.eb_char) + static_cast<char>(kCr);
}

}  // namespace llp::reference::mllp
