// SPDX-License-Identifier: BSD-3-Clause
// The client whose calls wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <llp/address.hpp>
#include <llp/message.hpp>
#include <llp/options.hpp>
#include <llp/result.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace llp {

// As AsyncClient, see there for errors. Each call returns within ClientOptions::timeout. The line is served
// while a call is under way, so a station that is to be reached any time waits in recv(). Not thread-safe.
class Client {
 public:
  [[nodiscard]] static Result<Client> connect(const Address& address, ClientOptions options = {});
  // The address as parse_address() takes it.
  [[nodiscard]] static Result<Client> connect(std::string_view address, ClientOptions options = {});

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();  // as close()

  [[nodiscard]] Result<std::size_t> send(std::span<const std::uint8_t> message);
  [[nodiscard]] Result<std::size_t> send(std::string_view message) { return send(as_bytes(message)); }
  [[nodiscard]] Result<Received> recv();
  [[nodiscard]] Bytes take_lost();
  void close();

  [[nodiscard]] bool connected() const noexcept;
  [[nodiscard]] std::string describe() const;

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace llp
