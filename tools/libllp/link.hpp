// SPDX-License-Identifier: BSD-3-Clause
// What stands behind a client: one of ILLP, a protocol of a line, a line in the kernel. Not installed.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <llp/address.hpp>
#include <llp/message.hpp>
#include <llp/options.hpp>
#include <llp/result.hpp>
#include <memory>
#include <span>
#include <string>

#include "libllp/run.hpp"

namespace llp::detail {

// Calls are static coroutines' work: each keeps its link alive. Errors are those of AsyncClient.
class Link : public std::enable_shared_from_this<Link> {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  virtual ~Link() = default;

  [[nodiscard]] virtual asio::awaitable<Result<void>> connect(Clock::time_point deadline) = 0;
  [[nodiscard]] virtual asio::awaitable<Result<std::size_t>> send(Bytes message,
                                                                  Clock::time_point deadline) = 0;
  [[nodiscard]] virtual asio::awaitable<Result<Received>> recv(Clock::time_point deadline) = 0;
  [[nodiscard]] virtual asio::awaitable<void> close() = 0;
  virtual void abort() noexcept = 0;
  [[nodiscard]] virtual Bytes take_lost() = 0;
  [[nodiscard]] virtual bool connected() const noexcept = 0;
  [[nodiscard]] virtual std::string describe() const = 0;
};

using LinkPtr = std::shared_ptr<Link>;

// Each checks options and address: Errc::invalid.
[[nodiscard]] Result<LinkPtr> make_illp_link(asio::any_io_executor executor, const Address& address,
                                             const ClientOptions& options);
[[nodiscard]] Result<LinkPtr> make_line_link(asio::any_io_executor executor, const Address& address,
                                             const ClientOptions& options);
[[nodiscard]] Result<LinkPtr> make_device_link(asio::any_io_executor executor, const Address& address,
                                               const ClientOptions& options);

}  // namespace llp::detail
