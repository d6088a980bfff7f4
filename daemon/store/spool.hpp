// SPDX-License-Identifier: BSD-3-Clause
// A line's spool: messages that were acknowledged to the instrument and wait
// for their application, and letters that nobody took. On disk:
//
//   DIR/LINE/queue/ID.msg   wait, in the order of their numbers
//   DIR/LINE/dead/ID.msg    given up (attempts, age); kept until a person decides
//   DIR/LINE/late/ID.msg    replies that nobody waits for; the oldest go first
//   DIR/LINE/aside/N-NAME   what is no whole message: kept, never delivered
//
// A message is written under another name (ID.tmp), synced, renamed, and the
// directory synced, before put() returns. All calls block; one at a time.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/files.hpp"
#include "store/message_file.hpp"

namespace llp::store {

struct SpoolLimits {
  std::uint64_t bytes = std::uint64_t{1} << 30;  // of files in queue/ and dead/, headers included
  std::size_t messages = 10000;                  // of these
  std::uint64_t late_bytes = std::uint64_t{64} << 20;
  std::size_t late = 64;
};

enum class Place : std::uint8_t { queue, dead, late };
[[nodiscard]] const char* to_string(Place place) noexcept;

// What may be known of a spool at any time.
struct SpoolState {
  std::size_t queued = 0, dead = 0, late = 0;
  std::uint64_t bytes = 0;
  bool room = true;             // neither of the limits is reached
  std::size_t finished = 0;     // delivered, but their files cannot be removed yet
  std::optional<Letter> front;  // the next to deliver
};

class Spool {
 public:
  // Makes what is missing, locks it, and looks at everything that is there.
  // `notes`: what was moved aside and why, in words. Nothing is lost by an
  // error: a later open() finds all of it.
  [[nodiscard]] static Result<std::unique_ptr<Spool>> open(std::shared_ptr<Files> files, const Path& dir,
                                                           const std::string& line, SpoolLimits limits,
                                                           std::vector<std::string>& notes);

  // Stores a message; when it returns, it is on the disk. Errc::busy: the spool
  // is full; Errc::too_large: it is too small for this message at any time;
  // else the system's error: the message is not stored, or if even that cannot
  // be undone, it is and will be delivered although this says that it failed.
  [[nodiscard]] Result<Letter> put(std::span<const std::uint8_t> text, const MessageKey& key,
                                   bool possible_duplicate, Time now);

  // Its content, compared with its SHA-256. Errc::malformed: it is not what was
  // stored, and was moved aside. Errc::not_found: somebody removed it.
  [[nodiscard]] Result<Bytes> read(Place place, MessageNumber id);

  // Delivered: it will not be delivered again by this object, whether or not
  // its file can be removed now; tidy() tries that again.
  [[nodiscard]] Result<void> remove(MessageNumber id);
  [[nodiscard]] Result<void> tidy();

  // Writes what is known of a delivery that failed. On an error it is known
  // until the end of this object only.
  [[nodiscard]] Result<void> mark(MessageNumber id, bool possible_duplicate, std::uint32_t attempts);

  // Gives up: from the queue to the dead letters.
  [[nodiscard]] Result<void> bury(MessageNumber id, const std::string& reason);

  // A letter that is no message for the application. Returns how many were
  // dropped to make room for it; Errc::too_large: it is larger than all of it.
  [[nodiscard]] Result<std::size_t> keep(LetterKind kind, std::span<const std::uint8_t> text, Time now);

  // What a person decides. A dead letter goes back into the queue, by its
  // number: before what came after it.
  [[nodiscard]] Result<void> retry(MessageNumber id, Time now);
  [[nodiscard]] Result<void> drop(Place place, MessageNumber id);

  [[nodiscard]] std::vector<Letter> list(Place place) const;
  [[nodiscard]] SpoolState state() const;

  // Whether so many bytes could be stored now: writes them and removes them.
  [[nodiscard]] Result<void> probe(std::size_t size);

 private:
  struct Entry {
    Letter letter;
    std::uint64_t size = 0;  // of the file
    bool finished = false;
  };
  using Index = std::map<MessageNumber, Entry>;

  Spool(std::shared_ptr<Files> files, Path dir, std::string line, SpoolLimits limits);
  [[nodiscard]] Path path(Place place) const { return dir_ / to_string(place); }
  [[nodiscard]] Path file(Place place, MessageNumber id) const;
  [[nodiscard]] Index& index(Place place) { return index_.at(static_cast<std::size_t>(place)); }
  [[nodiscard]] const Index& index(Place place) const { return index_.at(static_cast<std::size_t>(place)); }
  void add(Place place, Letter letter, std::uint64_t size);
  void forget(Place place, MessageNumber id);
  [[nodiscard]] std::uint64_t& bytes(Place place) { return bytes_.at(static_cast<std::size_t>(place)); }
  [[nodiscard]] std::uint64_t used() const { return bytes_[0] + bytes_[1]; }

  [[nodiscard]] Result<void> recover(std::vector<std::string>& notes);
  [[nodiscard]] Result<void> recover(Place place, std::vector<std::string>& notes);
  [[nodiscard]] Result<void> recover_aside();
  [[nodiscard]] Result<void> settle_doubles(std::vector<std::string>& notes);
  [[nodiscard]] Result<std::string> look(Place place, const Files::Entry& entry);
  [[nodiscard]] Result<void> set_aside(Place place, const std::string& name);

  [[nodiscard]] Result<void> write(Place place, const Letter& letter, const std::string& header,
                                   std::span<const std::uint8_t> text);
  [[nodiscard]] Result<void> rewrite(Place place, Entry& entry);
  [[nodiscard]] Result<void> move(Place from, Place to, MessageNumber id);
  [[nodiscard]] Result<Entry*> find(Place place, MessageNumber id);

  std::shared_ptr<Files> files_;
  Path dir_;  // of the line
  std::string line_;
  SpoolLimits limits_;
  std::unique_ptr<File> lock_;
  std::array<Index, 3> index_;
  std::array<std::uint64_t, 3> bytes_{};
  std::vector<MessageNumber> finished_;
  MessageNumber next_ = 1;
  std::map<std::uint64_t, std::string> aside_;  // names by their numbers
};

// The letters of a spool that another process may be using: reads only, and
// leaves out what is not whole. Errc::not_found: there is no such spool.
[[nodiscard]] Result<std::vector<Letter>> list_spool(Files& files, const Path& dir, const std::string& line,
                                                     Place place);
// One of them with its content, compared with its SHA-256.
struct StoredLetter {
  Letter letter;
  Bytes text;
};
[[nodiscard]] Result<StoredLetter> show_spooled(Files& files, const Path& dir, const std::string& line,
                                                Place place, MessageNumber id);

}  // namespace llp::store
