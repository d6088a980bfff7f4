// SPDX-License-Identifier: BSD-3-Clause
// The attempt journal: before the first byte of a message goes to an
// application, a record says so on the disk. What has no end there after a
// restart was perhaps delivered. Lines of text, each with a check:
//
//   llp-journal 1
//   B ID TIME LINE LENGTH SHA256 CHECK     an attempt begins
//   E ID TIME OUTCOME CHECK                and ended
//
// A record that is torn or damaged is skipped. All calls block; one at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "store/files.hpp"
#include "store/message_file.hpp"

namespace llp::store {

using AttemptId = std::uint64_t;

enum class AttemptState : std::uint8_t {
  begun,   // nothing is known of its end
  failed,  // an application has seen some of the message, and gave no whole reply
  done,    // the application has the message
  unseen,  // no application has seen any of it: as if it had not begun
};

struct AttemptRecord {
  AttemptId id = 0;
  std::string line;
  MessageKey key;
  Time time;  // of its beginning, or of its end
  AttemptState state = AttemptState::begun;
  // Of the attempt before it on the same message; `unseen`: there was none.
  AttemptState before = AttemptState::unseen;
};

// What is to be written: a beginning, or the end of one.
struct JournalEntry {
  enum class Kind : bool { begin, end };
  Kind kind = Kind::begin;
  AttemptRecord attempt;
};

struct JournalLimits {
  std::chrono::nanoseconds window = std::chrono::minutes(10);  // ended attempts are of interest so long
  std::size_t attempts = 1024;                                 // beyond, the oldest go
};

class Journal {
 public:
  // Reads what is there and writes it anew, without what is of no interest any
  // more. The directory must be there. Errc::in_use: another process has it.
  // `notes`: what could not be read, in words.
  [[nodiscard]] static Result<std::unique_ptr<Journal>> open(std::shared_ptr<Files> files, const Path& path,
                                                             JournalLimits limits, Time now,
                                                             std::vector<std::string>& notes);

  // The bounds for one more line.
  void widen(JournalLimits limits);

  // Writes all of it and syncs once. On an error no beginning of these counts.
  [[nodiscard]] Result<void> append(std::span<const JournalEntry> entries, Time now);

  // What is known of a line's messages, the oldest first; each message once.
  [[nodiscard]] std::vector<AttemptRecord> of_line(const std::string& line) const;
  // The number of the next attempt.
  [[nodiscard]] AttemptId next() const noexcept { return next_; }

  [[nodiscard]] std::uint64_t file_size() const noexcept { return size_; }
  [[nodiscard]] std::size_t attempts() const noexcept { return attempts_.size(); }

 private:
  using Message = std::pair<std::string, MessageKey>;  // line, key

  Journal(std::shared_ptr<Files> files, Path path, JournalLimits limits);
  [[nodiscard]] Result<void> load(std::vector<std::string>& notes);
  [[nodiscard]] bool take(std::string_view line);
  void apply(const JournalEntry& entry);
  void forget(std::map<AttemptId, AttemptRecord>::iterator attempt);
  void prune(Time now);
  [[nodiscard]] Result<void> rewrite(Time now);
  [[nodiscard]] Result<void> make_room(std::size_t more, Time now);
  [[nodiscard]] Result<void> write(std::string_view text);

  std::shared_ptr<Files> files_;
  Path path_;
  JournalLimits limits_;
  std::unique_ptr<File> lock_;
  std::unique_ptr<File> file_;  // nothing: it must be written anew first
  std::uint64_t size_ = 0;
  AttemptId next_ = 1;
  std::map<AttemptId, AttemptRecord> attempts_;
  std::map<Message, AttemptId> by_message_;
};

}  // namespace llp::store
