// SPDX-License-Identifier: BSD-3-Clause
// This machine, as doctor asks it.
#include "llpctl/doctor_system.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/fd.hpp"
#include "base/process.hpp"
#include "io/line_spec.hpp"
#include "io/tty_settings.hpp"
#include "udev/udev_source.hpp"

// <termios.h> and the header of tty_settings exclude each other.
namespace {
constexpr unsigned kParityEnabled = 0000400;      // PARENB
constexpr unsigned kInputCheck = 0000020;         // INPCK
constexpr unsigned kHardwareFlow = 020000000000;  // CRTSCTS
}  // namespace

namespace llp::ctl {

namespace {

namespace fs = std::filesystem;
using doctor::Process;

std::string user_name(uid_t uid) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? found->pw_name : std::to_string(uid);
}

std::string group_name(gid_t gid) {
  std::array<char, 4096> buffer{};
  group entry{};
  group* found = nullptr;
  ::getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? found->gr_name : std::to_string(gid);
}

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();  // an error, such as a process that has ended meanwhile, only ends it
  return text.str();
}

Process process_of(pid_t pid) {
  Process process{pid, read(fmt::format("/proc/{}/comm", pid)), read(fmt::format("/proc/{}/cmdline", pid))};
  // A process chooses its name and words; they must not drive the terminal.
  while (process.program.ends_with('\n')) process.program.pop_back();
  const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  std::ranges::replace_if(process.program, control, '?');
  std::ranges::replace_if(process.words, control, ' ');
  return process;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    pid_t pid = 0;
    const auto [stop, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad == std::errc{} && stop == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

class System final : public DoctorSystem {
 public:
  std::string text_of(const std::string& file) override { return read(file); }

  std::string real_path(const std::string& path) override {
    std::error_code error;
    const auto real = fs::canonical(path, error);
    return error ? std::string() : real.string();
  }

  void look_at(doctor::Port& port) override {
    struct stat st{};
    if (::stat(port.node.c_str(), &st) != 0) return;
    port.serial = S_ISCHR(st.st_mode);
    port.readable = ::access(port.node.c_str(), R_OK) == 0;
    port.writable = ::access(port.node.c_str(), W_OK) == 0;
    port.rights =
        fmt::format("{}:{} {:04o}", user_name(st.st_uid), group_name(st.st_gid), st.st_mode & 07777U);
    port.us = user_name(::geteuid());
  }

  Result<doctor::PortState> open_and_ask(const std::string& node) override {
    const UniqueFd fd(::open(node.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!fd && errno == EBUSY) return fail(Errc::in_use, "a program has it for itself alone (TIOCEXCL)");
    if (!fd) return std::unexpected(Error{Errc::system, errno_text(errno), errno});
    const auto settings = io::get_settings(fd.get());
    if (!settings) return fail(Errc::invalid, "it is no terminal");
    doctor::PortState state;
    state.baud = settings->ospeed;
    state.mode = io::describe(io::mode_of(*settings));
    state.parity = (settings->cflag & kParityEnabled) != 0;
    state.input_check = (settings->iflag & kInputCheck) != 0;
    state.hardware_flow = (settings->cflag & kHardwareFlow) != 0;
    static_cast<void>(::ioctl(fd.get(), TIOCGETD, &state.ldisc));
    int lines = 0;
    state.modem_lines = ::ioctl(fd.get(), TIOCMGET, &lines) == 0;
    state.carrier = (lines & TIOCM_CAR) != 0;
    state.data_set = (lines & TIOCM_DSR) != 0;
    state.clear_to_send = (lines & TIOCM_CTS) != 0;
    return state;
  }

  std::vector<Process> running(const std::vector<std::string>& programs) override {
    std::vector<Process> found;
    for (const pid_t pid : all_processes()) {
      Process process = process_of(pid);
      if (std::ranges::find(programs, process.program) != programs.end()) found.push_back(std::move(process));
    }
    return found;
  }

  std::vector<Process> holders(const std::string& node) override {
    struct stat port{};
    if (::stat(node.c_str(), &port) != 0) return {};
    std::vector<Process> found;
    for (const pid_t pid : all_processes()) {
      if (pid == ::getpid()) continue;
      std::error_code error;
      const fs::directory_iterator files(fmt::format("/proc/{}/fd", pid), error);
      for (auto it = files, end = fs::directory_iterator(); !error && it != end; it.increment(error)) {
        struct stat st{};
        if (::stat(it->path().c_str(), &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == port.st_rdev) {
          found.push_back(process_of(pid));
          break;
        }
      }
    }
    return found;
  }

  bool lives(pid_t pid) override { return process_lives(pid); }

  std::optional<pid_t> flock_of(const std::string& node) override {
    // O_PATH does not open the port: nothing moves.
    const UniqueFd fd(::open(node.c_str(), O_PATH | O_CLOEXEC));
    return fd ? flock_holder(fd.get()) : std::nullopt;
  }

  std::map<std::string, std::string> properties(const std::string& node) override {
    asio::io_context unused;
    const auto ports = udev::make_udev_source(unused.get_executor())->ports();
    if (!ports) return {};
    const auto found = std::ranges::find(*ports, node, &udev::Port::node);
    return found == ports->end() ? std::map<std::string, std::string>() : found->properties;
  }
};

}  // namespace

std::unique_ptr<DoctorSystem> make_doctor_system() { return std::make_unique<System>(); }

}  // namespace llp::ctl
