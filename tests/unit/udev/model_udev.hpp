// SPDX-License-Identifier: BSD-3-Clause
// A machine whose ports the test plugs and unplugs.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "udev/udev_source.hpp"

namespace llp::udev::test {

// Shared by the test and the source that it has given away.
struct ModelMachine {
  // In the loop's thread; the news are told at once.
  void plug(Port port) {
    {
      const std::lock_guard lock(mutex);
      ports.push_back(port);
    }
    if (changed) changed(&port);
  }
  void unplug(const std::string& node) {
    Port gone;
    {
      const std::lock_guard lock(mutex);
      const auto found = std::ranges::find(ports, node, &Port::node);
      gone = *found;
      ports.erase(found);
    }
    if (changed) changed(&gone);
  }
  void lose_news() const { changed(nullptr); }

  std::mutex mutex;
  std::vector<Port> ports;  // under the mutex
  int listings = 0;         // likewise
  std::function<void(const Port*)> changed;
  bool silent = false;  // start() fails
};

class ModelSource final : public UdevSource {
 public:
  explicit ModelSource(std::shared_ptr<ModelMachine> machine) : machine_(std::move(machine)) {}
  Result<std::vector<Port>> ports() override {
    const std::lock_guard lock(machine_->mutex);
    ++machine_->listings;
    return machine_->ports;
  }
  Result<void> start(std::function<void(const Port*)> changed) override {
    if (machine_->silent) return fail_errno("no news", EPERM);
    machine_->changed = std::move(changed);
    return {};
  }
  void stop() noexcept override { machine_->changed = nullptr; }

 private:
  std::shared_ptr<ModelMachine> machine_;
};

}  // namespace llp::udev::test
