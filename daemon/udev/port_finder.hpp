// SPDX-License-Identifier: BSD-3-Clause
// Finds serial ports by path or by udev's properties and tells when one that is
// missing may have come: by udev where it runs, by the file system everywhere.
#pragma once

#include <asio/any_io_executor.hpp>
#include <list>
#include <memory>

#include "base/log.hpp"
#include "io/port_selector.hpp"
#include "io/port_watch.hpp"
#include "udev/file_watch.hpp"
#include "udev/udev_source.hpp"

namespace llp::udev {

class PortFinder final : public io::PortWatch {
 public:
  // In the loop's thread.
  PortFinder(const asio::any_io_executor& executor, std::unique_ptr<UdevSource> source, const Logger& log);

  [[nodiscard]] Result<std::string> find(const std::string& name) override;
  [[nodiscard]] std::unique_ptr<Watch> watch(const std::string& name, std::function<void()> changed) override;
  void stop() noexcept override;

 private:
  // One watch; it may go while the news are told.
  struct Watcher {
    std::string name;
    std::optional<io::PortSelector> selector;
    std::function<void()> changed;
  };
  struct Watchers {
    std::list<std::shared_ptr<Watcher>> all;
  };
  class Handle;

  [[nodiscard]] Result<std::string> find_by_path(const std::string& path);
  [[nodiscard]] Result<std::string> find_by_selector(const std::string& name);
  void port_changed(const Port* port);
  void path_changed(const std::string* path);
  template <class Concerned>
  void tell(Concerned concerned);

  std::unique_ptr<UdevSource> source_;
  bool has_news_ = true;  // of udev
  std::shared_ptr<Watchers> watchers_ = std::make_shared<Watchers>();
  std::shared_ptr<FileWatch> files_;
};

}  // namespace llp::udev
