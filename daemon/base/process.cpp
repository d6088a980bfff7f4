// SPDX-License-Identifier: BSD-3-Clause
#include "base/process.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>
#include <string>

namespace llp {

bool process_lives(pid_t pid) noexcept { return pid > 0 && (::kill(pid, 0) == 0 || errno != ESRCH); }

std::string describe_process(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/comm", pid));
  std::string name;
  if (!std::getline(file, name) || name.empty()) return fmt::format("process {}", pid);
  // A process chooses its name; it must not choose what our log looks like.
  std::ranges::replace_if(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return fmt::format("process {} ({})", pid, name);
}

std::optional<pid_t> flock_holder(int fd) {
  struct stat st{};
  if (::fstat(fd, &st) != 0) return std::nullopt;
  // "1: FLOCK  ADVISORY  WRITE 1234 00:19:5678 0 EOF"; waiters have "->" after the number.
  const std::string place = fmt::format("{:02x}:{:02x}:{}", major(st.st_dev), minor(st.st_dev),
                                        static_cast<unsigned long>(st.st_ino));
  std::ifstream locks("/proc/locks");
  std::string line;
  while (std::getline(locks, line)) {
    if (line.find("->") != std::string::npos || line.find(place) == std::string::npos) continue;
    std::istringstream words(line);
    std::string number, kind, mode, access, held;
    pid_t pid = 0;
    if (words >> number >> kind >> mode >> access >> pid >> held && kind == "FLOCK" && held == place &&
        pid > 0)
      return pid;
  }
  return std::nullopt;
}

}  // namespace llp
