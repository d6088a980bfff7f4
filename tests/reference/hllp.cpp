// SPDX-License-Identifier: BSD-3-Clause
#include "reference/hllp.hpp"

namespace llp::reference::hllp {

namespace {

constexpr char kCr = '\r';

std::string decimal(std::size_t value, std::size_t digits) {
  std::string s = std::to_string(value);
  if (s.size() < digits) s.insert(0, digits - s.size(), '0');
  return s;
}

bool all_digits(const std::string& s) {
  for (char c : s)
    if (c < '0' || c > '9') return false;
  return true;
}

bool printable(char c) { return c >= 0x20 && c <= 0x7e; }

unsigned checksum(const std::string& covered, const llp_params& p) {
  unsigned x = 0;
  for (char c : covered) {
    const auto byte = static_cast<std::uint8_t>(c);
    x = p.xor_fn == LLP_FN_SUM256 ? (x + byte) % 256 : x ^ byte;
  }
  return x;
}

// Section 8: the sender's rule, turned round. Nothing: the CR was not where it must be.
std::optional<std::string> unstuffed_by_count(const std::string& data, std::size_t every) {
  std::string out;
  std::size_t run = 0;
  for (char c : data) {
    if (run == every) {
      if (c != kCr) return std::nullopt;
      run = 0;
      continue;
    }
    out += c;
    run = c == kCr ? 0 : run + 1;
  }
  return out;
}

bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

// The lenient rule: a CR stays if it is the last byte, or a segment begins after it.
std::string unstuffed_by_segment(const std::string& data) {
  std::string out;
  for (std::size_t i = 0; i < data.size(); i++) {
    const std::string next = data.substr(i + 1, 4);
    const bool segment = next.size() == 4 && upper(next[0]) && (upper(next[1]) || digit(next[1])) &&
                         (upper(next[2]) || digit(next[2])) && next[3] == data[3];
    if (data[i] != kCr || i + 1 == data.size() || segment) out += data[i];
  }
  return out;
}

// A block as it came: from SB to before EB.
struct Raw {
  std::string b;
  bool flagged = false;
  bool too_long = false;
  bool cut = false;         // T_in ran out
  bool cr_missing = false;  // although eb_cr=require
};

struct Judged {
  llp_verdict_frame verdict = LLP_FV_GOOD;
  char code = 0;  // reason of the N block to send
  std::string data;
};

class Responder {
 public:
  Responder(const Line& line, const llp_params& p, const Station& station)
      : in_(line.characters),
        at_end_(line.at_end),
        p_(p),
        station_(station),
        with_count_(p.xor_scope == LLP_SCOPE_DATA_COUNT) {}

  Transcript run() {
    while (at_ < in_.size()) {
      if (in_[at_].before == Silence::lasting) kept_.reset();
      hunt();
      if (waiting_) return t_;
    }
    return t_;
  }

 private:
  bool no_character(const Character& c) const {  // reading: neither tells what was on the line
    return c.flag == LLP_FLAG_BREAK || c.flag == LLP_FLAG_OVERRUN;
  }

  static bool type_n(const Raw& raw) { return raw.b.size() > 1 && raw.b[1] == 'N'; }

  // ---- section 2 ----

  void hunt() {
    const Character c = in_[at_++];
    if (no_character(c)) return;
    if (c.byte == p_.sb_char && c.flag == LLP_FLAG_NONE) {
      block();
      return;
    }
    if (after_block_ && c.flag == LLP_FLAG_NONE && (c.byte == kCr || c.byte == '\n' || c.byte == 0)) return;
    if (c.flag == LLP_FLAG_NONE) after_block_ = false;  // reading: a damaged one may have been CR
    t_.lost += static_cast<char>(c.byte);
  }

  void block() {
    Raw raw;
    raw.b = static_cast<char>(p_.sb_char);
    while (true) {
      if (at_ >= in_.size() && at_end_ != Silence::lasting) {
        waiting_ = true;
        return;
      }
      if (at_ >= in_.size() || in_[at_].before == Silence::lasting) {  // T_in
        raw.cut = true;
        judge(raw);
        return;
      }
      const Character c = in_[at_++];
      if (c.flag != LLP_FLAG_NONE) raw.flagged = true;
      if (no_character(c)) continue;
      if (c.flag != LLP_FLAG_NONE && (c.byte == p_.sb_char || c.byte == p_.eb_char))
        t_.unsettled = "whether a damaged SB or EB is one";
      if (c.byte == p_.sb_char) {  // decision D-3
        frame(type_n(raw) ? LLP_FR_N : LLP_FR_D, 0, 0, LLP_FV_INCOMPLETE);
        raw = Raw();
        raw.b = static_cast<char>(p_.sb_char);
      } else if (c.byte == p_.eb_char) {
        tail(raw);
        return;
      } else if (raw.b.size() == std::size_t{p_.max_data} + 13) {
        raw.too_long = true;
      } else {
        raw.b += static_cast<char>(c.byte);
      }
    }
  }

  // EB has come.
  void tail(Raw& raw) {
    if (at_ >= in_.size() && at_end_ == Silence::none) {
      waiting_ = true;
      return;
    }
    if (at_ >= in_.size() || in_[at_].before != Silence::none) {  // T_term
      raw.cr_missing = p_.eb_cr_require;
    } else if (in_[at_].byte == kCr) {
      if (in_[at_].flag != LLP_FLAG_NONE) raw.flagged = true;
      at_++;
    } else {
      if (in_[at_].flag != LLP_FLAG_NONE) t_.unsettled = "a damaged character after EB";
      raw.cr_missing = p_.eb_cr_require && in_[at_].byte != p_.sb_char;
    }
    judge(raw);
  }

  // ---- section 3 ----

  bool version_good(const std::string& vv) const {
    switch (p_.vv_check) {
      case LLP_VV_ANY: return printable(vv[0]) && printable(vv[1]);
      case LLP_VV_STRICT: return vv[0] == '2' && vv[1] >= '1' && vv[1] <= '9';
      default: return all_digits(vv);
    }
  }

  bool checksum_good(const std::string& b) {
    const unsigned came = static_cast<unsigned>(std::stoul(b.substr(b.size() - 3)));
    const bool data = came == checksum(b.substr(0, b.size() - 8), p_);
    const bool count = came == checksum(b.substr(0, b.size() - 3), p_);
    if (p_.xor_scope == LLP_SCOPE_DATA) return data;
    if (p_.xor_scope == LLP_SCOPE_DATA_COUNT) return count;
    // Reading: it is the checksum that shows the peer's scope, good block or not.
    if (data || count) with_count_ = !data;
    return data || count;
  }

  Judged check(const Raw& raw) {
    const std::string& b = raw.b;
    if (raw.cut) return {LLP_FV_INCOMPLETE, 'G', {}};
    if (raw.flagged && raw.too_long) t_.unsettled = "whether a damaged block can be too long";
    if (raw.flagged) return {LLP_FV_FLAG, 'G', {}};       // reading: nothing else is looked at
    if (raw.too_long) return {LLP_FV_TOO_LONG, 'B', {}};  // 1
    if (raw.cr_missing) return {LLP_FV_FORMAT, 'G', {}};  // the table's TAIL row
    if (b.size() < 13) return {LLP_FV_LENGTH, 'C', {}};   // 2
    const std::string count = b.substr(b.size() - 8, 5);
    const std::string sum = b.substr(b.size() - 3);
    if (!all_digits(count)) return {LLP_FV_LENGTH, 'C', {}};
    const bool waived = sum == "999" && p_.c999 == LLP_C999_SKIP_BOTH;                  // decision D-6
    if (!waived && std::stoul(count) != b.size() - 8) return {LLP_FV_LENGTH, 'C', {}};  // 3
    if (!all_digits(sum)) return {LLP_FV_CHECK, 'X', {}};                               // 4
    if (sum != "999" && !checksum_good(b)) return {LLP_FV_CHECK, 'X', {}};              // 5, 6
    if ((b[1] != 'D' && b[1] != 'N') || !version_good(b.substr(2, 2)) || b[4] != kCr)   // 7
      return {LLP_FV_FORMAT, 'G', {}};
    std::string data = b.substr(5, b.size() - 13);
    if (p_.unstuff == LLP_UNSTUFF_SEGMENT) {
      if (data.find(kCr) != std::string::npos && !data.starts_with("MSH"))
        t_.unsettled = "which CR ends a segment of what is not HL7";
      else if (data.size() >= 4)
        data = unstuffed_by_segment(data);
    } else if (p_.stuff) {
      const std::optional<std::string> plain = unstuffed_by_count(data, p_.stuff);
      if (!plain) return {LLP_FV_FORMAT, 'G', {}};
      data = *plain;
    }
    return {LLP_FV_GOOD, 0, data};
  }

  void judge(const Raw& raw) {
    after_block_ = true;
    const Judged j = check(raw);
    const bool good = j.verdict == LLP_FV_GOOD;
    if (type_n(raw)) {
      // Step 8 and decision D-7: whatever is wrong with it, it is an N block.
      frame(LLP_FR_N, good && j.data.size() == 1 ? static_cast<std::uint8_t>(j.data[0]) : std::uint8_t{'G'},
            0, j.verdict);
      // Reading: "never answered" means the last response, too. Any block with
      // one damaged byte may look like this one, and so may one whose checksum
      // was not computed: what holds no reason is not trusted either.
      if (good && j.data.size() == 1) asked_again();
      return;
    }
    frame(LLP_FR_D, 0, good ? raw.b.size() - 13 : 0, j.verdict);
    if (!good) {
      refuse(raw, j.code);
      return;
    }
    kept_.reset();
    t_.messages.push_back(j.data);
    if (j.data.empty()) return;
    if (station_.refuse) {
      refuse(raw, 'G');
    } else if (station_.reply) {
      kept_ = *station_.reply;
      resent_ = 0;
      respond();
    }
  }

  // ---- section 4 and 6 ----

  // Decision D-8: the version is that of the block answered.
  void refuse(const Raw& raw, char code) {
    const std::string vv = raw.b.size() >= 4 ? raw.b.substr(2, 2) : "";
    t_.sent +=
        hllp::block('N', vv.size() == 2 && all_digits(vv) ? vv : decimal(p_.vv, 2), {code}, with_count_, p_);
  }

  void asked_again() {
    if (!kept_ || resent_ >= p_.send_retries) return;
    resent_++;
    respond();
  }

  void respond() { t_.sent += hllp::block('D', decimal(p_.vv, 2), stuffed(*kept_, p_), with_count_, p_); }

  void frame(llp_frame kind, std::uint8_t number, std::size_t length, llp_verdict_frame v) {
    t_.frames.push_back({kind, number, static_cast<std::uint32_t>(length), v});
  }

  Transcript t_;
  const std::vector<Character>& in_;
  std::size_t at_ = 0;
  Silence at_end_;
  bool waiting_ = false;
  const llp_params& p_;
  const Station& station_;

  bool after_block_ = false;
  bool with_count_ = false;          // scope of what we send
  std::optional<std::string> kept_;  // last response
  std::uint32_t resent_ = 0;
};

}  // namespace

Transcript decode(const Line& line, const llp_params& p, const Station& station) {
  return Responder(line, p, station).run();
}

Transcript decode(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> flags,
                  const llp_params& p) {
  return decode(line_of(bytes, flags), p);
}

std::string stuffed(const std::string& data, const llp_params& p) {
  std::string out;
  std::size_t run = 0;
  for (char c : data) {
    out += c;
    run = c == kCr ? 0 : run + 1;
    if (p.stuff == 0 || run < p.stuff) continue;
    out += kCr;
    run = 0;
  }
  return out;
}

std::string block(char type, const std::string& vv, const std::string& data, bool with_count,
                  const llp_params& p) {
  const std::string head = static_cast<char>(p.sb_char) + std::string(1, type) + vv + kCr + data;
  const std::string count = decimal(head.size(), 5);
  const std::string sum =
      p.send_checksum == LLP_SEND_999 ? "999" : decimal(checksum(with_count ? head + count : head, p), 3);
  return head + count + sum + static_cast<char>(p.eb_char) + kCr;
}

}  // namespace llp::reference::hllp
