// SPDX-License-Identifier: BSD-3-Clause
// ILLP as an iostream: an application written like those of old, whose reads say when what was read so far is
// void.
#pragma once

#include <chrono>
#include <cstdint>
#include <iostream>
#include <llp/address.hpp>
#include <llp/options.hpp>
#include <llp/result.hpp>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace llp {

// What reading came upon. Thrown through the stream's own mechanism: with `exceptions(std::ios::badbit)` set,
// reads throw it; else the stream is bad() and IllpStream::event() tells.
class Restarted : public std::runtime_error {
 public:
  Restarted() : std::runtime_error("restarted: everything read so far is void (STX)") {}
};
class Cancelled : public std::runtime_error {
 public:
  Cancelled() : std::runtime_error("cancelled: the transaction is dead (CAN)") {}
};
// The connection broke, or a time-out.
class Broken : public std::runtime_error {
 public:
  explicit Broken(Error error) : std::runtime_error(error.message), error_(std::move(error)) {}
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

// One transaction. The calling side writes its request, says finish(), and reads the reply to its end (eof).
// The called side reads the request to its end, writes the reply, and says finish(). Destroyed before both
// ends have come in order, it tells the other end that the transaction is dead: half a message never looks
// whole.
//
// After `restarted`: clear(), forget what was read, and read on. Not thread-safe.
class IllpStream : public std::iostream {
 public:
  enum class Event : std::uint8_t {
    none,       // nothing out of the ordinary
    restarted,  // STX
    cancelled,  // CAN
    broken,     // see error()
  };

  // The calling side. Errors as AsyncClient::connect().
  [[nodiscard]] static Result<std::unique_ptr<IllpStream>> connect(const Address& address,
                                                                   const ClientOptions& options = {});
  [[nodiscard]] static Result<std::unique_ptr<IllpStream>> connect(std::string_view address,
                                                                   const ClientOptions& options = {});

  // The called side, on a connected socket: one that accept(2) gave, or 0 in a program that inetd or a
  // systemd socket with Accept=yes started. The descriptor belongs to the stream from then on. Options:
  // timeout, urgent.
  [[nodiscard]] static Result<std::unique_ptr<IllpStream>> accepted(int socket,
                                                                    const ClientOptions& options = {});

  ~IllpStream() override;
  IllpStream(const IllpStream&) = delete;
  IllpStream& operator=(const IllpStream&) = delete;

  // What the last read or write that failed came upon; the next that succeeds makes it Event::none.
  [[nodiscard]] Event event() const noexcept;
  // Set when event() is `broken`.
  [[nodiscard]] const Error& error() const noexcept;

  // STX: what was written so far is void. Errc::invalid after finish(); Errc::cancelled where it cannot be
  // expressed (ClientOptions::urgent is false), the connection is then reset.
  [[nodiscard]] Result<void> restart();
  // The own message is complete: everything is written, then half-closed. Errc::invalid if the called side
  // has not read the request to its end (eof), or after the first finish(); else as writing.
  [[nodiscard]] Result<void> finish();
  // The transaction is dead in both directions.
  void cancel();

 private:
  class Buffer;
  explicit IllpStream(std::unique_ptr<Buffer> buffer);
  std::unique_ptr<Buffer> buffer_;
};

}  // namespace llp
