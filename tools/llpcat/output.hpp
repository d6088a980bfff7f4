// SPDX-License-Identifier: BSD-3-Clause
// Where messages go that were received, and what is said meanwhile.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "llp/message.hpp"
#include "llp/result.hpp"

namespace llp::cat {

// Standard output, or a directory with a file for each message.
class Output {
 public:
  // `directory` empty: standard output. On a terminal segments are shown as lines.
  Output(std::filesystem::path directory, bool show_lost);

  // Errc::not_found or permission: the directory is not there or cannot be written.
  [[nodiscard]] Result<void> check() const;

  // NNNNNN.KIND in the directory, numbers going on from what is there; or the bytes themselves. Errors say
  // which file could not be written.
  [[nodiscard]] Result<void> message(const Bytes& message, std::string_view kind);

  // "lost: 3 bytes: 'GAR'" on standard error, if asked for.
  void lost(const Bytes& bytes) const;

 private:
  std::filesystem::path directory_;
  bool show_lost_;
  bool terminal_;
  std::uint64_t number_ = 0;
};

// "12 of 500" on a terminal, at most some times a second.
class Progress {
 public:
  // `total` 0: not known. Silent where standard error is no terminal, or for less than 20.
  Progress(std::uint64_t total, bool quiet);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  // says what was reached, and ends the line
  void step(std::uint64_t done);

 private:
  std::uint64_t total_;
  bool on_;
  std::uint64_t done_ = 0;
  std::uint64_t shown_ = 0;  // what stands there
  std::int64_t next_ = 0;
  void show();
};

}  // namespace llp::cat
