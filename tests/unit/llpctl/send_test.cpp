// SPDX-License-Identifier: BSD-3-Clause
// send: a message and its reply, over a model of the device.
#include <asio/post.hpp>

#include "line/engine_api.hpp"
#include "line/fake_device.hpp"
#include "support.hpp"

namespace llp::ctl::test {
namespace {

using ::llp::test::FakeDevice;
using ::llp::test::FakeKernel;
using ::testing::HasSubstr;

class Send : public Llpctl {
 protected:
  Send() {
    kernel.attach("ttyS1");
    static_cast<void>(kernel.control()->set(netlink::LineNumber{0}, {.name = "chem"}));
    std::ofstream(dir_ / "order") << "MSH|^~\\&|\rOBR|1\r";
  }
  std::unique_ptr<line::MessageDevice> device(const std::string& node) override {
    asked_for = node;
    return std::make_unique<FakeDevice>(fake);
  }
  // Once the message was written, f(the message).
  template <class F>
  void then(F f) {
    asio::post(io, [this, f] {
      if (fake->written.empty()) {
        then(f);
      } else {
        f(fake->written.back());
      }
    });
  }
  int send(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"send", "chem", (dir_ / "order").string()};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  void delivered(const FakeKernel::Written& w) {
    fake->note(w.file, LLP_RESULT_SENT, w.id, 0, LLP_OUTCOME_DELIVERED);
  }

  void wait_for_abort() {
    const auto& w = fake->written.back();
    if (w.file->aborted.empty()) {
      asio::post(io, [this] { wait_for_abort(); });
    } else {
      fake->note(w.file, LLP_RESULT_SENT, w.id, EINTR, LLP_OUTCOME_NOT_SENT);
    }
  }

  std::shared_ptr<FakeKernel> fake = std::make_shared<FakeKernel>(io.get_executor());
  std::string asked_for;
};

TEST_F(Send, TheReplyIsPrinted) {
  then([this](const auto& w) {
    delivered(w);
    fake->message(w.file, {7, "MSH|reply\rMSA|AA\r", LLP_MSG_REPLY, w.id});
  });
  EXPECT_EQ(send(), 0) << err;
  EXPECT_EQ(out, "MSH|reply\rMSA|AA\r");
  EXPECT_EQ(asked_for, (dir_ / "llp0").string());
  ASSERT_EQ(fake->written.size(), 1U);
  EXPECT_EQ(fake->written[0].text, "MSH|^~\\&|\rOBR|1\r");
  EXPECT_EQ(fake->written[0].expect, static_cast<std::uint32_t>(LLP_EXPECT_REQUIRED));
  EXPECT_EQ(fake->open_files(), 0U);
}

TEST_F(Send, OnATerminalSegmentsAreLines) {
  terminal = true;
  then([this](const auto& w) {
    delivered(w);
    fake->message(w.file, {7, "a\rb\r", LLP_MSG_REPLY, w.id});
  });
  EXPECT_EQ(send(), 0);
  EXPECT_EQ(out, "a\nb\n");
}

TEST_F(Send, AReplyThatIsLargerThanTheFirstRoom) {
  const std::string big(200'000, 'x');
  then([&, this](const auto& w) {
    delivered(w);
    fake->message(w.file, {7, big, LLP_MSG_REPLY, w.id});
  });
  EXPECT_EQ(send({"--out", (dir_ / "reply").string()}), 0) << err;
  EXPECT_EQ(text_of("reply"), big);
  EXPECT_EQ(out, "");
}

TEST_F(Send, NothingAnswersIt) {
  then([this](const auto& w) { delivered(w); });
  EXPECT_EQ(send({"--no-reply"}), 0);
  EXPECT_EQ(fake->written[0].expect, static_cast<std::uint32_t>(LLP_EXPECT_OFF));
  EXPECT_EQ(out, "");
}

TEST_F(Send, NoReplyInTime) {
  then([this](const auto& w) {
    delivered(w);
    w.file->ended = true;
    fake->changed.notify();
  });
  EXPECT_EQ(send({"--json"}), 1);
  EXPECT_THAT(err, HasSubstr("delivered, but no reply came in time"));
  EXPECT_EQ(
      out,
      "{\"line\": 0, \"message\": 100, \"length\": 16, \"delivered\": false, \"outcome\": \"delivered\", "
      "\"error\": \"delivered, but no reply came in time\"}\n");
}

TEST_F(Send, NotDelivered) {
  then([this](const auto& w) { fake->note(w.file, LLP_RESULT_SENT, w.id, EREMOTEIO, LLP_OUTCOME_REFUSED); });
  EXPECT_EQ(send(), 1);
  EXPECT_EQ(err, "refused: the other station rejected it at every try\n");
  then([this](const auto& w) { fake->note(w.file, LLP_RESULT_SENT, w.id, ECOMM, LLP_OUTCOME_UNKNOWN); });
  fake->written.clear();
  EXPECT_EQ(send(), 1);
  EXPECT_THAT(err, HasSubstr("outcome unknown: "));
}

TEST_F(Send, TheTimeIsUp) {
  // Taken back by the kernel once it is asked to.
  then([this](const auto&) { wait_for_abort(); });
  EXPECT_EQ(send({"--timeout", "0.01"}), 1);
  EXPECT_EQ(err, "not sent: the time was up\n");
}

TEST_F(Send, TheLineGoesMeanwhile) {
  then([this](const auto&) { fake->go(); });
  EXPECT_EQ(send(), 1);
  EXPECT_THAT(err, HasSubstr("whether the message arrived is not known"));
}

TEST_F(Send, WhatCannotBeSent) {
  EXPECT_EQ(run({"send", "chem", (dir_ / "none").string()}), 66);
  EXPECT_EQ(run({"send", "chem", dir_.string()}), 71);
  EXPECT_THAT(err, HasSubstr("cannot read " + dir_.string()));
  std::ofstream(dir_ / "empty").close();
  EXPECT_EQ(run({"send", "chem", (dir_ / "empty").string()}), 71);
  EXPECT_THAT(err, HasSubstr("nothing to send"));
  fake->full = true;
  EXPECT_EQ(send(), 1);
  EXPECT_EQ(err, "not sent: too many messages wait to be sent\n");
}

}  // namespace
}  // namespace llp::ctl::test
