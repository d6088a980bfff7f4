// SPDX-License-Identifier: BSD-3-Clause
// The kernel's message device as files: what the line needs of /dev/llpN, so
// that tests can put a model in its place.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"

namespace llp::line {

// One open file of the device, non-blocking. Errors are errno values.
class MessageFile {
 public:
  MessageFile() = default;
  MessageFile(const MessageFile&) = delete;
  MessageFile& operator=(const MessageFile&) = delete;
  virtual ~MessageFile() = default;

  // Waits until poll(2) reports one of `events` (POLLIN, POLLOUT, POLLPRI),
  // POLLERR or POLLHUP, and returns it. After close(): POLLNVAL.
  [[nodiscard]] virtual asio::awaitable<short> wait(short events) = 0;

  // read(2): one message. 0: the line is gone.
  [[nodiscard]] virtual std::expected<std::size_t, int> read(std::span<std::uint8_t> out) noexcept = 0;
  // write(2): one message.
  [[nodiscard]] virtual std::expected<std::size_t, int> write(
      std::span<const std::uint8_t> text) noexcept = 0;
  // ioctl(2) with a pointer to what <llp.h> says, or without. 0 or an errno.
  [[nodiscard]] virtual int control(unsigned long request, void* argument) noexcept = 0;

  // Who waits gets POLLNVAL.
  virtual void close() noexcept = 0;
};

// A way to one line's device.
class MessageDevice {
 public:
  MessageDevice() = default;
  MessageDevice(const MessageDevice&) = delete;
  MessageDevice& operator=(const MessageDevice&) = delete;
  virtual ~MessageDevice() = default;

  // The line's device, waiting for it if it was there before (unplugged), or
  // if the options say so. Fails with what cannot be mended by waiting, and
  // with Errc::cancelled after close().
  [[nodiscard]] virtual asio::awaitable<Result<std::unique_ptr<MessageFile>>> open() = 0;
  // Another file of the device that open() found last.
  [[nodiscard]] virtual Result<std::unique_ptr<MessageFile>> open_another() = 0;
  // The line is no longer needed: what was attached is detached. open() may be
  // called again.
  virtual void release() noexcept = 0;
  virtual void close() noexcept = 0;
  // For people: "/dev/llp0", "/dev/ttyS0 9600 8N1 (kernel)"
  [[nodiscard]] virtual std::string describe() const = 0;
};

}  // namespace llp::line
