// SPDX-License-Identifier: BSD-3-Clause
// The bytes to and from an instrument, whatever carries them: a serial port, a
// pseudo terminal, a TCP or a UNIX stream. No protocol here.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.hpp"
#include "io/line_flag.hpp"

namespace llp::io {

// What a read brought.
struct ReadResult {
  std::size_t size = 0;        // bytes, at least 1
  bool flagged = false;        // some flag of this read is not LineFlag::none
  std::uint64_t overruns = 0;  // overruns counted since the last read whose place is unknown
};

// One line. All calls are made from one thread (the io_context's); at most one
// read and one write are under way at a time, both may overlap.
class ByteStream {
 public:
  ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;
  virtual ~ByteStream() = default;

  // Makes the line usable: opens and locks the port, connects (with back-off
  // until it succeeds), or waits for a peer. Called again after a read or a
  // write has failed. Fails only with what waiting cannot mend, and with
  // Errc::cancelled after close().
  [[nodiscard]] virtual asio::awaitable<Result<void>> open() = 0;

  // Reads at least one byte. `flags` is as long as `bytes`; flags[i] is the
  // LineFlag of bytes[i]. Errc::closed: the other end ended in the regular way;
  // Errc::reset: the line broke, carrier was lost, the adapter was unplugged.
  [[nodiscard]] virtual asio::awaitable<Result<ReadResult>> read_some(std::span<std::uint8_t> bytes,
                                                                      std::span<std::uint8_t> flags) = 0;

  // Writes all bytes to the line's queue.
  [[nodiscard]] virtual asio::awaitable<Result<void>> write(std::span<const std::uint8_t> bytes) = 0;

  // Returns when the last byte written has left the transmitter (an estimate
  // where the system cannot tell): reply timers start here.
  [[nodiscard]] virtual asio::awaitable<Result<void>> wait_empty() = 0;

  // Time of one character on the wire; 0 where there is no wire.
  [[nodiscard]] virtual std::chrono::nanoseconds char_time() const noexcept = 0;

  // Ends the present connection (one-shot lines, MLLP lost=reject); open()
  // makes the next one. Output already written is given a bounded chance to
  // leave. A read, write or wait_empty under way completes with Errc::closed;
  // an open() under way goes on.
  virtual void disconnect() noexcept = 0;

  // Ends it for good; what is under way completes with Errc::cancelled, and so
  // does every later call. The destructor closes, too: the object may go while
  // calls are under way, they complete all the same.
  virtual void close() noexcept = 0;

  // For people: "/dev/ttyUSB0 9600 8N1", "tcp lab-ts1:4001".
  [[nodiscard]] virtual std::string describe() const = 0;

  // Where the other end finds a line that we make: the slave's name of a pseudo
  // terminal ("/dev/pts/4"), the address that is listened on
  // ("127.0.0.1:4001"). Empty for the others. Known before open().
  [[nodiscard]] virtual std::string local_name() const { return {}; }
};

}  // namespace llp::io
