// SPDX-License-Identifier: BSD-3-Clause
#include "libllp/dial.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/pollable.hpp"
#include "illp/net.hpp"
#include "libllp/setup.hpp"

namespace llp::detail {

namespace {

// A local listener whose queue is full.
constexpr auto kQueueRest = std::chrono::milliseconds(20);

asio::awaitable<Result<UniqueFd>> connect_to(illp::Address address, illp::Options options,
                                             Clock::time_point deadline) {
  auto fd = illp::open_socket(address, options);
  if (!fd) co_return std::unexpected(std::move(fd.error()));
  const auto executor = co_await asio::this_coro::executor;
  const int raw = fd->get();
  int err = 0;
  while (true) {
    err = ::connect(raw, address.get(), address.length) == 0 ? 0 : errno;
    if (err != EAGAIN && err != EINTR) break;
    if (Clock::now() >= deadline)
      co_return fail(Errc::timeout, address.text() + ": its queue of calls is full");
    asio::steady_timer rest(executor, kQueueRest);
    co_await rest.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  }
  if (err == EINPROGRESS) {
    Pollable waiting(executor, UniqueFd(::fcntl(raw, F_DUPFD_CLOEXEC, 0)));
    const short ready = co_await waiting.wait(POLLOUT, deadline);
    if (ready == 0) co_return fail(Errc::timeout, address.text() + ": no answer to the connection request");
    socklen_t length = sizeof err;
    if (::getsockopt(raw, SOL_SOCKET, SO_ERROR, &err, &length) != 0) err = errno;
  }
  if (err != 0) co_return fail_errno(address.text() + ": cannot connect", err);
  co_return std::move(*fd);
}

}  // namespace

asio::awaitable<Result<Dialled>> dial(Address address, illp::Options options, Clock::time_point deadline) {
  auto endpoint = endpoint_of(address);
  if (!endpoint) co_return std::unexpected(std::move(endpoint.error()));
  std::vector<illp::Address> found;
  if (const auto* tcp = std::get_if<illp::TcpEndpoint>(&*endpoint)) {
    auto timer = std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor);
    auto names = co_await illp::resolve(timer, *tcp, false, deadline);
    if (!names) co_return std::unexpected(std::move(names.error()));
    found = std::move(*names);
  } else {
    auto local = illp::local_address(address.path);
    if (!local) co_return std::unexpected(std::move(local.error()));
    found.push_back(*local);
  }
  Error last{Errc::not_found, to_string(address) + ": no address was found", 0};
  for (const auto& one : found) {
    auto fd = co_await connect_to(one, options, deadline);
    if (fd) co_return Dialled{std::move(*fd), one.transport, one.text()};
    last = std::move(fd.error());
    if (Clock::now() >= deadline) break;
  }
  co_return std::unexpected(std::move(last));
}

}  // namespace llp::detail
