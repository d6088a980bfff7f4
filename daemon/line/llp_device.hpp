// SPDX-License-Identifier: BSD-3-Clause
// The kernel's message device, as it is on this machine.
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "io/line_spec.hpp"
#include "io/make_stream.hpp"
#include "line/message_device.hpp"

namespace llp::line {

// Whether the module n_llp is there, under the line discipline's number.
[[nodiscard]] bool kernel_has_llp(const std::string& proc_ldiscs = "/proc/tty/ldiscs");

// Whether this process may attach ports to it (CAP_SYS_ADMIN,
// CAP_SYS_TTY_CONFIG).
[[nodiscard]] bool may_attach() noexcept;

// Whether a path names a message device ("/dev/llp0", "/dev/llp/analyser")
// and no port.
[[nodiscard]] bool is_message_device(std::string_view path) noexcept;

// The device of a line that somebody else attached: "/dev/llp0",
// "/dev/llp/analyser". `options`: pool, wait_for_device, reopen_min, _max.
[[nodiscard]] std::unique_ptr<MessageDevice> make_device_node(const asio::any_io_executor& executor,
                                                              const std::string& path,
                                                              io::StreamOptions options, Logger log);

// A serial port that open() locks, sets up and attaches to the line
// discipline, and release() puts back. Needs CAP_SYS_ADMIN or
// CAP_SYS_TTY_CONFIG (Errc::permission).
[[nodiscard]] std::unique_ptr<MessageDevice> make_attached_port(const asio::any_io_executor& executor,
                                                                const io::Tty& tty, io::StreamOptions options,
                                                                Logger log);

}  // namespace llp::line
