// SPDX-License-Identifier: BSD-3-Clause
// llpcat -l on a line in the kernel, against a device played by hand.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "libllp/run.hpp"
#include "line/fake_device.hpp"
#include "llpcat/kernel_line.hpp"
#include "llpcat/line_server.hpp"

namespace llp::cat {
namespace {

using test::FakeKernel;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class OnKernel : public testing::Test {
 protected:
  asio::io_context io;
  std::shared_ptr<FakeKernel> kernel = std::make_shared<FakeKernel>(io.get_executor());
  std::string node = "/tmp/llp-test-cat-" + std::to_string(::getpid());
  std::optional<KernelLine> opened;
  std::optional<Result<void>> ended;

  // What is done, and what was known when.
  std::vector<std::string> kept, complaints;
  std::size_t verdicts_when_kept = 0;
  bool keeps = true;
  std::uint64_t count = 0;
  Result<Bytes> answer = Bytes{'A', 'A'};

  OnKernel() {
    kernel->info.abi = LLP_ABI_VERSION;
    kernel->info.flags = LLP_INFO_UP | LLP_INFO_IDLE;
    kernel->parameters["timer_a"] = "9s";
  }
  ~OnKernel() override {
    if (opened) opened->line()->close();
    poll();
    std::filesystem::remove(node);
  }
  void poll() {
    io.restart();
    io.poll();
  }
  template <class T>
  T await(asio::awaitable<T> task) {
    return detail::run(io, std::move(task));
  }
  asio::awaitable<Result<Bytes>> answered() { co_return answer; }
  void serve(std::uint64_t messages = 0) {
    auto line = await(KernelLine::open(io.get_executor(), std::make_unique<test::FakeDevice>(kernel)));
    ASSERT_TRUE(line) << line.error().message;
    opened.emplace(std::move(*line));
    ASSERT_TRUE(await(opened->line()->start()));
    LineWork work{.keep =
                      [this](const Bytes& m) {
                        kept.emplace_back(m.begin(), m.end());
                        verdicts_when_kept = kernel->verdicts.size();
                        return keeps;
                      },
                  .answer = [this](const Bytes&) { return answered(); },
                  .done = [this, messages] { return ++count == messages; },
                  .complain = [this](const std::string& what) { complaints.push_back(what); }};
    asio::co_spawn(io,
                   serve_messages(opened->line(), std::move(work),
                                  std::make_shared<io::TransactionLock>(io.get_executor(), node)),
                   [this](const std::exception_ptr& e, Result<void> r) {
                     if (e) std::rethrow_exception(e);
                     ended = std::move(r);
                   });
    poll();
  }
  void begin(std::uint32_t id) {
    kernel->note_all(LLP_RESULT_BEGIN, id);
    poll();
  }
  void message(std::uint32_t id, std::string text = "MSH|x\r", std::uint32_t flags = LLP_MSG_PENDING) {
    kernel->message(kernel->receiver(), {id, std::move(text), flags, 0});
    poll();
  }
  void note(std::uint32_t type, std::uint32_t id, std::uint32_t error = 0, std::uint32_t outcome = 0) {
    kernel->note(kernel->receiver(), type, id, error, outcome);
    poll();
  }
  [[nodiscard]] bool locked() const {
    const UniqueFd fd(::open(node.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    return ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0;
  }
};

TEST_F(OnKernel, KeepsThenAcknowledgesThenAnswers) {
  kernel->settled = LLP_SETTLED_LATE;  // its repeat will be acknowledged
  serve(1);
  EXPECT_THAT(kernel->calls, IsEmpty()) << "the line is left as it is set up";
  EXPECT_EQ(opened->line()->params().timer_a, 9'000'000U);
  ASSERT_TRUE(kernel->receiver());
  EXPECT_EQ(kernel->receiver()->policy, std::uint32_t{LLP_POLICY_COMMIT});
  EXPECT_FALSE(locked());
  begin(5);
  EXPECT_TRUE(locked()) << "from the first byte";
  message(5);
  EXPECT_THAT(kept, ElementsAre("MSH|x\r"));
  EXPECT_EQ(verdicts_when_kept, 0U);
  ASSERT_THAT(kernel->verdicts, SizeIs(1));
  EXPECT_EQ(kernel->verdicts[0].verdict, std::uint32_t{LLP_VERDICT_ANSWER});
  EXPECT_THAT(kernel->written, IsEmpty()) << "its acknowledgement goes out first";
  note(LLP_RESULT_ACKED, 5);
  ASSERT_THAT(kernel->written, SizeIs(1));
  EXPECT_EQ(kernel->written[0].answer, 5U);
  EXPECT_EQ(kernel->written[0].text, "AA");
  EXPECT_TRUE(locked());
  EXPECT_FALSE(ended);
  note(LLP_RESULT_SENT, kernel->written[0].id, 0, LLP_OUTCOME_DELIVERED);
  ASSERT_TRUE(ended);
  EXPECT_TRUE(*ended);
  EXPECT_FALSE(locked());
  EXPECT_THAT(complaints, IsEmpty());
}

TEST_F(OnKernel, WhatCannotBeKeptIsRefused) {
  keeps = false;
  serve();
  message(5);
  ASSERT_THAT(kernel->verdicts, SizeIs(1));
  EXPECT_EQ(kernel->verdicts[0].verdict, std::uint32_t{LLP_VERDICT_REJECT});
  EXPECT_TRUE(ended) << "and nothing more is taken";
}

TEST_F(OnKernel, SoIsWhatTheCommandRefuses) {
  answer = fail(Errc::refused, "--exec: ended with status 1");
  serve();
  message(5);
  ASSERT_THAT(kernel->verdicts, SizeIs(1));
  EXPECT_EQ(kernel->verdicts[0].verdict, std::uint32_t{LLP_VERDICT_REJECT});
  EXPECT_FALSE(ended);
  EXPECT_FALSE(locked());
}

TEST_F(OnKernel, WhatIsNotAcknowledgedInTimeIsNotAnswered) {
  kernel->settled = LLP_SETTLED_GONE;
  serve(1);
  message(5);
  EXPECT_THAT(kernel->written, IsEmpty());
  EXPECT_FALSE(ended) << "it comes again";
  kernel->settled = LLP_SETTLED_ACKNOWLEDGED;
  message(6);
  EXPECT_THAT(kernel->written, SizeIs(1));
}

TEST_F(OnKernel, AnAnswerThatFailsIsTold) {
  serve(1);
  message(5);
  ASSERT_THAT(kernel->written, SizeIs(1));
  note(LLP_RESULT_SENT, kernel->written[0].id, ETIMEDOUT, LLP_OUTCOME_UNKNOWN);
  ASSERT_THAT(complaints, SizeIs(1));
  EXPECT_THAT(complaints[0], HasSubstr("not delivered"));
  EXPECT_TRUE(ended);
}

TEST_F(OnKernel, ServesWhileAnotherHasTheLock) {
  serve(1);
  const UniqueFd other(::open(node.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  begin(5);
  message(5);
  EXPECT_THAT(kernel->written, SizeIs(1));
}

TEST_F(OnKernel, AMessageThatIsNotCompletedIsNoTransaction) {
  serve();
  begin(5);
  EXPECT_TRUE(locked());
  note(LLP_RESULT_CANCELLED, 5, ETIMEDOUT);
  EXPECT_FALSE(locked());
}

TEST_F(OnKernel, EndsWithTheLine) {
  serve();
  note(LLP_RESULT_LINE, 0);
  ASSERT_TRUE(ended);
  ASSERT_FALSE(*ended);
  EXPECT_EQ(ended->error().code, Errc::reset);
  EXPECT_THAT(kernel->calls, testing::Not(testing::Contains("up"))) << "who took it down had a reason";
}

TEST_F(OnKernel, ShowsWhatWasLost) {
  serve();
  kernel->lost = "GAR";
  EXPECT_EQ(opened->take_lost(), (Bytes{'G', 'A', 'R'}));
  EXPECT_EQ(opened->take_lost(), Bytes());
}

TEST_F(OnKernel, ALineThatIsDown) {
  kernel->info.flags = 0;
  const auto line = await(KernelLine::open(io.get_executor(), std::make_unique<test::FakeDevice>(kernel)));
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().code, Errc::refused);
  EXPECT_THAT(line.error().message, HasSubstr("down"));
  kernel->info.flags = LLP_INFO_UP;
  kernel->taken = true;
  auto other = await(KernelLine::open(io.get_executor(), std::make_unique<test::FakeDevice>(kernel)));
  ASSERT_TRUE(other);
  EXPECT_EQ(await(other->line()->start()).error().code, Errc::in_use);
}

}  // namespace
}  // namespace llp::cat
