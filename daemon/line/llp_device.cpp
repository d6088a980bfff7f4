// SPDX-License-Identifier: BSD-3-Clause
#include "line/llp_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <uapi/llp.h>
#include <unistd.h>

#include <array>
#include <asio/experimental/as_tuple.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <fstream>
#include <functional>
#include <utility>

#include "base/fd.hpp"
#include "base/pollable.hpp"
#include "io/stream_base.hpp"
#include "io/tty_port.hpp"

namespace llp::line {

namespace {

constexpr const char* kLdiscName = "n_llp";
constexpr int kTtyLdisc = 0;  // N_TTY

// Calls until a signal no longer interrupts it; bytes, or an errno.
template <class Call>
std::expected<std::size_t, int> uninterrupted(Call call) noexcept {
  ssize_t n = 0;
  do {
    n = call();
  } while (n < 0 && errno == EINTR);
  if (n < 0) return std::unexpected(errno);
  return static_cast<std::size_t>(n);
}

class DeviceFile final : public MessageFile {
 public:
  DeviceFile(const asio::any_io_executor& executor, UniqueFd fd) : file_(executor, std::move(fd)) {}

  asio::awaitable<short> wait(short events) override {
    return file_.wait(events, Pollable::Clock::time_point::max());
  }
  std::expected<std::size_t, int> read(std::span<std::uint8_t> out) noexcept override {
    return uninterrupted([&] { return ::read(file_.fd(), out.data(), out.size()); });
  }
  std::expected<std::size_t, int> write(std::span<const std::uint8_t> text) noexcept override {
    return uninterrupted([&] { return ::write(file_.fd(), text.data(), text.size()); });
  }
  int control(unsigned long request, void* argument) noexcept override {
    while (::ioctl(file_.fd(), request, argument) < 0) {
      if (errno != EINTR) return errno;
    }
    return 0;
  }
  void close() noexcept override { file_.close(); }

 private:
  Pollable file_;
};

Result<UniqueFd> open_node(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot open " + path);
  llp_ioc_info info{};
  if (::ioctl(fd.get(), LLP_IOC_INFO, &info) != 0) {
    if (errno == ENOTTY || errno == EINVAL) {
      return fail(Errc::invalid, path + " is not a message device (/dev/llpN)");
    }
    return fail_errno("cannot ask " + path);
  }
  return fd;
}

// A line that was found: the name of its node, and what holds it there.
struct Found {
  std::string node;
  std::shared_ptr<void> held;
};

class LlpDevice final : public MessageDevice {
 public:
  // `find` runs on a worker and may block; `device` is what it looks for.
  LlpDevice(const asio::any_io_executor& executor, std::string name, std::string device,
            std::function<Result<Found>()> find, io::StreamOptions options, Logger log)
      : executor_(executor),
        name_(std::move(name)),
        device_(std::move(device)),
        find_(std::move(find)),
        options_(std::move(options)),
        log_(std::move(log)),
        back_off_(options_.reopen_min, options_.reopen_max),
        timer_(executor) {}
  ~LlpDevice() override { LlpDevice::close(); }

  asio::awaitable<Result<std::unique_ptr<MessageFile>>> open() override;
  Result<std::unique_ptr<MessageFile>> open_another() override {
    auto fd = open_node(found_.node);
    if (!fd) return std::unexpected(std::move(fd.error()));
    return std::make_unique<DeviceFile>(executor_, std::move(*fd));
  }
  void release() noexcept override {
    if (found_.held) options_.pool->post([gone = std::exchange(found_.held, nullptr)] {});
  }
  void close() noexcept override {
    closed_ = true;
    release();
    timer_.cancel();
  }
  std::string describe() const override { return name_; }

 private:
  asio::any_io_executor executor_;
  std::string name_;
  std::string device_;
  std::function<Result<Found>()> find_;
  io::StreamOptions options_;
  Logger log_;
  io::BackOff back_off_;
  asio::steady_timer timer_;
  Found found_;
  bool opened_before_ = false;
  bool closed_ = false;
};

asio::awaitable<Result<std::unique_ptr<MessageFile>>> LlpDevice::open() {
  release();
  back_off_.reset();
  std::string said;      // why it waits
  bool changed = false;  // a port came or went since the attempt began
  std::unique_ptr<io::PortWatch::Watch> watch;
  if (options_.ports) {
    watch = options_.ports->watch(device_, [this, &changed] {
      changed = true;
      timer_.cancel();
    });
  }
  while (!closed_) {
    changed = false;
    auto find = find_;
    auto found = co_await options_.pool->run(std::move(find));
    if (closed_) {
      if (found) options_.pool->post([gone = std::move(found->held)] {});
      break;
    }
    Result<std::unique_ptr<MessageFile>> file = std::unexpected(found ? Error{} : found.error());
    if (found) {
      found_ = std::move(*found);
      file = open_another();
    }
    if (file) {
      opened_before_ = true;
      if (!said.empty()) log_.notice("{} is there", name_);
      co_return std::move(*file);
    }
    release();
    const Error error = file.error();
    const bool hopeless = error.code == Errc::invalid || error.code == Errc::cancelled;
    if (hopeless || !(opened_before_ || options_.wait_for_device)) co_return std::unexpected(error);
    if (said != error.message) log_.notice("waiting for {}: {}", name_, error.message);
    said = error.message;
    if (changed) continue;
    const bool missing = error.code == Errc::not_found && (error.sys_errno == 0 || error.sys_errno == ENOENT);
    const bool announced = missing && watch && watch->announces();
    if (announced) {
      timer_.expires_at(asio::steady_timer::time_point::max());
    } else {
      timer_.expires_after(back_off_.next());
    }
    co_await timer_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  }
  co_return fail(Errc::cancelled, name_ + " was closed");
}

// A port attached to the line discipline, until it is destroyed.
class AttachedPort {
 public:
  explicit AttachedPort(std::unique_ptr<io::TtyPort> port) : port_(std::move(port)) {}
  AttachedPort(const AttachedPort&) = delete;
  AttachedPort& operator=(const AttachedPort&) = delete;
  ~AttachedPort() {
    int ldisc = kTtyLdisc;
    if (attached_) static_cast<void>(::ioctl(port_->fd(), TIOCSETD, &ldisc));
  }

  Result<std::string> attach(const std::string& device) {
    int ldisc = LLP_LDISC;
    if (::ioctl(port_->fd(), TIOCSETD, &ldisc) != 0) {
      if (errno == EINVAL) {
        return fail(Errc::not_found,
                    fmt::format("{}: the module n_llp is not loaded (modprobe n_llp)", device));
      }
      if (errno == EPERM) {
        return fail(
            Errc::permission,
            fmt::format("{}: attaching a line needs CAP_SYS_TTY_CONFIG; or attach it beforehand: ldattach "
                        "{} {}",
                        device, LLP_LDISC, device));
      }
      return fail_errno(fmt::format("cannot attach {} to the line discipline", device));
    }
    attached_ = true;
    llp_ioc_info info{};
    if (::ioctl(port_->fd(), LLP_IOC_INFO, &info) != 0) return fail_errno("cannot ask the line of " + device);
    return fmt::format("/dev/llp{}", info.line);
  }

 private:
  std::unique_ptr<io::TtyPort> port_;
  bool attached_ = false;
};

}  // namespace

bool kernel_has_llp(const std::string& proc_ldiscs) {
  std::ifstream table(proc_ldiscs);
  std::string name;
  int number = 0;
  while (table >> name >> number) {
    if (name == kLdiscName && number == LLP_LDISC) return true;
  }
  return false;
}

bool may_attach() noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return false;
  return (sets[0].effective & (1U << CAP_SYS_ADMIN | 1U << CAP_SYS_TTY_CONFIG)) != 0;
}

bool is_message_device(std::string_view path) noexcept {
  constexpr std::string_view kPrefix = "/dev/llp";
  if (!path.starts_with(kPrefix) || path.size() == kPrefix.size()) return false;
  const char next = path[kPrefix.size()];
  return next == '/' || (next >= '0' && next <= '9');
}

std::unique_ptr<MessageDevice> make_device_node(const asio::any_io_executor& executor,
                                                const std::string& path, io::StreamOptions options,
                                                Logger log) {
  auto find = [path, ports = options.ports]() -> Result<Found> {
    if (!ports) return Found{path, nullptr};
    auto node = ports->find(path);
    if (!node) return std::unexpected(std::move(node.error()));
    return Found{std::move(*node), nullptr};
  };
  return std::make_unique<LlpDevice>(executor, path, path, std::move(find), std::move(options),
                                     std::move(log));
}

std::unique_ptr<MessageDevice> make_attached_port(const asio::any_io_executor& executor, const io::Tty& tty,
                                                  io::StreamOptions options, Logger log) {
  auto find = [tty, ports = options.ports, lock_dir = options.lock_dir,
               low_latency = options.low_latency]() -> Result<Found> {
    io::Tty there = tty;
    if (ports) {
      auto device = ports->find(tty.device);
      if (!device) return std::unexpected(std::move(device.error()));
      there.device = std::move(*device);
    }
    auto port = io::TtyPort::open(there, lock_dir, low_latency);
    if (!port) return std::unexpected(std::move(port.error()));
    auto attached = std::make_shared<AttachedPort>(std::move(*port));
    auto node = attached->attach(there.device);
    if (!node) return std::unexpected(std::move(node.error()));
    return Found{std::move(*node), std::move(attached)};
  };
  std::string name = io::describe(io::LineSpec(tty)) + " (kernel)";
  return std::make_unique<LlpDevice>(executor, std::move(name), tty.device, std::move(find),
                                     std::move(options), std::move(log));
}

}  // namespace llp::line
