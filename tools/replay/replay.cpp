// SPDX-License-Identifier: BSD-3-Clause
#include "replay/replay.hpp"

#include <algorithm>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace llp::replay {
namespace {

using capture::Action;
using capture::Entry;
using capture::Traffic;
using std::chrono::nanoseconds;

std::string shown(std::string_view octets, std::string_view protocol) {
  return capture::write_bytes(capture::unflagged(octets), protocol);
}

// What the other station is given: sent by the side that is played, or noise.
bool to_send(const Traffic& t, capture::Side side) { return t.from == side && t.arrives; }
// What the other station sends, whether or not it arrived then.
bool to_come(const Traffic& t, capture::Side side) { return t.from != side && t.sent; }

}  // namespace

Result<void> playable(const capture::Capture& c, capture::Side side) {
  bool any = false;
  for (const Entry& e : c.entries) {
    const auto* t = std::get_if<Traffic>(&e.what);
    if (t == nullptr) continue;
    any = any || to_come(*t, side);
    if (!to_send(*t, side)) continue;
    const bool flagged = std::any_of(t->bytes.begin(), t->bytes.end(),
                                     [](capture::Byte b) { return b.flag != capture::Flag::none; });
    if (flagged)
      return fail(Errc::invalid,
                  "line " + std::to_string(e.line) + ": line errors cannot be made on a real line");
  }
  if (!any) return fail(Errc::invalid, "the other station sends nothing in this capture");
  return {};
}

Replay::Replay(const asio::any_io_executor& executor, io::ByteStream& stream, const capture::Capture& c,
               const Options& options, std::function<void(std::string_view)> tell)
    : stream_(stream),
      capture_(c),
      options_(options),
      tell_(std::move(tell)),
      came_(executor),
      pause_(executor) {}

nanoseconds Replay::scaled(std::uint64_t ns) const {
  return nanoseconds(static_cast<std::int64_t>(static_cast<double>(ns) * options_.time_scale));
}

asio::awaitable<void> Replay::sleep(nanoseconds time) {
  pause_.expires_after(time);
  asio::error_code ignored;
  co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<void> Replay::read_loop() {
  reading_ = true;
  std::array<std::uint8_t, 4096> bytes{};
  std::array<std::uint8_t, 4096> flags{};
  while (!over_) {
    const auto got = co_await stream_.read_some(bytes, flags);
    if (!got) {
      line_ = std::unexpected(got.error());
      break;
    }
    in_.append(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(got->size));
    came_.cancel();
  }
  reading_ = false;
  came_.cancel();
}

asio::awaitable<Result<void>> Replay::send(std::string octets) {
  std::vector<std::uint8_t> bytes(octets.begin(), octets.end());
  co_return co_await stream_.write(bytes);
}

// Whatever it sends: an answer has come when it is followed by silence. More of
// the same may have come with it: @again, it does not have to.
asio::awaitable<Result<void>> Replay::anything(nanoseconds within, bool again) {
  const auto until = std::chrono::steady_clock::now() + within + (again ? options_.quiet : options_.patience);
  asio::error_code ignored;
  while (in_.empty() && line_ && std::chrono::steady_clock::now() < until) {
    came_.expires_at(until);
    co_await came_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  for (std::size_t seen = 0; seen != in_.size();) {
    seen = in_.size();
    co_await sleep(options_.settle);
  }
  if (!line_) co_return std::unexpected(line_.error());
  if (in_.empty() && !again) co_return fail(Errc::timeout, "nothing came, where the capture has an answer");
  if (tell_ && !in_.empty()) tell_("# came " + shown(in_, capture_.protocol));
  in_.clear();
  co_return Result<void>();
}

asio::awaitable<Result<void>> Replay::expect(std::string octets, nanoseconds within, std::size_t line) {
  if (!options_.compare) co_return co_await anything(within, std::exchange(heard_, true));
  const auto until = std::chrono::steady_clock::now() + within + options_.patience;
  const auto at = [line] { return line ? "line " + std::to_string(line) + ": " : std::string("at first: "); };
  for (;;) {
    const std::string_view have = std::string_view(in_).substr(0, octets.size());
    if (!octets.starts_with(have))
      co_return fail(Errc::malformed, at() + "came " + shown(have, capture_.protocol) +
                                          ", and the capture has " + shown(octets, capture_.protocol));
    if (have.size() == octets.size()) {
      in_.erase(0, octets.size());
      co_return Result<void>();
    }
    if (!line_) co_return std::unexpected(line_.error());
    if (std::chrono::steady_clock::now() >= until)
      co_return fail(Errc::timeout, at() + "came " +
                                        (have.empty() ? "nothing" : shown(have, capture_.protocol)) +
                                        ", and the capture has " + shown(octets, capture_.protocol));
    came_.expires_at(until);
    asio::error_code ignored;
    co_await came_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

// The other station is to have heard of this one before (X3.28): a bid without a message.
asio::awaitable<Result<void>> Replay::introduce() {
  if (capture_.protocol != "x328" || !capture_.station(capture::other(options_.side)).known)
    co_return Result<void>();
  if (auto sent = co_await send("\x05\r"); !sent) co_return sent;
  if (auto granted = co_await expect("\x10"
                                     "0\r",
                                     {}, 0);
      !granted)
    co_return granted;
  co_return co_await send("\x04\r");
}

asio::awaitable<Result<void>> Replay::nothing_more() {
  co_await sleep(options_.quiet);
  if (!in_.empty() && options_.compare)
    co_return fail(Errc::malformed,
                   "at the end: came " + shown(in_, capture_.protocol) + ", which is not in the capture");
  co_return Result<void>();
}

asio::awaitable<Result<void>> Replay::play() {
  asio::co_spawn(came_.get_executor(), read_loop(), asio::detached);
  Result<void> result = co_await introduce();
  if (result && tell_) tell_("# ready");
  std::uint64_t now = 0;
  const auto& all = capture_.entries;
  for (std::size_t i = 0; result && i < all.size();) {
    std::size_t end = i + 1;
    while (end < all.size() && all[end].crossing) end++;
    const nanoseconds step = scaled(all[i].at - now);
    now = all[i].at;
    bool slept = step.count() == 0;
    // Lines that cross: what this side sends does not wait for what comes.
    for (const bool coming : {false, true}) {
      for (std::size_t k = i; result && k < end; k++) {
        const Entry& e = all[k];
        const auto* t = std::get_if<Traffic>(&e.what);
        const bool comes = t != nullptr && to_come(*t, options_.side);
        if (comes != coming) continue;
        if (t != nullptr && to_send(*t, options_.side)) {
          if (!slept) co_await sleep(step);
          slept = true;
          heard_ = false;
          result = co_await send(capture::values(t->bytes));
        } else if (comes) {
          result = co_await expect(capture::values(t->bytes), slept ? nanoseconds{} : step, e.line);
          slept = true;
        } else if (!std::holds_alternative<Action>(e.what)) {
          continue;
        }
        if (result && tell_) tell_(capture::write_entry(e, capture_.protocol));
      }
    }
    // An action's time, or that of an event, is the other's next line's, too.
    if (!slept) now -= static_cast<std::uint64_t>(static_cast<double>(step.count()) / options_.time_scale);
    i = end;
  }
  if (result) result = co_await nothing_more();
  over_ = true;
  stream_.close();
  while (reading_) co_await sleep(std::chrono::milliseconds(1));
  co_return result;
}

}  // namespace llp::replay
