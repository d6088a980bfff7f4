// SPDX-License-Identifier: BSD-3-Clause
// The line behind the kernel's message device, against a device played by hand.
#include "line/kernel_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_device.hpp"
#include "line_fixture.hpp"

namespace llp::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::SizeIs;

using RoleAndTag = std::pair<std::uint32_t, std::uint32_t>;

// Sees what was cut off only.
struct Cuts : line::Observer {
  void frame(const llp_event&) override {}
  void timer(const char*) override {}
  void state(const char*) override {}
  void lost(std::size_t) override {}
  void connection(bool, const std::string&) override {}
  void raw(bool, std::span<const std::uint8_t>) override {}
  void cut(llp_cause cause) override { causes.push_back(cause); }
  std::vector<llp_cause> causes;
};

class KernelLineTest : public testing::Test {
 protected:
  World world;
  std::shared_ptr<FakeKernel> kernel = std::make_shared<FakeKernel>(world.io.get_executor());
  std::unique_ptr<line::Line> line;
  std::shared_ptr<Cuts> cuts = std::make_shared<Cuts>();
  llp_params params = kX328.params();

  KernelLineTest() {
    kernel->info.abi = LLP_ABI_VERSION;
    kernel->info.flags = LLP_INFO_IDLE;
  }
  void TearDown() override {
    if (line) line->close();
    world.poll();
  }

  Result<void> start() {
    line::KernelLineOptions options;
    options.clock = world.clock;
    options.observer = cuts;
    line = line::make_kernel_line(world.io.get_executor(), std::make_unique<FakeDevice>(kernel),
                                  LLP_PROTO_X328, params, options, {});
    return *world.await(line->start());
  }
  void message(std::uint32_t id, std::string text, std::uint32_t flags = LLP_MSG_PENDING) {
    kernel->message(kernel->receiver(), {id, std::move(text), flags, 0});
    world.poll();
  }
  // A request, and the file that it was written to.
  std::shared_ptr<Outgoing> ask(const std::string& text, llp_expect expect = LLP_EXPECT_REPLY) {
    auto item = line->send(bytes(text), expect);
    EXPECT_TRUE(item) << item.error().message;
    world.poll();
    return item ? *item : nullptr;
  }
};

TEST_F(KernelLineTest, SetsUpALineThatIsDown) {
  params.timer_a = 3'000'000;
  params.retries_n = 2;
  ASSERT_TRUE(start());
  EXPECT_THAT(kernel->calls, ElementsAre("protocol", "timer_a=3s", "retries_n=2", "up"));
  EXPECT_TRUE(line->connected());
  const auto file = kernel->receiver();
  ASSERT_TRUE(file);
  EXPECT_EQ(file->policy, std::uint32_t{LLP_POLICY_COMMIT});
  EXPECT_TRUE(file->ready);
}

TEST_F(KernelLineTest, LeavesALineThatWorksLikeThat) {
  kernel->info.flags |= LLP_INFO_UP;
  kernel->parameters["timer_a"] = "3s";
  params.timer_a = 3'000'000;
  ASSERT_TRUE(start());
  EXPECT_THAT(kernel->calls, testing::IsEmpty());
}

TEST_F(KernelLineTest, SetsUpAnewALineThatWorksDifferently) {
  kernel->info.flags |= LLP_INFO_UP;
  kernel->parameters["timer_a"] = "4s";
  ASSERT_TRUE(start());
  EXPECT_THAT(kernel->calls, ElementsAre("down", "protocol", "up"));
}

TEST_F(KernelLineTest, TheKernelMeasures) {
  ASSERT_TRUE(start());
  const line::Measures told = line->measures();
  EXPECT_TRUE(told.in_kernel);
  EXPECT_FALSE(told.high_bytes) << "its bytes are not seen here";
  EXPECT_EQ(told.turnaround.count, 5U);
  EXPECT_EQ(told.turnaround.sum, 90'000U);
  EXPECT_EQ(told.turnaround.longest, 40'000U);
  EXPECT_EQ(told.turnaround.bucket[3], 4U);
  EXPECT_EQ(told.turnaround.bucket.back(), 1U);
  kernel->go();
  world.poll();
  EXPECT_EQ(line->measures().turnaround.count, 5U) << "as it was last";
}

TEST_F(KernelLineTest, WhatWasCutIsTold) {
  ASSERT_TRUE(start());
  kernel->note_all(LLP_RESULT_BEGIN, 4);
  kernel->note_all(LLP_RESULT_CANCELLED, 4, ETIMEDOUT);
  world.poll();
  EXPECT_THAT(cuts->causes, SizeIs(1));
  // One that came whole is not cut when it is not acknowledged.
  message(5, request(1));
  const auto got = world.await(line->read());
  ASSERT_TRUE(got && *got);
  kernel->note_all(LLP_RESULT_CANCELLED, 5, ETIMEDOUT);
  world.poll();
  EXPECT_THAT(cuts->causes, SizeIs(1));
}

TEST_F(KernelLineTest, AnotherProgramReceives) {
  kernel->taken = true;
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::in_use);
  EXPECT_THAT(started.error().message, testing::HasSubstr("another program receives"));
}

TEST_F(KernelLineTest, AnOldModuleIsRefused) {
  kernel->info.abi = 0;
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, testing::HasSubstr("older than this program"));
}

TEST_F(KernelLineTest, AMessageIsReadJudgedAndAnswered) {
  ASSERT_TRUE(start());
  message(5, request(1), LLP_MSG_PENDING | LLP_MSG_REPEAT);
  const auto got = world.await(line->read());
  ASSERT_TRUE(got && *got);
  EXPECT_EQ(str((*got)->text), request(1));
  EXPECT_TRUE((*got)->pending);
  EXPECT_TRUE((*got)->repeat);
  EXPECT_FALSE((*got)->late);
  EXPECT_EQ(line->verdict(5, LLP_ACCEPT_ANSWER), LLP_ACKNOWLEDGED);
  EXPECT_TRUE(world.await(line->fate(5))->acknowledged);
  const auto answer = line->answer(5, bytes(reply(1)));
  ASSERT_TRUE(answer);
  world.poll();
  ASSERT_THAT(kernel->written, SizeIs(1));
  EXPECT_EQ(kernel->written[0].answer, 5U);
  EXPECT_EQ(kernel->written[0].file, kernel->receiver());
  kernel->note(kernel->receiver(), LLP_RESULT_SENT, kernel->written[0].id, 0, LLP_OUTCOME_DELIVERED);
  EXPECT_EQ(world.await((*answer)->sent())->outcome, LLP_OUT_DELIVERED);
  EXPECT_TRUE(line->idle());
}

TEST_F(KernelLineTest, LateIsKnownWhenItsAcknowledgementWentOut) {
  ASSERT_TRUE(start());
  message(5, request(1));
  ASSERT_TRUE(world.await(line->read()));
  kernel->settled = LLP_SETTLED_LATE;
  EXPECT_EQ(line->verdict(5, LLP_ACCEPT), LLP_LATE);
  EXPECT_FALSE(world.await(line->fate(5), kSecond));
  kernel->note_all(LLP_RESULT_ACKED, 5);
  EXPECT_TRUE(world.await(line->fate(5))->acknowledged);
}

TEST_F(KernelLineTest, GoneTakesNoAnswer) {
  ASSERT_TRUE(start());
  message(5, request(1));
  ASSERT_TRUE(world.await(line->read()));
  kernel->settled = LLP_SETTLED_GONE;
  EXPECT_EQ(line->verdict(5, LLP_ACCEPT_ANSWER), LLP_GONE);
  const auto answer = line->answer(5, bytes(reply(1)));
  ASSERT_TRUE(answer);
  EXPECT_EQ(world.await((*answer)->sent())->outcome, LLP_OUT_NOT_SENT);
  EXPECT_THAT(kernel->written, testing::IsEmpty());
}

TEST_F(KernelLineTest, TheAnswerNamesItsQuestion) {
  ASSERT_TRUE(start());
  for (const std::uint32_t id : {5U, 6U}) {
    message(id, request(static_cast<int>(id)));
    ASSERT_TRUE(world.await(line->read()));
    EXPECT_EQ(line->verdict(id, LLP_ACCEPT_ANSWER), LLP_ACKNOWLEDGED);
  }
  ASSERT_TRUE(line->answer(6, bytes(reply(6))));
  ASSERT_TRUE(line->answer(5, bytes(reply(5))));
  ASSERT_THAT(kernel->written, SizeIs(2));
  EXPECT_EQ(kernel->written[0].answer, 6U);
  EXPECT_EQ(kernel->written[1].answer, 5U);
}

// As EngineLine has it in answers_test.cpp.
TEST_F(KernelLineTest, AnAnswerThatNobodyWaitsForIsNotSent) {
  ASSERT_TRUE(start());
  const auto stale = [this](line::MessageId id) {
    const auto item = line->answer(id, bytes(reply(1)));
    const auto sent = item ? world.await((*item)->sent()) : std::nullopt;
    return sent && sent->cause == LLP_CAUSE_VERDICT_LATE && sent->outcome == LLP_OUT_NOT_SENT;
  };
  for (const std::uint32_t id : {5U, 6U, 7U, 8U}) {
    message(id, request(static_cast<int>(id)));
    ASSERT_TRUE(world.await(line->read()));
    EXPECT_EQ(line->verdict(id, LLP_ACCEPT_ANSWER), LLP_ACKNOWLEDGED);
  }
  ASSERT_TRUE(line->answer(5, bytes(reply(5))));
  EXPECT_TRUE(stale(5));  // has its answer
  line->verdict(6, LLP_FORGET);
  EXPECT_TRUE(stale(6));
  kernel->note_all(LLP_RESULT_CANCELLED, 7, ETIMEDOUT, LLP_CANCELLED_ACCEPTED);
  world.poll();
  EXPECT_TRUE(stale(7));
  EXPECT_TRUE(stale(9));  // was never asked
  EXPECT_THAT(kernel->written, SizeIs(1));
  kernel->stale = true;  // the line was down and up again, and nobody has told us yet
  EXPECT_TRUE(stale(8));
  EXPECT_THAT(kernel->written, SizeIs(1));
}

// The kernel counts anew; what was asked before is not what is asked now.
TEST_F(KernelLineTest, AnAnswerToALineThatWasPluggedInAgainIsNotSent) {
  ASSERT_TRUE(start());
  message(5, request(1));
  const auto old = world.await(line->read());
  ASSERT_TRUE(old && *old);
  EXPECT_EQ(line->verdict((*old)->id, LLP_ACCEPT_ANSWER), LLP_ACKNOWLEDGED);
  kernel->go();
  world.poll();
  EXPECT_FALSE(line->connected());
  kernel->gone = false;
  kernel->info.flags = LLP_INFO_IDLE;
  kernel->changed.notify();
  world.poll();
  message(5, request(2));
  const auto question = world.await(line->read());
  ASSERT_TRUE(question && *question);
  EXPECT_NE((*question)->id, (*old)->id);
  EXPECT_EQ(line->verdict((*question)->id, LLP_ACCEPT_ANSWER), LLP_ACKNOWLEDGED);
  EXPECT_EQ(kernel->verdicts.back(), (RoleAndTag{5, LLP_VERDICT_ANSWER}));
  const auto late = line->answer((*old)->id, bytes(reply(1)));
  ASSERT_TRUE(late);
  EXPECT_EQ(world.await((*late)->sent())->cause, LLP_CAUSE_VERDICT_LATE);
  EXPECT_THAT(kernel->written, testing::IsEmpty());
  ASSERT_TRUE(line->answer((*question)->id, bytes(reply(2))));
  ASSERT_THAT(kernel->written, SizeIs(1));
  EXPECT_EQ(kernel->written[0].answer, 5U);
}

TEST_F(KernelLineTest, ACancelledMessageThatNobodyTookIsForgotten) {
  ASSERT_TRUE(start());
  message(5, request(1));
  kernel->note_all(LLP_RESULT_CANCELLED, 5, ETIMEDOUT, LLP_CANCELLED_ACCEPTED);
  world.poll();
  EXPECT_FALSE(world.await(line->read(), kSecond));
  const auto fate = world.await(line->fate(5));
  EXPECT_FALSE(fate->acknowledged);
  EXPECT_TRUE(fate->accepted);
}

TEST_F(KernelLineTest, WhatArrivesIsTold) {
  ASSERT_TRUE(start());
  kernel->note_all(LLP_RESULT_BEGIN, 5);
  EXPECT_TRUE(*world.await(line->begin()));
  EXPECT_FALSE(line->idle());
  EXPECT_FALSE(world.await(line->received(), kSecond));
  kernel->note_all(LLP_RESULT_CANCELLED, 5, EIO);
  EXPECT_TRUE(world.await(line->received()));
}

TEST_F(KernelLineTest, ABeginReadAfterItsEndHoldsNothingUp) {
  ASSERT_TRUE(start());
  message(5, request(1));
  kernel->note_all(LLP_RESULT_BEGIN, 5);
  world.poll();
  ASSERT_TRUE(world.await(line->read()));
  EXPECT_TRUE(world.await(line->received(), kSecond));
}

TEST_F(KernelLineTest, WhatEndedElsewhereIsNotAwaited) {
  ASSERT_TRUE(start());
  kernel->note_all(LLP_RESULT_BEGIN, 5);
  world.poll();
  EXPECT_FALSE(line->idle());
  kernel->note_all(LLP_RESULT_END, 5);  // empty, or another program's reply
  EXPECT_TRUE(world.await(line->received(), kSecond));
  EXPECT_TRUE(line->idle());
}

TEST_F(KernelLineTest, AnEndToldBeforeItsMessageWasReadIsNotTheEndOfIt) {
  ASSERT_TRUE(start());
  kernel->note_all(LLP_RESULT_BEGIN, 5);
  kernel->note_all(LLP_RESULT_END, 5);
  kernel->receiver()->in.push_back({5, request(1), LLP_MSG_PENDING, 0});
  world.poll();
  EXPECT_FALSE(world.await(line->received(), kSecond));
  ASSERT_TRUE(world.await(line->read()));
  EXPECT_TRUE(world.await(line->received(), kSecond));
}

TEST_F(KernelLineTest, ARequestHasAFileOfItsOwn) {
  ASSERT_TRUE(start());
  const auto item = ask(request(1));
  ASSERT_THAT(kernel->written, SizeIs(1));
  const auto [id, expect, answer, text, file] = kernel->written[0];
  EXPECT_NE(file, kernel->receiver());
  EXPECT_EQ(expect, std::uint32_t{LLP_EXPECT_REQUIRED});
  EXPECT_EQ(text, request(1));
  kernel->note(file, LLP_RESULT_SENT, id, 0, LLP_OUTCOME_DELIVERED);
  EXPECT_EQ(world.await(item->sent())->outcome, LLP_OUT_DELIVERED);
  kernel->message(file, {9, reply(1), LLP_MSG_PENDING | LLP_MSG_REPLY | LLP_MSG_ACK, id});
  const auto got = world.await(item->reply());
  ASSERT_TRUE(got && *got);
  EXPECT_EQ(str((*got)->text), reply(1));
  EXPECT_TRUE((*got)->acknowledgement);
  // The verdict goes through the file that read it, which stays until then.
  kernel->note(file, LLP_RESULT_DONE, id, 0, LLP_OUTCOME_DELIVERED);
  world.poll();
  EXPECT_FALSE(file->closed);
  EXPECT_EQ(line->verdict(9, LLP_ACCEPT), LLP_ACKNOWLEDGED);
  world.poll();
  EXPECT_THAT(kernel->verdicts, ElementsAre(RoleAndTag{9, LLP_VERDICT_ACCEPT}));
  EXPECT_EQ(kernel->verdicts[0].file, file);
  EXPECT_TRUE(file->closed);
  EXPECT_EQ(kernel->open_files(), 1U);
}

TEST_F(KernelLineTest, RequestsFollowEachOther) {
  ASSERT_TRUE(start());
  const auto first = ask(request(1), LLP_EXPECT_NONE);
  const auto second = ask(request(2), LLP_EXPECT_OPTIONAL);
  ASSERT_THAT(kernel->written, SizeIs(1));
  EXPECT_EQ(kernel->written[0].expect, std::uint32_t{LLP_EXPECT_OFF});
  EXPECT_TRUE(second->can_withdraw());
  kernel->note(kernel->written[0].file, LLP_RESULT_SENT, kernel->written[0].id, EBUSY);
  kernel->note(kernel->written[0].file, LLP_RESULT_DONE, kernel->written[0].id, EBUSY);
  EXPECT_EQ(world.await(first->sent())->cause, LLP_CAUSE_BUSY);
  world.poll();
  ASSERT_THAT(kernel->written, SizeIs(2));
  EXPECT_EQ(kernel->written[1].expect, std::uint32_t{LLP_EXPECT_MAYBE});
}

TEST_F(KernelLineTest, NoReplyCame) {
  ASSERT_TRUE(start());
  const auto item = ask(request(1));
  const auto file = kernel->written[0].file;
  kernel->note(file, LLP_RESULT_SENT, kernel->written[0].id, 0, LLP_OUTCOME_DELIVERED);
  file->ended = true;
  kernel->note(file, LLP_RESULT_DONE, kernel->written[0].id, ETIMEDOUT, LLP_OUTCOME_DELIVERED);
  const auto got = world.await(item->reply());
  ASSERT_TRUE(got);
  ASSERT_FALSE(*got);
  EXPECT_EQ(got->error().code, Errc::timeout);
  world.poll();
  EXPECT_TRUE(file->closed);
}

TEST_F(KernelLineTest, WhatTheKernelHoldsIsAskedOfTheKernel) {
  ASSERT_TRUE(start());
  const auto item = ask(request(1));
  EXPECT_FALSE(item->can_withdraw());
  kernel->withdrawable = true;
  EXPECT_TRUE(item->can_withdraw());
  item->abort();
  EXPECT_THAT(kernel->written[0].file->aborted, ElementsAre(0U));
  EXPECT_EQ(line->counters()[LLP_C_NAKS_SENT], 7U);
}

TEST_F(KernelLineTest, AFullQueueIsTriedAgain) {
  ASSERT_TRUE(start());
  kernel->full = true;
  const auto item = ask(request(1));
  EXPECT_THAT(kernel->written, testing::IsEmpty());
  world.run_for(kSecond);
  kernel->full = false;
  world.run_for(kSecond);
  EXPECT_THAT(kernel->written, SizeIs(1));
}

TEST_F(KernelLineTest, WhatTheProtocolCannotCarryIsRefused) {
  ASSERT_TRUE(start());
  EXPECT_EQ(line->send({}, LLP_EXPECT_REPLY).error().code, Errc::invalid);
  EXPECT_EQ(line->send(bytes("A\x02"
                             "B"),
                       LLP_EXPECT_REPLY)
                .error()
                .code,
            Errc::malformed);
}

TEST_F(KernelLineTest, AnUnpluggedLineEndsWhatIsOnItAndComesBack) {
  ASSERT_TRUE(start());
  message(5, request(1));
  ASSERT_TRUE(world.await(line->read()));
  const auto item = ask(request(2));
  kernel->note(kernel->written[0].file, LLP_RESULT_SENT, kernel->written[0].id, ENODEV, LLP_OUTCOME_UNKNOWN);
  kernel->note(kernel->written[0].file, LLP_RESULT_DONE, kernel->written[0].id, ENODEV, LLP_OUTCOME_UNKNOWN);
  kernel->go();
  world.poll();
  EXPECT_FALSE(line->connected());
  EXPECT_EQ(world.await(item->sent())->cause, LLP_CAUSE_HANGUP);
  EXPECT_EQ(world.await(line->fate(5))->cause, LLP_CAUSE_HANGUP);
  const auto waits = ask(request(3));
  EXPECT_THAT(kernel->written, SizeIs(1));
  // A line that was plugged in again is a new one.
  kernel->gone = false;
  kernel->info.flags = LLP_INFO_IDLE;
  kernel->changed.notify();
  world.poll();
  EXPECT_TRUE(line->connected());
  ASSERT_THAT(kernel->written, SizeIs(2));
  EXPECT_EQ(kernel->written[1].text, request(3));
}

TEST_F(KernelLineTest, WhatWasAcknowledgedBeforeItWentIsStillRead) {
  ASSERT_TRUE(start());
  const auto file = kernel->receiver();
  for (std::uint32_t id = 1; id <= 10; ++id) file->in.push_back({id, request(static_cast<int>(id)), 0, 0});
  kernel->go();
  for (std::uint32_t id = 1; id <= 10; ++id) {
    const auto got = world.await(line->read(), kSecond);
    ASSERT_TRUE(got && *got) << id;
    EXPECT_EQ((*got)->id, id);
  }
}

TEST_F(KernelLineTest, NotReadyIsTheKernelsToSay) {
  ASSERT_TRUE(start());
  line->set_ready(false);
  EXPECT_FALSE(kernel->receiver()->ready);
  line->set_ready(true);
  EXPECT_TRUE(kernel->receiver()->ready);
}

TEST_F(KernelLineTest, StopEndsWhatIsInProgress) {
  ASSERT_TRUE(start());
  kernel->info.flags &= ~static_cast<std::uint32_t>(LLP_INFO_IDLE);
  const auto item = ask(request(1));
  const auto waiting = ask(request(2));
  bool stopped = false;
  world.spawn([](line::Line& l, bool& done) -> asio::awaitable<void> {
    co_await l.stop();
    done = true;
  }(*line, stopped));
  world.poll();
  EXPECT_FALSE(kernel->receiver()->ready);
  EXPECT_THAT(kernel->calls, Contains("abort receive"));
  EXPECT_EQ(world.await(waiting->sent())->cause, LLP_CAUSE_ABORTED);
  EXPECT_THAT(kernel->written[0].file->aborted, ElementsAre(0U));
  EXPECT_FALSE(stopped);
  kernel->note(kernel->written[0].file, LLP_RESULT_SENT, kernel->written[0].id, EINTR);
  kernel->note(kernel->written[0].file, LLP_RESULT_DONE, kernel->written[0].id, EINTR);
  kernel->info.flags |= LLP_INFO_IDLE;
  EXPECT_TRUE(world.run_until([&] { return stopped; }));
  EXPECT_EQ(world.await(item->sent())->cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(kernel->open_files(), 0U);
}

TEST_F(KernelLineTest, AStopThatTakesTooLongIsCut) {
  ASSERT_TRUE(start());
  kernel->info.flags &= ~static_cast<std::uint32_t>(LLP_INFO_IDLE);
  const auto item = ask(request(1));
  const std::uint64_t begin = world.clock->now();
  ASSERT_TRUE(world.await(line->stop()));
  EXPECT_GE(world.clock->now() - begin, 3 * kSecond);
  EXPECT_EQ(world.await(item->sent())->outcome, LLP_OUT_UNKNOWN);
}

}  // namespace
}  // namespace llp::test
