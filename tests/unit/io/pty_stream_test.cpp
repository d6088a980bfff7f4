// SPDX-License-Identifier: BSD-3-Clause
#include <sys/stat.h>

#include "support.hpp"

namespace llp::io::test {
namespace {

namespace fs = std::filesystem;

class PtyStreamTest : public LoopTest {
 protected:
  void put(const UniqueFd& fd, std::string_view text) {
    ASSERT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
};

TEST_F(PtyStreamTest, ASlaveIsThereAndRaw) {
  auto stream = make(Pty{});
  EXPECT_TRUE(stream->local_name().starts_with("/dev/pts/"));
  EXPECT_EQ(stream->describe(), "pseudo terminal");
  const auto slave = open_tty(stream->local_name());
  ASSERT_TRUE(slave);
  termios t{};
  ASSERT_EQ(::tcgetattr(slave.get(), &t), 0);
  EXPECT_EQ(t.c_lflag & (ICANON | ECHO | ISIG | IEXTEN), 0U);
  EXPECT_EQ(t.c_iflag & (ICRNL | IXON | ISTRIP | PARMRK), 0U);
  EXPECT_EQ(t.c_oflag & OPOST, 0U);
  EXPECT_EQ(t.c_cflag & CSIZE, static_cast<tcflag_t>(CS8));
}

TEST_F(PtyStreamTest, EveryByteBothWays) {
  auto stream = make(Pty{});
  auto opening = start(stream->open());
  settle();
  EXPECT_FALSE(opening->done());  // nobody has the slave
  const auto slave = open_tty(stream->local_name());
  ASSERT_TRUE(finish(opening));
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  put(slave, all);
  EXPECT_EQ(read(*stream, all.size()), all);
  ASSERT_TRUE(write(*stream, all));
  EXPECT_TRUE(run(stream->wait_empty()));
  EXPECT_EQ(read_fd(slave.get(), all.size()), all);
  EXPECT_EQ(stream->char_time(), 0ns);
}

TEST_F(PtyStreamTest, ClosedAndOpenedAgain) {
  auto stream = make(Pty{});
  for (int i = 0; i < 3; ++i) {
    auto slave = open_tty(stream->local_name());
    ASSERT_TRUE(run(stream->open())) << i;
    put(slave, "A");
    EXPECT_EQ(read(*stream, 1), "A");
    auto reading = start_read(*stream);
    settle();
    slave.reset();
    const auto got = finish(reading);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::reset);
    auto opening = start(stream->open());
    settle();
    EXPECT_FALSE(opening->done());
    slave = open_tty(stream->local_name());
    ASSERT_TRUE(finish(opening)) << i;
  }
}

// Written and closed before we looked.
TEST_F(PtyStreamTest, WhatAQuickUserWroteIsRead) {
  auto stream = make(Pty{});
  auto opening = start(stream->open());
  {
    const auto slave = open_tty(stream->local_name());
    put(slave, "quick");
  }
  ASSERT_TRUE(finish(opening));
  EXPECT_EQ(read(*stream, 5), "quick");
  EXPECT_EQ(read_error(*stream), Errc::reset);
}

// The next user gets neither the last one's bytes nor its settings.
TEST_F(PtyStreamTest, TheNextUserStartsAfresh) {
  auto stream = make(Pty{});
  auto slave = open_tty(stream->local_name());
  ASSERT_TRUE(run(stream->open()));
  ASSERT_TRUE(write(*stream, "for the first user"));
  pollfd there{slave.get(), POLLIN, 0};  // what comes after ECHO is set would come back to us
  ASSERT_EQ(::poll(&there, 1, 30000), 1);
  termios t{};
  ASSERT_EQ(::tcgetattr(slave.get(), &t), 0);
  t.c_lflag |= ICANON | ECHO;
  ASSERT_EQ(::tcsetattr(slave.get(), TCSANOW, &t), 0);
  slave.reset();
  EXPECT_EQ(read_error(*stream), Errc::reset);
  auto opening = start(stream->open());
  settle();
  slave = open_tty(stream->local_name());
  ASSERT_TRUE(finish(opening));
  ASSERT_EQ(::tcgetattr(slave.get(), &t), 0);
  EXPECT_EQ(t.c_lflag & (ICANON | ECHO), 0U);
  ASSERT_TRUE(write(*stream, "second"));
  EXPECT_EQ(read_fd(slave.get(), 6), "second");
}

// A full buffer, and then nobody to empty it: no spinning, an error.
TEST_F(PtyStreamTest, TheSlaveGoesWhileWeWrite) {
  auto stream = make(Pty{});
  auto slave = open_tty(stream->local_name());
  ASSERT_TRUE(run(stream->open()));
  const std::vector<std::uint8_t> much(1 << 20, 'x');
  auto writing = start(stream->write(much));
  settle();
  EXPECT_FALSE(writing->done());
  slave.reset();
  const auto result = finish(writing);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::reset);
}

TEST_F(PtyStreamTest, DisconnectKeepsTheTerminal) {
  auto stream = make(Pty{});
  const auto slave = open_tty(stream->local_name());
  ASSERT_TRUE(run(stream->open()));
  auto reading = start_read(*stream);
  settle();
  const std::string name = stream->local_name();
  stream->disconnect();
  EXPECT_EQ(finish(reading).error().code, Errc::closed);
  EXPECT_EQ(read_error(*stream), Errc::closed);
  put(slave, "B");
  ASSERT_TRUE(run(stream->open()));
  EXPECT_EQ(read(*stream, 1), "B");
  EXPECT_EQ(stream->local_name(), name);
}

TEST_F(PtyStreamTest, CloseEndsEverything) {
  for (const bool destroy : {false, true}) {
    auto stream = make(Pty{});
    const auto slave = open_tty(stream->local_name());
    ASSERT_TRUE(run(stream->open()));
    auto reading = start_read(*stream);
    const std::vector<std::uint8_t> much(1 << 20, 'x');
    auto writing = start(stream->write(much));
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
      EXPECT_EQ(run(stream->open()).error().code, Errc::cancelled);
    }
    // Nobody reads the slave; it hangs up when the time is over.
    EXPECT_TRUE(run_until([&] {
      pollfd p{slave.get(), 0, 0};
      return ::poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
    }));
  }
}

TEST_F(PtyStreamTest, CloseEndsAnOpenThatWaits) {
  auto stream = make(Pty{});
  auto opening = start(stream->open());
  settle();
  stream.reset();
  EXPECT_EQ(finish(opening).error().code, Errc::cancelled);
}

// The last acknowledgement is not taken back by closing at once.
TEST_F(PtyStreamTest, WrittenOutputGetsAChance) {
  options.drain = std::chrono::milliseconds(kLimit);
  auto stream = make(Pty{});
  const auto slave = open_tty(stream->local_name());
  ASSERT_TRUE(run(stream->open()));
  ASSERT_TRUE(write(*stream, "bye"));
  stream.reset();
  settle();
  EXPECT_EQ(read_fd(slave.get(), 3), "bye");
  EXPECT_TRUE(run_until([&] {
    pollfd p{slave.get(), 0, 0};
    return ::poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
  }));
}

TEST_F(PtyStreamTest, ALinkLeadsToTheSlave) {
  const std::string link = dir / "line";
  auto stream = make(Pty{link});
  EXPECT_EQ(fs::read_symlink(link), stream->local_name());
  EXPECT_EQ(stream->describe(), "pseudo terminal " + link);
  stream->close();
  EXPECT_FALSE(fs::is_symlink(fs::symlink_status(link)));
}

TEST_F(PtyStreamTest, AStaleLinkIsReplaced) {
  const std::string link = dir / "line";
  fs::create_symlink("/dev/pts/4000000", link);
  const auto stream = make(Pty{link});
  EXPECT_EQ(fs::read_symlink(link), stream->local_name());
}

TEST_F(PtyStreamTest, OthersAreLeftAlone) {
  const std::string file = dir / "file";
  ASSERT_TRUE(UniqueFd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
  auto made = make_stream(context.get_executor(), Pty{file}, options, logger);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::in_use);
  EXPECT_EQ(made.error().message, file + " exists and is not a symbolic link; choose another path");
  EXPECT_TRUE(fs::is_regular_file(file));

  Master master;
  const std::string link = dir / "link";
  fs::create_symlink(master.slave, link);
  made = make_stream(context.get_executor(), Pty{link}, options, logger);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::in_use);
  EXPECT_EQ(made.error().message,
            link + " leads to " + master.slave + ", which exists; remove it if nobody uses it");
  EXPECT_EQ(fs::read_symlink(link), master.slave);

  made = make_stream(context.get_executor(), Pty{dir / "no/such"}, options, logger);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::not_found);
}

TEST_F(PtyStreamTest, ALinkThatIsNoLongerOursStays) {
  const std::string link = dir / "line";
  auto stream = make(Pty{link});
  fs::remove(link);
  fs::create_symlink("/dev/null", link);
  stream.reset();
  EXPECT_EQ(fs::read_symlink(link), "/dev/null");
}

// The two ends together: a serial line on our own pseudo terminal.
TEST_F(PtyStreamTest, ATtyLineOnIt) {
  auto pty = make(Pty{dir / "line"});
  auto tty = make(Tty{dir / "line", 115200, {8, 'n', 1}, TtyFlow::none, false});
  for (int i = 0; i < 3; ++i) {
    auto opening = start(pty->open());
    ASSERT_TRUE(run(tty->open())) << i;
    ASSERT_TRUE(finish(opening));
    ASSERT_TRUE(write(*tty, "\x05\xff\r"));
    EXPECT_EQ(read(*pty, 3), "\x05\xff\r");
    ASSERT_TRUE(write(*pty, "\x10\xff\xff"));
    EXPECT_EQ(read(*tty, 3), "\x10\xff\xff");
    tty->disconnect();
    EXPECT_EQ(read_error(*pty), Errc::reset);
  }
}

}  // namespace
}  // namespace llp::io::test
