// SPDX-License-Identifier: BSD-3-Clause
// A line in the kernel behind a client, with what tests put in the kernel's place. Not installed.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "libllp/link.hpp"
#include "line/message_device.hpp"

namespace llp::detail {

// `path` is for messages. A message that answers nothing is sent under the flock of `lock_file`; `reply`: the
// line's expect_out says whether a reply to it is waited for, else none is.
[[nodiscard]] LinkPtr make_device_link(asio::any_io_executor executor, std::string path,
                                       std::unique_ptr<line::MessageDevice> device,
                                       const std::filesystem::path& lock_file, bool reply);

}  // namespace llp::detail
