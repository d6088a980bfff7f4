// SPDX-License-Identifier: BSD-3-Clause
// A file system in memory that keeps apart what was written and what was
// synced, fails the call that it is told to, and can lose its power.
#pragma once

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "store/files.hpp"

namespace llp::store::test {

// What a power failure leaves of what was not synced.
enum class Crash : std::uint8_t {
  nothing,     // none of it
  everything,  // all of it
  names,       // names of files, but not what was written into them
};
inline constexpr Crash kCrashes[] = {Crash::nothing, Crash::everything, Crash::names};

class ModelFiles : public Files {
 public:
  // The call of this number (from 1) fails with `error`; a write has done half.
  void fail_at(std::size_t n, int error) { fail_at_ = n, error_ = error, calls_ = 0; }
  // From the call of this number on nothing has an effect; a write does half.
  void stop_at(std::size_t n) { stop_at_ = n, calls_ = 0; }
  // Every call that writes fails.
  void fail_writing(int error) { writing_ = error; }
  [[nodiscard]] std::size_t calls() const { return calls_; }
  [[nodiscard]] bool struck() const { return struck_; }

  // The power comes back; whoever held files is dead.
  void restart(Crash crash) {
    for (auto& [path, directory] : directories_) {
      if (crash == Crash::nothing) directory.now = directory.synced;
      for (auto& [name, node] : directory.now) {
        if (crash != Crash::everything) node->now = node->synced;
        node->synced = node->now;
      }
      directory.synced = directory.now;
    }
    mend();
    locks_.clear();
  }
  void mend() { fail_at_ = stop_at_ = 0, writing_ = 0, struck_ = false; }

  // For tests to look at and to spoil.
  [[nodiscard]] std::set<std::string> names(const Path& path) const {
    std::set<std::string> all;
    for (const auto& [name, node] : directories_.at(path.native()).now) all.insert(name);
    return all;
  }
  [[nodiscard]] std::string content(const Path& path) const {
    const auto& data = directories_.at(path.parent_path().native()).now.at(path.filename().native())->now;
    return {data.begin(), data.end()};
  }
  void set_content(const Path& path, const std::string& text) {
    auto& node = directories_[path.parent_path().native()].now[path.filename().native()];
    if (!node) node = std::make_shared<Node>();
    node->now.assign(text.begin(), text.end());
  }

  Result<void> make_directory(const Path& path, Access /*access*/) override {
    return step<void>(path, true, [&]() -> Result<void> {
      directories_[path.native()];
      return {};
    });
  }
  Result<std::unique_ptr<File>> lock_directory(const Path& path) override { return lock(path); }
  Result<std::unique_ptr<File>> lock_file(const Path& path) override { return lock(path); }
  Result<std::vector<Entry>> list(const Path& path) override {
    return step<std::vector<Entry>>(path, false, [&]() -> Result<std::vector<Entry>> {
      if (!directories_.contains(path.native())) return fail_errno(path.native(), ENOENT);
      std::vector<Entry> entries;
      for (const auto& [name, node] : directories_[path.native()].now) {
        entries.push_back({name, true, node->now.size()});
      }
      return entries;
    });
  }
  Result<void> sync_directory(const Path& path) override {
    return step<void>(path, true, [&]() -> Result<void> {
      auto& directory = directories_.at(path.native());
      directory.synced = directory.now;
      return {};
    });
  }
  Result<std::unique_ptr<File>> create(const Path& path) override {
    return step<std::unique_ptr<File>>(path, true, [&]() -> Result<std::unique_ptr<File>> {
      auto& node = at(path);
      if (node) return fail_errno(path.native(), EEXIST);
      node = std::make_shared<Node>();
      return std::make_unique<Handle>(*this, path, node);
    });
  }
  Result<std::unique_ptr<File>> append(const Path& path) override { return open(path); }
  Result<std::unique_ptr<File>> open(const Path& path) override {
    return step<std::unique_ptr<File>>(path, false, [&]() -> Result<std::unique_ptr<File>> {
      auto node = at(path);
      if (!node) {
        forget(path);
        return fail_errno(path.native(), ENOENT);
      }
      return std::make_unique<Handle>(*this, path, std::move(node));
    });
  }
  Result<void> rename(const Path& from, const Path& to) override {
    return step<void>(to, true, [&]() -> Result<void> {
      auto node = at(from);
      forget(from);
      if (!node) return fail_errno(from.native(), ENOENT);
      at(to) = std::move(node);
      return {};
    });
  }
  Result<void> remove(const Path& path) override {
    return step<void>(path, true, [&]() -> Result<void> {
      const bool there = at(path) != nullptr;
      forget(path);
      if (!there) return fail_errno(path.native(), ENOENT);
      return {};
    });
  }

 private:
  struct Node {
    std::vector<std::uint8_t> now, synced;
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  struct Directory {
    Names now, synced;
  };

  class Handle : public File {
   public:
    Handle(ModelFiles& files, Path path, std::shared_ptr<Node> node)
        : files_(files), path_(std::move(path)), node_(std::move(node)) {}
    ~Handle() override {
      if (!lock_.empty()) files_.locks_.erase(lock_);
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    void set_lock(std::string lock) { lock_ = std::move(lock); }

    Result<std::size_t> write(std::span<const std::uint8_t> data) override {
      const auto half = [&] {
        const auto part = data.first(data.size() / 2);
        node_->now.insert(node_->now.end(), part.begin(), part.end());
      };
      return files_.step<std::size_t>(
          path_, true,
          [&]() -> Result<std::size_t> {
            // Short now and then, as real ones are.
            const auto part = data.first(data.size() > 40 ? data.size() - 7 : data.size());
            node_->now.insert(node_->now.end(), part.begin(), part.end());
            return part.size();
          },
          half);
    }
    Result<std::size_t> read(std::span<std::uint8_t> data) override {
      return files_.step<std::size_t>(path_, false, [&]() -> Result<std::size_t> {
        const std::size_t n = std::min(data.size(), node_->now.size() - at_);
        std::copy_n(node_->now.begin() + static_cast<std::ptrdiff_t>(at_), n, data.begin());
        at_ += n;
        return n;
      });
    }
    Result<void> sync() override {
      return files_.step<void>(path_, true, [&]() -> Result<void> {
        node_->synced = node_->now;
        return {};
      });
    }

   private:
    ModelFiles& files_;
    Path path_;
    std::shared_ptr<Node> node_;
    std::size_t at_ = 0;
    std::string lock_;
  };

  template <class T, class F>
  Result<T> step(const Path& path, bool writes, F f, const std::function<void()>& half = {}) {
    ++calls_;
    if (stop_at_ != 0 && calls_ >= stop_at_) {
      if (!std::exchange(struck_, true) && half) half();
      return fail_errno(path.native(), EIO);
    }
    if (calls_ == fail_at_) {
      struck_ = true;
      if (half) half();
      return fail_errno(path.native(), error_);
    }
    if (writes && writing_ != 0) {
      if (half) half();
      return fail_errno(path.native(), writing_);
    }
    return f();
  }
  std::shared_ptr<Node>& at(const Path& path) {
    return directories_[path.parent_path().native()].now[path.filename().native()];
  }
  void forget(const Path& path) {
    directories_[path.parent_path().native()].now.erase(path.filename().native());
  }
  Result<std::unique_ptr<File>> lock(const Path& path) {
    return step<std::unique_ptr<File>>(path, false, [&]() -> Result<std::unique_ptr<File>> {
      if (!locks_.insert(path.native()).second) return fail(Errc::in_use, path.native());
      auto handle = std::make_unique<Handle>(*this, path, std::make_shared<Node>());
      handle->set_lock(path.native());
      return handle;
    });
  }

  std::map<std::string, Directory> directories_;
  std::set<std::string> locks_;
  std::size_t calls_ = 0, fail_at_ = 0, stop_at_ = 0;
  int error_ = 0, writing_ = 0;
  bool struck_ = false;
};

}  // namespace llp::store::test
