// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/listen.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <csignal>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/as_tuple.hpp"
#include "llpctl/daemon.hpp"

namespace llp::ctl {

namespace {

using WireEvent = nlohmann::ordered_json;

constexpr auto kTick = std::chrono::milliseconds(200);
constexpr auto kLastAnswer = std::chrono::seconds(2);
constexpr std::array<const char*, 4> kKinds{"bytes", "message", "up", "down"};

std::optional<std::string> octets_of(const std::string& hex) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit(hex[i]);
    const int low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

std::optional<capture::Mark> mark_of(const WireEvent& pair) {
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number_unsigned() ||
      !pair[1].is_number_unsigned()) {
    return std::nullopt;
  }
  const auto flag = pair[1].get<std::uint64_t>();
  if (flag == 0 || flag > static_cast<std::uint64_t>(capture::Flag::overrun)) return std::nullopt;
  return capture::Mark{
      static_cast<std::uint32_t>(std::min<std::uint64_t>(pair[0].get<std::uint64_t>(), UINT32_MAX)),
      static_cast<capture::Flag>(flag)};
}

// One at work.
struct Hearing {
  asio::io_context& io;
  control::Client& client;
  const Listening::Until& until;
  const std::function<Result<void>(const capture::Packet&)>& take;
  const std::function<void()>& tick;
  asio::posix::stream_descriptor socket;
  asio::steady_timer limit{io}, pulse{io};
  std::uint64_t seen = 0;
  bool over = false;
  bool full = false;  // it has as many as were wanted

  void end() {
    over = true;
    asio::error_code ignored;
    socket.cancel(ignored);
    pulse.cancel();
    limit.cancel();
  }

  void beat() {
    pulse.expires_after(kTick);
    pulse.async_wait([this](const asio::error_code& error) {
      if (error || over) return;
      tick();
      beat();
    });
  }

  // What has come.
  Result<void> drain() {
    while (!over) {
      const auto event = client.next_event(control::Client::Duration(0));
      if (!event && event.error().code == Errc::timeout) return {};
      if (!event) return std::unexpected(event.error());
      const auto packet = packet_of(*event);
      if (!packet) continue;
      if (auto taken = take(*packet); !taken) return taken;
      if (++seen == until.packets) over = full = true;
    }
    return {};
  }

  // What passed before the end may be on its way: an answer comes behind it.
  Result<void> rest() {
    const auto answered = client.call({{"op", "health"}}, kLastAnswer);
    if (!answered && answered.error().code != Errc::refused) return {};
    over = false;
    auto drained = drain();
    over = true;
    return drained;
  }

  asio::awaitable<Result<void>> all() {
    Result<void> result;
    while (result && !over) {
      result = drain();
      if (!result || over) break;
      static_cast<void>(co_await socket.async_wait(asio::posix::stream_descriptor::wait_read, kTuple));
    }
    end();
    if (result && !full) result = rest();
    co_return result;
  }
};

}  // namespace

std::optional<capture::Packet> packet_of(const WireEvent& event) {
  if (text_at(event, "event") != "wire") return std::nullopt;
  const auto kind = std::ranges::find(kKinds, text_at(event, "kind"));
  auto octets = octets_of(text_at(event, "octets"));
  if (kind == kKinds.end() || !octets) return std::nullopt;
  capture::Packet packet;
  packet.kind = static_cast<capture::PacketKind>(kind - kKinds.begin());
  packet.time = number_at(event, "time_ns");
  packet.out = flag_at(event, "out");
  packet.octets = std::move(*octets);
  packet.lost = number_at(event, "lost");
  for (const WireEvent& pair : part_at(event, "marks")) {
    const auto mark = mark_of(pair);
    const bool ordered = packet.marks.empty() || (mark && packet.marks.back().offset < mark->offset);
    if (!mark || !ordered || mark->offset >= packet.octets.size()) return std::nullopt;
    packet.marks.push_back(*mark);
  }
  return packet;
}

Result<Listening> Listening::begin(const Context& context, const std::string& line) {
  const auto socket = context.control_socket.empty() ? default_control_socket() : context.control_socket;
  auto client = control::Client::connect(socket);
  if (!client) {
    Error error = std::move(client.error());
    if (error.code == Errc::not_found || error.code == Errc::refused) {
      error = {Errc::refused,
               fmt::format("no llpd answers at {}; what passes on a line is seen there", socket.native()), 0};
    }
    return std::unexpected(std::move(error));
  }
  Listening out(std::move(*client));
  const auto answer = out.client_.call({{"op", "capture"}, {"line", line}});
  if (!answer) {
    Error error = answer.error();
    if (error.code == Errc::refused) error.message += "; llpd shows what passes on the lines that it serves";
    return std::unexpected(std::move(error));
  }
  out.line_.name = line;
  out.line_.protocol = text_at(*answer, "protocol");
  out.line_.port = text_at(*answer, "port");
  out.line_.baud = number_at(*answer, "baud");
  for (const auto& [name, value] : part_at(*answer, "params").items()) {
    if (value.is_string()) out.line_.params.emplace_back(name, value.get<std::string>());
  }
  return out;
}

Result<void> Listening::run(asio::io_context& io, const Until& until,
                            const std::function<Result<void>(const capture::Packet&)>& take,
                            const std::function<void()>& tick) {
  const int fd = ::fcntl(client_.fd(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return fail_errno("the control socket");
  Hearing hearing{.io = io,
                  .client = client_,
                  .until = until,
                  .take = take,
                  .tick = tick,
                  .socket = asio::posix::stream_descriptor(io, fd)};
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&hearing](const asio::error_code& error, int) {
    if (!error) hearing.end();
  });
  if (until.time.count() > 0) {
    hearing.limit.expires_after(until.time);
    hearing.limit.async_wait([&hearing](const asio::error_code& error) {
      if (!error) hearing.end();
    });
  }
  if (tick) hearing.beat();
  Result<void> result;
  asio::co_spawn(io, hearing.all(), [&](const std::exception_ptr& error, Result<void> ended) {
    signals.cancel();
    if (error) std::rethrow_exception(error);
    result = std::move(ended);
  });
  io.run();
  return result;
}

}  // namespace llp::ctl
