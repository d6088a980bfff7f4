// SPDX-License-Identifier: BSD-3-Clause
// What is done with a spool. How it is found again is in spool_recover.cpp.
#include "store/spool.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "store/spool_names.hpp"

namespace llp::store {

namespace {

std::unexpected<Error> no_such(Place place, MessageNumber id) {
  return fail(Errc::not_found, fmt::format("there is no message {} in {}", id, to_string(place)));
}

// What is left of a step that failed anyway; the first error is what is told.
void undo(const Result<void>& done) { static_cast<void>(done); }

}  // namespace

const char* to_string(Place place) noexcept {
  switch (place) {
    case Place::queue: return "queue";
    case Place::dead: return "dead";
    default: return "late";
  }
}

Spool::Spool(std::shared_ptr<Files> files, Path dir, std::string line, SpoolLimits limits)
    : files_(std::move(files)), dir_(std::move(dir)), line_(std::move(line)), limits_(limits) {}

Path Spool::file(Place place, MessageNumber id) const { return path(place) / message_name(id); }

void Spool::add(Place place, Letter letter, std::uint64_t size) {
  const MessageNumber id = letter.id;
  index(place).emplace(id, Entry{std::move(letter), size, false});
  bytes(place) += size;
}

void Spool::forget(Place place, MessageNumber id) {
  const auto found = index(place).find(id);
  if (found == index(place).end()) return;
  bytes(place) -= found->second.size;
  index(place).erase(found);
}

Result<Spool::Entry*> Spool::find(Place place, MessageNumber id) {
  const auto found = index(place).find(id);
  if (found == index(place).end() || found->second.finished) return no_such(place, id);
  return &found->second;
}

// A whole file under its name, on the disk. Else it is not there, unless that
// cannot be undone: then it is in the index as well.
Result<void> Spool::write(Place place, const Letter& letter, const std::string& header,
                          std::span<const std::uint8_t> text) {
  const Path temporary = path(place) / temporary_name(letter.id);
  Result<void> done;
  {
    auto made = files_->create(temporary);
    if (!made) return std::unexpected(std::move(made.error()));
    const std::vector<std::uint8_t> head(header.begin(), header.end());
    done = write_all(**made, head);
    if (done) done = write_all(**made, text);
    if (done) done = (*made)->sync();
  }
  if (done) done = files_->rename(temporary, file(place, letter.id));
  if (!done) {
    undo(files_->remove(temporary));
    return done;
  }
  return files_->sync_directory(path(place));
}

Result<Letter> Spool::put(std::span<const std::uint8_t> text, const MessageKey& key, bool possible_duplicate,
                          Time now) {
  Letter letter{next_, line_, LetterKind::message, now, key, possible_duplicate, 0, {}};
  const std::string header = header_of(letter);
  const std::uint64_t size = header.size() + text.size();
  if (size > limits_.bytes) {
    return fail(Errc::too_large, fmt::format("a message of {} bytes never fits into the spool's {}",
                                             text.size(), limits_.bytes));
  }
  const std::size_t count = index(Place::queue).size() + index(Place::dead).size();
  if (count >= limits_.messages || used() + size > limits_.bytes) {
    return fail(Errc::busy, fmt::format("the spool is full: {} messages, {} bytes", count, used()));
  }
  ++next_;
  auto done = write(Place::queue, letter, header, text);
  if (done) {
    add(Place::queue, letter, size);
    return letter;
  }
  // Renamed, but perhaps not on the disk: it must not turn up later.
  const auto removed = files_->remove(file(Place::queue, letter.id));
  if (removed) {
    undo(files_->sync_directory(path(Place::queue)));
  } else if (removed.error().sys_errno != ENOENT) {
    add(Place::queue, letter, size);
  }
  return std::unexpected(std::move(done.error()));
}

Result<Bytes> Spool::read(Place place, MessageNumber id) {
  auto entry = find(place, id);
  if (!entry) return std::unexpected(std::move(entry.error()));
  const Path name = file(place, id);
  auto opened = files_->open(name);
  if (!opened) {
    if (opened.error().sys_errno == ENOENT) forget(place, id);
    return std::unexpected(std::move(opened.error()));
  }
  auto all = read_all(**opened, kHeaderMax + (*entry)->letter.key.length);
  std::string wrong;
  if (all) {
    const auto header = parse_header(*all);
    if (!header) {
      wrong = header.error().message;
    } else {
      all->erase(all->begin(), all->begin() + static_cast<std::ptrdiff_t>(header->size));
      if (key_of(*all) == (*entry)->letter.key) return all;
      wrong = "its content is not what was stored";
    }
  } else if (all.error().code == Errc::too_large) {
    wrong = all.error().message;
  } else {
    return std::unexpected(std::move(all.error()));
  }
  if (auto moved = set_aside(place, message_name(id)); !moved)
    return std::unexpected(std::move(moved.error()));
  forget(place, id);
  return fail(Errc::malformed, name.native() + " was moved aside: " + wrong);
}

Result<void> Spool::remove(MessageNumber id) {
  auto entry = find(Place::queue, id);
  if (!entry) return std::unexpected(std::move(entry.error()));
  (*entry)->finished = true;
  finished_.push_back(id);
  return tidy();
}

Result<void> Spool::tidy() {
  Result<void> result;
  const std::size_t before = finished_.size();
  std::erase_if(finished_, [&](MessageNumber id) {
    auto done = files_->remove(file(Place::queue, id));
    if (!done && done.error().sys_errno != ENOENT) {
      result = std::move(done);
      return false;
    }
    forget(Place::queue, id);
    return true;
  });
  if (finished_.size() < before) {
    auto synced = files_->sync_directory(path(Place::queue));
    if (result) result = std::move(synced);
  }
  return result;
}

// The file again, with the header as it is now in the index.
Result<void> Spool::rewrite(Place place, Entry& entry) {
  auto text = read(place, entry.letter.id);
  if (!text) return std::unexpected(std::move(text.error()));
  const std::string header = header_of(entry.letter);
  auto done = write(place, entry.letter, header, *text);
  if (done) {
    bytes(place) -= entry.size;
    entry.size = header.size() + text->size();
    bytes(place) += entry.size;
  }
  return done;
}

Result<void> Spool::mark(MessageNumber id, bool possible_duplicate, std::uint32_t attempts) {
  auto entry = find(Place::queue, id);
  if (!entry) return std::unexpected(std::move(entry.error()));
  Letter& letter = (*entry)->letter;
  if (letter.possible_duplicate == possible_duplicate && letter.attempts == attempts) return {};
  letter.possible_duplicate = possible_duplicate;
  letter.attempts = attempts;
  return rewrite(Place::queue, **entry);
}

Result<void> Spool::move(Place from, Place to, MessageNumber id) {
  auto done = files_->rename(file(from, id), file(to, id));
  if (!done) return done;
  auto node = index(from).extract(id);
  bytes(from) -= node.mapped().size;
  bytes(to) += node.mapped().size;
  index(to).insert(std::move(node));
  done = files_->sync_directory(path(to));
  if (auto left = files_->sync_directory(path(from)); done) done = std::move(left);
  return done;
}

Result<void> Spool::bury(MessageNumber id, const std::string& reason) {
  auto entry = find(Place::queue, id);
  if (!entry) return std::unexpected(std::move(entry.error()));
  (*entry)->letter.reason = reason;
  // On a full disk the reason cannot be written; the letter can still be moved.
  if (auto written = rewrite(Place::queue, **entry); !written) {
    if (written.error().code == Errc::malformed || written.error().sys_errno == ENOENT) return written;
  }
  return move(Place::queue, Place::dead, id);
}

Result<std::size_t> Spool::keep(LetterKind kind, std::span<const std::uint8_t> text, Time now) {
  const Letter letter{next_, line_, kind, now, key_of(text), false, 0, {}};
  const std::string header = header_of(letter);
  const std::uint64_t size = header.size() + text.size();
  if (limits_.late == 0 || size > limits_.late_bytes) {
    return fail(Errc::too_large,
                fmt::format("a letter of {} bytes is larger than what is kept of these", text.size()));
  }
  Index& late = index(Place::late);
  std::size_t dropped = 0;
  while (!late.empty() && (late.size() >= limits_.late || bytes(Place::late) + size > limits_.late_bytes)) {
    auto removed = files_->remove(file(Place::late, late.begin()->first));
    if (!removed && removed.error().sys_errno != ENOENT) return std::unexpected(std::move(removed.error()));
    forget(Place::late, late.begin()->first);
    ++dropped;
  }
  ++next_;
  auto done = write(Place::late, letter, header, text);
  if (!done) {
    undo(files_->remove(file(Place::late, letter.id)));
    return std::unexpected(std::move(done.error()));
  }
  add(Place::late, letter, size);
  return dropped;
}

Result<void> Spool::retry(MessageNumber id, Time now) {
  auto entry = find(Place::dead, id);
  if (!entry) return std::unexpected(std::move(entry.error()));
  // By age it would be given up again at once, so it is as new as the decision.
  (*entry)->letter.attempts = 0;
  (*entry)->letter.reason.clear();
  (*entry)->letter.time = now;
  auto written = rewrite(Place::dead, **entry);
  if (!written && (written.error().code == Errc::malformed || written.error().sys_errno == ENOENT)) {
    return written;
  }
  return move(Place::dead, Place::queue, id);
}

Result<void> Spool::drop(Place place, MessageNumber id) {
  auto entry = find(place, id);
  if (!entry) return std::unexpected(std::move(entry.error()));
  auto removed = files_->remove(file(place, id));
  if (!removed && removed.error().sys_errno != ENOENT) return removed;
  forget(place, id);
  return files_->sync_directory(path(place));
}

std::vector<Letter> Spool::list(Place place) const {
  std::vector<Letter> letters;
  for (const auto& [id, entry] : index(place)) {
    if (!entry.finished) letters.push_back(entry.letter);
  }
  return letters;
}

SpoolState Spool::state() const {
  SpoolState state;
  for (const auto& [id, entry] : index(Place::queue)) {
    if (entry.finished) continue;
    state.front = entry.letter;
    break;
  }
  state.finished = finished_.size();
  state.queued = index(Place::queue).size() - state.finished;
  state.dead = index(Place::dead).size();
  state.late = index(Place::late).size();
  state.bytes = used();
  state.room = state.queued + state.finished + state.dead < limits_.messages && state.bytes < limits_.bytes;
  return state;
}

Result<void> Spool::probe(std::size_t size) {
  const Path name = path(Place::queue) / kProbe;
  undo(files_->remove(name));  // of an attempt that could not remove it
  auto made = files_->create(name);
  if (!made) return std::unexpected(std::move(made.error()));
  constexpr std::array<std::uint8_t, 65536> kZeros{};
  Result<void> done;
  while (done && size > 0) {
    const std::size_t part = std::min(size, kZeros.size());
    done = write_all(**made, std::span(kZeros).first(part));
    size -= part;
  }
  if (done) done = (*made)->sync();
  auto removed = files_->remove(name);
  if (done) done = std::move(removed);
  return done;
}

}  // namespace llp::store
