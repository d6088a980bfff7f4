// SPDX-License-Identifier: BSD-3-Clause
// A line in the kernel behind a client: whole messages, one read() and one write() each.
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <uapi/llp.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "libllp/link.hpp"
#include "line/kernel_setup.hpp"
#include "line/llp_device.hpp"

namespace llp::detail {

namespace {

constexpr short kGone = POLLERR | POLLHUP | POLLNVAL;

// What writing or reading a message says, see llp(4).
Errc code_of(std::uint32_t err) noexcept {
  switch (err) {
    case EBUSY:
    case EREMOTEIO: return Errc::refused;
    case ETIMEDOUT:
    case ECOMM: return Errc::timeout;
    case ECANCELED:
    case EINTR: return Errc::cancelled;
    case EILSEQ: return Errc::malformed;
    case EMSGSIZE: return Errc::too_large;
    case ENETDOWN:
    case ENODEV: return Errc::reset;
    default: return errc_of(static_cast<int>(err));
  }
}

class DeviceLink final : public Link {
 public:
  DeviceLink(asio::any_io_executor executor, std::string path)
      : executor_(std::move(executor)), path_(std::move(path)) {}

  asio::awaitable<Result<void>> connect(Clock::time_point deadline) override {
    return connect_it(self(), deadline);
  }
  asio::awaitable<Result<std::size_t>> send(Bytes message, Clock::time_point deadline) override {
    return send_it(self(), std::move(message), deadline);
  }
  asio::awaitable<Result<Received>> recv(Clock::time_point deadline) override {
    return recv_it(self(), deadline);
  }
  asio::awaitable<void> close() override {
    abort();
    co_return;
  }
  void abort() noexcept override {
    if (file_) file_->close();
    if (device_) device_->close();
    closed_ = true;
  }
  Bytes take_lost() override {
    Bytes out(4096);
    llp_ioc_lost lost{};
    lost.data =
        reinterpret_cast<std::uintptr_t>(out.data());  // NOLINT(performance-no-int-to-ptr): the interface
    lost.size = static_cast<std::uint32_t>(out.size());
    if (!file_ || closed_ || line::control(*file_, LLP_IOC_LOST, lost) != 0) return {};
    out.resize(lost.size);
    return out;
  }
  bool connected() const noexcept override { return file_ && !closed_; }
  std::string describe() const override { return path_; }

 private:
  using Self = std::shared_ptr<DeviceLink>;
  using File = std::shared_ptr<line::MessageFile>;
  Self self() { return std::static_pointer_cast<DeviceLink>(shared_from_this()); }

  [[nodiscard]] std::unexpected<Error> failure(int err, const char* what) const {
    Error error = sys_error(fmt::format("{}: {}", path_, what), err);
    error.code = code_of(static_cast<std::uint32_t>(err));
    return std::unexpected(std::move(error));
  }
  [[nodiscard]] std::unexpected<Error> gone() const {
    if (closed_) return fail(Errc::cancelled, path_ + ": closed on this side");
    return fail(Errc::reset, path_ + ": the line is gone");
  }

  static asio::awaitable<Result<void>> connect_it(Self self, Clock::time_point deadline) {
    io::StreamOptions options;
    options.pool = std::make_shared<WorkerPool>(1);
    self->device_ = line::make_device_node(self->executor_, self->path_, options, Logger());
    auto opened = co_await within(deadline, open(self->device_));
    if (!opened) co_return fail(Errc::timeout, self->path_ + ": cannot be opened in time");
    if (!*opened) co_return std::unexpected(std::move(opened->error()));
    self->file_ = std::move(**opened);
    llp_ioc_info info{};
    if (const int err = line::control(*self->file_, LLP_IOC_INFO, info)) {
      co_return self->failure(err, "cannot ask the line");
    }
    if ((info.flags & LLP_INFO_UP) == 0) {
      co_return fail(Errc::refused, self->path_ + ": the line is down: set it up first (llp(4))");
    }
    co_return Result<void>();
  }

  // Owns the device, whoever else lets go.
  static asio::awaitable<Result<std::unique_ptr<line::MessageFile>>> open(
      std::shared_ptr<line::MessageDevice> device) {
    co_return co_await device->open();
  }

  // What came of the message written: there is one at a time.
  static std::optional<llp_ioc_result> result(line::MessageFile& file) {
    llp_ioc_result one{};
    while (line::control(file, LLP_IOC_RESULT, one) == 0) {
      if (one.type == LLP_RESULT_SENT) return one;
    }
    return std::nullopt;
  }

  static asio::awaitable<Result<std::size_t>> send_it(Self self, Bytes message, Clock::time_point deadline) {
    const File file = self->file_;
    if (!file || self->closed_) co_return fail(Errc::invalid, self->path_ + ": not connected");
    static_cast<void>(result(*file));
    while (true) {
      const auto written = file->write(message);
      if (written) break;
      if (written.error() != EAGAIN) co_return self->failure(written.error(), "cannot send");
      const auto ready = co_await within(deadline, file->wait(POLLOUT));
      if (!ready) co_return fail(Errc::timeout, self->path_ + ": the line takes no message");
      if ((*ready & kGone) != 0) co_return self->gone();
    }
    while (true) {
      if (const auto one = result(*file)) {
        if (one->error == 0) co_return message.size();
        co_return self->failure(static_cast<int>(one->error), "not delivered");
      }
      const auto ready = co_await within(deadline, file->wait(POLLPRI));
      if (!ready) {
        std::uint32_t all = 0;
        static_cast<void>(line::control(*file, LLP_IOC_ABORT, all));
        co_return fail(Errc::timeout, self->path_ + ": the message was not sent in time");
      }
      if ((*ready & kGone) != 0 && (*ready & POLLPRI) == 0) co_return self->gone();
    }
  }

  static asio::awaitable<Result<Received>> recv_it(Self self, Clock::time_point deadline) {
    const File file = self->file_;
    if (!file || self->closed_) co_return fail(Errc::invalid, self->path_ + ": not connected");
    if (!std::exchange(self->receiving_, true)) {
      std::uint32_t on = 1;
      if (const int err = line::control(*file, LLP_IOC_RECEIVE, on)) {
        self->receiving_ = false;
        if (err == EBUSY)
          co_return fail(Errc::in_use, self->path_ + ": another program receives on this line");
        co_return self->failure(err, "cannot receive");
      }
    }
    Bytes text;
    while (true) {
      int size = 0;
      if (const int err = line::control(*file, FIONREAD, size))
        co_return self->failure(err, "cannot receive");
      text.resize(static_cast<std::size_t>(std::max(size, 1)));
      const auto got = file->read(text);
      if (got && *got == 0) co_return fail(Errc::closed, self->path_ + ": the line is gone");
      if (got) {
        text.resize(*got);
        co_return Received{std::move(text), self->take_lost()};
      }
      if (got.error() == EMSGSIZE) continue;
      if (got.error() != EAGAIN) co_return self->failure(got.error(), "cannot receive");
      const auto ready = co_await within(deadline, file->wait(POLLIN));
      if (!ready) co_return fail(Errc::timeout, self->path_ + ": no message in time");
      if ((*ready & POLLIN) == 0) co_return self->gone();
    }
  }

  asio::any_io_executor executor_;
  std::string path_;
  std::shared_ptr<line::MessageDevice> device_;
  File file_;
  bool receiving_ = false;
  bool closed_ = false;
};

}  // namespace

Result<LinkPtr> make_device_link(asio::any_io_executor executor, const Address& address,
                                 const ClientOptions& options) {
  if (!options.settings.empty() || !options.peer.empty()) {
    return fail(Errc::invalid,
                address.path + ": the parameters of a line in the kernel are set there (llp(4))");
  }
  return std::make_shared<DeviceLink>(std::move(executor), address.path);
}

}  // namespace llp::detail
