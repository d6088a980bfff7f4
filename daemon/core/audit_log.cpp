// SPDX-License-Identifier: BSD-3-Clause
#include "core/audit_log.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <atomic>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/fd.hpp"

namespace llp::core {

namespace {

// Records that wait for the disk.
constexpr std::size_t kWaiting = 4096;
constexpr unsigned kMode = 0640;
constexpr std::size_t kIdMax = 199;  // MSH-10 in HL7 2.9
constexpr std::size_t kIdField = 9;  // of MSH, whose first separator is a field of its own

// Bytes of any encoding, as characters of Latin-1.
void put_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
}

void put(std::string& out, std::string_view key, std::string_view value) {
  fmt::format_to(std::back_inserter(out), R"(,"{}":")", key);
  put_escaped(out, value);
  out += '"';
}

Result<UniqueFd> open_file(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, kMode));
  if (!fd) return fail_errno(path.native());
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno(path.native());
  if (!S_ISREG(status.st_mode)) return fail(Errc::invalid, path.native() + ": is not a plain file");
  return fd;
}

}  // namespace

std::string message_id(std::span<const std::uint8_t> text) {
  if (text.size() < 4 || text[0] != 'M' || text[1] != 'S' || text[2] != 'H') return {};
  const std::uint8_t separator = text[3];
  std::size_t field = 0;
  std::string id;
  for (const std::uint8_t byte : text) {
    if (byte == '\r' || byte == '\n') break;
    if (byte == separator) {
      if (++field > kIdField) break;
      continue;
    }
    if (field == kIdField && id.size() < kIdMax) id += static_cast<char>(byte);
  }
  return id;
}

std::string audit_line(const AuditRecord& record, std::chrono::system_clock::time_point time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(since - seconds);
  std::string line = fmt::format(R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:06}Z")",
                                 fmt::gmtime(static_cast<std::time_t>(seconds.count())), micros.count());
  put(line, "line", record.line);
  put(line, "direction", record.to_instrument ? "distal" : "proximal");
  fmt::format_to(std::back_inserter(line), R"(,"size":{},"sha256":"{}")", record.key.length,
                 store::hex(record.key.digest));
  if (!record.id.empty()) put(line, "id", record.id);
  put(line, "outcome", record.outcome);
  fmt::format_to(std::back_inserter(line), ",\"reply_size\":{}", record.reply_size);
  if (!record.peer.empty()) put(line, "peer", record.peer);
  line += "}\n";
  return line;
}

struct AuditLog::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor e, std::filesystem::path p, UniqueFd f, Logger l)
      : executor(std::move(e)), path(std::move(p)), log(std::move(l)), file(std::move(f)) {}

  asio::any_io_executor executor;
  const std::filesystem::path path;
  Logger log;
  std::atomic<std::uint64_t> lost = 0;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> waiting;
  bool to_reopen = false;
  bool stopping = false;

  // Of the thread alone.
  UniqueFd file;
  bool torn = false;    // the last line has no end
  bool failed = false;  // said

  std::thread thread;

  // Said in the loop's thread, which has the logger.
  void say(LogLevel level, std::string text) {
    asio::post(executor, [weak = weak_from_this(), level, text = std::move(text)] {
      if (const auto self = weak.lock()) self->log.log(level, "{}", text);
    });
  }

  void trouble(const Error& error) {
    ++lost;
    if (std::exchange(failed, true)) return;
    say(LogLevel::error, fmt::format("the audit log cannot be written, records are lost: {}", error.message));
  }

  void write(std::string line) {
    if (!file) {
      auto opened = open_file(path);
      if (!opened) return trouble(opened.error());
      file = std::move(*opened);
      torn = false;
    }
    // A line that was cut by a full disk is ended before the next begins.
    if (torn) line.insert(0, "\n");
    std::size_t done = 0;
    while (done < line.size()) {
      const ssize_t n = ::write(file.get(), line.data() + done, line.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        const int err = n < 0 ? errno : ENOSPC;
        torn = torn || done > 0;
        return trouble(sys_error(path.native(), err));
      }
      done += static_cast<std::size_t>(n);
    }
    torn = false;
    if (std::exchange(failed, false)) {
      say(LogLevel::notice, fmt::format("the audit log is written again; {} records are lost", lost.load()));
    }
  }

  void run() {
    for (;;) {
      std::optional<std::string> line;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return !waiting.empty() || to_reopen || stopping; });
        if (std::exchange(to_reopen, false)) file.reset();
        if (!waiting.empty()) {
          line = std::move(waiting.front());
          waiting.pop_front();
        } else if (stopping) {
          return;
        }
      }
      if (line) write(std::move(*line));
    }
  }
};

Result<std::unique_ptr<AuditLog>> AuditLog::open(const asio::any_io_executor& executor,
                                                 std::filesystem::path path, bool with_ids, Logger log) {
  auto file = open_file(path);
  if (!file) {
    file.error().message.insert(0, "audit_log: ");
    return std::unexpected(std::move(file.error()));
  }
  auto impl = std::make_shared<Impl>(executor, std::move(path), std::move(*file), std::move(log));
  std::unique_ptr<AuditLog> made(new AuditLog(impl, with_ids));  // NOLINT: its constructor is its own
  impl->thread = std::thread([raw = impl.get()] { raw->run(); });
  return made;
}

AuditLog::~AuditLog() { close(); }

void AuditLog::close() {
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_one();
  if (impl_->thread.joinable()) impl_->thread.join();
}

void AuditLog::record(const AuditRecord& record) {
  std::string line = audit_line(record, std::chrono::system_clock::now());
  {
    const std::scoped_lock lock(impl_->mutex);
    if (impl_->waiting.size() >= kWaiting || impl_->stopping) {
      ++impl_->lost;
      return;
    }
    impl_->waiting.push_back(std::move(line));
  }
  impl_->changed.notify_one();
}

void AuditLog::reopen() {
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->to_reopen = true;
  }
  impl_->changed.notify_one();
}

std::uint64_t AuditLog::lost() const noexcept { return impl_->lost; }

}  // namespace llp::core
