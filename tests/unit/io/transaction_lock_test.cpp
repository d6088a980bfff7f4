// SPDX-License-Identifier: BSD-3-Clause
#include "io/transaction_lock.hpp"

#include <sys/file.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <fstream>

#include "support.hpp"

namespace llp::io::test {
namespace {

namespace fs = std::filesystem;
using Guard = TransactionLock::Guard;

std::size_t threads() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/task")) ++count;
  return count;
}

class TransactionLockTest : public LoopTest {
 protected:
  // A thread that was joined is seen in /proc for a moment more.
  bool settles_at(std::size_t count) {
    return run_until([&] { return threads() == count; });
  }
  std::string file = dir / "line.lock";
  // A lock of somebody who only knows flock(2).
  struct Plain {
    explicit Plain(const std::string& file) : fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660)) {}
    bool lock() const { return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0; }
    void unlock() const { ::flock(fd.get(), LOCK_UN); }
    UniqueFd fd;
  };
};

TEST_F(TransactionLockTest, IsAFlock) {
  TransactionLock lock(context.get_executor(), file);
  const Plain plain(file);
  {
    const auto guard = run(lock.acquire());
    ASSERT_TRUE(guard);
    EXPECT_TRUE(lock.held());
    EXPECT_FALSE(plain.lock());
  }
  EXPECT_FALSE(lock.held());
  EXPECT_TRUE(plain.lock());
}

TEST_F(TransactionLockTest, NothingIsMadeInTheDevicesPlace) {
  const fs::path node = "/dev/llp-test-" + std::to_string(::getpid());
  TransactionLock lock(context.get_executor(), node);
  EXPECT_EQ(lock.try_acquire().error().code, Errc::not_found);
  EXPECT_EQ(run(lock.acquire()).error().code, Errc::not_found);
  EXPECT_FALSE(fs::exists(node));
  fs::remove(node);
}

TEST_F(TransactionLockTest, TryAcquire) {
  TransactionLock lock(context.get_executor(), file);
  const Plain plain(file);
  ASSERT_TRUE(plain.lock());
  EXPECT_EQ(lock.try_acquire().error().code, Errc::busy);
  plain.unlock();
  auto guard = lock.try_acquire();
  ASSERT_TRUE(guard);
  EXPECT_FALSE(plain.lock());
  EXPECT_EQ(lock.try_acquire().error().code, Errc::busy);
  auto waiting = start(lock.acquire());
  settle(5ms);
  EXPECT_EQ(lock.waiting(), 1U);
  guard->release();
  EXPECT_EQ(lock.try_acquire().error().code, Errc::busy);  // the one that waits comes first
  EXPECT_TRUE(finish(waiting));
}

TEST_F(TransactionLockTest, FirstComeFirstServed) {
  TransactionLock lock(context.get_executor(), file);
  std::vector<int> order;
  auto first = run(lock.acquire());
  const auto take = [](TransactionLock& l, std::vector<int>& o, int i) -> asio::awaitable<Result<void>> {
    auto guard = co_await l.acquire();
    if (!guard) co_return std::unexpected(guard.error());
    o.push_back(i);
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
    o.push_back(i);
    co_return Result<void>();
  };
  std::vector<std::shared_ptr<Task<Result<void>>>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(start(take(lock, order, i)));
  settle(5ms);
  EXPECT_EQ(lock.waiting(), 20U);
  EXPECT_TRUE(order.empty());
  first->release();
  for (auto& task : tasks) EXPECT_TRUE(finish(task));
  std::vector<int> want;
  for (int i = 0; i < 20; ++i) want.insert(want.end(), {i, i});
  EXPECT_EQ(order, want);
}

TEST_F(TransactionLockTest, WaitsForAnotherProcess) {
  TransactionLock lock(context.get_executor(), file);
  Pipe up, down;
  Child child([&] {
    const Plain plain(file);
    if (!plain.lock()) return 1;
    tell(up.write.get());
    return hear(down.read.get()) ? 0 : 1;
  });
  ASSERT_TRUE(hear(up.read.get()));
  const auto before = threads();
  auto waiting = start(lock.acquire());
  settle();
  EXPECT_FALSE(waiting->done());
  EXPECT_EQ(threads(), before + 1);
  tell(down.write.get());
  auto guard = finish(waiting);
  ASSERT_TRUE(guard);
  EXPECT_TRUE(settles_at(before));
  EXPECT_FALSE(Plain(file).lock());
  guard->release();
  EXPECT_TRUE(Plain(file).lock());
}

TEST_F(TransactionLockTest, AKilledHolderLetsGo) {
  TransactionLock lock(context.get_executor(), file);
  Pipe up;
  Child child([&] {
    const Plain plain(file);
    if (plain.lock()) tell(up.write.get());
    ::pause();
    return 0;
  });
  ASSERT_TRUE(hear(up.read.get()));
  auto waiting = start(lock.acquire());
  settle();
  EXPECT_FALSE(waiting->done());
  child.kill();
  EXPECT_TRUE(finish(waiting));
}

TEST_F(TransactionLockTest, TimesOutAndNamesTheHolder) {
  TransactionLock lock(context.get_executor(), file);
  const Plain plain(file);
  ASSERT_TRUE(plain.lock());
  const auto before = threads();
  const auto got = run(lock.acquire(20ms));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::timeout);
  EXPECT_EQ(got.error().message,
            fmt::format("the transaction lock {} was not free in time; process {} (test_io) has it", file,
                        ::getpid()));
  EXPECT_TRUE(settles_at(before));
  EXPECT_EQ(lock.waiting(), 0U);
  plain.unlock();
  EXPECT_TRUE(run(lock.acquire(0ns)));  // free: no time is needed
}

TEST_F(TransactionLockTest, TimesOutInTheProcess) {
  TransactionLock lock(context.get_executor(), file);
  auto guard = run(lock.acquire());
  auto second = start(lock.acquire(20ms));
  auto third = start(lock.acquire());
  EXPECT_EQ(finish(second).error().message,
            "the transaction lock " + file + " was not free in time; this process has it");
  EXPECT_FALSE(third->done());
  guard->release();
  EXPECT_TRUE(finish(third));
}

// At every moment: in the process's queue, in the thread, just when it gets it.
TEST_F(TransactionLockTest, CancellationLeaksNothing) {
  const auto before = threads();
  TransactionLock lock(context.get_executor(), file);
  const Plain plain(file);
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(run_until([&] { return plain.lock(); }));
    asio::cancellation_signal cancel;
    std::optional<Result<Guard>> result;
    asio::co_spawn(context, lock.acquire(),
                   asio::bind_cancellation_slot(
                       cancel.slot(), [&](std::exception_ptr, Result<Guard> r) { result = std::move(r); }));
    auto behind =
        start(lock.acquire(i % 2 == 0 ? std::optional<std::chrono::nanoseconds>(1ms) : std::nullopt));
    settle(std::chrono::milliseconds(i % 4));
    if (i % 3 == 0) plain.unlock();
    cancel.emit(asio::cancellation_type::terminal);
    ASSERT_TRUE(run_until([&] { return result.has_value(); }));
    if (!*result) {
      EXPECT_EQ(result->error().code, Errc::cancelled);
    } else {
      (*result)->release();
    }
    plain.unlock();
    auto next = finish(behind);
    if (next) next->release();
    EXPECT_EQ(lock.waiting(), 0U);
    EXPECT_FALSE(lock.held());
    EXPECT_TRUE(settles_at(before));
  }
}

TEST_F(TransactionLockTest, CloseEndsEveryWait) {
  TransactionLock lock(context.get_executor(), file);
  const Plain plain(file);
  ASSERT_TRUE(plain.lock());
  auto in_thread = start(lock.acquire());
  auto queued = start(lock.acquire());
  settle();
  lock.close();
  EXPECT_EQ(finish(in_thread).error().code, Errc::cancelled);
  EXPECT_EQ(finish(queued).error().code, Errc::cancelled);
  EXPECT_EQ(run(lock.acquire()).error().code, Errc::cancelled);
  EXPECT_EQ(lock.try_acquire().error().code, Errc::cancelled);
  plain.unlock();
  EXPECT_TRUE(plain.lock());
}

TEST_F(TransactionLockTest, DestructionEndsEveryWaitAndGuardsStay) {
  const Plain plain(file);
  auto lock = std::make_unique<TransactionLock>(context.get_executor(), file);
  auto guard = run(lock->acquire());
  auto queued = start(lock->acquire());
  settle(5ms);
  lock.reset();
  EXPECT_EQ(finish(queued).error().code, Errc::cancelled);
  EXPECT_FALSE(plain.lock());
  guard->release();
  EXPECT_TRUE(plain.lock());
}

TEST_F(TransactionLockTest, TheContextMayGoWhileAThreadWaits) {
  const auto before = threads();
  const Plain plain(file);
  ASSERT_TRUE(plain.lock());
  auto own = std::make_unique<asio::io_context>();
  auto lock = std::make_unique<TransactionLock>(own->get_executor(), file);
  asio::co_spawn(*own, lock->acquire(), asio::detached);
  asio::co_spawn(*own, lock->acquire(), asio::detached);
  own->run_for(10ms);
  EXPECT_EQ(threads(), before + 1);
  lock.reset();
  own.reset();
  EXPECT_TRUE(settles_at(before));
}

// Two processes that both want it all the time: both get on.
TEST_F(TransactionLockTest, TwoProcessesAlternate) {
  constexpr int kRounds = 100;
  const std::string journal = dir / "journal";
  const auto body = [&](char name) {
    asio::io_context own;
    TransactionLock lock(own.get_executor(), file);
    int rounds = 0;
    const auto work = [](TransactionLock& l, const std::string& path, char c,
                         int& n) -> asio::awaitable<void> {
      for (; n < kRounds; ++n) {
        auto guard = co_await l.acquire(std::chrono::nanoseconds(kLimit));
        if (!guard) co_return;
        const UniqueFd out(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
        const std::string text(2, c);
        if (::write(out.get(), text.data(), 1) != 1) co_return;
        ::usleep(200);  // the other must not get in between
        if (::write(out.get(), text.data() + 1, 1) != 1) co_return;
      }
    };
    asio::co_spawn(own, work(lock, journal, name, rounds), asio::detached);
    own.run();
    return rounds == kRounds ? 0 : 1;
  };
  Child a([&] { return body('a'); });
  Child b([&] { return body('b'); });
  EXPECT_EQ(a.wait(), 0);
  EXPECT_EQ(b.wait(), 0);
  std::ifstream in(journal);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  ASSERT_EQ(text.size(), 4U * kRounds);
  // Nobody was inside together with another, and while both were at it neither
  // had to stand by for long.
  const std::size_t both = std::min(text.rfind('a'), text.rfind('b'));
  const std::size_t start = std::max(text.find('a'), text.find('b'));
  std::size_t run_length = 0;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    ASSERT_EQ(text[i], text[i + 1]) << i;
    if (i < start || i > both) continue;
    run_length = i > start && text[i] == text[i - 1] ? run_length + 1 : 1;
    longest = std::max(longest, run_length);
  }
  EXPECT_LE(longest, static_cast<std::size_t>(kRounds) / 2);
}

// Who waits in another process comes before who lets go and wants it again at
// once. (Two locks of one process are two to the kernel.)
TEST_F(TransactionLockTest, WhoWaitsComesFirst) {
  TransactionLock first(context.get_executor(), file);
  TransactionLock second(context.get_executor(), file);
  const Plain look(file);
  const auto somebody_waits = [&] {
    struct flock range{};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_len = 1;
    return ::fcntl(look.fd.get(), F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
  };
  TransactionLock* has = &first;
  TransactionLock* wants = &second;
  auto guard = run(has->acquire());
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(guard);
    auto waiting = start(wants->acquire());
    ASSERT_TRUE(run_until(somebody_waits));
    guard->release();
    auto again = start(has->acquire());
    auto next = finish(waiting);
    ASSERT_TRUE(next);
    ASSERT_FALSE(again->done()) << "overtook in round " << i;
    next->release();
    guard = finish(again);
  }
}

TEST_F(TransactionLockTest, AFileThatWasRemovedIsNoLock) {
  TransactionLock lock(context.get_executor(), file);
  auto plain = std::make_unique<Plain>(file);
  ASSERT_TRUE(plain->lock());
  auto waiting = start(lock.acquire());
  settle();
  fs::remove(file);
  plain.reset();
  const auto guard = finish(waiting);
  ASSERT_TRUE(guard);
  EXPECT_TRUE(fs::exists(file));
  EXPECT_FALSE(Plain(file).lock());
}

TEST_F(TransactionLockTest, ErrorsOfTheFile) {
  TransactionLock lock(context.get_executor(), dir / "no/line.lock");
  EXPECT_EQ(run(lock.acquire()).error().code, Errc::not_found);
  EXPECT_EQ(lock.try_acquire().error().code, Errc::not_found);
  EXPECT_EQ(run(lock.acquire()).error().code, Errc::not_found);  // the turn went on
  EXPECT_EQ(lock.waiting(), 0U);
}

TEST_F(TransactionLockTest, GuardsMove) {
  TransactionLock lock(context.get_executor(), file);
  Guard a = std::move(*run(lock.acquire()));
  Guard b;
  EXPECT_FALSE(b);
  b = std::move(a);
  EXPECT_TRUE(b);
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): that it is empty is what is tested
  a.release();      // NOLINT(clang-analyzer-cplusplus.Move): likewise
  EXPECT_TRUE(lock.held());
  b = Guard();
  EXPECT_FALSE(lock.held());
}

TEST_F(TransactionLockTest, NotInherited) {
  TransactionLock lock(context.get_executor(), file);
  const auto guard = run(lock.acquire());
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code ec;
    if (fs::read_symlink(entry.path(), ec) != fs::path(file)) continue;
    EXPECT_EQ(::fcntl(std::stoi(entry.path().filename()), F_GETFD), FD_CLOEXEC);
  }
}

TEST(RoleLock, OneServerALine) {
  TempDir dir;
  const std::string file = dir / "analyser.server";
  Pipe up, down;
  Child child([&] {
    const auto role = RoleLock::take(file);
    tell(up.write.get());
    return role && hear(down.read.get()) ? 0 : 1;
  });
  ASSERT_TRUE(hear(up.read.get()));
  const auto second = RoleLock::take(file);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::in_use);
  EXPECT_EQ(second.error().message,
            fmt::format("line analyser is served by process {} (test_io)", child.pid()));
  tell(down.write.get());
  EXPECT_EQ(child.wait(), 0);
  auto role = RoleLock::take(file);
  ASSERT_TRUE(role);
  EXPECT_FALSE(RoleLock::take(file));
  {
    const RoleLock moved = std::move(*role);
    EXPECT_FALSE(RoleLock::take(file));
  }
  EXPECT_TRUE(RoleLock::take(file));
  EXPECT_EQ(RoleLock::take(dir / "no/x.server").error().code, Errc::not_found);
}

TEST(RoleLock, AKilledServerLetsGo) {
  TempDir dir;
  const std::string file = dir / "x.server";
  Pipe up;
  Child child([&] {
    const auto role = RoleLock::take(file);
    tell(up.write.get());
    ::pause();
    return 0;
  });
  ASSERT_TRUE(hear(up.read.get()));
  EXPECT_FALSE(RoleLock::take(file));
  child.kill();
  EXPECT_TRUE(RoleLock::take(file));
}

}  // namespace
}  // namespace llp::io::test
