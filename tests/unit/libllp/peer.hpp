// SPDX-License-Identifier: BSD-3-Clause
// The other end of a client under test: a socket in a thread, driven by hand.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/fd.hpp"
#include "llp/client.hpp"

namespace llp::test {

// One connection, blocking.
class Conversation {
 public:
  explicit Conversation(UniqueFd fd) : fd_(std::move(fd)) {}

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void urgent(char byte) const { (void)::send(fd_.get(), &byte, 1, MSG_OOB | MSG_NOSIGNAL); }
  // Until so many bytes came, or the end.
  std::string read(std::size_t size) const {
    std::string out;
    std::array<char, 4096> room{};
    while (out.size() < size) {
      const ssize_t n = ::recv(fd_.get(), room.data(), std::min(room.size(), size - out.size()), 0);
      if (n <= 0) break;
      out.append(room.data(), static_cast<std::size_t>(n));
    }
    return out;
  }
  std::string read_to_end() const { return read(std::string::npos); }
  // Until the other end has closed altogether, or reset.
  void wait_gone() const {
    pollfd gone{.fd = fd_.get(), .events = 0, .revents = 0};
    (void)::poll(&gone, 1, 60000);
  }
  void half_close() const { (void)::shutdown(fd_.get(), SHUT_WR); }
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd_.reset();
  }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] int release() noexcept { return fd_.release(); }

 private:
  UniqueFd fd_;
};

// Listens on loopback and holds one conversation after the other, `count` of them.
class Peer {
 public:
  explicit Peer(std::function<void(Conversation&)> talk, int count = 1) {
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    (void)::bind(listener_.get(), reinterpret_cast<sockaddr*>(&at), size);
    (void)::listen(listener_.get(), 8);
    (void)::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size);
    address_ = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    thread_ = std::thread([this, talk = std::move(talk), count] {
      for (int i = 0; i < count; ++i) {
        UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!fd) return;
        Conversation conversation(std::move(fd));
        talk(conversation);
      }
    });
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() {
    (void)::shutdown(listener_.get(), SHUT_RDWR);  // nobody came
    wait();
  }
  // Until the conversations are over: what they noted may be looked at.
  void wait() {
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] const std::string& address() const noexcept { return address_; }

 private:
  UniqueFd listener_;
  std::string address_;
  std::thread thread_;
};

inline std::string frame(std::string_view message) { return "\x0b" + std::string(message) + "\x1c\r"; }

// For what is expected not to come: long enough to have been there.
constexpr auto kShort = std::chrono::milliseconds(50);
// For what is expected to come, on a machine that is busy.
constexpr auto kLong = std::chrono::seconds(60);

inline ClientOptions patient() {
  ClientOptions options;
  options.timeout = kLong;
  return options;
}

}  // namespace llp::test
