// SPDX-License-Identifier: BSD-3-Clause
#include "llp/server.hpp"

#include <utility>

#include "libllp/run.hpp"
#include "llp/async_server.hpp"

namespace llp {

namespace detail {

// What server and requests share: whoever goes last takes the context along.
struct ServerContext {
  explicit ServerContext(ServerOptions options) : server(io.get_executor(), options) {}
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;
  ~ServerContext() {
    server.stop();
    settle();
  }
  // What is ready runs.
  void settle() {
    io.restart();
    io.poll();
  }
  asio::io_context io{1};
  AsyncServer server;
};

}  // namespace detail

struct Request::Impl {
  Impl(std::shared_ptr<detail::ServerContext> o, AsyncRequest r)
      : owner(std::move(o)), request(std::move(r)) {}
  std::shared_ptr<detail::ServerContext> owner;
  AsyncRequest request;
};

Request::Request(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Request::Request(Request&&) noexcept = default;
Request& Request::operator=(Request&&) noexcept = default;
// The client learns it now, not at the server's next call.
Request::~Request() {
  if (!impl_) return;
  const auto owner = impl_->owner;
  impl_.reset();
  owner->settle();
}

const Bytes& Request::message() const noexcept { return impl_->request.message(); }
std::string_view Request::text() const noexcept { return impl_->request.text(); }
const std::string& Request::peer() const noexcept { return impl_->request.peer(); }
bool Request::client_gone() const noexcept { return impl_->request.client_gone(); }

Result<void> Request::reply(std::span<const std::uint8_t> message) {
  return detail::run(impl_->owner->io, impl_->request.reply(message));
}
Result<void> Request::write(std::span<const std::uint8_t> part) {
  return detail::run(impl_->owner->io, impl_->request.write(part));
}
Result<void> Request::restart() { return detail::run(impl_->owner->io, impl_->request.restart()); }
Result<void> Request::finish() { return detail::run(impl_->owner->io, impl_->request.finish()); }
void Request::cancel(std::string reason) {
  detail::run(impl_->owner->io, impl_->request.cancel(std::move(reason)));
}

Server::Server(std::shared_ptr<detail::ServerContext> context) : context_(std::move(context)) {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() {
  if (!context_) return;
  context_->server.stop();
  context_->settle();
}

Result<Server> Server::listen(const Address& address, ServerOptions options) {
  auto context = std::make_shared<detail::ServerContext>(options);
  auto listening = detail::run(context->io, context->server.listen(address));
  if (!listening) return std::unexpected(std::move(listening.error()));
  return Server(std::move(context));
}

Result<Server> Server::listen(std::string_view address, ServerOptions options) {
  const auto parsed = parse_address(address);
  if (!parsed) return std::unexpected(parsed.error());
  return listen(*parsed, options);
}

Result<Request> Server::accept(std::optional<std::chrono::milliseconds> timeout) {
  auto request =
      detail::run(context_->io, timeout ? context_->server.accept(*timeout) : context_->server.accept());
  if (!request) return std::unexpected(std::move(request.error()));
  return Request(std::make_unique<Request::Impl>(context_, std::move(*request)));
}

std::vector<std::uint16_t> Server::ports() const { return context_->server.ports(); }

}  // namespace llp
