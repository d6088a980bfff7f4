// SPDX-License-Identifier: BSD-3-Clause
// Pid file, notification, exit statuses, checks of addresses: against the real
// system.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/fd.hpp"
#include "cmd/addresses_check.hpp"
#include "cmd/exit_status.hpp"
#include "cmd/notify.hpp"
#include "cmd/pid_file.hpp"
#include "config/addresses.hpp"

namespace llp::cmd {
namespace {

class Process : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "llp-cmd-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  static std::string content(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::filesystem::path dir_;
};

TEST_F(Process, PidFileIsWrittenLockedAndRemoved) {
  const auto path = dir_ / "x.pid";
  {
    auto taken = PidFile::take(path, 4711);
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_EQ(content(path), "4711\n");
    struct stat st{};
    ASSERT_EQ(::stat(path.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777 & ~0644U, 0U);
    const auto second = PidFile::take(path, 4712);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::in_use);
    EXPECT_TRUE(second.error().message.starts_with("pid file " + path.native() + ": in use by "))
        << second.error().message;
    EXPECT_EQ(content(path), "4711\n");
    PidFile moved = std::move(*taken);
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(std::filesystem::is_empty(dir_)) << "nothing else is left";
}

TEST_F(Process, StalePidFileIsTakenOver) {
  const auto path = dir_ / "x.pid";
  std::ofstream(path) << "1\n";  // a process that lives, but does not hold the lock
  const auto taken = PidFile::take(path, 99);
  ASSERT_TRUE(taken);
  EXPECT_EQ(content(path), "99\n");
}

TEST_F(Process, PidFileOfAnotherIsLeftAlone) {
  const auto path = dir_ / "x.pid";
  {
    const auto taken = PidFile::take(path, 99);
    ASSERT_TRUE(taken);
    std::filesystem::remove(path);
    std::ofstream(path) << "100\n";
  }
  EXPECT_EQ(content(path), "100\n");
}

TEST_F(Process, PidFileErrors) {
  EXPECT_EQ(PidFile::take(dir_ / "no" / "x.pid", 1).error().code, Errc::not_found);
  std::filesystem::create_symlink(dir_ / "target", dir_ / "link");
  EXPECT_FALSE(PidFile::take(dir_ / "link", 1)) << "does not follow a link that somebody laid";
  EXPECT_FALSE(std::filesystem::exists(dir_ / "target"));
}

UniqueFd make_socket(int domain, int type) {
  UniqueFd fd(::socket(domain, type, 0));
  if (!fd) throw std::runtime_error("socket");
  return fd;
}

class Receiver {
 public:
  Receiver(const std::string& name, bool abstract) : fd_(make_socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + (abstract ? 1 : 0), name.data(), name.size());
    const auto length = offsetof(sockaddr_un, sun_path) + name.size() + (abstract ? 1 : 0);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length)),
              0);
  }
  std::string receive() const {
    std::array<char, 64> buffer{};
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    return n < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(n));
  }

 private:
  UniqueFd fd_;
};

TEST_F(Process, Notify) {
  const std::string path = dir_ / "notify";
  const Receiver file(path, false);
  EXPECT_TRUE(notify_to(path, "READY=1"));
  EXPECT_EQ(file.receive(), "READY=1");
  const std::string name = "llp-test-" + std::to_string(::getpid());
  const Receiver abstract(name, true);
  EXPECT_TRUE(notify_to("@" + name, "STOPPING=1"));
  EXPECT_EQ(abstract.receive(), "STOPPING=1");
  EXPECT_FALSE(notify_to((dir_ / "nobody").native(), "READY=1"));
  EXPECT_FALSE(notify_to("", "READY=1"));
  EXPECT_FALSE(notify_to("relative", "READY=1"));
  EXPECT_FALSE(notify_to("/" + std::string(200, 'x'), "READY=1"));
}

TEST(ExitStatus, OfEveryError) {
  EXPECT_EQ(exit_status({Errc::not_found, "", ENOENT}), 66);
  EXPECT_EQ(exit_status({Errc::not_found, "", 0}), 69);
  EXPECT_EQ(exit_status({Errc::timeout, "", 0}), 69);
  EXPECT_EQ(exit_status({Errc::refused, "", ECONNREFUSED}), 69);
  EXPECT_EQ(exit_status({Errc::closed, "", 0}), 69);
  EXPECT_EQ(exit_status({Errc::reset, "", 0}), 69);
  EXPECT_EQ(exit_status({Errc::cancelled, "", 0}), 69);
  EXPECT_EQ(exit_status({Errc::in_use, "", EADDRINUSE}), 75);
  EXPECT_EQ(exit_status({Errc::busy, "", 0}), 75);
  EXPECT_EQ(exit_status({Errc::permission, "", EACCES}), 77);
  EXPECT_EQ(exit_status({Errc::invalid, "", 0}), 71);
  EXPECT_EQ(exit_status({Errc::malformed, "", 0}), 71);
  EXPECT_EQ(exit_status({Errc::too_large, "", 0}), 71);
  EXPECT_EQ(exit_status({Errc::system, "", EMFILE}), 71);
}

class Addresses : public testing::Test {
 protected:
  Result<void> check(const char* port, const char* to, const char* dist) {
    core::LineConfig config;
    config.port = *config::parse_line(port);
    if (to != nullptr) config.to.push_back(*config::parse_to(to));
    if (dist != nullptr) config.dist = *config::parse_dist(dist);
    return check_addresses(config, pool_, std::chrono::seconds(60), Logger());
  }
  WorkerPool pool_;
};

TEST_F(Addresses, Good) {
  EXPECT_TRUE(check("pty:-", "5001", nullptr));
  EXPECT_TRUE(check("pty:-", "5001%127.0.0.1", "0"));
  EXPECT_TRUE(check("tcp:4001%127.0.0.1", "5001%::1", "0%127.0.0.1"));
  EXPECT_TRUE(check("pty:-", "unix:/no/such/socket", nullptr)) << "comes later, perhaps";
}

TEST_F(Addresses, UnknownServices) {
  for (const auto& done :
       {check("tcp:no-such-service%127.0.0.1", "5001", nullptr),
        check("tcp:no-such-service", "5001", nullptr), check("pty:-", "no-such-service", nullptr),
        check("pty:-", nullptr, "no-such-service")}) {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::not_found);
    EXPECT_EQ(done.error().message,
              "unknown service 'no-such-service' (neither a port number nor a name of services(5))");
    EXPECT_EQ(exit_status(done.error()), kUnavailable);
  }
}

TEST_F(Addresses, PortInUse) {
  const UniqueFd fd = make_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(fd.get(), 1), 0);
  ASSERT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  const auto done = check("pty:-", nullptr, port.c_str());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::in_use);
  EXPECT_NE(done.error().message.find(port), std::string::npos) << done.error().message;
  const auto all = check("pty:-", nullptr, (port + "%*").c_str());
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, Errc::in_use);
}

// Whoever waits for llpdrv to listen would take the check for it, and be refused a moment later.
TEST_F(Addresses, NobodyCanConnectToACheck) {
  const UniqueFd fd = make_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC);
  constexpr int on = 1;
  ASSERT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  ASSERT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  std::atomic<bool> done = false;
  std::atomic<int> connected = 0;
  std::jthread caller([&] {
    while (!done) {
      const UniqueFd call = make_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC);
      if (::connect(call.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0) ++connected;
    }
  });
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(check("pty:-", nullptr, port.c_str()));
  done = true;
  caller.join();
  EXPECT_EQ(connected, 0);
}

TEST_F(Addresses, UnixSockets) {
  std::string dir = testing::TempDir() + "llp-cmd-XXXXXX";
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  const UniqueFd events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  ASSERT_TRUE(events);
  ASSERT_GE(::inotify_add_watch(events.get(), dir.c_str(), IN_CREATE), 0);
  EXPECT_TRUE(check("pty:-", nullptr, ("unix:" + dir + "/dist").c_str()));
  std::array<char, 1024> seen{};
  EXPECT_EQ(::read(events.get(), seen.data(), seen.size()), -1) << "a file was made";
  EXPECT_EQ(errno, EAGAIN);

  const auto nowhere = check("pty:-", nullptr, ("unix:" + dir + "/no/dist").c_str());
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(exit_status(nowhere.error()), kNoInput) << nowhere.error().message;
  std::ofstream(dir + "/dist") << "no socket\n";
  const auto file = check("pty:-", nullptr, ("unix:" + dir + "/dist").c_str());
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::in_use) << file.error().message;
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace llp::cmd
