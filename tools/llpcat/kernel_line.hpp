// SPDX-License-Identifier: BSD-3-Clause
// A line in the kernel for llpcat -l: it works as it was set up there, and is left when it goes.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>

#include "line/line.hpp"
#include "line/message_device.hpp"
#include "llp/message.hpp"
#include "llp/result.hpp"

namespace llp::cat {

class KernelLine {
 public:
  // Opens the device and makes a line with the protocol and parameters that it has; start() then takes the
  // receiving role. Errc::refused: the line is down; else as MessageDevice::open().
  [[nodiscard]] static asio::awaitable<Result<KernelLine>> open(asio::any_io_executor executor,
                                                                std::unique_ptr<line::MessageDevice> device);

  // When the device has gone, or the line was taken down, read() there fails with Errc::reset.
  [[nodiscard]] const std::shared_ptr<line::Line>& line() const noexcept { return line_; }

  // Bytes that belonged to no message since the last call; at most the last 64 KiB of them.
  [[nodiscard]] Bytes take_lost() const;

 private:
  KernelLine(std::shared_ptr<line::Line> line, std::unique_ptr<line::MessageFile> file)
      : line_(std::move(line)), file_(std::move(file)) {}
  std::shared_ptr<line::Line> line_;
  std::unique_ptr<line::MessageFile> file_;
};

}  // namespace llp::cat
