// SPDX-License-Identifier: BSD-3-Clause
// The kernel over libnl.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <functional>
#include <utility>

#include "base/fd.hpp"
#include "base/pollable.hpp"
#include "netlink/codec.hpp"
#include "netlink/kernel_control.hpp"

namespace llp::netlink {

namespace {

constexpr timeval kPatience{10, 0};
constexpr int kEventRoom = 1 << 20;  // bytes of events that may wait for us
constexpr std::size_t kEventMax = 65536;
constexpr int kTries = 3;

struct FreeSocket {
  void operator()(nl_sock* socket) const noexcept { nl_socket_free(socket); }
};
using Socket = std::unique_ptr<nl_sock, FreeSocket>;

struct PutCallbacks {
  void operator()(nl_cb* callbacks) const noexcept { nl_cb_put(callbacks); }
};
using Callbacks = std::unique_ptr<nl_cb, PutCallbacks>;

std::unexpected<Error> no_module() {
  return fail(Errc::not_found,
              "the kernel has no family llp: the module n_llp is not loaded (modprobe n_llp), or this is a "
              "network namespace of its own (a container)");
}

std::unexpected<Error> of_libnl(std::string_view what, int error) {
  return fail(Errc::system, fmt::format("{}: {}", what, nl_geterror(error)));
}

Result<Socket> connect() {
  Socket socket(nl_socket_alloc());
  if (!socket) return fail_errno("netlink", ENOMEM);
  if (const int err = genl_connect(socket.get()); err < 0)
    return of_libnl("cannot open a netlink socket", err);
  const int fd = nl_socket_get_fd(socket.get());
  const int yes = 1;
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) != 0) {
    return fail_errno("cannot bound the wait for the kernel");
  }
  // Without it, refusals have no sentence.
  static_cast<void>(::setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &yes, sizeof yes));
  return socket;
}

Result<int> family_of(nl_sock& socket) {
  const int family = genl_ctrl_resolve(&socket, LLP_FAMILY_NAME);
  if (family == -NLE_OBJ_NOTFOUND) return no_module();
  if (family < 0) return of_libnl("cannot ask for the family llp", family);
  return family;
}

// What one request brought.
struct Answer {
  std::function<void(const nlmsghdr&)> message;
  bool ended = false;
  int error = 0;  // errno, positive
  std::string sentence;
};

int on_message(nl_msg* message, void* context) {
  static_cast<Answer*>(context)->message(*nlmsg_hdr(message));
  return NL_OK;
}

int on_end(nl_msg*, void* context) {
  static_cast<Answer*>(context)->ended = true;
  return NL_STOP;
}

int on_error(sockaddr_nl*, nlmsgerr* error, void* context) {
  auto& answer = *static_cast<Answer*>(context);
  answer.ended = true;
  answer.error = -error->error;
  // libnl shows the payload of the message; its head stands before it.
  answer.sentence = sentence_of(*reinterpret_cast<const nlmsghdr*>(  // NOLINT: as said
      reinterpret_cast<const char*>(error) - NLMSG_HDRLEN));         // NOLINT
  return NL_STOP;
}

std::unexpected<Error> refused(const Answer& answer, const std::string& what) {
  const std::string& why = answer.sentence;
  switch (answer.error) {
    case EPERM:
    case EACCES:
      return std::unexpected(
          Error{Errc::permission, what + ": that needs root, or CAP_NET_ADMIN", answer.error});
    case ENODEV: return fail(Errc::not_found, what + ": there is no such line");
    default: break;
  }
  if (why.empty()) return fail_errno(what, answer.error);
  const Errc code = answer.error == EBUSY ? Errc::in_use : Errc::invalid;
  return std::unexpected(Error{code, fmt::format("{}: {}", what, why), answer.error});
}

class Events final : public EventStream {
 public:
  Events(const asio::any_io_executor& executor, Socket socket, UniqueFd fd, int family)
      : socket_(std::move(socket)), fd_(executor, std::move(fd)), family_(family), buffer_(kEventMax) {}

  asio::awaitable<Result<Event>> next() override {
    for (;;) {
      while (left_ > 0) {
        if (auto event = take()) co_return std::move(*event);
      }
      if (const short ready = co_await fd_.wait(POLLIN, Pollable::Clock::time_point::max());
          (ready & POLLNVAL) != 0) {
        co_return fail(Errc::cancelled, "the stream of events was closed");
      }
      if (auto missed = receive(); !missed) {
        co_return std::unexpected(std::move(missed.error()));
      } else if (*missed) {
        co_return Event{0, {}, {}, 0, EventsMissed{}};
      }
    }
  }
  void close() noexcept override { fd_.close(); }

 private:
  // Fills the buffer; true: events were lost before it.
  Result<bool> receive() {
    sockaddr_nl from{};
    socklen_t size = sizeof from;
    // NOLINTNEXTLINE: the socket interface's own idiom
    const ssize_t n = ::recvfrom(fd_.fd(), buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_TRUNC,
                                 reinterpret_cast<sockaddr*>(&from), &size);
    left_ = 0;
    if (n < 0) {
      if (errno == EAGAIN || errno == EINTR) return false;
      if (errno == ENOBUFS) return true;
      return fail_errno("cannot receive the kernel's events");
    }
    if (from.nl_pid != 0) return false;  // of a program, not of the kernel
    if (static_cast<std::size_t>(n) > buffer_.size()) return true;
    at_ = 0;
    left_ = static_cast<int>(n);
    return false;
  }

  // The next message in the buffer, if it is an event.
  std::optional<Event> take() {
    auto* header = reinterpret_cast<nlmsghdr*>(buffer_.data() + at_);  // NOLINT: libnl's own idiom
    if (nlmsg_ok(header, left_) == 0) {
      left_ = 0;
      return std::nullopt;
    }
    const int before = left_;
    nlmsg_next(header, &left_);
    at_ += static_cast<std::size_t>(before - left_);
    if (header->nlmsg_type != family_) return std::nullopt;
    return event_of(*header);
  }

  Socket socket_;
  Pollable fd_;
  int family_;
  std::vector<char> buffer_;
  std::size_t at_ = 0;
  int left_ = 0;
};

class Kernel final : public KernelControl {
 public:
  Kernel(Socket socket, int family) : socket_(std::move(socket)), family_(family) {}

  Result<std::vector<LineStatus>> lines() override;
  Result<LineStatus> line(const LineRef& which) override;
  Result<void> set(const LineRef& which, const LineChange& change) override;
  Result<LineStats> stats(const LineRef& which) override;
  Result<std::unique_ptr<EventStream>> events(const asio::any_io_executor& executor) override;

 private:
  using Fill = std::function<bool(nl_msg&)>;
  Result<void> ask(const std::string& what, unsigned char command, int flags, const Fill& fill,
                   const std::function<void(const nlmsghdr&)>& message);
  Result<Answer> exchange(unsigned char command, int flags, const Fill& fill, Answer answer);

  template <class T>
  Result<T> one(const std::string& what, unsigned char command, const LineRef& which,
                std::optional<T> (*read)(const nlmsghdr&)) {
    std::optional<T> found;
    auto asked = ask(
        what, command, 0, [&](nl_msg& m) { return put(m, which); },
        [&](const nlmsghdr& header) { found = read(header); });
    if (!asked) return std::unexpected(std::move(asked.error()));
    if (!found) return fail(Errc::malformed, what + ": the kernel's answer cannot be read");
    return std::move(*found);
  }

  Socket socket_;
  int family_;
};

Result<Answer> Kernel::exchange(unsigned char command, int flags, const Fill& fill, Answer answer) {
  const Message message = request(family_, command, flags);
  if (!message || !fill(*message)) {
    return fail(Errc::too_large, "the request is longer than a netlink message may be");
  }
  const Callbacks callbacks(nl_cb_alloc(NL_CB_DEFAULT));
  if (!callbacks) return fail_errno("netlink", ENOMEM);
  nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_message, &answer);
  nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, on_end, &answer);
  nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_end, &answer);
  nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &answer);
  if (const int err = nl_send_auto(socket_.get(), message.get()); err < 0) {
    return of_libnl("cannot send to the kernel", err);
  }
  while (!answer.ended) {
    const int err = nl_recvmsgs(socket_.get(), callbacks.get());
    if (answer.ended) break;
    if (err == -NLE_AGAIN) return fail(Errc::timeout, "the kernel did not answer in 10 s");
    if (err < 0 && err != -NLE_INTR) return of_libnl("cannot receive from the kernel", err);
  }
  return answer;
}

Result<void> Kernel::ask(const std::string& what, unsigned char command, int flags, const Fill& fill,
                         const std::function<void(const nlmsghdr&)>& message) {
  for (int attempt = 0; attempt < kTries; ++attempt) {
    Answer empty;
    empty.message = message;
    auto answer = exchange(command, flags, fill, std::move(empty));
    if (!answer) {
      // What may still come would be taken for the next request's answer.
      if (auto fresh = connect()) socket_ = std::move(*fresh);
      return fail(answer.error().code, fmt::format("{}: {}", what, answer.error().message));
    }
    if (answer->error == 0) return {};
    // The module was loaded anew: the family has another number.
    if (answer->error != ENOENT || !answer->sentence.empty()) return refused(*answer, what);
    auto family = family_of(*socket_);
    if (!family) return std::unexpected(std::move(family.error()));
    if (std::exchange(family_, *family) == *family) return refused(*answer, what);
  }
  return no_module();
}

Result<std::vector<LineStatus>> Kernel::lines() {
  std::vector<LineStatus> all;
  auto asked = ask(
      "cannot list the lines", LLP_CMD_LINE_GET, NLM_F_DUMP, [](nl_msg&) { return true; },
      [&](const nlmsghdr& header) {
        if (auto line = line_of(header)) all.push_back(std::move(*line));
      });
  if (!asked) return std::unexpected(std::move(asked.error()));
  return all;
}

Result<LineStatus> Kernel::line(const LineRef& which) {
  return one<LineStatus>("cannot look at " + describe(which), LLP_CMD_LINE_GET, which, line_of);
}

Result<LineStats> Kernel::stats(const LineRef& which) {
  return one<LineStats>("cannot read the counters of " + describe(which), LLP_CMD_STATS_GET, which, stats_of);
}

Result<void> Kernel::set(const LineRef& which, const LineChange& change) {
  LineRef target = which;
  // A new name can only be told beside the number.
  if (change.name && !std::holds_alternative<LineNumber>(which)) {
    auto found = line(which);
    if (!found) return std::unexpected(std::move(found.error()));
    target = LineNumber{found->line};
  }
  return ask(
      "cannot set " + describe(which), LLP_CMD_LINE_SET, NLM_F_ACK,
      [&](nl_msg& m) { return put(m, target) && put(m, change, std::holds_alternative<LineNumber>(target)); },
      [](const nlmsghdr&) {});
}

Result<std::unique_ptr<EventStream>> Kernel::events(const asio::any_io_executor& executor) {
  auto socket = connect();
  if (!socket) return std::unexpected(std::move(socket.error()));
  auto family = family_of(**socket);
  if (!family) return std::unexpected(std::move(family.error()));
  const int group = genl_ctrl_resolve_grp(socket->get(), LLP_FAMILY_NAME, LLP_MCGRP_EVENTS);
  if (group == -NLE_OBJ_NOTFOUND) return no_module();
  if (group < 0) return of_libnl("cannot ask for the group of events", group);
  nl_socket_disable_seq_check(socket->get());
  // Bursts: the kernel drops what does not fit, and says so.
  static_cast<void>(nl_socket_set_buffer_size(socket->get(), kEventRoom, 0));
  if (const int err = nl_socket_add_membership(socket->get(), group); err < 0) {
    return of_libnl("cannot join the group of events", err);
  }
  if (const int err = nl_socket_set_nonblocking(socket->get()); err < 0) {
    return of_libnl("cannot listen to events", err);
  }
  UniqueFd fd(::fcntl(nl_socket_get_fd(socket->get()), F_DUPFD_CLOEXEC, 0));
  if (!fd) return fail_errno("cannot listen to events");
  return std::make_unique<Events>(executor, std::move(*socket), std::move(fd), *family);
}

}  // namespace

Result<std::unique_ptr<KernelControl>> open_kernel_control() {
  auto socket = connect();
  if (!socket) return std::unexpected(std::move(socket.error()));
  auto family = family_of(**socket);
  if (!family) return std::unexpected(std::move(family.error()));
  return std::make_unique<Kernel>(std::move(*socket), *family);
}

}  // namespace llp::netlink
