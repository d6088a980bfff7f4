// SPDX-License-Identifier: BSD-3-Clause
#include "store/journal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "store/number.hpp"

namespace llp::store {

namespace {

constexpr std::string_view kJournalMagic = "llp-journal 1";
// A journal is written anew when it is larger than this and than what is of
// interest in it by this factor.
constexpr std::uint64_t kRewriteSize = std::uint64_t{256} << 10;
constexpr std::uint64_t kRewriteFactor = 4;
// A beginning and an end, about.
constexpr std::uint64_t kAttemptSize = 220;
// What is never exceeded, whatever the limits say.
constexpr std::size_t kMaxAttempts = 100000;
constexpr std::uint64_t kMaxSize = std::uint64_t{256} << 20;

constexpr std::array kStates{std::pair{AttemptState::begun, "begun"},
                             std::pair{AttemptState::failed, "failed"}, std::pair{AttemptState::done, "done"},
                             std::pair{AttemptState::unseen, "unseen"}};

std::string_view name_of(AttemptState state) {
  return std::ranges::find(kStates, state, &std::pair<AttemptState, const char*>::first)->second;
}

std::string check_of(std::string_view text) {
  const MessageKey key = key_of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  return hex(key.digest).substr(0, 8);
}

std::string sealed(std::string text) {
  text += ' ';
  text += check_of(std::string_view(text).substr(0, text.size() - 1));
  text += '\n';
  return text;
}

std::string begin_line(const AttemptRecord& a) {
  return sealed(fmt::format("B {} {} {} {} {}", a.id, a.time.time_since_epoch().count(), a.line, a.key.length,
                            hex(a.key.digest)));
}
std::string end_line(const AttemptRecord& a) {
  return sealed(fmt::format("E {} {} {}", a.id, a.time.time_since_epoch().count(), name_of(a.state)));
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> all;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    all.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return all;
}

bool time_of(std::string_view text, Time& time) {
  std::int64_t ns = 0;
  if (!number(text, ns)) return false;
  time = Time(std::chrono::nanoseconds(ns));
  return true;
}

// One record of the file; nothing: it is torn or of no kind we know.
std::optional<JournalEntry> parse(std::string_view text) {
  const std::size_t last = text.rfind(' ');
  if (last == std::string_view::npos || check_of(text.substr(0, last)) != text.substr(last + 1)) {
    return std::nullopt;
  }
  const auto part = words(text.substr(0, last));
  JournalEntry entry;
  AttemptRecord& a = entry.attempt;
  if (part.size() < 4 || !number(part[1], a.id) || !time_of(part[2], a.time)) return std::nullopt;
  if (part[0] == "B" && part.size() == 6) {
    const auto digest = parse_digest(part[5]);
    if (!digest || !number(part[4], a.key.length)) return std::nullopt;
    a.key.digest = *digest;
    a.line = part[3];
    return entry;
  }
  const auto* state = std::ranges::find(kStates, part[3], &std::pair<AttemptState, const char*>::second);
  if (part[0] != "E" || part.size() != 4 || state == kStates.end()) return std::nullopt;
  entry.kind = JournalEntry::Kind::end;
  a.state = state->first;
  return entry;
}

}  // namespace

Journal::Journal(std::shared_ptr<Files> files, Path path, JournalLimits limits)
    : files_(std::move(files)), path_(std::move(path)), limits_(limits) {}

Result<std::unique_ptr<Journal>> Journal::open(std::shared_ptr<Files> files, const Path& path,
                                               JournalLimits limits, Time now,
                                               std::vector<std::string>& notes) {
  std::unique_ptr<Journal> journal(new Journal(std::move(files), path, limits));
  auto lock = journal->files_->lock_file(path.native() + ".lock");
  if (!lock) return std::unexpected(std::move(lock.error()));
  journal->lock_ = std::move(*lock);
  if (auto loaded = journal->load(notes); !loaded) return std::unexpected(std::move(loaded.error()));
  // On a full disk what is known is still of use; append() tries it again.
  if (auto written = journal->rewrite(now); !written) notes.push_back(written.error().message);
  return journal;
}

void Journal::widen(JournalLimits limits) {
  limits_.window = std::max(limits_.window, limits.window);
  limits_.attempts = std::min(limits_.attempts + limits.attempts, kMaxAttempts);
}

Result<void> Journal::load(std::vector<std::string>& notes) {
  auto opened = files_->open(path_);
  if (!opened) {
    if (opened.error().sys_errno == ENOENT) return {};
    return std::unexpected(std::move(opened.error()));
  }
  auto data = read_all(**opened, kMaxSize);
  if (!data) return std::unexpected(std::move(data.error()));
  std::string_view rest(reinterpret_cast<const char*>(data->data()), data->size());
  std::size_t damaged = 0;
  bool first = true;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (std::exchange(first, false)) {
      if (line == kJournalMagic) continue;
      return fail(Errc::malformed, fmt::format("{} is no journal of this version: its first line is not '{}'",
                                               path_.native(), kJournalMagic));
    }
    if (!line.empty() && (end == std::string_view::npos || !take(line))) ++damaged;
  }
  if (damaged > 0) {
    notes.push_back(fmt::format("{}: {} {} torn and left out", path_.native(), damaged,
                                damaged == 1 ? "record is" : "records are"));
  }
  return {};
}

bool Journal::take(std::string_view line) {
  const auto entry = parse(line);
  if (entry) apply(*entry);
  return entry.has_value();
}

void Journal::forget(std::map<AttemptId, AttemptRecord>::iterator attempt) {
  by_message_.erase({attempt->second.line, attempt->second.key});
  attempts_.erase(attempt);
}

void Journal::apply(const JournalEntry& entry) {
  AttemptRecord attempt = entry.attempt;
  next_ = std::max(next_, attempt.id + 1);
  if (entry.kind == JournalEntry::Kind::begin) {
    attempt.state = AttemptState::begun;
    attempt.before = AttemptState::unseen;
    // It takes the place of the one before it on the same message.
    if (const auto known = by_message_.find({attempt.line, attempt.key}); known != by_message_.end()) {
      const auto old = attempts_.find(known->second);
      attempt.before = old->second.state;
      forget(old);
    }
    by_message_[{attempt.line, attempt.key}] = attempt.id;
    attempts_[attempt.id] = std::move(attempt);
    return;
  }
  const auto known = attempts_.find(attempt.id);
  if (known == attempts_.end()) return;
  known->second.time = attempt.time;
  known->second.state = attempt.state == AttemptState::unseen ? known->second.before : attempt.state;
  if (known->second.state == AttemptState::unseen) forget(known);
}

// What has ended is of interest for the window, what has not until its end; the
// number of both is bounded.
void Journal::prune(Time now) {
  for (auto it = attempts_.begin(); it != attempts_.end();) {
    const auto next = std::next(it);
    if (it->second.state != AttemptState::begun && age(it->second.time, now) >= limits_.window) forget(it);
    it = next;
  }
  for (const bool ended : {true, false}) {
    for (auto it = attempts_.begin(); it != attempts_.end() && attempts_.size() > limits_.attempts;) {
      const auto next = std::next(it);
      if (!ended || it->second.state != AttemptState::begun) forget(it);
      it = next;
    }
  }
}

Result<void> Journal::rewrite(Time now) {
  prune(now);
  std::string text(kJournalMagic);
  text += '\n';
  for (const auto& [id, attempt] : attempts_) {
    text += begin_line(attempt);
    if (attempt.state != AttemptState::begun) text += end_line(attempt);
  }
  const Path temporary = path_.native() + ".tmp";
  if (auto removed = files_->remove(temporary); !removed && removed.error().sys_errno != ENOENT)
    return removed;
  {
    auto made = files_->create(temporary);
    if (!made) return std::unexpected(std::move(made.error()));
    auto done = write_all(**made, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    if (done) done = (*made)->sync();
    if (!done) return done;
  }
  auto done = files_->rename(temporary, path_);
  if (!done) return done;
  file_.reset();  // what it was has lost its name
  done = files_->sync_directory(path_.parent_path());
  if (!done) return done;
  auto opened = files_->append(path_);
  if (!opened) return std::unexpected(std::move(opened.error()));
  file_ = std::move(*opened);
  size_ = text.size();
  return {};
}

Result<void> Journal::write(std::string_view text) {
  auto done = write_all(*file_, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  size_ += text.size();
  if (done) done = file_->sync();
  // Nobody knows now what the file has: it is written anew before anything else.
  if (!done) file_.reset();
  return done;
}

Result<void> Journal::append(std::span<const JournalEntry> entries, Time now) {
  std::string text;
  for (const JournalEntry& entry : entries) {
    text += entry.kind == JournalEntry::Kind::begin ? begin_line(entry.attempt) : end_line(entry.attempt);
  }
  auto done = make_room(text.size(), now);
  if (done) done = write(text);
  for (const JournalEntry& entry : entries) {
    // What ended has ended, whether or not that could be written.
    if (done || entry.kind == JournalEntry::Kind::end) apply(entry);
  }
  return done;
}

// A file that so much can be appended to.
Result<void> Journal::make_room(std::size_t more, Time now) {
  const bool large = size_ > kRewriteSize && size_ > kRewriteFactor * kAttemptSize * attempts_.size();
  Result<void> done;
  if (!file_ || large) done = rewrite(now);
  // If only the shorter file cannot be written, the long one will do for a while.
  if (!file_ || size_ + more > kMaxSize) return done ? fail_errno(path_.native(), EFBIG) : done;
  return {};
}

std::vector<AttemptRecord> Journal::of_line(const std::string& line) const {
  std::vector<AttemptRecord> all;
  for (const auto& [id, attempt] : attempts_) {
    if (attempt.line == line) all.push_back(attempt);
  }
  return all;
}

}  // namespace llp::store
