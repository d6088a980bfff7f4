// SPDX-License-Identifier: BSD-3-Clause
// How a spool is found again after whatever ended the program before.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "store/spool.hpp"
#include "store/spool_names.hpp"

namespace llp::store {

namespace {

// What was moved aside is kept for people to look at, the oldest not for ever.
constexpr std::size_t kMaxAside = 100;

constexpr std::array kPlaces{Place::queue, Place::dead, Place::late};

// A header's worth of the beginning.
Result<Bytes> beginning(File& file) {
  Bytes data(kHeaderMax);
  std::size_t got = 0;
  while (got < data.size()) {
    const auto n = file.read(std::span(data).subspan(got));
    if (!n) return std::unexpected(n.error());
    if (*n == 0) break;
    got += *n;
  }
  data.resize(got);
  return data;
}

// A file of `size` bytes under a message's name: its header, if it is whole as
// far as that can be seen without its content.
Result<Header> examine(Files& files, const Path& path, MessageNumber id, std::uint64_t size) {
  auto opened = files.open(path);
  if (!opened) return std::unexpected(std::move(opened.error()));
  const auto data = beginning(**opened);
  if (!data) return std::unexpected(data.error());
  auto header = parse_header(*data);
  if (!header) return header;
  if (header->letter.id != id) return fail(Errc::malformed, "its number is not that of its name");
  if (header->size + header->letter.key.length != size) {
    return fail(Errc::malformed,
                fmt::format("it has {} bytes, not {}", size, header->size + header->letter.key.length));
  }
  return header;
}

}  // namespace

Result<std::unique_ptr<Spool>> Spool::open(std::shared_ptr<Files> files, const Path& dir,
                                           const std::string& line, SpoolLimits limits,
                                           std::vector<std::string>& notes) {
  const Path own = dir / line;
  auto done = files->make_directory(dir, Files::Access::any);
  if (done) done = files->make_directory(own, Files::Access::ours);
  if (done) done = files->sync_directory(dir);
  if (!done) return std::unexpected(std::move(done.error()));
  std::unique_ptr<Spool> spool(new Spool(std::move(files), own, line, limits));
  auto lock = spool->files_->lock_directory(own);
  if (!lock) return std::unexpected(std::move(lock.error()));
  spool->lock_ = std::move(*lock);
  done = spool->recover(notes);
  if (!done) return std::unexpected(std::move(done.error()));
  return spool;
}

Result<void> Spool::recover(std::vector<std::string>& notes) {
  Result<void> done;
  for (const Place place : kPlaces) {
    if (done) done = files_->make_directory(path(place), Files::Access::ours);
  }
  if (done) done = files_->make_directory(dir_ / kAside, Files::Access::ours);
  if (done) done = files_->sync_directory(dir_);
  if (done) done = recover_aside();
  for (const Place place : kPlaces) {
    if (done) done = recover(place, notes);
  }
  if (done) done = settle_doubles(notes);
  return done;
}

Result<void> Spool::recover_aside() {
  auto entries = files_->list(dir_ / kAside);
  if (!entries) return std::unexpected(std::move(entries.error()));
  for (const Files::Entry& entry : *entries) {
    std::uint64_t number = 0;
    const char* const end = entry.name.data() + entry.name.size();
    const auto [stop, error] = std::from_chars(entry.name.data(), end, number);
    if (error == std::errc{} && stop != end && *stop == '-') aside_.emplace(number, entry.name);
  }
  return {};
}

Result<void> Spool::recover(Place place, std::vector<std::string>& notes) {
  auto entries = files_->list(path(place));
  if (!entries) return std::unexpected(std::move(entries.error()));
  std::ranges::sort(*entries, {}, &Files::Entry::name);
  for (const Files::Entry& entry : *entries) {
    auto wrong = look(place, entry);
    if (!wrong) return std::unexpected(std::move(wrong.error()));
    if (wrong->empty()) continue;
    if (auto moved = set_aside(place, entry.name); !moved) return moved;
    notes.push_back(fmt::format("{} was moved aside: {}", (path(place) / entry.name).native(), *wrong));
  }
  return {};
}

// Takes a file into the index, or says what is wrong with it.
Result<std::string> Spool::look(Place place, const Files::Entry& entry) {
  if (entry.name == kProbe) {
    auto removed = files_->remove(path(place) / entry.name);
    if (!removed) return std::unexpected(std::move(removed.error()));
    return std::string();
  }
  const MessageNumber id = number_of(entry.name);
  if (!entry.regular || id == 0) {
    return std::string(entry.name.ends_with(kTemporarySuffix) ? "it was being written when the program ended"
                                                              : "it is no message's file");
  }
  auto header = examine(*files_, path(place) / entry.name, id, entry.size);
  if (!header) {
    if (header.error().code == Errc::malformed) return header.error().message;
    return std::unexpected(std::move(header.error()));
  }
  if (id >= next_) next_ = id + 1;
  add(place, std::move(header->letter), entry.size);
  return std::string();
}

// A move between two directories that was cut in the middle. The message is
// still to be delivered, in doubt.
Result<void> Spool::settle_doubles(std::vector<std::string>& notes) {
  std::vector<MessageNumber> both;
  for (const auto& [id, entry] : index(Place::dead)) {
    const auto other = index(Place::queue).find(id);
    if (other != index(Place::queue).end() && other->second.letter.key == entry.letter.key)
      both.push_back(id);
  }
  for (const MessageNumber id : both) {
    auto removed = files_->remove(file(Place::dead, id));
    if (!removed) return removed;
    forget(Place::dead, id);
    notes.push_back(fmt::format("message {} was in queue and dead: it is in the queue", id));
  }
  if (both.empty()) return {};
  return files_->sync_directory(path(Place::dead));
}

Result<void> Spool::set_aside(Place place, const std::string& name) {
  const std::uint64_t number = aside_.empty() ? 1 : aside_.rbegin()->first + 1;
  const Path aside = dir_ / kAside;
  while (aside_.size() >= kMaxAside) {
    auto removed = files_->remove(aside / aside_.begin()->second);
    if (!removed && removed.error().sys_errno != ENOENT) break;  // more are kept, then
    aside_.erase(aside_.begin());
  }
  const std::string kept = fmt::format("{:06}-{}-{}", number, to_string(place), name);
  auto done = files_->rename(path(place) / name, aside / kept);
  if (!done) return done;
  aside_.emplace(number, kept);
  done = files_->sync_directory(aside);
  if (done) done = files_->sync_directory(path(place));
  return done;
}

Result<std::vector<Letter>> list_spool(Files& files, const Path& dir, const std::string& line, Place place) {
  const Path directory = dir / line / to_string(place);
  auto entries = files.list(directory);
  if (!entries) return std::unexpected(std::move(entries.error()));
  std::ranges::sort(*entries, {}, &Files::Entry::name);
  std::vector<Letter> letters;
  for (const Files::Entry& entry : *entries) {
    const MessageNumber id = number_of(entry.name);
    if (!entry.regular || id == 0) continue;
    auto header = examine(files, directory / entry.name, id, entry.size);
    if (header) {
      letters.push_back(std::move(header->letter));
    } else if (header.error().code != Errc::malformed && header.error().sys_errno != ENOENT) {
      return std::unexpected(std::move(header.error()));
    }
  }
  return letters;
}

Result<StoredLetter> show_spooled(Files& files, const Path& dir, const std::string& line, Place place,
                                  MessageNumber id) {
  const Path path = dir / line / to_string(place) / message_name(id);
  auto opened = files.open(path);
  if (!opened) return std::unexpected(std::move(opened.error()));
  const auto head = beginning(**opened);
  if (!head) return std::unexpected(head.error());
  auto header = parse_header(*head);
  if (!header) return std::unexpected(std::move(header.error()));
  Bytes text(head->begin() + static_cast<std::ptrdiff_t>(header->size), head->end());
  auto rest = read_all(**opened, header->letter.key.length);
  if (!rest) return std::unexpected(std::move(rest.error()));
  text.insert(text.end(), rest->begin(), rest->end());
  if (key_of(text) != header->letter.key) {
    return fail(Errc::malformed, path.native() + ": its content is not what was stored");
  }
  return StoredLetter{std::move(header->letter), std::move(text)};
}

}  // namespace llp::store
