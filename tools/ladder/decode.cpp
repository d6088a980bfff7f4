// SPDX-License-Identifier: BSD-3-Clause
#include "ladder/decode.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "line/frame_words.hpp"

namespace llp::ladder {

namespace {

constexpr std::size_t kRoom = 4096;
// Octets of a frame that are kept to be shown.
constexpr std::size_t kShown = std::size_t{16} << 20;
constexpr char kCr = '\r';

bool has_text(const llp_event& frame) {
  return frame.frame == LLP_FR_BLOCK || frame.frame == LLP_FR_D || frame.frame == LLP_FR_MSG;
}

}  // namespace

// The engine in the place of the station that receives in one direction.
class Decoder::Ear {
 public:
  Ear(llp_protocol protocol, const llp_params& params, bool out, const Tell& tell)
      : protocol_(protocol),
        out_(out),
        tell_(tell),
        room_(kRoom),
        acknowledges_(protocol == LLP_PROTO_X328 || (protocol == LLP_PROTO_MLLP && params.release == 2)) {
    llp_engine_init(&engine_, protocol, &params, 0);
  }
  Ear(const Ear&) = default;
  Ear& operator=(const Ear&) = delete;
  Ear(Ear&&) = delete;
  Ear& operator=(Ear&&) = delete;
  ~Ear() = default;

  void connect(std::uint64_t now) {
    if (std::exchange(connected_, true)) return;
    auto io = make_io(now);
    llp_connected(&engine_, &io);
    llp_set_ready(&engine_, &io, LLP_READY_ALL);
    settle(io);
  }

  void hang_up(std::uint64_t now) {
    if (!std::exchange(connected_, false)) return;
    auto io = make_io(now);
    llp_hangup(&engine_, &io, true);
    settle(io);
    rest();
    before_ = {};
    bid_ = false;
  }

  [[nodiscard]] std::uint64_t deadline() const { return llp_deadline(&engine_); }

  void time(std::uint64_t now) {
    auto io = make_io(now);
    llp_timeout(&engine_, &io);
    settle(io);
  }

  // One octet, so that a frame's last one is known.
  void octet(std::uint64_t now, char octet, capture::Flag flag) {
    // The CR behind a sequence that was complete without it.
    const bool stray = octet == kCr && sight_.octets.empty() && protocol_ == LLP_PROTO_X328;
    if (!stray || flag != capture::Flag::none) {
      if (sight_.octets.empty()) sight_.begin = now;
      if (flag != capture::Flag::none) {
        sight_.marks.push_back({static_cast<std::uint32_t>(sight_.octets.size()), flag});
      }
      if (sight_.octets.size() < kShown) sight_.octets += octet;
      sight_.end = now;
    }
    auto io = make_io(now);
    const auto byte = static_cast<std::uint8_t>(octet);
    const auto mark = static_cast<std::uint8_t>(flag);
    while (llp_rx(&engine_, &io, &byte, flag == capture::Flag::none ? nullptr : &mark, 1) == 0) {
      if (llp_rx_fill(&engine_) == room_.size()) room_.resize(2 * room_.size());
      settle(io);
      io.rx_buf = room_.data();
      io.rx_cap = static_cast<u32>(room_.size());
    }
    settle(io);
  }

  // What came and belongs to no frame, as far as that is known.
  void tell_lost() {
    const std::size_t size = std::min(std::exchange(lost_, 0), sight_.octets.size());
    if (size == 0) return;
    Sight all = std::move(sight_);
    sight_ = {};
    sight_.fate = all.fate;
    sight_.octets = all.octets.substr(size);
    sight_.begin = sight_.end = all.end;
    const auto rest =
        std::ranges::find_if(all.marks, [size](const auto& mark) { return mark.offset >= size; });
    for (auto mark = rest; mark != all.marks.end(); ++mark) {
      sight_.marks.push_back({static_cast<std::uint32_t>(mark->offset - size), mark->flag});
    }
    all.marks.erase(rest, all.marks.end());
    all.octets.resize(size);
    all.out = out_;
    all.frame.frame = LLP_FR_GARBAGE;
    all.frame.len = static_cast<u32>(size);
    tell_(all);
  }

  // The same of all that came.
  void rest() {
    tell_lost();
    if (sight_.octets.empty()) return;
    llp_event frame{};
    frame.type = LLP_EV_FRAME;
    frame.frame = LLP_FR_GARBAGE;
    frame.verdict = LLP_FV_INCOMPLETE;
    frame.len = static_cast<u32>(sight_.octets.size());
    tell(frame);
  }

  // What came so far is another's to tell.
  void forget() {
    sight_ = {};
    lost_ = 0;
  }
  void set_fate(Fate fate) { sight_.fate = fate; }
  // X3.28: the transmission is over; block 1 will be another.
  void end_series() { before_ = {}; }
  // What `other` heard its station send, this one's has sent.
  void sent_before(const Ear& other) { before_ = other.before_; }

 private:
  // The last frame of its kind, to know it again.
  struct Before {
    std::string octets;
    unsigned frame = LLP_FR__N, number = 0;
    bool bad = false;
  };

  static void on_event(void* ctx, const llp_event* event) {
    auto& ear = *static_cast<Ear*>(ctx);
    const bool lost = ear.protocol_ != LLP_PROTO_X328;  // X3.28 tells of garbage as of a frame
    if (event->type == LLP_EV_FRAME && event->out == 0 && !(lost && event->frame == LLP_FR_GARBAGE)) {
      ear.tell(*event);
    }
    if (event->type == LLP_EV_LOST && lost) ear.lost_ += event->len;
    if (event->type == LLP_EV_END && (event->flags & LLP_END_EMPTY) == 0) ear.ended_ = event->id;
  }
  static const u8* on_text(void* /*ctx*/, u32 /*id*/) { return nullptr; }

  llp_io make_io(std::uint64_t now) {
    return {.now = now,
            .rx_buf = room_.data(),
            .rx_cap = static_cast<u32>(room_.size()),
            .rx_fixed = false,
            .text = on_text,
            .event = on_event,
            .ctx = this};
  }

  // Takes what ended, and sends what there is to nobody.
  void settle(llp_io& io) {
    if (const u32 id = std::exchange(ended_, 0); id != 0) {
      static_cast<void>(llp_verdict(&engine_, &io, id, acknowledges_ ? LLP_ACCEPT : LLP_FORGET));
    }
    std::array<u8, 256> sent{};
    while (llp_tx(&engine_, &io, sent.data(), sent.size()) != 0) {
    }
    if (llp_tx_wait(&engine_)) llp_tx_empty(&engine_, &io);
  }

  void tell(llp_event frame) {
    tell_lost();
    // Nothing has come since the last one: that was told already.
    if (sight_.octets.empty()) return;
    // An engine that asks for nothing did not expect an answer.
    if (frame.verdict == LLP_FV_IGNORED && !has_text(frame)) frame.verdict = LLP_FV_GOOD;
    frame.out = out_ ? 1 : 0;
    if (frame.verdict == LLP_FV_DUPLICATE || again(frame)) frame.flags |= LLP_FRAME_AGAIN;
    if (frame.verdict == LLP_FV_DUPLICATE) frame.verdict = LLP_FV_GOOD;
    Sight sight = std::move(sight_);
    sight_ = {};
    sight_.fate = sight.fate;
    sight.kind = SightKind::frame;
    sight.out = out_;
    sight.frame = frame;
    tell_(sight);
  }

  // The same station sends the same once more: a bid, or a block whose number
  // says so where one of the two was damaged.
  bool again(const llp_event& frame) {
    // What nobody sent is no repeat, and nothing repeats it.
    if (sight_.fate == Fate::noise) return false;
    if (frame.frame == LLP_FR_ENQ) return std::exchange(bid_, true);
    bid_ = false;
    if (!has_text(frame)) return false;
    const bool bad = frame.verdict != LLP_FV_GOOD;
    const bool same_number =
        protocol_ == LLP_PROTO_X328 && before_.number == frame.num && (before_.bad || bad);
    const bool result = before_.frame == frame.frame && (before_.octets == sight_.octets || same_number);
    before_ = {sight_.octets, frame.frame, frame.num, bad};
    return result;
  }

  llp_protocol protocol_;
  bool out_;
  const Tell& tell_;
  llp_engine engine_{};
  std::vector<std::uint8_t> room_;
  u32 ended_ = 0;
  bool acknowledges_;
  bool connected_ = false;
  Sight sight_;           // what comes at present
  std::size_t lost_ = 0;  // so much of its beginning belongs to no frame
  Before before_;         // the block before it
  bool bid_ = false;      // the frame before it was a bid
};

Decoder::Decoder(llp_protocol protocol, const llp_params& params, Tell tell) {
  tell_ = [this, tell = std::move(tell)](const Sight& sight) {
    tell(sight);
    if (sight.kind != SightKind::frame || sight.frame.frame != LLP_FR_EOT) return;
    for (const auto& ear : ears_) ear->end_series();
  };
  for (const bool out : {false, true}) {
    ears_.at(out ? 1 : 0) = std::make_unique<Ear>(protocol, params, out, tell_);
  }
}

Decoder::~Decoder() = default;

// Timers of both, in their order.
void Decoder::time(std::uint64_t now) {
  now_ = std::max(now_, now);
  for (;;) {
    const auto due = std::ranges::min_element(ears_, {}, [](const auto& ear) { return ear->deadline(); });
    const std::uint64_t at = (*due)->deadline();
    if (at > now_ || at == LLP_NEVER) return;
    (*due)->time(at);
    // One that fires and stays due would be the engine's error: no reason to hang.
    if ((*due)->deadline() <= at) (*due)->time(now_);
    if ((*due)->deadline() <= at) return;
  }
}

void Decoder::packet(const capture::Packet& packet) { this->packet(packet, Fate::passed); }

void Decoder::packet(const capture::Packet& packet, Fate fate) {
  time(packet.time);
  for (const auto& ear : ears_) ear->tell_lost();
  Sight sight;
  sight.begin = sight.end = now_;
  if (packet.lost > 0) {
    // What is missing has ends and beginnings: nothing joins.
    for (const auto& ear : ears_) ear->hang_up(now_);
    sight.kind = SightKind::missing;
    sight.packets = packet.lost;
    tell_(sight);
  }
  sight.out = packet.out;
  switch (packet.kind) {
    case capture::PacketKind::up:
    case capture::PacketKind::down:
      for (const auto& ear : ears_) ear->hang_up(now_);
      sight.kind = packet.kind == capture::PacketKind::up ? SightKind::up : SightKind::down;
      sight.text = packet.octets;
      return tell_(sight);
    case capture::PacketKind::message: {
      auto& ear = message_.at(packet.out ? 1 : 0);
      if (ear.size() < kShown) ear += packet.octets;
      if (packet.partial) return;
      sight.kind = SightKind::message;
      sight.octets = std::exchange(ear, {});
      sight.frame.len = static_cast<u32>(sight.octets.size());
      return tell_(sight);
    }
    case capture::PacketKind::bytes: break;
  }
  for (const auto& ear : ears_) ear->connect(now_);
  // What was lost changes nothing for who did not get it.
  std::optional<Ear> other;
  Ear* ear = ears_.at(packet.out ? 1 : 0).get();
  if (fate == Fate::lost) {
    ear = &other.emplace(*ear);
    ear->forget();
  }
  ear->set_fate(fate);
  auto mark = packet.marks.begin();
  for (std::size_t i = 0; i < packet.octets.size(); i++) {
    auto flag = capture::Flag::none;
    if (mark != packet.marks.end() && mark->offset == i) flag = (mark++)->flag;
    ear->octet(now_, packet.octets[i], flag);
  }
  if (fate == Fate::lost) {
    ear->rest();
    ears_.at(packet.out ? 1 : 0)->sent_before(*ear);
  }
  ear->set_fate(Fate::passed);
}

void Decoder::finish() {
  for (const auto& ear : ears_) ear->hang_up(now_);
}

void feed(Decoder& decoder, const capture::Capture& conversation) {
  for (const capture::Entry& entry : conversation.entries) {
    const auto* traffic = std::get_if<capture::Traffic>(&entry.what);
    if (traffic == nullptr) continue;
    capture::Packet packet;
    packet.time = entry.at;
    packet.out = traffic->from == capture::Side::left;
    packet.octets = capture::values(traffic->bytes);
    for (std::size_t i = 0; i < traffic->bytes.size(); i++) {
      const capture::Flag flag = traffic->bytes[i].flag;
      if (flag != capture::Flag::none) packet.marks.push_back({static_cast<std::uint32_t>(i), flag});
    }
    const bool passed = traffic->sent && traffic->arrives;
    decoder.packet(packet, passed ? Fate::passed : (traffic->sent ? Fate::lost : Fate::noise));
  }
  decoder.finish();
}

// ---- words ----

std::string words(const Sight& sight) {
  switch (sight.kind) {
    case SightKind::frame: return line::frame_words(sight.frame);
    case SightKind::message: return fmt::format("message, {} bytes", sight.frame.len);
    case SightKind::up: return "the line is up" + (sight.text.empty() ? "" : ": " + sight.text);
    case SightKind::down: return "the line is down" + (sight.text.empty() ? "" : ": " + sight.text);
    case SightKind::missing: return fmt::format("{} packets are missing here", sight.packets);
  }
  return {};
}

std::string trouble(const Sight& sight) {
  std::string out;
  const auto add = [&out](const std::string& what) { out += (out.empty() ? "" : ", ") + what; };
  if (sight.kind != SightKind::frame) return out;
  if (sight.fate == Fate::lost) add("did not arrive");
  if (sight.fate == Fate::noise) add("not sent so");
  // Garbage says it itself, and so do the marks.
  const bool flagged = sight.frame.verdict == LLP_FV_FLAG && !sight.marks.empty();
  if (sight.frame.verdict != LLP_FV_GOOD && sight.frame.frame != LLP_FR_GARBAGE && !flagged) {
    add(llp_frame_verdict_name(static_cast<llp_verdict_frame>(sight.frame.verdict)));
  }
  static constexpr std::array<const char*, 5> kErrors{"", "break", "framing error", "parity error",
                                                      "overrun"};
  std::array<std::size_t, 5> count{};
  for (const capture::Mark& mark : sight.marks) count.at(static_cast<std::size_t>(mark.flag))++;
  for (std::size_t i = 1; i < count.size(); i++) {
    if (count.at(i) > 0) add(fmt::format("{} {}{}", count.at(i), kErrors.at(i), count.at(i) > 1 ? "s" : ""));
  }
  return out;
}

bool is_marked(const Sight& sight) {
  if (sight.kind == SightKind::missing || sight.kind == SightKind::down) return true;
  if (sight.kind != SightKind::frame) return false;
  const auto frame = sight.frame.frame;
  return !trouble(sight).empty() || (sight.frame.flags & LLP_FRAME_AGAIN) != 0 || frame == LLP_FR_NAK ||
         frame == LLP_FR_N || frame == LLP_FR_CNAK || frame == LLP_FR_GARBAGE || frame == LLP_FR_BLOCK_ABORT;
}

bool protocol_of(const std::string& name, llp_protocol& protocol) {
  for (unsigned i = 0; i < LLP_PROTO__N; i++) {
    protocol = static_cast<llp_protocol>(i);
    if (name == llp_protocol_name(protocol)) return true;
  }
  return false;
}

llp_params params_of(const capture::Listened& line, llp_protocol protocol) {
  llp_params params{};
  llp_params_default(&params, protocol);
  for (const auto& [name, value] : line.params) {
    if (name == "peer") {
      static_cast<void>(llp_preset_apply(&params, protocol, value.c_str()));
    } else {
      static_cast<void>(llp_params_set(&params, protocol, name.c_str(), value.c_str()));
    }
  }
  if (llp_params_check(&params, protocol) != nullptr) llp_params_default(&params, protocol);
  return params;
}

}  // namespace llp::ladder
