// SPDX-License-Identifier: BSD-3-Clause
// The lock of a serial port between programs: flock(2) and TIOCEXCL on the
// device, and the UUCP lock file. picocom and tio look at the first, minicom
// and cu at the last; each is respected.
#pragma once

#include <filesystem>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace llp::io {

// A UUCP lock file, LCK..NAME: ten characters of process id and a newline
// ("HDB format"; four binary bytes, the older form, are read as well). Made
// whole in one step (link(2)); while it is held, its maker also holds a
// flock on it, by which a file left by an earlier life with the same process
// id is told from a live one. A file whose process does not live is taken over.
class UucpLock {
 public:
  UucpLock() = default;
  UucpLock(UucpLock&& other) noexcept;
  UucpLock& operator=(UucpLock&& other) noexcept;
  UucpLock(const UucpLock&) = delete;
  UucpLock& operator=(const UucpLock&) = delete;
  ~UucpLock();

  // `device` is named in errors. Errc::in_use: another process has it, named.
  // Errc::permission, not_found and so on: the directory cannot be used; the
  // caller may go on without.
  [[nodiscard]] static Result<UucpLock> take(const std::filesystem::path& dir, const std::string& name,
                                             const std::string& device);

  // "ttyS0" of /dev/ttyS0, "pts_3" of /dev/pts/3.
  [[nodiscard]] static std::string name_of(const std::filesystem::path& device);

 private:
  UucpLock(std::filesystem::path file, UniqueFd fd) noexcept : file_(std::move(file)), fd_(std::move(fd)) {}
  void release() noexcept;
  std::filesystem::path file_;
  UniqueFd fd_;
};

// Everything that locks one open port. Must go before the descriptor it was
// taken on is closed.
class PortLock {
 public:
  // First half, before the port is opened (opening may move modem lines).
  // `device` is resolved: a symbolic link locks what it leads to. `note` is
  // set to a sentence for the debug log when there is no lock file.
  [[nodiscard]] static Result<PortLock> take(const std::filesystem::path& device,
                                             const std::filesystem::path& lock_dir, std::string& note);
  // Second half, on the open port. `exclusive`: TIOCEXCL too (not on a pseudo
  // terminal, where it would outlive a process that was killed).
  [[nodiscard]] Result<void> lock(int fd, bool exclusive);

  PortLock(PortLock&& other) noexcept;
  PortLock& operator=(PortLock&& other) noexcept;
  PortLock(const PortLock&) = delete;
  PortLock& operator=(const PortLock&) = delete;
  ~PortLock();

  // Errc::in_use for an open(2) that failed with EBUSY.
  [[nodiscard]] static Error exclusive_error(const std::string& device);

 private:
  PortLock(std::string device, UucpLock file) noexcept : device_(std::move(device)), file_(std::move(file)) {}
  void release() noexcept;
  std::string device_;
  UucpLock file_;
  int fd_ = -1;
  bool exclusive_ = false;
};

}  // namespace llp::io
