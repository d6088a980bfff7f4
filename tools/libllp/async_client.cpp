// SPDX-License-Identifier: BSD-3-Clause
#include "llp/async_client.hpp"

#include <utility>

#include "libllp/link.hpp"
#include "libllp/setup.hpp"

namespace llp {

namespace {

using detail::Clock;
using detail::LinkPtr;

Clock::time_point deadline_of(const ClientOptions& options) { return Clock::now() + options.timeout; }

Result<LinkPtr> make_link(const asio::any_io_executor& executor, const Address& address,
                          const ClientOptions& options) {
  if (auto good = detail::check_time(options.timeout, "timeout"); !good) {
    return std::unexpected(std::move(good.error()));
  }
  if (address.kind == Address::Kind::device) return detail::make_device_link(executor, address, options);
  if (options.protocol == Protocol::illp) return detail::make_illp_link(executor, address, options);
  return detail::make_line_link(executor, address, options);
}

// The link comes by value: whatever becomes of the client, it lives as long as the call.
asio::awaitable<Result<std::size_t>> send_on(LinkPtr link, Bytes message, Clock::time_point deadline) {
  if (!link) co_return fail(Errc::invalid, "not connected");
  co_return co_await link->send(std::move(message), deadline);
}

asio::awaitable<Result<Received>> recv_on(LinkPtr link, Clock::time_point deadline) {
  if (!link) co_return fail(Errc::invalid, "not connected");
  co_return co_await link->recv(deadline);
}

asio::awaitable<void> close_on(LinkPtr link) {
  if (link) co_await link->close();
}

asio::awaitable<Result<void>> connect_on(Result<LinkPtr> link, Clock::time_point deadline) {
  if (!link) co_return std::unexpected(std::move(link.error()));
  auto connected = co_await (*link)->connect(deadline);
  if (!connected) (*link)->abort();
  co_return connected;
}

}  // namespace

AsyncClient::AsyncClient(asio::any_io_executor executor, ClientOptions options)
    : executor_(std::move(executor)), options_(std::move(options)) {}
AsyncClient::AsyncClient(AsyncClient&&) noexcept = default;
AsyncClient& AsyncClient::operator=(AsyncClient&& other) noexcept {
  if (this != &other) {
    abort();
    executor_ = std::move(other.executor_);
    options_ = std::move(other.options_);
    link_ = std::move(other.link_);
  }
  return *this;
}
AsyncClient::~AsyncClient() { abort(); }

asio::awaitable<Result<void>> AsyncClient::connect(const Address& address) {
  abort();
  auto link = make_link(executor_, address, options_);
  link_ = link ? *link : nullptr;
  return connect_on(std::move(link), deadline_of(options_));
}

asio::awaitable<Result<std::size_t>> AsyncClient::send(std::span<const std::uint8_t> message) {
  return send_on(link_, Bytes(message.begin(), message.end()), deadline_of(options_));
}

asio::awaitable<Result<Received>> AsyncClient::recv() { return recv_on(link_, deadline_of(options_)); }

Bytes AsyncClient::take_lost() { return link_ ? link_->take_lost() : Bytes(); }

asio::awaitable<void> AsyncClient::close() { return close_on(std::exchange(link_, nullptr)); }

void AsyncClient::abort() noexcept {
  if (const auto link = std::exchange(link_, nullptr)) link->abort();
}

bool AsyncClient::connected() const noexcept { return link_ && link_->connected(); }
std::string AsyncClient::describe() const { return link_ ? link_->describe() : "not connected"; }

}  // namespace llp
