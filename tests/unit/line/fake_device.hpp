// SPDX-License-Identifier: BSD-3-Clause
// A message device that tests play by hand: what the kernel would have
// received, decided and told.
#pragma once

#include <poll.h>
#include <sys/ioctl.h>
#include <uapi/llp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "line/engine_api.hpp"
#include "line/message_device.hpp"
#include "line/signal.hpp"

namespace llp::test {

// What the line has as a whole.
struct FakeKernel {
  struct In {
    std::uint32_t id;
    std::string text;
    std::uint32_t flags;
    std::uint32_t reply_to;
  };
  struct File {
    std::deque<llp_ioc_result> notes;
    std::deque<In> in;
    std::uint32_t last_read = 0, last_read_flags = 0;
    std::uint32_t last_write = 0, expect = LLP_EXPECT_OFF, answer = 0, events = 0, policy = 0;
    bool receiver = false, ready = false, closed = false;
    bool ended = false;         // the expectation is over: read tells
    int end_error = ETIMEDOUT;  // how; 0: no reply had to come
    std::vector<std::uint32_t> aborted;
  };
  struct Written {
    std::uint32_t id, expect, answer;
    std::string text;
    std::shared_ptr<File> file;
  };
  struct Verdict {
    std::uint32_t id, verdict;
    std::shared_ptr<File> file;
    friend bool operator==(const Verdict& v, std::pair<std::uint32_t, std::uint32_t> w) {
      return v.id == w.first && v.verdict == w.second;
    }
  };

  explicit FakeKernel(const asio::any_io_executor& e) : executor(e), changed(e) {}

  // For one file, or for all that want it.
  void note(const std::shared_ptr<File>& file, std::uint32_t type, std::uint32_t id, std::uint32_t error = 0,
            std::uint32_t outcome = 0, std::uint32_t flags = 0) {
    file->notes.push_back(llp_ioc_result{type, id, error, outcome, flags, 0, 0});
    changed.notify();
  }
  void note_all(std::uint32_t type, std::uint32_t id, std::uint32_t error = 0, std::uint32_t flags = 0) {
    for (const auto& file : files) {
      if ((file->events & 1U << type) != 0) note(file, type, id, error, 0, flags);
    }
  }
  void message(const std::shared_ptr<File>& file, In in) {
    file->in.push_back(std::move(in));
    changed.notify();
  }
  std::shared_ptr<File> receiver() const {
    const auto it = std::ranges::find_if(files, [](const auto& f) { return f->receiver && !f->closed; });
    return it == files.end() ? nullptr : *it;
  }
  void go() {
    gone = true;
    changed.notify();
  }
  std::size_t open_files() const {
    return static_cast<std::size_t>(std::ranges::count_if(files, [](const auto& f) { return !f->closed; }));
  }

  asio::any_io_executor executor;
  line::Signal changed;
  std::vector<std::shared_ptr<File>> files;
  std::vector<Written> written;
  std::vector<Verdict> verdicts;
  std::vector<std::string> calls;                 // set-up, in order
  std::map<std::string, std::string> parameters;  // what was set
  llp_ioc_info info{};
  std::uint32_t settled = LLP_SETTLED_ACKNOWLEDGED;
  bool gone = false;
  bool taken = false;         // another program receives
  bool withdrawable = false;  // LLP_FILE_WITHDRAWABLE
  bool full = false;          // write: EAGAIN
  bool stale = false;         // LLP_IOC_ANSWER: ESTALE
  bool expected = false;      // LLP_IOC_EXPECT: EBUSY, another program's reply is outstanding
  std::string lost;           // what LLP_IOC_LOST has
  std::uint32_t next_id = 100;
};

class FakeFile final : public line::MessageFile {
 public:
  FakeFile(std::shared_ptr<FakeKernel> kernel, std::shared_ptr<FakeKernel::File> file)
      : kernel_(std::move(kernel)), file_(std::move(file)) {}
  ~FakeFile() override { FakeFile::close(); }

  asio::awaitable<short> wait(short events) override { return wait_on(kernel_, file_, events); }
  std::expected<std::size_t, int> read(std::span<std::uint8_t> out) noexcept override;
  std::expected<std::size_t, int> write(std::span<const std::uint8_t> text) noexcept override;
  int control(unsigned long request, void* argument) noexcept override;
  void close() noexcept override {
    file_->closed = true;
    file_->receiver = false;
    kernel_->changed.notify();
  }

 private:
  static short ready(const FakeKernel& kernel, const FakeKernel::File& file, short events) {
    if (file.closed) return POLLNVAL;
    short now = 0;
    if (!file.in.empty() || file.ended) now |= POLLIN;
    if (!kernel.full) now |= POLLOUT;
    if (!file.notes.empty()) now |= POLLPRI;
    now = static_cast<short>(now & events);
    if (kernel.gone) now |= POLLHUP | POLLERR;
    return now;
  }
  static asio::awaitable<short> wait_on(std::shared_ptr<FakeKernel> kernel,
                                        std::shared_ptr<FakeKernel::File> file, short events) {
    while (ready(*kernel, *file, events) == 0) co_await kernel->changed.wait();
    co_return ready(*kernel, *file, events);
  }
  int message(llp_ioc_message& m) const;

  std::shared_ptr<FakeKernel> kernel_;
  std::shared_ptr<FakeKernel::File> file_;
};

inline std::expected<std::size_t, int> FakeFile::read(std::span<std::uint8_t> out) noexcept {
  if (file_->in.empty()) {
    if (std::exchange(file_->ended, false)) {
      if (file_->end_error != 0) return std::unexpected(file_->end_error);
      return 0;
    }
    if (kernel_->gone) return 0;
    return std::unexpected(EAGAIN);
  }
  const FakeKernel::In& in = file_->in.front();
  const std::size_t size = in.text.size();
  if (size > out.size()) return std::unexpected(EMSGSIZE);
  std::ranges::copy(in.text, out.begin());
  file_->last_read = in.id;
  file_->last_read_flags = in.flags;
  file_->in.pop_front();
  return size;
}

inline std::expected<std::size_t, int> FakeFile::write(std::span<const std::uint8_t> text) noexcept {
  if (kernel_->gone) return std::unexpected(ENODEV);
  if (kernel_->full) return std::unexpected(EAGAIN);
  file_->last_write = kernel_->next_id++;
  kernel_->written.push_back(
      {file_->last_write, file_->expect, file_->answer, std::string(text.begin(), text.end()), file_});
  file_->answer = 0;
  return text.size();
}

inline int FakeFile::message(llp_ioc_message& m) const {
  if (m.which == LLP_WHICH_READ) {
    if (file_->last_read == 0) return ENODATA;
    m.id = file_->last_read;
    m.flags = file_->last_read_flags;
    return 0;
  }
  if (file_->in.empty()) return ENODATA;
  m.id = file_->in.front().id;
  m.len = static_cast<std::uint32_t>(file_->in.front().text.size());
  m.flags = file_->in.front().flags;
  m.reply_to = file_->in.front().reply_to;
  return 0;
}

inline int FakeFile::control(unsigned long request, void* argument) noexcept {
  FakeKernel& k = *kernel_;
  FakeKernel::File& f = *file_;
  const auto number = [argument] { return *static_cast<std::uint32_t*>(argument); };
  if (f.closed) return EBADF;
  if (request == LLP_IOC_RESULT) {
    if (f.notes.empty()) return EAGAIN;
    *static_cast<llp_ioc_result*>(argument) = f.notes.front();
    f.notes.pop_front();
    return 0;
  }
  if (request == LLP_IOC_MESSAGE) return message(*static_cast<llp_ioc_message*>(argument));
  if (k.gone) return ENODEV;
  switch (request) {
    case LLP_IOC_INFO: *static_cast<llp_ioc_info*>(argument) = k.info; return 0;
    case LLP_IOC_UP:
      k.calls.emplace_back("up");
      k.info.flags |= LLP_INFO_UP;
      return 0;
    case LLP_IOC_DOWN:
      k.calls.emplace_back("down");
      k.info.flags &= ~static_cast<std::uint32_t>(LLP_INFO_UP);
      return 0;
    case LLP_IOC_SET_PROTOCOL:
      k.calls.emplace_back("protocol");
      k.info.protocol = number();
      k.parameters.clear();
      return 0;
    case LLP_IOC_GET_PARAM: {
      auto& p = *static_cast<llp_ioc_param*>(argument);
      llp_params defaults{};
      const auto protocol = static_cast<llp_protocol>(k.info.protocol);
      llp_params_default(&defaults, protocol);
      for (const auto& [name, value] : k.parameters) {
        if (llp_params_set(&defaults, protocol, name.c_str(), value.c_str()) != 0) return EINVAL;
      }
      return llp_params_get(&defaults, protocol, p.name, p.value, sizeof p.value) < 0 ? ENOENT : 0;
    }
    case LLP_IOC_SET_PARAM: {
      const auto& p = *static_cast<llp_ioc_param*>(argument);
      k.calls.push_back(std::string(p.name) + "=" + p.value);
      k.parameters[p.name] = p.value;
      return 0;
    }
    case LLP_IOC_POLICY: f.policy = number(); return 0;
    case LLP_IOC_EVENTS: f.events = number(); return 0;
    case LLP_IOC_RECEIVE:
      if (k.taken) return EBUSY;
      f.receiver = number() != 0;
      return 0;
    case LLP_IOC_READY: f.ready = number() != 0; return 0;
    case LLP_IOC_VERDICT: {
      auto& v = *static_cast<llp_ioc_verdict*>(argument);
      k.verdicts.push_back({v.id, v.verdict, file_});
      v.settled = k.settled;
      return 0;
    }
    case LLP_IOC_EXPECT:
      if (k.expected && number() != LLP_EXPECT_OFF) return EBUSY;
      f.expect = number();
      return 0;
    case FIONREAD:
      *static_cast<int*>(argument) = f.in.empty() ? 0 : static_cast<int>(f.in.front().text.size());
      return 0;
    case LLP_IOC_LOST: {
      auto& l = *static_cast<llp_ioc_lost*>(argument);
      l.size = static_cast<std::uint32_t>(std::min<std::size_t>(l.size, k.lost.size()));
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the interface
      std::memcpy(reinterpret_cast<void*>(l.data), k.lost.data(), l.size);
      k.lost.clear();
      return 0;
    }
    case LLP_IOC_ANSWER:
      if (k.stale) return ESTALE;
      f.answer = number();
      return 0;
    case LLP_IOC_ABORT: f.aborted.push_back(number()); return 0;
    case LLP_IOC_ABORT_RECEIVE: k.calls.emplace_back("abort receive"); return 0;
    case LLP_IOC_FILE: {
      auto& state = *static_cast<llp_ioc_file*>(argument);
      state.last_write = f.last_write;
      state.flags = k.withdrawable ? LLP_FILE_WITHDRAWABLE : 0;
      return 0;
    }
    case LLP_IOC_COUNTER: {
      auto& c = *static_cast<llp_ioc_counter*>(argument);
      if (c.index > 0) return ENOENT;
      std::strncpy(c.name, "naks_sent", sizeof c.name);
      c.value = 7;
      return 0;
    }
    case LLP_IOC_TURNAROUND: {
      auto& t = *static_cast<llp_ioc_turnaround*>(argument);
      t.count = 5;
      t.sum = 90'000;
      t.max = 40'000;
      t.bucket[3] = 4;
      t.bucket[LLP_BUCKETS - 1] = 1;
      return 0;
    }
    default: return ENOTTY;
  }
}

class FakeDevice final : public line::MessageDevice {
 public:
  explicit FakeDevice(std::shared_ptr<FakeKernel> kernel) : kernel_(std::move(kernel)) {}

  asio::awaitable<Result<std::unique_ptr<line::MessageFile>>> open() override {
    // A device that has gone comes back when the test says so.
    while (kernel_->gone && !closed_) co_await kernel_->changed.wait();
    if (closed_) co_return fail(Errc::cancelled, "closed");
    co_return open_another();
  }
  Result<std::unique_ptr<line::MessageFile>> open_another() override {
    if (kernel_->gone) return fail_errno("cannot open", ENODEV);
    kernel_->files.push_back(std::make_shared<FakeKernel::File>());
    return std::make_unique<FakeFile>(kernel_, kernel_->files.back());
  }
  void release() noexcept override { kernel_->calls.emplace_back("release"); }
  void close() noexcept override {
    closed_ = true;
    kernel_->changed.notify();
  }
  std::string describe() const override { return "/dev/llp0"; }

 private:
  std::shared_ptr<FakeKernel> kernel_;
  bool closed_ = false;
};

}  // namespace llp::test
