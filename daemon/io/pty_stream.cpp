// SPDX-License-Identifier: BSD-3-Clause
// A line over a pseudo terminal that we make.
//
// The slave is not kept open by us, so that a hang-up is seen: while nobody has
// it, poll(2) on the master says POLLHUP, and open() looks for the end of that
// every few milliseconds. A read that finds the slave closed is Errc::reset.
// The pseudo terminal itself stays until close(): disconnect() lets go of its
// user no more than a serial port lets go of the instrument.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "io/stream_base.hpp"
#include "io/tty_settings.hpp"

namespace llp::io {

namespace {

constexpr unsigned long kTcflsh = 0x540B;  // TCFLSH without <termios.h>
constexpr int kTciflush = 0;
constexpr std::chrono::milliseconds kDrainPoll{5};

short look(int fd) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, 0) > 0 ? p.revents : short{0};
}

class PtyChannel final : public Channel {
 public:
  using Channel::Channel;
  // A full buffer that nobody will empty: with the slave closed the wait for
  // room would end at once, every time.
  ssize_t write(std::span<const std::uint8_t> bytes) override {
    const ssize_t n = Channel::write(bytes);
    return n == -EAGAIN && (look(fd()) & POLLHUP) != 0 ? -EIO : n;
  }
};

UniqueFd open_slave(const std::string& slave) {
  return UniqueFd(::open(slave.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
}

// Makes `link` lead to `slave`. Replaces only a symbolic link that leads
// nowhere, or here.
Result<void> make_link(const std::string& link, const std::string& slave) {
  if (::symlink(slave.c_str(), link.c_str()) == 0) return {};
  if (errno != EEXIST) return fail_errno(fmt::format("cannot make the symbolic link {}", link));
  std::error_code ec;
  const auto target = std::filesystem::read_symlink(link, ec);
  if (ec)
    return fail(Errc::in_use, fmt::format("{} exists and is not a symbolic link; choose another path", link));
  struct stat st{};
  if (target != slave && ::stat(link.c_str(), &st) == 0) {
    return fail(Errc::in_use, fmt::format("{} leads to {}, which exists; remove it if nobody uses it", link,
                                          target.string()));
  }
  const std::string temp = fmt::format("{}.{}~", link, ::getpid());
  ::unlink(temp.c_str());
  if (::symlink(slave.c_str(), temp.c_str()) != 0) {
    return fail_errno(fmt::format("cannot make the symbolic link {}", temp));
  }
  if (::rename(temp.c_str(), link.c_str()) != 0) {
    const int err = errno;
    ::unlink(temp.c_str());
    return fail_errno(fmt::format("cannot replace the symbolic link {}", link), err);
  }
  return {};
}

class PtyStream final : public StreamBase {
 public:
  PtyStream(const asio::any_io_executor& executor, const Pty& pty, StreamOptions options, Logger logger,
            UniqueFd master, std::string slave)
      : StreamBase(executor, io::describe(LineSpec(pty)), std::move(options), std::move(logger)),
        link_(pty.symlink),
        master_(std::move(master)),
        slave_(std::move(slave)) {}
  ~PtyStream() override { remove_link(); }

  std::string local_name() const override { return slave_; }

 protected:
  asio::awaitable<Result<void>> connect() override;
  void retire(std::shared_ptr<Channel> channel) override { unread_ = unread_ || channel->sent > 0; }
  void clean_up() override;
  Error broken(int err) const override {
    if (err == EIO) return Error{Errc::reset, slave_ + " was closed by the other side", err};
    return StreamBase::broken(err);
  }

 private:
  void prepare();
  static asio::awaitable<void> let_go(UniqueFd master, std::string slave, asio::any_io_executor executor,
                                      StreamOptions::ms time);
  void remove_link();

  std::string link_;
  UniqueFd master_;
  std::string slave_;
  bool unread_ = false;  // the last user of the slave may have left something of ours in it
};

// For the next user, while there is none: raw, whatever the last one made of
// it, and without what was meant for the last one. A user that comes in this
// very moment loses nothing but, if the last one did not leave the slave raw,
// settings it has just made.
void PtyStream::prepare() {
  if (const auto found = get_settings(master_.get())) {  // the slave's, seen from the master
    const TtySettings raw = raw_settings(*found);
    if (raw != *found) static_cast<void>(set_settings(master_.get(), raw));
  }
  if (!unread_) return;
  if (const UniqueFd slave = open_slave(slave_)) ::ioctl(slave.get(), kTcflsh, kTciflush);
  unread_ = false;
}

asio::awaitable<Result<void>> PtyStream::connect() {
  bool prepared = false;
  while (!closed_) {
    const short seen = look(master_.get());
    // Bytes of a user that is gone already count as one.
    if ((seen & POLLHUP) == 0 || (seen & POLLIN) != 0) {
      UniqueFd fd(::fcntl(master_.get(), F_DUPFD_CLOEXEC, 0));
      if (!fd) co_return fail_errno(name_);
      channel_ = std::make_shared<PtyChannel>(executor_, fd.get());
      static_cast<void>(fd.release());
      co_return Result<void>();
    }
    if (!prepared) {
      prepare();
      prepared = true;
      continue;
    }
    co_await sleep(options_.pty_poll);
  }
  co_return std::unexpected(closed_error());
}

// Closing the master takes from the slave's user what it has not read: waits
// until it has, or is gone, or the time is over. With the slave opened by us
// poll(2) tells exactly, but its closing by the other would not show; so it is
// opened for each look only.
asio::awaitable<void> PtyStream::let_go(UniqueFd master, std::string slave, asio::any_io_executor executor,
                                        StreamOptions::ms time) {
  asio::steady_timer timer(executor);
  const auto deadline = asio::steady_timer::clock_type::now() + time;
  auto unread = [&] {
    if ((look(master.get()) & POLLHUP) != 0) return false;
    const UniqueFd fd = open_slave(slave);
    return fd && (look(fd.get()) & POLLIN) != 0;
  };
  while (asio::steady_timer::clock_type::now() < deadline && unread()) {
    timer.expires_after(kDrainPoll);
    co_await timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  }
}

void PtyStream::clean_up() {
  if (!master_) return;
  remove_link();
  if (unread_) {
    asio::co_spawn(executor_, let_go(std::move(master_), slave_, executor_, options_.drain), asio::detached);
  }
  master_.reset();
}

void PtyStream::remove_link() {
  std::error_code ec;
  if (!link_.empty() && std::filesystem::read_symlink(link_, ec) == slave_ && !ec) ::unlink(link_.c_str());
  link_.clear();
}

}  // namespace

StreamResult make_pty(const asio::any_io_executor& executor, const Pty& pty, StreamOptions options,
                      Logger logger) {
  UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!master) return fail_errno("cannot make a pseudo terminal");
  char name[128] = {};
  if (::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
      ::ptsname_r(master.get(), name, sizeof name) != 0) {
    return fail_errno("cannot make a pseudo terminal");
  }
  // Opened once and closed, it says POLLHUP until somebody opens it.
  const UniqueFd slave = open_slave(name);
  if (!slave) return fail_errno(fmt::format("cannot open {}", name));
  const auto found = get_settings(slave.get());
  if (!found) return std::unexpected(found.error());
  if (auto set = set_settings(slave.get(), raw_settings(*found)); !set) return std::unexpected(set.error());
  if (!pty.symlink.empty()) {
    if (auto made = make_link(pty.symlink, name); !made) return std::unexpected(made.error());
  }
  return std::make_shared<PtyStream>(executor, pty, std::move(options), std::move(logger), std::move(master),
                                     name);
}

}  // namespace llp::io
