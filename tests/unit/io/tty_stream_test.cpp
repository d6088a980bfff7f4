// SPDX-License-Identifier: BSD-3-Clause
// A serial line, on the slave of a pseudo terminal: everything but the wire.
#include <sys/file.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "support.hpp"

namespace llp::io::test {
namespace {

class TtyStreamTest : public LoopTest {
 protected:
  Master master;
  Tty tty{master.slave, 19200, {7, 'e', 1}, TtyFlow::none, false};

  termios now(const std::string& path) const {
    termios t{};
    EXPECT_EQ(::tcgetattr(master.fd.get(), &t), 0) << path;  // the slave's, seen from the master
    return t;
  }
};

// shows: x328/D-1
TEST_F(TtyStreamTest, SetsUpAndPutsBack) {
  const termios before = now(tty.device);
  ASSERT_NE(before.c_lflag & ICANON, 0U);
  auto stream = make(tty);
  ASSERT_TRUE(run(stream->open()));
  const termios t = now(tty.device);
  EXPECT_EQ(t.c_iflag, static_cast<tcflag_t>(INPCK | PARMRK));
  EXPECT_EQ(t.c_oflag, 0U);
  EXPECT_EQ(t.c_lflag, 0U);
  EXPECT_EQ(t.c_cflag & (CLOCAL | CREAD), static_cast<tcflag_t>(CLOCAL | CREAD));
  EXPECT_EQ(::cfgetospeed(&t), static_cast<speed_t>(B19200));
  EXPECT_EQ(stream->describe(), master.slave + " 19200 7E1");
  EXPECT_EQ(stream->char_time(), 0ns);  // no wire
  stream->close();
  EXPECT_TRUE(run_until([&] { return (now(tty.device).c_lflag & ICANON) != 0; }));
  const termios after = now(tty.device);
  EXPECT_EQ(after.c_iflag, before.c_iflag);
  EXPECT_EQ(after.c_oflag, before.c_oflag);
  EXPECT_EQ(after.c_lflag, before.c_lflag);
  EXPECT_EQ(::cfgetospeed(&after), ::cfgetospeed(&before));
}

TEST_F(TtyStreamTest, KeepsTheRate) {
  {
    const auto slave = open_tty(master.slave);
    termios t{};
    ASSERT_EQ(::tcgetattr(slave.get(), &t), 0);
    ::cfsetspeed(&t, B57600);
    ASSERT_EQ(::tcsetattr(slave.get(), TCSANOW, &t), 0);
  }
  tty.keep = true;
  auto stream = make(tty);
  ASSERT_TRUE(run(stream->open()));
  const termios t = now(tty.device);
  EXPECT_EQ(::cfgetospeed(&t), static_cast<speed_t>(B57600));
  EXPECT_EQ(t.c_lflag, 0U);
}

TEST_F(TtyStreamTest, EveryByteBothWays) {
  tty.mode = {8, 'n', 1};
  auto stream = make(tty);
  ASSERT_TRUE(run(stream->open()));
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  all += std::string("\xff\0A\xff\xff\0\0", 7);  // as data, like marks
  master.put(all);
  EXPECT_EQ(read(*stream, all.size()), all);
  ASSERT_TRUE(write(*stream, all));
  EXPECT_TRUE(run(stream->wait_empty()));
  EXPECT_EQ(read_fd(master.fd.get(), all.size()), all);
}

// shows: common/3
TEST_F(TtyStreamTest, SevenBitsAreStripped) {
  auto stream = make(tty);
  ASSERT_TRUE(run(stream->open()));
  master.put("\x81\xff\x41");
  EXPECT_EQ(read(*stream, 3), "\x01\x7f\x41");
}

TEST_F(TtyStreamTest, ReadsIntoTheSmallestRoom) {
  auto stream = make(tty);
  ASSERT_TRUE(run(stream->open()));
  master.put("ABCDEFGHIJ");
  std::string got;
  for (int i = 0; i < 10; ++i) got += read(*stream, 1);
  EXPECT_EQ(got, "ABCDEFGHIJ");
}

TEST_F(TtyStreamTest, LocksThePort) {
  auto stream = make(tty);
  ASSERT_TRUE(run(stream->open()));
  const std::string lock = locks / ("LCK..pts_" + master.slave.substr(9));
  EXPECT_TRUE(std::filesystem::exists(lock));
  const auto other = open_tty(master.slave);
  EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), -1);
  stream->close();
  EXPECT_TRUE(run_until([&] { return ::flock(other.get(), LOCK_EX | LOCK_NB) == 0; }));
  EXPECT_TRUE(run_until([&] { return !std::filesystem::exists(lock); }));
}

TEST_F(TtyStreamTest, AnotherLineOnTheSamePortFails) {
  auto stream = make(tty);
  ASSERT_TRUE(run(stream->open()));
  auto second = make(tty);
  const auto opened = run(second->open());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::in_use);
  EXPECT_EQ(opened.error().message, master.slave + " is locked by this process, as another line");
  options.lock_dir.clear();  // flock alone
  auto third = make(tty);
  const auto again = run(third->open());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message, master.slave + " is locked by this process, as another line");
}

TEST_F(TtyStreamTest, GoesOnWithoutALockDirectoryAndSaysSoOnce) {
  options.lock_dir = dir / "missing";
  auto stream = make(tty);
  ASSERT_TRUE(run(stream->open()));
  stream->disconnect();
  ASSERT_TRUE(run(stream->open()));
  EXPECT_EQ(std::ranges::count_if(log, [](const auto& l) { return l.find("lock file") != l.npos; }), 1);
}

TEST_F(TtyStreamTest, AMissingDeviceIsAnError) {
  tty.device = dir / "nothing";
  auto stream = make(tty);
  const auto opened = run(stream->open());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::not_found);
  EXPECT_EQ(opened.error().message, "cannot open " + tty.device + ": No such file or directory");
}

TEST_F(TtyStreamTest, SomethingElseIsAnErrorAtOnce) {
  options.wait_for_device = true;
  tty.device = "/dev/null";
  auto stream = make(tty);
  const auto opened = run(stream->open());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::invalid);
  EXPECT_EQ(opened.error().message, "/dev/null is not a serial port");
}

TEST_F(TtyStreamTest, ABadModeIsAnErrorWhenMade) {
  tty.mode.bits = 9;
  EXPECT_EQ(make_stream(context.get_executor(), tty, options, logger).error().code, Errc::invalid);
}

TEST_F(TtyStreamTest, WaitsForTheDeviceIfAsked) {
  options.wait_for_device = true;
  tty.device = dir / "port";
  auto stream = make(tty);
  auto opening = start(stream->open());
  settle();
  EXPECT_FALSE(opening->done());
  std::filesystem::create_symlink(master.slave, tty.device);
  EXPECT_TRUE(finish(opening));
}

TEST_F(TtyStreamTest, SaysWhyItWaitsWhenThatChanges) {
  options.wait_for_device = true;
  tty.device = dir / "port";
  const std::string waiting = "waiting for " + tty.device + ": cannot open " + tty.device + ": ";
  const std::string missing = waiting + "No such file or directory";
  const std::string wrong = waiting + "Is a directory";
  auto stream = make(tty);
  auto opening = start(stream->open());
  ASSERT_TRUE(run_until([&] { return std::ranges::find(log, missing) != log.end(); }));
  settle();
  EXPECT_EQ(log, std::vector<std::string>{missing});
  std::filesystem::create_directory(tty.device);
  ASSERT_TRUE(run_until([&] { return log.size() > 1; }));
  settle();
  EXPECT_EQ(log, (std::vector<std::string>{missing, wrong}));
  EXPECT_FALSE(opening->done());
  std::filesystem::remove(tty.device);
  std::filesystem::create_symlink(master.slave, tty.device);
  EXPECT_TRUE(finish(opening));
}

TEST_F(TtyStreamTest, HangUpAndComingBack) {
  const std::string link = tty.device = dir / "port";
  auto first = std::make_unique<Master>();
  std::filesystem::create_symlink(first->slave, link);
  auto stream = make(tty);
  ASSERT_TRUE(run(stream->open()));
  first->put("AB");
  EXPECT_EQ(read(*stream, 2), "AB");
  auto reading = start_read(*stream);
  settle();
  std::filesystem::remove(link);
  first.reset();
  const auto got = finish(reading);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::reset);
  EXPECT_EQ(read_error(*stream), Errc::reset);
  const auto written = write(*stream, "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::reset);
  auto opening = start(stream->open());
  settle();
  EXPECT_FALSE(opening->done());
  Master second;
  std::filesystem::create_symlink(second.slave, link);
  ASSERT_TRUE(finish(opening));
  second.put("CD");
  EXPECT_EQ(read(*stream, 2), "CD");
}

TEST_F(TtyStreamTest, DisconnectLetsOthersHaveThePort) {
  auto stream = make(tty);
  ASSERT_TRUE(run(stream->open()));
  auto reading = start_read(*stream);
  settle();
  stream->disconnect();
  const auto got = finish(reading);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::closed);
  EXPECT_EQ(read_error(*stream), Errc::closed);
  const auto other = open_tty(master.slave);
  ASSERT_TRUE(run_until([&] { return ::flock(other.get(), LOCK_EX | LOCK_NB) == 0; }));
  auto opening = start(stream->open());
  settle();
  EXPECT_FALSE(opening->done());  // locked by somebody else: waits, since it was open before
  ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  EXPECT_TRUE(finish(opening));
  master.put("A");
  EXPECT_EQ(read(*stream, 1), "A");
}

TEST_F(TtyStreamTest, ReopeningWaitsForOurOwnLocks) {
  auto stream = make(tty);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(run(stream->open())) << i;
    stream->disconnect();
  }
}

// Every call under way ends, whatever it waits for, and the object may go.
TEST_F(TtyStreamTest, CloseEndsEverything) {
  for (const bool destroy : {false, true}) {
    auto stream = make(tty);
    ASSERT_TRUE(run(stream->open()));
    auto reading = start_read(*stream);
    const std::vector<std::uint8_t> much(1 << 20, 'x');
    auto writing = start(stream->write(much));  // nobody reads the master
    settle();
    EXPECT_FALSE(reading->done());
    EXPECT_FALSE(writing->done());
    if (destroy) {
      stream.reset();
    } else {
      stream->close();
    }
    EXPECT_EQ(finish(reading).error().code, Errc::cancelled);
    EXPECT_EQ(finish(writing).error().code, Errc::cancelled);
    if (stream) {
      EXPECT_EQ(read_error(*stream), Errc::cancelled);
      EXPECT_EQ(write(*stream, "x").error().code, Errc::cancelled);
      EXPECT_EQ(run(stream->wait_empty()).error().code, Errc::cancelled);
      EXPECT_EQ(run(stream->open()).error().code, Errc::cancelled);
    }
    options.wait_for_device = true;  // until the first one has let go
  }
}

TEST_F(TtyStreamTest, CloseEndsAnOpenThatWaits) {
  options.wait_for_device = true;
  tty.device = dir / "port";
  auto stream = make(tty);
  auto opening = start(stream->open());
  settle();
  stream.reset();
  EXPECT_EQ(finish(opening).error().code, Errc::cancelled);
}

TEST_F(TtyStreamTest, CloseWhileAWorkerOpensThePort) {
  for (int i = 0; i < 20; ++i) {
    auto stream = make(tty);
    auto opening = start(stream->open());
    context.restart();
    context.poll_one();
    stream->close();
    EXPECT_EQ(finish(opening).error().code, Errc::cancelled);
    const auto other = open_tty(master.slave);
    ASSERT_TRUE(run_until([&] { return ::flock(other.get(), LOCK_EX | LOCK_NB) == 0; })) << "port leaked";
  }
}

TEST_F(TtyStreamTest, TheContextMayGoFirst) {
  auto own = std::make_unique<asio::io_context>();
  auto stream = make_stream(own->get_executor(), tty, options, logger);
  asio::co_spawn(*own, (*stream)->open(), asio::detached);
  own->run_for(5ms);
  stream->reset();
  own.reset();
}

// Wherever an unplug falls.
TEST_F(TtyStreamTest, HangUpWhileWritingAndWaiting) {
  auto gone = std::make_unique<Master>();
  tty.device = gone->slave;
  auto stream = make(tty);
  ASSERT_TRUE(run(stream->open()));
  const std::vector<std::uint8_t> much(1 << 20, 'x');
  auto writing = start(stream->write(much));
  settle();
  EXPECT_FALSE(writing->done());
  gone.reset();
  const auto result = finish(writing);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::reset);
}

}  // namespace
}  // namespace llp::io::test
