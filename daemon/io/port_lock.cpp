// SPDX-License-Identifier: BSD-3-Clause
#include "io/port_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/process.hpp"

namespace llp::io {

namespace {

constexpr std::string_view kDigits = "0123456789";

// The process id in a lock file, or 0.
pid_t read_pid(int fd) {
  char text[64] = {};
  const ssize_t n = ::pread(fd, text, sizeof text - 1, 0);
  if (n <= 0) return 0;
  // Four bytes with a last one of 0 are a number: no process has one so large
  // that it were not, though its lowest bytes may look like digits.
  const bool number = n == sizeof(std::int32_t) && text[n - 1] == 0;
  const std::string_view view(text, number ? 0 : static_cast<std::size_t>(n));
  const std::size_t first = view.find_first_of(kDigits);
  if (first != view.npos && view.substr(0, first).find_first_not_of(' ') == view.npos) {
    pid_t pid = 0;
    std::from_chars(text + first, text + n, pid);
    return std::max(pid, 0);
  }
  if (n != sizeof(std::int32_t)) return 0;
  std::int32_t binary = 0;
  std::memcpy(&binary, text, sizeof binary);
  return std::max(binary, 0);
}

bool same_file(int fd, const std::filesystem::path& path) {
  struct stat open{};
  struct stat named{};
  return ::fstat(fd, &open) == 0 && ::lstat(path.c_str(), &named) == 0 && open.st_dev == named.st_dev &&
         open.st_ino == named.st_ino;
}

Error in_use(const std::string& device, pid_t pid, const std::string& how) {
  return Error{Errc::in_use,
               fmt::format("{} is locked by {}{}", device,
                           pid == ::getpid() ? "this process, as another line" : describe_process(pid), how),
               0};
}

enum class Seen { gone, removed };

// Looks at a lock file that is in the way: an error if somebody has it,
// `removed` if it was stale and we have removed it, `gone` if it vanished.
Result<Seen> clear_stale(const std::filesystem::path& path, const std::string& device) {
  // Never blocking, never following a link that somebody has put there.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) {
    if (errno == ENOENT) return Seen::gone;
    return fail(Errc::in_use, fmt::format("{} has a lock file {} that cannot be read: {}", device,
                                          path.string(), errno_text(errno)));
  }
  const pid_t pid = read_pid(fd.get());
  if (pid == 0) {
    return fail(Errc::in_use,
                fmt::format("{} has a lock file {} without a process id; remove it if nobody uses the port",
                            device, path.string()));
  }
  const bool ours = pid == ::getpid();
  if (!ours && process_lives(pid)) return std::unexpected(in_use(device, pid, ""));
  // Stale, or of a process with our id: whoever holds the flock is the owner,
  // and of several who find it stale one removes it.
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (ours) return std::unexpected(in_use(device, pid, ""));
    return Seen::gone;
  }
  if (!same_file(fd.get(), path)) return Seen::gone;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    const int err = errno;
    return fail(Errc::in_use,
                fmt::format("{} has a stale lock file {} of process {} that cannot be removed: {}", device,
                            path.string(), pid, errno_text(err)));
  }
  return Seen::removed;
}

}  // namespace

std::string UucpLock::name_of(const std::filesystem::path& device) {
  std::string name = device.lexically_normal().string();
  constexpr std::string_view kDev = "/dev/";
  if (name.starts_with(kDev)) {
    name.erase(0, kDev.size());
  } else {
    name = device.filename().string();
  }
  std::ranges::replace(name, '/', '_');
  return name;
}

Result<UucpLock> UucpLock::take(const std::filesystem::path& dir, const std::string& name,
                                const std::string& device) {
  const auto path = dir / ("LCK.." + name);
  // What is there counts even where we may not write.
  for (int attempt = 0; attempt < 20; ++attempt) {
    auto seen = clear_stale(path, device);
    if (!seen) return std::unexpected(seen.error());

    std::string temp = (dir / "LTMP..XXXXXX").string();
    UniqueFd fd(::mkostemp(temp.data(), O_CLOEXEC));
    if (!fd) return fail_errno(fmt::format("cannot make a lock file in {}", dir.string()));
    const std::string text = fmt::format("{:10d}\n", ::getpid());
    int err = 0;
    if (::fchmod(fd.get(), 0644) != 0 || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 ||
        ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::link(temp.c_str(), path.c_str()) != 0) {
      err = errno;
    }
    ::unlink(temp.c_str());
    if (err == 0) return UucpLock(path, std::move(fd));
    if (err != EEXIST) return fail_errno(fmt::format("cannot make {}", path.string()), err);
  }
  return fail(Errc::in_use,
              fmt::format("{}: others take its lock file {} all the time", device, path.string()));
}

UucpLock::UucpLock(UucpLock&& other) noexcept
    : file_(std::exchange(other.file_, {})), fd_(std::move(other.fd_)) {}
UucpLock& UucpLock::operator=(UucpLock&& other) noexcept {
  if (this != &other) {
    release();
    file_ = std::exchange(other.file_, {});
    fd_ = std::move(other.fd_);
  }
  return *this;
}
UucpLock::~UucpLock() { release(); }

void UucpLock::release() noexcept {
  if (!fd_) return;
  if (same_file(fd_.get(), file_)) ::unlink(file_.c_str());
  fd_.reset();
}

Result<PortLock> PortLock::take(const std::filesystem::path& device, const std::filesystem::path& lock_dir,
                                std::string& note) {
  std::error_code ec;
  const auto real = std::filesystem::canonical(device, ec);
  if (ec) return fail_errno(fmt::format("cannot open {}", device.string()), ec.value());
  note.clear();
  UucpLock file;
  if (!lock_dir.empty()) {
    auto taken = UucpLock::take(lock_dir, UucpLock::name_of(real), device.string());
    if (taken) {
      file = std::move(*taken);
    } else if (taken.error().code == Errc::in_use) {
      return std::unexpected(taken.error());
    } else {
      note = taken.error().message + "; flock and TIOCEXCL lock the port all the same";
    }
  }
  return PortLock(device.string(), std::move(file));
}

Result<void> PortLock::lock(int fd, bool exclusive) {
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno(fmt::format("cannot lock {}", device_));
    if (const auto pid = flock_holder(fd)) return std::unexpected(in_use(device_, *pid, ""));
    return fail(Errc::in_use, fmt::format("{} is locked by another process", device_));
  }
  fd_ = fd;
  if (!exclusive) return {};
  // For a privileged process open(2) does not fail on a port that is exclusive.
  int already = 0;
  if (::ioctl(fd, TIOCGEXCL, &already) == 0 && already != 0) return std::unexpected(exclusive_error(device_));
  if (::ioctl(fd, TIOCEXCL) != 0) return fail_errno(fmt::format("cannot have {} exclusively", device_));
  exclusive_ = true;
  return {};
}

Error PortLock::exclusive_error(const std::string& device) {
  return Error{Errc::in_use,
               fmt::format("{} is in use: another process has it exclusively (TIOCEXCL)", device), EBUSY};
}

PortLock::PortLock(PortLock&& other) noexcept
    : device_(std::move(other.device_)),
      file_(std::move(other.file_)),
      fd_(std::exchange(other.fd_, -1)),
      exclusive_(std::exchange(other.exclusive_, false)) {}
PortLock& PortLock::operator=(PortLock&& other) noexcept {
  if (this != &other) {
    release();
    device_ = std::move(other.device_);
    file_ = std::move(other.file_);
    fd_ = std::exchange(other.fd_, -1);
    exclusive_ = std::exchange(other.exclusive_, false);
  }
  return *this;
}
PortLock::~PortLock() { release(); }

void PortLock::release() noexcept {
  if (fd_ < 0) return;
  if (exclusive_) ::ioctl(fd_, TIOCNXCL);
  ::flock(fd_, LOCK_UN);
  fd_ = -1;
  exclusive_ = false;
}

}  // namespace llp::io
