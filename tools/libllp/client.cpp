// SPDX-License-Identifier: BSD-3-Clause
#include "llp/client.hpp"

#include <utility>

#include "libllp/run.hpp"
#include "llp/async_client.hpp"

namespace llp {

struct Client::Impl {
  explicit Impl(ClientOptions options) : client(io.get_executor(), std::move(options)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  // What still waits is woken, and ends, before the context goes.
  ~Impl() {
    client.abort();
    io.restart();
    io.poll();
  }
  asio::io_context io{1};
  AsyncClient client;
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&& other) noexcept {
  if (this != &other) {
    close();
    impl_ = std::move(other.impl_);
  }
  return *this;
}
Client::~Client() { close(); }

Result<Client> Client::connect(const Address& address, ClientOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  auto connected = detail::run(impl->io, impl->client.connect(address));
  if (!connected) return std::unexpected(std::move(connected.error()));
  return Client(std::move(impl));
}

Result<Client> Client::connect(std::string_view address, ClientOptions options) {
  const auto parsed = parse_address(address);
  if (!parsed) return std::unexpected(parsed.error());
  return connect(*parsed, std::move(options));
}

Result<std::size_t> Client::send(std::span<const std::uint8_t> message) {
  if (!impl_) return fail(Errc::invalid, "not connected");
  return detail::run(impl_->io, impl_->client.send(message));
}

Result<Received> Client::recv() {
  if (!impl_) return fail(Errc::invalid, "not connected");
  return detail::run(impl_->io, impl_->client.recv());
}

Bytes Client::take_lost() { return impl_ ? impl_->client.take_lost() : Bytes(); }

void Client::close() {
  if (!impl_) return;
  detail::run(impl_->io, impl_->client.close());
  impl_.reset();
}

bool Client::connected() const noexcept { return impl_ && impl_->client.connected(); }
std::string Client::describe() const { return impl_ ? impl_->client.describe() : "not connected"; }

}  // namespace llp
