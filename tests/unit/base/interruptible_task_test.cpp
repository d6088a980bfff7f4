// SPDX-License-Identifier: BSD-3-Clause
#include "base/interruptible_task.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <cerrno>
#include <memory>

#include "base/fd.hpp"

namespace llp {
namespace {

using namespace std::chrono_literals;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) == 0) {
      read = UniqueFd(ends[0]);
      write = UniqueFd(ends[1]);
    }
  }
  UniqueFd read, write;
};

// Blocks in read(2) until somebody writes.
int block(int fd) {
  char c = 0;
  return ::read(fd, &c, 1) == 1 ? 0 : errno;
}

TEST(InterruptibleTask, Ends) {
  asio::io_context context;
  auto work = asio::make_work_guard(context);
  Pipe pipe;
  bool ended = false;
  InterruptibleTask task(
      context.get_executor(), [fd = pipe.read.get()] { return block(fd); },
      [&] {
        ended = true;
        work.reset();
      });
  EXPECT_EQ(task.result(), std::nullopt);
  ASSERT_EQ(::write(pipe.write.get(), "x", 1), 1);
  context.run_for(20s);
  EXPECT_TRUE(ended);
  EXPECT_EQ(task.result(), 0);
}

TEST(InterruptibleTask, IsTakenBack) {
  asio::io_context context;
  auto work = asio::make_work_guard(context);
  Pipe pipe;
  bool ended = false;
  InterruptibleTask task(
      context.get_executor(), [fd = pipe.read.get()] { return block(fd); },
      [&] {
        ended = true;
        work.reset();
      });
  for (int i = 0; i < 10000 && !ended; ++i) {
    task.interrupt();
    context.run_for(InterruptibleTask::kInterruptAgain);
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(task.result(), EINTR);
}

// At every moment of the thread's life, the destructor returns and nobody is called.
TEST(InterruptibleTask, GoesAtAnyTime) {
  asio::io_context context;
  Pipe pipe;
  for (int i = 0; i < 200; ++i) {
    InterruptibleTask task(
        context.get_executor(), [fd = pipe.read.get()] { return block(fd); }, [] { FAIL() << "called"; });
    if (i % 4 == 1) ::usleep(static_cast<useconds_t>(i));
    if (i % 4 == 2) task.interrupt();
  }
  context.run_for(20s);
}

TEST(InterruptibleTask, AForeignEintrIsTriedAgain) {
  asio::io_context context;
  auto work = asio::make_work_guard(context);
  auto calls = std::make_shared<std::atomic<int>>(0);
  InterruptibleTask task(
      context.get_executor(), [calls] { return ++*calls < 5 ? EINTR : EACCES; }, [&] { work.reset(); });
  context.run_for(20s);
  EXPECT_EQ(*calls, 5);
  EXPECT_EQ(task.result(), EACCES);
}

TEST(InterruptibleTask, TheContextMayGoFirst) {
  Pipe pipe;
  std::unique_ptr<InterruptibleTask> task;
  {
    asio::io_context context;
    task = std::make_unique<InterruptibleTask>(
        context.get_executor(), [fd = pipe.read.get()] { return block(fd); }, [] {});
    task.reset();
  }
}

}  // namespace
}  // namespace llp
