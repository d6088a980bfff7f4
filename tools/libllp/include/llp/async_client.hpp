// SPDX-License-Identifier: BSD-3-Clause
// The client for programs with an event loop of their own (Asio, standalone).
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <llp/address.hpp>
#include <llp/message.hpp>
#include <llp/options.hpp>
#include <llp/result.hpp>
#include <memory>
#include <span>
#include <string>

namespace llp {

namespace detail {
class Link;
}

// One connection to one other end.
//
// Not thread-safe: everything runs on the executor's one thread, whose context must outlive the object. One
// send() and one recv() may be under way at a time. The object may be destroyed meanwhile: they then return
// Errc::cancelled. Spans must stay valid until the call has returned.
//
// Over ILLP a connection is one transaction: send() gives the request and half-closes, recv() reads the reply
// to its end. The next send() connects anew; until then recv() says Errc::closed. A send() while a reply is
// outstanding is Errc::busy.
//
// Over a line in the kernel send() waits for the line's transaction lock (flock on its device, llp(4)), which
// is then held until recv() has brought the reply, or said why there is none; a send() before that is
// Errc::busy. Without a request under way recv() takes the line's receiving role, and the next send() answers
// the message that came last, unless the line's expect_in is "none" or it was an answer itself:
// Errc::cancelled if nobody waits for that any more.
class AsyncClient {
 public:
  explicit AsyncClient(asio::any_io_executor executor, ClientOptions options = {});
  AsyncClient(AsyncClient&&) noexcept;
  AsyncClient& operator=(AsyncClient&&) noexcept;
  ~AsyncClient();

  // Connects, or opens the port. Errc::refused, not_found (host, service or device), permission, in_use (a
  // port that another program has), timeout, invalid (options, or an address that this protocol cannot be
  // spoken to).
  [[nodiscard]] asio::awaitable<Result<void>> connect(const Address& address);

  // Sends a message, returns when it was written (MLLP 1, HLLP, ILLP) or acknowledged (MLLP 2, X3.28, the
  // kernel): the bytes that went out for it, framing included (the kernel's framing excluded).
  // Errc::malformed (a character that the protocol cannot carry), too_large, invalid (empty, or not
  // connected), refused (negative acknowledgement at every try), timeout, closed, reset, cancelled (CAN, or
  // an interrupt of the other station), in_use (kernel: another program has a transaction on the line). After
  // a time-out the message may or may not have arrived.
  [[nodiscard]] asio::awaitable<Result<std::size_t>> send(std::span<const std::uint8_t> message);

  // The next message; returned means acknowledged, where the protocol has that. Errc::timeout (MLLP, HLLP,
  // X3.28: the connection stays; ILLP: the transaction is over), closed (the other end is done), reset (the
  // connection broke), cancelled (CAN, ILLP), malformed or too_large (an ILLP reply that is not whole or too
  // long).
  [[nodiscard]] asio::awaitable<Result<Received>> recv();

  // Bytes outside frames that came after the last message handed out.
  [[nodiscard]] Bytes take_lost();

  // Ends what is in progress the protocol's way, within seconds, and the connection.
  [[nodiscard]] asio::awaitable<void> close();

  // The same at once; over ILLP an unfinished transaction is reset.
  void abort() noexcept;

  [[nodiscard]] bool connected() const noexcept;
  // Who is at the other end, for messages to people.
  [[nodiscard]] std::string describe() const;

 private:
  asio::any_io_executor executor_;
  ClientOptions options_;
  std::shared_ptr<detail::Link> link_;
};

}  // namespace llp
