// SPDX-License-Identifier: BSD-3-Clause
// A line in the kernel behind a client: whole messages, one read() and one write() each. A request has a file
// of its own, to which the kernel binds the reply, and the line's transaction lock from before it is written
// until its reply has come; who receives beside it, llpd say, is not disturbed.
#include "libllp/device_link.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <uapi/llp.h>

#include <algorithm>
#include <asio/detached.hpp>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "io/transaction_lock.hpp"
#include "line/device_words.hpp"
#include "line/kernel_setup.hpp"
#include "line/llp_device.hpp"

namespace llp::detail {

namespace {

constexpr short kGone = POLLERR | POLLHUP | POLLNVAL;
constexpr std::size_t kLostRoom = 65536;
// Nobody tells when another program's expectation ends.
constexpr auto kExpectRest = std::chrono::milliseconds(20);
// What a message is that came here and wants no answer.
constexpr std::uint32_t kNoQuestion = LLP_MSG_REPLY | LLP_MSG_ACK | LLP_MSG_LATE;

// What writing or reading a message says, see llp(4).
Errc code_of(std::uint32_t err) noexcept {
  switch (err) {
    case EBUSY:
    case EREMOTEIO: return Errc::refused;
    case ETIMEDOUT:
    case ECOMM: return Errc::timeout;
    case ECANCELED:
    case ESTALE:
    case EINTR: return Errc::cancelled;
    case EILSEQ: return Errc::malformed;
    case EMSGSIZE: return Errc::too_large;
    case ENETDOWN:
    case ENODEV: return Errc::reset;
    default: return errc_of(static_cast<int>(err));
  }
}

using File = std::shared_ptr<line::MessageFile>;

// An open file and who waits for something to read there, one at most.
struct Source {
  explicit Source(File f) : file(std::move(f)) {}
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() { file->close(); }
  File file;
  bool watched = false;
};
using SourcePtr = std::shared_ptr<Source>;

// A request that was sent, until its reply was taken.
struct Exchange {
  SourcePtr source;
  io::TransactionLock::Guard lock;
};

class DeviceLink final : public Link {
 public:
  DeviceLink(asio::any_io_executor executor, std::string path, std::unique_ptr<line::MessageDevice> device,
             const std::filesystem::path& lock_file, bool reply)
      : executor_(std::move(executor)),
        path_(std::move(path)),
        device_(std::move(device)),
        lock_(executor_, lock_file),
        reply_(reply),
        wake_(executor_) {}

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
    closed_ = true;
    lock_.close();
    question_lock_.release();
    end_exchange();
    if (sending_) sending_->close();
    if (source_) source_->file->close();
    device_->close();
    wake_.cancel();
  }
  Bytes take_lost() override {
    Bytes out(kLostRoom);
    llp_ioc_lost lost{};
    lost.data =
        reinterpret_cast<std::uintptr_t>(out.data());  // NOLINT(performance-no-int-to-ptr): the interface
    lost.size = static_cast<std::uint32_t>(out.size());
    if (!connected() || line::control(*source_->file, LLP_IOC_LOST, lost) != 0) return {};
    out.resize(lost.size);
    return out;
  }
  bool connected() const noexcept override { return source_ && !closed_; }
  std::string describe() const override { return path_; }

 private:
  using Self = std::shared_ptr<DeviceLink>;
  Self self() { return std::static_pointer_cast<DeviceLink>(shared_from_this()); }

  [[nodiscard]] std::unexpected<Error> failure(int err, std::string_view what) const {
    Error error = sys_error(fmt::format("{}: {}", path_, what), err);
    error.code = code_of(static_cast<std::uint32_t>(err));
    return std::unexpected(std::move(error));
  }
  // Of a message: "/dev/llp0: not sent: the other station ..."
  [[nodiscard]] std::unexpected<Error> undelivered(std::uint32_t outcome, int err) const {
    return std::unexpected(
        Error{code_of(static_cast<std::uint32_t>(err)),
              fmt::format("{}: {}: {}", path_, line::outcome_words(outcome), line::write_words(err)), err});
  }
  [[nodiscard]] std::unexpected<Error> gone() const {
    if (closed_) return fail(Errc::cancelled, path_ + ": closed on this side");
    return fail(Errc::reset, path_ + ": the line is gone");
  }
  [[nodiscard]] std::unexpected<Error> not_connected() const {
    return fail(Errc::invalid, path_ + ": not connected");
  }

  // ---- connecting ----

  // Owns the device, whoever else lets go.
  static asio::awaitable<Result<std::unique_ptr<line::MessageFile>>> open(
      std::shared_ptr<line::MessageDevice> device) {
    co_return co_await device->open();
  }

  // A new file acknowledges as the line's option says, which may be another program's business.
  [[nodiscard]] Result<SourcePtr> prepare(std::unique_ptr<line::MessageFile> file) const {
    auto source = std::make_shared<Source>(std::move(file));
    std::uint32_t policy = LLP_POLICY_READ;
    if (const int err = line::control(*source->file, LLP_IOC_POLICY, policy)) {
      return failure(err, "cannot set the acknowledgement policy");
    }
    return source;
  }

  static asio::awaitable<Result<void>> connect_it(Self self, Clock::time_point deadline) {
    auto opened = co_await within(deadline, open(self->device_));
    if (!opened) co_return fail(Errc::timeout, self->path_ + ": cannot be opened in time");
    if (!*opened) co_return std::unexpected(std::move((*opened).error()));
    auto source = self->prepare(std::move(**opened));
    if (!source) co_return std::unexpected(std::move(source.error()));
    llp_ioc_info info{};
    if (const int err = line::control(*(*source)->file, LLP_IOC_INFO, info)) {
      co_return self->failure(err, "cannot ask the line");
    }
    if ((info.flags & LLP_INFO_UP) == 0) {
      co_return fail(Errc::refused, self->path_ + ": the line is down: set it up first (llp(4))");
    }
    if (self->closed_) co_return self->gone();
    self->source_ = std::move(*source);
    co_return Result<void>();
  }

  // ---- sending ----

  static asio::awaitable<Result<std::size_t>> send_it(Self self, Bytes message, Clock::time_point deadline) {
    if (!self->connected()) co_return self->not_connected();
    if (self->exchange_) {
      co_return fail(Errc::busy, self->path_ + ": the reply to the message before is outstanding");
    }
    if (self->question_ != 0) co_return co_await answer(self, std::move(message), deadline);
    self->requesting_ = true;
    auto sent = co_await request(self, std::move(message), deadline);
    self->requesting_ = false;
    self->wake_.cancel();
    co_return sent;
  }

  // The answer to what recv() brought last. It goes without the lock if another process has that.
  static asio::awaitable<Result<std::size_t>> answer(Self self, Bytes message, Clock::time_point deadline) {
    const File file = self->source_->file;
    auto lock = std::move(self->question_lock_);
    if (!lock) {
      if (auto taken = self->lock_.try_acquire()) lock = std::move(*taken);
    }
    std::uint32_t question = std::exchange(self->question_, 0);
    if (const int err = line::control(*file, LLP_IOC_ANSWER, question)) {
      question = 0;  // what is written next is no answer to it
      static_cast<void>(line::control(*file, LLP_IOC_ANSWER, question));
      co_return self->undelivered(LLP_OUTCOME_NOT_SENT, err);
    }
    co_return co_await transfer(self, file, std::move(message), deadline);
  }

  static asio::awaitable<Result<std::size_t>> request(Self self, Bytes message, Clock::time_point deadline) {
    auto lock = co_await self->lock_.acquire(
        std::max<std::chrono::nanoseconds>(deadline - Clock::now(), std::chrono::nanoseconds(0)));
    if (!lock && lock.error().code == Errc::timeout) {
      co_return fail(Errc::in_use, self->path_ + ": not sent: " + lock.error().message);
    }
    if (!lock) co_return std::unexpected(std::move(lock.error()));
    if (self->closed_) co_return self->gone();
    auto file = self->device_->open_another();
    if (!file) co_return std::unexpected(std::move(file.error()));
    auto source = self->prepare(std::move(*file));
    if (!source) co_return std::unexpected(std::move(source.error()));
    std::uint32_t expect = self->expectation();
    while (const int err = line::control(*(*source)->file, LLP_IOC_EXPECT, expect)) {
      if (err != EBUSY) co_return self->failure(err, "cannot expect a reply");
      if (Clock::now() >= deadline) {
        co_return fail(Errc::in_use,
                       self->path_ + ": not sent: another program waits for a reply on this line");
      }
      asio::steady_timer rest(self->executor_, kExpectRest);
      co_await rest.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    }
    const File out = (*source)->file;
    auto sent = co_await transfer(self, out, std::move(message), deadline);
    if (!sent) co_return sent;
    if (self->closed_) co_return self->gone();
    if (expect != LLP_EXPECT_OFF) {
      self->exchange_.emplace(Exchange{std::move(*source), std::move(*lock)});
    }
    co_return sent;
  }

  // Whether the line's instrument replies is the line's to say.
  [[nodiscard]] std::uint32_t expectation() const {
    if (!reply_) return LLP_EXPECT_OFF;
    const std::string value = parameter("expect_out");
    if (value == "none") return LLP_EXPECT_OFF;
    return value == "optional" ? LLP_EXPECT_MAYBE : LLP_EXPECT_REQUIRED;
  }

  // Whether the instrument waits for an answer to what it sends.
  [[nodiscard]] bool answers_wanted() const { return parameter("expect_in") != "none"; }

  [[nodiscard]] std::string parameter(std::string_view name) const {
    llp_ioc_param param{};
    name.copy(param.name, sizeof param.name - 1);
    return line::control(*source_->file, LLP_IOC_GET_PARAM, param) == 0 ? param.value : "";
  }

  // What came of the message written: there is one at a time.
  static std::optional<llp_ioc_result> result(line::MessageFile& file) {
    llp_ioc_result one{};
    while (line::control(file, LLP_IOC_RESULT, one) == 0) {
      if (one.type == LLP_RESULT_SENT) return one;
    }
    return std::nullopt;
  }

  // Writes it and learns what became of it.
  static asio::awaitable<Result<std::size_t>> transfer(Self self, File file, Bytes message,
                                                       Clock::time_point deadline) {
    self->sending_ = file;
    auto sent = co_await write(self, std::move(file), std::move(message), deadline);
    self->sending_.reset();
    co_return sent;
  }

  static asio::awaitable<Result<std::size_t>> write(Self self, File file, Bytes message,
                                                    Clock::time_point deadline) {
    static_cast<void>(result(*file));
    while (true) {
      const auto written = file->write(message);
      if (written) break;
      if (written.error() != EAGAIN) co_return self->undelivered(LLP_OUTCOME_NOT_SENT, written.error());
      const auto ready = co_await within(deadline, file->wait(POLLOUT));
      if (!ready) co_return fail(Errc::timeout, self->path_ + ": not sent: the line takes no message");
      if ((*ready & kGone) != 0) co_return self->gone();
    }
    while (true) {
      if (const auto one = result(*file)) {
        if (one->error == 0) co_return message.size();
        co_return self->undelivered(one->outcome, static_cast<int>(one->error));
      }
      const auto ready = co_await within(deadline, file->wait(POLLPRI));
      if (!ready) co_return self->too_late(*file);
      if ((*ready & kGone) != 0 && (*ready & POLLPRI) == 0) {
        if (self->closed_) co_return self->gone();
        co_return self->undelivered(LLP_OUTCOME_UNKNOWN, ENODEV);
      }
    }
  }

  // Taken back. What had not begun ends at once; else the line ends it, and how is not waited for.
  [[nodiscard]] std::unexpected<Error> too_late(line::MessageFile& file) const {
    std::uint32_t all = 0;
    static_cast<void>(line::control(file, LLP_IOC_ABORT, all));
    const auto one = result(file);
    const std::uint32_t outcome = one ? one->outcome : std::uint32_t{LLP_OUTCOME_UNKNOWN};
    return fail(Errc::timeout, fmt::format("{}: {}: the time was up", path_, line::outcome_words(outcome)));
  }

  // ---- receiving ----

  void end_exchange() noexcept {
    if (!exchange_) return;
    exchange_->source->file->close();
    exchange_.reset();
  }

  // Wakes recv() when there is something to read, or when the file has gone.
  static asio::awaitable<void> watch(Self self, SourcePtr source) {
    static_cast<void>(co_await source->file->wait(POLLIN));
    source->watched = false;
    self->wake_.cancel();
  }

  [[nodiscard]] Result<void> take_role() {
    std::uint32_t on = 1;
    const int err = line::control(*source_->file, LLP_IOC_RECEIVE, on);
    if (err == EBUSY) return fail(Errc::in_use, path_ + ": another program receives on this line");
    if (err != 0) return failure(err, "cannot receive");
    receiving_ = true;
    return {};
  }

  // What read() gives now; EAGAIN: nothing yet.
  static std::expected<Bytes, int> read(line::MessageFile& file) {
    Bytes text;
    while (true) {
      int size = 0;
      if (line::control(file, FIONREAD, size) != 0) size = 0;
      text.resize(static_cast<std::size_t>(std::max(size, 1)));
      const auto got = file.read(text);
      if (got) {
        text.resize(*got);
        return text;
      }
      if (got.error() != EMSGSIZE) return std::unexpected(got.error());
    }
  }

  // The reply to the request under way, or why there is none; nothing: it may still come.
  [[nodiscard]] std::optional<Result<Received>> reply() {
    if (!exchange_) return std::nullopt;
    const File file = exchange_->source->file;
    auto got = read(*file);
    if (!got && got.error() == EAGAIN) return std::nullopt;
    llp_ioc_info info{};
    const bool there = line::control(*file, LLP_IOC_INFO, info) == 0;
    end_exchange();
    if (got && !got->empty()) return Received{std::move(*got), take_lost()};
    if (got && there) return fail(Errc::timeout, path_ + ": delivered, no reply came, and none had to");
    if (got) return gone();
    if (got.error() == ETIMEDOUT)
      return fail(Errc::timeout, path_ + ": delivered, but no reply came in time");
    Error error{code_of(static_cast<std::uint32_t>(got.error())),
                fmt::format("{}: delivered, but no reply: {}", path_, line::write_words(got.error())),
                got.error()};
    return std::unexpected(std::move(error));
  }

  // A message for who receives on the line.
  [[nodiscard]] std::optional<Result<Received>> message() {
    if (!receiving_) return std::nullopt;
    line::MessageFile& file = *source_->file;
    auto got = read(file);
    if (!got && got.error() == EAGAIN) return std::nullopt;
    if (!got) return failure(got.error(), "cannot receive");
    if (got->empty()) return fail(Errc::closed, path_ + ": the line is gone");
    llp_ioc_message about{};
    about.which = LLP_WHICH_READ;
    question_ = 0;
    const bool known = line::control(file, LLP_IOC_MESSAGE, about) == 0;
    if (known && (about.flags & kNoQuestion) == 0 && answers_wanted()) {
      question_ = about.id;
      if (auto lock = lock_.try_acquire()) question_lock_ = std::move(*lock);
    }
    return Received{std::move(*got), take_lost()};
  }

  static asio::awaitable<Result<Received>> recv_it(Self self, Clock::time_point deadline) {
    if (!self->connected()) co_return self->not_connected();
    self->question_lock_.release();
    const bool asked_before = self->exchange_.has_value();
    while (true) {
      if (self->closed_) co_return self->gone();
      if (auto got = self->reply()) co_return std::move(*got);
      if (!self->exchange_ && !self->requesting_ && !self->receiving_) {
        if (auto taken = self->take_role(); !taken) co_return std::unexpected(std::move(taken.error()));
      }
      if (auto got = self->message()) co_return std::move(*got);
      if (Clock::now() >= deadline) {
        if (asked_before) self->end_exchange();
        co_return fail(Errc::timeout, self->path_ + (asked_before ? ": delivered, but no reply came in time"
                                                                  : ": no message in time"));
      }
      const SourcePtr asked = self->exchange_ ? self->exchange_->source : nullptr;
      for (const auto& source : {asked, self->receiving_ ? self->source_ : nullptr}) {
        if (source && !source->watched) {
          source->watched = true;
          asio::co_spawn(self->executor_, watch(self, source), asio::detached);
        }
      }
      self->wake_.expires_at(deadline);
      co_await self->wake_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    }
  }

  asio::any_io_executor executor_;
  std::string path_;
  std::shared_ptr<line::MessageDevice> device_;
  io::TransactionLock lock_;
  bool reply_;
  SourcePtr source_;                          // receives, and sends answers
  bool receiving_ = false;                    // it has the role
  bool requesting_ = false;                   // a request is being sent
  File sending_;                              // where a message is being written
  std::optional<Exchange> exchange_;          // one was sent, and has no reply yet
  std::uint32_t question_ = 0;                // what the next message sent answers, 0: nothing
  io::TransactionLock::Guard question_lock_;  // empty: another process has it
  asio::steady_timer wake_;                   // of recv()
  bool closed_ = false;
};

}  // namespace

LinkPtr make_device_link(asio::any_io_executor executor, std::string path,
                         std::unique_ptr<line::MessageDevice> device, const std::filesystem::path& lock_file,
                         bool reply) {
  return std::make_shared<DeviceLink>(std::move(executor), std::move(path), std::move(device), lock_file,
                                      reply);
}

Result<LinkPtr> make_device_link(asio::any_io_executor executor, const Address& address,
                                 const ClientOptions& options) {
  if (!options.settings.empty() || !options.peer.empty()) {
    return fail(Errc::invalid,
                address.path + ": the parameters of a line in the kernel are set there (llp(4))");
  }
  io::StreamOptions how;
  how.pool = std::make_shared<WorkerPool>(1);
  auto device = line::make_device_node(executor, address.path, how, Logger());
  return make_device_link(std::move(executor), address.path, std::move(device), address.path, options.reply);
}

}  // namespace llp::detail
