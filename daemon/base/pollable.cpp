// SPDX-License-Identifier: BSD-3-Clause
#include "base/pollable.hpp"

#include <poll.h>

#include <algorithm>
#include <asio/experimental/as_tuple.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <system_error>
#include <utility>
#include <vector>

namespace llp {

namespace {

using Clock = Pollable::Clock;

// Rest after the reactor reported an error condition that poll(2) does not
// confirm (an urgent notice shows there too), so that waiting does not spin.
constexpr auto kSpuriousRest = std::chrono::milliseconds(20);

}  // namespace

Clock::time_point deadline_after(std::chrono::nanoseconds d) noexcept {
  constexpr auto kNever = Clock::time_point::max();
  const auto now = Clock::now();
  return d >= kNever - now ? kNever : now + d;
}

struct Pollable::State : std::enable_shared_from_this<State> {
  using Descriptor = asio::posix::stream_descriptor;

  explicit State(asio::any_io_executor e) : executor(std::move(e)), descriptor(executor) {}

  asio::any_io_executor executor;
  Descriptor descriptor;
  std::vector<asio::steady_timer*> waiters;
  bool read_armed = false;
  bool write_armed = false;
  bool error_armed = false;
  bool error_fired = false;
  unsigned interrupts = 0;

  int fd() noexcept { return descriptor.is_open() ? descriptor.native_handle() : -1; }

  short poll_now(short events) noexcept {
    pollfd request{fd(), events, 0};
    if (request.fd < 0) return POLLNVAL;
    while (::poll(&request, 1, 0) < 0) {
      if (errno != EINTR && errno != EAGAIN) return POLLERR;
    }
    return request.revents;
  }

  void wake() noexcept {
    try {
      for (asio::steady_timer* timer : waiters) timer->cancel();
    } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch)
      // Cancelling a timer that waits reports nothing worth stopping for.
    }
  }

  // Asks the reactor for one notice. The callback keeps nothing alive: the
  // descriptor belongs to this state.
  void arm(Descriptor::wait_type what, bool State::* armed) {
    if (this->*armed) return;
    this->*armed = true;
    descriptor.async_wait(what, [weak = weak_from_this(), armed](const asio::error_code& error) {
      const auto state = weak.lock();
      if (!state) return;
      (*state).*armed = false;
      if (!error && armed == &State::error_armed) state->error_fired = true;
      state->wake();
    });
  }
};

namespace {

// Keeps a waiter's timer on the list as long as its coroutine lives.
class Registration {
 public:
  Registration(std::vector<asio::steady_timer*>& list, asio::steady_timer& timer)
      : list_(list), timer_(&timer) {
    list_.push_back(timer_);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  ~Registration() { std::erase(list_, timer_); }

 private:
  std::vector<asio::steady_timer*>& list_;
  asio::steady_timer* timer_;
};

}  // namespace

Pollable::Pollable(asio::any_io_executor executor, UniqueFd fd)
    : state_(std::make_shared<State>(std::move(executor))) {
  asio::error_code error;
  state_->descriptor.assign(fd.get(), error);
  if (error) throw std::system_error(error, "cannot watch a descriptor");
  (void)fd.release();
}

Pollable& Pollable::operator=(Pollable&& other) noexcept {
  if (this != &other) {
    close();
    state_ = std::move(other.state_);
  }
  return *this;
}

Pollable::~Pollable() { close(); }

int Pollable::fd() const noexcept { return state_ ? state_->fd() : -1; }

short Pollable::poll_now(short events) const noexcept {
  return state_ ? state_->poll_now(events) : static_cast<short>(POLLNVAL);
}

asio::awaitable<short> Pollable::wait(short events, Clock::time_point deadline) const {
  return wait_on(state_, events, deadline);
}

asio::awaitable<short> Pollable::wait_on(std::shared_ptr<State> state, short events,
                                         Clock::time_point deadline) {
  if (!state) co_return POLLNVAL;
  asio::steady_timer timer(state->executor);
  const Registration registration(state->waiters, timer);
  const unsigned interrupts = state->interrupts;
  for (;;) {
    const short now = state->poll_now(events);
    if (now != 0) co_return now;
    if (interrupts != state->interrupts) co_return POLLNVAL;
    if (Clock::now() >= deadline) co_return 0;

    auto until = deadline;
    if ((events & POLLIN) != 0) state->arm(State::Descriptor::wait_read, &State::read_armed);
    if ((events & POLLOUT) != 0) state->arm(State::Descriptor::wait_write, &State::write_armed);
    if ((events & POLLPRI) != 0) state->arm(State::Descriptor::wait_error, &State::error_armed);
    if (events == 0) {
      if (std::exchange(state->error_fired, false)) {
        until = std::min(until, deadline_after(kSpuriousRest));
      } else {
        state->arm(State::Descriptor::wait_error, &State::error_armed);
      }
    }
    timer.expires_at(until);
    co_await timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  }
}

void Pollable::interrupt() noexcept {
  if (!state_) return;
  ++state_->interrupts;
  state_->wake();
}

void Pollable::close() noexcept {
  if (!state_ || !state_->descriptor.is_open()) return;
  asio::error_code ignored;
  state_->descriptor.close(ignored);
  state_->wake();
}

const asio::any_io_executor& Pollable::executor() const noexcept { return state_->executor; }

}  // namespace llp
