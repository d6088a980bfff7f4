// SPDX-License-Identifier: BSD-3-Clause
// The other end of the control socket, for tools: blocking, with time limits.
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace llp::control {

class Client {
 public:
  using Duration = std::chrono::milliseconds;

  // Errc::not_found, refused: no daemon answers there; permission; timeout;
  // malformed: something else answers.
  [[nodiscard]] static Result<Client> connect(const std::filesystem::path& path,
                                              Duration limit = std::chrono::seconds(5));

  // Of the daemon.
  [[nodiscard]] const std::string& version() const noexcept { return version_; }

  // Sends a request and returns its answer; events that come between are kept
  // for next_event(). Errc::refused: the daemon says no, with its words;
  // timeout; closed: it ended; malformed. After an error of the last three the
  // connection is of no more use.
  [[nodiscard]] Result<nlohmann::ordered_json> call(const nlohmann::ordered_json& request,
                                                    Duration limit = std::chrono::seconds(30));

  // After {"op": "subscribe"}: what happened next. Errc::timeout: nothing, yet.
  [[nodiscard]] Result<nlohmann::ordered_json> next_event(Duration limit);

  // For poll(2), beside next_event().
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  explicit Client(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  [[nodiscard]] Result<void> send(const std::string& text, std::chrono::steady_clock::time_point until);
  [[nodiscard]] Result<nlohmann::ordered_json> receive(std::chrono::steady_clock::time_point until);

  UniqueFd fd_;
  std::string in_;      // received, not taken
  std::string events_;  // lines that came before an answer
  std::string version_;
  std::uint64_t last_id_ = 0;
};

}  // namespace llp::control
