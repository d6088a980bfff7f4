// SPDX-License-Identifier: BSD-3-Clause
// A model of the kernel's lines with a clock of its own, for tests of
// everything above KernelControl: the rules of line-set and the sentences of
// its refusals are the module's, and so is the table of parameters. What
// happens on the wire the test says.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "netlink/kernel_control.hpp"

namespace llp::netlink {

// One thread. It lives as long as one of its controls or streams does.
class ModelKernel {
 public:
  explicit ModelKernel(asio::any_io_executor executor);

  // A new way to it, as a program that starts would have one.
  [[nodiscard]] std::unique_ptr<KernelControl> control();

  // ldattach: a line with this number comes, down and with X3.28's defaults.
  std::uint32_t attach(const std::string& tty, std::uint32_t speed = 9600,
                       std::uint32_t char_time = 1'041'666);
  // Detached, unplugged or hung up.
  void detach(std::uint32_t line);

  // Time passes.
  void advance(std::chrono::nanoseconds time);
  [[nodiscard]] std::uint64_t now() const;

  // The line itself: a test may set what it likes (flags, state, queues). The
  // line must be there.
  [[nodiscard]] LineStatus& line(std::uint32_t line);

  // What happens on a line: counters, turnaround and events go together.
  void count(std::uint32_t line, std::string_view counter, std::uint64_t more = 1);
  void answered(std::uint32_t line, std::chrono::nanoseconds after);
  void received(std::uint32_t line, std::uint32_t length, std::uint32_t flags = 0,
                std::optional<std::uint32_t> reply_to = {});
  void sent(std::uint32_t line, std::uint32_t length, std::uint32_t error = 0,
            std::uint32_t outcome = LLP_OUTCOME_DELIVERED);
  void cancelled(std::uint32_t line, std::uint32_t error);
  void exception(std::uint32_t line, ExceptionEvent what);
  // Every stream has lost events.
  void overflow();

  // From now on every request fails with this; nothing: as usual again.
  void refuse(std::optional<Error> error);
  // Setting needs CAP_NET_ADMIN: whether we have it.
  void privileged(bool yes);

 private:
  struct State;
  class Control;
  class Stream;
  std::shared_ptr<State> state_;
};

}  // namespace llp::netlink
