// SPDX-License-Identifier: BSD-3-Clause
// What the spool and the journal ask of a file system: one call each, so that
// tests can fail every one of them, or end the world after it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace llp::store {

using Path = std::filesystem::path;

// An open file or directory; closed when it goes. Errors carry errno and the
// name of the file, never its content.
class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  // As write(2) and read(2): may do less than asked; read returns 0 at the end.
  [[nodiscard]] virtual Result<std::size_t> write(std::span<const std::uint8_t> data) = 0;
  [[nodiscard]] virtual Result<std::size_t> read(std::span<std::uint8_t> data) = 0;
  // The content, and its length, is on the disk.
  [[nodiscard]] virtual Result<void> sync() = 0;
};

class Files {
 public:
  Files() = default;
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  virtual ~Files() = default;

  struct Entry {
    std::string name;
    bool regular = false;
    std::uint64_t size = 0;
  };

  // Makes it if it is missing, for its owner only (0700). One that is there
  // must be a directory; `ours`: of this user, and closed to others
  // (Errc::permission).
  enum class Access : bool { any, ours };
  [[nodiscard]] virtual Result<void> make_directory(const Path& path, Access access) = 0;
  // The directory, locked for this process as long as it is held;
  // Errc::in_use if another has it.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> lock_directory(const Path& path) = 0;
  // The same with a file of that purpose, made if it is missing.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> lock_file(const Path& path) = 0;
  // Entries but "." and "..", in no order.
  [[nodiscard]] virtual Result<std::vector<Entry>> list(const Path& path) = 0;
  // Names that were made, changed or removed in the directory are on the disk.
  [[nodiscard]] virtual Result<void> sync_directory(const Path& path) = 0;

  // A new file for its owner only (0600), to write; Errc::system with EEXIST if
  // the name is taken.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> create(const Path& path) = 0;
  // A file that is there, to write at its end.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> append(const Path& path) = 0;
  // A regular file to read from its beginning; no symbolic link.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const Path& path) = 0;
  // Replaces what has the name `to`.
  [[nodiscard]] virtual Result<void> rename(const Path& from, const Path& to) = 0;
  [[nodiscard]] virtual Result<void> remove(const Path& path) = 0;
};

[[nodiscard]] std::shared_ptr<Files> system_files();

// All of it, however often that takes.
[[nodiscard]] Result<void> write_all(File& file, std::span<const std::uint8_t> data);
// Up to the end, but at most `limit` bytes (Errc::too_large).
[[nodiscard]] Result<std::vector<std::uint8_t>> read_all(File& file, std::size_t limit);

}  // namespace llp::store
