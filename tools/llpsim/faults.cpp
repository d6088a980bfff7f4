// SPDX-License-Identifier: BSD-3-Clause
#include "llpsim/faults.hpp"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <utility>

#include "base/as_tuple.hpp"

namespace llp::sim {

namespace {

constexpr std::uint8_t kStx = 0x02, kEtx = 0x03, kEnq = 0x05, kAck = 0x06, kCr = 0x0d, kDle = 0x10,
                       kNak = 0x15, kEtb = 0x17;

}  // namespace

Damager::Damager(const FaultPlan& plan, llp_protocol protocol, std::uint8_t sb, std::uint8_t eb,
                 std::uint64_t seed, FaultCounts& counts)
    : plan_(plan), protocol_(protocol), sb_(sb), eb_(eb), counts_(counts), rng_(seed) {}

bool Damager::chance(double p) { return p > 0 && std::uniform_real_distribution<double>(0, 1)(rng_) < p; }

std::uint8_t Damager::flip(std::uint8_t byte) {
  return static_cast<std::uint8_t>(byte ^ (1U << std::uniform_int_distribution<unsigned>(0, 7)(rng_)));
}

void Damager::begin_block() {
  in_block_ = true;
  tail_ = 0;
  at_ = 0;
  chosen_ = chance(plan_.flip_block);
  target_ = std::uniform_int_distribution<std::size_t>(1, std::max<std::size_t>(usual_, 2) - 1)(rng_);
}

void Damager::end_block() {
  in_block_ = chosen_ = false;
  usual_ = at_;
}

bool Damager::block_byte(std::uint8_t byte) {
  const bool x328 = protocol_ == LLP_PROTO_X328;
  if (!in_block_) {
    if (byte == (x328 ? kStx : sb_)) begin_block();
    return false;
  }
  ++at_;
  if (tail_ > 0) {
    // The block was shorter than the one before: its check is still to come.
    const bool hit = std::exchange(chosen_, false);
    if (--tail_ == 0) end_block();
    return hit;
  }
  if (byte == (x328 ? kEnq : eb_)) {
    end_block();
  } else if (x328 && (byte == kEtx || byte == kEtb)) {
    tail_ = 2;
  } else if (chosen_ && at_ == target_) {
    chosen_ = false;
    return true;
  }
  return false;
}

void Damager::pass(std::uint8_t byte, bool hit, std::vector<std::uint8_t>& out) {
  if (hit) {
    byte = flip(byte);
    counts_.blocks++;
  }
  if (chance(plan_.insert)) {
    out.push_back(static_cast<std::uint8_t>(std::uniform_int_distribution<unsigned>(0, 255)(rng_)));
    counts_.inserted++;
  }
  if (chance(plan_.lose)) {
    counts_.lost++;
    return;
  }
  if (chance(plan_.flip)) {
    byte = flip(byte);
    counts_.flipped++;
  }
  out.push_back(byte);
  if (chance(plan_.twice)) {
    out.push_back(byte);
    counts_.doubled++;
  }
}

void Damager::damage(std::span<const std::uint8_t> in, std::vector<std::uint8_t>& out) {
  // X3.28 blocks end in a check, which is there to be damaged; others do not.
  const bool holds = protocol_ != LLP_PROTO_X328;
  for (const std::uint8_t byte : in) {
    if (held_) {
      const bool ends = byte == eb_;
      if (ends) chosen_ = false;
      pass(*held_, ends, out);
      held_.reset();
    }
    const bool hit = block_byte(byte);
    if (holds && chosen_ && at_ > 0)
      held_ = byte;
    else
      pass(byte, hit, out);
  }
}

void Damager::restart() {
  in_block_ = chosen_ = false;
  held_.reset();
}

bool begins_with_acknowledgement(llp_protocol protocol, std::uint8_t sb, std::uint8_t eb,
                                 std::span<const std::uint8_t> bytes, std::size_t& length) {
  const auto is = [bytes](std::size_t i, std::uint8_t c) { return i < bytes.size() && bytes[i] == c; };
  switch (protocol) {
    case LLP_PROTO_X328:
      if (is(0, kNak))
        length = 1;
      else if (is(0, kDle) && bytes.size() > 1)
        length = 2;
      else
        return false;
      if (is(length, kCr)) ++length;
      return true;
    case LLP_PROTO_MLLP:
      length = 4;
      return is(0, sb) && (is(1, kAck) || is(1, kNak)) && is(2, eb) && is(3, kCr);
    default: {
      const auto end = std::find(bytes.begin(), bytes.end(), eb);
      length = static_cast<std::size_t>(end - bytes.begin());
      if (!is(0, sb) || !is(1, 'N') || end == bytes.end()) return false;
      ++length;
      if (is(length, kCr)) ++length;
      return true;
    }
  }
}

namespace {

class FaultyStream final : public io::ByteStream {
 public:
  FaultyStream(const asio::any_io_executor& executor, std::unique_ptr<io::ByteStream> line,
               const FaultPlan& plan, llp_protocol protocol, const llp_params& params, FaultCounts& counts)
      : line_(std::move(line)),
        plan_(plan),
        protocol_(protocol),
        sb_(static_cast<std::uint8_t>(params.sb_char)),
        eb_(static_cast<std::uint8_t>(params.eb_char)),
        counts_(counts),
        in_(plan, protocol, sb_, eb_, plan.seed * 2 + 1, counts),
        out_(plan, protocol, sb_, eb_, plan.seed * 2, counts),
        rng_(plan.seed ^ 0x5eedULL),
        delay_(executor) {}

  asio::awaitable<Result<void>> open() override {
    waiting_.clear();
    in_.restart();
    out_.restart();
    co_return co_await line_->open();
  }

  asio::awaitable<Result<io::ReadResult>> read_some(std::span<std::uint8_t> bytes,
                                                    std::span<std::uint8_t> flags) override {
    while (waiting_.empty()) {
      Result<io::ReadResult> got = co_await line_->read_some(bytes, flags);
      // Bytes with a line error of their own are damaged enough.
      if (!got || !plan_.in || got->flagged) co_return got;
      std::vector<std::uint8_t> damaged;
      in_.damage(bytes.first(got->size), damaged);
      waiting_.insert(waiting_.end(), damaged.begin(), damaged.end());
    }
    io::ReadResult result;
    result.size = std::min(bytes.size(), waiting_.size());
    std::copy_n(waiting_.begin(), result.size, bytes.begin());
    std::fill_n(flags.begin(), result.size, std::uint8_t{0});
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(result.size));
    co_return result;
  }

  asio::awaitable<Result<void>> write(std::span<const std::uint8_t> bytes) override {
    const auto now = std::chrono::steady_clock::now();
    if (now < silent_until_) co_return Result<void>{};
    if (chance(plan_.silence)) {
      counts_.silences++;
      silent_until_ = now + plan_.silence_time;
      co_return Result<void>{};
    }
    std::size_t length = 0;
    if (begins_with_acknowledgement(protocol_, sb_, eb_, bytes, length)) {
      if (chance(plan_.lose_ack)) {
        counts_.acks_lost++;
        bytes = bytes.subspan(length);
      } else if (chance(plan_.delay_ack)) {
        counts_.acks_delayed++;
        delay_.expires_after(plan_.ack_delay);
        co_await delay_.async_wait(kTuple);
      }
    }
    if (bytes.empty()) co_return Result<void>{};
    if (!plan_.out) co_return co_await line_->write(bytes);
    std::vector<std::uint8_t> damaged;
    out_.damage(bytes, damaged);
    if (damaged.empty()) co_return Result<void>{};
    co_return co_await line_->write(damaged);
  }

  asio::awaitable<Result<void>> wait_empty() override { return line_->wait_empty(); }
  std::chrono::nanoseconds char_time() const noexcept override { return line_->char_time(); }
  void disconnect() noexcept override { line_->disconnect(); }
  void close() noexcept override {
    delay_.cancel();
    line_->close();
  }
  std::string describe() const override { return line_->describe() + " with faults"; }
  std::string local_name() const override { return line_->local_name(); }

 private:
  bool chance(double p) { return p > 0 && std::uniform_real_distribution<double>(0, 1)(rng_) < p; }

  std::unique_ptr<io::ByteStream> line_;
  const FaultPlan plan_;
  const llp_protocol protocol_;
  const std::uint8_t sb_, eb_;
  FaultCounts& counts_;
  Damager in_, out_;
  std::mt19937_64 rng_;
  asio::steady_timer delay_;
  std::deque<std::uint8_t> waiting_;  // read and damaged, not yet asked for
  std::chrono::steady_clock::time_point silent_until_;
};

}  // namespace

std::unique_ptr<io::ByteStream> make_faulty(const asio::any_io_executor& executor,
                                            std::unique_ptr<io::ByteStream> line, const FaultPlan& plan,
                                            llp_protocol protocol, const llp_params& params,
                                            FaultCounts& counts) {
  return std::make_unique<FaultyStream>(executor, std::move(line), plan, protocol, params, counts);
}

}  // namespace llp::sim
