// SPDX-License-Identifier: BSD-3-Clause
// A file with the process id of the program that runs, locked while it does.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace llp::cmd {

// The file appears whole (rename(2)), holds "PID\n", mode 0644, and is locked
// with flock(2); it is removed at the end, if it is still this one. A file that
// nobody locks was left by a process that died and is replaced.
class PidFile {
 public:
  // Errc::in_use names the process that has it; otherwise the system's error.
  [[nodiscard]] static Result<PidFile> take(const std::filesystem::path& path, pid_t pid);

  PidFile() = default;
  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&& other) noexcept;
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile();

 private:
  PidFile(std::filesystem::path path, UniqueFd fd) noexcept : path_(std::move(path)), fd_(std::move(fd)) {}
  void remove() noexcept;
  std::filesystem::path path_;
  UniqueFd fd_;
};

}  // namespace llp::cmd
