// SPDX-License-Identifier: BSD-3-Clause
#include "io/transaction_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <asio/cancellation_state.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <string>
#include <utility>

#include "base/interruptible_task.hpp"
#include "base/process.hpp"

namespace llp::io {

namespace {

using Clock = asio::steady_timer::clock_type;
constexpr auto kNever = Clock::time_point::max();

// Opens the file that carries a lock. Writing is asked for because the
// turnstile needs it; a node that we may only read still carries the flock.
// A node that is gone is no reason to make a file in its place.
Result<UniqueFd> open_lock_file(const std::filesystem::path& file) {
  constexpr int kFlags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const bool node = file.native().starts_with("/dev/") && !file.native().starts_with("/dev/shm/");
  int fd = ::open(file.c_str(), O_RDWR | (node ? 0 : O_CREAT) | kFlags, 0660);
  if (fd < 0 && (errno == EACCES || errno == EROFS)) fd = ::open(file.c_str(), O_RDONLY | kFlags);
  if (fd < 0) return fail_errno(fmt::format("cannot open the lock {}", file.string()));
  return UniqueFd(fd);
}

// Whether the file that we have locked is still the one that others find.
bool still_there(int fd, const std::filesystem::path& file) {
  struct stat ours{};
  struct stat theirs{};
  if (::fstat(fd, &ours) != 0 || ::stat(file.c_str(), &theirs) != 0) return false;
  return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

// The turnstile. Where a file system has no such locks there is no turnstile,
// and the flock is what it is without.
int turnstile(int fd, short type, bool wait) {
  struct flock range{};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = 0;
  range.l_len = 1;
  if (::fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &range) == 0) return 0;
  return errno == EINTR || errno == EAGAIN || errno == EACCES ? errno : 0;
}

// Waits in the turnstile, then for the flock. Called again after EINTR: having
// the turnstile already, it passes at once.
int wait_for_flock(int fd) {
  if (const int err = turnstile(fd, F_WRLCK, true); err != 0) return err;
  if (::flock(fd, LOCK_EX) != 0) return errno;
  turnstile(fd, F_UNLCK, false);
  return 0;
}

// 0, EWOULDBLOCK or another error. Does not pass those who wait.
int try_in_turn(int fd) {
  if (turnstile(fd, F_WRLCK, false) != 0) return EWOULDBLOCK;
  const int err = ::flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  turnstile(fd, F_UNLCK, false);
  return err;
}

}  // namespace

struct TransactionLock::State : std::enable_shared_from_this<State> {
  State(asio::any_io_executor e, std::filesystem::path f) : executor(std::move(e)), file(std::move(f)) {}

  // A place in the process's queue. Whoever is in front with `granted` owns the
  // turn: may go for the file, and then holds the lock.
  struct Turn {
    explicit Turn(State& s) : state(s), wake(s.executor, kNever) {
      state.queue.push_back(this);
      if (!state.busy && state.queue.size() == 1) take();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (granted) {
        state.in_front = nullptr;
        state.end_turn();
      } else {
        std::erase(state.queue, this);
      }
      --state.acquiring;
    }
    void take() {
      std::erase(state.queue, this);
      state.busy = true;
      state.in_front = this;
      granted = true;
      wake.cancel();
    }
    // The turn goes on in a Guard.
    void keep() noexcept {
      granted = false;
      state.in_front = nullptr;
    }

    State& state;
    asio::steady_timer wake;
    bool granted = false;
  };

  void end_turn() {
    busy = false;
    if (!queue.empty()) queue.front()->take();
  }

  static asio::awaitable<Result<Guard>> acquire(std::shared_ptr<State> self, Clock::time_point deadline);
  asio::awaitable<Result<UniqueFd>> wait_in_thread(Turn& turn, Clock::time_point deadline) const;
  [[nodiscard]] Error timed_out(int fd) const;

  asio::any_io_executor executor;
  std::filesystem::path file;
  std::deque<Turn*> queue;
  Turn* in_front = nullptr;  // has the turn and goes for the file
  bool busy = false;         // somebody in this process has the turn or the lock
  bool closed = false;
  bool held = false;
  std::size_t acquiring = 0;
};

namespace {

Error cancelled() { return Error{Errc::cancelled, "waiting for the transaction lock was cancelled", 0}; }

asio::awaitable<bool> is_cancelled() {
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

asio::awaitable<void> sleep(asio::steady_timer& timer, Clock::time_point until) {
  timer.expires_at(until);
  co_await timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
}

}  // namespace

Error TransactionLock::State::timed_out(int fd) const {
  std::string message = fmt::format("the transaction lock {} was not free in time", file.string());
  if (held) {
    message += "; this process has it";
  } else if (fd >= 0) {
    if (const auto pid = flock_holder(fd)) message += "; " + describe_process(*pid) + " has it";
  }
  return Error{Errc::timeout, std::move(message), 0};
}

// The wait for another process. While it lasts the thread is ours, and it has
// ended when this returns; also when it is destroyed half way.
asio::awaitable<Result<UniqueFd>> TransactionLock::State::wait_in_thread(Turn& turn,
                                                                         Clock::time_point deadline) const {
  auto opened = open_lock_file(file);
  if (!opened) co_return std::unexpected(opened.error());
  UniqueFd fd = std::move(*opened);
  const int number = fd.get();
  int err = try_in_turn(number);
  if (err == EWOULDBLOCK) {
    asio::steady_timer& wake = turn.wake;
    InterruptibleTask task(executor, [number] { return wait_for_flock(number); }, [&wake] { wake.cancel(); });
    bool stop = false;
    while (!task.result()) {
      const bool was_cancelled = co_await is_cancelled();
      if (closed || was_cancelled || Clock::now() >= deadline) stop = true;
      if (stop) task.interrupt();
      co_await sleep(wake, stop ? Clock::now() + InterruptibleTask::kInterruptAgain : deadline);
    }
    err = *task.result();
  }
  const bool was_cancelled = co_await is_cancelled();
  if (closed || was_cancelled) co_return std::unexpected(cancelled());
  if (err == EINTR) co_return std::unexpected(timed_out(number));
  if (err != 0) co_return fail_errno(fmt::format("cannot lock {}", file.string()), err);
  co_return std::move(fd);
}

asio::awaitable<Result<TransactionLock::Guard>> TransactionLock::State::acquire(std::shared_ptr<State> self,
                                                                                Clock::time_point deadline) {
  if (self->closed) co_return std::unexpected(cancelled());
  // What is cancelled here is cleaned up first and reported as a result.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  Result<Guard> result = std::unexpected(cancelled());
  {
    ++self->acquiring;
    Turn turn(*self);
    bool was_cancelled = co_await is_cancelled();
    while (!turn.granted && !self->closed && !was_cancelled && Clock::now() < deadline) {
      co_await sleep(turn.wake, deadline);
      was_cancelled = co_await is_cancelled();
    }
    if (!turn.granted && !self->closed && !was_cancelled) result = std::unexpected(self->timed_out(-1));
    bool again = turn.granted && !self->closed && !was_cancelled;
    while (again) {
      Result<UniqueFd> got = co_await self->wait_in_thread(turn, deadline);
      // A file that was removed meanwhile is no lock: others will make a new one.
      again = got && !still_there(got->get(), self->file);
      if (!again && got) {
        turn.keep();
        self->held = true;
        result = Guard(self, std::move(*got));
      } else if (!got) {
        result = std::unexpected(got.error());
      }
    }
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  co_return result;
}

TransactionLock::Guard::Guard(std::shared_ptr<State> state, UniqueFd fd) noexcept
    : state_(std::move(state)), fd_(std::move(fd)) {}
TransactionLock::Guard::Guard(Guard&& other) noexcept = default;
TransactionLock::Guard& TransactionLock::Guard::operator=(Guard&& other) noexcept {
  if (this != &other) {
    release();
    state_ = std::move(other.state_);
    fd_ = std::move(other.fd_);
  }
  return *this;
}
TransactionLock::Guard::~Guard() { release(); }

void TransactionLock::Guard::release() noexcept {
  if (!state_) return;
  ::flock(fd_.get(), LOCK_UN);
  fd_.reset();
  const auto state = std::move(state_);
  state_.reset();
  state->held = false;
  state->end_turn();
}

TransactionLock::TransactionLock(asio::any_io_executor executor, std::filesystem::path file)
    : state_(std::make_shared<State>(std::move(executor), std::move(file))) {}

TransactionLock::~TransactionLock() { close(); }

asio::awaitable<Result<TransactionLock::Guard>> TransactionLock::acquire(
    std::optional<std::chrono::nanoseconds> timeout) {
  auto deadline = kNever;
  if (timeout) {
    const auto now = Clock::now();
    deadline = *timeout < kNever - now ? now + *timeout : kNever;
  }
  return State::acquire(state_, deadline);
}

Result<TransactionLock::Guard> TransactionLock::try_acquire() {
  State& state = *state_;
  if (state.closed) return std::unexpected(cancelled());
  if (state.busy || !state.queue.empty())
    return fail(Errc::busy, "another transaction of this process has the lock");
  while (true) {
    auto fd = open_lock_file(state.file);
    if (!fd) return std::unexpected(fd.error());
    if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return fail(Errc::busy, "another process has the transaction lock");
      return fail_errno(fmt::format("cannot lock {}", state.file.string()));
    }
    if (!still_there(fd->get(), state.file)) continue;
    state.busy = true;
    state.held = true;
    return Guard(state_, std::move(*fd));
  }
}

void TransactionLock::close() noexcept {
  state_->closed = true;
  for (auto* turn : state_->queue) turn->wake.cancel();
  if (state_->in_front != nullptr) state_->in_front->wake.cancel();
}

bool TransactionLock::held() const noexcept { return state_->held; }
std::size_t TransactionLock::waiting() const noexcept { return state_->acquiring; }

}  // namespace llp::io
