// SPDX-License-Identifier: BSD-3-Clause
// Attaching on this machine.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <uapi/llp.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "base/fd.hpp"
#include "cmd/notify.hpp"
#include "io/tty_port.hpp"
#include "llpattach/attach_tty.hpp"

namespace llp::attach {

namespace {

constexpr int kTtyLdisc = 0;  // N_TTY
constexpr std::chrono::milliseconds kPause{100};
constexpr int kUnbounded = -1;

Result<struct stat> port_of(const std::string& device) {
  struct stat found{};
  if (::stat(device.c_str(), &found) != 0) return fail_errno(device);
  if (!S_ISCHR(found.st_mode)) return fail(Errc::invalid, device + " is not a serial port");
  return found;
}

// A value of a driver in sysfs that is changed while we have the port.
class Borrowed {
 public:
  Borrowed(std::string path, const std::string& wanted) : path_(std::move(path)) {
    std::ifstream in(path_);
    std::string found;
    if (!(in >> found) || found == wanted) return;
    std::ofstream out(path_);
    if (out << wanted << std::flush) found_ = found;
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() {
    if (!found_) return;
    std::ofstream out(path_);
    out << *found_;
  }

 private:
  std::string path_;
  std::optional<std::string> found_;
};

class SystemPort final : public AttachPort {
 public:
  SystemPort(std::unique_ptr<io::TtyPort> port, std::string device, const std::string& tty, bool low_latency)
      : port_(std::move(port)), device_(std::move(device)) {
    // A 16550 tells of one byte rather than of eight, or of a silence.
    if (low_latency) trigger_.emplace("/sys/class/tty/" + tty + "/rx_trig_bytes", "1");
    sigset_t ends;
    ::sigemptyset(&ends);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&ends, number);
    ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    signals_ = UniqueFd(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~SystemPort() override {
    int ldisc = kTtyLdisc;
    if (attached_) static_cast<void>(::ioctl(port_->fd(), TIOCSETD, &ldisc));
  }

  Result<std::uint32_t> attach(int ldisc) override;
  std::vector<std::string> notes() const override { return port_->notes(); }
  Result<End> wait() override;

 private:
  std::unique_ptr<io::TtyPort> port_;
  std::string device_;
  std::optional<Borrowed> trigger_;
  UniqueFd signals_;
  UniqueFd line_;
  bool attached_ = false;
};

Result<std::uint32_t> SystemPort::attach(int ldisc) {
  if (!signals_) return fail_errno("cannot wait for signals");
  if (::ioctl(port_->fd(), TIOCSETD, &ldisc) != 0) {
    if (errno == EINVAL) {
      return fail(Errc::not_found,
                  device_ + ": the module n_llp is not loaded (modprobe n_llp; see dmesg if that fails)");
    }
    if (errno == EPERM) {
      return fail(Errc::permission,
                  device_ + ": attaching a line needs root, or CAP_SYS_TTY_CONFIG and CAP_SYS_MODULE");
    }
    return fail_errno(fmt::format("cannot attach {} to the line discipline {}", device_, ldisc));
  }
  attached_ = true;
  llp_ioc_info info{};
  if (::ioctl(port_->fd(), LLP_IOC_INFO, &info) != 0) {
    return fail(Errc::invalid,
                fmt::format("the line discipline {} is not n_llp: another module has its number", ldisc));
  }
  if (info.abi < LLP_ABI_VERSION) {
    return fail(
        Errc::invalid,
        fmt::format("the module n_llp is older than this program (interface {}, not {}): load the one "
                    "that came with it",
                    info.abi, LLP_ABI_VERSION));
  }
  // Tells when the line is taken from the port by somebody else; in a mount
  // namespace without the node only the port itself does.
  line_ = UniqueFd(::open(fmt::format("/dev/llp{}", info.line).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  return info.line;
}

Result<End> SystemPort::wait() {
  for (;;) {
    std::array<pollfd, 3> all{pollfd{signals_.get(), POLLIN, 0}, pollfd{port_->fd(), 0, 0},
                              pollfd{line_.get(), 0, 0}};
    if (::poll(all.data(), all.size(), kUnbounded) < 0) {
      if (errno == EINTR) continue;
      return fail_errno("cannot wait for " + device_);
    }
    if ((all[0].revents & POLLIN) != 0) return End::told;
    if ((all[1].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
      attached_ = false;  // the kernel took the line discipline off
      return End::gone;
    }
    if ((all[2].revents & (POLLHUP | POLLERR)) != 0) {
      // At a hang-up the line goes first: the port tells a moment later.
      pollfd port{port_->fd(), 0, 0};
      static_cast<void>(::poll(&port, 1, static_cast<int>(kPause.count())));
      attached_ = false;
      return (port.revents & (POLLHUP | POLLERR)) != 0 ? End::gone : End::detached;
    }
  }
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// Whether a process has a file open that is this device.
bool has_open(const std::filesystem::path& process, dev_t device) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(process / "fd", error)) {
    struct stat found{};
    if (::stat(entry.path().c_str(), &found) == 0 && S_ISCHR(found.st_mode) && found.st_rdev == device) {
      return true;
    }
  }
  return false;
}

class System final : public AttachSystem {
 public:
  std::string ldiscs() override { return text_of("/proc/tty/ldiscs"); }

  Result<std::unique_ptr<AttachPort>> open(const io::Tty& tty, const std::string& lock_dir,
                                           bool low_latency) override {
    auto name = tty_name(tty.device);
    if (!name) return std::unexpected(std::move(name.error()));
    auto port = io::TtyPort::open(tty, lock_dir, low_latency);
    if (!port) return std::unexpected(std::move(port.error()));
    return std::make_unique<SystemPort>(std::move(*port), tty.device, *name, low_latency);
  }

  Result<std::string> tty_name(const std::string& device) override {
    auto port = port_of(device);
    if (!port) return std::unexpected(std::move(port.error()));
    std::error_code error;
    const auto real = std::filesystem::canonical(device, error);
    if (error) return fail_errno(device, error.value());
    // What the kernel calls a slave of a pseudo terminal: "pts3"
    const std::string path = real.string();
    constexpr std::string_view kPts = "/dev/pts/";
    if (path.starts_with(kPts)) return "pts" + path.substr(kPts.size());
    return real.filename().string();
  }

  std::vector<Holder> holders(const std::string& device) override {
    std::vector<Holder> found;
    const auto port = port_of(device);
    if (!port) return found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
      const std::string name = entry.path().filename();
      pid_t pid = 0;
      const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
      if (wrong != std::errc() || end != name.data() + name.size() || pid == ::getpid()) continue;
      if (has_open(entry.path(), port->st_rdev)) found.push_back({pid, text_of(entry.path() / "comm")});
    }
    return found;
  }

  Result<void> end(pid_t pid) override {
    if (::kill(pid, SIGTERM) == 0 || errno == ESRCH) return {};
    return fail_errno(fmt::format("cannot end process {}", pid));
  }

  Result<void> take_off(const std::string& device) override {
    const UniqueFd fd(::open(device.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return fail_errno("cannot open " + device);
    int ldisc = kTtyLdisc;
    if (::ioctl(fd.get(), TIOCSETD, &ldisc) != 0) return fail_errno("cannot detach " + device);
    return {};
  }

  void pause() override { std::this_thread::sleep_for(kPause); }

  void notify(const std::string& state) override { static_cast<void>(cmd::notify(state)); }
};

}  // namespace

std::unique_ptr<AttachSystem> make_attach_system() { return std::make_unique<System>(); }

}  // namespace llp::attach
