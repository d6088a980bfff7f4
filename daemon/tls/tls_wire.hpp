// SPDX-License-Identifier: BSD-3-Clause
// A TLS stream on a connected socket. Not for use outside daemon/tls.
#pragma once

#include "illp/wire.hpp"
#include "tls/pem.hpp"

namespace llp::tls {

class TlsWire final : public illp::Wire {
 public:
  // Of an SSL object whose side, and whose demands on the peer, are set. `fd`
  // is used, not owned.
  [[nodiscard]] static Result<std::unique_ptr<illp::Wire>> make(SslPtr ssl, int fd);

  explicit TlsWire(SslPtr ssl) : ssl_(std::move(ssl)) {}

  [[nodiscard]] Result<void> open() override;
  [[nodiscard]] Result<illp::InputEvent> receive(std::span<std::uint8_t> buffer) override;
  [[nodiscard]] Result<std::size_t> send(std::span<const std::uint8_t> bytes) override;
  [[nodiscard]] Result<void> end() override;
  [[nodiscard]] short events(short wanted) const noexcept override;
  [[nodiscard]] bool pending() const noexcept override;
  [[nodiscard]] std::string peer_name() const override;

 private:
  [[nodiscard]] Error failure(int returned, short& waits_for);

  SslPtr ssl_;
  short read_waits_ = POLLIN;
  short write_waits_ = POLLOUT;
  bool open_ = false;
  bool broken_ = false;
};

}  // namespace llp::tls
