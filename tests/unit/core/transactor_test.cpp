// SPDX-License-Identifier: BSD-3-Clause
// Who may have a transaction: within the process, and with other processes.
#include "core/transactor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <filesystem>

#include "base/fd.hpp"
#include "core/support.hpp"

namespace llp::core::test {
namespace {

class TransactorTest : public ::testing::Test {
 protected:
  TransactorTest() : directory_(make_temp_dir()), changed_(loop.executor()) {
    file = directory_ + "/lab.lock";
    transactor = std::make_unique<Transactor>(loop.executor(), file, changed_, Logger());
  }
  ~TransactorTest() override { std::filesystem::remove_all(directory_); }

  struct Waiting {
    std::optional<Result<Transactor::Turn>> result;
    [[nodiscard]] bool got() const { return result && *result; }
  };
  static asio::awaitable<void> wait_for(Transactor& t, Clock::time_point deadline,
                                        std::shared_ptr<Waiting> w) {
    w->result.emplace(co_await t.turn(deadline));
  }
  std::shared_ptr<Waiting> turn(Clock::time_point deadline = kNever) {
    auto waiting = std::make_shared<Waiting>();
    loop.start(wait_for(*transactor, deadline, waiting));
    return waiting;
  }
  // Whether somebody else, another process say, could have the lock now.
  [[nodiscard]] bool lock_is_free() const {
    const UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660));
    return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
  }

  Loop loop;
  std::string file;

 private:
  std::string directory_;
  Event changed_;

 protected:
  std::unique_ptr<Transactor> transactor;
};

TEST(TransactionLockFile, IsTheDeviceOfALineInTheKernel) {
  LineConfig config;
  config.name = "lab";
  config.runtime_dir = "/run/llp";
  config.port = io::Tty{.device = "/dev/ttyS1"};
  EXPECT_EQ(transaction_lock_file(config), "/run/llp/lab.lock");
  config.port = io::Tty{.device = "/dev/llp/lab"};
  EXPECT_EQ(transaction_lock_file(config), "/dev/llp/lab");
}

TEST_F(TransactorTest, ATurnHasTheLockUntilItEnds) {
  auto w = turn();
  ASSERT_TRUE(loop.until([&] { return w->got(); }));
  EXPECT_FALSE(lock_is_free());
  EXPECT_TRUE(transactor->busy());
  w->result.reset();
  EXPECT_TRUE(lock_is_free());
  EXPECT_FALSE(transactor->busy());
}

TEST_F(TransactorTest, TurnsComeOneByOneInOrder) {
  auto first = turn();
  ASSERT_TRUE(loop.until([&] { return first->got(); }));
  auto second = turn();
  loop.turn();
  EXPECT_FALSE(second->result);
  first->result.reset();
  EXPECT_TRUE(loop.until([&] { return second->got(); }));
}

// Neither side starves the other: who waits is next, however soon the instrument
// begins again, and the instrument is in hand as before.
TEST_F(TransactorTest, AnInstrumentWithoutPausesLeavesEverySecondTurn) {
  for (int i = 0; i < 5; ++i) {
    auto hold = transactor->inbound();
    auto w = turn();
    loop.turn(5ms);
    EXPECT_FALSE(w->result);
    hold.release();
    hold = transactor->inbound();  // before anybody could do anything
    EXPECT_FALSE(lock_is_free());
    ASSERT_TRUE(loop.until([&] { return w->got(); })) << i;
    EXPECT_EQ(transactor->inbound_count(), 1U);
    w->result.reset();
    EXPECT_FALSE(lock_is_free()) << "it is the message's now";
    auto after = turn();
    loop.turn(5ms);
    EXPECT_FALSE(after->result) << "not while that message is in hand";
    hold.release();
    ASSERT_TRUE(loop.until([&] { return after->got(); }));
  }
  EXPECT_TRUE(lock_is_free());
  EXPECT_FALSE(transactor->busy());
}

TEST_F(TransactorTest, AGivenTurnThatNobodyTakesAnyMoreIsNotLost) {
  auto hold = transactor->inbound();
  auto w = turn(Clock::now() + 20ms);
  ASSERT_TRUE(loop.until([&] { return w->result.has_value(); }));
  EXPECT_EQ(w->result->error().code, Errc::timeout);
  hold.release();
  EXPECT_TRUE(lock_is_free());
  hold = transactor->inbound();
  w = turn();
  loop.turn(5ms);
  hold.release();  // given, and then:
  transactor->close();
  ASSERT_TRUE(loop.until([&] { return w->result.has_value(); }));
  EXPECT_EQ(w->result->error().code, Errc::cancelled);
  EXPECT_TRUE(lock_is_free());
}

TEST_F(TransactorTest, AnInboundMessageTakesTheLockWithoutWaiting) {
  auto hold = transactor->inbound();
  EXPECT_FALSE(lock_is_free());
  auto w = turn();
  loop.turn();
  EXPECT_FALSE(w->result);
  {
    auto second = transactor->inbound();
    hold.release();
    loop.turn();
    EXPECT_FALSE(w->result);  // the second is still there
    EXPECT_FALSE(lock_is_free());
  }
  EXPECT_TRUE(loop.until([&] { return w->got(); }));
}

TEST_F(TransactorTest, AsksTheRequestToWithdrawAndInheritsItsLock) {
  int asked = 0;
  transactor->on_inbound([&] { ++asked; });
  auto w = turn();
  ASSERT_TRUE(loop.until([&] { return w->got(); }));
  auto hold = transactor->inbound();
  EXPECT_EQ(asked, 1);
  w->result.reset();
  EXPECT_FALSE(lock_is_free());  // never free in between
  auto again = turn();
  loop.turn();
  EXPECT_FALSE(again->result);
  hold.release();
  EXPECT_TRUE(loop.until([&] { return again->got(); }));
}

TEST_F(TransactorTest, GoesOnWithoutTheLockOfAnotherProcess) {
  const UniqueFd other(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  auto hold = transactor->inbound();
  EXPECT_TRUE(transactor->busy());
  auto w = turn();
  hold.release();
  loop.turn();
  EXPECT_FALSE(w->result);  // a request does need it
  EXPECT_NE(transactor->waits_for().find("another process"), std::string::npos);
  ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  EXPECT_TRUE(loop.until([&] { return w->got(); }));
}

TEST_F(TransactorTest, AMessageThatBeganMeanwhileGetsTheLockThatComesFree) {
  const UniqueFd other(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  auto w = turn();
  loop.turn();
  auto hold = transactor->inbound();
  ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  ASSERT_TRUE(loop.until([&] { return !lock_is_free(); }));
  loop.turn();
  EXPECT_FALSE(w->result);
  EXPECT_FALSE(lock_is_free());
  hold.release();
  EXPECT_TRUE(loop.until([&] { return w->got(); }));
}

TEST_F(TransactorTest, WaitingHasAnEnd) {
  auto hold = transactor->inbound();
  auto w = turn(Clock::now() + 20ms);
  ASSERT_TRUE(loop.until([&] { return w->result.has_value(); }));
  ASSERT_FALSE(*w->result);
  EXPECT_EQ(w->result->error().code, Errc::timeout);
  hold.release();

  const UniqueFd other(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  w = turn(Clock::now() + 20ms);
  ASSERT_TRUE(loop.until([&] { return w->result.has_value(); }));
  ASSERT_FALSE(*w->result);
  EXPECT_EQ(w->result->error().code, Errc::timeout);
}

TEST_F(TransactorTest, HeldGivesNoTurn) {
  transactor->set_held(true);
  auto w = turn();
  loop.turn();
  EXPECT_FALSE(w->result);
  transactor->set_held(false);
  EXPECT_TRUE(loop.until([&] { return w->got(); }));
}

TEST_F(TransactorTest, CloseEndsEveryWait) {
  auto hold = transactor->inbound();
  auto behind_inbound = turn();
  loop.turn();
  transactor->close();
  ASSERT_TRUE(loop.until([&] { return behind_inbound->result.has_value(); }));
  EXPECT_EQ(behind_inbound->result->error().code, Errc::cancelled);
  hold.release();
  auto later = turn();
  ASSERT_TRUE(loop.until([&] { return later->result.has_value(); }));
  EXPECT_EQ(later->result->error().code, Errc::cancelled);
}

TEST_F(TransactorTest, CloseEndsTheWaitForAnotherProcess) {
  const UniqueFd other(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  auto w = turn();
  loop.turn();
  transactor->close();
  ASSERT_TRUE(loop.until([&] { return w->result.has_value(); }));
  EXPECT_EQ(w->result->error().code, Errc::cancelled);
}

TEST_F(TransactorTest, ABadLockFileIsReportedAndDoesNotStopMessages) {
  Event changed(loop.executor());
  Transactor lost(loop.executor(), "/nonexistent/lab.lock", changed, Logger());
  auto waiting = std::make_shared<Waiting>();
  loop.start(wait_for(lost, kNever, waiting));
  ASSERT_TRUE(loop.until([&] { return waiting->result.has_value(); }));
  EXPECT_EQ(waiting->result->error().code, Errc::not_found);
  auto hold = lost.inbound();
  EXPECT_EQ(lost.inbound_count(), 1U);
}

}  // namespace
}  // namespace llp::core::test
