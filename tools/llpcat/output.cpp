// SPDX-License-Identifier: BSD-3-Clause
#include "llpcat/output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <utility>

#include "base/fd.hpp"
#include "config/text.hpp"

namespace llp::cat {

namespace {

Result<void> write_all(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot write " + name);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

std::string_view text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Output::Output(std::filesystem::path directory, bool show_lost)
    : directory_(std::move(directory)), show_lost_(show_lost), terminal_(::isatty(STDOUT_FILENO) != 0) {}

Result<void> Output::check() const {
  if (directory_.empty()) return {};
  std::error_code error;
  if (!std::filesystem::is_directory(directory_, error)) {
    return fail(Errc::not_found, fmt::format("--out: {} is no directory", directory_.string()));
  }
  if (::access(directory_.c_str(), W_OK | X_OK) != 0) return fail_errno("--out: " + directory_.string());
  return {};
}

Result<void> Output::message(const Bytes& message, std::string_view kind) {
  if (directory_.empty()) {
    std::string text(text_of(message));
    if (terminal_) {
      for (char& c : text) c = c == '\r' ? '\n' : c;
      if (!text.ends_with('\n')) text += '\n';
    }
    return write_all(STDOUT_FILENO, text, "standard output");
  }
  // A number that is taken, by an earlier run or another program, is left alone.
  while (true) {
    const std::string path = (directory_ / fmt::format("{:06}.{}", ++number_, kind)).string();
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file && errno == EEXIST) continue;
    if (!file) return fail_errno("cannot write " + path);
    return write_all(file.get(), text_of(message), path);
  }
}

void Output::lost(const Bytes& bytes) const {
  if (!show_lost_ || bytes.empty()) return;
  fmt::print(stderr, "lost: {} byte{}: {}\n", bytes.size(), bytes.size() == 1 ? "" : "s",
             config::quote(text_of(bytes)));
}

Progress::Progress(std::uint64_t total, bool quiet)
    : total_(total), on_(!quiet && (total == 0 || total >= 20) && ::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (shown_ == 0) return;
  if (shown_ != done_) show();
  fmt::print(stderr, "\n");
}

void Progress::step(std::uint64_t done) {
  constexpr std::int64_t apart = 100;  // ms
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::steady_clock::now().time_since_epoch())
                       .count();
  done_ = done;
  if (!on_ || (now < next_ && done != total_)) return;
  next_ = now + apart;
  show();
}

void Progress::show() {
  shown_ = done_;
  fmt::print(stderr, "\r{}{}", done_, total_ == 0 ? std::string(" messages") : fmt::format(" of {}", total_));
}

}  // namespace llp::cat
