// SPDX-License-Identifier: BSD-3-Clause
#include "udev/port_finder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

namespace llp::udev {

namespace {

bool fits(const io::PortSelector& selector, const Port& port) {
  return std::ranges::all_of(selector.parts, [&port](const io::PortSelector::Part& part) {
    const auto found = port.properties.find(part.property);
    return found != port.properties.end() && found->second == part.value;
  });
}

// The device itself, or one of the names that udev gives it.
bool is_named(const Port& port, const std::string& path) {
  if (port.node == path) return true;
  const auto links = port.properties.find("DEVLINKS");
  if (links == port.properties.end()) return false;
  const std::string padded = " " + links->second + " ";
  return padded.find(" " + path + " ") != std::string::npos;
}

}  // namespace

class PortFinder::Handle final : public Watch {
 public:
  Handle(std::shared_ptr<Watchers> watchers, std::weak_ptr<FileWatch> files, std::shared_ptr<Watcher> watcher,
         bool has_news)
      : watchers_(std::move(watchers)),
        files_(std::move(files)),
        watcher_(std::move(watcher)),
        has_news_(has_news) {}
  ~Handle() override {
    watchers_->all.remove(watcher_);
    watcher_->changed = nullptr;
    const bool another =
        std::ranges::any_of(watchers_->all, [this](const auto& w) { return w->name == watcher_->name; });
    const auto files = files_.lock();
    if (files && !watcher_->selector && !another) files->disarm(watcher_->name);
  }

  bool announces() const override {
    if (watcher_->selector) return has_news_;
    const auto files = files_.lock();
    return files && files->armed(watcher_->name);
  }

 private:
  std::shared_ptr<Watchers> watchers_;
  std::weak_ptr<FileWatch> files_;
  std::shared_ptr<Watcher> watcher_;
  bool has_news_;
};

PortFinder::PortFinder(const asio::any_io_executor& executor, std::unique_ptr<UdevSource> source,
                       const Logger& log)
    : source_(std::move(source)),
      files_(std::make_shared<FileWatch>(executor, [this](const std::string* path) { path_changed(path); })) {
  if (auto started = source_->start([this](const Port* port) { port_changed(port); }); !started) {
    has_news_ = false;
    log.info("{}: ports named by their properties are looked for again and again", started.error().message);
  }
}

void PortFinder::stop() noexcept {
  source_->stop();
  files_->stop();
}

Result<std::string> PortFinder::find(const std::string& name) {
  return io::is_selector(name) ? find_by_selector(name) : find_by_path(name);
}

Result<std::string> PortFinder::find_by_path(const std::string& path) {
  const auto there = [&path] { return ::access(path.c_str(), F_OK) == 0; };
  if (there()) return path;
  static_cast<void>(files_->arm(path));  // announces() tells
  // It may have come between the two.
  if (there()) return path;
  return fail_errno(fmt::format("cannot open {}", path), ENOENT);
}

Result<std::string> PortFinder::find_by_selector(const std::string& name) {
  const auto selector = io::parse_selector(name);
  if (!selector) return std::unexpected(selector.error());
  const auto ports = source_->ports();
  if (!ports) return std::unexpected(ports.error());
  std::vector<std::string> found;
  for (const Port& port : *ports) {
    if (fits(*selector, port)) found.push_back(port.node);
  }
  if (found.size() == 1) return std::move(found.front());
  if (found.empty()) {
    return fail(Errc::not_found, fmt::format("no serial port has {}", name));
  }
  std::ranges::sort(found);
  return fail(Errc::in_use,
              fmt::format("several serial ports have {}: {}; add what tells them apart, such as "
                          "+interface=00",
                          name, fmt::join(found, ", ")));
}

std::unique_ptr<io::PortWatch::Watch> PortFinder::watch(const std::string& name,
                                                        std::function<void()> changed) {
  auto watcher = std::make_shared<Watcher>(Watcher{name, std::nullopt, std::move(changed)});
  if (io::is_selector(name)) {
    if (auto selector = io::parse_selector(name)) watcher->selector = std::move(*selector);
  }
  watchers_->all.push_back(watcher);
  return std::make_unique<Handle>(watchers_, files_, std::move(watcher), has_news_);
}

// What is told may end any watch, also others.
template <class Concerned>
void PortFinder::tell(Concerned concerned) {
  const auto watchers = watchers_;
  const std::vector<std::shared_ptr<Watcher>> now(watchers->all.begin(), watchers->all.end());
  for (const auto& watcher : now) {
    if (!watcher->changed || !concerned(*watcher)) continue;
    const auto call = watcher->changed;
    call();
  }
}

void PortFinder::port_changed(const Port* port) {
  tell([port](const Watcher& watcher) {
    if (port == nullptr) return true;
    return watcher.selector ? fits(*watcher.selector, *port) : is_named(*port, watcher.name);
  });
}

void PortFinder::path_changed(const std::string* path) {
  tell([path](const Watcher& watcher) {
    return !watcher.selector && (path == nullptr || watcher.name == *path);
  });
}

}  // namespace llp::udev
