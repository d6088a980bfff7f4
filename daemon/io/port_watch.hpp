// SPDX-License-Identifier: BSD-3-Clause
// Where the ports of this machine are, and when that may have changed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace llp::io {

class PortWatch {
 public:
  // Ends the watch when it goes.
  class Watch {
   public:
    Watch() = default;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    virtual ~Watch() = default;
    // After a find() that said "not there": its coming will be told. Else news
    // of it cannot be had.
    [[nodiscard]] virtual bool announces() const = 0;
  };

  PortWatch() = default;
  PortWatch(const PortWatch&) = delete;
  PortWatch& operator=(const PortWatch&) = delete;
  virtual ~PortWatch() = default;

  // The path of the device that `name` (a path, or a selector as in
  // port_selector.hpp) leads to at this moment. Errc::not_found: to none;
  // in_use: several ports fit. May block; from any thread.
  [[nodiscard]] virtual Result<std::string> find(const std::string& name) = 0;

  // Calls `changed` in the loop when what find(name) says may have changed
  // since the watch began, and again with each further change. From the loop's
  // thread; `changed` may end its own watch.
  [[nodiscard]] virtual std::unique_ptr<Watch> watch(const std::string& name,
                                                     std::function<void()> changed) = 0;

  // Nothing is told from now on, and nothing of the loop is held: before the
  // loop goes. find() still answers.
  virtual void stop() noexcept = 0;
};

}  // namespace llp::io
