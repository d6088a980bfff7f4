// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <utility>

#include "base/fd.hpp"
#include "store/files.hpp"

namespace llp::store {

namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;

// Calls again what a signal interrupted.
template <class F>
auto restarted(F f) {
  decltype(f()) result{};
  do {
    result = f();
  } while (result < 0 && errno == EINTR);
  return result;
}

class SystemFile : public File {
 public:
  SystemFile(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  Result<std::size_t> write(std::span<const std::uint8_t> data) override {
    const ssize_t n = restarted([&] { return ::write(fd_.get(), data.data(), data.size()); });
    if (n < 0) return fail_errno(name_);
    return static_cast<std::size_t>(n);
  }
  Result<std::size_t> read(std::span<std::uint8_t> data) override {
    const ssize_t n = restarted([&] { return ::read(fd_.get(), data.data(), data.size()); });
    if (n < 0) return fail_errno(name_);
    return static_cast<std::size_t>(n);
  }
  Result<void> sync() override {
    if (restarted([&] { return ::fdatasync(fd_.get()); }) < 0) return fail_errno(name_);
    return {};
  }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::string name_;
};

Result<std::unique_ptr<SystemFile>> open_file(const Path& path, int flags) {
  const int fd =
      restarted([&] { return ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, kFileMode); });
  if (fd < 0) return fail_errno(path.native());
  return std::make_unique<SystemFile>(UniqueFd(fd), path.native());
}

Result<std::unique_ptr<File>> locked(const Path& path, int flags) {
  auto file = open_file(path, flags);
  if (!file) return std::unexpected(std::move(file.error()));
  if (restarted([&] { return ::flock((*file)->fd(), LOCK_EX | LOCK_NB); }) == 0) return std::move(*file);
  if (errno == EWOULDBLOCK) return fail(Errc::in_use, path.native() + " is used by another process");
  return fail_errno(path.native());
}

class SystemFiles : public Files {
 public:
  Result<void> make_directory(const Path& path, Access access) override {
    if (::mkdir(path.c_str(), kDirectoryMode) == 0) return {};
    if (errno != EEXIST) return fail_errno(path.native());
    struct stat status{};
    if (access == Access::any) {
      if (::stat(path.c_str(), &status) < 0) return fail_errno(path.native());
      if (!S_ISDIR(status.st_mode)) return fail_errno(path.native(), ENOTDIR);
      return {};
    }
    if (::lstat(path.c_str(), &status) < 0) return fail_errno(path.native());
    if (!S_ISDIR(status.st_mode)) return fail_errno(path.native(), ENOTDIR);
    if (status.st_uid != ::geteuid()) {
      return fail(Errc::permission, path.native() + " belongs to another user");
    }
    if ((status.st_mode & 0077U) != 0) {
      return fail(Errc::permission, path.native() + " is open to others: it must have mode 0700");
    }
    return {};
  }

  Result<std::unique_ptr<File>> lock_directory(const Path& path) override {
    return locked(path, O_RDONLY | O_DIRECTORY);
  }

  Result<std::unique_ptr<File>> lock_file(const Path& path) override {
    return locked(path, O_RDWR | O_CREAT);
  }

  Result<std::vector<Entry>> list(const Path& path) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
    if (!directory) return fail_errno(path.native());
    const int fd = ::dirfd(directory.get());
    if (fd < 0) return fail_errno(path.native());
    std::vector<Entry> entries;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(directory.get());  // NOLINT(concurrency-mt-unsafe): a stream of our own
      if (entry == nullptr) break;
      const std::string_view name(&entry->d_name[0]);
      if (name == "." || name == "..") continue;
      struct stat status{};
      if (::fstatat(fd, &entry->d_name[0], &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT) continue;  // went meanwhile
        return fail_errno((path / name).native());
      }
      entries.push_back(
          {std::string(name), S_ISREG(status.st_mode), static_cast<std::uint64_t>(status.st_size)});
    }
    if (errno != 0) return fail_errno(path.native());
    return entries;
  }

  Result<void> sync_directory(const Path& path) override {
    auto file = open_file(path, O_RDONLY | O_DIRECTORY);
    if (!file) return std::unexpected(std::move(file.error()));
    if (restarted([&] { return ::fsync((*file)->fd()); }) < 0) return fail_errno(path.native());
    return {};
  }

  Result<std::unique_ptr<File>> create(const Path& path) override {
    return open_file(path, O_WRONLY | O_CREAT | O_EXCL);
  }

  Result<std::unique_ptr<File>> append(const Path& path) override {
    return open_file(path, O_WRONLY | O_APPEND);
  }

  Result<std::unique_ptr<File>> open(const Path& path) override {
    auto file = open_file(path, O_RDONLY | O_NONBLOCK);
    if (!file) return std::unexpected(std::move(file.error()));
    struct stat status{};
    if (::fstat((*file)->fd(), &status) < 0) return fail_errno(path.native());
    if (!S_ISREG(status.st_mode)) return fail(Errc::invalid, path.native() + " is no regular file");
    return std::move(*file);
  }

  Result<void> rename(const Path& from, const Path& to) override {
    if (::rename(from.c_str(), to.c_str()) < 0) return fail_errno(to.native());
    return {};
  }

  Result<void> remove(const Path& path) override {
    if (::unlink(path.c_str()) < 0) return fail_errno(path.native());
    return {};
  }
};

}  // namespace

std::shared_ptr<Files> system_files() { return std::make_shared<SystemFiles>(); }

Result<void> write_all(File& file, std::span<const std::uint8_t> data) {
  while (!data.empty()) {
    const auto n = file.write(data);
    if (!n) return std::unexpected(n.error());
    if (*n == 0) return fail_errno("a file takes nothing", ENOSPC);
    data = data.subspan(*n);
  }
  return {};
}

Result<std::vector<std::uint8_t>> read_all(File& file, std::size_t limit) {
  std::vector<std::uint8_t> all;
  std::array<std::uint8_t, 65536> part{};
  for (;;) {
    const auto n = file.read(part);
    if (!n) return std::unexpected(n.error());
    if (*n == 0) return all;
    if (all.size() + *n > limit) return fail(Errc::too_large, "a file is larger than it should be");
    all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*n));
  }
}

}  // namespace llp::store
