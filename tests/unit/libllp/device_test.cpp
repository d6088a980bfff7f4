// SPDX-License-Identifier: BSD-3-Clause
// A client of a line in the kernel, against a device played by hand.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "libllp/device_link.hpp"
#include "libllp/peer.hpp"
#include "line/fake_device.hpp"

namespace llp {
namespace {

using namespace std::chrono_literals;
using detail::Clock;
using test::FakeKernel;
using testing::HasSubstr;
using testing::SizeIs;

constexpr auto kSoon = 50ms;
const std::string kAsked = "MSH|^~\\&|LIS|||||||7\r";
const std::string kAnswered = "MSH|^~\\&|CHEM\rMSA|AA|7\r";

Bytes octets(const std::string& text) { return {text.begin(), text.end()}; }

class DeviceClient : public testing::Test {
 protected:
  asio::io_context io;
  std::shared_ptr<FakeKernel> kernel = std::make_shared<FakeKernel>(io.get_executor());
  std::string node = "/tmp/llp-test-node-" + std::to_string(::getpid());
  detail::LinkPtr link;

  DeviceClient() {
    kernel->info.abi = LLP_ABI_VERSION;
    kernel->info.flags = LLP_INFO_UP;
    connect();
  }
  ~DeviceClient() override {
    if (link) link->abort();
    io.restart();
    io.poll();
    std::filesystem::remove(node);
  }

  void connect(bool reply = true) {
    if (link) link->abort();
    link = detail::make_device_link(io.get_executor(), "/dev/llp0",
                                    std::make_unique<test::FakeDevice>(kernel), node, reply);
    const auto connected = detail::run(io, link->connect(Clock::now() + test::kLong));
    EXPECT_TRUE(connected) << connected.error().message;
  }
  // A call under way; `done` once it has returned.
  template <class T>
  struct Call {
    std::shared_ptr<std::optional<T>> value = std::make_shared<std::optional<T>>();
    [[nodiscard]] bool done() const { return value->has_value(); }
    T& operator*() const { return **value; }
    T* operator->() const { return &**value; }
  };
  template <class T>
  Call<T> start(asio::awaitable<T> task) {
    Call<T> call;
    asio::co_spawn(io, std::move(task), [value = call.value](const std::exception_ptr& e, T v) {
      if (e) std::rethrow_exception(e);
      value->emplace(std::move(v));
    });
    poll();
    return call;
  }
  Call<Result<std::size_t>> send(const std::string& text, Clock::duration in = test::kLong) {
    return start(link->send(octets(text), Clock::now() + in));
  }
  Call<Result<Received>> recv(Clock::duration in = test::kLong) {
    return start(link->recv(Clock::now() + in));
  }

  void poll() {
    io.restart();
    io.poll();
  }
  template <class T>
  void finish(const Call<T>& call) {
    io.restart();
    while (!call.done() && io.run_one() > 0) {
    }
    ASSERT_TRUE(call.done());
  }
  // What became of the message written last.
  void sent(std::uint32_t error = 0, std::uint32_t outcome = LLP_OUTCOME_DELIVERED) {
    const auto& last = kernel->written.back();
    kernel->note(last.file, LLP_RESULT_SENT, last.id, error, outcome);
    poll();
  }
  void reply(const std::string& text) {
    const auto& last = kernel->written.back();
    kernel->message(last.file, {900, text, LLP_MSG_REPLY | LLP_MSG_ACK, last.id});
    poll();
  }
  void message(std::uint32_t id, const std::string& text, std::uint32_t flags = LLP_MSG_PENDING) {
    ASSERT_TRUE(kernel->receiver());
    kernel->message(kernel->receiver(), {id, text, flags, 0});
    poll();
  }
  [[nodiscard]] bool locked() const {
    const UniqueFd fd(::open(node.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    return ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0;
  }
};

TEST_F(DeviceClient, TheReplyComesToWhoAsked) {
  kernel->taken = true;  // by llpd, say
  const auto asked = send(kAsked);
  ASSERT_THAT(kernel->written, SizeIs(1));
  EXPECT_EQ(kernel->written[0].expect, std::uint32_t{LLP_EXPECT_REQUIRED});
  EXPECT_EQ(kernel->written[0].file->policy, std::uint32_t{LLP_POLICY_READ});
  EXPECT_FALSE(asked.done());
  EXPECT_TRUE(locked());
  sent();
  ASSERT_TRUE(asked.done());
  EXPECT_EQ(**asked, kAsked.size());
  const auto got = recv();
  EXPECT_FALSE(got.done());
  EXPECT_TRUE(locked()) << "until the end of the reply";
  kernel->lost = "GAR";
  reply(kAnswered);
  ASSERT_TRUE(got.done());
  ASSERT_TRUE(*got) << got->error().message;
  EXPECT_EQ((*got)->text(), kAnswered);
  EXPECT_EQ((*got)->lost, octets("GAR"));
  EXPECT_FALSE(locked());
  EXPECT_EQ(kernel->open_files(), 1U) << "that of the request is closed";
  EXPECT_FALSE(kernel->receiver());
}

TEST_F(DeviceClient, WhetherAReplyComesIsTheLinesToSay) {
  kernel->parameters["expect_out"] = "optional";
  const auto first = send(kAsked);
  EXPECT_EQ(kernel->written.back().expect, std::uint32_t{LLP_EXPECT_MAYBE});
  sent();
  const auto got = recv();
  kernel->written.back().file->end_error = 0;
  kernel->written.back().file->ended = true;
  kernel->changed.notify();
  poll();
  ASSERT_TRUE(got.done());
  EXPECT_EQ(got->error().code, Errc::timeout);
  EXPECT_THAT(got->error().message, HasSubstr("none had to"));
  EXPECT_FALSE(locked());

  kernel->parameters["expect_out"] = "none";
  const auto second = send(kAsked);
  EXPECT_EQ(kernel->written.back().expect, std::uint32_t{LLP_EXPECT_OFF});
  EXPECT_TRUE(locked());
  sent();
  EXPECT_TRUE(second.done());
  EXPECT_FALSE(locked()) << "nothing more comes";

  kernel->parameters["expect_out"] = "reply";
  connect(false);
  const auto third = send(kAsked);
  EXPECT_EQ(kernel->written.back().expect, std::uint32_t{LLP_EXPECT_OFF});
  sent(0, LLP_OUTCOME_TRANSMITTED);
  ASSERT_TRUE(third.done());
  EXPECT_TRUE(*third);
}

TEST_F(DeviceClient, WaitsForTheLineToBeFree) {
  const UniqueFd other(::open(node.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  const auto late = send(kAsked, kSoon);
  finish(late);
  EXPECT_EQ(late->error().code, Errc::in_use);
  EXPECT_THAT(late->error().message, HasSubstr("/dev/llp0: not sent: "));
  EXPECT_THAT(kernel->written, SizeIs(0));

  const auto patient = send(kAsked);
  EXPECT_THAT(kernel->written, SizeIs(0));
  ::flock(other.get(), LOCK_UN);
  io.restart();
  while (kernel->written.empty() && io.run_one() > 0) {
  }
  EXPECT_NE(::flock(other.get(), LOCK_EX | LOCK_NB), 0) << "it is ours now";
  sent();
  EXPECT_TRUE(patient.done());
}

TEST_F(DeviceClient, WaitsForAnothersReplyWithoutTheLock) {
  kernel->expected = true;
  const auto late = send(kAsked, kSoon);
  finish(late);
  EXPECT_EQ(late->error().code, Errc::in_use);
  EXPECT_THAT(late->error().message, HasSubstr("waits for a reply"));
  EXPECT_FALSE(locked());
  const auto patient = send(kAsked);
  EXPECT_THAT(kernel->written, SizeIs(0));
  kernel->expected = false;
  io.restart();
  while (kernel->written.empty() && io.run_one() > 0) {
  }
  sent();
  EXPECT_TRUE(patient.done());
}

struct Ending {
  int error;
  std::uint32_t outcome;
  Errc code;
  const char* words;
};

class DeviceEndings : public DeviceClient, public testing::WithParamInterface<Ending> {};

TEST_P(DeviceEndings, AreToldInWords) {
  const auto [error, outcome, code, words] = GetParam();
  const auto asked = send(kAsked);
  sent(static_cast<std::uint32_t>(error), outcome);
  ASSERT_TRUE(asked.done());
  ASSERT_FALSE(*asked);
  EXPECT_EQ(asked->error().code, code);
  EXPECT_EQ(asked->error().sys_errno, error);
  EXPECT_THAT(asked->error().message, HasSubstr(words));
  EXPECT_FALSE(locked());
  EXPECT_EQ(kernel->open_files(), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    All, DeviceEndings,
    testing::Values(
        Ending{EBUSY, LLP_OUTCOME_NOT_SENT, Errc::refused, "not sent: the other station refused"},
        Ending{ETIMEDOUT, LLP_OUTCOME_NOT_SENT, Errc::timeout, "not sent: the other station did not"},
        Ending{EREMOTEIO, LLP_OUTCOME_REFUSED, Errc::refused, "refused: the other station rejected"},
        Ending{ECANCELED, LLP_OUTCOME_NOT_SENT, Errc::cancelled, "ended the transfer"},
        Ending{ECOMM, LLP_OUTCOME_UNKNOWN, Errc::timeout, "outcome unknown: its last block was sent"},
        Ending{EINTR, LLP_OUTCOME_NOT_SENT, Errc::cancelled, "taken back"},
        Ending{EILSEQ, LLP_OUTCOME_NOT_SENT, Errc::malformed, "cannot carry"},
        Ending{EMSGSIZE, LLP_OUTCOME_NOT_SENT, Errc::too_large, "max_message"},
        Ending{ENETDOWN, LLP_OUTCOME_NOT_SENT, Errc::reset, "llpctl up"},
        Ending{ENODEV, LLP_OUTCOME_UNKNOWN, Errc::reset, "the line is gone"}),
    [](const auto& one) { return "Errno" + std::to_string(one.param.error); });

TEST_F(DeviceClient, TakesBackWhatIsNotSentInTime) {
  const auto asked = send(kAsked, kSoon);
  const auto file = kernel->written.back().file;
  finish(asked);
  EXPECT_EQ(asked->error().code, Errc::timeout);
  EXPECT_THAT(asked->error().message, HasSubstr("outcome unknown: the time was up"));
  EXPECT_THAT(file->aborted, testing::ElementsAre(0U));
  EXPECT_TRUE(file->closed);
  EXPECT_FALSE(locked());

  kernel->full = true;
  const auto waits = send(kAsked, kSoon);
  finish(waits);
  EXPECT_EQ(waits->error().code, Errc::timeout);
  EXPECT_THAT(waits->error().message, HasSubstr("takes no message"));
}

TEST_F(DeviceClient, WhyNoReplyCame) {
  for (const int error : {ETIMEDOUT, ECANCELED, EREMOTEIO}) {
    const auto asked = send(kAsked);
    sent();
    const auto got = recv();
    kernel->written.back().file->end_error = error;
    kernel->written.back().file->ended = true;
    kernel->changed.notify();
    poll();
    ASSERT_TRUE(got.done());
    EXPECT_THAT(got->error().message, HasSubstr("delivered, but no reply"));
    EXPECT_EQ(got->error().sys_errno, error == ETIMEDOUT ? 0 : error);
    EXPECT_FALSE(locked());
  }
  const auto asked = send(kAsked);
  sent();
  const auto again = send(kAsked);
  ASSERT_TRUE(again.done());
  EXPECT_EQ(again->error().code, Errc::busy);
  const auto late = recv(kSoon);
  finish(late);
  EXPECT_EQ(late->error().code, Errc::timeout);
  EXPECT_TRUE(kernel->written.back().file->closed) << "it is not waited for any more";
  EXPECT_FALSE(locked());
  EXPECT_TRUE(asked.done());
}

TEST_F(DeviceClient, AnswersWhatItReceived) {
  const auto got = recv();
  ASSERT_TRUE(kernel->receiver());
  EXPECT_EQ(kernel->receiver()->policy, std::uint32_t{LLP_POLICY_READ});
  message(41, kAsked);
  ASSERT_TRUE(got.done());
  EXPECT_EQ((*got)->text(), kAsked);
  EXPECT_TRUE(locked()) << "its transaction lasts until it is answered";
  const auto answered = send(kAnswered);
  ASSERT_THAT(kernel->written, SizeIs(1));
  EXPECT_EQ(kernel->written[0].answer, 41U);
  EXPECT_EQ(kernel->written[0].expect, std::uint32_t{LLP_EXPECT_OFF});
  sent();
  ASSERT_TRUE(answered.done());
  EXPECT_TRUE(*answered);
  EXPECT_FALSE(locked());

  // What comes next of its own is a request again.
  const auto asked = send(kAsked);
  EXPECT_EQ(kernel->written.back().answer, 0U);
  EXPECT_EQ(kernel->written.back().expect, std::uint32_t{LLP_EXPECT_REQUIRED});
  sent();
  EXPECT_TRUE(asked.done());
}

TEST_F(DeviceClient, AnswersWhileAnotherHasTheLock) {
  const auto got = recv();
  const UniqueFd other(::open(node.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  message(41, kAsked);
  EXPECT_TRUE(got.done()) << "receiving does not wait for it";
  const auto answered = send(kAnswered);
  EXPECT_THAT(kernel->written, SizeIs(1));
  sent();
  EXPECT_TRUE(answered.done());
}

TEST_F(DeviceClient, AnAnswerThatNobodyWaitsFor) {
  const auto got = recv();
  message(41, kAsked);
  kernel->stale = true;
  const auto answered = send(kAnswered);
  ASSERT_TRUE(answered.done());
  EXPECT_EQ(answered->error().code, Errc::cancelled);
  EXPECT_THAT(answered->error().message, HasSubstr("not sent: nobody waits"));
  EXPECT_THAT(kernel->written, SizeIs(0));
  EXPECT_FALSE(locked());
}

TEST_F(DeviceClient, WhatIsNoQuestionIsNotAnswered) {
  for (const std::uint32_t flags : {LLP_MSG_ACK, LLP_MSG_LATE}) {
    const auto got = recv();
    message(41, kAnswered, flags);
    ASSERT_TRUE(got.done());
    EXPECT_FALSE(locked());
  }
  kernel->parameters["expect_in"] = "none";
  const auto got = recv();
  message(42, kAsked);
  ASSERT_TRUE(got.done());
  const auto asked = send(kAsked);
  EXPECT_EQ(kernel->written.back().expect, std::uint32_t{LLP_EXPECT_REQUIRED});
  sent();
  EXPECT_TRUE(asked.done());
}

TEST_F(DeviceClient, ReceivesWhileItAsks) {
  const auto waits = recv();
  const auto asked = send(kAsked);
  sent();
  ASSERT_TRUE(asked.done());
  EXPECT_FALSE(waits.done());
  message(43, "MSH|result\r");
  ASSERT_TRUE(waits.done());
  EXPECT_EQ((*waits)->text(), "MSH|result\r");
  const auto next = recv();
  reply(kAnswered);
  ASSERT_TRUE(next.done());
  EXPECT_EQ((*next)->text(), kAnswered);
}

TEST_F(DeviceClient, TheRoleIsNotTakenWhileItAsks) {
  kernel->taken = true;
  const auto asked = send(kAsked);
  const auto got = recv();
  EXPECT_FALSE(got.done());
  sent();
  EXPECT_TRUE(asked.done());
  reply(kAnswered);
  ASSERT_TRUE(got.done());
  EXPECT_EQ((*got)->text(), kAnswered);
  const auto idle = recv();
  ASSERT_TRUE(idle.done());
  EXPECT_EQ(idle->error().code, Errc::in_use);
}

TEST_F(DeviceClient, TheLineGoes) {
  const auto waits = recv();
  kernel->go();
  poll();
  ASSERT_TRUE(waits.done());
  EXPECT_EQ(waits->error().code, Errc::closed);
  kernel->gone = false;
  connect();
  const auto asked = send(kAsked);
  kernel->go();
  poll();
  ASSERT_TRUE(asked.done());
  EXPECT_EQ(asked->error().code, Errc::reset);
  EXPECT_THAT(asked->error().message, HasSubstr("outcome unknown"));
  kernel->gone = false;
  connect();
  const auto delivered = send(kAsked);
  sent();
  const auto got = recv();
  kernel->go();
  poll();
  ASSERT_TRUE(got.done());
  EXPECT_EQ(got->error().code, Errc::reset);
  EXPECT_FALSE(locked());
}

TEST_F(DeviceClient, AbortEndsEverything) {
  const auto asked = send(kAsked);
  const auto waits = recv();
  link->abort();
  poll();
  ASSERT_TRUE(asked.done() && waits.done());
  EXPECT_EQ(asked->error().code, Errc::cancelled);
  EXPECT_EQ(waits->error().code, Errc::cancelled);
  EXPECT_FALSE(locked());
  EXPECT_EQ(kernel->open_files(), 0U);
  const auto after = send(kAsked);
  ASSERT_TRUE(after.done());
  EXPECT_EQ(after->error().code, Errc::invalid);
}

TEST_F(DeviceClient, TimeOutsLeaveNobodyBehind) {
  for (int i = 0; i < 3; ++i) {
    const auto waits = recv(5ms);
    finish(waits);
    EXPECT_EQ(waits->error().code, Errc::timeout);
  }
  const auto got = recv();
  message(44, kAsked);
  ASSERT_TRUE(got.done());
  EXPECT_EQ((*got)->text(), kAsked);
}

}  // namespace
}  // namespace llp
