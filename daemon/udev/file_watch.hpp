// SPDX-License-Identifier: BSD-3-Clause
// Tells when a path comes into being: by inotify(7), on the directories that
// lead to it, whether or not they and the symbolic links among them are there.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace llp::udev {

// Directories and the names in them whose coming may make `path` exist, or
// other than it was: along its symbolic links, for each the nearest directory
// that is there.
[[nodiscard]] std::vector<std::pair<std::filesystem::path, std::string>> steps_to(
    const std::filesystem::path& path);

class FileWatch {
 public:
  // `changed` is called in the loop, with the path; without one: news were
  // lost, anything may have changed.
  FileWatch(const asio::any_io_executor& executor, std::function<void(const std::string*)> changed);
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;
  ~FileWatch();

  // Watches the steps to `path` as they are now. Blocks; from any thread. Look
  // whether the path is there afterwards.
  [[nodiscard]] Result<void> arm(const std::string& path);
  // From any thread.
  void disarm(const std::string& path);
  // Whether the last arm() for it succeeded, and nothing was disarmed since.
  [[nodiscard]] bool armed(const std::string& path);
  // Directories that are watched.
  [[nodiscard]] std::size_t directories();
  // No more news; the loop must still be there.
  void stop() noexcept;

 private:
  struct State {
    explicit State(const asio::any_io_executor& executor) : descriptor(executor) {}
    asio::posix::stream_descriptor descriptor;
    int fd = -1;
    std::function<void(const std::string*)> changed;
    bool stopped = false;  // the loop's thread
    std::mutex mutex;
    // Under the mutex: by watch descriptor, what comes under which name is whose.
    std::map<int, std::map<std::string, std::set<std::string>>> watched;
    std::set<std::string> armed;  // likewise
  };
  static void listen(const std::shared_ptr<State>& state);
  static void take_news(State& state);
  static void collect(State& state, int watch, const std::string& name, std::set<std::string>& paths);

  std::shared_ptr<State> state_;
  int error_ = 0;  // there is no inotify
};

}  // namespace llp::udev
