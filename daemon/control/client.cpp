// SPDX-License-Identifier: BSD-3-Clause
#include "control/client.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "illp/net.hpp"

namespace llp::control {

namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

// No answer has more.
constexpr std::size_t kLineMax = std::size_t{64} << 20;

Result<void> wait_for(int fd, short events, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    pollfd one{fd, events, 0};
    const int n = ::poll(&one, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 86'400'000)));
    if (n > 0) return {};
    if (n < 0 && errno != EINTR) return fail_errno("poll");
    if (Clock::now() >= until) return fail(Errc::timeout, "llpd does not answer in time");
  }
}

}  // namespace

Result<Client> Client::connect(const std::filesystem::path& path, Duration limit) {
  const auto until = Clock::now() + limit;
  const auto address = illp::local_address(path.native());
  if (!address) return std::unexpected(address.error());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("socket");
  while (::connect(fd.get(), address->get(), address->length) != 0) {
    if (errno == EINTR) continue;
    // A queue that is full: it is worth another try.
    if (errno != EAGAIN || Clock::now() >= until) return fail_errno(path.native());
    static_cast<void>(::poll(nullptr, 0, 10));
  }
  Client client(std::move(fd));
  auto greeting = client.receive(until);
  if (!greeting) return std::unexpected(std::move(greeting.error()));
  if (!greeting->contains("llpd") || !(*greeting)["llpd"].is_string()) {
    return fail(Errc::malformed, path.native() + ": llpd does not answer there, something else does");
  }
  client.version_ = (*greeting)["llpd"].get<std::string>();
  return client;
}

Result<void> Client::send(const std::string& text, Clock::time_point until) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t n = ::send(fd_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      if (auto ready = wait_for(fd_.get(), POLLOUT, until); !ready) return ready;
    } else if (errno != EINTR) {
      return fail(Errc::closed, "llpd has closed the connection");
    }
  }
  return {};
}

Result<Json> Client::receive(Clock::time_point until) {
  std::array<char, 16384> part{};
  std::size_t looked = 0;
  for (;;) {
    const std::size_t end = in_.find('\n', looked);
    if (end != std::string::npos) {
      Json json = Json::parse(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
      in_.erase(0, end + 1);
      if (!json.is_object()) return fail(Errc::malformed, "llpd's answer cannot be read");
      return json;
    }
    looked = in_.size();
    if (looked > kLineMax) return fail(Errc::malformed, "llpd's answer has no end");
    if (auto ready = wait_for(fd_.get(), POLLIN, until); !ready) return std::unexpected(ready.error());
    const ssize_t n = ::recv(fd_.get(), part.data(), part.size(), 0);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return fail(Errc::closed, "llpd has closed the connection");
    in_.append(part.data(), static_cast<std::size_t>(n));
  }
}

Result<Json> Client::call(const Json& request, Duration limit) {
  const auto until = Clock::now() + limit;
  Json with_id = request;
  with_id["id"] = ++last_id_;
  if (auto sent = send(with_id.dump() + "\n", until); !sent) return std::unexpected(sent.error());
  for (;;) {
    auto answer = receive(until);
    if (!answer) return answer;
    if (answer->contains("event")) {
      events_ += answer->dump() + "\n";
      continue;
    }
    if (!answer->contains("id") || (*answer)["id"] != last_id_) continue;
    answer->erase("id");
    if (answer->value("ok", false)) return answer;
    std::string words = answer->value("error", std::string("llpd refuses"));
    if (const auto errors = answer->find("errors"); errors != answer->end()) {
      for (const auto& error : *errors) {
        if (error.is_string()) words += "\n" + error.get<std::string>();
      }
    }
    return fail(Errc::refused, std::move(words));
  }
}

Result<Json> Client::next_event(Duration limit) {
  if (const std::size_t end = events_.find('\n'); end != std::string::npos) {
    Json event =
        Json::parse(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    events_.erase(0, end + 1);
    return event;
  }
  const auto until = Clock::now() + limit;
  for (;;) {
    auto event = receive(until);
    if (!event || event->contains("event")) return event;
  }
}

}  // namespace llp::control
