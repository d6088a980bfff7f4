// SPDX-License-Identifier: BSD-3-Clause
#include "udev/file_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <system_error>

namespace llp::udev {

namespace {

constexpr int kLinksMax = 16;
constexpr std::uint32_t kEvents =
    IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;

}  // namespace

std::vector<std::pair<std::filesystem::path, std::string>> steps_to(const std::filesystem::path& path) {
  std::vector<std::pair<std::filesystem::path, std::string>> steps;
  std::error_code error;
  std::filesystem::path at = path.lexically_normal();
  for (int i = 0; i < kLinksMax && at.has_relative_path(); ++i) {
    std::filesystem::path directory = at.parent_path();
    std::filesystem::path name = at.filename();
    const std::filesystem::path links_from = directory;
    while (!std::filesystem::is_directory(directory, error) && directory.has_relative_path()) {
      name = directory.filename();
      directory = directory.parent_path();
    }
    steps.emplace_back(directory, name.native());
    const auto target = std::filesystem::read_symlink(at, error);
    if (error) break;
    at = (links_from / target).lexically_normal();
  }
  return steps;
}

FileWatch::FileWatch(const asio::any_io_executor& executor, std::function<void(const std::string*)> changed)
    : state_(std::make_shared<State>(executor)) {
  state_->changed = std::move(changed);
  const int fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0) {
    error_ = errno;
    return;
  }
  asio::error_code error;
  state_->descriptor.assign(fd, error);
  if (error) {
    ::close(fd);
    error_ = error.value();
    return;
  }
  state_->fd = fd;
  listen(state_);
}

FileWatch::~FileWatch() { stop(); }

void FileWatch::stop() noexcept {
  if (state_->stopped) return;
  state_->stopped = true;
  const std::lock_guard lock(state_->mutex);
  state_->watched.clear();
  state_->armed.clear();
  state_->fd = -1;
  asio::error_code ignored;
  state_->descriptor.close(ignored);
}

Result<void> FileWatch::arm(const std::string& path) {
  if (error_ != 0) return fail_errno("inotify", error_);
  const auto steps = steps_to(path);
  const std::lock_guard lock(state_->mutex);
  state_->armed.erase(path);
  if (state_->fd < 0) return fail_errno("inotify", EBADF);
  for (const auto& [directory, name] : steps) {
    const int watch = ::inotify_add_watch(state_->fd, directory.c_str(), kEvents);
    if (watch < 0) return fail_errno("cannot watch " + directory.native());
    state_->watched[watch][name].insert(path);
  }
  state_->armed.insert(path);
  return {};
}

bool FileWatch::armed(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  return state_->armed.contains(path);
}

void FileWatch::disarm(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  state_->armed.erase(path);
  for (auto directory = state_->watched.begin(); directory != state_->watched.end();) {
    for (auto name = directory->second.begin(); name != directory->second.end();) {
      name->second.erase(path);
      name = name->second.empty() ? directory->second.erase(name) : std::next(name);
    }
    if (!directory->second.empty()) {
      ++directory;
      continue;
    }
    // Fails for a directory that has gone: so has its watch.
    static_cast<void>(::inotify_rm_watch(state_->fd, directory->first));
    directory = state_->watched.erase(directory);
  }
}

std::size_t FileWatch::directories() {
  const std::lock_guard lock(state_->mutex);
  return state_->watched.size();
}

void FileWatch::listen(const std::shared_ptr<State>& state) {
  state->descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                               [state](const asio::error_code& error) {
                                 if (error || state->stopped) return;
                                 take_news(*state);
                                 if (!state->stopped) listen(state);
                               });
}

// The paths that an event is about; of a directory that went, all.
void FileWatch::collect(State& state, int watch, const std::string& name, std::set<std::string>& paths) {
  const std::lock_guard lock(state.mutex);
  const auto directory = state.watched.find(watch);
  if (directory == state.watched.end()) return;
  for (const auto& [entry, whose] : directory->second) {
    if (name.empty() || entry == name) paths.insert(whose.begin(), whose.end());
  }
}

void FileWatch::take_news(State& state) {
  alignas(inotify_event) std::array<char, 8192> buffer{};
  std::set<std::string> paths;
  bool lost = false;
  for (;;) {
    const ssize_t size = ::read(state.fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(size);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      at += sizeof event + event.len;
      lost |= (event.mask & IN_Q_OVERFLOW) != 0;
      collect(state, event.wd, event.len > 0 ? name : "", paths);
      if ((event.mask & IN_IGNORED) != 0) {
        const std::lock_guard lock(state.mutex);
        state.watched.erase(event.wd);
      }
    }
  }
  if (lost) state.changed(nullptr);
  for (const std::string& path : paths) {
    if (state.stopped) return;
    state.changed(&path);
  }
}

}  // namespace llp::udev
