// SPDX-License-Identifier: BSD-3-Clause
#include "engine_player.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace llp::test {
namespace {

using capture::Action;
using capture::Capture;
using capture::Entry;
using capture::Expected;
using capture::Side;
using capture::StationInfo;
using capture::Traffic;

constexpr std::array<std::string_view, LLP_CAUSE__N> kCauses = {
    "ok",         "busy",       "no_reply",      "rejected",     "interrupted", "aborted",
    "link_reset", "hangup",     "reply_timeout", "sender_abort", "silence",     "too_long",
    "damaged",    "superseded", "verdict_late",  "refused",      "format"};
constexpr std::array<std::string_view, 5> kOutcomes = {"not_sent", "delivered", "refused", "unknown",
                                                       "transmitted"};

std::string word(llp_cause c) { return std::string(kCauses.at(c)); }
std::string word(llp_outcome o) { return std::string(kOutcomes.at(static_cast<std::size_t>(o))); }

std::unexpected<std::string> wrong(std::string text) { return std::unexpected(std::move(text)); }

std::optional<llp_protocol> protocol_of(const std::string& name) {
  for (int p = 0; p < LLP_PROTO__N; p++)
    if (name == llp_protocol_name(static_cast<llp_protocol>(p))) return static_cast<llp_protocol>(p);
  return std::nullopt;
}

std::optional<llp_decision> decision_of(std::string_view verb) {
  if (verb == "accept") return LLP_ACCEPT;
  if (verb == "answer") return LLP_ACCEPT_ANSWER;
  if (verb == "reject") return LLP_REJECT;
  if (verb == "forget") return LLP_FORGET;
  return std::nullopt;
}

std::string said(const Expected& x) {
  Entry e;
  e.what = x;
  return capture::write_entry(e, {});
}

// `sent` is left out where `done` says the same.
std::vector<std::string> result_words(std::uint32_t id, llp_cause cause, llp_outcome outcome) {
  return {std::to_string(id), word(cause), word(outcome)};
}

bool fits(const Expected& wanted, const Expected& got) {
  if (wanted.name != got.name || wanted.words != got.words) return false;
  if (wanted.bytes) return wanted.bytes == got.bytes;
  if (wanted.length) return got.bytes && *wanted.length == got.bytes->size();
  return !got.bytes;
}

}  // namespace

std::expected<std::unique_ptr<EnginePlayer>, std::string> EnginePlayer::make(const Capture& c, Side side,
                                                                             Options options) {
  const auto proto = protocol_of(c.protocol);
  if (!proto) return wrong("there is no protocol " + c.protocol);
  const StationInfo& info = c.station(side);
  llp_params params = default_params(*proto);
  if (!info.preset.empty() && llp_preset_apply(&params, *proto, info.preset.c_str()))
    return wrong("preset " + info.preset + " is not one of " + c.protocol);
  for (const auto& [name, value] : info.options)
    if (llp_params_set(&params, *proto, name.c_str(), value.c_str()))
      return wrong("cannot set " + name + "=" + value);
  if (const char* why = llp_params_check(&params, *proto)) return wrong(why);
  params.char_time = c.character;
  std::unique_ptr<EnginePlayer> player(new EnginePlayer(c, side, options));
  player->station_ = std::make_unique<Station>(*proto, params);
  Station& s = *player->station_;
  s.log_frames = s.log_timers = s.log_states = false;
  s.auto_pull = false;
  if (info.verdict == "hand") {
    s.verdict_policy.reset();
  } else if (const auto d = decision_of(info.verdict)) {
    s.verdict_policy = d;
  } else {
    return wrong("there is no verdict " + info.verdict);
  }
  if (info.known && *proto == LLP_PROTO_X328) {
    // The other station has bid and had nothing to say.
    s.feed(hex("05 0D"));
    player->pull();
    s.feed(hex("04 0D"));
    player->pull();
    if (to_hex(s.take()) != "10 30 0D") return wrong("a bid before the beginning was not answered");
  }
  player->start_ = s.now;
  s.log.clear();
  return player;
}

// What the transmitter takes.
void EnginePlayer::pull() {
  for (int guard = 0; guard < 1000; guard++) {
    std::string out;
    if (credit_ == SIZE_MAX) {
      out = station_->pull();
    } else if (credit_ > 0) {
      out = station_->pull_some(credit_);
      credit_ -= out.size();
    }
    station_->sent += out;
    if (credit_ == 0 || !llp_tx_wait(&station_->e())) return;
    station_->tx_empty();
    if (!llp_tx_pending(&station_->e())) return;
  }
  ADD_FAILURE() << "output without end";
}

// Takes over what the engine sent and told since the last time.
void EnginePlayer::collect() {
  pull();
  Station& s = *station_;
  const std::uint64_t at = clock();
  for (const char c : s.take()) out_.push_back({static_cast<std::uint8_t>(c), at});
  auto tell = [&](std::string name, std::vector<std::string> words, std::optional<std::string> bytes = {}) {
    told_.push_back({at, {side_, std::move(name), std::move(words), std::move(bytes), std::nullopt}});
  };
  // How lost bytes are cut into events is nobody's business.
  if (!s.lost.empty() && !told_.empty() && told_.back().what.name == "lost") {
    *told_.back().what.bytes += std::exchange(s.lost, {});
  } else if (!s.lost.empty()) {
    tell("lost", {}, std::exchange(s.lost, {}));
  }
  for (std::size_t i = 0; i < s.log.size(); i++) {
    const std::string& line = s.log[i];
    const auto space = line.find(' ');
    const std::string what = line.substr(0, space);
    std::uint32_t id = 0;
    if (space != std::string::npos && std::isdigit(static_cast<unsigned char>(line[space + 1])))
      id = static_cast<std::uint32_t>(std::stoul(line.substr(space + 1)));
    if (what == "end") {
      const Received* m = s.find(id);
      std::vector<std::string> words;
      if (m->flags & LLP_END_REPLY) words.push_back("reply=" + std::to_string(m->reply_to));
      if (m->flags & LLP_END_LATE) words.emplace_back("late");
      if (m->flags & LLP_END_REPEAT) words.emplace_back("repeat");
      if (!(m->flags & LLP_END_EMPTY) && !s.verdict_policy) unjudged_.push_back(id);
      received_.push_back(id);
      tell("received", words, m->text);
    } else if (what == "acked") {
      std::erase(unjudged_, id);
      tell("acknowledged", {});
    } else if (what == "cancel") {
      llp_cause cause = LLP_OK;
      for (int c = 0; c < LLP_CAUSE__N; c++)
        if (line.find(std::string(" ") + llp_cause_name(static_cast<llp_cause>(c))) != std::string::npos)
          cause = static_cast<llp_cause>(c);
      std::vector<std::string> words{word(cause)};
      if (line.ends_with(" accepted")) words.emplace_back("accepted");
      tell("cancelled", words);
    } else if (what == "restart") {
      tell("restarted", {});
    } else if (what == "disconnect") {
      tell("disconnect", {});
    } else if (what == "sent") {
      const Result& r = s.result(id);
      const bool done_too =
          i + 1 < s.log.size() && s.log[i + 1].starts_with("done " + std::to_string(id) + " ");
      if (!done_too || r.cause != r.done_cause || r.outcome != r.done_outcome)
        tell("sent", result_words(id, r.cause, r.outcome));
    } else if (what == "done") {
      const Result& r = s.result(id);
      tell("done", result_words(id, r.done_cause, r.done_outcome));
    }
  }
  s.log.clear();
}

bool EnginePlayer::timely(std::uint64_t when, std::uint64_t at) const {
  return (when > at ? when - at : at - when) <= capture_.slack;
}

// Nothing that the capture did not have before this point.
EnginePlayer::Outcome EnginePlayer::quiet() const {
  if (!out_.empty()) {
    capture::Bytes bytes;
    for (const Sent& b : out_) bytes.push_back({b.value, capture::Flag::none});
    return wrong("sent at " + capture::write_time(out_.front().at) +
                 " s and not in the capture: " + capture::write_bytes(bytes, capture_.protocol));
  }
  if (!told_.empty())
    return wrong("told at " + capture::write_time(told_.front().at) +
                 " s and not in the capture: " + said(told_.front().what));
  return {};
}

// Lets time pass up to @at, or until there is enough.
void EnginePlayer::wait(std::uint64_t at, bool (EnginePlayer::*enough)(std::size_t) const, std::size_t n) {
  Station& s = *station_;
  collect();
  for (int guard = 0; !(this->*enough)(n); guard++) {
    const std::uint64_t due = s.deadline();
    if (due > start_ + at || guard > 1000000) break;
    s.now = std::max(s.now, due);
    s.timeout();
    collect();
  }
  if (!(this->*enough)(n)) s.now = std::max(s.now, start_ + at);
}

// Silence until @at.
EnginePlayer::Outcome EnginePlayer::advance(std::uint64_t at) {
  collect();
  if (start_ + at <= station_->now) return quiet();
  if (auto ok = quiet(); !ok) return ok;
  wait(at, &EnginePlayer::have_sent, SIZE_MAX);
  return quiet();
}

EnginePlayer::Outcome EnginePlayer::send(const Traffic& t, std::uint64_t at) {
  wait(at + capture_.slack, &EnginePlayer::have_sent, t.bytes.size());
  capture::Bytes got;
  for (std::size_t i = 0; i < std::min(out_.size(), t.bytes.size()); i++)
    got.push_back({out_[i].value, capture::Flag::none});
  const capture::Bytes wanted = capture::unflagged(capture::values(t.bytes));
  if (got != wanted) {
    std::string text = "sends " + capture::write_bytes(got, capture_.protocol) + ", and the capture has " +
                       capture::write_bytes(wanted, capture_.protocol);
    if (!told_.empty()) text += "; it was told: " + said(told_.front().what);
    return wrong(text);
  }
  for (std::size_t i = 0; i < got.size(); i++)
    if (!timely(out_[i].at, at))
      return wrong("sends this at " + capture::write_time(out_[i].at) + " s, and the capture has it at " +
                   capture::write_time(at) + " s");
  out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(got.size()));
  return {};
}

EnginePlayer::Outcome EnginePlayer::arrive(const Traffic& t, std::uint64_t at) {
  if (auto ok = advance(at); !ok) return ok;
  const std::string bytes = capture::values(t.bytes);
  std::vector<std::uint8_t> flags;
  for (const capture::Byte b : t.bytes) flags.push_back(static_cast<std::uint8_t>(b.flag));
  const std::size_t piece = options_.bytewise ? 1 : bytes.size();
  // A free transmitter also takes what is sent in the middle of a read, as a shell's does.
  station_->auto_pull = credit_ == SIZE_MAX;
  for (std::size_t i = 0; i < bytes.size(); i += piece) {
    station_->feed_flagged(std::string_view(bytes).substr(i, piece), std::span(flags).subspan(i, piece));
    collect();
  }
  station_->auto_pull = false;
  return {};
}

EnginePlayer::Outcome EnginePlayer::judge(const std::string& verb) {
  if (unjudged_.empty()) return wrong("no message waits for a verdict");
  const std::uint32_t id = unjudged_.front();
  unjudged_.pop_front();
  const llp_settled settled = station_->verdict(id, *decision_of(verb));
  collect();
  if (settled == LLP_LATE) told_.push_back({clock(), {side_, "late", {}, {}, {}}});
  if (settled == LLP_GONE) told_.push_back({clock(), {side_, "gone", {}, {}, {}}});
  return {};
}

EnginePlayer::Outcome EnginePlayer::act(const Action& a, std::uint64_t at) {
  if (auto ok = advance(at); !ok) return ok;
  Station& s = *station_;
  if (a.verb == "submit") {
    const auto id = static_cast<std::uint32_t>(std::stoul(a.words[0]));
    std::uint32_t flags = LLP_SUBMIT_EXPECT_NONE;
    std::uint32_t to = 0;
    for (std::size_t i = 1; i < a.words.size(); i++) {
      if (a.words[i] == "expect=none") {
        flags = LLP_SUBMIT_EXPECT_NONE;
      } else if (a.words[i] == "expect=reply") {
        flags = 0;
      } else if (a.words[i] == "expect=optional") {
        flags = LLP_SUBMIT_EXPECT_OPT;
      } else if (a.words[i] == "as=reply") {
        flags = LLP_SUBMIT_REPLY;
      } else if (a.words[i].starts_with("as=reply:")) {
        const std::string which = a.words[i].substr(a.words[i].find(':') + 1);
        std::size_t n = 0;
        const auto [end, error] = std::from_chars(which.data(), which.data() + which.size(), n);
        if (error != std::errc() || end != which.data() + which.size() || n == 0 || n > received_.size())
          return wrong("no message " + which + " was received");
        to = received_[n - 1];
      } else {
        return wrong("submit does not know '" + a.words[i] + "'");
      }
    }
    if (const int error = to ? s.answer(id, a.text, to) : s.submit(id, a.text, flags))
      told_.push_back({clock(), {side_, "refused", {a.words[0], strerrorname_np(-error)}, {}, {}}});
  } else if (a.verb == "abort") {
    s.abort(static_cast<std::uint32_t>(std::stoul(a.words[0])));
  } else if (decision_of(a.verb)) {
    return judge(a.verb);
  } else if (a.verb == "ready") {
    const std::string& how = a.words[0];
    if (how != "all" && how != "none" && how != "bid") return wrong("ready is all, bid or none");
    s.ready(how == "all" ? LLP_READY_ALL : how == "bid" ? LLP_READY_BID : 0);
  } else if (a.verb == "hangup") {
    s.hangup(a.words.empty());
  } else if (a.verb == "connect") {
    s.connect();
  } else if (a.verb == "turn") {
    s.request_turn();
  } else if (a.verb == "interrupt") {
    s.abort_rx();
  } else if (a.verb == "hold") {
    credit_ = std::stoul(a.words[0]);
  } else {
    credit_ = SIZE_MAX;
  }
  collect();
  return {};
}

EnginePlayer::Outcome EnginePlayer::check(const Expected& x) {
  Station& s = *station_;
  if (x.name == "state") {
    std::string wanted;
    for (const auto& w : x.words) wanted += (wanted.empty() ? "" : " ") + w;
    return s.state() == wanted ? Outcome{} : wrong("its state is '" + s.state() + "', not '" + wanted + "'");
  }
  for (std::uint32_t c = 0; c < LLP_C__N; c++) {
    if (x.words.size() != 2 || x.words[0] != llp_counter_name(c)) continue;
    const std::string is = std::to_string(s.count(static_cast<llp_counter>(c)));
    return is == x.words[1] ? Outcome{} : wrong(x.words[0] + " is " + is + ", not " + x.words[1]);
  }
  return wrong("count needs the name of a counter and its value");
}

EnginePlayer::Outcome EnginePlayer::expect(const Expected& x, std::uint64_t at) {
  if (x.name == "state" || x.name == "count") {
    if (auto ok = advance(at); !ok) return ok;
    return check(x);
  }
  wait(at + capture_.slack, &EnginePlayer::have_told, 1);
  if (told_.empty()) return wrong("is not told: " + said(x));
  const PlayedEvent got = told_.front();
  if (!fits(x, got.what)) return wrong("is told: " + said(got.what) + ", and the capture has: " + said(x));
  if (!timely(got.at, at)) return wrong("is told this at " + capture::write_time(got.at) + " s");
  told_.pop_front();
  return {};
}

EnginePlayer::Outcome EnginePlayer::step(const Entry& e) {
  if (const auto* t = std::get_if<Traffic>(&e.what)) {
    if (t->from == side_) return t->sent ? send(*t, e.at) : Outcome{};
    return t->arrives ? arrive(*t, e.at) : Outcome{};
  }
  if (const auto* a = std::get_if<Action>(&e.what)) return a->side == side_ ? act(*a, e.at) : Outcome{};
  const auto& x = std::get<Expected>(e.what);
  return x.side == side_ ? expect(x, e.at) : Outcome{};
}

EnginePlayer::Outcome EnginePlayer::play() {
  const auto& all = capture_.entries;
  for (std::size_t i = 0; i < all.size();) {
    // Lines that cross: first what this station sends, then what arrives.
    std::size_t end = i + 1;
    while (end < all.size() && all[end].crossing) end++;
    for (const bool arriving : {false, true}) {
      for (std::size_t k = i; k < end; k++) {
        const auto* t = std::get_if<Traffic>(&all[k].what);
        if ((t != nullptr && t->from != side_) != arriving) continue;
        if (auto ok = step(all[k]); !ok)
          return wrong("line " + std::to_string(all[k].line) + ": " + std::string(capture::side_name(side_)) +
                       " " + ok.error());
      }
    }
    i = end;
  }
  collect();
  if (auto ok = quiet(); !ok)
    return wrong("at the end: " + std::string(capture::side_name(side_)) + " " + ok.error());
  return {};
}

}  // namespace llp::test
