// SPDX-License-Identifier: BSD-3-Clause
#include "io/port_lock.hpp"

#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <fstream>

#include "support.hpp"

namespace llp::io::test {
namespace {

namespace fs = std::filesystem;

class PortLockTest : public testing::Test {
 protected:
  Result<UucpLock> take() { return UucpLock::take(dir.path(), "ttyX", "/dev/ttyX"); }
  void leave(const std::string& content) { std::ofstream(file) << content; }
  static std::string text(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // No temporary files are left.
  void expect_only_lock(bool lock) {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(dir.path())) {
      EXPECT_EQ(entry.path(), file);
      ++count;
    }
    EXPECT_EQ(count, lock ? 1U : 0U);
  }
  static pid_t dead() {
    Child child([] { return 0; });
    const pid_t pid = child.pid();
    child.wait();
    return pid;
  }

  TempDir dir;
  std::string file = dir / "LCK..ttyX";
};

TEST_F(PortLockTest, Names) {
  EXPECT_EQ(UucpLock::name_of("/dev/ttyS0"), "ttyS0");
  EXPECT_EQ(UucpLock::name_of("/dev/pts/3"), "pts_3");
  EXPECT_EQ(UucpLock::name_of("/dev//pts/../ttyUSB1"), "ttyUSB1");
  EXPECT_EQ(UucpLock::name_of("/somewhere/port"), "port");
}

TEST_F(PortLockTest, AFileOfTheUsualForm) {
  {
    const auto lock = take();
    ASSERT_TRUE(lock);
    EXPECT_EQ(text(file), fmt::format("{:10d}\n", ::getpid()));
    EXPECT_EQ(text(file).size(), 11U);
    struct stat st{};
    ASSERT_EQ(::stat(file.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0644U);
    EXPECT_EQ(st.st_nlink, 1U);
    expect_only_lock(true);
  }
  expect_only_lock(false);
}

TEST_F(PortLockTest, AnotherProcessHasIt) {
  Pipe up, down;
  Child child([&] {
    const auto lock = take();
    tell(up.write.get());
    return hear(down.read.get()) && lock ? 0 : 1;
  });
  ASSERT_TRUE(hear(up.read.get()));
  const auto lock = take();
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, Errc::in_use);
  EXPECT_EQ(lock.error().message, fmt::format("/dev/ttyX is locked by process {} (test_io)", child.pid()));
  expect_only_lock(true);
  tell(down.write.get());
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(take());
}

TEST_F(PortLockTest, AKilledProcessLeavesAStaleFile) {
  Pipe up;
  Child child([&] {
    const auto lock = take();
    tell(up.write.get());
    ::pause();
    return 0;
  });
  ASSERT_TRUE(hear(up.read.get()));
  EXPECT_FALSE(take());
  child.kill();
  ASSERT_TRUE(fs::exists(file));
  EXPECT_TRUE(take());
  expect_only_lock(false);
}

TEST_F(PortLockTest, FormsOfStaleFiles) {
  const pid_t pid = dead();
  const std::int32_t binary = pid;
  for (const std::string& content :
       {fmt::format("{:10d}\n", pid), fmt::format("{}", pid), fmt::format("{:10d} minicom root\n", pid),
        std::string(reinterpret_cast<const char*>(&binary), 4)}) {
    leave(content);
    const auto lock = take();
    ASSERT_TRUE(lock) << content << ": " << lock.error().message;
    EXPECT_EQ(text(file), fmt::format("{:10d}\n", ::getpid()));
  }
}

// A number in four bytes may begin with what looks like a digit: here that of process 1.
TEST_F(PortLockTest, ABinaryFileIsNotReadAsText) {
  std::int32_t number = 0x3a31;
  while (::kill(number, 0) == 0 || errno != ESRCH) number += 0x100;
  leave(std::string(reinterpret_cast<const char*>(&number), sizeof number));
  const auto lock = take();
  ASSERT_TRUE(lock) << lock.error().message;
}

TEST_F(PortLockTest, FormsOfLiveFiles) {
  const std::int32_t one = 1;
  for (const std::string& content :
       {std::string("         1\n"), std::string("1"), std::string(reinterpret_cast<const char*>(&one), 4)}) {
    leave(content);
    const auto lock = take();
    ASSERT_FALSE(lock);
    EXPECT_EQ(lock.error().code, Errc::in_use);
    EXPECT_NE(lock.error().message.find("process 1 ("), std::string::npos);
    EXPECT_EQ(text(file), content);
  }
}

TEST_F(PortLockTest, AFileWithoutAProcessIsRespected) {
  for (const char* content : {"", "x", "garbage\n", "         0\n", "        -5\n"}) {
    leave(content);
    const auto lock = take();
    ASSERT_FALSE(lock) << content;
    EXPECT_EQ(lock.error().code, Errc::in_use);
    EXPECT_NE(lock.error().message.find("without a process id"), std::string::npos);
  }
}

// In a container every life has the same process id.
TEST_F(PortLockTest, OurOwnIdFromAnEarlierLife) {
  leave(fmt::format("{:10d}\n", ::getpid()));
  auto lock = take();
  ASSERT_TRUE(lock);
  const auto second = take();  // but this one is alive
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "/dev/ttyX is locked by this process, as another line");
}

TEST_F(PortLockTest, ManyTakersOfAStaleFileOneWins) {
  for (int round = 0; round < 10; ++round) {
    leave(fmt::format("{:10d}\n", dead()));
    Pipe go, won, done;
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 4; ++i) {
      children.push_back(std::make_unique<Child>([&] {
        if (!hear(go.read.get())) return 2;
        const auto lock = take();
        tell(won.write.get());
        if (!hear(done.read.get())) return 2;
        return lock ? 1 : 0;
      }));
    }
    for (int i = 0; i < 4; ++i) tell(go.write.get());
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(hear(won.read.get()));
    for (int i = 0; i < 4; ++i) tell(done.write.get());
    int winners = 0;
    for (auto& child : children) winners += child->wait();
    EXPECT_EQ(winners, 1);
    expect_only_lock(false);
  }
}

TEST_F(PortLockTest, ALockThatIsNoLongerOursStays) {
  auto lock = take();
  ASSERT_TRUE(lock);
  fs::remove(file);
  leave("         1\n");
  {
    const UucpLock gone = std::move(*lock);
  }
  EXPECT_EQ(text(file), "         1\n");
}

// A child without privileges.
int as_nobody(const std::function<int()>& body) {
  Child child([&] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 99;
    return body();
  });
  return child.wait();
}

TEST_F(PortLockTest, WithoutPermission) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const auto try_it = [&] {
    const auto lock = take();
    return lock ? 0 : lock.error().code == Errc::permission ? 1 : lock.error().code == Errc::in_use ? 2 : 3;
  };
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  EXPECT_EQ(as_nobody(try_it), 1);  // nobody has it, and we may not make the file
  leave("         1\n");
  EXPECT_EQ(as_nobody(try_it), 2);  // respected all the same
  leave(fmt::format("{:10d}\n", dead()));
  EXPECT_EQ(as_nobody(try_it), 2);  // stale, but not ours to remove
  EXPECT_TRUE(fs::exists(file));
  ASSERT_EQ(::chmod(dir.path().c_str(), 0777), 0);
  EXPECT_EQ(as_nobody(try_it), 0);
}

TEST_F(PortLockTest, NoDirectory) {
  Master master;
  const auto lock = UucpLock::take(dir / "missing", "ttyX", "/dev/ttyX");
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, Errc::not_found);
  std::string note;
  auto port = PortLock::take(master.slave, dir / "missing", note);
  ASSERT_TRUE(port);
  EXPECT_NE(note.find("cannot make a lock file in " + dir / "missing"), std::string::npos);
  const auto tty = open_tty(master.slave);
  EXPECT_TRUE(port->lock(tty.get(), false));
  const auto other = open_tty(master.slave);
  EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), -1);
}

TEST_F(PortLockTest, ASymbolicLinkLocksTheDevice) {
  Master master;
  const std::string link = dir / "by-id";
  fs::create_symlink(master.slave, link);
  TempDir locks;
  std::string note;
  auto port = PortLock::take(link, locks.path(), note);
  ASSERT_TRUE(port);
  EXPECT_EQ(note, "");
  EXPECT_TRUE(fs::exists(locks / ("LCK..pts_" + master.slave.substr(9))));
  const auto again = PortLock::take(master.slave, locks.path(), note);
  EXPECT_EQ(again.error().code, Errc::in_use);
  EXPECT_EQ(PortLock::take(dir / "none", locks.path(), note).error().code, Errc::not_found);
}

TEST_F(PortLockTest, TheFlockOfAnotherProcess) {
  Master master;
  Pipe up, down;
  Child child([&] {
    const auto tty = open_tty(master.slave);
    if (::flock(tty.get(), LOCK_EX | LOCK_NB) != 0) return 1;
    tell(up.write.get());
    return hear(down.read.get()) ? 0 : 1;
  });
  ASSERT_TRUE(hear(up.read.get()));
  std::string note;
  auto port = PortLock::take(master.slave, "", note);
  ASSERT_TRUE(port);
  const auto tty = open_tty(master.slave);
  const auto locked = port->lock(tty.get(), true);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code, Errc::in_use);
  EXPECT_EQ(locked.error().message,
            fmt::format("{} is locked by process {} (test_io)", master.slave, child.pid()));
  tell(down.write.get());
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(port->lock(tty.get(), true));
}

TEST_F(PortLockTest, Exclusive) {
  Master master;
  std::string note;
  const auto tty = open_tty(master.slave);
  int exclusive = 0;
  {
    auto port = PortLock::take(master.slave, "", note);
    ASSERT_TRUE(port->lock(tty.get(), true));
    ASSERT_EQ(::ioctl(tty.get(), TIOCGEXCL, &exclusive), 0);
    EXPECT_NE(exclusive, 0);
    if (::geteuid() == 0) {
      ASSERT_EQ(::chmod(master.slave.c_str(), 0666), 0);
      EXPECT_EQ(as_nobody([&] { return open_tty(master.slave) ? 0 : errno; }), EBUSY);
    }
  }
  ASSERT_EQ(::ioctl(tty.get(), TIOCGEXCL, &exclusive), 0);
  EXPECT_EQ(exclusive, 0);
  // Root is not kept out by the kernel, but by us.
  ASSERT_EQ(::ioctl(tty.get(), TIOCEXCL), 0);
  auto port = PortLock::take(master.slave, "", note);
  const auto locked = port->lock(tty.get(), true);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().message,
            master.slave + " is in use: another process has it exclusively (TIOCEXCL)");
}

}  // namespace
}  // namespace llp::io::test
