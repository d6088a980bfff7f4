// SPDX-License-Identifier: BSD-3-Clause
// HL7 acknowledgements, lines as they are written, pacing, the report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>

#include "bytes.hpp"
#include "llpsim/hl7_ack.hpp"
#include "llpsim/line_argument.hpp"
#include "llpsim/pacing.hpp"
#include "llpsim/report.hpp"

namespace llp::sim {
namespace {

using testing::HasSubstr;

std::string text(const Bytes& b) { return {b.begin(), b.end()}; }
std::string ack(std::string_view message, std::string_view code = "AA") {
  const auto made = acknowledge(bytes(message), code);
  return made ? text(*made) : "nothing";
}

// ---- HL7 ----

TEST(Hl7, AcknowledgementGoesBackToTheSender) {
  EXPECT_EQ(ack("MSH|^~\\&|LAB|WARD|HIS|MAIN|202601011200||ORU^R01|4711|P|2.3\rPID|1\r"),
            "MSH|^~\\&|HIS|MAIN|LAB|WARD|202601011200||ACK|A4711|P|2.3\rMSA|AA|4711\r");
}

TEST(Hl7, CodeAndSeparatorAreTaken) {
  EXPECT_EQ(ack("MSH#^~\\&#a#b#c#d###ORU#9#T#2.4\r", "AE"), "MSH#^~\\&#c#d#a#b###ACK#A9#T#2.4\rMSA#AE#9\r");
}

TEST(Hl7, ShortHeaders) {
  EXPECT_EQ(ack("MSH|^~\\&"), "MSH|^~\\&|||||||ACK|A|P|2.3\rMSA|AA|\r");
  EXPECT_EQ(ack("MSH|^~\\&|a\rPID|x|y|z|1|2|3|4|5\r"), "MSH|^~\\&|||a||||ACK|A|P|2.3\rMSA|AA|\r");
}

TEST(Hl7, WhatIsNotHl7GetsNone) {
  EXPECT_EQ(ack(""), "nothing");
  EXPECT_EQ(ack("MSH"), "nothing");
  EXPECT_EQ(ack("MSH|"), "nothing");
  EXPECT_EQ(ack("H|\\^&|||ASTM\r"), "nothing");
}

TEST(Hl7, ControlId) {
  EXPECT_EQ(control_id(bytes("MSH|^~\\&|a|b|c|d|t||ORU|77|P|2.3\r")), "77");
  EXPECT_EQ(control_id(bytes("MSH|^~\\&|a|b\rPID|1|2|3|4|5|6|7|8|9\r")), "");
  EXPECT_EQ(control_id(bytes("none")), "");
}

TEST(Hl7, ControlIdIsReplacedAndNothingElse) {
  EXPECT_EQ(text(with_control_id(bytes("MSH|^~\\&|a|b|c|d|t||ORU|77|P|2.3\rPID|1\r"), "new")),
            "MSH|^~\\&|a|b|c|d|t||ORU|new|P|2.3\rPID|1\r");
  EXPECT_EQ(text(with_control_id(bytes("MSH|^~\\&|a\rX\r"), "9")), "MSH|^~\\&|a|||||||9\rX\r");
  EXPECT_EQ(text(with_control_id(bytes("none"), "9")), "none");
}

// ---- --line ----

io::LineSpec line(std::string_view argument) {
  const auto spec = parse_line_argument(argument);
  EXPECT_TRUE(spec) << spec.error().message;
  return spec ? *spec : io::LineSpec{};
}

TEST(LineArgument, EveryKind) {
  EXPECT_EQ(line("pty:/tmp/x"), io::LineSpec(io::Pty{.symlink = "/tmp/x"}));
  EXPECT_EQ(line("pty:-"), io::LineSpec(io::Pty{}));
  EXPECT_EQ(line("tty:/dev/ttyS0"), io::LineSpec(io::Tty{.device = "/dev/ttyS0"}));
  EXPECT_EQ(line("tty:/dev/ttyS0,19200,7e1"),
            io::LineSpec(io::Tty{
                .device = "/dev/ttyS0", .baud = 19200, .mode = {.bits = 7, .parity = 'e', .stop = 1}}));
  EXPECT_EQ(line("tcp:lab:4001"), io::LineSpec(io::TcpConnect{.host = "lab", .service = "4001"}));
  EXPECT_EQ(line("tcp:[::1]:hl7"), io::LineSpec(io::TcpConnect{.host = "::1", .service = "hl7"}));
  EXPECT_EQ(line("tcp-listen:4001"), io::LineSpec(io::TcpListen{.bind = "", .service = "4001"}));
  EXPECT_EQ(line("tcp-listen:*:4001"), io::LineSpec(io::TcpListen{.bind = "*", .service = "4001"}));
  EXPECT_EQ(line("tcp-listen:[::]:0"), io::LineSpec(io::TcpListen{.bind = "::", .service = "0"}));
  EXPECT_EQ(line("unix:/run/a"), io::LineSpec(io::UnixConnect{.path = "/run/a"}));
  EXPECT_EQ(line("unix-listen:/run/a"), io::LineSpec(io::UnixListen{.path = "/run/a"}));
}

TEST(LineArgument, ErrorsSayWhatWasFoundAndWhatIsAllowed) {
  for (const char* wrong : {"", "pty", "pty:", "usb:1", "tcp:", "tcp:lab", "tcp:lab:", "tcp:[::1:4001",
                            "tcp:4001", "tcp-listen:", "tty:/dev/ttyS0,fast", "tty:/dev/ttyS0,9600,9x9"}) {
    const auto spec = parse_line_argument(wrong);
    ASSERT_FALSE(spec) << wrong;
    EXPECT_EQ(spec.error().code, Errc::invalid);
    EXPECT_FALSE(spec.error().message.empty());
  }
  EXPECT_THAT(parse_line_argument("usb:1").error().message, HasSubstr("unix-listen:PATH"));
}

// ---- pacing ----

// Takes and gives everything at once.
class Instant final : public io::ByteStream {
 public:
  asio::awaitable<Result<void>> open() override { co_return Result<void>{}; }
  asio::awaitable<Result<io::ReadResult>> read_some(std::span<std::uint8_t> b,
                                                    std::span<std::uint8_t>) override {
    largest_read = std::max(largest_read, b.size());
    co_return io::ReadResult{b.size(), false, 0};
  }
  asio::awaitable<Result<void>> write(std::span<const std::uint8_t> b) override {
    ++writes;
    written += b.size();
    co_return Result<void>{};
  }
  asio::awaitable<Result<void>> wait_empty() override { co_return Result<void>{}; }
  std::chrono::nanoseconds char_time() const noexcept override { return std::chrono::nanoseconds(0); }
  void disconnect() noexcept override {}
  void close() noexcept override {}
  std::string describe() const override { return "instant"; }
  std::size_t written = 0, writes = 0, largest_read = 0;
};

TEST(Pacing, BytesTakeTheirTime) {
  asio::io_context io;
  auto inner = std::make_unique<Instant>();
  Instant& seen = *inner;
  const auto paced = make_paced(io.get_executor(), std::move(inner), 9600);
  EXPECT_EQ(paced->char_time(), std::chrono::nanoseconds(1'041'666));
  const auto begin = std::chrono::steady_clock::now();
  std::chrono::nanoseconds took{};
  const auto work = [](io::ByteStream& stream, std::chrono::steady_clock::time_point t0,
                       std::chrono::nanoseconds& time) -> asio::awaitable<void> {
    const Bytes out(60, 'x');
    const auto wrote = co_await stream.write(out);
    EXPECT_TRUE(wrote);
    const auto empty = co_await stream.wait_empty();
    EXPECT_TRUE(empty);
    time = std::chrono::steady_clock::now() - t0;
  };
  asio::co_spawn(io, work(*paced, begin, took), [](std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
  });
  io.run();
  EXPECT_EQ(seen.written, 60U);
  EXPECT_GT(seen.writes, 10U);
  EXPECT_GE(took, paced->char_time() * 60);
}

TEST(Pacing, ReadsAreSmallAndLate) {
  asio::io_context io;
  auto inner = std::make_unique<Instant>();
  Instant& seen = *inner;
  const auto paced = make_paced(io.get_executor(), std::move(inner), 9600);
  const auto begin = std::chrono::steady_clock::now();
  std::size_t got = 0;
  const auto work = [](io::ByteStream& stream, std::size_t& n) -> asio::awaitable<void> {
    Bytes data(1000), flags(1000);
    while (n < 20) {
      const auto result = co_await stream.read_some(data, flags);
      n += result->size;
    }
  };
  asio::co_spawn(io, work(*paced, got), [](std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
  });
  io.run();
  EXPECT_LE(seen.largest_read, 4U);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, paced->char_time() * 20);
}

// ---- report ----

TEST(ReportText, CountsWhatBecameOfMessages) {
  Report report;
  report.protocol = "x328";
  report.seed = 12;
  SendRecord good;
  good.file = "a \"b\".hl7";
  good.outcome = LLP_OUT_DELIVERED;
  good.replied = true;
  good.tries = 1;
  SendRecord unknown;
  unknown.cause = LLP_CAUSE_NOREPLY;
  unknown.outcome = LLP_OUT_UNKNOWN;
  report.sent = {good, unknown};
  const std::string json = report.json();
  EXPECT_THAT(json, HasSubstr(R"("sent": 2, "delivered": 1, "failed": 1, "unknown": 1, "replies": 1)"));
  EXPECT_THAT(json, HasSubstr(R"("file": "a \"b\".hl7")"));
  EXPECT_THAT(json, HasSubstr(R"("naks_sent": 0)"));
  EXPECT_THAT(report.summary(), HasSubstr("sent 2: 1 delivered, 1 failed, 1 with unknown fate"));
}

TEST(Ladder, CountsFrames) {
  FrameCounts counts;
  LadderObserver ladder(counts, nullptr);
  const auto frame = [&](llp_frame kind, bool out, llp_verdict_frame verdict, unsigned flags) {
    llp_event event{};
    event.type = LLP_EV_FRAME;
    event.frame = static_cast<std::uint8_t>(kind);
    event.out = out ? 1 : 0;
    event.verdict = static_cast<std::uint8_t>(verdict);
    event.flags = static_cast<std::uint8_t>(flags);
    ladder.frame(event);
  };
  frame(LLP_FR_ENQ, true, LLP_FV_GOOD, 0);
  frame(LLP_FR_ACK, false, LLP_FV_GOOD, 0);
  frame(LLP_FR_BLOCK, true, LLP_FV_GOOD, 0);
  frame(LLP_FR_NAK, false, LLP_FV_GOOD, 0);
  frame(LLP_FR_BLOCK, true, LLP_FV_GOOD, LLP_FRAME_AGAIN);
  frame(LLP_FR_D, false, LLP_FV_GOOD, 0);
  frame(LLP_FR_MSG, false, LLP_FV_CHECK, 0);
  frame(LLP_FR_BLOCK, false, LLP_FV_DUPLICATE, 0);
  EXPECT_EQ(counts.enq_out, 1U);
  EXPECT_EQ(counts.acks_in, 1U);
  EXPECT_EQ(counts.naks_in, 1U);
  EXPECT_EQ(counts.blocks_out, 2U);
  EXPECT_EQ(counts.again_out, 1U);
  EXPECT_EQ(counts.blocks_in, 1U);
  EXPECT_EQ(counts.bad_in, 1U);
  EXPECT_EQ(counts.duplicates_in, 1U);
}

}  // namespace
}  // namespace llp::sim
