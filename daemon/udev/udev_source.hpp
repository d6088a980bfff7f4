// SPDX-License-Identifier: BSD-3-Clause
// What udev knows of the machine's serial ports and message devices. Behind an
// interface, so that tests plug and unplug without a machine.
#pragma once

#include <asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"

namespace llp::udev {

struct Port {
  std::string node;                               // "/dev/ttyUSB0"
  std::map<std::string, std::string> properties;  // ID_SERIAL_SHORT and the like
};

class UdevSource {
 public:
  UdevSource() = default;
  UdevSource(const UdevSource&) = delete;
  UdevSource& operator=(const UdevSource&) = delete;
  virtual ~UdevSource() = default;

  // All of them. Reads files: for a worker; from any thread.
  [[nodiscard]] virtual Result<std::vector<Port>> ports() = 0;

  // From now on, in the loop: `changed` for every device that came, went or was
  // given other properties; without a port: news were lost, anything may have.
  // Fails where there is nobody to tell; ports() may work all the same.
  [[nodiscard]] virtual Result<void> start(std::function<void(const Port*)> changed) = 0;
  // No more news. The loop must still be there.
  virtual void stop() noexcept = 0;
};

// libudev's.
[[nodiscard]] std::unique_ptr<UdevSource> make_udev_source(asio::any_io_executor executor);

}  // namespace llp::udev
