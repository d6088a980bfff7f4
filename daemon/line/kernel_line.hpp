// SPDX-License-Identifier: BSD-3-Clause
// A line whose protocol runs in the kernel, behind /dev/llpN.
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <memory>

#include "base/log.hpp"
#include "line/clock.hpp"
#include "line/line.hpp"
#include "line/message_device.hpp"

namespace llp::line {

struct KernelLineOptions {
  // Messages received and not yet taken by read(): beyond, they stay in the
  // kernel, whose own bounds refuse more.
  std::size_t max_received = 8;
  // Messages that wait to be sent; beyond, send() says Errc::busy.
  std::size_t max_queued = 64;
  // stop(): for what is in progress to end the protocol's way.
  std::chrono::nanoseconds stop_grace = std::chrono::seconds(3);
  // start(): returns after so long at the latest while it waits for the device.
  std::chrono::nanoseconds start_wait = std::chrono::seconds(1);
  // Sees the device come and go; bytes and frames stay in the kernel. May be
  // empty.
  std::shared_ptr<Observer> observer;
  // Empty: the steady clock.
  std::shared_ptr<Clock> clock;
};

// Makes a line of `device`; everything runs on `executor`'s one thread, whose
// context must outlive the line. A line that is down, or set up differently,
// is set to `protocol` and `params` first. The line takes the receiving role
// with the policy "commit": nothing is acknowledged before verdict().
[[nodiscard]] std::unique_ptr<Line> make_kernel_line(const asio::any_io_executor& executor,
                                                     std::unique_ptr<MessageDevice> device,
                                                     llp_protocol protocol, const llp_params& params,
                                                     KernelLineOptions options, Logger log);

}  // namespace llp::line
